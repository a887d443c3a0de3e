//! `nodes notify`, `nodes location get`, `nodes sms send`: one invoke, one line.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::node_commands::invoke::{failed, payload, show, usage, Invoke, Params};
use crate::cli::render::field;
use crate::cli::text::safe_json;
use crate::protocol::NodeCommand;
use serde_json::Value;

pub(crate) fn notify(line: &CommandLine) -> Result<(), Failure> {
    let [title, body] = ["title", "body"].map(|name| line.value(name).unwrap_or_default().trim());
    if title.is_empty() && body.is_empty() {
        return Err(usage(line, "--title or --body is needed"));
    }
    // Both have to be there for the Mac, even if one is empty.
    let params = Params::default()
        .set("title", title)
        .set("body", body)
        .text(line, "sound", "sound")
        .text(line, "priority", "priority")
        .text(line, "delivery", "delivery");
    let answer = Invoke::new(line, NodeCommand::SystemNotify, params).ask()?;
    show(line, &answer, |_| "notify ok\n".to_owned())
}

pub(crate) fn location(line: &CommandLine) -> Result<(), Failure> {
    let params = Params::default()
        .milliseconds(line, "max-age", "maxAgeMs")
        .text(line, "accuracy", "desiredAccuracy")
        .milliseconds(line, "location-timeout", "timeoutMs");
    let search = line.duration("location-timeout").unwrap_or_default();
    let answer = Invoke::new(line, NodeCommand::LocationGet, params).busy_for(search).ask()?;
    let said = payload(line, &answer)?;
    let position = position(&said).ok_or_else(|| {
        failed(line, &format!("the node said no position but {}", safe_json(&said.to_string())))
    })?;
    if !is_on_earth(&said) {
        let said = safe_json(&said.to_string());
        return Err(failed(line, &format!("the node's answer makes no sense: {said}")));
    }
    show(line, &answer, |_| position)
}

/// Whether a position that was said is one.
fn is_on_earth(said: &Value) -> bool {
    let within = |name: &str, most: f64| said[name].as_f64().is_some_and(|n| n.abs() <= most);
    within("lat", 90.0) && within("lon", 180.0)
}

/// `lat,lon ±Nm`, as the old command line wrote it.
fn position(said: &Value) -> Option<String> {
    let (lat, lon) = (said["lat"].as_f64()?, said["lon"].as_f64()?);
    let accuracy = said["accuracyMeters"].as_f64().map(|meters| format!(" ±{}m", meters.round()));
    Some(format!("{lat},{lon}{}\n", accuracy.unwrap_or_default()))
}

pub(crate) fn sms(line: &CommandLine) -> Result<(), Failure> {
    let params = Params::default().text(line, "to", "to").text(line, "message", "message");
    let answer = Invoke::new(line, NodeCommand::SmsSend, params).ask()?;
    let said = payload(line, &answer)?;
    if said["ok"] == false {
        return Err(failed(line, &safe_json(&said.to_string())));
    }
    show(line, &answer, |said| format!("sms send ok: {}\n", field(said, "to")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_position_is_one_line() {
        let said = json!({ "lat": 48.2, "lon": 16, "accuracyMeters": 12.4, "isPrecise": true });
        assert_eq!(position(&said).as_deref(), Some("48.2,16 ±12m\n"));
        assert_eq!(position(&json!({ "lat": -1.5, "lon": 2.25 })).as_deref(), Some("-1.5,2.25\n"));
        assert_eq!(position(&json!({ "lat": "1", "lon": 2 })), None);
        for (lat, lon, is) in [(90.0, -180.0, true), (90.1, 0.0, false), (0.0, -181.0, false)] {
            assert_eq!(is_on_earth(&json!({ "lat": lat, "lon": lon })), is, "{lat} {lon}");
        }
    }
}
