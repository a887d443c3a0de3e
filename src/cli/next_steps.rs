//! What is left to do until a phone is paired: why none can connect yet, what to type on it, who waits.
//! Nothing, once that is done.

use super::nodes::waiting_line;
use super::render::short_id;
use super::*;
use crate::addresses::{self, InterfaceAddress};
use crate::daemon::Daemon;
use crate::discovery::reachable;
use crate::log_limit::LogLimit;
use crate::protocol::operator::{GetStatus, OperatorEvent, PendingView, Status};
use crate::protocol::GatewayEvent;
use std::io::IsTerminal;
use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::thread::Builder;

/// Requests that are shown; `nodes pending` shows all.
const SHOWN: usize = 3;

/// For a person at the terminal of a bridge that runs in the foreground: now, and when a node asks to
/// be paired.
pub(super) fn tell(daemon: &Daemon) {
    if !io::stdout().is_terminal() || std::env::var_os("JOURNAL_STREAM").is_some() {
        return;
    }
    let Ok(mut operator) = daemon.operator() else { return };
    let requested = GatewayEvent::PairRequested.as_str();
    let known = operator.subscribe(&[requested]).and_then(|()| {
        let status = operator.ask(GetStatus {})?;
        Ok((status, operator.pending()?))
    });
    let Ok((status, pending)) = known else { return };
    // What cannot be printed is no reason to stop.
    let _ = print(&text(&status, &pending));
    let limit = LogLimit::default();
    let tell = move || {
        // Until the bridge ends.
        while let Some(event) = operator.next_event(Duration::MAX) {
            let OperatorEvent::PairRequested(request) = &*event else { continue };
            if let Some(more) = limit.admit_from("pairing request", &request.remote_ip) {
                let _ = print(&format!("{}{more}\n", labelled(vec![waits(request)]).trim_end()));
            }
        }
    };
    // Without a thread, the log still tells who waits.
    let _ = Builder::new().name("next-steps".into()).spawn(tell);
}

/// The lines for `status`; none if there is nothing to do.
pub(super) fn text(status: &Status, pending: &[PendingView]) -> String {
    let own = addresses::list().unwrap_or_default();
    labelled(steps(status, pending, &own))
}

/// Steps in the form of `status`.
pub(super) fn labelled(steps: Vec<String>) -> String {
    render::labelled(iter::once("Next").chain(iter::repeat("")).zip(steps))
}

fn steps(status: &Status, pending: &[PendingView], own: &[InterfaceAddress]) -> Vec<String> {
    let undecided: Vec<&PendingView> =
        pending.iter().filter(|request| request.approved_at_ms.is_none()).collect();
    let mut steps: Vec<String> = undecided.iter().take(SHOWN).map(|r| waits(r)).collect();
    if let more @ 1.. = undecided.len().saturating_sub(SHOWN) {
        steps.push(format!("and {more} more: {}", command("nodes pending --watch")));
    }
    if pending.is_empty() && status.nodes.paired == 0 {
        steps.extend(how_to_connect(status, own));
    }
    steps
}

/// Who asks to be paired, and the command that allows it. A request that may be mistaken for another
/// one is to be looked at.
fn waits(request: &PendingView) -> String {
    let who = waiting_line(request);
    if is_doubtful(request) {
        return format!(
            "{who} asks to be paired; look first: {}",
            command("nodes pending --watch")
        );
    }
    let approve = format!("nodes approve {}", short_id(&request.request_id));
    format!("{who} asks to be paired: {}", command(&approve))
}

/// Whether a request is to be looked at before it is approved.
pub(super) fn is_doubtful(request: &PendingView) -> bool {
    request.is_repair
        || request.conflict
        || request.stale_token
        || request.replaced > 0
        || request.same_name_as.is_some()
}

