//! What is announced about a bridge: names and TXT strings (protocol sections 10.2 and 10.3).
//! Pure; the same facts go into mDNS answers and into the wide-area zone.

use crate::protocol::label::{cut, LABEL_BYTES};
use crate::tls::Fingerprint;

/// What the apps of the protocol's time browse for.
pub const SERVICE_TYPE: &str = "_clawdbot-bridge._tcp";

/// Bytes of one TXT string: its length is a single byte on the wire.
const TXT_BYTES: usize = 255;

/// The ending that the old gateway put behind names, and that the apps expect.
const SUFFIX: &str = " (Clawdbot)";

/// Facts about a bridge that nodes may learn before they connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name a person gave the bridge or its machine.
    pub name: String,
    /// The machine's name: one DNS label, without a domain.
    pub host: String,
    /// The port nodes connect to.
    pub port: u16,
    /// The certificate's fingerprint; `None` if the bridge speaks plain text only.
    pub fingerprint: Option<Fingerprint>,
    /// The port of the gateway's WebSocket, which is not ours; the apps show it.
    pub gateway_port: u16,
    /// The port of a canvas host on this machine.
    pub canvas_port: Option<u16>,
    /// Where the operator's Mac may reach this machine by SSH.
    pub ssh_port: Option<u16>,
    /// The machine's name in a tailnet, without a dot at its end.
    pub tailnet_dns: Option<String>,
    /// Where the operator's program is. Tells strangers something about the machine.
    pub cli_path: Option<String>,
}

impl Service {
    /// The instance name as the apps list it: the name, and ` (Clawdbot)` unless the name says so
    /// itself. Nodes key their pins and their choice of gateway by it, so it must not change
    /// without need (protocol section 10.2).
    pub fn instance(&self) -> String {
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

    /// The TXT strings of the local network's service, in order.
    pub fn local_txt(&self) -> Vec<String> {
        let mut txt = Txt::default();
        txt.add("role", "gateway");
        txt.add("transport", "bridge");
        let instance = self.instance();
        let shown = instance.strip_suffix(SUFFIX).unwrap_or(&instance);
        txt.add("displayName", shown);
        txt.add("lanHost", &format!("{}.local", self.host));
        txt.add_number("gatewayPort", Some(self.gateway_port));
        txt.add_number("bridgePort", Some(self.port));
        self.common(&mut txt);
        txt.add_number("canvasPort", self.canvas_port);
        txt.add_number("sshPort", Some(self.ssh_port.unwrap_or(22)));
        txt.strings
    }

    /// The TXT strings of the wide-area zone, in order: without what only means something in the
    /// local network.
    pub fn wide_area_txt(&self) -> Vec<String> {
        let mut txt = Txt::default();
        txt.add("displayName", &collapsed(&self.name));
        txt.add("transport", "bridge");
        txt.add_number("bridgePort", Some(self.port));
        txt.add_number("gatewayPort", Some(self.gateway_port));
        self.common(&mut txt);
        txt.add_number("sshPort", self.ssh_port);
        txt.strings
    }

    fn common(&self, txt: &mut Txt) {
        if let Some(fingerprint) = &self.fingerprint {
            txt.add("bridgeTls", "1");
            txt.add("bridgeTlsSha256", &fingerprint.to_string());
        }
        txt.add_text("tailnetDns", self.tailnet_dns.as_deref());
        txt.add_text("cliPath", self.cli_path.as_deref());
    }
}

/// TXT strings in the making.
#[derive(Default)]
struct Txt {
    strings: Vec<String>,
}

impl Txt {
    fn add(&mut self, key: &str, value: &str) {
        let string = format!("{key}={value}");
        self.strings.push(cut(&string, TXT_BYTES).to_owned());
    }

    fn add_number(&mut self, key: &str, value: Option<u16>) {
        if let Some(value) = value {
            self.add(key, &value.to_string());
        }
    }

    /// A text that is of no use when it is cut short is left out instead.
    fn add_text(&mut self, key: &str, value: Option<&str>) {
        let fits = |value: &&str| !value.is_empty() && key.len() + 1 + value.len() <= TXT_BYTES;
        if let Some(value) = value.filter(fits) {
            self.add(key, value);
        }
    }
}

/// One blank for every run of blanks and control characters.
fn collapsed(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Service {
        Service {
            name: name.to_owned(),
            host: "studio".to_owned(),
            port: 18790,
            fingerprint: None,
            gateway_port: 18789,
            canvas_port: None,
            ssh_port: None,
            tailnet_dns: None,
            cli_path: None,
        }
    }

    #[test]
    fn an_instance_name_says_what_it_is_once() {
        for (name, instance) in [
            ("Studio", "Studio (Clawdbot)"),
            ("  Studio \t of\nPeter ", "Studio of Peter (Clawdbot)"),
            ("my ClawdBot", "my ClawdBot"),
            ("  ", "Clawdbot"),
        ] {
            assert_eq!(service(name).instance(), instance);
        }
        let long = service(&"ä".repeat(80)).instance();
        assert!(long.len() <= 63 && long.ends_with("ä (Clawdbot)"), "{long}");
    }

    #[test]
    fn a_plain_bridge_says_nothing_of_tls() {
        assert_eq!(
            service("Studio").local_txt(),
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
            service("Studio").wide_area_txt(),
            ["displayName=Studio", "transport=bridge", "bridgePort=18790", "gatewayPort=18789"]
        );
    }

    #[test]
    fn everything_known_is_told_within_255_bytes() {
        let fingerprint = Fingerprint::of(b"certificate");
        let full = Service {
            fingerprint: Some(fingerprint),
            canvas_port: Some(18793),
            ssh_port: Some(2222),
            tailnet_dns: Some("studio.tail1234.ts.net".to_owned()),
            cli_path: Some(format!("/{}", "x".repeat(300))),
            ..service(&"n".repeat(400))
        };
        let txt = full.local_txt();
        for expected in ["bridgeTls=1", "canvasPort=18793", "sshPort=2222"] {
            assert!(txt.iter().any(|string| string == expected), "{expected} in {txt:?}");
        }
        assert!(txt.contains(&format!("bridgeTlsSha256={fingerprint}")));
        assert!(txt.contains(&"tailnetDns=studio.tail1234.ts.net".to_owned()));
        assert!(!txt.iter().any(|string| string.starts_with("cliPath")), "useless when cut");
        assert!(txt.iter().chain(&full.wide_area_txt()).all(|string| string.len() <= 255));
    }
}
