//! A bridge whose program is its operator: it approves every pairing request and prints the node's
//! id. It listens on 127.0.0.1 only.
//!
//! `cargo run --example operator` listens on 127.0.0.1:18790; set `BRIDGE_PORT` for another port.

#![allow(clippy::print_stdout, reason = "an example prints")]

use openclaw_bridge::backend::embedded::Embedded;
use openclaw_bridge::{Config, Daemon};
use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::var_os("BRIDGE_STATE").map_or_else(|| "bridge-state".into(), PathBuf::from);
    let mut config = Config::default();
    config.bridge.port = std::env::var("BRIDGE_PORT").map_or(Ok(18790), |port| port.parse())?;
    let backend = Arc::new(Embedded::new(&dir, &config));
    let bridge = Daemon::builder(dir, backend).config(config).start()?;
    println!("listening on {}", bridge.addresses()[0]);

    let mut operator = bridge.operator()?;
    operator.subscribe(&["node.pair.requested"])?;
    while operator.next_event(Duration::from_secs(300)).is_some() {
        for request in operator.pending()? {
            let node = operator.approve(&request.request_id)?;
            println!("approved {}", node.node_id.as_str());
        }
    }
    Ok(bridge.stop()?)
}
