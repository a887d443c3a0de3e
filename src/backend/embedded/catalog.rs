//! What the configuration lists for nodes: `models.list` and `skills.bins` (protocol section 5.1).

use crate::protocol::rpc::system::{Model, Models, SkillBins};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The models in the `models` section of the configuration: a list, or lists by provider
/// (`{"models":[…]}` or `{"providers":{"p":{"models":[…]}}}`).
pub(super) fn models(section: &Map<String, Value>) -> Models {
    let mut models: Vec<Model> =
        entries(section.get("models")).filter_map(|entry| model(entry, None)).collect();
    let providers = section.get("providers").and_then(Value::as_object);
    for (provider, section) in providers.into_iter().flatten() {
        let own = entries(section.get("models"));
        models.extend(own.filter_map(|entry| model(entry, Some(provider))));
    }
    models.sort_by(|a, b| (&a.provider, &a.name).cmp(&(&b.provider, &b.name)));
    Models { models }
}

/// Adds those that are not listed yet.
pub(super) fn add(models: &mut Models, others: Models) {
    let named = |model: &Model| (model.provider.clone(), model.id.clone());
    let known: BTreeSet<_> = models.models.iter().map(named).collect();
    let new = others.models.into_iter().filter(|model| !known.contains(&named(model)));
    models.models.extend(new);
    models.models.sort_by(|a, b| (&a.provider, &a.name).cmp(&(&b.provider, &b.name)));
}

pub(super) fn skill_bins(section: &Map<String, Value>) -> SkillBins {
    let bins: BTreeSet<&str> = entries(section.get("bins")).filter_map(Value::as_str).collect();
    SkillBins { bins: bins.into_iter().map(str::to_owned).collect() }
}

fn entries(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// One model; an entry without an id is skipped.
fn model(entry: &Value, provider: Option<&str>) -> Option<Model> {
    let id = entry["id"].as_str()?;
    Some(Model {
        id: id.to_owned(),
        name: entry["name"].as_str().unwrap_or(id).to_owned(),
        provider: entry["provider"].as_str().or(provider).unwrap_or("local").to_owned(),
        // Nobody knows how large it is; a model that reads nothing would be none.
        context_window: entry["contextWindow"].as_u64().filter(|tokens| *tokens > 0),
        reasoning: entry["reasoning"].as_bool(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn models_are_sorted_by_provider_and_name() {
        let section = object(json!({
            "models": [{ "id": "z", "provider": "b" }, { "name": "no id" }],
            "providers": { "a": { "models": [
                { "id": "2", "name": "two", "contextWindow": 8000, "reasoning": true },
                { "id": "1", "name": "one", "contextWindow": 1.5 },
                { "id": "3", "name": "zero", "contextWindow": 0 },
            ] } },
        }));
        let expected = json!({ "models": [
            { "id": "1", "name": "one", "provider": "a" },
            { "id": "2", "name": "two", "provider": "a", "contextWindow": 8000, "reasoning": true },
            { "id": "3", "name": "zero", "provider": "a" },
            { "id": "z", "name": "z", "provider": "b" },
        ] });
        assert_eq!(serde_json::to_value(models(&section)).unwrap(), expected);
    }

    #[test]
    fn bins_are_distinct_strings() {
        let section = object(json!({ "bins": ["git", 5, "ffmpeg", "git"] }));
        assert_eq!(skill_bins(&section).bins, ["ffmpeg", "git"]);
        assert!(skill_bins(&Map::new()).bins.is_empty());
    }
}
