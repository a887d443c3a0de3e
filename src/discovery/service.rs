//! What is announced about a bridge: names and TXT strings (protocol sections 10.2 and 10.3).
//! Pure; used for mDNS and for the wide-area zone.

use crate::protocol::label::LABEL_BYTES;
use crate::protocol::text::{collapsed, cut};
use crate::tls::Fingerprint;
use std::fmt::Display;

/// The service type that the apps browse for.
pub(crate) const SERVICE_TYPE: &str = "_clawdbot-bridge._tcp";
/// The longest TXT string, in bytes (its length is one byte on the wire).
const TXT_BYTES: usize = 255;
/// The suffix that the old gateway added to names, and that the apps expect.
const SUFFIX: &str = " (Clawdbot)";

/// What nodes can learn about a bridge before they connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name a person gave the bridge or its machine.
    pub name: String,
    /// The machine's name: one DNS label, without a domain.
    pub host: String,
    pub port: u16,
    /// The certificate's fingerprint; `None` if the bridge speaks plain text only.
    pub fingerprint: Option<Fingerprint>,
    /// The port of the gateway's WebSocket; the apps show it.
    pub gateway_port: u16,
    /// The port of a canvas host on this machine.
    pub canvas_port: Option<u16>,
    pub ssh_port: Option<u16>,
    /// The machine's name in a tailnet, without a dot at its end.
    pub tailnet_dns: Option<String>,
    /// The path of the operator's program, which reveals something about the machine.
    pub cli_path: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub service: Service,
    /// The service types it is announced as, such as [`SERVICE_TYPE`].
    pub types: Vec<String>,
    /// Whether to leave out what only operators need: `sshPort` and `cliPath`.
    pub is_minimal: bool,
}

impl Service {
    /// A bridge on the machine `studio`, for tests.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn example(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            host: "studio".to_owned(),
            port: 18790,
            gateway_port: 18789,
            ..Self::default()
        }
    }

    /// The instance name that the apps list: the name with ` (Clawdbot)`, unless the name contains
    /// that word. Nodes store their pins under it, so it must not change without need (protocol
    /// section 10.2).
    pub(crate) fn instance(&self) -> String {
        let name = collapsed(&self.name);
        if name.is_empty() {
            return "Clawdbot".to_owned();
        }
        if name.to_lowercase().contains("clawdbot") {
            return cut(&name, LABEL_BYTES).to_owned();
        }
        let name = cut(&name, LABEL_BYTES - SUFFIX.len()).trim_end();
        format!("{name}{SUFFIX}")
    }

    /// The TXT strings in the local network, in order, for a host of this name. If `is_minimal`,
    /// without those for operators.
    pub(super) fn local_txt(&self, host: &str, is_minimal: bool) -> Vec<String> {
        let instance = self.instance();
        let shown = instance.strip_suffix(SUFFIX).unwrap_or(&instance);
        let mut txt = Txt::default();
        txt.add("role", Some("gateway"));
        txt.add("transport", Some("bridge"));
        txt.add("displayName", Some(shown));
        txt.add("lanHost", Some(format!("{host}.local")));
        txt.add("gatewayPort", Some(self.gateway_port));
        txt.add("bridgePort", Some(self.port));
        self.add_common(&mut txt, is_minimal);
        txt.add("canvasPort", self.canvas_port);
        txt.add("sshPort", Some(self.ssh_port.unwrap_or(22)).filter(|_| !is_minimal));
        txt.0
    }

    /// The TXT strings in the wide-area zone, in order; without those that only make sense in the
    /// local network.
    pub(super) fn wide_area_txt(&self) -> Vec<String> {
        let mut txt = Txt::default();
        txt.add("displayName", Some(cut(&collapsed(&self.name), TXT_BYTES - "displayName=".len())));
        txt.add("transport", Some("bridge"));
        txt.add("bridgePort", Some(self.port));
        txt.add("gatewayPort", Some(self.gateway_port));
        self.add_common(&mut txt, false);
        txt.add("sshPort", self.ssh_port);
        txt.0
    }

    fn add_common(&self, txt: &mut Txt, is_minimal: bool) {
        txt.add("bridgeTls", self.fingerprint.map(|_| "1"));
        txt.add("bridgeTlsSha256", self.fingerprint);
        txt.add("tailnetDns", self.tailnet_dns.as_ref().filter(|name| !name.is_empty()));
        txt.add("cliPath", self.cli_path.as_ref().filter(|path| !is_minimal && !path.is_empty()));
    }
}

#[derive(Default)]
struct Txt(Vec<String>);

impl Txt {
    /// Adds a value unless it is missing or too long.
    fn add(&mut self, key: &str, value: Option<impl Display>) {
        let string = value.map(|value| format!("{key}={value}"));
        self.0.extend(string.filter(|string| string.len() <= TXT_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_is_added_once() {
        for (name, instance) in [
            ("Studio", "Studio (Clawdbot)"),
            ("  Studio \t of\nPeter ", "Studio of Peter (Clawdbot)"),
            ("my ClawdBot", "my ClawdBot"),
            ("  ", "Clawdbot"),
        ] {
            assert_eq!(Service::example(name).instance(), instance);
        }
        let long = Service::example(&"ä".repeat(80)).instance();
        assert!(long.len() <= 63 && long.ends_with("ä (Clawdbot)"), "{long}");
    }

    #[test]
    fn a_bridge_without_tls_announces_no_fingerprint() {
        assert_eq!(
            Service::example("Studio").local_txt("studio", false),
            [
                "role=gateway",
                "transport=bridge",
                "displayName=Studio",
                "lanHost=studio.local",
                "gatewayPort=18789",
                "bridgePort=18790",
                "sshPort=22",
            ]
        );
        assert_eq!(
            Service::example("Studio").wide_area_txt(),
            ["displayName=Studio", "transport=bridge", "bridgePort=18790", "gatewayPort=18789"]
        );
    }

    #[test]
    fn strings_have_at_most_255_bytes() {
        let fingerprint = Fingerprint::of(b"certificate");
        let full = Service {
            fingerprint: Some(fingerprint),
            canvas_port: Some(18793),
            ssh_port: Some(2222),
            tailnet_dns: Some("studio.tail1234.ts.net".to_owned()),
            cli_path: Some(format!("/{}", "x".repeat(300))),
            ..Service::example(&"n".repeat(400))
        };
        let txt = full.local_txt("studio", false);
        for expected in ["bridgeTls=1", "canvasPort=18793", "sshPort=2222"] {
            assert!(txt.iter().any(|string| string == expected), "{expected} in {txt:?}");
        }
        assert!(txt.contains(&format!("bridgeTlsSha256={fingerprint}")));
        assert!(txt.contains(&"tailnetDns=studio.tail1234.ts.net".to_owned()));
        assert!(!txt.iter().any(|string| string.starts_with("cliPath")), "useless when cut");
        assert!(txt.iter().chain(&full.wide_area_txt()).all(|string| string.len() <= 255));
    }
}
