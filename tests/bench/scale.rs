//! How cost grows with the number of nodes.

use crate::client::{Connection, Crowd};
use crate::peers::Peer;
use crate::process::memory_kib;
use crate::rows::{load, HEALTH};
use std::time::{Duration, Instant};

/// How cost grows with the nodes that are connected, for people.
pub(crate) fn scale(span: Duration) {
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
