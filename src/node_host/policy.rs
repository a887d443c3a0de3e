//! Decides whether a program may run (protocol section 8.3).

use crate::node_host::pattern::Pattern;
use crate::node_host::which::{Found, SearchPath};
use std::collections::BTreeSet;

/// How much `system.run` may run; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    Deny,
    /// The programs on the allowlist, with any arguments.
    Allowlist,
    Full,
}

impl Security {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let words = [("deny", Self::Deny), ("allowlist", Self::Allowlist), ("full", Self::Full)];
        words.into_iter().find_map(|(name, value)| (name == word).then_some(value))
    }
}

/// When a person is to be asked. This node has nobody to ask: see [`Rules::ask_fallback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Off,
    /// Before a program runs that is not on the allowlist.
    OnMiss,
    Always,
}

impl Ask {
    pub(super) fn parse(word: &str) -> Option<Self> {
        let words = [("off", Self::Off), ("on-miss", Self::OnMiss), ("always", Self::Always)];
        words.into_iter().find_map(|(name, value)| (name == word).then_some(value))
    }
}

/// The policy that the owner set when the node was started. The gateway cannot change it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnerPolicy {
    /// The most that is allowed, even if the file allows more; also the default if the file sets
    /// nothing.
    pub security: Option<Security>,
    /// Patterns that are on the allowlist besides those of the file.
    pub allow: Vec<Pattern>,
    /// Whether that is the whole list: the file only takes away. An allowed program may be one that
    /// can write files.
    pub allow_only: bool,
    /// Environment variables that the gateway may set besides the harmless ones.
    pub allow_env: Vec<String>,
}

impl OwnerPolicy {
    /// Whether the program of this name in the node's `PATH` is allowed by the owner.
    pub(crate) fn lists_by_name(&self, name: &str) -> bool {
        let Some(path) = SearchPath::from_env().find(name) else { return false };
        let found = Found { path, is_in_search_path: true };
        self.allow.iter().any(|pattern| pattern.matches(&found))
    }
}

/// What counts for one agent of the gateway.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) security: Security,
    /// When somebody would have to be asked.
    pub(super) ask: Ask,
    /// What counts instead, because nobody can be.
    pub(super) ask_fallback: Security,
    /// Whether the programs that the gateway's skills need are on the allowlist.
    pub(super) auto_allow_skills: bool,
    pub(super) allowlist: Vec<Pattern>,
}

impl Rules {
    /// The combined effect of all settings.
    pub(super) fn effect(&self) -> Security {
        match (self.decide(false), self.decide(true)) {
            (Ok(()), _) => Security::Full,
            (Err(_), Ok(())) => Security::Allowlist,
            (Err(_), Err(_)) => Security::Deny,
        }
    }

    /// Whether the program is on the allowlist.
    pub(super) fn lists(&self, program: Option<&Found>, skills: &BTreeSet<String>) -> bool {
        let Some(found) = program else { return false };
        let is_skill = self.auto_allow_skills
            && found.is_in_search_path
            && found.name().is_some_and(|name| skills.contains(name));
        is_skill || self.allowlist.iter().any(|pattern| pattern.matches(found))
    }

    /// Whether a program may run that is, or is not, on the allowlist; if not, why.
    pub(super) fn decide(&self, is_listed: bool) -> Result<(), Denial> {
        let must_ask = match self.ask {
            _ if self.security == Security::Deny => return Err(Denial::DISABLED),
            Ask::Off => false,
            Ask::OnMiss => self.security == Security::Allowlist && !is_listed,
            Ask::Always => true,
        };
        match if must_ask { self.ask_fallback } else { self.security } {
            Security::Full => Ok(()),
            Security::Allowlist if is_listed => Ok(()),
            Security::Allowlist => Err(Denial::ALLOWLIST_MISS),
            Security::Deny => Err(Denial::APPROVAL_REQUIRED),
        }
    }
}

/// Why a program may not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// The reason in `exec.denied` (protocol section 6).
    pub(super) reason: &'static str,
    /// The message of the refusal (protocol section 8.3).
    pub(super) message: &'static str,
}

impl Denial {
    pub(super) const DISABLED: Self =
        Self { reason: "security=deny", message: "SYSTEM_RUN_DISABLED: security=deny" };
    /// A person would have to approve it, and this node cannot ask one.
    pub(super) const APPROVAL_REQUIRED: Self =
        Self { reason: "approval-required", message: "SYSTEM_RUN_DENIED: approval required" };
    pub(super) const ALLOWLIST_MISS: Self =
        Self { reason: "allowlist-miss", message: "SYSTEM_RUN_DENIED: allowlist miss" };
    /// It wants to record the screen, which this node cannot.
    pub(super) const SCREEN_RECORDING: Self = Self {
        reason: "permission:screenRecording",
        message: "PERMISSION_MISSING: screenRecording",
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use Security::{Allowlist, Deny, Full};

    fn rules(security: Security, ask: Ask, ask_fallback: Security) -> Rules {
        Rules { security, ask, ask_fallback, auto_allow_skills: false, allowlist: Vec::new() }
    }

    #[test]
    fn every_setting_has_its_decision() {
        let (miss, asked) = (Err(Denial::ALLOWLIST_MISS), Err(Denial::APPROVAL_REQUIRED));
        for (security, ask, fallback, listed, unlisted) in [
            (Deny, Ask::Off, Full, Err(Denial::DISABLED), Err(Denial::DISABLED)),
            (Deny, Ask::Always, Full, Err(Denial::DISABLED), Err(Denial::DISABLED)),
            (Allowlist, Ask::Off, Deny, Ok(()), miss),
            (Allowlist, Ask::Off, Full, Ok(()), miss),
            (Allowlist, Ask::OnMiss, Deny, Ok(()), asked),
            (Allowlist, Ask::OnMiss, Allowlist, Ok(()), miss),
            (Allowlist, Ask::OnMiss, Full, Ok(()), Ok(())),
            (Allowlist, Ask::Always, Deny, asked, asked),
            (Allowlist, Ask::Always, Allowlist, Ok(()), miss),
            (Full, Ask::Off, Deny, Ok(()), Ok(())),
            (Full, Ask::OnMiss, Deny, Ok(()), Ok(())),
            (Full, Ask::Always, Deny, asked, asked),
            (Full, Ask::Always, Allowlist, Ok(()), miss),
        ] {
            let rules = rules(security, ask, fallback);
            assert_eq!(rules.decide(true), listed, "{rules:?}");
            assert_eq!(rules.decide(false), unlisted, "{rules:?}");
            assert_eq!(rules.effect() == Full, unlisted.is_ok(), "{rules:?}");
        }
    }

    #[test]
    fn a_skill_is_the_program_that_its_name_finds_and_no_other() {
        let mut rules = rules(Allowlist, Ask::Off, Deny);
        let skills = BTreeSet::from(["git".to_owned()]);
        let git = Found { path: "/usr/bin/git".into(), is_in_search_path: true };
        let fake = Found { path: "/tmp/git".into(), is_in_search_path: false };
        assert!(!rules.lists(Some(&git), &skills));
        rules.auto_allow_skills = true;
        assert!(rules.lists(Some(&git), &skills));
        assert!(!rules.lists(Some(&fake), &skills) && !rules.lists(None, &skills));
        assert!(!rules.lists(Some(&git), &BTreeSet::new()));
    }
}
