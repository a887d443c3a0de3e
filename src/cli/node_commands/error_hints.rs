//! The error of a failed node command, with a hint on how to fix it (protocol section 8.3).

use super::*;
use crate::protocol::WireError;

/// Hints by reason, the error word that a node sends.
const HELP: &[(&str, &str)] = &[
    ("NODE_BACKGROUND_UNAVAILABLE", "open the app on the device and try again"),
    ("CAMERA_DISABLED", "allow the camera in the app's settings on the device"),
    ("CANVAS_DISABLED", "allow the canvas in the app's settings on the Mac"),
    ("CAMERA_PERMISSION_REQUIRED", "allow the app to use the camera in the phone's settings"),
    ("MIC_PERMISSION_REQUIRED", "allow the app to use the microphone, or add --no-audio"),
    ("SCREEN_PERMISSION_REQUIRED", "allow screen recording when the phone asks"),
    ("CAMERA_TOO_LARGE", "reduce the size with --max-width or --quality"),
    ("LOCATION_DISABLED", "turn on location in the app's settings on the device"),
    ("LOCATION_PERMISSION_REQUIRED", "allow the app to use the location in the phone's settings"),
    (
        "LOCATION_BACKGROUND_UNAVAILABLE",
        "open the app on the device, or allow it to use the location always",
    ),
    ("LOCATION_TIMEOUT", "raise --location-timeout, or use --accuracy coarse"),
    ("LOCATION_UNAVAILABLE", "the device could not determine its location; try again outdoors"),
    ("A2UI_HOST_NOT_CONFIGURED", "set canvasHost.url in the bridge's configuration"),
    ("A2UI_HOST_UNAVAILABLE", "the device cannot reach the canvas host; check canvasHost.url"),
    ("SMS_PERMISSION_REQUIRED", "allow the app to send SMS in the phone's settings"),
    ("SMS_UNAVAILABLE", "this device cannot send SMS"),
    ("SMS_SEND_FAILED", "check the number and the phone's reception"),
    ("SYSTEM_RUN_DISABLED", "allow commands in the node's settings"),
    (
        "SYSTEM_RUN_DENIED",
        "the node's owner must allow it, at its prompt or in its list of allowed commands",
    ),
    ("PERMISSION_MISSING", "allow the app to record the screen in the Mac's privacy settings"),
    (
        "COMPANION_APP_UNAVAILABLE",
        "start the app on the Mac; it asks the owner to approve commands",
    ),
    ("NOT_AUTHORIZED", "allow the app's notifications in the Mac's settings"),
];

/// Hints by message, for errors without a reason. The first match wins.
const HELP_BY_WORDS: &[(&str, &str)] = &[
    ("invoke timeout", "raise --invoke-timeout"),
    (
        "node not connected",
        "open the app on the device; `openclaw-bridge nodes` lists the connected ones",
    ),
    ("permission denied", "allow it for the app in the device's privacy settings"),
    ("command not supported", "`openclaw-bridge nodes describe` lists what a node can do"),
    ("unknown command", "`openclaw-bridge nodes describe` lists what a node can do"),
    ("reload and retry", "the file on the node has changed; start from `nodes approvals get`"),
    ("too many invokes", "wait until the node has finished earlier commands"),
    (
        "answer is longer than",
        "request less: a shorter --duration, a smaller --max-width, or part of the result",
    ),
    ("disconnected", "the node lost its connection; try again when it is back"),
    ("connection closed", "the node lost its connection; try again when it is back"),
];

/// Codes that do not identify the problem.
const GENERIC: &[&str] = &["UNAVAILABLE", "INVALID_REQUEST", ""];

/// The failure to print, with the name of the command.
pub(crate) fn failure(label: &str, error: &WireError) -> Failure {
    let (reason, message) = reason(error);
    let help = help(&reason, &message).map(|help| format!("; {help}")).unwrap_or_default();
    Failure::failed(format!("{label} failed: {}{help}", safe(&message)))
}

/// The most specific reason, and the message to print.
fn reason(error: &WireError) -> (String, String) {
    let details: Value = error
        .details
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let node = &details["nodeError"];
    // The bridge's own errors have a code, too.
    let code = if node.is_null() { error.code.as_str() } else { "" };
    let code = node["code"].as_str().unwrap_or(code);
    let message = node["message"].as_str().unwrap_or(&error.message).trim();
    // iOS sends a generic code, and the reason at the start of the message.
    let is_known = HELP.iter().any(|(reason, _)| *reason == leading_word(message));
    if GENERIC.contains(&code) || is_known {
        return (leading_word(message).to_owned(), message.to_owned());
    }
    if message.is_empty() || message == code {
        return (code.to_owned(), code.to_owned());
    }
    if message.starts_with(code) {
        return (code.to_owned(), message.to_owned());
    }
    (code.to_owned(), format!("{code}: {message}"))
}

