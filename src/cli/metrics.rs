//! `metrics`: the bridge's state and counters as Prometheus text.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{ask_text, value};
use crate::cli::{print, print_json};
use serde_json::{json, Value};
use std::fmt::Write;

/// What is now: the place in the status, the name, and what it means.
const GAUGES: &[(&str, &str, &str)] = &[
    ("/nodes/paired", "nodes_paired", "Nodes that are paired."),
    ("/nodes/connected", "nodes_connected", "Nodes that are connected."),
    ("/nodes/pending", "nodes_pending", "Nodes that wait for an approval."),
    ("/connections/open", "connections_open", "Open connections."),
    ("/connections/unauthenticated", "connections_unauthenticated", "Connections not admitted."),
];

/// What has been counted since the start: the counter's key, and what it means.
const COUNTERS: &[(&str, &str)] = &[
    ("connections", "Connections that arrived."),
    ("admitted", "Times a node was admitted."),
    ("refused", "Times a hello was refused."),
    ("takeOvers", "Times a newer connection of a node replaced an older one."),
    ("pairingRequests", "Pairing requests shown to operators."),
    ("approved", "Pairing requests approved."),
    ("rejected", "Pairing requests rejected."),
    ("expired", "Pairing requests that nobody answered."),
    ("badFrames", "Lines that were not frames."),
    ("requests", "Requests from nodes."),
    ("events", "Events from nodes."),
    ("invokes", "Invokes sent to nodes."),
    ("invokesFailed", "Invokes that failed."),
    ("saveFailures", "Times the pairing files could not be written."),
];

const PREFIX: &str = "openclaw_bridge";

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "status", &json!({}))?;
    if line.is_set("json") {
        let counters = value(&answer)?["counters"].take();
        return print_json(&counters.to_string());
    }
    print(&text(&value(&answer)?))
}

fn text(status: &Value) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, kind: &str, labels: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}\n{PREFIX}_{name}{labels} {value}\n"
        );
    };
    let version = escaped(status["version"].as_str().unwrap_or_default());
    metric("info", "The running version.", "gauge", &format!("{{version=\"{version}\"}}"), "1");
    let uptime = status["uptimeMs"].as_u64().unwrap_or_default();
    let seconds = format!("{}.{:03}", uptime / 1000, uptime % 1000);
    metric("uptime_seconds", "Time since the start.", "gauge", "", &seconds);
    for (place, name, help) in GAUGES {
        if let Some(number) = status.pointer(place).and_then(Value::as_u64) {
            metric(name, help, "gauge", "", &number.to_string());
        }
    }
    for (key, help) in COUNTERS {
        if let Some(number) = status["counters"][key].as_u64() {
            metric(&format!("{}_total", snake(key)), help, "counter", "", &number.to_string());
        }
    }
    text
}

/// `takeOvers` as `take_overs`.
fn snake(key: &str) -> String {
    let mut snake = String::new();
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operator::Status;

    #[test]
    fn every_number_of_the_status_is_a_metric() {
        let status = Status { version: "1.2".into(), uptime_ms: 61_005, ..Status::default() };
        let status = serde_json::to_value(status).unwrap();
        let text = text(&status);
        for key in status["counters"].as_object().unwrap().keys() {
            let name = format!("\n{PREFIX}_{}_total 0\n", snake(key));
            assert!(text.contains(&name), "{key}:\n{text}");
        }
        assert!(text.contains("\nopenclaw_bridge_uptime_seconds 61.005\n"), "{text}");
        assert!(text.contains("openclaw_bridge_info{version=\"1.2\"} 1\n"), "{text}");
        let numbers = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(numbers, 2 + GAUGES.len() + status["counters"].as_object().unwrap().len());
        for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
            let name = line.split(' ').nth(2).unwrap();
            assert_eq!(line.ends_with(" counter"), name.ends_with("_total"), "{line}");
        }
    }
}
