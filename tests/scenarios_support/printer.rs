//! What the router did, as lines of text. Frames and answers are printed by the real encoders.

use super::world::{Deed, BEGINNING};
use openclaw_bridge::protocol::operator::Status;
use openclaw_bridge::protocol::{GatewayFrame, WireError};
use openclaw_bridge::router::{Caller, ConnId, DaemonTask, NodeNotice, Output, PairingBook};
use std::time::Duration;

/// One line for each deed; what follows from a save is indented under it.
pub(crate) fn lines(deeds: &[Deed]) -> Vec<String> {
    let mut lines = Vec::new();
    print(deeds, 0, &mut lines);
    lines
}

fn print(deeds: &[Deed], depth: usize, lines: &mut Vec<String>) {
    for deed in deeds {
        let failed = matches!(deed.then, Some((false, _)));
        let mark = if failed { " (fails)" } else { "" };
        let text = format!("{}{}{mark}", "  ".repeat(depth), output(&deed.output));
        lines.push(without_padding(&with_short_times(&text)));
        if let Some((_, then)) = &deed.then {
            print(then, depth + 1, lines);
        }
    }
}

fn output(output: &Output) -> String {
    match output {
        Output::Send { to, frame } => format!("{} <- {}", conn(*to), sent(frame)),
        Output::Admit { conn: c, node } => format!("admit {} as {node}", conn(*c)),
        Output::Wait { conn: c, node } => format!("wait {} as {node}", conn(*c)),
        Output::LineLimit { conn: c, bytes } => {
            format!("line-limit {} {} MiB", conn(*c), bytes / 1024 / 1024)
        }
        Output::Close { conn: c, why } => format!("close {}: {}", conn(*c), why.as_str()),
        Output::Save { book } => format!("save {}", summary(book)),
        Output::Call { call, caller, method, params } => {
            let caller = match caller {
                Caller::Node(node) => node.to_string(),
                Caller::Operator => "an operator".into(),
            };
            format!("call {} {method} for {caller}{}", call.0, after(params.as_deref()))
        }
        Output::Notify(NodeNotice::Online(node)) => format!("backend: {node} is online"),
        Output::Notify(NodeNotice::Offline(node)) => format!("backend: {node} is offline"),
        Output::Notify(NodeNotice::Event { node, event, payload }) => {
            format!("backend: {node} says {event} {payload}")
        }
        Output::Reply { to, result } => match result {
            Ok(answer) => format!("op{} ok {}", to.op, json(answer)),
            Err(failure) => format!("op{} error {}", to.op, error(failure)),
        },
        Output::Publish { to, event } => {
            let to: Vec<String> = to.iter().map(|op| format!("op{op}")).collect();
            let (name, line) = (event.name(), json(&**event));
            let before = format!("{{\"event\":\"{name}\",\"payload\":");
            let payload = line.strip_prefix(&before).and_then(|rest| rest.strip_suffix('}'));
            format!("watchers [{}] {name} {}", to.join(" "), payload.unwrap())
        }
        Output::Daemon { requester, task } => {
            let task = match task {
                DaemonTask::Status(known) => format!("status {}", status(known)),
                DaemonTask::Reload => "reload".into(),
                DaemonTask::Log(level) => format!("log {level}"),
                DaemonTask::Stop => "stop".into(),
            };
            format!("daemon for op{}: {task}", requester.op)
        }
    }
}

fn conn(id: ConnId) -> String {
    format!("c{id}")
}

/// The type, then the line without it.
fn sent(frame: &GatewayFrame) -> String {
    let mut line = Vec::new();
    frame.encode(&mut line);
    let line = String::from_utf8(line).unwrap();
    let kind = frame.kind();
    let rest = line.trim_end().strip_prefix(&format!("{{\"type\":\"{kind}\"")).unwrap();
    match frame {
        GatewayFrame::Error(failure) => format!("error {}", error(failure)),
        _ => format!("{kind} {{{}", rest.trim_start_matches(',')),
    }
}

fn error(error: &WireError) -> String {
    let (code, message) = (error.code.as_str(), &error.message);
    format!("{code} {message}{}", after(error.details.as_deref()))
}

fn after(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!(" {text}"))
}

/// Who is paired, and who asks to be.
fn summary(book: &PairingBook) -> String {
    let paired: Vec<String> = book.paired.keys().map(ToString::to_string).collect();
    let pending = book.pending.iter().map(|(id, request)| {
        let approved = if request.approved_at.is_some() { ", approved" } else { "" };
        format!("{id}({}{approved})", request.node)
    });
    let pending: Vec<String> = pending.collect();
    format!("paired=[{}] pending=[{}]", paired.join(" "), pending.join(" "))
}

/// Counts, and of the counters those that have counted something.
fn status(status: &Status) -> String {
    let (nodes, connections) = (&status.nodes, &status.connections);
    let mut text = format!(
        "paired={} connected={} pending={} open={} unauthenticated={}",
        nodes.paired, nodes.connected, nodes.pending, connections.open, connections.unauthenticated
    );
    let counters: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&json(&status.counters)).unwrap();
    for (name, count) in counters.iter().filter(|(_, count)| **count != 0) {
        text.push_str(&format!(" {name}:{count}"));
    }
    text
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Milliseconds since 1970 that are within the test, as the time since its beginning.
fn with_short_times(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at);
        let number = &rest[at..at + digits];
        short.push_str(&rest[..at]);
        match number.parse::<u64>().ok().and_then(|ms| ms.checked_sub(BEGINNING)) {
            Some(since) if number.len() == 13 => {
                short.push_str(&format!("@{}", span(Duration::from_millis(since))));
            }
            _ => short.push_str(number),
        }
        rest = &rest[at + digits..];
    }
    short + rest
}

/// A long row of the letter x, as the command `big` makes it, in short.
fn without_padding(text: &str) -> String {
    let Some(start) = text.find(&"x".repeat(1000)) else { return text.to_owned() };
    let end = text[start..].find(|c| c != 'x').map_or(text.len(), |row| start + row);
    format!("{}x*{}{}", &text[..start], end - start, &text[end..])
}

/// A span as a person writes it: `90s`, `5m`, `1.5s`.
pub(crate) fn span(span: Duration) -> String {
    let ms = span.as_millis();
    match ms {
        0 => "0s".into(),
        _ if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        _ => format!("{}s", span.as_secs_f64()),
    }
}
