//! `status`, `reload`, `stop`, `log`, `events`: the running bridge itself.

use super::render::labelled;
use super::watch::watch;
use super::*;
use crate::protocol::operator::{
    CanvasHostView, CertificateView, GatewayView, GetStatus, ListNodes, ListPairings, OperatorCall,
    Reload, Reloaded, SetLogLevel, Status, Stop, SubscribeEvents,
};
use crate::protocol::rpc::system::HealthView;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

pub(super) fn status(line: &CommandLine) -> Result<(), Failure> {
    if line.is_set("watch") {
        return watch(|| snapshot(line));
    }
    let reply = ask(line, &GetStatus {})?;
    let status = reply.read()?;
    match line.wants_json() {
        true => print_json(&reply.json)?,
        false => print(&(status_text(&status) + &next(line, &status)?))?,
    }
    let mut problems = warnings(&status);
    problems.extend(status.waiting_for.iter().map(|what| format!("waiting for {}", safe(what))));
    match line.is_set("check") && !problems.is_empty() {
        true => Err(Failure::failed(problems.join("; "))),
        false => Ok(()),
    }
}

/// What is left to do.
fn next(line: &CommandLine, status: &Status) -> Result<String, Failure> {
    let pending = match status.nodes.pending {
        0 => Vec::new(),
        _ => ask(line, &ListPairings {})?.read()?.pending,
    };
    Ok(next_steps::text(status, &pending))
}

/// The status and the nodes, once.
fn snapshot(line: &CommandLine) -> Result<String, Failure> {
    let status = ask(line, &GetStatus {})?;
    if line.wants_json() {
        return Ok(safe_json(&status.json) + "\n");
    }
    let nodes = ask(line, &ListNodes {})?.read()?;
    Ok(format!("{}\n{}", status_text(&*status.read()?), nodes::overview(&nodes)))
}

fn status_text(status: &Status) -> String {
    let listeners = status.listeners.iter();
    let listeners = listeners.map(|l| format!("{} (TLS {})", safe(&l.address), safe(&l.tls)));
    let (nodes, connections) = (&status.nodes, &status.connections);
    let (paired, connected, pending) = (nodes.paired, nodes.connected, nodes.pending);
    let (open, strangers) = (connections.open, connections.unauthenticated);
    let mut rows = vec![("Listening", listeners.collect::<Vec<_>>().join(", "))];
    rows.extend(status.waiting_for.iter().map(|address| ("Waiting for", safe(address))));
    rows.extend(status.canvas_host.as_ref().and_then(canvas).map(|urls| ("Canvas", urls)));
    rows.extend(status.certificate.iter().flat_map(|c| certificate(status, c)));
    rows.extend([
        ("Announced", announced(status)),
        ("State", safe(&status.state_dir)),
        ("Nodes", format!("{paired} paired · {connected} connected · {pending} pending")),
        ("Connections", format!("{open} open · {strangers} not admitted")),
    ]);
    rows.extend(status.gateway.as_ref().map(|view| ("Gateway", gateway(view))));
    rows.extend(status.health.iter().flat_map(health));
    rows.extend(warnings(status).into_iter().map(|text| ("Warning", text)));
    let (name, version, up) =
        (safe(&status.server_name), safe(&status.version), span(status.uptime_ms));
    let pid = status.pid;
    format!("{name} · openclaw-bridge {version} · pid {pid} · up {up}\n{}", labelled(rows))
}

/// What somebody has to see to.
fn warnings(status: &Status) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |what: &str, why: Option<&str>| {
        warnings.extend(why.map(|why| format!("{what}{}", safe(why))));
    };
    warn("the pairings could not be saved: ", status.save_error.as_deref());
    warn("the certificate ", status.certificate.as_ref().and_then(|c| c.warning.as_deref()));
    warn(
        "there is no canvas host: ",
        status.canvas_host.as_ref().and_then(|c| c.problem.as_deref()),
    );
    warn(
        "the zone is not current: ",
        status.discovery.zone.as_ref().and_then(|z| z.problem.as_deref()),
    );
    if let Some(gateway) = &status.gateway {
        let remedy = gateway.remedy.as_deref().map(|remedy| format!("; {remedy}"));
        let problem = gateway.problem.as_deref();
        let problem = problem.map(|why| why.to_owned() + &remedy.unwrap_or_default());
        warn("the OpenClaw gateway: ", problem.as_deref());
    }
    if let Some(health) = &status.health {
        let agent = health.agent.as_ref().filter(|agent| agent.failing);
        let error = agent.map(|agent| agent.last_error.as_deref().unwrap_or("see the log"));
        warn("the agent failed last time: ", error);
        let is_full = health.disk.as_ref().is_some_and(|disk| disk.nearly_full);
        warn("", is_full.then_some("the disk is nearly full, so messages are refused"));
    }
    warnings
}

