//! `sessions …`: the conversations themselves.

use crate::calendar::now_ms;
use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{ask_text, show, value};
use crate::cli::render::{ago, field, table};
use crate::cli::{print, print_json};
use serde_json::{json, Map, Value};

pub(super) fn list(line: &CommandLine) -> Result<(), Failure> {
    let limit: u32 = line.value("limit").and_then(|text| text.parse().ok()).unwrap_or(50);
    let params = json!({ "includeGlobal": true, "includeUnknown": true, "limit": limit });
    let answer = ask_text(line, "sessions.list", &params)?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    let answer = value(&answer)?;
    let sessions = answer["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    if sessions.is_empty() {
        return print("There is no conversation yet.\n");
    }
    let now = now_ms();
    let rows: Vec<Vec<String>> = sessions
        .iter()
        .map(|session| {
            let updated = session["updatedAt"].as_u64().map(|at| ago(now, at));
            let label = [field(session, "label"), field(session, "displayName")];
            vec![
                field(session, "key"),
                label.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
                updated.unwrap_or_default(),
                field(session, "model"),
                field(session, "sessionId"),
            ]
        })
        .collect();
    print(&table(&["KEY", "LABEL", "LAST USED", "MODEL", "ID"], &rows))
}

pub(super) fn reset(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "sessions.reset", &json!({ "key": key(line) }))?;
    show(line, &answer, |answer| format!("{} begins anew\n", field(answer, "key")))
}

pub(super) fn delete(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "sessions.delete", &json!({ "key": key(line) }))?;
    show(line, &answer, |answer| match answer["deleted"] == true {
        true => format!("deleted {}\n", field(answer, "key")),
        false => format!("there is no conversation {}\n", field(answer, "key")),
    })
}

pub(super) fn compact(line: &CommandLine) -> Result<(), Failure> {
    let lines: u32 = line.value("lines").and_then(|text| text.parse().ok()).unwrap_or(400);
    let params = json!({ "key": key(line), "maxLines": lines });
    let answer = ask_text(line, "sessions.compact", &params)?;
    show(line, &answer, |answer| match answer["compacted"] == true {
        true => format!("kept the last {} lines\n", answer["kept"]),
        false => format!("nothing to shorten {}\n", field(answer, "reason")).replace(" \n", "\n"),
    })
}

pub(super) fn patch(line: &CommandLine) -> Result<(), Failure> {
    let mut params = Map::new();
    params.insert("key".into(), key(line).into());
    for setting in line.values("SETTING=VALUE") {
        let Some((name, text)) = setting.split_once('=') else {
            return Err(Failure::usage(format!("{setting:?} is not SETTING=VALUE")));
        };
        let value = if text.is_empty() { Value::Null } else { text.into() };
        params.insert(name.to_owned(), value);
    }
    let answer = ask_text(line, "sessions.patch", &params.into())?;
    show(line, &answer, |answer| format!("changed {}\n", field(answer, "key")))
}

fn key(line: &CommandLine) -> &str {
    line.value("KEY").unwrap_or_default()
}