fn how_to_connect(status: &Status, own: &[InterfaceAddress]) -> Vec<String> {
    let listeners = status.listeners.iter().filter_map(|listener| {
        let address: SocketAddr = listener.address.parse().ok()?;
        (!address.ip().is_loopback()).then_some((address, &*listener.tls))
    });
    let listeners: Vec<(SocketAddr, &str)> = listeners.collect();
    let Some((first, tls)) = listeners.first() else {
        return vec![format!(
            "only this machine can connect; to let phones in: {}",
            setup::command_to_type()
        )];
    };
    let listening: Vec<IpAddr> = listeners.iter().map(|(address, _)| address.ip()).collect();
    let addresses = reachable(own, &listening);
    let Some((address, others)) = addresses.split_first() else {
        return vec!["this machine is in no network in which phones could reach it".into()];
    };
    let others: Vec<String> = others.iter().take(SHOWN).map(IpAddr::to_string).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!(" (or {})", others.join(", ")),
    };
    let mdns = status.discovery.mdns.as_ref().filter(|mdns| !mdns.interfaces.is_empty());
    let list = match mdns {
        None => "; its list does not have this bridge, which is not announced".into(),
        // An iPhone that chooses it there tries without TLS.
        Some(mdns) if *tls == "required" => {
            format!("; Android apps have {:?} in their list, too", safe(&mdns.instance))
        }
        Some(mdns) => format!(", or choose {:?} from its list", safe(&mdns.instance)),
    };
    let compare = match *tls {
        "off" => format!("it connects without TLS; {} turns that on", setup::command_to_type()),
        _ => "compare the fingerprint that it shows with the one above".into(),
    };
    vec![
        format!("on the phone, enter {address}{others}, port {}{list}", first.port()),
        compare,
        format!("then approve it: {}", command("nodes pending --watch")),
    ]
}

/// A command as whoever reads this has to type it.
pub(super) fn command(words: &str) -> String {
    format!("`{}openclaw-bridge {words}`", sudo())
}

