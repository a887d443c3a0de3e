//! How each type of setting reads a value and shows it.

use super::schema::Kind;
use super::walk::Walk;
use super::{Bind, CommandPattern, NodeAllow, Section};
use crate::protocol::{Method, NodeId};
use crate::suggest::closest;
use log::LevelFilter;
use serde_json::{json, Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The place in [`super::Config`] where one key's value is kept.
pub(super) trait Setting {
    /// Takes the value written at `at`, or tells `walk` what is wrong with it.
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk);

    /// The value in force.
    fn show(&self) -> Value;
}

impl Setting for bool {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match (kind, value.as_bool(), value.get("mode").and_then(Value::as_str)) {
            (_, Some(value), _) => *self = value,
            // OpenClaw's form of `discovery.mdns`.
            (Kind::Mdns, None, Some(mode @ ("off" | "minimal" | "full"))) => *self = mode != "off",
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Setting for $integer {
            fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
                match kind.integer(value).and_then(|number| Self::try_from(number).ok()) {
                    Some(number) => *self = number,
                    None => walk.mismatch(at, kind, value),
                }
            }

            fn show(&self) -> Value {
                json!(self)
            }
        }
    )*};
}

integers!(u16, usize);

impl Setting for Option<u16> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match kind.integer(value).and_then(|number| u16::try_from(number).ok()) {
            Some(number) => *self = Some(number),
            None if value.is_null() => *self = None,
            None => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

impl Setting for Option<Ipv4Addr> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match value.as_str().map(str::parse) {
            Some(Ok(address)) => *self = Some(address),
            None if value.is_null() => *self = None,
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

impl Setting for Bind {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match value.as_str().map(str::parse) {
            Some(Ok(bind)) => *self = bind,
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self.to_string())
    }
}

impl Setting for LevelFilter {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match value.as_str().filter(|_| kind.accepts(value)).map(str::parse) {
            Some(Ok(level)) => *self = level,
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self.as_str().to_ascii_lowercase())
    }
}

impl Setting for Option<String> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match value {
            Value::Null => *self = None,
            Value::String(text) if kind.accepts(value) => *self = Some(text.trim().to_owned()),
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

impl Setting for Option<PathBuf> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match value {
            Value::Null => *self = None,
            Value::String(text) if kind.accepts(value) => match walk.resolve(text) {
                Ok(path) => *self = Some(path),
                Err(reason) => walk.problem(at, reason, None),
            },
            _ => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, |path| json!(path.to_string_lossy()))
    }
}

impl Setting for Option<BTreeSet<Method>> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let mut methods = BTreeSet::new();
        let read = list(value, kind, at, walk, |name, at, walk| match Method::parse(name) {
            Some(method) => {
                methods.insert(method);
            }
            None => {
                let known = Method::ALL.iter().map(|method| method.as_str());
                walk.problem(at, format!("unknown method \"{name}\""), closest(name, known));
            }
        });
        if read {
            *self = (!value.is_null()).then_some(methods);
        }
    }

    fn show(&self) -> Value {
        let names = |methods: &BTreeSet<Method>| methods.iter().map(|m| m.as_str()).collect();
        self.as_ref().map_or(Value::Null, names)
    }
}

impl Setting for Option<Vec<CommandPattern>> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let mut patterns = Vec::new();
        let read = list(value, kind, at, walk, |text, at, walk| match text.parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(reason) => walk.problem(at, format!("{reason}, not \"{text}\""), None),
        });
        if read {
            *self = (!value.is_null()).then_some(patterns);
        }
    }

    fn show(&self) -> Value {
        let texts = |list: &Vec<CommandPattern>| list.iter().map(CommandPattern::as_str).collect();
        self.as_ref().map_or(Value::Null, texts)
    }
}

/// Hands every text of a list to `item`; `null` is no list. False if it was neither.
fn list(
    value: &Value,
    kind: Kind,
    at: &str,
    walk: &mut Walk,
    mut item: impl FnMut(&str, &str, &mut Walk),
) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                let at = format!("{at}[{i}]");
                match value.as_str() {
                    Some(text) => item(text, &at, walk),
                    None => walk.mismatch(&at, Kind::Text, value),
                }
            }
            true
        }
        _ => {
            walk.mismatch(at, kind, value);
            false
        }
    }
}

impl Setting for BTreeMap<String, NodeAllow> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let Some(nodes) = value.as_object() else {
            return walk.mismatch(at, kind, value);
        };
        self.clear();
        for (id, rules) in nodes {
            let at = format!("{at}.{id}");
            // The id is compared with the one that admitted the node, which is trimmed.
            let id = match NodeId::new(id) {
                Ok(id) => id.as_str().to_owned(),
                Err(reason) => {
                    walk.problem(&at, reason, None);
                    continue;
                }
            };
            let Some(rules) = rules.as_object() else {
                walk.mismatch(&at, Kind::Open, rules);
                continue;
            };
            let mut node = NodeAllow::default();
            for (key, value) in rules {
                let at = format!("{at}.{key}");
                match key.as_str() {
                    "methods" => node.methods.put(value, Kind::Methods, &at, walk),
                    "commands" => node.commands.put(value, Kind::Commands, &at, walk),
                    _ => walk.unknown(&at, closest(key, ["methods", "commands"])),
                }
            }
            self.insert(id, node);
        }
    }

    fn show(&self) -> Value {
        let rules = |node: &NodeAllow| {
            let mut shown = Map::new();
            if node.methods.is_some() {
                shown.insert("methods".to_owned(), node.methods.show());
            }
            if node.commands.is_some() {
                shown.insert("commands".to_owned(), node.commands.show());
            }
            Value::Object(shown)
        };
        self.iter().map(|(id, node)| (id.clone(), rules(node))).collect()
    }
}

impl Setting for Section {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let Some(entries) = value.as_object() else {
            return walk.mismatch(at, kind, value);
        };
        for (key, value) in entries {
            walk.check_entry(&format!("{at}.{key}"), value);
        }
        self.0.clone_from(entries);
    }

    fn show(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
