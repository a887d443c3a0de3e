//! What of a gateway's configuration nodes get: the few settings that apps read (protocol section
//! 5.2). The rest holds paths, addresses and other people's names.

use super::object::Object;
use crate::backend::embedded::SETTINGS;
use crate::protocol::fields::Fields;

/// What a gateway writes in the place of a secret. An app would take it for its key to a voice.
const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// The answer to `config.get`.
pub(super) fn snapshot(fields: &Fields<'_>) -> String {
    Object::new()
        .value("path", &file_name(fields))
        .raw("exists", fields.json("exists").unwrap_or("true"))
        .raw("raw", "null")
        .raw("parsed", "{}")
        .raw("valid", fields.json("valid").unwrap_or("true"))
        .raw("config", &readable(fields.json("config")))
        .maybe("hash", fields.json("hash"))
        .raw("issues", "[]")
        .raw("legacyIssues", "[]")
        .finish()
}

/// The answer to `config.set` and `config.patch`.
pub(super) fn changed(fields: &Fields<'_>) -> String {
    Object::new()
        .raw("ok", fields.json("ok").unwrap_or("true"))
        .value("path", &file_name(fields))
        .raw("config", &readable(fields.json("config")))
        .finish()
}

fn file_name(fields: &Fields<'_>) -> String {
    let path = fields.text("path").unwrap_or_default();
    path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

fn readable(config: Option<&str>) -> String {
    let config = config.and_then(|json| Fields::read(json).ok()).unwrap_or_default();
    let mut object = Object::new();
    for (section, keys) in SETTINGS {
        let Some(values) = config.json(section).and_then(|json| Fields::read(json).ok()) else {
            continue;
        };
        let is_known = |json: &&str| !json.contains(REDACTED);
        let found =
            keys.iter().filter_map(|(key, _)| Some((*key, values.json(key).filter(is_known)?)));
        let section_values = found.fold(Object::new(), |object, (key, json)| object.raw(key, json));
        object = object.raw(section, &section_values.finish());
    }
    object.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    #[test]
    fn of_the_configuration_nodes_get_what_apps_read_and_no_placeholder_of_a_secret() {
        // 2026.9.6, with settings for talking.
        let answer = r##"{"path":"/home/anna/.openclaw/openclaw.json","includedPaths":["/etc/x"],"exists":true,"raw":null,"parsed":{"gateway":{"auth":{"token":"__OPENCLAW_REDACTED__"}}},"valid":true,"config":{"gateway":{"port":18789},"ui":{"seamColor":"#ff8800","assistant":{"name":"x"}},"session":{"mainKey":"home","scope":"per-sender"},"talk":{"apiKey":"__OPENCLAW_REDACTED__","voiceId":"v1","voiceAliases":{"a":"b"}}},"hash":"hmac-sha256:v1:utNp","issues":[],"warnings":[],"legacyIssues":[]}"##;
        let fields = Fields::read(answer).unwrap();
        let translated: Value = serde_json::from_str(&snapshot(&fields)).unwrap();
        assert_eq!(
            translated,
            json!({"path":"openclaw.json","exists":true,"raw":null,"parsed":{},"valid":true,
                "config":{"ui":{"seamColor":"#ff8800"},"session":{"mainKey":"home"},
                    "talk":{"voiceId":"v1","voiceAliases":{"a":"b"}}},
                "hash":"hmac-sha256:v1:utNp","issues":[],"legacyIssues":[]})
        );
        let changed =
            changed(&Fields::read(r#"{"ok":true,"path":"/a/b.json","config":{}}"#).unwrap());
        assert_eq!(changed, r#"{"ok":true,"path":"b.json","config":{}}"#);
    }
}
