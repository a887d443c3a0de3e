//! What may be written for a key, and how a written value is checked.
//!
//! Serde alone would stop at the first mistake; checking each value before serde sees it reports
//! all of them, each with its path and a suggestion.

use super::names::{domain_name, is_service_type, is_url};
use super::reader::Reader;
use super::secrets::is_secret;
use super::{paths, Bind, GatewayUrl, Problem};
use crate::duration;
use crate::protocol::{limits, CommandPattern, Method, NodeEvent, NodeId};
use crate::suggest::closest;
use crate::tls::Fingerprint;
use serde_json::{json, Map, Value};
use std::net::Ipv4Addr;
use std::time::Duration;

/// What may be written for a key; [`ValueKind::expects`] says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)] // Only the manual page looks at the kinds.
pub enum ValueKind {
    Bool,
    Mdns,
    Text,
    Url,
    GatewayUrl,
    Fingerprint,
    /// `~` is the home directory; a relative path starts at the file's directory.
    Path,
    /// Both ends included, as in `Duration`.
    Integer(u64, u64),
    Port,
    /// A text such as `10m`, or milliseconds.
    Duration(Duration, Duration),
    Choice(&'static [&'static str]),
    Bind,
    Domain,
    Ipv4,
    Color,
    Texts,
    Interfaces,
    ServiceTypes,
    TextMap,
    Program,
    Environment,
    Methods,
    Events,
    /// Commands and families of commands.
    Commands,
    /// For each node id, lists of methods, events and commands.
    Nodes,
    /// An object that is kept as it was written.
    Open,
}

impl ValueKind {
    /// The rest of a sentence that begins with "must be".
    pub fn expects(self) -> String {
        let text = match self {
            Self::Bool => "true or false",
            Self::Mdns => "true or false (or { mode: \"off\" | \"minimal\" | \"full\" })",
            Self::Text => "text that is not empty",
            Self::Url => "a URL that starts with http:// or https:// and has a host",
            Self::GatewayUrl => {
                "a URL that starts with ws:// or wss:// and has a host; the token is no part of it"
            }
            Self::Fingerprint => "a SHA-256 fingerprint (64 hexadecimal digits)",
            Self::Path => "a path",
            Self::Integer(least, most) => {
                return format!("a whole number from {least} to {most}");
            }
            Self::Port => "a whole number from 1 to 65535",
            Self::Duration(least, most) => {
                let (least, most) = (duration::show(least), duration::show(most));
                return format!("a duration from {least} to {most}, such as \"90s\" or \"10m\"");
            }
            Self::Choice(words) => return format!("one of {}", words.join(", ")),
            Self::Bind => "loopback, lan, tailnet, auto or an IP address",
            Self::Domain => "a DNS name such as \"clawdbot.internal\"",
            Self::Ipv4 => "an IPv4 address such as \"10.8.0.1\"",
            Self::Color => "a colour of six hexadecimal digits such as \"#FF4500\"",
            Self::Texts | Self::Interfaces => "a list of strings",
            Self::ServiceTypes => "a list of types such as \"_clawdbot-bridge._tcp\"",
            Self::TextMap | Self::Environment => "an object whose values are strings",
            Self::Program => "a list: the program, then its arguments",
            Self::Methods => "a list of method names",
            Self::Events => "a list of names of events",
            Self::Commands => "a list of commands such as \"camera.snap\" or \"camera.*\"",
            Self::Nodes | Self::Open => "an object",
        };
        text.to_owned()
    }

    /// Whether `null` may be written; it means the default.
    fn may_be_null(self) -> bool {
        use ValueKind::{
            Commands, Domain, Environment, Events, Fingerprint, GatewayUrl, Ipv4, Methods, Path,
            Port, Program, Text, Url,
        };
        matches!(
            self,
            Text | Url
                | GatewayUrl
                | Fingerprint
                | Path
                | Port
                | Domain
                | Ipv4
                | Program
                | Environment
                | Methods
                | Events
                | Commands
        )
    }

