//! Where the bridge listens while the addresses of the machine come and go. Needs network
//! namespaces; where they are not permitted, these tests say so and do nothing.

use crate::support::{eventually, Daemon, Namespace, Operator, Setup};
use std::net::{IpAddr, SocketAddr};

const LAN: &str = "192.168.77.5";
const TAILNET: &str = "100.64.1.2";
const TAILNET_V6: &str = "fd7a:115c:a1e0::5";

/// A machine with one address in a local network, and an interface for a tailnet.
fn machine() -> Option<Namespace> {
    let namespace = Namespace::new()?;
    for name in ["lan0", "ts0"] {
        namespace.interface(name);
    }
    namespace.ip(&format!("addr add {LAN}/24 dev lan0"));
    Some(namespace)
}

fn add(machine: &Namespace, address: &str) {
    let (bits, check) = if address.contains(':') { (128, " nodad") } else { (32, "") };
    machine.ip(&format!("addr add {address}/{bits} dev ts0{check}"));
}

fn remove(machine: &Namespace, address: &str) {
    machine.ip(&format!("addr del {address}/32 dev ts0"));
}

fn bound(machine: &Namespace, bind: &str, wait: bool) -> Setup {
    let config = format!("{{ bridge: {{ bind: '{bind}', waitForTailnet: {wait} }} }}");
    Setup::new().config(&config).inside(machine)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Where the bridge says that it listens.
fn listening(daemon: &Daemon) -> Vec<IpAddr> {
    let status = daemon.status();
    let listeners = status["listeners"].as_array().unwrap().iter();
    let addresses =
        listeners.map(|l| l["address"].as_str().unwrap().parse::<SocketAddr>().unwrap());
    let addresses: Vec<SocketAddr> = addresses.collect();
    assert!(addresses.iter().all(|address| address.port() == daemon.address().port()));
    addresses.iter().map(SocketAddr::ip).collect()
}

fn waiting_for(daemon: &Daemon) -> Option<String> {
    daemon.status()["waitingFor"].as_str().map(str::to_owned)
}

/// Waits until the bridge listens at these addresses, and finds them open.
#[track_caller]
fn listens_at(machine: &Namespace, daemon: &Daemon, addresses: &[&str]) {
    let mut expected: Vec<IpAddr> = addresses.iter().map(|address| ip(address)).collect();
    expected.sort_unstable();
    eventually("it listens there, and only there", || {
        let mut now = listening(daemon);
        now.sort_unstable();
        (now == expected).then_some(())
    });
    for address in [LAN, TAILNET, TAILNET_V6, "127.0.0.1"] {
        let everywhere = expected.contains(&ip("0.0.0.0"));
        let open = machine.reaches(ip(address), daemon.address().port());
        assert!(everywhere || open == expected.contains(&ip(address)), "{address} open={open}");
    }
}

/// A node that stays connected, and its id.
fn node(daemon: &Daemon, address: &str, name: &str) -> Operator {
    let port = daemon.address().port().to_string();
    let file = daemon.setup().path(name);
    let file = file.to_str().unwrap();
    let args =
        ["node", "--host", address, "--port", &port, "--node-id", name, "--token-file", file];
    let node = daemon.operator(args);
    daemon.pending_request(name);
    daemon.approve(name);
    eventually("the node is connected", || is_connected(daemon, name).then_some(()));
    node
}

fn is_connected(daemon: &Daemon, name: &str) -> bool {
    let nodes = daemon.ask("node.list", &serde_json::json!({}));
    nodes["nodes"].as_array().unwrap().iter().any(|n| n["nodeId"] == name && n["connected"] == true)
}

#[test]
fn tailnet_is_the_tailnet_and_this_machine_and_nothing_else() {
    let Some(machine) = machine() else { return };
    let refused = bound(&machine, "tailnet", false).fail_to_start().error(1);
    assert!(refused.contains("no interface has a tailnet address"), "{refused}");
    assert!(refused.contains("bridge.waitForTailnet"), "{refused}");

    add(&machine, TAILNET_V6);
    let daemon = bound(&machine, "tailnet", false).start();
    listens_at(&machine, &daemon, &[TAILNET_V6, "127.0.0.1"]);
    add(&machine, TAILNET);
    listens_at(&machine, &daemon, &[TAILNET, TAILNET_V6, "127.0.0.1"]);

    let daemon = bound(&machine, "tailnet", false).start();
    listens_at(&machine, &daemon, &[TAILNET, TAILNET_V6, "127.0.0.1"]);
    assert_eq!(waiting_for(&daemon), None);
}

#[test]
fn a_tailnet_that_comes_late_changes_and_goes_is_followed() {
    let Some(machine) = machine() else { return };
    let daemon = bound(&machine, "tailnet", true).start();
    assert_eq!(waiting_for(&daemon).as_deref(), Some("a tailnet address"));
    listens_at(&machine, &daemon, &["127.0.0.1"]);
    let told = daemon.run(["status"]).ok();
    assert!(told.contains("Waiting for: a tailnet address"), "{told}");
    let _here = node(&daemon, "127.0.0.1", "here");

    add(&machine, TAILNET);
    listens_at(&machine, &daemon, &[TAILNET, "127.0.0.1"]);
    assert_eq!(waiting_for(&daemon), None);
    let _there = node(&daemon, TAILNET, "there");

    add(&machine, "100.64.9.9");
    remove(&machine, TAILNET);
    listens_at(&machine, &daemon, &["100.64.9.9", "127.0.0.1"]);
    remove(&machine, "100.64.9.9");
    listens_at(&machine, &daemon, &["127.0.0.1"]);
    assert_eq!(waiting_for(&daemon).as_deref(), Some("a tailnet address"));
    assert!(is_connected(&daemon, "here"), "what is connected stays");

    add(&machine, TAILNET);
    listens_at(&machine, &daemon, &[TAILNET, "127.0.0.1"]);
    let log = daemon.log();
    let waits = log.matches("waiting for a tailnet address").count();
    assert_eq!(waits, 2, "said when it changes, not at every look:\n{log}");
}

#[test]
fn an_address_that_goes_and_returns_is_listened_on_as_before() {
    let Some(machine) = machine() else { return };
    let other = "10.9.0.1";
    let refused = bound(&machine, other, false).fail_to_start().error(1);
    assert!(refused.contains("this machine does not have the address"), "{refused}");

    let daemon = bound(&machine, other, true).start();
    let waits = waiting_for(&daemon).unwrap();
    assert!(waits.starts_with(other), "{waits}");
    add(&machine, other);
    eventually("it is listened on", || listening(&daemon).contains(&ip(other)).then_some(()));
    assert_eq!(waiting_for(&daemon), None);
    assert!(machine.reaches(ip(other), daemon.address().port()));
    assert!(!machine.reaches(ip(LAN), daemon.address().port()));

    remove(&machine, other);
    let waits = eventually("its loss is noticed", || waiting_for(&daemon));
    assert!(waits.starts_with(other), "{waits}");
    add(&machine, other);
    // The listener is the old one; nobody has to notice first.
    assert!(machine.reaches(ip(other), daemon.address().port()));
    eventually("its return is noticed", || waiting_for(&daemon).is_none().then_some(()));
}

#[test]
fn what_auto_has_chosen_at_the_start_is_never_widened() {
    let Some(machine) = machine() else { return };
    let early = bound(&machine, "auto", false).start();
    add(&machine, TAILNET);
    let late = bound(&machine, "auto", false).start();
    listens_at(&machine, &late, &[TAILNET, "127.0.0.1"]);
    assert!(listening(&early).contains(&ip("0.0.0.0")));
    for address in [LAN, TAILNET] {
        assert!(machine.reaches(ip(address), early.address().port()), "{address}");
    }
    remove(&machine, TAILNET);
    listens_at(&machine, &late, &["127.0.0.1"]);
}
