//! `status`, `reload`, `stop`, `log`: the running bridge itself.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::nodes;
use crate::cli::operator::{ask_text, connect, patience, value};
use crate::cli::render::{field, span};
use crate::cli::text::{safe, safe_json};
use crate::cli::watch::watch;
use crate::cli::{print, print_json};
use crate::control::ClientError;
use serde_json::{json, Value};

pub(super) fn status(line: &CommandLine) -> Result<(), Failure> {
    if line.is_set("watch") {
        return watch(|| picture(line));
    }
    let answer = ask_text(line, "status", &json!({}))?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    print(&words(&value(&answer)?))
}

/// The status and the nodes, once.
fn picture(line: &CommandLine) -> Result<String, Failure> {
    let status = ask_text(line, "status", &json!({}))?;
    if line.is_set("json") {
        return Ok(safe_json(&status) + "\n");
    }
    let nodes = value(&ask_text(line, "node.list", &json!({}))?)?;
    Ok(format!("{}\n{}", words(&value(&status)?), nodes::overview(&nodes)))
}

fn words(status: &Value) -> String {
    let listeners = status["listeners"].as_array().map_or(&[][..], Vec::as_slice);
    let listeners = listeners
        .iter()
        .map(|listener| format!("{} (TLS {})", field(listener, "address"), field(listener, "tls")));
    let waiting = field(status, "waitingFor");
    let waiting = if waiting.is_empty() { waiting } else { format!("Waiting for: {waiting}\n") };
    let number = |part: &str, key: &str| status[part][key].as_u64().unwrap_or_default();
    format!(
        "{} · openclaw-bridge {} · pid {} · up {}\n\
         Listening:   {}\n\
         {waiting}\
         {}\
         Announced:   {}\n\
         State:       {}\n\
         Nodes:       {} paired · {} connected · {} pending\n\
         Connections: {} open · {} not admitted\n",
        field(status, "serverName"),
        field(status, "version"),
        status["pid"],
        span(status["uptimeMs"].as_u64().unwrap_or_default()),
        listeners.collect::<Vec<_>>().join(", "),
        certificate(status),
        announced(&status["discovery"]["mdns"]),
        field(status, "stateDir"),
        number("nodes", "paired"),
        number("nodes", "connected"),
        number("nodes", "pending"),
        number("connections", "open"),
        number("connections", "unauthenticated"),
    )
}

/// The lines about the certificate; none without TLS.
fn certificate(status: &Value) -> String {
    let certificate = &status["certificate"];
    if certificate.is_null() {
        return String::new();
    }
    let mut text = format!("Certificate: {}", field(certificate, "path"));
    if let Some(days) = certificate["expiresInDays"].as_i64().filter(|days| *days >= 0) {
        text += &format!(" (ends in {days} days)");
    }
    text.push('\n');
    text += &format!("Fingerprint: {}\n", field(status, "fingerprintSha256"));
    if certificate["warning"].is_string() {
        text += &format!("Warning:     the certificate {}\n", field(certificate, "warning"));
    }
    text
}

fn announced(mdns: &Value) -> String {
    if mdns.is_null() {
        return "no".to_owned();
    }
    let interfaces = mdns["interfaces"].as_array().into_iter().flatten();
    let interfaces: Vec<String> = interfaces.filter_map(Value::as_str).map(safe).collect();
    let place = if interfaces.is_empty() {
        "nowhere yet".to_owned()
    } else {
        format!("on {}", interfaces.join(", "))
    };
    format!("{} ({}), {place}", field(mdns, "instance"), field(mdns, "host"))
}

pub(super) fn reload(line: &CommandLine) -> Result<(), Failure> {
    let answer = ask_text(line, "reload", &json!({}))?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    let answer = value(&answer)?;
    let mut text = match answer["path"].as_str() {
        Some(_) => format!("read {} again\n", field(&answer, "path")),
        None => "there is no configuration file; the defaults stay in force\n".to_owned(),
    };
    if answer["newFingerprintSha256"].is_string() {
        let fingerprint = field(&answer, "newFingerprintSha256");
        text += &format!("the certificate is another one now; nodes must pin {fingerprint}\n");
    }
    for key in answer["restartNeeded"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("{key} was changed; it takes effect at the next start\n");
    }
    print(&text)
}

/// Returns when the bridge is gone, not just when it has agreed to go.
pub(super) fn stop(line: &CommandLine) -> Result<(), Failure> {
    let mut client = connect(line)?;
    let reply = client.ask("stop", &json!({}), patience(line))?;
    reply.map_err(|refusal| Failure::refused(&refusal))?;
    client.wait_for_end(patience(line)).map_err(|error| match error {
        ClientError::NoAnswer(after) => {
            Failure::failed(format!("the bridge did not stop within {after:?}; see its log"))
        }
        error => error.into(),
    })?;
    print(if line.is_set("json") { "{\"stopped\":true}\n" } else { "stopped\n" })
}

pub(super) fn log(line: &CommandLine) -> Result<(), Failure> {
    let level = line.value("LEVEL").unwrap_or_default();
    let answer = ask_text(line, "log", &json!({ "level": level }))?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    print(&format!("log level is now {}\n", field(&value(&answer)?, "level")))
}
