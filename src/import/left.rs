//! What an import leaves, by name and with the reason, so that nobody has to guess.

use super::legacy::Legacy;
use super::report::Outcome::Skipped;
use super::report::{ItemKind, Report};
use crate::protocol::limits;

/// Directories of which something is imported, and what: `*` is any name. Each is reported where it
/// is dealt with.
const LOOKED_INTO: &[(&str, &[&str])] = &[
    ("", &["nodes", "bridge", "settings", "agents", "sessions", "exec-approvals.json"]),
    ("nodes", &["paired.json", "pending.json"]),
    ("bridge", &["paired-nodes.json", "tls"]),
    ("bridge/tls", &["bridge-cert.pem", "bridge-key.pem"]),
    ("settings", &["voicewake.json"]),
    ("agents", &["*"]),
    ("agents/*", &["sessions"]),
    ("agents/*/sessions", &["sessions.json", "*.jsonl"]),
    ("sessions", &["sessions.json", "*.jsonl"]),
];

const SETTINGS: &str =
    "settings: copy what you need of bridge, discovery, session, talk and ui into \
     bridge.json5, or start the bridge with `serve --config` and this file";

/// Why something is left, by the end of its path.
const REASONS: &[(&str, &str)] = &[
    ("clawdbot.json", SETTINGS),
    ("openclaw.json", SETTINGS),
    ("moltbot.json", SETTINGS),
    ("credentials", "accounts of chat services, which the bridge does not have"),
    ("agent", "accounts and models of the old agent; see `agent` in bridge.json5"),
    ("node.json", "the identity of a node here; `node --token-file` can go on with it"),
    ("dns", "made anew; see `openclaw-bridge zone`"),
    ("sessions.json.lock", "means nothing here"),
];

/// Reports everything that is in the directory and that no other part of the import deals with.
pub(super) fn report(legacy: &Legacy, report: &mut Report) {
    for (dir, _) in LOOKED_INTO {
        for dir in matching(legacy, dir) {
            report_dir(legacy, &dir, report);
        }
    }
}

/// The directories that a pattern means.
fn matching(legacy: &Legacy, pattern: &str) -> Vec<String> {
    match pattern.split_once('*') {
        None => vec![pattern.to_owned()],
        Some((parent, rest)) => {
            let names = names(legacy, parent.trim_end_matches('/'));
            names.iter().map(|name| format!("{parent}{name}{rest}")).collect()
        }
    }
}

fn report_dir(legacy: &Legacy, dir: &str, report: &mut Report) {
    let mut names = names(legacy, dir);
    names.retain(|name| !is_dealt_with(dir, name));
    let more = names.len().saturating_sub(limits::IMPORT_LEFT);
    names.truncate(limits::IMPORT_LEFT);
    let path = |name: &str| if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
    for name in &names {
        let reason = REASONS.iter().find(|(end, _)| end == name);
        let reason = reason.map_or("the bridge has no use for it", |(_, reason)| reason);
        report.add(ItemKind::FILE, path(name), Skipped.because(reason));
    }
    if more > 0 {
        let why = format!("{more} more in it, for which the bridge has no use");
        report.add(ItemKind::FILE, if dir.is_empty() { "." } else { dir }, Skipped.because(why));
    }
}

fn is_dealt_with(dir: &str, name: &str) -> bool {
    let is = |pattern: &str, text: &str| match pattern.split_once('*') {
        Some((start, end)) => text.starts_with(start) && text.ends_with(end),
        None => pattern == text,
    };
    let mut taken = LOOKED_INTO.iter().filter(|(pattern, _)| is(pattern, dir));
    taken.any(|(_, names)| names.iter().any(|pattern| is(pattern, name)))
}

/// The names in a directory of the old one; none if there is no such directory. What cannot be read
/// is reported by whoever wants something of it.
fn names(legacy: &Legacy, dir: &str) -> Vec<String> {
    let path = legacy.path(dir).filter(|path| legacy.has(path));
    path.and_then(|path| legacy.list(&path).ok()).unwrap_or_default()
}
