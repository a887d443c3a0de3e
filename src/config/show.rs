//! The values in force, for `config show` and for telling two configurations apart.

use super::kind::ValueKind;
use super::load::Loaded;
use super::reader::Origin;
use super::schema::{self, Effect, KEYS};
use super::secrets::hide_secrets_of;
use super::Config;
use serde_json::Value;

/// One line of `config show`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shown {
    /// The key.
    pub path: &'static str,
    /// Its value in force; secrets are replaced by dots.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

impl Loaded {
    /// Every key with its value and origin, in the order of the table. What a section contains
    /// beyond the known keys is shown in the line of the section itself.
    pub fn show(&self) -> Vec<Shown> {
        let values = schema::values(&self.config);
        let mut shown = Vec::new();
        for key in KEYS.iter() {
            let mut value = key.value_in(&values);
            if let (ValueKind::Open, Value::Object(entries)) = (key.kind, &mut value) {
                entries.retain(|name, _| schema::find(&format!("{}.{name}", key.path)).is_none());
                if entries.is_empty() {
                    continue;
                }
            }
            match (key.kind, &mut value) {
                // Any variable may hold a key of another service; the names are enough to know.
                (ValueKind::Environment, Value::Object(entries)) => {
                    entries.values_mut().for_each(|value| *value = Value::from("…"));
                }
                (_, value) => hide_secrets_of(key.path, value),
            }
            let origin = self.origins.get(key.path).cloned().unwrap_or(Origin::Default);
            shown.push(Shown { path: key.path, value, origin });
        }
        shown
    }
}

impl Config {
    /// The keys whose values differ from those of `new` and that a running daemon cannot change.
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let (old, new) = (schema::values(self), schema::values(new));
        KEYS.iter()
            .filter(|key| key.effect == Effect::Restart)
            .filter(|key| key.value_in(&old) != key.value_in(&new))
            .map(|key| key.path)
            .collect()
    }
}