    /// `value` in the form that is kept, if it fits. Paths, lists and the objects that need more
    /// than that are left to [`Reader::check`].
    fn accept(self, value: &Value) -> Option<Value> {
        let as_written = |fits: bool| fits.then(|| value.clone());
        let text = value.as_str().map(str::trim).unwrap_or_default();
        let trimmed = |fits: bool| (fits && !text.is_empty()).then(|| json!(text));
        match self {
            Self::Bool => as_written(value.is_boolean()),
            Self::Mdns => {
                let mode = value.get("mode").and_then(Value::as_str);
                let is_mode = matches!(mode, Some("off" | "minimal" | "full"));
                as_written(value.is_boolean() || is_mode)
            }
            Self::Text => trimmed(true),
            Self::Url => trimmed(is_url(value.as_str()?)),
            Self::GatewayUrl => trimmed(text.parse::<GatewayUrl>().is_ok()),
            Self::Fingerprint => trimmed(text.parse::<Fingerprint>().is_ok()),
            Self::Domain => trimmed(domain_name(text).is_some()),
            Self::Integer(least, most) => whole_number(value, least, most),
            Self::Port => whole_number(value, 1, 65535),
            Self::Duration(least, most) => {
                let milliseconds = || value.as_u64().map(Duration::from_millis);
                let written = value.as_str().map_or_else(milliseconds, duration::parse)?;
                let fits = (least..=most).contains(&written);
                fits.then(|| json!(duration::show(written)))
            }
            Self::Choice(words) => as_written(words.iter().any(|word| value == word)),
            Self::Bind => as_written(value.as_str()?.parse::<Bind>().is_ok()),
            Self::Ipv4 => as_written(value.as_str()?.parse::<Ipv4Addr>().is_ok()),
            Self::Color => as_written(is_color(value.as_str()?)),
            Self::TextMap => as_written(value.as_object()?.values().all(Value::is_string)),
            Self::Open => as_written(value.is_object()),
            _ => None,
        }
    }
}

/// The whole number in `value`, if it is in range. `1e3` is one; `1.5` is not.
fn whole_number(value: &Value, least: u64, most: u64) -> Option<Value> {
    let whole = |float: &f64| float.fract() == 0.0 && (0.0..=9e15).contains(float);
    let number = value.as_u64().or_else(|| value.as_f64().filter(whole).map(|f| f as u64))?;
    (least..=most).contains(&number).then(|| json!(number))
}

