//! What the bridge weighs: memory, bytes, time to start, and what does not depend on how fast the
//! machine is.

use crate::client::Connection;
use crate::peers::{program, Peer};
use crate::process::{cpu_ns, cpu_ns_in_all, memory_kib, sleeps};
use crate::rows::{invoke_id, Bound, Row, CROWD, PING};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What does not depend on the machine's speed, measured once.
pub(crate) fn all() -> Vec<Row> {
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
    let bytes = std::fs::metadata(program()).expect("the binary").len();
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

/// A recording of 120 MB on its way from a node to a file.
fn recording() -> Row {
    const BYTES: usize = 120 * 1024 * 1024;
    let (bridge, _) = Peer::bridge(1, &[]);
    let before = memory_kib(bridge.pid(), "VmRSS");
    let mut node = Connection::login(bridge.address, None, 0);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(program())
        .args(["nodes", "screen", "record", "--node", "n0", "--out"])
        .arg(dir.path().join("recording.mp4"))
        .arg("--state-dir")
        .arg(bridge.state_dir())
        .stdout(Stdio::null())
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
        Bound::AtMost(1.0),
    ))
}

/// The bytes of a program that embeds the bridge, without what only our program needs.
pub(crate) fn library() -> Option<Row> {
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
