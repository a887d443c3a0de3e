//! Checks for values that are valid alone, but not together.

use super::names::url_host;
use super::reader::Reader;
use super::{backend, AgentKind, Bind, Config};
use std::net::IpAddr;

/// Reports values that contradict each other, or that this version cannot honour.
pub(super) fn contradictions(config: &Config, reader: &mut Reader) {
    let kind_is_written = reader.origins.contains_key("agent.kind");
    let tls = &config.bridge.tls;
    if tls.cert_path.is_some() != tls.key_path.is_some() {
        let place =
            if tls.cert_path.is_some() { "bridge.tls.certPath" } else { "bridge.tls.keyPath" };
        reader.problem(place, "certPath and keyPath belong together; set both or neither");
    }
    let limits = &config.bridge.limits;
    if limits.unauthenticated > limits.connections {
        let reason = format!("is more than bridge.limits.connections, {}", limits.connections);
        reader.problem("bridge.limits.strangers", reason);
    }
    // Nodes are sent the address as it is written.
    let canvas = config.canvas_host.url.as_deref().and_then(url_host).unwrap_or_default();
    if canvas.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        let reason = format!(
            "{canvas} is not an address that a node can connect to; use a name or address \
                     of this machine"
        );
        reader.problem("canvasHost.url", reason);
    }
    let agent = &config.agent;
    let is_known_wrong =
        reader.problems.iter().any(|problem| problem.place.starts_with("agent.command"));
    if agent.kind == AgentKind::Command && agent.command.is_empty() && !is_known_wrong {
        let reason =
            "is missing, although agent.kind is \"command\"; set it to the program that answers";
        reader.problem("agent.command", reason);
    }
    if !agent.command.is_empty() && !kind_is_written {
        let reason =
            "must be \"command\" for agent.command to be run, or \"echo\" to keep it unused";
        reader.problem("agent.kind", reason);
    }
    backend::contradictions(config, reader);
}

impl Config {
    /// What is allowed but probably a mistake, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.bridge.wait_for_tailnet
            && !matches!(self.bridge.bind, Bind::Tailnet | Bind::Address(_))
        {
            warnings.push(format!(
                "bridge.waitForTailnet: there is nothing to wait for, because bridge.bind is \"{}\"",
                self.bridge.bind
            ));
        }
        let allow = &self.bridge.allow;
        for event in allow.events.iter().flatten() {
            let method = event.method();
            if let Some(method) = method.filter(|method| !allow.permits_method("", *method)) {
                warnings.push(format!(
                    "bridge.allow.events: {event} also needs the method {method}, which is not in \
                     bridge.allow.methods"
                ));
            }
        }
        let zone = &self.discovery.wide_area;
        let reaches = match self.bridge.bind {
            Bind::Lan | Bind::Auto => true,
            Bind::Tailnet => zone.address.is_none(),
            Bind::Loopback => false,
            Bind::Address(ip) if ip.is_unspecified() => true,
            Bind::Address(ip) => match zone.address {
                Some(address) => ip == address,
                None => crate::addresses::is_tailnet(ip),
            },
        };
        if zone.enabled && !reaches {
            warnings.push(format!(
                "discovery.wideArea.enabled: the zone names an address on which the bridge does \
                 not listen, because bridge.bind is \"{}\"; \"tailnet\" is usual with a zone",
                self.bridge.bind
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Method, NodeEvent};

    #[test]
    fn waiting_for_nothing_is_warned_of() {
        let mut config = Config::default();
        config.bridge.wait_for_tailnet = true;
        for (bind, expected) in [("loopback", 1), ("auto", 1), ("tailnet", 0), ("10.8.0.1", 0)] {
            config.bridge.bind = bind.parse().unwrap();
            assert_eq!(config.warnings().len(), expected, "{bind}");
        }
    }

    #[test]
    fn an_event_without_its_method_is_warned_of() {
        let mut config = Config::default();
        config.bridge.allow.events = Some(NodeEvent::ALL.iter().copied().collect());
        assert_eq!(config.warnings().len(), 0);
        config.bridge.allow.methods = Some([Method::ChatSend].into());
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("chat.subscribe also needs the method chat.history"));
    }

    #[test]
    fn a_zone_that_leads_nowhere_is_warned_of() {
        let warnings = |bind: &str, address: Option<&str>| {
            let mut config = Config::default();
            config.bridge.bind = bind.parse().unwrap();
            config.discovery.wide_area.enabled = true;
            config.discovery.wide_area.address = address.map(|ip| ip.parse().unwrap());
            config.warnings().len()
        };
        assert_eq!(Config::default().warnings(), Vec::<String>::new());
        for (bind, address, expected) in [
            ("loopback", None, 1),
            ("tailnet", None, 0),
            ("auto", None, 0),
            ("lan", Some("10.8.0.1"), 0),
            ("tailnet", Some("10.8.0.1"), 1),
            ("10.8.0.1", Some("10.8.0.1"), 0),
            ("10.8.0.1", None, 1),
            ("100.64.0.1", None, 0),
        ] {
            assert_eq!(warnings(bind, address), expected, "{bind} {address:?}");
        }
    }
}
