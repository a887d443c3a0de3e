//! The parameters and results of the methods, each described once: the backend decodes the
//! parameters and encodes the result, the caller encodes and decodes (protocol section 5).

pub mod chat;
pub mod event;
mod rules;
pub mod sessions;
pub mod settings;
pub mod system;

pub use event::Event;
pub use rules::{Kind, Rule};

use crate::protocol::{Method, Payload, WireError};
use serde::de::DeserializeOwned;
use serde::Serialize;

/// The parameters of one method.
pub trait Params: Serialize + DeserializeOwned {
    /// The method they belong to.
    const METHOD: Method;

    /// What the method accepts. A key without a rule is refused.
    const RULES: &'static [Rule];

    /// What the method answers.
    type Result: Serialize + DeserializeOwned;

    /// Reads the parameters of a call as strictly as the old gateway did. No text, blank text and
    /// JSON that is neither an object nor an array count as `{}`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with every violated rule, in the old gateway's wording.
    fn decode(text: Option<&str>) -> Result<Self, WireError> {
        let fields = rules::checked(Self::RULES, text).map_err(|what| refused::<Self>(&what))?;
        serde_json::from_value(fields.into()).map_err(|error| refused::<Self>(&error.to_string()))
    }
}

fn refused<P: Params>(what: &str) -> WireError {
    WireError::invalid(format!("invalid {} params: {what}", P::METHOD))
}

/// Parameters, results and events as JSON text.
pub fn encode(value: &impl Serialize) -> Payload {
    // Fails only for maps whose keys are not strings, which no type here has.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()).into()
}

/// Methods without parameters, with their results.
macro_rules! without_params {
    ($($method:ident -> $result:ty;)*) => {
        $(
            #[doc = concat!("Parameters of [`Method::", stringify!($method), "`]: none.")]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
            pub struct $method {}

            impl Params for $method {
                const METHOD: Method = Method::$method;
                const RULES: &'static [Rule] = &[];
                type Result = $result;
            }
        )*
    };
}

without_params! {
    Health -> system::HealthView;
    VoicewakeGet -> system::WakeWords;
    ModelsList -> system::Models;
    SkillsBins -> system::SkillBins;
    ConfigGet -> settings::ConfigSnapshot;
    ConfigSchema -> settings::SchemaView;
}
