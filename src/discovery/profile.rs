//! What a bridge announces about itself, from the configuration (which includes environment
//! variables, protocol section 10.5) and the machine.

use crate::config::{domain_name, url_host, url_port, Bind, Config};
use crate::discovery::service::Service;
use crate::protocol::label::host_label;
use std::net::{IpAddr, Ipv4Addr};

/// The domain that the apps browse besides `local.` (protocol section 10.1).
pub(crate) const DOMAIN: &str = "clawdbot.internal";
/// The gateway's port if it cannot be derived from the bridge's.
const GATEWAY_PORT: u16 = 18789;

/// What a bridge announces about itself, without what only a running bridge knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Without a port; with the configured name in the tailnet.
    pub service: Service,
    /// The wide-area zone, if it is enabled.
    pub zone: Option<ZoneSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneSettings {
    /// The domain, without a dot at its end.
    pub domain: String,
    /// The configured address of this machine; `None` means its tailnet addresses.
    pub address: Option<Ipv4Addr>,
}

/// The host name of this machine without `.local`.
pub(crate) fn machine_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    let name = name.trim().trim_end_matches(".local");
    if name.is_empty() { "openclaw-bridge" } else { name }.to_owned()
}

impl Profile {
    /// The profile of a bridge with this configuration, and a canvas host at this port, on a
    /// machine of this name.
    pub(crate) fn new(config: &Config, machine: &str, canvas_port: Option<u16>) -> Self {
        let (bridge, discovery) = (&config.bridge, &config.discovery);
        let tailnet_dns = discovery.tailnet_dns.as_deref().and_then(domain_name);
        let usual = if bridge.port > 1 { bridge.port - 1 } else { GATEWAY_PORT };
        // A path that is not UTF-8 cannot be announced.
        let cli_path = discovery.cli_path.as_ref().and_then(|path| path.to_str());
        let host = host_label(machine);
        let service = Service {
            name: bridge.name.clone().unwrap_or_else(|| machine.to_owned()),
            canvas_port: match &config.canvas_host.url {
                Some(url) => port_here(url, config, &host, tailnet_dns.as_deref()),
                None => canvas_port,
            },
            host,
            gateway_port: discovery.gateway_port.unwrap_or(usual),
            ssh_port: discovery.ssh_port,
            tailnet_dns,
            cli_path: cli_path.map(str::to_owned),
            ..Service::default()
        };
        Self { service, zone: discovery.wide_area.enabled.then(|| ZoneSettings::new(config)) }
    }

    /// What to announce for a bridge that listens on this port. `tailnet_dns` is the name that
    /// Tailscale reports, used if none is configured.
    pub(crate) fn service(&self, port: u16, tailnet_dns: Option<&str>) -> Service {
        let mut service = Service { port, ..self.service.clone() };
        service.tailnet_dns = service.tailnet_dns.or_else(|| tailnet_dns.map(str::to_owned));
        service
    }
}

impl ZoneSettings {
    /// The configured zone, whether or not it is enabled.
    pub(crate) fn new(config: &Config) -> Self {
        let zone = &config.discovery.wide_area;
        let domain = zone.domain.as_deref().and_then(domain_name);
        Self { domain: domain.unwrap_or_else(|| DOMAIN.to_owned()), address: zone.address }
    }
}

/// The port of the canvas host at this URL if it is on this machine and without TLS: the apps combine the port
/// with the host under which they found the bridge, and `http`.
fn port_here(url: &str, config: &Config, host: &str, tailnet_dns: Option<&str>) -> Option<u16> {
    let there = url_host(url)
        .filter(|_| url.starts_with("http:"))?
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let is_here = match there.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || config.bridge.bind == Bind::Address(ip),
        Err(_) => {
            let names = [host, "localhost", tailnet_dns.unwrap_or_default()];
            names.contains(&there.strip_suffix(".local").unwrap_or(&there))
        }
    };
    url_port(url).filter(|_| is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(change: impl FnOnce(&mut Config)) -> Profile {
        let mut config = Config::default();
        change(&mut config);
        Profile::new(&config, "Studio.local", None)
    }

    #[test]
    fn without_configuration_only_what_apps_need_is_announced() {
        let service = profile(|_| {}).service(18790, None);
        assert_eq!((&*service.name, &*service.host), ("Studio.local", "studio"));
        assert_eq!((service.port, service.gateway_port), (18790, 18789));
        assert_eq!((service.canvas_port, service.ssh_port), (None, None));
        assert_eq!((service.cli_path, service.tailnet_dns), (None, None));
        assert_eq!(profile(|_| {}).zone, None);
    }

    #[test]
    fn what_is_configured_is_announced() {
        let profile = profile(|config| {
            config.bridge.name = Some("Attic".to_owned());
            config.bridge.port = 9000;
            config.discovery.ssh_port = Some(2222);
            config.discovery.cli_path = Some("/opt/bridge".into());
            config.discovery.wide_area.enabled = true;
            config.discovery.wide_area.domain = Some("Home.Arpa.".to_owned());
        });
        let service = profile.service(9000, Some("pi.tail1.ts.net"));
        assert_eq!((&*service.name, service.gateway_port), ("Attic", 8999));
        assert_eq!(service.tailnet_dns.as_deref(), Some("pi.tail1.ts.net"));
        assert_eq!(
            (service.ssh_port, service.cli_path.as_deref()),
            (Some(2222), Some("/opt/bridge"))
        );
        let place = ZoneSettings { domain: "home.arpa".to_owned(), address: None };
        assert_eq!(profile.zone, Some(place));
    }

    #[test]
    fn a_configured_tailnet_name_replaces_the_reported_one() {
        let profile =
            profile(|config| config.discovery.tailnet_dns = Some("Pi.example.".to_owned()));
        assert_eq!(profile.service(1, Some("other")).tailnet_dns.as_deref(), Some("pi.example"));
    }

    #[test]
    fn our_own_canvas_host_is_announced_unless_nodes_are_told_of_another() {
        let mut config = Config::default();
        let port = |config: &Config| Profile::new(config, "studio", Some(7)).service.canvas_port;
        assert_eq!(port(&config), Some(7));
        config.canvas_host.url = Some("https://pages.example.org".to_owned());
        assert_eq!(port(&config), None);
    }

    #[test]
    fn the_canvas_port_is_announced_only_for_a_canvas_host_here() {
        for (url, port) in [
            ("http://studio:18793", Some(18793)),
            ("http://STUDIO.local/", Some(80)),
            ("http://127.0.0.1:8000", Some(8000)),
            ("http://pi.tail1.ts.net:1", Some(1)),
            ("https://studio:18793", None),
            ("http://elsewhere:18793", None),
            ("http://10.0.0.9:18793", None),
        ] {
            let profile = profile(|config| {
                config.canvas_host.url = Some(url.to_owned());
                config.discovery.tailnet_dns = Some("pi.tail1.ts.net".to_owned());
            });
            assert_eq!(profile.service(1, None).canvas_port, port, "{url}");
        }
    }
}
