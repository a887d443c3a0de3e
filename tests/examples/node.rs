//! A node: a lamp that the gateway can switch on.
//!
//! `cargo run --example node -- 127.0.0.1 18790` asks to be paired and waits for an operator; its
//! token is kept in `lamp-node.json`, or in the file that `LAMP_IDENTITY` names.

#![allow(clippy::print_stdout, reason = "an example prints")]

use openclaw_bridge::client::{connect, join, ConnectOptions, IdentityFile, Stop};
use openclaw_bridge::protocol::{GatewayFrame, NodeFrame, NodeProfile};
use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "127.0.0.1".into());
    let port = args.next().map_or(Ok(18790), |port| port.parse())?;
    let file = std::env::var_os("LAMP_IDENTITY").unwrap_or_else(|| "lamp-node.json".into());

    let stop = Stop::new()?;
    let mut identity = IdentityFile::open(file.as_ref(), None)?;
    let commands = Some(vec!["lamp.on".into()]);
    let profile = NodeProfile { commands, ..NodeProfile::default() };
    // Without TLS unless a certificate has been pinned.
    let tls = identity.trust_for((&host, port), None);
    let options = ConnectOptions { tls, ..ConnectOptions::default() };
    let connection = connect(&host, port, options, &stop)?;
    let mut session = join(connection, &mut identity, &profile, &mut |_| {})?;
    println!("connected");
    loop {
        let frame = session.next(Instant::now() + Duration::from_secs(60))?;
        if let Some(GatewayFrame::Invoke { id, .. }) = frame {
            println!("the lamp is on");
            session.writer().send(&NodeFrame::invoke_res(id, Ok(None)))?;
        }
    }
}
