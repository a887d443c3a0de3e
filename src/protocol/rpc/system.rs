//! `health`, `voicewake.*`, `talk.mode`, `models.list`, `skills.bins` (protocol section 5.1).

use super::{params, refused, Kind, Params, Rule};
use crate::protocol::fields::Fields;
use crate::protocol::json::mend_surrogates;
use crate::protocol::records::records;
use crate::protocol::{limits, Method, WireError};
use serde_json::value::RawValue;
use std::borrow::Cow;

params! {
    TalkMode -> TalkModeState {
        enabled: bool = Kind::Flag,
        /// What it is doing, such as `listening`.
        phase?: String = Kind::Text(0, limits::SHORT_TEXT_CHARS),
    }
}

records! {
    /// Result of `health`, and the event of that name. The apps read only `ok`, and an iPhone sends no
    /// message while it is false.
    #[derive(Default)]
    HealthView {
        /// Whether messages are accepted; to an operator, whether they are answered, too.
        ok: bool,
        /// When this was said.
        #[serde(default)]
        ts: u64,
        /// Of the gateway.
        version?: String,
        /// Since its start, in milliseconds.
        uptime_ms?: u64,
        nodes?: NodeCounts,
        agent?: AgentHealth,
        disk?: DiskHealth,
    }
    #[derive(Copy, Default)]
    NodeCounts {
        /// Have a token.
        paired: usize,
        /// Are admitted now.
        connected: usize,
        /// Wait for an approval.
        pending: usize,
    }
    /// How the agent is.
    #[derive(Default)]
    AgentHealth {
        /// `echo` or `command`.
        kind: String,
        /// Its last run ended in an error, in whichever conversation, and none has succeeded since.
        failing: bool,
        /// What that error was; for operators only.
        last_error?: String,
        /// When the last run ended, in milliseconds since 1970, if one has since the start.
        last_run_at?: u64,
        /// Runs under way.
        running: usize,
        /// Runs that wait.
        queued: usize,
    }
    /// How much room there is.
    #[derive(Copy, Default)]
    DiskHealth {
        /// Bytes that are free where conversations are kept.
        free_bytes: u64,
        /// Bytes that conversations have.
        conversation_bytes: u64,
        /// Messages are refused until there is more room.
        nearly_full: bool,
    }
    /// The wake words: parameters of `voicewake.set`, result of both methods, and the event
    /// `voicewake.changed`. Anything can be decoded; what is not a list has no words.
    #[derive(Default)]
    #[serde(from = "Box<RawValue>")]
    WakeWords {
        triggers: Vec<String>,
    }
    /// Result of `talk.mode`, and the event of that name.
    TalkModeState {
        enabled: bool,
        /// As in the parameters; null if absent there.
        phase: Option<String>,
        ts: u64,
    }
    #[derive(Default)]
    Models {
        /// Sorted by provider, then name.
        models: Vec<Model>,
    }
    /// A model that an agent can use.
    Model {
        id: String,
        name: String,
        provider: String,
        context_window?: u64,
        /// Whether it can think before it answers.
        reasoning?: bool,
    }
    #[derive(Default)]
    SkillBins {
        /// Programs that the agent's skills need on a node; sorted, each once.
        bins: Vec<String>,
    }
}

impl From<Box<RawValue>> for WakeWords {
    fn from(value: Box<RawValue>) -> Self {
        Self::read(value.get()).unwrap_or_default()
    }
}

impl WakeWords {
    fn read(json: &str) -> serde_json::Result<Self> {
        let triggers = Fields::read(json)?.strings("triggers", limits::PROFILE_ENTRIES);
        let triggers = triggers.unwrap_or_default().into_iter().map(Cow::into_owned).collect();
        Ok(Self { triggers })
    }
}

impl Params for WakeWords {
    const METHOD: Method = Method::VoicewakeSet;
    const RULES: &'static [Rule] = &[Rule::optional("triggers", Kind::List)];
    type Result = Self;

    /// Only text that is not JSON is refused.
    fn decode(text: Option<&str>) -> Result<Self, WireError> {
        Self::read(&mend_surrogates(text.unwrap_or("{}")))
            .map_err(|error| refused::<Self>(&error.to_string()))
    }
}
