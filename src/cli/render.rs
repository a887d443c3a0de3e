//! Ages, names and devices for a person at a terminal.

use crate::cli::text::safe;
use crate::protocol::{NodeId, NodeProfile};
use std::io::{self, IsTerminal};

/// What looks like the dot between the parts of a line.
const DOTS: [char; 7] =
    ['·', '\u{387}', '\u{2022}', '\u{2027}', '\u{2219}', '\u{22c5}', '\u{2e31}'];

/// Text from a node as one part of a line; it cannot contain the separator.
pub(super) fn part(text: &str) -> String {
    safe(text).replace(DOTS, ".")
}

fn optional_part(text: &Option<String>) -> String {
    part(text.as_deref().unwrap_or_default())
}

/// A node's display name, else its id.
pub(super) fn name(id: &NodeId, profile: &NodeProfile) -> String {
    match optional_part(&profile.display_name) {
        name if name.is_empty() => part(id.as_str()),
        name => name,
    }
}

/// The beginning of a request's id, which is enough to name it.
pub(super) fn short_id(request_id: &str) -> String {
    safe(&request_id.chars().take(8).collect::<String>())
}

/// The kind of device, as far as the node's profile names it.
pub(super) fn device(profile: &NodeProfile) -> String {
    let parts = [&profile.device_family, &profile.model_identifier, &profile.platform];
    let mut shown: Vec<String> = Vec::new();
    for part in parts.map(optional_part) {
        let known = |other: &String| other.to_lowercase().contains(&part.to_lowercase());
        if !part.is_empty() && !shown.iter().any(known) {
            shown.push(part);
        }
    }
    shown.join(" ")
}

/// Versions, as the old command line wrote them.
pub(super) fn versions(profile: &NodeProfile) -> String {
    let parts = [("core", &profile.core_version), ("ui", &profile.ui_version)];
    let parts = parts.into_iter().filter(|(_, version)| version.is_some());
    let parts = parts.map(|(name, version)| format!("{name} v{}", optional_part(version)));
    match parts.collect::<Vec<_>>() {
        parts if parts.is_empty() => optional_part(&profile.version),
        parts => parts.join(" · "),
    }
}

pub(super) fn words(words: &Option<Vec<String>>) -> String {
    words.iter().flatten().map(|word| safe(word)).collect::<Vec<_>>().join(" ")
}

/// Lines with a label before each. One without a label goes on with what the line above says.
pub(super) fn labelled<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let line = |(label, text): (&str, String)| {
        let colon = if label.is_empty() { "" } else { ":" };
        format!("{:13}{text}\n", format!("{label}{colon}"))
    };
    rows.into_iter().map(line).collect()
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

/// Whether standard output is a terminal, and `NO_COLOR` is not set.
pub(super) fn is_coloured() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut profile =
            NodeProfile { display_name: Some("a\u{1b}]0;owned\u{7}".into()), ..Default::default() };
        let id = NodeId::new("n").unwrap();
        assert_eq!(name(&id, &profile), "a\\u001b]0;owned\\u0007");
        profile.display_name = None;
        assert_eq!(name(&id, &profile), "n");
        profile.device_family = Some("iPad".into());
        profile.model_identifier = Some("iPad16,6".into());
        profile.platform = Some("iPadOS 18".into());
        assert_eq!(device(&profile), "iPad iPad16,6 iPadOS 18");
    }
}
