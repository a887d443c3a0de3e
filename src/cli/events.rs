//! `events`: follow what happens, one JSON object per line.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{connect, patience};
use crate::cli::print_json;
use crate::control::{ClientError, Message};
use serde_json::json;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let names = line.values("only");
    let params = if names.is_empty() { json!({}) } else { json!({ "only": names }) };
    let mut client = connect(line)?;
    let reply = client.ask("events.subscribe", &params, patience(line))?;
    reply.map_err(|refusal| Failure::refused(&refusal))?;
    loop {
        match client.listen() {
            Ok(Message::Event(event)) => print_json(&event)?,
            Ok(Message::Reply(_)) => {}
            Err(ClientError::HungUp) => return Err(Failure::not_running("the bridge has stopped")),
            Err(error) => return Err(error.into()),
        }
    }
}
