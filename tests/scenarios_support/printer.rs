//! What the router did, as lines of text. Frames are printed by the real encoder. Of nodes and
//! requests in answers and events, only what tells them apart is printed, and what the scenario
//! asked for with `show`; of a save, in what the files differ from those before it.

use super::world::{Deed, BEGINNING};
use openclaw_bridge::protocol::operator::{Answer, OperatorEvent, Pairings, Status};
use openclaw_bridge::protocol::{GatewayFrame, Token, TokenHash, WireError};
use openclaw_bridge::router::{
    Caller, ConnId, DaemonTask, NodeNotice, Output, PairedNode, PairingBook, PairingRequest,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Fields of nodes and requests that are printed wherever they are true, or not zero.
const FLAGS: [&str; 9] = [
    "reason",
    "connected",
    "waiting",
    "silent",
    "isRepair",
    "conflict",
    "staleToken",
    "replaced",
    "refused",
];

type Fields = Map<String, Value>;

/// Prints the deeds of one scenario.
#[derive(Default)]
pub(crate) struct Printer {
    /// More fields of nodes and requests to print; `all` prints them as the JSON they are.
    pub(crate) shown: Vec<String>,
}

impl Printer {
    /// One line for each deed; what follows from a save is indented under it.
    pub(crate) fn lines(&self, deeds: &[Deed]) -> Vec<String> {
        let mut lines = Vec::new();
        self.print(deeds, 0, &mut lines);
        lines
    }

    fn print(&self, deeds: &[Deed], depth: usize, lines: &mut Vec<String>) {
        for deed in deeds {
            let text = match (&deed.output, &deed.then) {
                (Output::Save { book }, Some((worked, _))) => {
                    let mark = if *worked { "" } else { " (fails)" };
                    format!("save{mark}{}", changes(&deed.before, book))
                }
                (output, _) => self.output(output),
            };
            let text = format!("{}{text}", "  ".repeat(depth));
            lines.push(without_padding(&with_short_times(&text)));
            if let Some((_, then)) = &deed.then {
                self.print(then, depth + 1, lines);
            }
        }
    }

    fn output(&self, output: &Output) -> String {
        match output {
            Output::Send { to, frame } => format!("{} <- {}", conn(*to), sent(frame)),
            Output::Admit { conn: c, node } => format!("admit {} as {node}", conn(*c)),
            Output::Wait { conn: c, node } => format!("wait {} as {node}", conn(*c)),
            Output::LineLimit { conn: c, bytes } => {
                format!("line-limit {} {} MiB", conn(*c), bytes / 1024 / 1024)
            }
            Output::Close { conn: c, why } => format!("close {}: {}", conn(*c), why.as_str()),
            Output::Save { .. } => "save".into(),
            Output::Call { call, caller, method, params } => {
                let caller = match caller {
                    Caller::Node(node) => node.to_string(),
                    Caller::Operator => "an operator".into(),
                };
                format!("call {} {method} for {caller}{}", call.0, after(params.as_deref()))
            }
            Output::Notify(NodeNotice::Online { node, .. }) => format!("backend: {node} is online"),
            Output::Notify(NodeNotice::Changed { node, .. }) => {
                format!("backend: {node} has changed")
            }
            Output::Notify(NodeNotice::Offline(node)) => format!("backend: {node} is offline"),
            Output::Notify(NodeNotice::Event { node, event, payload }) => {
                format!("backend: {node} sends {event} {payload}")
            }
            Output::Notify(NodeNotice::Subscription { node, session_key, is_wanted }) => {
                let not = if *is_wanted { "" } else { "not " };
                format!("backend: {node} does {not}want {session_key:?}")
            }
            Output::DroppedEvent { conn, event, why } => {
                format!("dropped: {event} of c{conn}: {why}")
            }
            Output::Notify(other) => format!("backend: {other:?}"),
            Output::Reply { to, result } => match result {
                Ok(answer) => format!("op{} ok {}", to.op, self.answer(answer)),
                Err(failure) => format!("op{} error {}", to.op, error(failure)),
            },
            Output::Publish { to, event } => {
                let to: Vec<String> = to.iter().map(|op| format!("op{op}")).collect();
                format!("event [{}] {} {}", to.join(" "), event.name(), self.event(event))
            }
            Output::Daemon { requester, task } => {
                let task = match task {
                    DaemonTask::Status(known) => format!("status {}", status(known)),
                    DaemonTask::Reload => "reload".into(),
                    DaemonTask::Log(level) => format!("log {level}"),
                    DaemonTask::Stop => "stop".into(),
                };
                format!("daemon for op{}: {task}", requester.op)
            }
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        if self.shows_all() {
            return json(answer);
        }
        match answer {
            Answer::Nodes(list) => format!("nodes {}", self.views(&list.nodes)),
            Answer::Node(details) => format!("node {}", self.view(details)),
            Answer::Pairings(Pairings { pending, paired, .. }) => {
                format!("pending {} paired {}", self.views(pending), self.views(paired))
            }
            Answer::Approved(approved) => {
                let how = match (approved.delivered, approved.stale_token) {
                    (true, true) => "with its stale token",
                    (true, false) => "delivered",
                    (false, _) => "kept",
                };
                format!("approved {} {how} {}", approved.request_id, self.view(&approved.node))
            }
            other => json(other),
        }
    }

    fn event(&self, event: &OperatorEvent) -> String {
        match event {
            OperatorEvent::PairRequested(view) if !self.shows_all() => self.view(view),
            OperatorEvent::Presence(presence) if !self.shows_all() => self.view(presence),
            OperatorEvent::PairResolved(resolved) if !self.shows_all() => {
                format!("{} {} {}", resolved.request_id, resolved.node_id, resolved.decision)
            }
            other => fields(other)["payload"].to_string(),
        }
    }

    fn shows_all(&self) -> bool {
        self.shown.iter().any(|field| field == "all")
    }

    fn views(&self, views: &[impl serde::Serialize]) -> String {
        let views: Vec<String> = views.iter().map(|view| self.view(view)).collect();
        format!("[{}]", views.join(", "))
    }

    /// A node or request: ids, the name if it has one, flags, and the fields to be shown.
    fn view(&self, view: &impl serde::Serialize) -> String {
        let fields = fields(view);
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let mut parts: Vec<String> = ["requestId", "nodeId", "instanceId"]
            .iter()
            .filter_map(|id| text(id))
            .map(Into::into)
            .collect();
        if let Some(name) =
            text("displayName").or_else(|| text("host").filter(|host| parts[0] != *host))
        {
            parts.push(format!("{name:?}"));
        }
        let is_request = fields.contains_key("requestId");
        if is_request && fields.contains_key("approvedAtMs") {
            parts.push("approved".into());
        }
        for flag in FLAGS {
            match fields.get(flag) {
                Some(Value::Bool(true)) => parts.push(flag.into()),
                Some(Value::String(text)) => parts.push(text.clone()),
                Some(Value::Number(count)) => parts.push(format!("{flag}={count}")),
                _ => {}
            }
        }
        let shown = self.shown.iter().filter_map(|name| Some((name, fields.get(name)?)));
        parts.extend(shown.map(|(name, value)| format!("{name}={value}")));
        parts.join(" ")
    }
}

fn conn(id: ConnId) -> String {
    format!("c{id}")
}

/// The type, then the line without it.
fn sent(frame: &GatewayFrame) -> String {
    let mut line = Vec::new();
    frame.encode(&mut line);
    let line = String::from_utf8(line).unwrap();
    let kind = frame.kind();
    let rest = line.trim_end().strip_prefix(&format!("{{\"type\":\"{kind}\"")).unwrap();
    match frame {
        GatewayFrame::Error(failure) => format!("error {}", error(failure)),
        _ => format!("{kind} {{{}", rest.trim_start_matches(',')),
    }
}

fn error(error: &WireError) -> String {
    let (code, message) = (error.code.as_str(), &error.message);
    format!("{code} {message}{}", after(error.details.as_deref()))
}

fn after(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!(" {text}"))
}

/// The entries of both files that are new, changed or gone.
fn changes(before: &PairingBook, book: &PairingBook) -> String {
    let paired = |book: &PairingBook| -> BTreeMap<String, Fields> {
        let entries = book.paired.iter();
        entries.map(|(id, node)| (id.to_string(), paired_fields(id.as_str(), node))).collect()
    };
    let pending = |book: &PairingBook| -> BTreeMap<String, Fields> {
        let entries = book.pending.iter();
        entries.map(|(id, request)| (id.to_string(), request_fields(request))).collect()
    };
    let paired = difference(&paired(before), &paired(book));
    let pending = difference(&pending(before), &pending(book));
    let part = |name: &str, changes: Vec<String>| match changes.is_empty() {
        true => String::new(),
        false => format!(" {name}: {}", changes.join(", ")),
    };
    part("paired", paired) + &part("pending", pending)
}

/// `+key` and all its fields if it is new, `key` and the fields that changed, `-key` if it is gone.
fn difference(before: &BTreeMap<String, Fields>, after: &BTreeMap<String, Fields>) -> Vec<String> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |key: &String| match (before.get(key), after.get(key)) {
        (_, None) => Some(format!("-{key}")),
        (None, Some(new)) => Some(format!("+{key}{}", changed(&Fields::new(), new))),
        (Some(old), Some(new)) if old != new => Some(format!("{key}{}", changed(old, new))),
        _ => None,
    };
    keys.into_iter().filter_map(change).collect()
}

