//! `metrics`: the bridge's state and counters as Prometheus text.

use super::*;
use crate::protocol::operator::{GetStatus, Status};
use crate::protocol::rpc::system::HealthView;
use std::fmt::Write;

const PREFIX: &str = "openclaw_bridge";
const UNAUTHENTICATED: &str = "Open connections without an admitted node.";

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let status = ask(line, &GetStatus {})?.read()?;
    print_answer(line, &status.counters, &text(&status))
}

fn text(status: &Status) -> String {
    let (nodes, connections, c) = (&status.nodes, &status.connections, &status.counters);
    let gauges = [
        ("nodes_paired", nodes.paired, "Paired nodes."),
        ("nodes_connected", nodes.connected, "Connected nodes."),
        ("nodes_pending", nodes.pending, "Nodes waiting for approval."),
        ("connections_open", connections.open, "Open connections."),
        ("connections_unauthenticated", connections.unauthenticated, UNAUTHENTICATED),
    ];
    let counters = [
        ("connections", c.connections, "Connections accepted."),
        ("admitted", c.admitted, "Times a node was admitted."),
        ("refused", c.refused, "Times a hello was refused."),
        ("take_overs", c.take_overs, "Times a newer connection of a node replaced an older one."),
        ("pairing_requests", c.pairing_requests, "Pairing requests shown to operators."),
        ("approved", c.approved, "Pairing requests approved."),
        ("rejected", c.rejected, "Pairing requests rejected."),
        ("expired", c.expired, "Pairing requests that expired without an answer."),
        ("bad_frames", c.bad_frames, "Lines that were not valid frames."),
        ("requests", c.requests, "Requests from nodes."),
        ("events", c.events, "Events from nodes."),
        ("invokes", c.invokes, "Invokes sent to nodes."),
        ("invokes_failed", c.invokes_failed, "Invokes that failed."),
        ("save_failures", c.save_failures, "Times the pairing files could not be written."),
    ];
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, kind: &str, labels: &str, value: &str| {
        let _ = write!(
            text,
            "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}\n{PREFIX}_{name}{labels} \
             {value}\n"
        );
    };
    let version = status.version.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let version = format!("{{version=\"{version}\"}}");
    metric("info", "The running version.", "gauge", &version, "1");
    let seconds = format!("{}.{:03}", status.uptime_ms / 1000, status.uptime_ms % 1000);
    metric("uptime_seconds", "Time since the start.", "gauge", "", &seconds);
    for (name, value, help) in gauges {
        metric(name, help, "gauge", "", &value.to_string());
    }
    for (name, value, help) in status.health.iter().flat_map(health) {
        metric(name, help, "gauge", "", &value.to_string());
    }
    for (name, value, help) in counters {
        metric(&format!("{name}_total"), help, "counter", "", &value.to_string());
    }
    text
}

/// How the agent is, and how much room there is.
fn health(health: &HealthView) -> Vec<(&'static str, u64, &'static str)> {
    let agent = health.agent.as_ref().map(|agent| {
        [
            ("agent_failing", u64::from(agent.failing), "Whether the agent's last run failed."),
            ("agent_running", agent.running as u64, "Runs of the agent under way."),
            ("agent_queued", agent.queued as u64, "Runs of the agent that wait."),
        ]
    });
    let disk = health.disk.map(|disk| {
        [
            ("disk_free_bytes", disk.free_bytes, "Free bytes where conversations are kept."),
            ("conversation_bytes", disk.conversation_bytes, "Bytes of the conversations."),
        ]
    });
    agent.into_iter().flatten().chain(disk.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_status_is_a_metric() {
        let mut status = Status { version: "1.2".into(), uptime_ms: 61_005, ..Status::default() };
        // Each number of the status is another one, and each is in the text once.
        let mut json = serde_json::to_value(&status).unwrap();
        let mut numbers = Vec::new();
        for part in ["nodes", "connections", "counters"] {
            for value in json[part].as_object_mut().unwrap().values_mut() {
                numbers.push(1000 + numbers.len());
                *value = numbers.last().copied().into();
            }
        }
        status = serde_json::from_value(json).unwrap();
        let text = text(&status);
        for number in &numbers {
            assert_eq!(text.matches(&format!(" {number}\n")).count(), 1, "{number}:\n{text}");
        }
        assert!(text.contains("\nopenclaw_bridge_take_overs_total 1"), "{text}");
        assert!(text.contains("\nopenclaw_bridge_uptime_seconds 61.005\n"), "{text}");
        assert!(text.contains("openclaw_bridge_info{version=\"1.2\"} 1\n"), "{text}");
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(lines, 2 + numbers.len());
        for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
            let name = line.split(' ').nth(2).unwrap();
            assert_eq!(line.ends_with(" counter"), name.ends_with("_total"), "{line}");
        }
    }
}
