//! Whether a new content of the exec-approvals file allows more than the old one. Pure.
//!
//! The gateway may always take rights away from itself. Giving itself more is the owner's to
//! permit, so what cannot be shown to be no wider counts as wider.

use super::document::Document;
use crate::node_host::pattern::Pattern;
use crate::node_host::policy::{Owner, Rules, Security};
use crate::protocol::limits;
use std::collections::BTreeSet;
use std::path::Path;

/// Stands for every home: patterns are compared as they are written.
const SOME_HOME: &str = "/home/owner";

/// What the new content allows beyond the old one, if anything.
pub(super) fn beyond(old: &Document, new: &Document) -> Option<String> {
    // The node may be started with another word of its owner tomorrow.
    [None, Some(Security::Allowlist), Some(Security::Full)].into_iter().find_map(|security| {
        let owner = Owner { security, allow: Vec::new() };
        let mut agents: BTreeSet<&str> = old.agents();
        agents.extend(new.agents());
        agents.into_iter().find_map(|agent| {
            let home = Some(Path::new(SOME_HOME));
            let rules = |document: &Document| document.rules(Some(agent), &owner, home);
            let what = more(&rules(old), &rules(new))?;
            let agent: String = agent.chars().take(limits::SHORT_TEXT_CHARS).collect();
            Some(format!("{what} for the agent {agent:?}"))
        })
    })
}

fn more(old: &Rules, new: &Rules) -> Option<String> {
    let runs = |rules: &Rules, listed| rules.decide(listed).is_ok();
    if runs(old, false) {
        // Everything ran before.
        return None;
    }
    if runs(new, false) {
        return Some("every program".to_owned());
    }
    if runs(new, true) && !runs(old, true) {
        return Some("the programs on the allowlist".to_owned());
    }
    // Also where nothing runs now: the owner who allows the list later means the one of today.
    if new.auto_allow_skills && !old.auto_allow_skills {
        return Some("the programs of skills".to_owned());
    }
    let known: BTreeSet<&str> = old.allowlist.iter().map(Pattern::as_str).collect();
    let added = new.allowlist.iter().map(Pattern::as_str).find(|text| !known.contains(text))?;
    let shown: String = added.chars().take(limits::SHORT_TEXT_CHARS).collect();
    Some(format!("the pattern {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn wider(old: &Value, new: &Value) -> Option<String> {
        let document = |content: &Value| {
            let mut content = content.clone();
            content["version"] = json!(1);
            Document::new(content).unwrap()
        };
        beyond(&document(old), &document(new))
    }

    fn listed(patterns: &[&str]) -> Value {
        let list: Vec<_> = patterns.iter().map(|pattern| json!({ "pattern": pattern })).collect();
        json!({ "agents": { "main": { "security": "allowlist", "allowlist": list } } })
    }

    fn denied(patterns: &[&str]) -> Value {
        let mut denied = listed(patterns);
        denied["agents"]["main"]["security"] = json!("deny");
        denied
    }

    #[test]
    fn taking_rights_away_is_not_wider() {
        let full = json!({ "defaults": { "security": "full" } });
        for (old, new) in [
            (json!({}), json!({})),
            (json!({}), json!({ "agents": { "main": { "security": "deny" } }, "mine": 5 })),
            (full.clone(), json!({ "defaults": { "security": "deny" } })),
            (listed(&["/bin/ls", "git"]), listed(&["git"])),
            (listed(&["~/bin/x", "git"]), denied(&["git", "~/bin/x"])),
            (listed(&["git"]), json!({ "agents": { "main": { "security": "allowlist" } } })),
            (full, json!({ "defaults": { "security": "full", "ask": "always" } })),
        ] {
            assert_eq!(wider(&old, &new), None, "{old} {new}");
        }
    }

    #[test]
    fn every_way_to_more_rights_is_seen() {
        let main = |rules: Value| json!({ "agents": { "main": rules } });
        let asking = |fallback: &str| {
            let rules =
                json!({ "security": "allowlist", "ask": "on-miss", "askFallback": fallback });
            json!({ "defaults": rules })
        };
        for (old, new) in [
            (json!({}), json!({ "defaults": { "security": "full" } })),
            (json!({}), json!({ "agents": { "*": { "security": "full" } } })),
            (json!({}), json!({ "agents": { "other": { "security": "full" } } })),
            (json!({}), json!({ "agents": { "default": { "security": "allowlist" } } })),
            // Harmless only as long as the owner does not say --exec allowlist.
            (json!({}), main(json!({ "allowlist": [{ "pattern": "**" }] }))),
            (json!({}), main(json!({ "autoAllowSkills": true }))),
            (listed(&["git"]), listed(&["git", "**"])),
            (listed(&["git"]), listed(&["git", "~/**"])),
            (denied(&["git"]), denied(&["git", "**"])),
            (denied(&[]), main(json!({ "security": "deny", "autoAllowSkills": true }))),
            (listed(&["git"]), main(json!({ "security": "full" }))),
            // Nothing more now, but more if the owner says --exec allowlist.
            (json!({ "defaults": { "security": "full" } }), listed(&["/bin/ls"])),
            (asking("deny"), asking("full")),
            (asking("allowlist"), asking("full")),
            (
                json!({ "defaults": { "security": "full", "ask": "always" } }),
                json!({ "defaults": { "security": "full" } }),
            ),
            // The setting that held the agent back is gone.
            (
                json!({ "defaults": { "security": "full" }, "agents": { "main": { "security": "deny" } } }),
                json!({ "defaults": { "security": "full" } }),
            ),
            (json!({ "defaults": { "security": "deny" } }), json!({})),
        ] {
            assert!(wider(&old, &new).is_some(), "{old} {new}");
        }
    }
}