fn changed(old: &Fields, new: &Fields) -> String {
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let set = set.map(|(name, value)| match value {
        Value::Bool(true) => format!(" {name}"),
        value => format!(" {name}={value}"),
    });
    let unset = old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!(" -{name}"));
    set.chain(unset).collect()
}

fn paired_fields(id: &str, node: &PairedNode) -> Fields {
    let mut all = fields(&node.profile);
    all.insert("token".into(), token(id, node.token).into());
    all.insert("createdAtMs".into(), node.created_at.0.into());
    all.insert("approvedAtMs".into(), node.approved_at.0.into());
    if let Some(ip) = &node.remote_ip {
        all.insert("remoteIp".into(), ip.as_str().into());
    }
    if node.renamed {
        all.insert("renamed".into(), true.into());
    }
    all.extend(node.other.clone());
    all
}

fn request_fields(request: &PairingRequest) -> Fields {
    let mut all = fields(&request.profile);
    all.insert("nodeId".into(), request.node.as_str().into());
    all.insert("remoteIp".into(), request.remote_ip.to_string().into());
    all.insert("ts".into(), request.ts.0.into());
    let flags = [
        ("silent", request.silent),
        ("isRepair", request.is_repair),
        ("conflict", request.conflict),
    ];
    all.extend(flags.iter().filter(|(_, set)| *set).map(|(name, _)| ((*name).into(), true.into())));
    if let Some(hash) = request.stale_token {
        all.insert("staleToken".into(), token(request.node.as_str(), Some(hash)).into());
    }
    if let Some(at) = request.approved_at {
        all.insert("approvedAtMs".into(), at.0.into());
    }
    all
}

