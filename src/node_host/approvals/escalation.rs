//! Whether new content of the exec-approvals file allows more than the old content. The gateway may
//! always take rights away from itself. Only the owner may give it more, so what cannot be shown to
//! add no rights counts as adding some.

use super::document::ApprovalsDocument;
use crate::node_host::pattern::Pattern;
use crate::node_host::policy::{OwnerPolicy, Rules, Security};
use crate::protocol::limits;
use std::collections::BTreeSet;
use std::path::Path;

/// Any home directory: patterns are compared as they are written.
const SOME_HOME: &str = "/home/owner";

/// What the new content allows and the old one does not, if anything.
pub(super) fn added_rights(old: &ApprovalsDocument, new: &ApprovalsDocument) -> Option<String> {
    // The owner may start the node with another policy tomorrow.
    [None, Some(Security::Allowlist), Some(Security::Full)].into_iter().find_map(|security| {
        let owner = OwnerPolicy { security, ..OwnerPolicy::default() };
        let mut agents: BTreeSet<&str> = old.agents();
        agents.extend(new.agents());
        agents.into_iter().find_map(|agent| {
            let home = Some(Path::new(SOME_HOME));
            let rules = |document: &ApprovalsDocument| document.rules(Some(agent), &owner, home);
            let what = added(&rules(old), &rules(new))?;
            let agent: String = agent.chars().take(limits::SHORT_TEXT_CHARS).collect();
            Some(format!("{what} for the agent {agent:?}"))
        })
    })
}

fn added(old: &Rules, new: &Rules) -> Option<String> {
    let (before, now) = (old.effect(), new.effect());
    if before == Security::Full {
        return None;
    }
    if now == Security::Full {
        return Some("every program".to_owned());
    }
    if now > before {
        return Some("the programs on the allowlist".to_owned());
    }
    // Also where nothing runs now: the owner may allow the list later, and means today's.
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

    fn added_by(old: &Value, new: &Value) -> Option<String> {
        let document = |content: &Value| {
            let mut content = content.clone();
            content["version"] = json!(1);
            ApprovalsDocument::new(content).unwrap()
        };
        added_rights(&document(old), &document(new))
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
    fn taking_rights_away_adds_none() {
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
            assert_eq!(added_by(&old, &new), None, "{old} {new}");
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
            assert!(added_by(&old, &new).is_some(), "{old} {new}");
        }
    }
}
