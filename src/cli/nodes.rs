//! `nodes …`: who is paired, who wants to be, and what they can be asked to do.

use crate::calendar::now_ms;
use crate::cli::args::CommandLine;
use crate::cli::columns::{clip, table, Column};
use crate::cli::failure::Failure;
use crate::cli::node_commands;
use crate::cli::operator::{ask_text, connect, params, patience, show, value};
use crate::cli::render::{ago, device, field, name, part, span, versions};
use crate::cli::text::safe;
use crate::cli::{print, print_json};
use serde_json::{json, Value};
use std::fmt::Write;

/// How long the bridge may take beyond what the node may.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(5);

/// As much of a stranger's words as one line shows, in columns.
const STRANGERS_WORDS: usize = 60;

/// Columns of the list, and what they give up where the terminal is too narrow for them.
const COLUMNS: &[Column<'_>] = &[
    Column::new("NAME", 7, 8),
    Column::new("ID", 5, 9),
    Column::new("STATE", 6, 12),
    Column::new("ADDRESS", 4, 9),
    Column::new("DEVICE", 3, 10),
    Column::new("VERSION", 2, 8),
    Column::new("CAPS", 1, 10),
];

pub(super) fn list(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "node.list", &json!({}))?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    print(&overview(&value(&answer)?))
}

/// All nodes, in a table.
pub(super) fn overview(answer: &Value) -> String {
    let nodes = entries(&answer["nodes"]);
    let connected = nodes.iter().filter(|node| node["connected"] == true).count();
    let mut text = format!("Paired: {} · Connected: {connected}\n", nodes.len());
    if nodes.is_empty() {
        text += "No node is paired yet. `openclaw-bridge nodes pending` shows who asks.\n";
    } else {
        let rows: Vec<Vec<String>> = nodes.iter().map(row).collect();
        text += &table(COLUMNS, &rows);
    }
    text
}

fn row(node: &Value) -> Vec<String> {
    let state = if node["connected"] == true { "connected" } else { "disconnected" };
    vec![
        name(node),
        field(node, "nodeId"),
        state.into(),
        field(node, "remoteIp"),
        device(node),
        versions(node),
        words(&node["caps"]),
    ]
}

pub(super) fn pending(line: &CommandLine) -> Result<(), Failure> {
    let answer = value(&ask_text(line, "node.pair.list", &json!({}))?)?;
    let pending = &answer["pending"];
    if line.is_set("json") {
        return print_json(&json!({ "pending": pending }).to_string());
    }
    let now = now_ms();
    let mut text = String::new();
    for request in entries(pending) {
        text += &pending_line(request, now);
    }
    if text.is_empty() {
        text += "No pending pairing requests.\n";
    }
    print(&text)
}

/// One request, with everything that should make an operator think twice.
fn pending_line(request: &Value, now: u64) -> String {
    let [name, id, device] = [name(request), part(request, "nodeId"), device(request)]
        .map(|words| clip(&words, STRANGERS_WORDS));
    let mut text = format!("- {}: {name}", field(request, "requestId"));
    let mut add = |part: &str| {
        // Writing to a string cannot fail.
        let _ = write!(text, " · {part}");
    };
    if name != id {
        add(&id);
    }
    for part in [device, field(request, "remoteIp")] {
        if !part.is_empty() {
            add(&part);
        }
    }
    add(&ago(now, request["ts"].as_u64().unwrap_or(now)));
    if request["isRepair"] == true {
        add("repair: it was paired before");
    }
    if request["conflict"] == true {
        add("CONFLICT: another request has the same node id");
    }
    if let Some(count) = request["replaced"].as_u64() {
        add(&format!(
            "asked again {count} times from the same address; the last one gets the token"
        ));
    }
    match (request["approvedAtMs"].is_null(), request["waiting"] == true) {
        (false, _) => add("approved, waiting for the node to come back"),
        (true, false) => add("not connected now"),
        (true, true) => {}
    }
    text + "\n"
}

pub(super) fn approve(line: &CommandLine) -> Result<(), Failure> {
    let query = line.value("REQUEST").unwrap_or_default();
    let answer = ask_text(line, "node.pair.approve", &json!({ "requestId": query }))?;
    show(line, &answer, |answer| {
        let node = &answer["node"];
        let name = named(node);
        if answer["delivered"] == true {
            return format!("paired {name}\n");
        }
        format!("approved {name}; it gets its token when it asks again, within 10 minutes\n")
    })
}

