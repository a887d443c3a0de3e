//! Ages, names and devices for a person at a terminal.

pub(super) use crate::cli::columns::whole_table as table;

use crate::cli::text::safe;
use serde_json::Value;
use std::io::{self, IsTerminal};

/// A text field, made safe; empty if it is not there.
pub(super) fn field(value: &Value, name: &str) -> String {
    safe(value[name].as_str().unwrap_or_default())
}

/// What looks like the dot between the parts of a line.
const DOTS: [char; 7] =
    ['·', '\u{387}', '\u{2022}', '\u{2027}', '\u{2219}', '\u{22c5}', '\u{2e31}'];

/// A text field of a node's own choice, as one part of a line: it cannot begin another.
pub(super) fn part(value: &Value, name: &str) -> String {
    field(value, name).replace(DOTS, ".")
}

/// A node's or request's name, else its node id.
pub(super) fn name(value: &Value) -> String {
    let name = part(value, "displayName");
    if name.is_empty() {
        part(value, "nodeId")
    } else {
        name
    }
}

/// What kind of device it is, as far as it says.
pub(super) fn device(value: &Value) -> String {
    let parts = ["deviceFamily", "modelIdentifier", "platform"].map(|key| part(value, key));
    let mut shown: Vec<String> = Vec::new();
    for part in parts {
        let known = |other: &String| other.to_lowercase().contains(&part.to_lowercase());
        if !part.is_empty() && !shown.iter().any(known) {
            shown.push(part);
        }
    }
    shown.join(" ")
}

/// Versions, as the old command line wrote them.
pub(super) fn versions(value: &Value) -> String {
    let [version, core, ui] = ["version", "coreVersion", "uiVersion"].map(|key| part(value, key));
    let mut parts = Vec::new();
    if !core.is_empty() {
        parts.push(format!("core v{core}"));
    }
    if !ui.is_empty() {
        parts.push(format!("ui v{ui}"));
    }
    if parts.is_empty() {
        version
    } else {
        parts.join(" · ")
    }
}

/// A duration in its two largest units: `3d 4h`, `5m 6s`, `7s`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let units = [("d", 86_400, u64::MAX), ("h", 3600, 24), ("m", 60, 60), ("s", 1, 60)];
    let parts = units.map(|(unit, size, wrap)| (seconds / size % wrap, unit));
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown = parts[first..].iter().take(2).enumerate();
    let shown = shown.filter(|(i, (count, _))| *i == 0 || *count > 0);
    shown.map(|(_, (count, unit))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// How long ago a time in milliseconds since 1970 was.
pub(super) fn ago(now_ms: u64, then_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) {
        0..=999 => "just now".into(),
        ms => format!("{} ago", span(ms)),
    }
}

/// Whether standard output is a terminal that wants colours.
pub(super) fn is_coloured() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spans_have_two_units_at_most() {
        for (ms, text) in [
            (0, "0s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (3_661_000, "1h 1m"),
            (90_000_000, "1d 1h"),
            (86_400_000, "1d"),
        ] {
            assert_eq!(span(ms), text);
        }
        assert_eq!((ago(1000, 900), ago(5000, 0)), ("just now".into(), "5s ago".into()));
    }

    #[test]
    fn what_a_node_says_cannot_drive_the_terminal() {
        let node = json!({ "nodeId": "n", "displayName": "a\u{1b}]0;owned\u{7}" });
        assert_eq!(name(&node), "a\\u001b]0;owned\\u0007");
        let ipad = json!({ "deviceFamily": "iPad", "modelIdentifier": "iPad16,6", "platform": "iPadOS 18" });
        assert_eq!(device(&ipad), "iPad iPad16,6 iPadOS 18");
    }
}
