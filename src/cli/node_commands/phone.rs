//! `nodes location get`, `nodes sms send`.

use super::*;
use crate::protocol::command::phone::{Location, LocationGet, SmsSend};

pub(crate) fn location(line: &CommandLine) -> Result<(), Failure> {
    let call = LocationGet {
        timeout_ms: line.milliseconds("location-timeout"),
        max_age_ms: line.milliseconds("max-age"),
        desired_accuracy: line.text("accuracy"),
    };
    let search_time = line.duration("location-timeout").unwrap_or_default();
    let answer = Invoke::new(line, call).taking(search_time).send()?;
    let payload = answer.payload()?;
    let position = position(&LocationGet::decode(&payload))
        .map_err(|why| failed(line, &format!("{why}: {}", safe_json(&payload.to_string()))))?;
    match line.is_legacy() {
        true => print_json(&payload.to_string()),
        false => answer.show(|| Ok(position)),
    }
}

/// `lat,lon ±Nm`, as the old command line wrote it.
fn position(location: &Location) -> Result<String, &'static str> {
    let (Some(lat), Some(lon)) = (location.lat, location.lon) else {
        return Err("the node returned no location");
    };
    if lat.abs() > 90.0 || lon.abs() > 180.0 {
        return Err("the node returned an impossible location");
    }
    let accuracy = location.accuracy_meters.map(|meters| format!(" ±{}m", meters.round()));
    Ok(format!("{lat},{lon}{}\n", accuracy.unwrap_or_default()))
}

pub(crate) fn sms(line: &CommandLine) -> Result<(), Failure> {
    let [to, message] = ["to", "message"].map(|flag| line.required(flag));
    let answer = Invoke::new(line, SmsSend { to, message }).send()?;
    let payload = answer.payload()?;
    let sent = SmsSend::decode(&payload);
    if sent.ok == Some(false) {
        return Err(failed(line, &safe_json(&payload.to_string())));
    }
    answer.show(|| Ok(format!("sms send ok: {}\n", safe(&sent.to.unwrap_or_default()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    #[test]
    fn a_position_is_one_line() {
        let shown = |payload: &Value| position(&LocationGet::decode(payload));
        let position = json!({ "lat": 48.2, "lon": 16, "accuracyMeters": 12.4, "isPrecise": true });
        assert_eq!(shown(&position).as_deref(), Ok("48.2,16 ±12m\n"));
        assert_eq!(shown(&json!({ "lat": -1.5, "lon": 2.25 })).as_deref(), Ok("-1.5,2.25\n"));
        assert!(shown(&json!({ "lat": "1", "lon": 2 })).is_err());
        for (lat, lon, is) in [(90.0, -180.0, true), (90.1, 0.0, false), (0.0, -181.0, false)] {
            assert_eq!(shown(&json!({ "lat": lat, "lon": lon })).is_ok(), is, "{lat} {lon}");
        }
    }
}
