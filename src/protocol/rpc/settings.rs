//! `config.*` (protocol section 5.2).

use super::{Kind, Params, Rule};
use crate::protocol::records::records;
use crate::protocol::{limits, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

records! {
    ConfigSnapshot {
        /// Where the document is, relative to the state directory.
        path: String,
        exists: bool,
        /// Always null: the text may hold secrets.
        raw: Option<String>,
        /// The document; empty if it is not valid.
        parsed: Value,
        valid: bool,
        /// What applies: the document over the bridge's configuration.
        config: Value,
        /// SHA-256 of the document's text, in hex. `baseHash` of the next change.
        hash: String,
        issues: Vec<Issue>,
        /// Always empty.
        legacy_issues: Vec<Issue>,
    }
    /// Something wrong with a settings document.
    Issue {
        /// The key, such as `ui.seamColor`; empty for the whole document.
        path: String,
        message: String,
    }
    SchemaView {
        schema: Value,
        ui_hints: Value,
        version: String,
        /// When the answer was made, as `2026-01-19T05:06:07.123Z`.
        generated_at: String,
    }
    /// The parameters that `config.set` and `config.patch` share.
    ConfigChange {
        raw: String,
        /// [`ConfigSnapshot::hash`]; required if the document exists.
        base_hash?: String,
    }
    /// Result of `config.set` and `config.patch`.
    ConfigChanged {
        ok: bool,
        /// See [`ConfigSnapshot::path`].
        path: String,
        /// See [`ConfigSnapshot::config`].
        config: Value,
    }
}

macro_rules! changes {
    ($( $(#[$about:meta])* $method:ident; )*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $method(pub ConfigChange);

        impl Params for $method {
            const METHOD: Method = Method::$method;
            const RULES: &'static [Rule] = &[
                Rule::required("raw", Kind::Text(1, limits::SETTINGS_CHARS)),
                Rule::optional("baseHash", Kind::Text(1, 256)),
            ];
            type Result = ConfigChanged;
        }
    )*};
}

changes! {
    /// Parameters of `config.set`: replaces the document.
    ConfigSet;
    /// Parameters of `config.patch`: merges into the document, as in RFC 7396.
    ConfigPatch;
}