/// What stands before a command for whoever has called this one so.
pub(super) fn sudo() -> &'static str {
    if std::env::var_os("SUDO_USER").is_some() {
        "sudo "
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operator::{ListenerView, MdnsView};
    use crate::protocol::{NodeId, NodeProfile};

    fn status(listeners: &[&str], tls: &'static str) -> Status {
        let listeners = listeners
            .iter()
            .map(|address| ListenerView { address: (*address).to_owned(), tls: tls.into() });
        Status { listeners: listeners.collect(), ..Status::default() }
    }

    fn announced(mut status: Status, interfaces: &[&str]) -> Status {
        status.discovery.mdns = Some(MdnsView {
            instance: "Attic".into(),
            host: "attic.local".into(),
            types: Vec::new(),
            interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
        });
        status
    }

    fn request(id: &str, name: &str) -> PendingView {
        PendingView {
            request_id: id.into(),
            node_id: NodeId::new("n").unwrap(),
            profile: NodeProfile { display_name: Some(name.into()), ..Default::default() },
            remote_ip: "192.168.1.20".into(),
            silent: false,
            is_repair: false,
            conflict: false,
            stale_token: false,
            same_name_as: None,
            replaced: 0,
            waiting: true,
            ts: 0,
            approved_at_ms: None,
        }
    }

    fn machine() -> Vec<InterfaceAddress> {
        [
            ("lo", "127.0.0.1"),
            ("docker0", "172.17.0.1"),
            ("eth0", "fe80::5"),
            ("eth0", "fd00::5"),
            ("eth0", "192.168.1.5"),
            ("tailscale0", "100.100.1.2"),
        ]
        .iter()
        .zip(1..)
        .map(|((name, ip), index)| InterfaceAddress::fake(name, index, ip))
        .collect()
    }

    #[test]
    fn a_bridge_that_only_this_machine_reaches_is_to_be_opened() {
        let steps = steps(&status(&["127.0.0.1:18790", "[::1]:18790"], "off"), &[], &machine());
        assert_eq!(steps.len(), 1);
        assert!(steps[0].contains("openclaw-bridge setup`"), "{steps:?}");
    }

    #[test]
    fn what_to_type_on_the_phone_is_an_address_that_it_reaches() {
        let everywhere = ["0.0.0.0:18790", "[::]:18790"];
        let open = announced(status(&everywhere, "required"), &["eth0"]);
        let said = steps(&open, &[], &machine());
        assert_eq!(
            said[0],
            "on the phone, enter 192.168.1.5 (or 100.100.1.2, fd00::5), port 18790; Android apps have \
             \"Attic\" in their list, too"
        );
        assert!(said[1].contains("fingerprint") && said[2].contains("pending --watch"), "{said:?}");
        let plain = announced(status(&everywhere, "off"), &["eth0"]);
        let said = steps(&plain, &[], &machine());
        assert!(said[0].ends_with("18790, or choose \"Attic\" from its list"), "{said:?}");
        assert!(said[1].contains("without TLS"), "{said:?}");
        let hidden = announced(status(&everywhere, "off"), &[]);
        assert!(steps(&hidden, &[], &machine())[0].contains("not announced"));
        let tailnet = status(&["127.0.0.1:18790", "100.100.1.2:18790"], "required");
        assert!(steps(&tailnet, &[], &machine())[0]
            .starts_with("on the phone, enter 100.100.1.2, port"));
        let vpn = [InterfaceAddress::fake("wg0", 1, "10.8.0.1")];
        let said = steps(&status(&["10.8.0.1:18790"], "off"), &[], &vpn);
        assert!(said[0].starts_with("on the phone, enter 10.8.0.1, port"), "{said:?}");
        let alone = steps(&status(&everywhere, "off"), &[], &machine()[..2]);
        assert_eq!(alone, ["this machine is in no network in which phones could reach it"]);
    }

    #[test]
    fn who_waits_is_named_with_the_command_unless_it_may_be_somebody_else() {
        let (open, id) = (status(&["127.0.0.1:1"], "off"), "3f2a1b2c-0000");
        let said = steps(&open, &[request(id, "Kit\u{1b}[2J")], &[]);
        assert_eq!(
            said,
            ["Kit\\u001b[2J at 192.168.1.20 asks to be paired: `openclaw-bridge nodes approve 3f2a1b2c`"]
        );
        let doubtful = PendingView { conflict: true, ..request(id, "Kit") };
        let said = steps(&open, &[doubtful], &[]);
        assert!(said[0].contains("look first") && !said[0].contains("3f2a"), "{said:?}");
        let many = ["a", "b", "c", "d", "e"].map(|name| request(id, name));
        let said = steps(&open, &many, &[]);
        assert_eq!(said.len(), SHOWN + 1);
        assert!(said[SHOWN].starts_with("and 2 more: "), "{said:?}");
    }

    #[test]
    fn nothing_is_said_when_nothing_is_left_to_do() {
        let mut paired = status(&["127.0.0.1:18790"], "off");
        paired.nodes.paired = 1;
        assert_eq!(steps(&paired, &[], &machine()), Vec::<String>::new());
        assert_eq!(labelled(Vec::new()), "");
        let approved = PendingView { approved_at_ms: Some(1), ..request("3f2a", "Kit") };
        assert_eq!(steps(&status(&[], "off"), &[approved], &[]), Vec::<String>::new());
    }

    #[test]
    fn an_unpaired_node_cannot_imitate_the_other_parts_of_its_line() {
        let mut request = request("3f2a", "Ada · alice \u{2022} 10.0.0.1");
        request.profile.platform = Some("y".repeat(200));
        let line = nodes::pending_line(&request, 0);
        let parts: Vec<&str> = line.trim_end().split(" · ").collect();
        let device = "y".repeat(nodes::UNPAIRED_TEXT_WIDTH - 1) + "…";
        assert_eq!(
            parts,
            ["- 3f2a: Ada . alice . 10.0.0.1", "n", &device, "192.168.1.20", "just now"]
        );
    }
}
