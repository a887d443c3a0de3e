//! The parameters and results of the methods, each described once: the backend decodes the
//! parameters and encodes the result, the caller encodes and decodes (protocol section 5).
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

pub mod chat;
pub mod event;
mod rules;
pub mod sessions;
pub mod settings;
pub mod system;

pub use event::Event;
pub use rules::{Kind, Rule};

use crate::protocol::json::{self, mend_surrogates};
use crate::protocol::{Method, Payload, WireError};
use serde::de::value::MapDeserializer;
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
        let text = mend_surrogates(text.unwrap_or_default());
        let values = rules::checked(Self::RULES, &text).map_err(|what| refused::<Self>(&what))?;
        let values = values.iter().map(|(name, value)| (name.as_str(), &**value));
        Self::deserialize(MapDeserializer::new(values))
            .map_err(|error: serde_json::Error| refused::<Self>(&error.to_string()))
    }
}

/// The parameters of a call as a JSON object in which is nothing that the method does not accept.
///
/// # Errors
/// As [`Params::decode`].
pub(crate) fn checked(method: Method, text: Option<&str>) -> Result<String, WireError> {
    match method {
        // These have never looked at theirs.
        Method::Health | Method::VoicewakeGet | Method::SkillsBins => Ok("{}".to_owned()),
        Method::VoicewakeSet => Ok(encode(&system::WakeWords::decode(text)?).to_string()),
        Method::TalkMode => object::<system::TalkMode>(text),
        Method::ModelsList => object::<ModelsList>(text),
        Method::ConfigGet => object::<ConfigGet>(text),
        Method::ConfigSchema => object::<ConfigSchema>(text),
        Method::ConfigSet => object::<settings::ConfigSet>(text),
        Method::ConfigPatch => object::<settings::ConfigPatch>(text),
        Method::SessionsList => object::<sessions::SessionsList>(text),
        Method::SessionsResolve => object::<sessions::SessionsResolve>(text),
        Method::SessionsPatch => object::<sessions::SessionsPatch>(text),
        Method::SessionsReset => object::<sessions::SessionsReset>(text),
        Method::SessionsDelete => object::<sessions::SessionsDelete>(text),
        Method::SessionsCompact => object::<sessions::SessionsCompact>(text),
        Method::ChatHistory => object::<chat::ChatHistory>(text),
        Method::ChatSend => object::<chat::ChatSend>(text),
        Method::ChatAbort => object::<chat::ChatAbort>(text),
        Method::ChatInject => object::<chat::ChatInject>(text),
    }
}

fn object<P: Params>(text: Option<&str>) -> Result<String, WireError> {
    let text = mend_surrogates(text.unwrap_or_default());
    let values = rules::checked(P::RULES, &text).map_err(|what| refused::<P>(&what))?;
    let fields: Vec<String> =
        values.iter().map(|(name, value)| format!("\"{name}\":{}", value.get())).collect();
    Ok(format!("{{{}}}", fields.join(",")))
}

fn refused<P: Params>(what: &str) -> WireError {
    WireError::invalid(format!("invalid {} params: {what}", P::METHOD))
}

/// Parameters, results and events as JSON text.
pub fn encode(value: &impl Serialize) -> Payload {
    json::text(value).into()
}

/// Defines the parameters of methods: structs as `records!` makes them, in which each field has a
/// rule as well.
macro_rules! params {
    ($( $(#[$about:meta])* $method:ident -> $result:ty { $($fields:tt)* } )*) => {
        $( $crate::protocol::rpc::params! { @ [$(#[$about])* $method $result] [] [] $($fields)* } )*
    };
    (@ $head:tt [$($rules:tt)*] [$($fields:tt)*]
        $(#[$doc:meta])* $field:ident?: $type:ty = $kind:expr, $($rest:tt)*
    ) => {
        $crate::protocol::rpc::params! { @ $head
            [$($rules)* $crate::protocol::rpc::Rule::optional(stringify!($field), $kind),]
            [$($fields)* $(#[$doc])* $field?: $type,]
            $($rest)*
        }
    };
    (@ $head:tt [$($rules:tt)*] [$($fields:tt)*]
        $(#[$doc:meta])* $field:ident: $type:ty = $kind:expr, $($rest:tt)*
    ) => {
        $crate::protocol::rpc::params! { @ $head
            [$($rules)* $crate::protocol::rpc::Rule::required(stringify!($field), $kind),]
            [$($fields)* $(#[$doc])* $field: $type,]
            $($rest)*
        }
    };
    (@ [$(#[$about:meta])* $method:ident $result:ty] [$($rules:tt)*] [$($fields:tt)*]) => {
        $crate::protocol::records::records! {
            $(#[$about])* #[derive(Default)] $method { $($fields)* }
        }

        impl $crate::protocol::rpc::Params for $method {
            const METHOD: $crate::protocol::Method = $crate::protocol::Method::$method;
            const RULES: &'static [$crate::protocol::rpc::Rule] = &[$($rules)*];
            type Result = $result;
        }
    };
}

use params;

params! {
    Health -> system::HealthView {}
    VoicewakeGet -> system::WakeWords {}
    ModelsList -> system::Models {}
    SkillsBins -> system::SkillBins {}
    ConfigGet -> settings::ConfigSnapshot {}
    ConfigSchema -> settings::SchemaView {}
}
