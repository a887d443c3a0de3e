//! What `tests/fuzz` calls.

use super::document::ApprovalsDocument;
use super::escalation::added_rights;
use crate::node_host::policy::{OwnerPolicy, Security};
use crate::node_host::which::Found;
use std::collections::BTreeSet;
use std::path::Path;

/// New content of the exec-approvals file that is taken for harmless lets no program run that the
/// old one does not, for any agent and whatever the owner's policy.
///
/// # Panics
/// If it does.
pub fn approvals(old: &[u8], new: &[u8]) {
    let document = |bytes| ApprovalsDocument::new(serde_json::from_slice(bytes).ok()?).ok();
    let (Some(old), Some(new)) = (document(old), document(new)) else { return };
    if added_rights(&old, &new).is_some() {
        return;
    }
    let mut agents: BTreeSet<&str> = ["main", "default", "*", "other"].into();
    agents.extend(old.agents());
    agents.extend(new.agents());
    let home = Some(Path::new("/home/owner"));
    let skills = BTreeSet::from(["git".to_owned()]);
    for security in [None, Some(Security::Deny), Some(Security::Allowlist), Some(Security::Full)] {
        let owner = OwnerPolicy { security, ..OwnerPolicy::default() };
        for agent in agents.iter().copied().map(Some).chain([None]) {
            let (before, now) = (old.rules(agent, &owner, home), new.rules(agent, &owner, home));
            for path in ["/usr/bin/git", "/bin/sh", "/home/owner/bin/x", "/opt/a b"] {
                for is_in_search_path in [true, false] {
                    let found = Found { path: path.into(), is_in_search_path };
                    let runs = |rules: &super::Rules| {
                        rules.decide(rules.lists(Some(&found), &skills)).is_ok()
                    };
                    assert!(!runs(&now) || runs(&before), "{path} for {agent:?}, {security:?}");
                }
            }
        }
    }
}