/// `CAMERA_DISABLED` of `CAMERA_DISABLED: enable it`; empty if the text does not begin like that.
fn leading_word(message: &str) -> &str {
    let word = message.split(':').next().unwrap_or_default();
    let is_word = !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit());
    if is_word && message.len() > word.len() {
        word
    } else {
        ""
    }
}

fn help(reason: &str, message: &str) -> Option<&'static str> {
    let by_reason = HELP.iter().find(|(known, _)| *known == reason);
    let message = message.to_lowercase();
    let by_words = || HELP_BY_WORDS.iter().find(|(words, _)| message.contains(words));
    by_reason.or_else(by_words).map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;
    use serde_json::json;

    fn told(code: Option<&str>, message: Option<&str>) -> String {
        let details = json!({ "nodeError": { "code": code, "message": message } });
        let message = message.or(code).unwrap_or("node invoke failed").to_owned();
        let error = WireError::unavailable(message).with_details(&details);
        failure("nodes camera snap", &error).message
    }

    #[test]
    fn errors_of_each_platform_get_hints() {
        let ios = told(Some("UNAVAILABLE"), Some("CAMERA_DISABLED: enable Camera in iOS Settings"));
        assert_eq!(
            ios,
            "nodes camera snap failed: CAMERA_DISABLED: enable Camera in iOS Settings; allow the \
             camera in the app's settings on the device"
        );
        let android = told(Some("CAMERA_DISABLED"), Some("enable it"));
        assert!(android.starts_with("nodes camera snap failed: CAMERA_DISABLED: enable it; allow"));
        let twice = told(Some("CAMERA_DISABLED"), Some("CAMERA_DISABLED: x"));
        assert!(twice.contains("failed: CAMERA_DISABLED: x; allow"), "{twice}");
        let bare = told(Some("NODE_BACKGROUND_UNAVAILABLE"), None);
        assert!(bare.ends_with(
            "failed: NODE_BACKGROUND_UNAVAILABLE; open the app on the device and try again"
        ));
        let both =
            told(Some("NODE_BACKGROUND_UNAVAILABLE"), Some("LOCATION_BACKGROUND_UNAVAILABLE: x"));
        assert!(
            both.contains("failed: LOCATION_BACKGROUND_UNAVAILABLE: x; open the app"),
            "{both}"
        );
        let host = told(Some("UNAVAILABLE"), Some("SYSTEM_RUN_DENIED: approval required"));
        assert!(host.contains("; the node's owner"), "{host}");
        let denied = told(Some("UNAVAILABLE"), Some("Camera permission denied"));
        assert!(denied.contains("; allow it for the app"), "{denied}");
        assert_eq!(told(None, None), "nodes camera snap failed: node invoke failed");
        assert_eq!(
            told(Some("INVALID_REQUEST"), Some("bad: params")),
            "nodes camera snap failed: bad: params"
        );
    }

    #[test]
    fn errors_of_the_bridge_get_hints_too() {
        let refused = |code, message: &str| {
            failure("nodes run", &WireError::new(code, message.to_owned())).message
        };
        assert!(refused(ErrorCode::Unavailable, "invoke timeout").ends_with("--invoke-timeout"));
        assert!(
            refused(ErrorCode::Unavailable, "node not connected (ada)").contains("; open the app")
        );
        let long = refused(ErrorCode::Unavailable, "the node's answer is longer than 32 MiB");
        assert!(long.contains("longer than 32 MiB; request less: a shorter --duration"), "{long}");
        let forbidden = refused(ErrorCode::Forbidden, "see bridge.allow.commands");
        assert_eq!(forbidden, "nodes run failed: FORBIDDEN: see bridge.allow.commands");
        let unknown = "unknown node: bob (known: alice)";
        assert_eq!(
            refused(ErrorCode::InvalidRequest, unknown),
            format!("nodes run failed: {unknown}")
        );
    }

    #[test]
    fn a_node_cannot_drive_the_terminal_with_its_reasons() {
        let told = told(Some("X\u{1b}[2J"), Some("\u{9b}y"));
        assert!(!told.contains(['\u{1b}', '\u{9b}']), "{told:?}");
    }

    #[test]
    fn every_reason_has_one_help_and_is_a_word() {
        for (at, (reason, help)) in HELP.iter().enumerate() {
            assert_eq!(leading_word(&format!("{reason}: x")), *reason);
            assert!(!help.ends_with('.') && !help.is_empty());
            assert_eq!(HELP.iter().position(|(other, _)| other == reason), Some(at));
        }
    }
}
