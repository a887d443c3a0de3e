//! `sessions …`: lists and maintains conversations.

use super::*;
use crate::protocol::rpc::sessions::{
    SessionFilter, SessionRow, SessionsCompact, SessionsDelete, SessionsList, SessionsPatch,
    SessionsReset,
};
use std::collections::BTreeMap;

pub(super) fn list(line: &CommandLine) -> Result<(), Failure> {
    let filter =
        SessionFilter { include_global: true, include_unknown: true, ..SessionFilter::default() };
    let call = SessionsList {
        limit: line.whole_number("limit"),
        active_minutes: line.whole_number("active"),
        filter,
    };
    show(line, &call, |list| {
        let rows: Vec<Vec<String>> = list.sessions.iter().map(row).collect();
        match rows.is_empty() {
            true => "There are no conversations yet.\n".to_owned(),
            false => whole_table(&["KEY", "LABEL", "LAST USED", "MODEL", "ID"], &rows),
        }
    })
}

fn row(session: &SessionRow) -> Vec<String> {
    let text = |text: &Option<String>| safe(text.as_deref().unwrap_or_default());
    let updated = session.updated_at.and_then(|at| u64::try_from(at).ok());
    vec![
        safe(&session.key),
        text(if session.label.is_some() { &session.label } else { &session.display_name }),
        updated.map_or_else(String::new, |at| ago(now_ms(), at)),
        text(&session.model),
        text(&session.session_id),
    ]
}

pub(super) fn reset(line: &CommandLine) -> Result<(), Failure> {
    let call = SessionsReset { key: line.required("KEY") };
    show(line, &call, |answer| format!("reset {}; it starts empty\n", safe(&answer.key)))
}

pub(super) fn delete(line: &CommandLine) -> Result<(), Failure> {
    let call = SessionsDelete { key: line.required("KEY"), delete_transcript: None };
    show(line, &call, |answer| match answer.deleted {
        true => format!("deleted {}\n", safe(&answer.key)),
        false => format!("there is no conversation {}\n", safe(&answer.key)),
    })
}

pub(super) fn compact(line: &CommandLine) -> Result<(), Failure> {
    let max_lines = line.whole_number("lines");
    let call = SessionsCompact { key: line.required("KEY"), max_lines };
    show(line, &call, |answer| match (answer.compacted, answer.reason) {
        (true, _) => format!("kept the last {} lines\n", answer.kept.unwrap_or_default()),
        (false, Some(reason)) => format!("nothing to shorten: {}\n", safe(&reason)),
        (false, None) => "nothing to shorten\n".to_owned(),
    })
}

pub(super) fn patch(line: &CommandLine) -> Result<(), Failure> {
    let mut changes = BTreeMap::new();
    for setting in line.values("SETTING=VALUE") {
        let Some((name, text)) = setting.split_once('=') else {
            return Err(Failure::usage(format!("{setting:?} is not SETTING=VALUE")));
        };
        let value = Some(text.to_owned()).filter(|text| !text.is_empty());
        changes.insert(name.to_owned(), value);
    }
    let call = SessionsPatch { key: line.required("KEY"), changes };
    show(line, &call, |answer| format!("changed {}\n", safe(&answer.key)))
}
