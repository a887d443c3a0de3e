//! `nodes approvals`: what a node's exec-approvals file lets the gateway run (protocol section 8.2).
//! Every change names the content it was made from, so that it never takes another one away.

use super::*;
use crate::cli::render::part;
use crate::protocol::command::system::{
    ExecApprovals, SystemExecApprovalsGet, SystemExecApprovalsSet,
};
use serde_json::Map;

/// The entry that counts for every agent.
const EVERY: &str = "*";

/// Columns of the terminal that the last use of a pattern may take.
const LAST_USE_WIDTH: usize = 60;

pub(crate) fn get(line: &CommandLine) -> Result<(), Failure> {
    let (payload, approvals) = fetch(line)?;
    print_answer(line, &payload, &summary(&approvals, now_ms()))
}

pub(crate) fn set(line: &CommandLine) -> Result<(), Failure> {
    let name = line.required("FILE");
    let place = if name == "-" { name.clone() } else { format!("@{name}") };
    let text = operator::params(&place, "FILE")?;
    let new: Value = serde_json::from_str(&text)
        .map_err(|error| usage(line, &format!("{} cannot be read: {error}", safe(&name))))?;
    // What `get --json` prints says which content it was made from.
    let (file, base_hash) = match (new.get("file"), new.get("hash")) {
        (Some(file), Some(hash)) => (file.clone(), hash.as_str().map(str::to_owned)),
        _ => (new, Some(fetch(line)?.1.hash)),
    };
    replace(line, file, base_hash, |approvals| format!("replaced {}\n", safe(&approvals.path)))
}

pub(crate) fn allow(line: &CommandLine) -> Result<(), Failure> {
    let (payload, ExecApprovals { mut file, hash, .. }) = fetch(line)?;
    let pattern = line.required("PATTERN");
    let agent = line.text("agent").unwrap_or_else(|| EVERY.to_owned());
    let shown = format!("{} for {}", safe(&pattern), agent_name(&agent));
    let added = add(&mut file, &agent, &pattern);
    match added.ok_or_else(|| failed(line, "the node's file has an unknown shape"))? {
        true => replace(line, file, Some(hash), |approvals| {
            format!("allowed {shown}\n{}", note(&approvals.file, &agent))
        }),
        false => {
            let note = note(&file, &agent);
            print_answer(line, &payload, &format!("already allowed: {shown}\n{note}"))
        }
    }
}

pub(crate) fn deny(line: &CommandLine) -> Result<(), Failure> {
    let (_, ExecApprovals { mut file, hash, .. }) = fetch(line)?;
    let (pattern, agent) = (line.required("PATTERN"), line.value("agent"));
    if !remove(&mut file, agent, &pattern) {
        let whose = agent.map(|agent| format!(" of {}", agent_name(agent))).unwrap_or_default();
        let why = format!(
            "no allowlist{whose} contains {}; `nodes approvals get` shows them",
            safe(&pattern)
        );
        return Err(failed(line, &why));
    }
    replace(line, file, Some(hash), |_| format!("no longer allowed: {}\n", safe(&pattern)))
}

/// The node's file: the answer as it came, and what it means.
fn fetch(line: &CommandLine) -> Result<(Value, ExecApprovals), Failure> {
    let payload = Invoke::new(line, SystemExecApprovalsGet {}).send()?.payload()?;
    let approvals = SystemExecApprovalsGet::decode(&payload);
    match approvals.file.is_object() {
        true => Ok((payload, approvals)),
        false => Err(failed(line, "the node did not return its exec-approvals file")),
    }
}

fn replace(
    line: &CommandLine,
    file: Value,
    base_hash: Option<String>,
    text: impl FnOnce(&ExecApprovals) -> String,
) -> Result<(), Failure> {
    let base_hash = base_hash.filter(|hash| !hash.is_empty());
    let answer = Invoke::new(line, SystemExecApprovalsSet { file, base_hash }).send()?;
    print_answer(line, &answer.payload()?, &text(&answer.result()?))
}

/// Adds a pattern to an agent's allowlist; false if it is there already, `None` if there is
/// something else in its place.
fn add(file: &mut Value, agent: &str, pattern: &str) -> Option<bool> {
    let agents = file.as_object_mut()?.entry("agents").or_insert_with(|| json!({}));
    let rules = agents.as_object_mut()?.entry(agent).or_insert_with(|| json!({}));
    let list = rules.as_object_mut()?.entry("allowlist").or_insert_with(|| json!([]));
    let list = list.as_array_mut()?;
    let is_new = !list.iter().any(|entry| entry["pattern"] == pattern);
    if is_new {
        list.push(json!({ "pattern": pattern }));
    }
    Some(is_new)
}

/// Takes a pattern from the allowlist of an agent, or from all; whether it was there.
fn remove(file: &mut Value, agent: Option<&str>, pattern: &str) -> bool {
    let mut found = false;
    let mut remove_from = |rules: &mut Value| {
        if let Some(list) = rules.get_mut("allowlist").and_then(Value::as_array_mut) {
            let before = list.len();
            list.retain(|entry| entry["pattern"] != pattern);
            found |= list.len() < before;
        }
    };
    let agents = file.get_mut("agents").and_then(Value::as_object_mut);
    for (name, rules) in agents.into_iter().flatten() {
        if agent.is_none_or(|agent| agent == name) {
            remove_from(rules);
        }
    }
    if let (None, Some(defaults)) = (agent, file.get_mut("defaults")) {
        remove_from(defaults);
    }
    found
}

