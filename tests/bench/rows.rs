//! The rows of the table: what each measures, and the ratio it must keep.

use crate::client::{Connection, Crowd, Samples};
use crate::peers::Peer;
use crate::process::{cpu_ns, memory_kib, monotonic_ns, Noise};
use std::time::{Duration, Instant};

pub(crate) const PING: &[u8] = b"{\"type\":\"ping\",\"id\":\"1\"}\n";
pub(crate) const HEALTH: &[u8] =
    b"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"paramsJSON\":null}\n";

/// How many nodes events go to, and how many are connected at once at most.
pub(crate) const CROWD: usize = 500;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    /// What was measured, for people.
    pub(crate) figures: String,
    pub(crate) ratio: f64,
    pub(crate) must: Bound,
}

/// What a ratio must be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, figures: String, ratio: f64, must: Bound) -> Self {
        Self { name: name.into(), figures, ratio, must }
    }

    pub(crate) fn holds(&self) -> bool {
        match self.must {
            Bound::AtMost(most) => self.ratio <= most,
            Bound::AtLeast(least) => self.ratio >= least,
        }
    }
}

/// What one closed loop shows.
pub(crate) struct Load {
    pub(crate) p50_us: f64,
    p99_us: f64,
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
}

/// Everything that is measured in one round, and how noisy the machine was.
pub(crate) fn round(span: Duration) -> (Vec<Row>, f64) {
    let mut rows = Vec::new();
    let (plain, _) = Peer::bridge(CROWD, &[]);
    let (secured, _) = Peer::bridge(CROWD, &["--tls"]);
    let (echo, secured_echo) = (Peer::echo(None), Peer::echo(Some(&secured)));
    let noise = Noise::watch(&[plain.pid(), secured.pid(), echo.pid(), secured_echo.pid()]);
    round_trips(&mut rows, span, [&plain, &secured, &echo, &secured_echo]);
    for (nodes, in_flight, pings, healths) in [(CROWD, 1, 0.85, 0.70), (50, 4, 0.6, 0.5)] {
        let floor = load(&echo, PING, (nodes, in_flight), span);
        for (what, request, least) in [("ping", PING, pings), ("health", HEALTH, healths)] {
            let ours = load(&plain, request, (nodes, in_flight), span);
            let name = format!("{what} {nodes}x{in_flight}, throughput");
            rows.push(throughput(name, ours.per_second, floor.per_second, least));
        }
    }
    let share = noise.share();
    drop((plain, secured, secured_echo));
    invokes(&mut rows, &echo, span);
    fan_out(&mut rows);
    deaf_nodes(&mut rows, span);
    (rows, share)
}

/// As [`round`], but only of a program that embeds the bridge.
pub(crate) fn host(span: Duration) -> (Vec<Row>, f64) {
    let mut rows = Vec::new();
    // Its processes come and go, so they cannot be told from others.
    invokes(&mut rows, &Peer::echo(None), span);
    fan_out(&mut rows);
    (rows, 0.0)
}

fn throughput(name: String, ours: f64, floor: f64, least: f64) -> Row {
    let figures = format!("{:.1} k/s, {:.1} k/s", ours / 1000.0, floor / 1000.0);
    Row::new(name, figures, ours / floor, Bound::AtLeast(least))
}

pub(crate) fn load(
    peer: &Peer,
    request: &[u8],
    (nodes, in_flight): (usize, usize),
    span: Duration,
) -> Load {
    let is_raw = peer.state_dir().as_os_str().is_empty();
    let login = |n| match is_raw {
        true => Connection::open(peer.address, None),
        false => Connection::login(peer.address, None, n),
    };
    measure(peer, Crowd::new((0..nodes).map(login).collect()), request, in_flight, span)
}

fn measure(
    peer: &Peer,
    mut crowd: Crowd,
    request: &[u8],
    in_flight: usize,
    span: Duration,
) -> Load {
    let before = cpu_ns(peer.pid());
    let mut samples = crowd.closed_loop(request, in_flight, span);
    // The warm-up was a sixth of all.
    let cpu = (cpu_ns(peer.pid()) - before) as f64 * 5.0 / 6.0;
    Load {
        p50_us: samples.percentile_us(0.5),
        p99_us: samples.percentile_us(0.99),
        per_second: samples.per_second(),
        cpu_us: cpu / 1000.0 / samples.len() as f64,
    }
}

/// One frame at a time, in the clear and over TLS.
fn round_trips(rows: &mut Vec<Row>, span: Duration, [plain, secured, echo, safe_echo]: [&Peer; 4]) {
    let one = |peer: &Peer, request| load(peer, request, (1, 1), span);
    let (floor, ping, health) = (one(echo, PING), one(plain, PING), one(plain, HEALTH));
    let tls = secured.tls();
    let over_tls =
        |peer: &Peer, connection| measure(peer, Crowd::new(vec![connection]), PING, 1, span);
    let safe = over_tls(secured, Connection::login(secured.address, Some(&tls), 0));
    let mut connection = Connection::open(safe_echo.address, Some(&tls));
    connection.send(PING);
    connection.line();
    let safe_floor = over_tls(safe_echo, connection);
    let p50 = |name: &str, ours: &Load, floor: &Load, most| {
        let figures = format!("{:.1} us, {:.1} us", ours.p50_us, floor.p50_us);
        Row::new(name, figures, ours.p50_us / floor.p50_us, Bound::AtMost(most))
    };
    rows.push(p50("ping 1x1, p50", &ping, &floor, 1.2));
    rows.push(p50("ping 1x1 over TLS, p50", &safe, &safe_floor, 1.2));
    rows.push(p50("health 1x1, p50", &health, &floor, 1.35));
    let figures = format!("{:.1} us, {:.1} us", health.cpu_us, floor.cpu_us);
    let ratio = health.cpu_us / floor.cpu_us;
    rows.push(Row::new("health 1x1, server CPU", figures, ratio, Bound::AtMost(2.0)));
}

