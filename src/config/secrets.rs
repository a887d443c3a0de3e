//! Which values are secrets, judged by their names.

use serde_json::Value;

/// Whether the value under this name must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    ["apikey", "api_key", "token", "secret", "password", "authorization"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// Replaces every secret in `value` by dots.
pub fn hide_secrets(value: &mut Value) {
    hide_secrets_of("", value);
}

/// The same for the value of the key `name`.
pub(super) fn hide_secrets_of(name: &str, value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.iter_mut().for_each(|(name, value)| hide_secrets_of(name, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide_secrets_of(name, item)),
        Value::String(_) | Value::Number(_) if is_secret(name) => *value = Value::from("…"),
        _ => {}
    }
}
