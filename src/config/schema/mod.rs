//! The one table of keys. Reading, checking, showing and suggesting are all made from it; to add a
//! setting, add a field to [`Config`], a row in `keys.rs`, and a line to the example file.

mod keys;

pub use keys::KEYS;

use super::setting::Setting;
use super::{domain_name, Bind, Config};
use crate::duration;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;

/// One key that may be written in the file.
pub struct Key {
    /// The path: `bridge.port`.
    pub path: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// When a change takes effect.
    pub effect: Effect,
    /// One sentence, with the unit where there is one.
    pub help: &'static str,
    /// `None` for the known entries of a section that is kept as it was written.
    slot: Option<fn(&mut Config) -> &mut dyn Setting>,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With `reload`.
    Reload,
    /// With the next start.
    Restart,
    /// Never: the key is understood, this version does not use it.
    Unused,
}

/// What may be written for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// `true`, `false`, or OpenClaw's `{ mode: "off" | "minimal" | "full" }`.
    Mdns,
    /// A text that is not empty.
    Text,
    /// An address starting with `http://` or `https://`.
    Url,
    /// A path; `~` is the home directory, a relative path starts where the file is.
    Path,
    /// A whole number between two, both included.
    Integer(u64, u64),
    /// A duration between two, both included: `10m`, or milliseconds.
    Duration(Duration, Duration),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// See [`Bind`].
    Bind,
    /// A DNS name.
    Domain,
    /// An IPv4 address.
    Ipv4,
    /// Six hexadecimal digits, with or without `#`.
    Color,
    /// A list of texts.
    Texts,
    /// An object whose values are texts.
    TextMap,
    /// A program and its arguments.
    Program,
    /// Environment variables.
    Environment,
    /// A list of methods of the protocol.
    Methods,
    /// A list of commands and families of commands.
    Commands,
    /// For each node id, lists of methods and commands.
    Nodes,
    /// An object.
    Open,
}

impl Kind {
    /// The rest of a sentence that begins with "must be".
    pub fn expects(self) -> String {
        let text = match self {
            Self::Bool => "true or false",
            Self::Mdns => "true or false (or { mode: \"off\" | \"minimal\" | \"full\" })",
            Self::Text => "a text that is not empty",
            Self::Url => "an address that starts with http:// or https:// and names a host",
            Self::Path => "a path",
            Self::Integer(least, most) => {
                return format!("a whole number from {least} to {most}");
            }
            Self::Duration(least, most) => {
                let (least, most) = (duration::show(least), duration::show(most));
                return format!("a duration from {least} to {most}, such as \"90s\" or \"10m\"");
            }
            Self::Choice(words) => return format!("one of {}", words.join(", ")),
            Self::Bind => "loopback, lan, tailnet, auto or an IP address",
            Self::Domain => "a DNS name such as \"clawdbot.internal\"",
            Self::Ipv4 => "an IPv4 address such as \"10.8.0.1\"",
            Self::Color => "a colour of six hexadecimal digits such as \"#FF4500\"",
            Self::Texts => "a list of texts",
            Self::TextMap | Self::Environment => "an object whose values are texts",
            Self::Program => "a list: the program, then its arguments",
            Self::Methods => "a list of method names",
            Self::Commands => "a list of commands such as \"camera.snap\" or \"camera.*\"",
            Self::Nodes | Self::Open => "an object",
        };
        text.to_owned()
    }

    /// The words that can be written for this key.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Choice(words) => words,
            Self::Bind => Bind::WORDS,
            _ => &[],
        }
    }

    /// Whether `value` has this form. What lists and objects of the stricter kinds contain is
    /// looked through by whoever keeps it.
    pub(super) fn accepts(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Bool | Self::Mdns => value.is_boolean(),
            Self::Text | Self::Path => text.is_some_and(|text| !text.trim().is_empty()),
            Self::Url => text.is_some_and(is_url),
            Self::Integer(..) => self.integer(value).is_some(),
            Self::Duration(..) => self.duration(value).is_some(),
            Self::Choice(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Bind => text.is_some_and(|text| text.parse::<Bind>().is_ok()),
            Self::Domain => text.is_some_and(|text| domain_name(text).is_some()),
            Self::Ipv4 => text.is_some_and(|text| text.parse::<Ipv4Addr>().is_ok()),
            Self::Color => text.is_some_and(is_color),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::TextMap => {
                value.as_object().is_some_and(|map| map.values().all(Value::is_string))
            }
            Self::Methods | Self::Commands | Self::Program => value.is_array(),
            Self::Nodes | Self::Open | Self::Environment => value.is_object(),
        }
    }

    /// The duration in `value`, if it is in range.
    pub(super) fn duration(self, value: &Value) -> Option<Duration> {
        let Self::Duration(least, most) = self else { return None };
        let milliseconds = || value.as_u64().map(Duration::from_millis);
        let duration = value.as_str().map_or_else(milliseconds, duration::parse)?;
        (least..=most).contains(&duration).then_some(duration)
    }

    /// The whole number in `value`, if it is in range. `1e3` is one; `1.5` is not.
    pub(super) fn integer(self, value: &Value) -> Option<u64> {
        let whole = |float: &f64| float.fract() == 0.0 && (0.0..=9e15).contains(float);
        let number = value.as_u64().or_else(|| value.as_f64().filter(whole).map(|f| f as u64))?;
        match self {
            Self::Integer(least, most) => (least..=most).contains(&number).then_some(number),
            _ => None,
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let odd = |c: char| c.is_whitespace() || c.is_control();
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(odd)
    })
}

fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Key {
    /// The value of this key in `config`.
    pub fn show(&self, config: &mut Config) -> Value {
        match self.slot {
            Some(slot) => slot(config).show(),
            None => {
                let (section, entry) = self.path.split_once('.').unwrap_or((self.path, ""));
                let section =
                    find(section).and_then(|key| key.slot).map(|slot| slot(config).show());
                section.and_then(|section| section.get(entry).cloned()).unwrap_or(Value::Null)
            }
        }
    }

    /// The place where the value is kept.
    pub(super) fn setting<'c>(&self, config: &'c mut Config) -> Option<&'c mut dyn Setting> {
        self.slot.map(|slot| slot(config))
    }
}

/// The key of this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The top-level sections this program owns.
pub const SECTIONS: &[&str] =
    &["bridge", "canvasHost", "discovery", "session", "talk", "ui", "agent", "models", "skills"];

/// The levels of `bridge.log`.
pub const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
