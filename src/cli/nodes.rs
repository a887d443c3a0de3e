//! `nodes …`: paired nodes, pairing requests, and commands for nodes.

use super::columns::Column;
use super::render::{device, name, part, versions, words};
use super::*;
use crate::protocol::limits;
use crate::protocol::operator::{
    ApprovePairing, Approved, DescribeNode, InvokeNode, ListNodes, ListPairings, NodeDetails,
    NodeList, NodeView, PendingView, RejectPairing, RenameNode, RevokeNode,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns of the terminal that a text from an unpaired node may take.
pub(super) const UNPAIRED_TEXT_WIDTH: usize = 60;

const COLUMNS: &[Column<'_>] = &[
    ("NAME", 7, 8),
    ("ID", 5, 9),
    ("STATE", 6, 12),
    ("ADDRESS", 4, 9),
    ("DEVICE", 3, 10),
    ("VERSION", 2, 8),
    ("CAPS", 1, 10),
];

/// Where the column is that says how far a node is at an OpenClaw gateway, if there is one.
const GATEWAY_AT: usize = 3;

/// In the old shape with the pairing requests, and without whether nodes are connected.
pub(super) fn list(line: &CommandLine) -> Result<(), Failure> {
    if !line.is_legacy() {
        return status(line);
    }
    let mut pairings = ask(line, &ListPairings {})?.read()?;
    if let Some(wanted) = wanted(line) {
        pairings.pending.clear();
        pairings.paired.retain(wanted);
    }
    print_answer(line, &pairings, "")
}

pub(super) fn status(line: &CommandLine) -> Result<(), Failure> {
    let Some(wanted) = wanted(line) else {
        return show(line, &ListNodes {}, |list| overview(&list));
    };
    let mut list = ask(line, &ListNodes {})?.read()?;
    list.nodes.retain(wanted);
    print_answer(line, &list, &overview(&list))
}

/// Which nodes are asked for, if not all.
fn wanted(line: &CommandLine) -> Option<impl Fn(&NodeView) -> bool> {
    let (only_connected, within) = (line.is_set("connected"), line.milliseconds("last-connected"));
    let since = within.map(|time| now_ms().saturating_sub(time));
    let was_here = move |node: &NodeView| node.last_seen_at_ms >= since;
    let is_wanted = move |node: &NodeView| {
        node.connected || !only_connected && since.is_some() && was_here(node)
    };
    (only_connected || since.is_some()).then_some(is_wanted)
}

/// All nodes, in a table.
pub(super) fn overview(NodeList { nodes, .. }: &NodeList) -> String {
    let connected = nodes.iter().filter(|node| node.connected).count();
    let mut rows: Vec<Vec<String>> = nodes.iter().map(row).collect();
    let mut columns = COLUMNS.to_vec();
    if nodes.iter().any(|node| node.gateway.is_some()) {
        columns.insert(GATEWAY_AT, ("GATEWAY", 6, 8));
        for (row, node) in rows.iter_mut().zip(nodes) {
            let state = node.gateway.as_ref().map_or("", |gateway| gateway.state.as_str());
            row.insert(GATEWAY_AT, state.to_owned());
        }
    }
    let rows = match rows.is_empty() {
        true => "No node is paired yet. `openclaw-bridge nodes pending` lists pairing requests.\n"
            .into(),
        false => table(&columns, &rows),
    };
    let at_gateway: String = nodes.iter().filter_map(at_gateway).collect();
    format!("Paired: {} · Connected: {connected}\n{rows}{at_gateway}", nodes.len())
}

/// What keeps a node from working at the OpenClaw gateway, and what to do about it.
fn at_gateway(node: &NodeView) -> Option<String> {
    let gateway = node.gateway.as_ref()?;
    let problem = safe(gateway.problem.as_deref()?);
    let remedy = gateway.remedy.as_deref().map(|remedy| format!("; there: {}", safe(remedy)));
    let name = name(&node.node_id, &node.profile);
    Some(format!("{name}: {problem}{}\n", remedy.unwrap_or_default()))
}

fn row(node: &NodeView) -> Vec<String> {
    vec![
        name(&node.node_id, &node.profile),
        safe(node.node_id.as_str()),
        if node.connected { "connected" } else { "disconnected" }.into(),
        safe(node.remote_ip.as_deref().unwrap_or_default()),
        device(&node.profile),
        versions(&node.profile),
        words(&node.profile.caps),
    ]
}

pub(super) fn pending(line: &CommandLine) -> Result<(), Failure> {
    if line.is_set("watch") {
        return pending_watch::run(line);
    }
    let pending = ask(line, &ListPairings {})?.read()?.pending;
    let now = now_ms();
    let text = match pending.is_empty() {
        true => "No pending pairing requests.\n".to_owned(),
        false => pending.iter().map(|request| pending_line(request, now)).collect(),
    };
    match line.is_legacy() {
        true => print_answer(line, &pending, &text),
        false => print_answer(line, &BTreeMap::from([("pending", pending)]), &text),
    }
}

/// Whose request it is: name and address.
pub(super) fn waiting_line(request: &PendingView) -> String {
    let name = clip(&name(&request.node_id, &request.profile), UNPAIRED_TEXT_WIDTH);
    format!("{name} at {}", safe(&request.remote_ip))
}

/// One request, with everything that an operator should notice before approving it.
pub(super) fn pending_line(request: &PendingView, now: u64) -> String {
    let (id, profile) = (&request.node_id, &request.profile);
    let [name, id, device] = [name(id, profile), part(id.as_str()), device(profile)]
        .map(|text| clip(&text, UNPAIRED_TEXT_WIDTH));
    let mut parts = vec![format!("- {}: {name}", safe(&request.request_id))];
    if name != id {
        parts.push(id);
    }
    let shown = [device, safe(&request.remote_ip)].into_iter().filter(|part| !part.is_empty());
    parts.extend(shown.chain([ago(now, request.ts)]));
    if request.is_repair {
        parts.push("repair: a node with this id is paired already; is it the same?".into());
    }
    if request.conflict {
        parts.push("CONFLICT: another request has the same node id".into());
    }
    if request.stale_token {
        parts.push(
            "stale token: it was paired once, or says so; approving accepts its token".into(),
        );
    }
    if let Some(other) = &request.same_name_as {
        let other = clip(&part(other.as_str()), UNPAIRED_TEXT_WIDTH);
        parts.push(format!("CAUTION: named like the paired node {other}"));
    }
    if request.replaced > 0 {
        let (count, last) = (
            request.replaced,
            match request.stale_token {
                true => "the last token is accepted",
                false => "the last one gets the token",
            },
        );
        parts.push(format!("{count} more requests from the same address; {last}"));
    }
    match (request.approved_at_ms, request.waiting) {
        (Some(_), _) => parts.push("approved, waiting for the node to reconnect".into()),
        (None, false) if !request.stale_token => parts.push("not connected".into()),
        (None, _) => {}
    }
    parts.join(" · ") + "\n"
}

pub(super) fn approve(line: &CommandLine) -> Result<(), Failure> {
    let call = ApprovePairing { request_id: line.required("REQUEST") };
    show(line, &call, |answer| approved(&answer))
}

/// What an approval has done.
pub(super) fn approved(answer: &Approved) -> String {
    let node = &answer.node;
    let address = node.remote_ip.as_deref().map(safe).unwrap_or_default();
    let what = [name_and_id(node), device(&node.profile), address];
    let what = what.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    match (answer.delivered, answer.stale_token) {
        (_, true) => {
            format!("paired {what}; its own token is valid now, and it connects by itself\n")
        }
        (true, false) => format!("paired {what}\n"),
        (false, false) => {
            format!("approved {what}; it gets its token if it reconnects within 10 minutes\n")
        }
    }
}

pub(super) fn reject(line: &CommandLine) -> Result<(), Failure> {
    show(line, &RejectPairing { request_id: line.required("REQUEST") }, |answer| {
        format!("rejected {}\n", safe(answer.node_id.as_str()))
    })
}

pub(super) fn rename(line: &CommandLine) -> Result<(), Failure> {
    let call = RenameNode { node_id: line.required("node"), display_name: line.required("name") };
    show(line, &call, |answer| {
        let (id, name) = (safe(answer.node_id.as_str()), safe(&answer.display_name));
        format!("node rename ok: {id} -> {name}\n")
    })
}

pub(super) fn revoke(line: &CommandLine) -> Result<(), Failure> {
    show(line, &RevokeNode { node_id: line.required("node") }, |answer| {
        let cut = if answer.was_connected { " and disconnected it" } else { "" };
        format!("revoked the pairing of {}{cut}\n", safe(answer.node_id.as_str()))
    })
}

pub(super) fn describe(line: &CommandLine) -> Result<(), Failure> {
    show(line, &DescribeNode { node_id: line.required("node") }, |answer| description(&answer))
}

fn description(NodeDetails { node, refused, .. }: &NodeDetails) -> String {
    let (now, profile, gateway) = (now_ms(), &node.profile, node.gateway.as_ref());
    let state = match node.connected_at_ms {
        Some(since) => format!("connected for {}", span(now.saturating_sub(since))),
        None => "disconnected".into(),
    };
    let permissions =
        profile.permissions.iter().flatten().map(|(name, allowed)| {
            format!("{}: {}", safe(name), if *allowed { "yes" } else { "no" })
        });
    let mut text = format!("{} · {state}\n", name_and_id(node));
    for (label, value) in [
        ("Address", safe(node.remote_ip.as_deref().unwrap_or_default())),
        ("Device", device(profile)),
        ("Version", versions(profile)),
        ("Canvas host", safe(node.canvas_host_url.as_deref().unwrap_or_default())),
        ("Gateway", gateway.map(|gateway| gateway.state.as_str().to_owned()).unwrap_or_default()),
        ("Gateway id", safe(gateway.map(|gateway| &*gateway.node_id).unwrap_or_default())),
        ("Problem", safe(gateway.and_then(|g| g.problem.as_deref()).unwrap_or_default())),
        ("Remedy", safe(gateway.and_then(|g| g.remedy.as_deref()).unwrap_or_default())),
        ("Last seen", node.last_seen_at_ms.map_or_else(String::new, |at| ago(now, at))),
        ("Paired", ago(now, node.approved_at_ms)),
        (
            "Refused",
            match refused {
                0 => String::new(),
                count => format!("{count} times since the start, for a wrong token"),
            },
        ),
        ("Permissions", permissions.collect::<Vec<_>>().join(", ")),
        ("Caps", words(&profile.caps)),
        ("Commands", words(&profile.commands)),
        ("Forbidden", words(&Some(node.forbidden_commands.clone()))),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:12} {value}");
        }
    }
    text
}

fn name_and_id(node: &NodeView) -> String {
    let id = safe(node.node_id.as_str());
    match name(&node.node_id, &node.profile) {
        name if name == id => id,
        name => format!("{name} ({id})"),
    }
}

pub(super) fn invoke(line: &CommandLine) -> Result<(), Failure> {
    let node_timeout = line.duration("invoke-timeout").unwrap_or_default();
    let params = operator::params_flag(line)?;
    let call = InvokeNode {
        node_id: line.required("node"),
        command: line.required("command"),
        // As it was written: a node may search the text (protocol section 1.1).
        params: params.map(Into::into),
        timeout_ms: Some(in_milliseconds(node_timeout)),
        idempotency_key: line.text("idempotency-key"),
    };
    let reply = connect(line)?.ask(&call, timeout(line).max(node_timeout + limits::ANSWER_MARGIN));
    let reply = reply.map_err(|error| match error {
        ClientError::Refused(error) => node_commands::error_hints::failure(line.path(), &error),
        error => error.into(),
    })?;
    if line.wants_json() {
        return node_commands::invoke::print_invoked(line, &reply.json);
    }
    print_json(reply.read()?.payload.as_ref().map_or("null", |payload| &payload.0))
}
