//! `discovery.mdns`, `discovery.serviceTypes` and `discovery.interfaces`: how the bridge is
//! announced in the local network.

use super::schema::Kind;
use super::setting::Setting;
use super::walk::Walk;
use crate::protocol::limits;
use serde_json::{json, Value};

/// `discovery.mdns`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mdns {
    /// Nothing is announced.
    Off,
    /// Without what only operators need: where the old command line is, and the port of SSH.
    Minimal,
    /// Everything.
    #[default]
    Full,
}

impl Setting for Mdns {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        // OpenClaw writes an object.
        let mode = value.get("mode").and_then(Value::as_str);
        match (value.as_bool(), mode) {
            (Some(true), _) | (None, Some("full")) => *self = Self::Full,
            (Some(false), _) | (None, Some("off")) => *self = Self::Off,
            (None, Some("minimal")) => *self = Self::Minimal,
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::Off => json!(false),
            Self::Minimal => json!({ "mode": "minimal" }),
            Self::Full => json!(true),
        }
    }
}

/// `discovery.serviceTypes`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTypes(pub Vec<String>);

impl Default for ServiceTypes {
    fn default() -> Self {
        Self(vec!["_clawdbot-bridge._tcp".to_owned()])
    }
}

impl Setting for ServiceTypes {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let Some(texts) = texts(value, kind, at, walk) else { return };
        if texts.is_empty() || texts.len() > limits::MDNS_TYPES {
            let reason = format!("must be a list of 1 to {} types", limits::MDNS_TYPES);
            return walk.problem(at, reason, None);
        }
        for (i, text) in texts.iter().enumerate() {
            if !is_service_type(text) {
                let reason =
                    format!("must be a type such as \"_clawdbot-bridge._tcp\", not {text:?}");
                return walk.problem(&format!("{at}[{i}]"), reason, None);
            }
            if texts[..i].iter().any(|before| before.eq_ignore_ascii_case(text)) {
                return walk.problem(
                    &format!("{at}[{i}]"),
                    format!("{text:?} is there twice"),
                    None,
                );
            }
        }
        self.0 = texts;
    }

    fn show(&self) -> Value {
        json!(self.0)
    }
}

/// Whether it is `_name._tcp`, where the name has 1 to 15 letters, digits and single dashes (RFC
/// 6335, section 5.1).
pub fn is_service_type(text: &str) -> bool {
    let name = text.strip_prefix('_').and_then(|text| text.strip_suffix("._tcp"));
    name.is_some_and(|name| {
        (1..=15).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--")
    })
}

/// `discovery.interfaces`: the names of the only interfaces, or none for the sensible ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces(pub Vec<String>);

impl Setting for Interfaces {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        if let Some(texts) = texts(value, kind, at, walk) {
            self.0 = texts;
        }
    }

    fn show(&self) -> Value {
        json!(self.0)
    }
}

/// A list of texts that are not empty; what is wrong is told.
fn texts(value: &Value, kind: Kind, at: &str, walk: &mut Walk) -> Option<Vec<String>> {
    let Some(items) = value.as_array() else {
        walk.mismatch(at, kind, value);
        return None;
    };
    let mut texts = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match item.as_str().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => texts.push(text.to_owned()),
            None => {
                walk.mismatch(&format!("{at}[{i}]"), Kind::Text, item);
                return None;
            }
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_type_is_what_a_registry_would_take() {
        for good in ["_clawdbot-bridge._tcp", "_a._tcp", "_9p._tcp", "_abcdefghijklmno._tcp"] {
            assert!(is_service_type(good), "{good}");
        }
        for bad in [
            "clawdbot._tcp",
            "_x._udp",
            "_x._tcp.local",
            "_._tcp",
            "_-x._tcp",
            "_x-._tcp",
            "_x--y._tcp",
            "_123._tcp",
            "_abcdefghijklmnop._tcp",
            "_a.b._tcp",
            "_ä._tcp",
        ] {
            assert!(!is_service_type(bad), "{bad}");
        }
    }
}
