//! Who a node is, and what it says about itself.

use crate::protocol::fields::Fields;
use crate::protocol::records::records;
use crate::protocol::{limits, text};
use serde::{de, Deserialize, Deserializer, Serialize};
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name a node chose for itself at its first start. Not secret, not unique by force: only the
/// token proves it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A trimmed id of 1 to [`limits::NODE_ID_CHARS`] characters without control characters.
    ///
    /// # Errors
    /// The sentence for the node or the person who wrote it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let id = text.trim();
        if id.is_empty() {
            return Err("nodeId required");
        }
        if id.chars().count() > limits::NODE_ID_CHARS || id.chars().any(text::is_tricky) {
            return Err("nodeId must be 1 to 128 printable characters");
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

records! {
    /// What a node tells about itself in `hello` and `pair-request`. Nothing in it is proven; absent
    /// fields are unknown.
    #[derive(Default, Eq)]
    NodeProfile {
        /// The name its owner gave it.
        display_name?: String,
        /// Operating system and version.
        platform?: String,
        /// Version of the app.
        version?: String,
        /// Version of the gateway part of a desktop app.
        core_version?: String,
        /// Version of the window part of a desktop app.
        ui_version?: String,
        /// `iPhone`, `iPad`, `Android`, `Mac`, …
        device_family?: String,
        /// `iPhone17,1`, …
        model_identifier?: String,
        /// What it can do: `canvas`, `camera`, `screen`, `voiceWake`, `location`, `sms`, `system`.
        caps?: Vec<String>,
        /// The commands it accepts in an invoke. A hint: iOS leaves some out that it supports.
        commands?: Vec<String>,
        /// What its user has allowed the app.
        permissions?: BTreeMap<String, bool>,
    }
}

impl NodeProfile {
    /// The names of its fields on the wire.
    pub const FIELDS: [&'static str; 10] = [
        "displayName",
        "platform",
        "version",
        "coreVersion",
        "uiVersion",
        "deviceFamily",
        "modelIdentifier",
        "caps",
        "commands",
        "permissions",
    ];

    /// Takes what is well formed; the rest counts as absent.
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        Self {
            display_name: fields.short_text("displayName"),
            platform: fields.short_text("platform"),
            version: fields.short_text("version"),
            core_version: fields.short_text("coreVersion"),
            ui_version: fields.short_text("uiVersion"),
            device_family: fields.short_text("deviceFamily"),
            model_identifier: fields.short_text("modelIdentifier"),
            caps: fields.list("caps"),
            commands: fields.list("commands"),
            permissions: fields.flags("permissions").filter(|flags| !flags.is_empty()),
        }
    }

    /// This profile as known from before, brought up to date by what the node says now (protocol
    /// section 4.5): a name sticks once known, everything else follows the node, what the node
    /// does not mention is kept.
    #[must_use]
    pub fn updated_by(&self, now: &Self) -> Self {
        let (old, now) = (self.clone(), now.clone());
        let mut permissions = old.permissions.unwrap_or_default();
        permissions.extend(now.permissions.unwrap_or_default());
        Self {
            display_name: old.display_name.or(now.display_name),
            platform: now.platform.or(old.platform),
            version: now.version.or(old.version),
            core_version: now.core_version.or(old.core_version),
            ui_version: now.ui_version.or(old.ui_version),
            device_family: now.device_family.or(old.device_family),
            model_identifier: now.model_identifier.or(old.model_identifier),
            caps: now.caps.or(old.caps),
            commands: now.commands.filter(|commands| !commands.is_empty()).or(old.commands),
            permissions: (!permissions.is_empty()).then_some(permissions),
        }
    }

    /// Whether the app carries out one invoke at a time and reads nothing meanwhile (protocol
    /// section 1.5): the phones and tablets.
    pub fn is_sequential(&self) -> bool {
        let mobile = ["ios", "ipados", "android", "iphone", "ipad"];
        [&self.platform, &self.device_family].into_iter().flatten().any(|text| {
            let begins = |word: &str| text.get(..word.len()).map(|t| t.eq_ignore_ascii_case(word));
            mobile.into_iter().any(|word| begins(word) == Some(true))
        })
    }

    /// What the node says it can do, else a guess from its platform (protocol section 4.5).
    pub fn caps_or_guess(&self) -> Vec<String> {
        match &self.caps {
            Some(caps) => caps.clone(),
            None if self.is_sequential() => vec!["canvas".into(), "camera".into()],
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(json: &str) -> NodeProfile {
        NodeProfile::read(&Fields::read(json).unwrap())
    }

    #[test]
    fn names_stick_and_versions_follow() {
        let before = profile(
            r#"{"displayName":"Kitchen","version":"1","caps":["a"],"commands":["x"],"permissions":{"p":true}}"#,
        );
        let now = profile(
            r#"{"displayName":"Other","version":"2","platform":"iOS 18","caps":[],"commands":[],"permissions":{"q":true}}"#,
        );
        let expected = profile(
            r#"{"displayName":"Kitchen","version":"2","platform":"iOS 18","caps":[],"commands":["x"],"permissions":{"p":true,"q":true}}"#,
        );
        assert_eq!(before.updated_by(&now), expected);
        assert_eq!(before.updated_by(&NodeProfile::default()), before);
    }

    #[test]
    fn a_profile_of_the_wrong_types_is_an_empty_profile() {
        let odd = r#"{"displayName":5,"platform":null,"caps":"x","commands":{},"permissions":[]}"#;
        assert_eq!(profile(odd), NodeProfile::default());
        assert!(!profile(r#"{"permissions":{"a":"yes"}}"#).permissions.unwrap()["a"]);
        let long = format!(r#"{{"displayName":"{}"}}"#, "é".repeat(5000));
        assert_eq!(profile(&long).display_name.unwrap().chars().count(), limits::SHORT_TEXT_CHARS);
    }

    #[test]
    fn node_ids_are_trimmed_and_printable() {
        assert_eq!(NodeId::new(" phone \n").unwrap().as_str(), "phone");
        assert_eq!(NodeId::new("__proto__").unwrap().as_str(), "__proto__");
        assert!(NodeId::new("  ").is_err());
        assert!(NodeId::new("a\u{1b}[31m").is_err());
        assert!(NodeId::new("\u{200b}").is_err() && NodeId::new("\u{202e}abc").is_err());
        assert!(NodeId::new(&"x".repeat(129)).is_err());
    }

    #[test]
    fn phones_and_tablets_take_one_invoke_at_a_time() {
        assert!(profile(r#"{"platform":"iPadOS 18.2"}"#).is_sequential());
        assert!(profile(r#"{"deviceFamily":"Android"}"#).is_sequential());
        assert!(!profile(r#"{"platform":"macos","deviceFamily":"Mac"}"#).is_sequential());
        assert_eq!(profile(r#"{"platform":"ios 18"}"#).caps_or_guess(), ["canvas", "camera"]);
        assert!(profile(r#"{"platform":"linux"}"#).caps_or_guess().is_empty());
    }
}