fn gateway(GatewayView { url, connected, version, .. }: &GatewayView) -> String {
    let version = version.as_deref().map(|version| format!(" · OpenClaw {}", safe(version)));
    let state = if *connected { "connected" } else { "away" };
    format!("{} · {state}{}", safe(url), version.unwrap_or_default())
}

fn canvas(CanvasHostView { addresses, problem }: &CanvasHostView) -> Option<String> {
    let urls = addresses.iter().map(|address| format!("http://{}", safe(address)));
    problem.is_none().then(|| urls.collect::<Vec<_>>().join(", "))
}

fn health(health: &HealthView) -> impl Iterator<Item = (&'static str, String)> {
    let agent = health.agent.as_ref().map(|agent| {
        let (kind, running, queued) = (safe(&agent.kind), agent.running, agent.queued);
        ("Agent", format!("{kind} · {running} running · {queued} waiting"))
    });
    let disk = health.disk.as_ref().map(|disk| {
        let mib = |bytes| bytes / (1024 * 1024);
        let (free, taken) = (mib(disk.free_bytes), mib(disk.conversation_bytes));
        ("Disk", format!("{free} MiB free · {taken} MiB of conversations"))
    });
    agent.into_iter().chain(disk)
}

fn certificate(status: &Status, view: &CertificateView) -> [(&'static str, String); 2] {
    let expires = view.expires_in_days.filter(|days| *days >= 0);
    let expires = expires.map(|days| format!(" (expires in {days} days)")).unwrap_or_default();
    let fingerprint = safe(status.fingerprint_sha256.as_deref().unwrap_or_default());
    [("Certificate", safe(&view.path) + &expires), ("Fingerprint", fingerprint)]
}

fn announced(status: &Status) -> String {
    let Some(mdns) = &status.discovery.mdns else { return "no".to_owned() };
    let interfaces: Vec<String> = mdns.interfaces.iter().map(|name| safe(name)).collect();
    let interfaces = match interfaces.is_empty() {
        true => "on no interface yet".to_owned(),
        false => format!("on {}", interfaces.join(", ")),
    };
    format!("{} ({}), {interfaces}", safe(&mdns.instance), safe(&mdns.host))
}

pub(super) fn reload(line: &CommandLine) -> Result<(), Failure> {
    show(line, &Reload {}, |Reloaded { path, restart_needed, new_fingerprint_sha256 }| {
        let mut text = match path {
            Some(path) => format!("reloaded {}\n", safe(&path)),
            None => "there is no configuration file; the defaults apply\n".to_owned(),
        };
        if let Some(fingerprint) = new_fingerprint_sha256 {
            let fingerprint = safe(&fingerprint);
            text += &format!("the certificate has changed; nodes must pin {fingerprint}\n");
        }
        for key in restart_needed {
            text += &format!("{} has changed; it takes effect at the next start\n", safe(&key));
        }
        text
    })
}

/// Returns when the bridge has stopped, not when it has accepted the request.
pub(super) fn stop(line: &CommandLine) -> Result<(), Failure> {
    let mut client = connect(line)?;
    client.ask(&Stop {}, timeout(line))?;
    client.wait_for_end(timeout(line)).map_err(|error| match error {
        ClientError::NoAnswer(timeout) => {
            Failure::failed(format!("the bridge did not stop within {timeout:?}; see its log"))
        }
        error => error.into(),
    })?;
    print(if line.wants_json() { "{\"stopped\":true}\n" } else { "stopped\n" })
}

pub(super) fn log(line: &CommandLine) -> Result<(), Failure> {
    show(line, &SetLogLevel { level: line.required("LEVEL") }, |answer| {
        format!("log level is now {}\n", safe(&answer.level))
    })
}

/// Calls a method by its name, and prints the answer as it came.
pub(super) fn call(line: &CommandLine) -> Result<(), Failure> {
    if line.value("METHOD") == Some(SubscribeEvents::METHOD) {
        return Err(Failure::usage("events arrive after the answer: use `openclaw-bridge events`"));
    }
    let params = operator::params_flag(line)?.unwrap_or_else(|| "{}".to_owned());
    let params = RawValue::from_string(params).map_err(|e| Failure::usage(e.to_string()))?;
    let answer = connect(line)?.call(&line.required("METHOD"), &params, timeout(line))?;
    print_json(&answer)
}

/// Prints events as they happen, one JSON object per line.
pub(super) fn events(line: &CommandLine) -> Result<(), Failure> {
    let names: BTreeSet<String> = line.values("only").into_iter().collect();
    let only = Some(names).filter(|names| !names.is_empty());
    let mut client = connect(line)?;
    client.ask(&SubscribeEvents { only }, timeout(line))?;
    loop {
        match client.next_event(None) {
            Ok((_, json)) => print_json(&json)?,
            Err(ClientError::HungUp) => return Err(Failure::not_running("the bridge has stopped")),
            Err(error) => return Err(error.into()),
        }
    }
}
