//! `events`: prints events as they happen, one JSON object per line.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{connect, timeout};
use crate::cli::print_json;
use crate::control::ClientError;
use crate::protocol::operator::SubscribeEvents;
use std::collections::BTreeSet;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let names: BTreeSet<String> = line.values("only").iter().map(ToString::to_string).collect();
    let mut client = connect(line)?;
    let only = Some(names).filter(|names| !names.is_empty());
    client.ask(&SubscribeEvents { only }, timeout(line))?;
    loop {
        match client.next_event() {
            Ok((_, json)) => print_json(&json)?,
            Err(ClientError::HungUp) => return Err(Failure::not_running("the bridge has stopped")),
            Err(error) => return Err(error.into()),
        }
    }
}
