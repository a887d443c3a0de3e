//! A program with a bridge inside: its own backend, pairing and invokes in code, events.
//!
//! `cargo run --example embed` listens on 127.0.0.1:18790 and approves the first node that asks.

#![allow(clippy::print_stdout, reason = "it is a program")]

use openclaw_bridge::backend::{
    Audience, Backend, BackendEvent, Caller, Method, Payload, WireError,
};
use openclaw_bridge::{Config, Daemon};
use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

/// Answers `health`, and nothing else.
struct Lamp;

impl Backend for Lamp {
    fn call(&self, _: &Caller, method: Method, _: Option<&str>) -> Result<Payload, WireError> {
        match method {
            Method::Health => Ok(r#"{"ok":true}"#.into()),
            _ => Err(WireError::unavailable("a lamp has no conversations")),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::var_os("LAMP_STATE").map_or_else(|| "lamp-state".into(), PathBuf::from);
    let mut config = Config::default();
    config.bridge.port = std::env::var("LAMP_PORT").map_or(Ok(18790), |port| port.parse())?;
    let bridge = Daemon::builder(dir, Arc::new(Lamp)).config(config).start()?;
    println!("listening on {}", bridge.addresses()[0]);

    let mut operator = bridge.operator()?;
    operator.subscribe(&["node.pair.requested"])?;
    operator.next_event(Duration::from_secs(300)).ok_or("nobody came")?;
    let request = operator.pending()?.pop().ok_or("it went away")?;
    let node = operator.approve(&request.request_id)?;
    let timeout = Duration::from_secs(10);
    let answer = operator.invoke(node.node_id.as_str(), "lamp.on", Some("{}"), timeout)?;
    println!("the lamp answered {}", answer.as_ref().map_or("nothing", |answer| &answer.0));
    bridge.outlet().send(BackendEvent {
        to: Audience::Session("main".into()),
        event: "chat".into(),
        payload: Some(r#"{"runId":"1","state":"final"}"#.into()),
    });
    Ok(bridge.stop()?)
}
