//! `events`: prints events as they happen, one JSON object per line.

use super::*;
use crate::protocol::operator::SubscribeEvents;
use std::collections::BTreeSet;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let names: BTreeSet<String> = line.values("only").into_iter().collect();
    let only = Some(names).filter(|names| !names.is_empty());
    let mut client = connect(line)?;
    client.ask(&SubscribeEvents { only }, timeout(line))?;
    loop {
        match client.next_event() {
            Ok((_, json)) => print_json(&json)?,
            Err(ClientError::HungUp) => return Err(Failure::not_running("the bridge has stopped")),
            Err(error) => return Err(error.into()),
        }
    }
}