/// Invokes by operators inside the program that embeds the bridge.
fn invokes(rows: &mut Vec<Row>, echo: &Peer, span: Duration) {
    for (nodes, in_flight, least) in [(1, 1, 0.6), (1, 16, 0.7), (50, 1, 0.6)] {
        let floor = load(echo, PING, (nodes, in_flight), span);
        let mut host = Peer::host(nodes);
        let login = |n| Connection::login(host.address, None, n);
        let mut crowd = Crowd::new((0..nodes).map(login).collect());
        host.command(&format!("invoke {in_flight} {}", span.as_millis()));
        let answer = host.answer(|is_over| {
            crowd.run(
                |_, line, out| {
                    let Some(id) = invoke_id(line) else { return };
                    out.extend_from_slice(b"{\"type\":\"invoke-res\",\"id\":\"");
                    out.extend_from_slice(id);
                    out.extend_from_slice(b"\",\"ok\":true,\"payloadJSON\":\"{}\"}\n");
                },
                is_over,
            );
        });
        let rate: f64 = answer.split(' ').next().and_then(|n| n.parse().ok()).expect("a rate");
        let name = format!("invoke {nodes}x{in_flight}, throughput");
        rows.push(throughput(name, rate, floor.per_second, least));
    }
}

/// The bridge's ids are letters and digits.
pub(crate) fn invoke_id(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"{\"type\":\"invoke\",\"id\":\"")?;
    line.split(|byte| *byte == b'"').next()
}

/// One event to all nodes: many at once, and one after the other.
fn fan_out(rows: &mut Vec<Row>) {
    let deliver = |peer: &mut Peer, count: usize, gap_ms: u64| {
        let login = |n| Connection::login(peer.address, None, n);
        let mut crowd = Crowd::new((0..CROWD).map(login).collect());
        let mut took = Samples::default();
        let left = std::cell::Cell::new(count * CROWD);
        let began = Instant::now();
        peer.command(&format!("events {count} 200 {gap_ms}"));
        peer.answer(|_| {
            crowd.run(
                |_, line, _| {
                    let Some(sent) = stamp(line) else { return };
                    took.push(Duration::from_nanos(monotonic_ns().saturating_sub(sent)));
                    left.set(left.get() - 1);
                },
                || left.get() == 0 || began.elapsed() > Duration::from_secs(60),
            );
        });
        assert_eq!(left.get(), 0, "some events did not arrive");
        took.collected_in(began.elapsed())
    };
    let (mut host, mut bare) = (Peer::host(CROWD), Peer::bare_loop());
    let (ours, floor) = (deliver(&mut host, 200, 0), deliver(&mut bare, 200, 0));
    let name = format!("200 events to {CROWD} nodes at once, against a bare loop");
    rows.push(throughput(name, ours.per_second(), floor.per_second(), 2.0));
    let (mut host, mut bare) = (Peer::host(CROWD), Peer::bare_loop());
    let (mut ours, mut floor) = (deliver(&mut host, 50, 20), deliver(&mut bare, 50, 20));
    let (ours, floor) = (ours.percentile_us(0.5), floor.percentile_us(0.5));
    let name = format!("an event every 20 ms to {CROWD} nodes, p50, against a bare loop");
    let figures = format!("{:.2} ms, {:.2} ms", ours / 1000.0, floor / 1000.0);
    rows.push(Row::new(name, figures, ours / floor, Bound::AtMost(1.2)));
}

/// The time in the payload of an event of the bench, which is JSON within JSON.
fn stamp(line: &[u8]) -> Option<u64> {
    const BEFORE: &[u8] = b"{\\\"t\\\":";
    let at = line.windows(BEFORE.len()).position(|part| part == BEFORE)? + BEFORE.len();
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// What others wait while ten nodes subscribe, call for long answers and never read; and what that
/// costs in memory.
fn deaf_nodes(rows: &mut Vec<Row>, span: Duration) {
    let (bridge, _) = Peer::bridge(11, &[]);
    let alone = load(&bridge, HEALTH, (1, 1), span);
    let before = memory_kib(bridge.pid(), "VmRSS");
    let deaf: Vec<_> = (1..=10)
        .map(|n| {
            let mut node = Connection::login(bridge.address, None, n);
            node.send_what_fits(&HEALTH.repeat(1000), 64);
            node
        })
        .collect();
    let beside = load(&bridge, HEALTH, (1, 1), span);
    let more = (memory_kib(bridge.pid(), "VmRSS").saturating_sub(before)) as f64 / 1024.0;
    drop(deaf);
    let (with, without) = (beside.p99_us / 1000.0, alone.p99_us / 1000.0);
    let figures = format!("{with:.2} ms, {without:.2} ms without them, {more:.1} MiB more");
    let name = "health beside 10 nodes that never read, p99 in ms";
    rows.push(Row::new(name, figures, with, Bound::AtMost(5.0)));
}