pub(super) fn reject(line: &CommandLine) -> Result<(), Failure> {
    let query = line.value("REQUEST").unwrap_or_default();
    let answer = ask_text(line, "node.pair.reject", &json!({ "requestId": query }))?;
    show(line, &answer, |answer| format!("rejected {}\n", field(answer, "nodeId")))
}

pub(super) fn rename(line: &CommandLine) -> Result<(), Failure> {
    let params = json!({ "nodeId": line.value("node"), "displayName": line.value("name") });
    let answer = ask_text(line, "node.rename", &params)?;
    show(line, &answer, |answer| {
        format!("node rename ok: {} -> {}\n", field(answer, "nodeId"), field(answer, "displayName"))
    })
}

pub(super) fn revoke(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "node.revoke", &json!({ "nodeId": line.value("node") }))?;
    show(line, &answer, |answer| {
        let cut = if answer["wasConnected"] == true { " and disconnected it" } else { "" };
        format!("revoked the pairing of {}{cut}\n", field(answer, "nodeId"))
    })
}

pub(super) fn describe(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "node.describe", &json!({ "nodeId": line.value("node") }))?;
    show(line, &answer, description)
}

fn description(node: &Value) -> String {
    let now = now_ms();
    let state = match node["connectedAtMs"].as_u64() {
        Some(since) => format!("connected for {}", span(now.saturating_sub(since))),
        None => "disconnected".into(),
    };
    let last_seen = node["lastSeenAtMs"].as_u64().map(|at| ago(now, at));
    let permissions = node["permissions"].as_object().map(|permissions| {
        let flag = |allowed: &Value| if *allowed == true { "yes" } else { "no" };
        let list =
            permissions.iter().map(|(key, allowed)| format!("{}: {}", safe(key), flag(allowed)));
        list.collect::<Vec<_>>().join(", ")
    });
    let paired = node["approvedAtMs"].as_u64().map(|at| ago(now, at));
    let mut text = format!("{} · {state}\n", named(node));
    for (label, value) in [
        ("Address", field(node, "remoteIp")),
        ("Device", device(node)),
        ("Version", versions(node)),
        ("Last seen", last_seen.unwrap_or_default()),
        ("Paired", paired.unwrap_or_default()),
        ("Permissions", permissions.unwrap_or_default()),
        ("Caps", words(&node["caps"])),
        ("Commands", words(&node["commands"])),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:12} {value}");
        }
    }
    text
}

pub(super) fn invoke(line: &CommandLine) -> Result<(), Failure> {
    let node_timeout = line.duration("invoke-timeout").unwrap_or_default();
    let params = line.value("params").map(|text| params(text, "--params")).transpose()?;
    let mut request = json!({
        "nodeId": line.value("node"),
        "command": line.value("command"),
        "timeoutMs": u64::try_from(node_timeout.as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(key) = line.value("idempotency-key") {
        request["idempotencyKey"] = key.into();
    }
    let mut request = request.to_string();
    if let Some(params) = params {
        // As it was written: a node may look at the text (protocol section 1.1).
        request.truncate(request.len() - 1);
        let _ = write!(request, ",\"params\":{params}}}");
    }
    let patience = patience(line).max(node_timeout + MARGIN);
    let reply = connect(line)?.ask_raw("node.invoke", &request, patience)?;
    let answer = reply.map_err(|refusal| node_commands::failure(line.path(), &refusal))?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    let fields = crate::protocol::json::Fields::read(&answer, &["payload"]);
    let payload = fields.ok().and_then(|fields| fields.json("payload")).unwrap_or("null");
    print_json(payload)
}

fn named(node: &Value) -> String {
    let id = field(node, "nodeId");
    match name(node) {
        name if name == id => id,
        name => format!("{name} ({id})"),
    }
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn words(list: &Value) -> String {
    let words = entries(list).iter().filter_map(Value::as_str).map(safe);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_imitate_the_other_parts_of_its_line() {
        let request = json!({
            "requestId": "3f2a", "nodeId": "x", "remoteIp": "10.0.0.9", "ts": 0, "waiting": true,
            "displayName": "Ada · alice \u{2022} 10.0.0.1", "platform": "y".repeat(200),
        });
        let line = pending_line(&request, 0);
        let parts: Vec<&str> = line.trim_end().split(" · ").collect();
        let device = "y".repeat(STRANGERS_WORDS - 1) + "…";
        assert_eq!(parts, ["- 3f2a: Ada . alice . 10.0.0.1", "x", &device, "10.0.0.9", "just now"]);
    }
}