/// That an allowlist has no effect yet, if so.
fn note(file: &Value, agent: &str) -> String {
    let levels = [&file["agents"][agent], &file["agents"][EVERY], &file["defaults"]];
    let problem = match levels.iter().find_map(|rules| rules["security"].as_str()) {
        Some("allowlist" | "full") => return String::new(),
        Some(other) => format!("is {}", safe(other)),
        None => "is not set, so the node's own policy decides".to_owned(),
    };
    format!("note: `security` {problem}; an allowlist counts if it is `allowlist`\n")
}

fn agent_name(agent: &str) -> String {
    match agent {
        EVERY => "every agent".to_owned(),
        agent => format!("the agent {}", safe(agent)),
    }
}

/// The file for people: its settings, and the patterns with their last use.
fn summary(ExecApprovals { path, exists, file, .. }: &ExecApprovals, now: u64) -> String {
    let path = safe(path);
    if !exists {
        return format!("{path} does not exist; the node's own policy decides what runs\n");
    }
    let mut text = format!("{path}\n");
    if let Some(defaults) = file["defaults"].as_object() {
        text += &rules("defaults", defaults, now);
    }
    for (agent, settings) in file["agents"].as_object().into_iter().flatten() {
        text += &settings
            .as_object()
            .map_or_else(String::new, |settings| rules(&agent_name(agent), settings, now));
    }
    text
}

fn rules(whose: &str, rules: &Map<String, Value>, now: u64) -> String {
    let settings = ["security", "ask", "askFallback", "autoAllowSkills"].into_iter();
    let settings = settings.filter_map(|key| match rules.get(key)? {
        Value::Null => None,
        Value::String(word) => Some(format!("{key} {}", part(word))),
        other => Some(format!("{key} {}", safe_json(&other.to_string()))),
    });
    let settings = settings.collect::<Vec<_>>().join(" · ");
    let mut text = format!("{whose}: {settings}").trim_end().to_owned() + "\n";
    let patterns = rules.get("allowlist").and_then(Value::as_array).into_iter().flatten();
    for entry in patterns {
        let pattern = part(entry["pattern"].as_str().unwrap_or_default());
        let last_use = entry["lastUsedAt"].as_f64().map(|at| {
            let command = part(entry["lastUsedCommand"].as_str().unwrap_or_default());
            clip(&format!(" · used {}: {command}", ago(now, at as u64)), LAST_USE_WIDTH)
        });
        text += &format!("  {pattern}{}\n", last_use.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_added_once_and_removed_wherever_it_is() {
        let mut file = json!({ "version": 1, "mine": true });
        assert_eq!(add(&mut file, EVERY, "git"), Some(true));
        assert_eq!(add(&mut file, EVERY, "git"), Some(false));
        assert_eq!(add(&mut file, "main", "git"), Some(true));
        let list = json!({ "allowlist": [{ "pattern": "git" }] });
        let expected = json!({ "version": 1, "mine": true, "agents": { "*": list, "main": list } });
        assert_eq!(file, expected);
        file["defaults"] = list.clone();
        let mut narrowed = file.clone();
        assert!(remove(&mut narrowed, Some("main"), "git"));
        assert_eq!(narrowed["agents"]["main"], json!({ "allowlist": [] }));
        assert_eq!(narrowed["defaults"], list);
        assert!(remove(&mut file, None, "git") && !file.to_string().contains("git"));
        assert!(!remove(&mut file, None, "git"));
        for odd in [json!([]), json!({ "agents": [] }), json!({ "agents": { "*": 5 } })] {
            assert_eq!(add(&mut odd.clone(), EVERY, "git"), None, "{odd}");
            assert!(!remove(&mut odd.clone(), None, "git"));
        }
    }

    #[test]
    fn an_allowlist_that_does_not_count_is_told() {
        let file = json!({
            "defaults": { "security": "deny" },
            "agents": { "main": { "security": "allowlist" }, "*": {} },
        });
        assert_eq!(note(&file, "main"), "");
        assert!(note(&file, EVERY).contains("`security` is deny;"));
        assert!(note(&json!({}), EVERY).contains("is not set"));
    }

    #[test]
    fn the_summary_has_settings_and_patterns_and_cannot_be_imitated() {
        let approvals = ExecApprovals {
            path: "/home/pi/x.json".into(),
            exists: true,
            file: json!({
                "defaults": { "security": "deny", "ask": null, "autoAllowSkills": false },
                "agents": { "main": { "allowlist": [
                    { "pattern": "git", "lastUsedAt": 5000.5, "lastUsedCommand": "git\nstatus" },
                    { "pattern": "a · used" },
                ] }, "*": { "security": "full" }, "odd": 5 },
            }),
            ..ExecApprovals::default()
        };
        let expected = "/home/pi/x.json\n\
                        defaults: security deny · autoAllowSkills false\n\
                        every agent: security full\n\
                        the agent main:\n  \
                        git · used 5s ago: git\\u000astatus\n  \
                        a . used\n";
        assert_eq!(summary(&approvals, 10_000), expected);
        let none = ExecApprovals { exists: false, ..approvals };
        assert!(summary(&none, 0).contains("does not exist"));
    }
}