/// Whether it is six hexadecimal digits, with or without `#`.
pub(crate) fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Reader {
    /// `value`, which is written at `at`, in the form that serde reads; `None` if it means the
    /// default, or if there is something wrong with it.
    pub(super) fn check(&mut self, kind: ValueKind, at: &str, value: &Value) -> Option<Value> {
        use ValueKind::{Commands, Events, Interfaces, Methods, Program, ServiceTypes, Texts};
        let accepted = match (kind, value) {
            (_, Value::Null) if kind.may_be_null() => return None,
            (ValueKind::Path, Value::String(text)) if !text.trim().is_empty() => {
                let path = self.resolve(at, text);
                return self.keep(path);
            }
            (
                Texts | Interfaces | ServiceTypes | Program | Methods | Events | Commands,
                Value::Array(items),
            ) => return self.list(kind, at, items),
            (ValueKind::Environment, Value::Object(entries)) => {
                return self.environment(at, entries)
            }
            (ValueKind::Nodes, Value::Object(nodes)) => return self.nodes(at, nodes),
            _ => kind.accept(value),
        };
        self.keep(accepted.ok_or_else(|| mismatch(at, kind, value)))
    }

    fn keep<T>(&mut self, checked: Result<T, Problem>) -> Option<T> {
        checked.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn list(&mut self, kind: ValueKind, at: &str, items: &[Value]) -> Option<Value> {
        if kind == ValueKind::ServiceTypes && !(1..=limits::MDNS_TYPES).contains(&items.len()) {
            self.problem(at, format!("must be a list of 1 to {} types", limits::MDNS_TYPES));
        }
        let mut list: Vec<Value> = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let at = format!("{at}[{i}]");
            let Some(text) = item.as_str() else {
                self.problems.push(mismatch(&at, ValueKind::Text, item));
                continue;
            };
            let is_same = |known: &str| known.eq_ignore_ascii_case(text);
            let repeats = list.iter().filter_map(Value::as_str).any(is_same);
            if kind == ValueKind::ServiceTypes && repeats {
                self.problem(&at, format!("{text:?} is listed twice"));
            } else {
                let item = self.item(kind, &at, text, i == 0);
                list.extend(self.keep(item));
            }
        }
        (list.len() == items.len()).then_some(Value::Array(list))
    }

    /// One text of a list.
    fn item(
        &self,
        kind: ValueKind,
        at: &str,
        text: &str,
        is_first: bool,
    ) -> Result<Value, Problem> {
        let trimmed = text.trim();
        match kind {
            ValueKind::Interfaces if trimmed.is_empty() => {
                Err(mismatch(at, ValueKind::Text, &json!(text)))
            }
            ValueKind::ServiceTypes if !is_service_type(trimmed) => {
                let reason = "must be a type such as \"_clawdbot-bridge._tcp\"";
                Err(Problem::new(at, format!("{reason}, not {text:?}")))
            }
            ValueKind::Interfaces | ValueKind::ServiceTypes => Ok(json!(trimmed)),
            ValueKind::Program if text.contains('\0') => Err(Problem::new(at, NUL)),
            ValueKind::Program if is_first && text.is_empty() => {
                Err(mismatch(at, ValueKind::Text, &json!(text)))
            }
            // A name is looked for in `PATH`, as a shell would; a path is like any in the file.
            ValueKind::Program if is_first && (text.contains('/') || text.starts_with('~')) => {
                self.resolve(at, text)
            }
            ValueKind::Methods if Method::parse(text).is_none() => {
                let known = Method::ALL.iter().map(|method| method.as_str());
                let reason = format!("unknown method \"{text}\"");
                Err(Problem::new(at, reason).or_rather(closest(text, known)))
            }
            ValueKind::Events if NodeEvent::parse(text).is_none() => {
                let known = NodeEvent::ALL.iter().map(|event| event.as_str());
                let reason = format!("unknown event \"{text}\"");
                Err(Problem::new(at, reason).or_rather(closest(text, known)))
            }
            ValueKind::Commands => match text.parse::<CommandPattern>() {
                Ok(_) => Ok(json!(text)),
                Err(reason) => Err(Problem::new(at, format!("{reason}, not \"{text}\""))),
            },
            _ => Ok(json!(text)),
        }
    }

    fn environment(&mut self, at: &str, entries: &Map<String, Value>) -> Option<Value> {
        let before = self.problems.len();
        for (name, value) in entries {
            let at = format!("{at}.{name}");
            match value.as_str() {
                _ if name.is_empty() || name.contains(['=', '\0']) => {
                    self.problem(&at, "is not a valid name for an environment variable");
                }
                Some(text) if text.contains('\0') => self.problem(&at, NUL),
                Some(_) => {}
                // Not repeated: it may be a key.
                None => self.problem(&at, "must be a string"),
            }
        }
        (self.problems.len() == before).then(|| json!(entries))
    }

    fn nodes(&mut self, at: &str, nodes: &Map<String, Value>) -> Option<Value> {
        let mut checked = Map::new();
        for (id, rules) in nodes {
            let at = format!("{at}.{id}");
            // The id is compared with the one that admitted the node, which is trimmed.
            let id = NodeId::new(id).map_err(|reason| Problem::new(&at, reason));
            let Some(id) = self.keep(id) else { continue };
            let rules = rules.as_object().ok_or_else(|| mismatch(&at, ValueKind::Open, rules));
            let mut node = Map::new();
            for (key, value) in self.keep(rules).into_iter().flatten() {
                let at = format!("{at}.{key}");
                let kind = match key.as_str() {
                    "methods" => ValueKind::Methods,
                    "events" => ValueKind::Events,
                    "commands" => ValueKind::Commands,
                    _ => {
                        self.unknown(&at, closest(key, ["methods", "events", "commands"]));
                        continue;
                    }
                };
                node.extend(self.check(kind, &at, value).map(|value| (key.clone(), value)));
            }
            checked.insert(id.as_str().to_owned(), Value::Object(node));
        }
        Some(Value::Object(checked))
    }

    /// A path made absolute as far as that is known.
    fn resolve(&self, at: &str, text: &str) -> Result<Value, Problem> {
        let path = paths::expand(text, self.home.as_deref());
        let path = path.map_err(|reason| Problem::new(at, reason))?;
        let path = self.base.as_ref().map(|base| base.join(&path)).unwrap_or(path);
        let reason = "is in a directory whose path is not valid UTF-8";
        path.to_str().map(Value::from).ok_or_else(|| Problem::new(at, reason))
    }

    pub(super) fn unknown(&mut self, at: &str, meant: Option<&str>) {
        self.problems.push(Problem::new(at, "unknown key").or_rather(meant));
    }

    pub(super) fn problem(&mut self, at: &str, reason: impl Into<String>) {
        self.problems.push(Problem::new(at, reason));
    }
}

const NUL: &str = "must not contain the character NUL";

/// A value that is not of its kind.
pub(super) fn mismatch(at: &str, kind: ValueKind, value: &Value) -> Problem {
    let words = match kind {
        ValueKind::Choice(words) => words,
        ValueKind::Bind => Bind::WORDS,
        _ => &[],
    };
    let meant = value.as_str().and_then(|text| closest(text, words.iter().copied()));
    // The value as the writer will recognise it, unless it is a secret or too long to repeat.
    let shown = match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(_) | Value::Number(_) if is_secret(at) => "this".to_owned(),
        Value::String(text) if text.chars().count() > 60 => "this long text".to_owned(),
        value => value.to_string(),
    };
    Problem::new(at, format!("must be {}, not {shown}", kind.expects())).or_rather(meant)
}
