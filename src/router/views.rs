//! How a node is presented to operators in a line of text.

use crate::protocol::operator::{NodeView, OperatorEvent, Presence};
use crate::router::Wall;

/// The `presence` event for a node that came or went.
pub(super) fn presence_event(view: &NodeView, connected: bool, at: Wall) -> OperatorEvent {
    let profile = &view.profile;
    let parts = [("core", &profile.core_version), ("ui", &profile.ui_version)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(part, version)| Some(format!("{part} v{}", version.as_deref()?)))
        .collect();
    let version = match parts.is_empty() {
        false => parts.join(" · "),
        true => profile.version.clone().unwrap_or_else(|| "unknown".into()),
    };
    let reason = if connected { "node-connected" } else { "node-disconnected" };
    let is_loopback = |ip: &String| ip.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    OperatorEvent::Presence(Box::new(Presence {
        host: name(view).to_owned(),
        ip: view.remote_ip.clone().filter(|ip| !is_loopback(ip)),
        text: format!("Node: {} · {version} · {reason}", name(view)),
        version,
        platform: profile.platform.clone(),
        device_family: profile.device_family.clone(),
        model_identifier: profile.model_identifier.clone(),
        mode: "remote".into(),
        reason: reason.into(),
        instance_id: view.node_id.clone(),
        ts: at.0,
    }))
}

/// The node's name, else its id.
pub(super) fn name(view: &NodeView) -> &str {
    view.profile.display_name.as_deref().unwrap_or_else(|| view.node_id.as_str())
}

pub(super) fn label(view: &NodeView) -> String {
    let id = view.node_id.as_str();
    match name(view) {
        name if name == id => id.to_owned(),
        name => format!("{name} ({id})"),
    }
}
