//! How cost grows with the number of nodes, of frames and of paired records.

use crate::client::{Connection, Crowd};
use crate::peers::Peer;
use crate::process::memory_kib;
use crate::rows::{load, HEALTH, PING};
use std::time::{Duration, Instant};

/// How cost grows, for people.
pub(crate) fn scale(span: Duration) {
    with_nodes(span);
    with_frames(span);
    with_pairings(span);
}

/// With the requests of one node that are under way.
fn with_frames(span: Duration) {
    eprintln!("\nin flight  ping k/s  CPU us each  health k/s  CPU us each");
    let (bridge, _) = Peer::bridge(1, &[]);
    for in_flight in [1, 4, 16, 64] {
        let [ping, health] =
            [PING, HEALTH].map(|request| load(&bridge, request, (1, in_flight), span));
        eprintln!(
            "{in_flight:9} {:9.1} {:12.1} {:11.1} {:12.1}",
            ping.per_second / 1000.0,
            ping.cpu_us,
            health.per_second / 1000.0,
            health.cpu_us,
        );
    }
}

/// With the paired nodes, of which ten are connected.
fn with_pairings(span: Duration) {
    eprintln!("\n paired  ready ms  MiB  one login us  health 10x1 us");
    for paired in [10, 100, 1_000, 10_000] {
        let (bridge, ready) = Peer::bridge_for(paired);
        // What is new about a node is saved for all of them together, later.
        drop(Connection::login(bridge.address, None, 0));
        let began = Instant::now();
        for _ in 0..100 {
            Connection::login(bridge.address, None, 0);
        }
        let login = began.elapsed().as_secs_f64() * 1e6 / 100.0;
        let health = load(&bridge, HEALTH, (10, 1), span);
        eprintln!(
            "{paired:7} {:9.1} {:4.1} {login:13.0} {:15.1}",
            ready.as_secs_f64() * 1e3,
            memory_kib(bridge.pid(), "VmRSS") as f64 / 1024.0,
            health.p50_us,
        );
    }
}

/// With the nodes that are connected; as many are paired.
fn with_nodes(span: Duration) {
    eprintln!("nodes  ready ms  MiB  KiB each  one login us  health 1x1 us  one event to all ms");
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    for nodes in [10, 100, 1_000, 3_000, 10_000] {
        // A socket and an eventfd each; the canvas host and others need some, too.
        let nodes = nodes.min(files / 9 * 4);
        let (bridge, ready) = Peer::bridge_for(nodes);
        let before = memory_kib(bridge.pid(), "VmRSS");
        let began = Instant::now();
        let login = |n| {
            let mut node = Connection::login(bridge.address, None, n);
            // The event that greets it must not count below.
            node.line();
            node
        };
        let crowd: Vec<_> = (1..nodes).map(login).collect();
        let login = began.elapsed().as_secs_f64() * 1e6 / nodes as f64;
        let after = memory_kib(bridge.pid(), "VmRSS");
        let health = load(&bridge, HEALTH, (1, 1), span);
        let began = Instant::now();
        let words =
            b"{\"type\":\"req\",\"id\":\"w\",\"method\":\"voicewake.set\",\"paramsJSON\":\"{}\"}\n";
        let mut left = crowd.len();
        let mut crowd = Crowd::new(crowd);
        crowd.connections[0].send(words);
        let is_over = std::cell::Cell::new(false);
        crowd.run(
            |_, line, _| {
                left -= usize::from(line.windows(17).any(|part| part == b"voicewake.changed"));
                is_over.set(left == 0);
            },
            || is_over.get(),
        );
        let event = began.elapsed().as_secs_f64() * 1e3;
        let each = (after - before) as f64 / nodes as f64;
        eprintln!(
            "{nodes:6} {:8.1} {:5.1} {each:8.1} {login:12.0} {:14.1} {event:12.1}",
            ready.as_secs_f64() * 1e3,
            after as f64 / 1024.0,
            health.p50_us,
        );
    }
}
