//! What the configuration lists for nodes: `models.list`, `skills.bins`; and `talk.mode` (protocol
//! section 5.1).

use crate::backend::embedded::params::Params;
use crate::protocol::{Method, Payload, WireError};
use serde_json::{json, Map, Value};
use std::collections::BTreeSet;

/// The lists, made once.
pub(super) struct Catalog {
    models: Payload,
    bins: Payload,
}

impl Catalog {
    /// From the `models` and `skills` sections of the configuration. Models are a list, or an
    /// object of lists by provider (`{"models":[…]}` or `{"providers":{"p":{"models":[…]}}}`).
    pub(super) fn new(models: &Map<String, Value>, skills: &Map<String, Value>) -> Self {
        let mut list: Vec<Value> = Vec::new();
        list.extend(entries(models.get("models")).filter_map(|entry| model(entry, None)));
        let providers = models.get("providers").and_then(Value::as_object);
        for (provider, section) in providers.into_iter().flatten() {
            let own = entries(section.get("models"));
            list.extend(own.filter_map(|entry| model(entry, Some(provider))));
        }
        list.sort_by_cached_key(|model| (model["provider"].to_string(), model["name"].to_string()));
        let bins: BTreeSet<&str> = entries(skills.get("bins")).filter_map(Value::as_str).collect();
        Self {
            models: json!({ "models": list }).to_string().into(),
            bins: json!({ "bins": bins }).to_string().into(),
        }
    }

    pub(super) fn models(&self, params: Option<&str>) -> Result<Payload, WireError> {
        Params::read(Method::ModelsList, params)?.finish()?;
        Ok(self.models.clone())
    }

    /// The parameters are not looked at; the old gateway did not either.
    pub(super) fn bins(&self) -> Payload {
        self.bins.clone()
    }
}

/// What the node said about its talk mode, for it and for the operators.
pub(super) fn talk_mode(params: Option<&str>, now_ms: u64) -> Result<Payload, WireError> {
    let mut params = Params::read(Method::TalkMode, params)?;
    let enabled = params.required_flag("enabled");
    let phase = params.text("phase", 0..=256);
    params.finish()?;
    Ok(json!({ "enabled": enabled, "phase": phase, "ts": now_ms }).to_string().into())
}

fn entries(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// One model as the apps decode it; an entry without an id is none.
fn model(entry: &Value, provider: Option<&str>) -> Option<Value> {
    let id = entry["id"].as_str()?;
    let provider = entry["provider"].as_str().or(provider).unwrap_or("local");
    let mut model = json!({
        "id": id,
        "name": entry["name"].as_str().unwrap_or(id),
        "provider": provider,
    });
    if let Some(tokens) = entry["contextWindow"].as_u64() {
        model["contextWindow"] = tokens.into();
    }
    if let Some(reasoning) = entry["reasoning"].as_bool() {
        model["reasoning"] = reasoning.into();
    }
    Some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn models_are_sorted_by_provider_and_name() {
        let models = object(json!({
            "models": [{ "id": "z", "provider": "b" }, { "name": "no id" }],
            "providers": { "a": { "models": [
                { "id": "2", "name": "two", "contextWindow": 8000, "reasoning": true },
                { "id": "1", "name": "one", "contextWindow": 1.5 },
            ] } },
        }));
        let catalog = Catalog::new(&models, &Map::new());
        let answer: Value = serde_json::from_str(&catalog.models(Some("{}")).unwrap()).unwrap();
        let expected = json!({ "models": [
            { "id": "1", "name": "one", "provider": "a" },
            { "id": "2", "name": "two", "provider": "a", "contextWindow": 8000, "reasoning": true },
            { "id": "z", "name": "z", "provider": "b" },
        ] });
        assert_eq!(answer, expected);
        assert!(catalog.models(Some("{\"x\":1}")).is_err());
    }

    #[test]
    fn bins_are_distinct_strings() {
        let skills = object(json!({ "bins": ["git", 5, "ffmpeg", "git"] }));
        let catalog = Catalog::new(&Map::new(), &skills);
        assert_eq!(&*catalog.bins(), r#"{"bins":["ffmpeg","git"]}"#);
        assert_eq!(&*Catalog::new(&Map::new(), &Map::new()).bins(), r#"{"bins":[]}"#);
    }

    #[test]
    fn talk_mode_is_strict() {
        let answer = talk_mode(Some(r#"{"enabled":true}"#), 5).unwrap();
        assert_eq!(&*answer, r#"{"enabled":true,"phase":null,"ts":5}"#);
        assert!(talk_mode(None, 5).is_err());
        assert!(talk_mode(Some(r#"{"enabled":"yes"}"#), 5).is_err());
    }
}
