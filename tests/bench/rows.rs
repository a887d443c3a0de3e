//! The rows of the table: what each measures, and the ratio it must keep.

use crate::client::{Connection, Crowd, Samples};
use crate::peers::Peer;
use crate::process::{cpu_ns, cpu_ns_in_all, memory_kib, monotonic_ns, sleeps, Noise};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PING: &[u8] = b"{\"type\":\"ping\",\"id\":\"1\"}\n";
const HEALTH: &[u8] =
    b"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"paramsJSON\":null}\n";

/// How many nodes events go to, and how many are connected at once at most.
const CROWD: usize = 500;

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
    fn new(name: impl Into<String>, figures: String, ratio: f64, must: Bound) -> Self {
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
struct Load {
    p50_us: f64,
    p99_us: f64,
    per_second: f64,
    cpu_us: f64,
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
    drop((plain, secured, secured_echo));
    let share = noise.share();
    invokes(&mut rows, &echo, span);
    fan_out(&mut rows);
    deaf_nodes(&mut rows, span);
    (rows, share)
}

fn throughput(name: String, ours: f64, floor: f64, least: f64) -> Row {
    let figures = format!("{:.1} k/s, {:.1} k/s", ours / 1000.0, floor / 1000.0);
    Row::new(name, figures, ours / floor, Bound::AtLeast(least))
}

fn load(peer: &Peer, request: &[u8], (nodes, in_flight): (usize, usize), span: Duration) -> Load {
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
fn invoke_id(line: &[u8]) -> Option<&[u8]> {
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
    let figures =
        format!("{:.0} us, {:.0} us without them, {more:.1} MiB more", beside.p99_us, alone.p99_us);
    let ratio = beside.p99_us / alone.p99_us;
    rows.push(Row::new(
        "health beside 10 nodes that never read, p99",
        figures,
        ratio,
        Bound::AtMost(3.0),
    ));
}

/// A recording of 120 MB on its way from a node to a file.
fn recording() -> Row {
    const BYTES: usize = 120 * 1024 * 1024;
    let (bridge, _) = Peer::bridge(1, &[]);
    let before = memory_kib(bridge.pid(), "VmRSS");
    let mut node = Connection::login(bridge.address, None, 0);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-bridge"))
        .args(["nodes", "screen", "record", "--node", "n0", "--out"])
        .arg(dir.path().join("recording.mp4"))
        .arg("--state-dir")
        .arg(bridge.state_dir())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the command");
    let invoke = loop {
        let line = node.line();
        if let Some(id) = invoke_id(line.as_bytes()) {
            break String::from_utf8_lossy(id).into_owned();
        }
    };
    node.send(
        format!("{{\"type\":\"invoke-res\",\"id\":\"{invoke}\",\"ok\":true,\"payloadJSON\":\"{{\\\"format\\\":\\\"mp4\\\",\\\"base64\\\":\\\"").as_bytes(),
    );
    let part = vec![b'A'; 1024 * 1024];
    for _ in 0..BYTES / part.len() {
        node.send(&part);
    }
    node.send(b"\\\"}\"}\n");
    assert!(command.wait().expect("the command").success(), "the recording was not stored");
    let peak = memory_kib(bridge.pid(), "VmHWM") - before;
    let ratio = peak as f64 / (BYTES / 1024) as f64;
    let figures = format!("{:.0} MiB in the daemon", peak as f64 / 1024.0);
    Row::new("a recording of 120 MiB", figures, ratio, Bound::AtMost(1.1))
}

/// How cost grows with the nodes that are connected, for people.
pub(crate) fn scale(span: Duration) {
    eprintln!("nodes  ready ms  MiB  KiB each  one login us  health 1x1 us  one event to all ms");
    for nodes in [10, 100, 1_000, 3_000, 10_000] {
        let (bridge, ready) = Peer::bridge_for(nodes);
        let before = memory_kib(bridge.pid(), "VmRSS");
        let began = Instant::now();
        let crowd: Vec<_> =
            (1..nodes).map(|n| Connection::login(bridge.address, None, n)).collect();
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

/// What does not depend on the machine's speed, measured once.
pub(crate) fn sizes() -> Vec<Row> {
    let mut rows = Vec::new();
    let absolute = |name: &str, value: f64, unit: &str, most: f64| {
        Row::new(name, format!("{value:.1} {unit}"), value, Bound::AtMost(most))
    };
    for (name, arguments, most) in [("plain", &[][..], 22.0), ("TLS", &["--tls"][..], 43.0)] {
        let (bridge, _) = Peer::bridge(CROWD, arguments);
        let tls = (name == "TLS").then(|| bridge.tls());
        let before = memory_kib(bridge.pid(), "VmRSS");
        let crowd: Vec<_> =
            (0..CROWD).map(|n| Connection::login(bridge.address, tls.as_ref(), n)).collect();
        let each = (memory_kib(bridge.pid(), "VmRSS") - before) as f64 / crowd.len() as f64;
        rows.push(absolute(&format!("an idle {name} node"), each, "KiB", most));
        if name == "plain" {
            rows.push(absolute("no node", before as f64 / 1024.0, "MiB", 5.0));
        }
    }
    rows.push(after_a_crowd());
    rows.extend(idle_crowd());
    rows.push(start());
    rows.push(recording());
    rows.extend(logins());
    let path = env!("CARGO_BIN_EXE_openclaw-bridge");
    let bytes = std::fs::metadata(path).expect("the binary").len();
    rows.push(absolute("the program", bytes as f64 / 1e6, "MB", 4.5));
    rows
}

/// Memory after many nodes have come and gone, against before.
fn after_a_crowd() -> Row {
    let (bridge, _) = Peer::bridge(2000, &[]);
    let before = memory_kib(bridge.pid(), "VmRSS");
    let crowd: Vec<_> = (0..2000).map(|n| Connection::login(bridge.address, None, n)).collect();
    let peak = memory_kib(bridge.pid(), "VmRSS");
    drop(crowd);
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut after = peak;
    while Instant::now() < deadline && after > before + 2048 {
        thread::sleep(Duration::from_millis(50));
        after = memory_kib(bridge.pid(), "VmRSS");
    }
    let mib = |kib: u64| kib as f64 / 1024.0;
    let figures =
        format!("{:.1} MiB, {:.1} with them, {:.1} after", mib(before), mib(peak), mib(after));
    let more = mib(after) - mib(before);
    Row::new("2,000 nodes came and went", figures, more, Bound::AtMost(2.0))
}

/// What a thousand silent nodes cost.
fn idle_crowd() -> [Row; 2] {
    let (bridge, _) = Peer::bridge(1000, &[]);
    let crowd: Vec<_> = (0..1000).map(|n| Connection::login(bridge.address, None, n)).collect();
    thread::sleep(Duration::from_secs(1));
    let (cpu, woken) = (cpu_ns(bridge.pid()), sleeps(bridge.pid()));
    let span = Duration::from_secs(5);
    thread::sleep(span);
    let cpu = (cpu_ns(bridge.pid()) - cpu) as f64 / span.as_nanos() as f64 * 100.0;
    let woken = (sleeps(bridge.pid()) - woken) as f64 / span.as_secs_f64();
    drop(crowd);
    [
        Row::new("1,000 idle nodes, CPU", format!("{cpu:.3} %"), cpu, Bound::AtMost(0.05)),
        Row::new(
            "1,000 idle nodes, wake-ups",
            format!("{woken:.1} a second"),
            woken,
            Bound::AtMost(2.0),
        ),
    ]
}

/// From `exec` to the line that says where it listens.
fn start() -> Row {
    let mut took: Vec<f64> =
        (0..5).map(|_| Peer::bridge(1000, &[]).1.as_secs_f64() * 1000.0).collect();
    took.sort_by(f64::total_cmp);
    let figures = format!("{:.1} ms", took[2]);
    Row::new("start with 1,000 paired nodes", figures, took[2], Bound::AtMost(20.0))
}

/// Logins over TLS 1.3, with and without a session to resume.
fn logins() -> Option<Row> {
    const LOGINS: usize = 1000;
    let (bridge, _) = Peer::bridge(1, &["--tls"]);
    let mut with = bridge.tls();
    let mut without = bridge.tls();
    Arc::get_mut(&mut without)?.resumption = rustls::client::Resumption::disabled();
    Arc::get_mut(&mut with)?.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let mut resumed = 0;
    let mut cpu = |tls: &Arc<rustls::ClientConfig>| {
        let before = cpu_ns_in_all(bridge.pid());
        for _ in 0..LOGINS {
            let mut connection = Connection::login(bridge.address, Some(tls), 0);
            connection.send(PING);
            connection.line();
            resumed += usize::from(connection.is_resumed());
        }
        (cpu_ns_in_all(bridge.pid()) - before) as f64 / 1000.0 / LOGINS as f64
    };
    let (full, short) = (cpu(&without), cpu(&with));
    let figures = format!("{short:.0} us, {full:.0} us, {resumed} of {LOGINS} resumed");
    Some(Row::new(
        "login over TLS 1.3, resumed against full, CPU",
        figures,
        short / full,
        Bound::AtMost(0.8),
    ))
}

/// Whether a tool is there that shows the bytes of the stripped library.
pub(crate) fn library_size() -> Option<Row> {
    let dir = tempfile::tempdir().ok()?;
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--release", "--no-default-features", "--example", "embed", "--target-dir"])
        .arg(dir.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !build.status().ok()?.success() {
        return None;
    }
    let bytes = std::fs::metadata(dir.path().join("release/examples/embed")).ok()?.len();
    let size = bytes as f64 / 1e6;
    Some(Row::new("a program that embeds it", format!("{size:.1} MB"), size, Bound::AtMost(2.5)))
}