/// The token behind a hash, if it is one that a scenario makes.
fn token(node: &str, hash: Option<TokenHash>) -> String {
    let Some(hash) = hash else { return "none".into() };
    let made = (1..100).map(|number| format!("token-{number}"));
    let stale = (1..100).map(|number| format!("{number:032}"));
    let mut known = made.chain(stale).chain([format!("token-of-{node}")]);
    let found =
        known.find(|token| Token::presented(token).is_some_and(|token| hash.matches(&token)));
    found.unwrap_or_else(|| "unknown".into())
}

/// The fields of what is a JSON object.
fn fields(value: &impl serde::Serialize) -> Fields {
    serde_json::from_str(&json(value)).unwrap()
}

/// Counts, and of the counters those that have counted something.
fn status(status: &Status) -> String {
    let (nodes, connections) = (&status.nodes, &status.connections);
    let mut text = format!(
        "paired={} connected={} pending={} open={} unauthenticated={}",
        nodes.paired, nodes.connected, nodes.pending, connections.open, connections.unauthenticated
    );
    for (name, count) in fields(&status.counters).iter().filter(|(_, count)| **count != 0) {
        text.push_str(&format!(" {name}:{count}"));
    }
    text
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Milliseconds since 1970 that are within the test, as the time since its beginning.
fn with_short_times(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at);
        let number = &rest[at..at + digits];
        short.push_str(&rest[..at]);
        match number.parse::<u64>().ok().and_then(|ms| ms.checked_sub(BEGINNING)) {
            Some(since) if number.len() == 13 => {
                short.push_str(&format!("@{}", span(Duration::from_millis(since))));
            }
            _ => short.push_str(number),
        }
        rest = &rest[at + digits..];
    }
    short + rest
}

/// A long row of the letter x, as the command `big` makes it, in short.
fn without_padding(text: &str) -> String {
    let Some(start) = text.find(&"x".repeat(1000)) else { return text.to_owned() };
    let end = text[start..].find(|c| c != 'x').map_or(text.len(), |row| start + row);
    format!("{}x*{}{}", &text[..start], end - start, &text[end..])
}

/// A span as a person writes it: `90s`, `5m`, `1.5s`.
pub(crate) fn span(span: Duration) -> String {
    let ms = span.as_millis();
    match ms {
        0 => "0s".into(),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ => format!("{}s", span.as_secs_f64()),
    }
}
