//! A2UI v0.8 messages, as the apps' renderer accepts them (protocol section 8.2).

use super::*;

/// The kinds of messages. A message contains exactly one of these keys.
const KINDS: [&str; 4] = ["beginRendering", "surfaceUpdate", "dataModelUpdate", "deleteSurface"];

/// Messages of A2UI v0.9, and what is said in v0.8 instead.
const NEWER: [(&str, &str); 3] = [
    ("createSurface", "beginRendering shows a surface"),
    ("updateComponents", "surfaceUpdate brings components"),
    ("updateDataModel", "dataModelUpdate changes the data"),
];

/// The name of the surface on which a text is shown.
const SURFACE: &str = "main";

pub(super) fn for_text(text: &str) -> String {
    let messages = [
        json!({ "surfaceUpdate": {
            "surfaceId": SURFACE,
            "components": [
                { "id": "root", "component": { "Column": { "children": { "explicitList": ["text"] } } } },
                { "id": "text", "component": { "Text": {
                    "text": { "literalString": text },
                    "usageHint": "body",
                } } },
            ],
        } }),
        json!({ "beginRendering": { "surfaceId": SURFACE, "root": "root" } }),
    ];
    messages.map(|message| message.to_string()).join("\n")
}

/// Checks the messages of a file, one per line; blank lines are dropped. Fails with the number of
/// the first invalid line.
pub(crate) fn checked(jsonl: &str) -> Result<String, String> {
    let mut messages = Vec::new();
    for (at, line) in jsonl.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() {
            continue;
        }
        check(line).map_err(|why| format!("line {}: {why}", at + 1))?;
        messages.push(line);
    }
    if messages.is_empty() {
        return Err("it contains no messages".to_owned());
    }
    Ok(messages.join("\n"))
}

fn check(line: &str) -> Result<(), String> {
    let message: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let Value::Object(fields) = message else { return Err("not a JSON object".to_owned()) };
    if let Some((name, instead)) = NEWER.iter().find(|(name, _)| fields.contains_key(*name)) {
        return Err(format!("{name} is A2UI v0.9; the apps support v0.8, where {instead}"));
    }
    let known: Vec<&str> =
        KINDS.iter().copied().filter(|kind| fields.contains_key(*kind)).collect();
    match known.as_slice() {
        [kind] if !fields[*kind].is_object() => Err(format!("{kind} must be an object")),
        [_] => Ok(()),
        [] => Err(format!("none of {}", KINDS.join(", "))),
        several => Err(format!("{} in one message; one is allowed", several.join(" and "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_messages_that_pass_the_check() {
        let jsonl = for_text("Dinner \"is\"\nready");
        assert_eq!(checked(&jsonl).as_deref(), Ok(jsonl.as_str()));
        let lines: Vec<Value> = jsonl.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let shown = &lines[0]["surfaceUpdate"]["components"][1]["component"]["Text"]["text"];
        assert_eq!(shown["literalString"], "Dinner \"is\"\nready");
        assert_eq!(
            lines[1]["beginRendering"]["root"],
            lines[0]["surfaceUpdate"]["components"][0]["id"]
        );
    }

    #[test]
    fn errors_are_reported_with_their_line() {
        let good = r#"{"deleteSurface":{"surfaceId":"main"}}"#;
        assert_eq!(
            checked(&format!("\u{feff}{good}\r\n\n {good}\n")),
            Ok(format!("{good}\n{good}"))
        );
        for (bad, says) in [
            ("{", "line 3: not JSON: "),
            ("[]", "line 3: not a JSON object"),
            ("{}", "line 3: none of beginRendering, "),
            (r#"{"createSurface":{}}"#, "line 3: createSurface is A2UI v0.9"),
            (r#"{"updateComponents":{}}"#, "line 3: updateComponents is A2UI v0.9"),
            (r#"{"version":"v0.9","updateDataModel":{}}"#, "line 3: updateDataModel is A2UI v0.9"),
            (
                r#"{"deleteSurface":{},"surfaceUpdate":{}}"#,
                "line 3: surfaceUpdate and deleteSurface",
            ),
            (r#"{"deleteSurface":"main"}"#, "line 3: deleteSurface must be an object"),
        ] {
            let why = checked(&format!("{good}\n\n{bad}\n")).unwrap_err();
            assert!(why.starts_with(says), "{why}");
        }
        assert!(checked(" \n\n").unwrap_err().contains("no message"));
    }
}
