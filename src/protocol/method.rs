//! The RPC methods a node may call. What is not in this list cannot be routed.

use crate::protocol::limits;
use crate::protocol::names::names;

names! {
    /// An allowlisted method (protocol section 5). Configuration can narrow the list for some or
    /// all nodes; nothing can widen it.
    Method {
        Health = "health",
        VoicewakeGet = "voicewake.get",
        VoicewakeSet = "voicewake.set",
        TalkMode = "talk.mode",
        ModelsList = "models.list",
        SkillsBins = "skills.bins",
        ConfigGet = "config.get",
        ConfigSchema = "config.schema",
        ConfigSet = "config.set",
        ConfigPatch = "config.patch",
        SessionsList = "sessions.list",
        SessionsResolve = "sessions.resolve",
        SessionsPatch = "sessions.patch",
        SessionsReset = "sessions.reset",
        SessionsDelete = "sessions.delete",
        SessionsCompact = "sessions.compact",
        ChatHistory = "chat.history",
        ChatSend = "chat.send",
        ChatAbort = "chat.abort",
        ChatInject = "chat.inject",
    }
}

impl Method {
    /// Whether a call may leave something different from before. Such calls of one node are
    /// carried out in order.
    pub fn changes_something(self) -> bool {
        !matches!(
            self,
            Self::Health
                | Self::VoicewakeGet
                | Self::ModelsList
                | Self::SkillsBins
                | Self::ConfigGet
                | Self::ConfigSchema
                | Self::SessionsList
                | Self::SessionsResolve
                | Self::ChatHistory
        )
    }

    /// How many bytes its parameters may have.
    pub fn params_limit(self) -> usize {
        match self {
            Self::ChatSend | Self::ChatInject => limits::LINE_NODE,
            _ => limits::CALL_PARAMS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_twenty_methods_of_the_old_gateway() {
        assert_eq!(Method::ALL.len(), 20);
        assert!(Method::ALL.iter().all(|method| Method::parse(method.as_str()) == Some(*method)));
        assert_eq!(Method::parse("config.apply"), None);
        assert_eq!(Method::parse("Health"), None);
    }
}
