//! Chapter 10: discovery. What is sent to a network is sent in a network namespace with nobody else
//! in it; where there can be none, those tests skip themselves and say so. `tests/netns/mdns.sh`
//! has the whole of it, against avahi and python-zeroconf.

use crate::support::{tools, Daemon, Operator, Run, Setup, NEEDS_NAMESPACES};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_bridge_for_this_machine_only_is_not_announced() {
    let daemon = Daemon::start();
    assert_eq!(daemon.status()["discovery"]["mdns"], Value::Null);
    assert!(daemon.run(["status"]).ok().contains("Announced:   no"));
    assert!(!daemon.log().contains("discovery:"), "{}", daemon.log());
}

#[test]
fn nothing_is_announced_if_that_is_wanted() {
    let flag = Setup::new().arg("--bind").arg("lan").arg("--no-discovery");
    let key = Setup::new().config("{ discovery: { mdns: { mode: 'off' } } }");
    for setup in [flag, key.arg("--bind").arg("lan")] {
        let daemon = setup.start();
        assert_eq!(daemon.status()["discovery"]["mdns"], Value::Null);
        assert!(!daemon.log().contains("discovery:"), "{}", daemon.log());
    }
}

#[test]
fn what_cannot_be_announced_stops_the_start() {
    for (text, reason) in [
        (
            "{ discovery: { serviceTypes: ['bridge'] } }",
            "discovery.serviceTypes[0]: must be a type",
        ),
        ("{ discovery: { serviceTypes: [] } }", "discovery.serviceTypes: must be a list of 1 to 8"),
        ("{ discovery: { interfaces: [7] } }", "discovery.interfaces[0]: must be text"),
        ("{ discovery: { mdns: { mode: 'loud' } } }", "discovery.mdns: must be true or false"),
    ] {
        let said = Setup::new().config(text).fail_to_start().error(78);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn discover_knows_what_a_type_is() {
    let setup = Setup::new();
    let mut command = setup.program();
    command.args(["discover", "--type", "_bridge._udp"]);
    let said = Operator::spawn(command).finish().error(2);
    assert!(said.contains("must be a type such as _clawdbot-bridge._tcp"), "{said}");
}

/// What has to be possible in there.
const PROBE: &[&str] = &["ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"];

/// Runs a shell script in a network namespace of its own; `None` if there can be none.
fn alone(setup: &Setup, script: &str) -> Option<Run> {
    let mut namespace = vec!["--net", "--pid", "--fork", "--kill-child"];
    if !rustix::process::getuid().is_root() {
        namespace.push("--map-root-user");
    }
    let is_possible = Command::new("unshare").args(&namespace).args(PROBE).output();
    if !is_possible.is_ok_and(|output| output.status.success()) {
        tools::skip("namespaces", NEEDS_NAMESPACES);
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(&namespace).args(["sh", "-euc", script, "sh"]);
    command.arg(setup.program().get_program()).arg(setup.path(""));
    Some(Operator::spawn(command).finish())
}

/// `up`, `serve NAME PORT`, `shown NAME TEXT` and `differ NAME NAME` for scripts; `$1` is the
/// program, `$2` a directory.
const TOOLS: &str = r#"
program=$1 dir=$2
up() {
    ip link add "$1" type veth peer name "veth-$1"
    ip addr add "$2" dev "$1"
    ip link set "veth-$1" up
    ip link set "$1" up
}
serve() {
    echo "{ bridge: { name: 'Studio' } }" >"$dir/$1.json5"
    "$program" serve --config "$dir/$1.json5" --state-dir "$dir/$1" --bind lan --port "$2" \
        >"$dir/$1.log" 2>&1 &
    eval "pid_$1=$!"
    shown "$1" '"pid":'
}
shown() {
    tries=0
    until "$program" status --json --state-dir "$dir/$1" 2>/dev/null | grep -qF -- "$2"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "$1 does not show $2"; cat "$dir"/*.log
            "$program" status --state-dir "$dir/$1"; exit 9; }
        sleep 0.05
    done
}
instance() {
    "$program" status --json --state-dir "$dir/$1" | grep -o '"instance":"[^"]*"'
}
differ() {
    tries=0
    until [ "$(instance "$1")" != "$(instance "$2")" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "$1 and $2 are called the same"; cat "$dir"/*.log; exit 9; }
        sleep 0.05
    done
}
"#;

#[test]
fn a_bridge_is_found_with_a_name_of_its_own_until_it_says_goodbye() {
    let setup = Setup::new();
    let script = format!(
        r#"{TOOLS}
        serve one 18790
        shown one '"interfaces":[]'
        up lan0 10.9.0.1/24
        shown one '"interfaces":["lan0"]'
        serve two 18999
        differ one two
        shown one '"interfaces":["lan0"]'
        shown two '"interfaces":["lan0"]'
        "$program" discover --timeout 2500ms
        kill -TERM $pid_two; wait $pid_two
        kill -TERM $pid_one; wait $pid_one
        ! "$program" discover --timeout 300ms"#
    );
    let Some(run) = alone(&setup, &script) else { return };
    let found = run.ok();
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(lines[0].starts_with("NAME"), "{found}");
    assert!(lines[1].starts_with("Studio (Clawdbot)  ") && lines[1].contains(" no"), "{found}");
    assert!(lines[2].starts_with("Studio (Clawdbot) (2)  "), "{found}");
    // If the first one is not fast enough to defend its name, the second one may have it.
    let ports = ["10.9.0.1:18790", "10.9.0.1:18999"];
    let has = |line: usize, port: usize| lines[line].contains(ports[port]);
    assert!(has(1, 0) && has(2, 1) || has(1, 1) && has(2, 0), "{found}");
}

#[test]
fn a_reload_tells_the_network_the_new_name() {
    let setup = Setup::new();
    let script = format!(
        r#"{TOOLS}
        up lan0 10.9.0.1/24
        serve one 18790
        shown one '"interfaces":["lan0"]'
        echo "{{ bridge: {{ name: 'Attic' }} }}" >"$dir/one.json5"
        "$program" reload --state-dir "$dir/one" >"$dir/reload"
        shown one '"instance":"Attic (Clawdbot)"'
        "$program" discover --timeout 2500ms --json"#
    );
    let Some(run) = alone(&setup, &script) else { return };
    let found: Value = serde_json::from_str(&run.ok()).unwrap();
    let bridges = found["bridges"].as_array().unwrap();
    assert_eq!(bridges.len(), 1, "{found}");
    assert_eq!(bridges[0]["name"], "Attic (Clawdbot)");
    assert_eq!(bridges[0]["port"], 18790);
    assert_eq!(bridges[0]["addresses"], serde_json::json!(["10.9.0.1"]));
    assert_eq!(bridges[0]["txt"]["displayName"], "Attic");
    assert_eq!(bridges[0]["txt"]["bridgePort"], "18790");
    assert_eq!(bridges[0]["txt"]["canvasPort"], "18793");
}

/// `pair` for scripts: a node at the host that `one` announces pairs, and is done.
const PAIR: &str = r#"
ip link set lo up
pair() {
    host=$("$program" status --state-dir "$dir/one" | sed -n 's/^Announced:.* (\([^()]*\)), on .*/\1/p')
    ! getent ahosts "$host" >/dev/null || { echo "the system knows $host"; exit 9; }
    "$program" node --host "$host" --port 18790 --once --token-file "$dir/node.json" \
        --node-id attic 2>"$dir/said" &
    node=$!
    shown one '"pending":1'
    "$program" nodes approve attic --state-dir "$dir/one"
    wait $node || { cat "$dir/said"; exit 9; }
}
"#;

#[test]
fn a_node_asks_the_network_for_a_local_name_that_the_system_does_not_know() {
    let setup = Setup::new();
    let script = format!(
        r#"{TOOLS}{PAIR}
        up lan0 10.9.0.1/24
        serve one 18790
        shown one '"interfaces":["lan0"]'
        pair
        kill -TERM $pid_one; wait $pid_one
        ! "$program" node --host nobody.local --once --token-file "$dir/node.json""#
    );
    let Some(run) = alone(&setup, &script) else { return };
    assert!(run.stderr.contains("nobody in the local network answers"), "{}", run.stderr);
    assert!(run.ok().starts_with("paired "));
}

#[test]
fn a_link_local_address_of_a_local_name_is_reached_through_its_interface() {
    let setup = Setup::new();
    let script = format!(
        r#"{TOOLS}{PAIR}
        up lan0 10.9.0.1/24
        up lan1 10.9.1.1/24
        for lan in lan0 lan1; do
            ip addr flush dev $lan
            ip addr add fe80::5/64 dev $lan nodad
        done
        serve one 18790
        shown one '"interfaces":["lan0","lan1"]'
        pair
        "$program" nodes describe --node attic --state-dir "$dir/one""#
    );
    let Some(run) = alone(&setup, &script) else { return };
    let said = run.ok();
    assert!(said.contains("fe80::5"), "{said}");
}
