//! `system.notify`: a notification on the desktop of this machine, shown by `notify-send`.

use crate::client::Stop;
use crate::node_host::handler::last_line;
use crate::node_host::run;
use crate::node_host::which::SearchPath;
use crate::process;
use crate::protocol::command::system::SystemNotify;
use crate::protocol::{limits, Payload, WireError};

/// The program that shows notifications, by the freedesktop.org specification.
const PROGRAM: &str = "notify-send";

pub(super) fn is_possible(search: &SearchPath) -> bool {
    search.find(PROGRAM).is_some()
}

pub(super) fn answer(
    search: &SearchPath,
    params: &str,
    cancel: &Stop,
) -> Result<Option<Payload>, WireError> {
    let arguments = arguments(params)?;
    let Some(program) = search.find(PROGRAM) else {
        let why = "NOTIFICATIONS_UNAVAILABLE: notify-send is not installed on this node";
        return Err(WireError::unavailable(why));
    };
    let mut command = process::command(program);
    command.args(arguments);
    let result = run::run(&mut command, limits::NOTIFICATION_TIME, cancel);
    if result.success == Some(true) {
        return Ok(None);
    }
    let last = last_line(&result.stderr);
    let why = result.error.as_deref().or(last).unwrap_or("notify-send failed");
    Err(WireError::unavailable(format!("NOTIFICATIONS_UNAVAILABLE: {why}")))
}

fn arguments(params: &str) -> Result<Vec<String>, WireError> {
    let wanted: SystemNotify = serde_json::from_str(params)
        .map_err(|error| WireError::invalid(format!("parameters of system.notify: {error}")))?;
    let cut = |text: &str| -> String {
        let text = text.trim().chars().filter(|c| *c != '\0');
        text.take(limits::NOTIFICATION_CHARS).collect()
    };
    let (title, body) = (cut(&wanted.title), cut(&wanted.body));
    let urgency = match wanted.priority.as_deref() {
        Some("passive") => "low",
        Some("timeSensitive") => "critical",
        _ => "normal",
    };
    let text = match (title.is_empty(), body.is_empty()) {
        (true, true) => return Err(WireError::invalid("title or body required")),
        // notify-send requires a title.
        (true, false) => vec![body],
        (false, true) => vec![title],
        (false, false) => vec![title, without_markup(&body)],
    };
    let options = ["--app-name=openclaw-bridge".to_owned(), format!("--urgency={urgency}")];
    // What follows `--` is text, even if it begins with a dash.
    Ok(options.into_iter().chain(["--".to_owned()]).chain(text).collect())
}

/// Desktops parse the body as markup with links.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn texts_are_never_options_or_markup() {
        let params = r#"{"title":"--help","body":"<a href='x'>-h</a>","priority":"timeSensitive"}"#;
        let expected = [
            "--app-name=openclaw-bridge",
            "--urgency=critical",
            "--",
            "--help",
            "&lt;a href='x'&gt;-h&lt;/a&gt;",
        ];
        assert_eq!(arguments(params).unwrap(), expected);
        let only_body = arguments(r#"{"title":" ","body":"b\u0000"}"#).unwrap();
        assert_eq!(only_body[2..], ["--", "b"]);
    }

    #[test]
    fn a_notification_needs_a_text() {
        for params in [r#"{"title":"","body":" "}"#, r#"{"title":"x"}"#, "null"] {
            assert_eq!(arguments(params).unwrap_err().code.as_str(), "INVALID_REQUEST");
        }
    }

    #[test]
    fn notify_send_shows_it_and_its_stderr_is_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        // Written by another process: a file that any thread of this one has open for writing
        // cannot be executed.
        let script = "cat > \"$1/notify-send\" <<'END'\n#!/bin/sh\n\
            for last; do :; done; [ \"$last\" = no ] && { echo 'No bus' >&2; exit 1; }\n\
            printf '%s|' \"$@\" > \"$(dirname \"$0\")/shown\"\nEND\nchmod 755 \"$1/notify-send\"";
        let made = Command::new("/bin/sh").args(["-c", script, "sh"]).arg(dir.path()).status();
        assert!(made.unwrap().success());
        let search = SearchPath::new(dir.path().as_os_str());
        let show = |params| answer(&search, params, &Stop::new().unwrap());
        assert_eq!(show(r#"{"title":"Tea","body":"is ready"}"#), Ok(None));
        let shown = std::fs::read_to_string(dir.path().join("shown")).unwrap();
        assert_eq!(shown, "--app-name=openclaw-bridge|--urgency=normal|--|Tea|is ready|");
        let refused = show(r#"{"title":"no","body":""}"#).unwrap_err();
        assert_eq!(refused.message, "NOTIFICATIONS_UNAVAILABLE: No bus");
    }

    #[test]
    fn a_machine_without_a_desktop_says_so() {
        let search = SearchPath::new("/nowhere".as_ref());
        assert!(!is_possible(&search));
        let params = r#"{"title":"x","body":""}"#;
        let refused = answer(&search, params, &Stop::new().unwrap()).unwrap_err();
        assert!(refused.message.contains("notify-send is not installed"), "{refused}");
    }
}
