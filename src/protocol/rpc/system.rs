//! `health`, `voicewake.*`, `talk.mode`, `models.list`, `skills.bins` (protocol section 5.1).
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

use super::{refused, Kind, Params, Rule};
use crate::protocol::json::mend_surrogates;
use crate::protocol::{limits, Method, WireError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Result of `health`, and the event of that name. The apps read only `ok`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthView {
    pub ok: bool,
    pub ts: u64,
}

/// The wake words: parameters of `voicewake.set`, result of both methods, and the event
/// `voicewake.changed`. Anything can be decoded; what is not a list has no words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value")]
pub struct WakeWords {
    pub triggers: Vec<String>,
}

impl From<Value> for WakeWords {
    fn from(value: Value) -> Self {
        let triggers = value["triggers"].as_array().into_iter().flatten();
        Self { triggers: triggers.filter_map(Value::as_str).map(str::to_owned).collect() }
    }
}

impl Params for WakeWords {
    const METHOD: Method = Method::VoicewakeSet;
    const RULES: &'static [Rule] = &[Rule::optional("triggers", Kind::List)];
    type Result = Self;

    /// Only text that is not JSON is refused.
    fn decode(text: Option<&str>) -> Result<Self, WireError> {
        serde_json::from_str(&mend_surrogates(text.unwrap_or("{}")))
            .map_err(|error| refused::<Self>(&error.to_string()))
    }
}

/// Parameters of `talk.mode`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TalkMode {
    pub enabled: bool,
    /// What it is doing, such as `listening`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl Params for TalkMode {
    const METHOD: Method = Method::TalkMode;
    const RULES: &'static [Rule] = &[
        Rule::required("enabled", Kind::Flag),
        Rule::optional("phase", Kind::Text(0, limits::SHORT_TEXT_CHARS)),
    ];
    type Result = TalkModeState;
}

/// Result of `talk.mode`, and the event of that name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TalkModeState {
    pub enabled: bool,
    /// As in the parameters; null if absent there.
    pub phase: Option<String>,
    pub ts: u64,
}

/// Result of `models.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Models {
    /// Sorted by provider, then name.
    pub models: Vec<Model>,
}

/// A model that an agent can use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    pub id: String,
    pub name: String,
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Whether it can think before it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
}

/// Result of `skills.bins`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SkillBins {
    /// Programs that the agent's skills need on a node; sorted, each once.
    pub bins: Vec<String>,
}
