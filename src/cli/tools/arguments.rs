//! Checks the arguments of a tool against its description, the part of JSON Schema that
//! `tools.json` uses. A model reads the error and tries again.

use super::Object;
use serde_json::Value;

/// The arguments with the defaults of those that are missing. `null` counts as missing.
pub(super) fn checked(
    parameters: &Object,
    required: &[String],
    mut arguments: Object,
) -> Result<Object, String> {
    arguments.retain(|_, value| !value.is_null());
    for (name, value) in &arguments {
        let schema = parameters.get(name).ok_or_else(|| unknown(name, parameters))?;
        check(schema, value, name)?;
    }
    for (name, schema) in parameters {
        if let (false, Some(default)) = (arguments.contains_key(name), schema.get("default")) {
            arguments.insert(name.clone(), default.clone());
        }
    }
    match required.iter().find(|name| !arguments.contains_key(*name)) {
        Some(name) => Err(format!("`{name}` is required")),
        None => Ok(arguments),
    }
}

fn unknown(name: &str, parameters: &Object) -> String {
    let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
    match known.as_slice() {
        [] => format!("there is no parameter `{name}`; there are none"),
        known => format!("there is no parameter `{name}`; there are {}", known.join(", ")),
    }
}

fn check(schema: &Value, value: &Value, name: &str) -> Result<(), String> {
    let kind = schema["type"].as_str().unwrap_or_default();
    let fits = match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if !fits {
        let kind = if kind == "integer" { "whole number" } else { kind };
        let a = if kind.starts_with(['a', 'o']) { "an" } else { "a" };
        return Err(format!("`{name}` must be {a} {kind}"));
    }
    if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.contains(value)) {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        return Err(format!("`{name}` must be one of {}", choices.join(", ")));
    }
    check_range(schema, value, name)?;
    let items = value.as_array().into_iter().flatten();
    for (at, item) in items.enumerate() {
        check(&schema["items"], item, &format!("{name}[{at}]"))?;
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        check(&schema["additionalProperties"], item, &format!("{name}.{key}"))?;
    }
    Ok(())
}

/// Numbers by their value, texts and lists by their length.
fn check_range(schema: &Value, value: &Value, name: &str) -> Result<(), String> {
    let is_empty = value.as_str().is_some_and(|text| text.trim().is_empty())
        || value.as_array().is_some_and(Vec::is_empty);
    if is_empty && (!schema["minLength"].is_null() || !schema["minItems"].is_null()) {
        return Err(format!("`{name}` is empty"));
    }
    let Some(number) = value.as_f64() else { return Ok(()) };
    let [least, most] = ["minimum", "maximum"].map(|key| &schema[key]);
    if least.as_f64().is_some_and(|least| number < least)
        || most.as_f64().is_some_and(|most| number > most)
    {
        return Err(format!("`{name}` must be from {least} to {most}"));
    }
    Ok(())
}
