//! The names of conversations (protocol section 9.2).

use crate::protocol::fields::Fields;
use crate::protocol::json;
use crate::protocol::limits;

/// The agent that conversations without an agent belong to.
pub(crate) const DEFAULT_AGENT: &str = "main";

/// The session key the apps use for their main chat.
pub(crate) const MAIN: &str = "main";

/// One spelling for all spellings of a session key: `main` is `agent:main:main`, `node-x` is
/// `agent:main:node-x`; `global` and `unknown` stay.
pub(crate) fn canonical(key: &str) -> String {
    canonical_of(key, DEFAULT_AGENT)
}

/// As [`canonical`], for a key in the store of this agent, which need not name its agent.
pub(crate) fn canonical_of(key: &str, agent: &str) -> String {
    let key = key.trim();
    if agent == DEFAULT_AGENT && (key == "global" || key == "unknown") {
        return key.to_owned();
    }
    match parts(key) {
        Some((agent, rest)) if !rest.is_empty() => format!("agent:{}:{rest}", agent_id(agent)),
        _ => format!("agent:{agent}:{key}"),
    }
}

/// The agent that a key names, and what it calls the conversation.
pub(crate) fn parts(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("agent:")?.split_once(':')
}

/// The agent of a canonical key.
#[cfg(feature = "cli")]
pub(crate) fn agent_of(key: &str) -> &str {
    parts(key).map_or(DEFAULT_AGENT, |(agent, _)| agent)
}

/// The trimmed `sessionKey` of an event's payload; `None` if it is missing, empty or too long.
pub(crate) fn key_in(payload: &str) -> Option<String> {
    let payload = json::mend_surrogates(payload);
    let fields = Fields::read(&payload).ok()?;
    let key = fields.text("sessionKey")?.trim().to_owned();
    (!key.is_empty() && key.chars().count() <= limits::SESSION_KEY_CHARS).then_some(key)
}

/// An agent id as it is stored: letters, digits, `-` and `_`, at most 64; everything else becomes
/// a dash.
pub(crate) fn agent_id(text: &str) -> String {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= 64 && text.chars().all(plain) {
        return text.to_owned();
    }
    let dashed: String =
        text.to_lowercase().chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let cut: String = dashed.trim_matches('-').chars().take(64).collect();
    if cut.is_empty() {
        DEFAULT_AGENT.to_owned()
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_session_meet() {
        for (key, one) in [
            ("main", "agent:main:main"),
            (" agent:main:main ", "agent:main:main"),
            ("node-abc", "agent:main:node-abc"),
            ("agent:Work Bot!:x:y", "agent:work-bot:x:y"),
            ("agent:demo", "agent:main:agent:demo"),
            ("global", "global"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(canonical(key), one);
        }
    }

    #[test]
    fn keys_in_the_store_of_another_agent_are_that_agents() {
        for (key, one) in [
            ("main", "agent:office:main"),
            ("node-abc", "agent:office:node-abc"),
            ("agent:main:main", "agent:main:main"),
            // Each agent had its own.
            ("global", "agent:office:global"),
        ] {
            assert_eq!(canonical_of(key, "office"), one);
        }
        assert_eq!((agent_of("agent:office:x"), agent_of("global")), ("office", "main"));
    }
}
