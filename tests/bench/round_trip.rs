//! What a round trip through the bridge costs, against a raw blocking line echo, and what an idle
//! node costs, with TLS and without. Prints ratios measured in one run, because absolute times belong to the machine.
//!
//! `make bench`, or `cargo bench -- ROUNDS NODES`.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use rustls::pki_types::{pem::PemObject, CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Round trips in one turn; the echo and the bridge take turns, so that a noisy neighbour
/// disturbs both.
const TURN: usize = 500;

/// Set in the environment of the process that is the echo.
const ECHO: &str = "ROUND_TRIP_ECHO";

const PING: &str = "{\"type\":\"ping\",\"id\":\"1\"}\n";
const HEALTH: &str = "{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\",\"paramsJSON\":null}\n";

fn main() {
    if std::env::var_os(ECHO).is_some() {
        return echo_lines();
    }
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(20);
    let nodes = numbers.next().unwrap_or(500);
    let (plain, secured) = (Bridge::start(nodes, false), Bridge::start(nodes, true));
    round_trips(rounds, &plain, &secured);
    for (name, bridge) in [("plain", &plain), ("TLS", &secured)] {
        let before = bridge.memory_kib();
        let crowd: Vec<Line> = (1..nodes).map(|n| bridge.login(n)).collect();
        let after = bridge.memory_kib();
        let (count, each) = (crowd.len(), (after - before) as f64 / crowd.len() as f64);
        println!("{count} idle {name} nodes: {before} -> {after} KiB resident, {each:.1} KiB each");
    }
}

fn round_trips(rounds: usize, plain: &Bridge, secured: &Bridge) {
    let (mut echo_process, address) = start_echo();
    let mut echo = Line::connect(address, None);
    let (mut node, mut safe) = (plain.login(0), secured.login(0));
    let mut samples: [Vec<Duration>; 4] = Default::default();
    let [echoes, pings, safe_pings, healths] = &mut samples;
    for _ in 0..rounds {
        echo.turn(PING, echoes);
        node.turn(PING, pings);
        safe.turn(PING, safe_pings);
        node.turn(HEALTH, healths);
    }
    println!("{} round trips of each kind, one at a time:", rounds * TURN);
    // It has nothing to lose; not even an answer.
    let _ = echo_process.kill().and_then(|()| echo_process.wait());
    let floor = median(&mut samples[0]);
    for (name, samples) in ["echo", "ping", "ping over TLS", "health"].iter().zip(&mut samples) {
        let half = median(samples);
        let most = samples[samples.len() * 99 / 100];
        let us = |span: Duration| span.as_secs_f64() * 1e6;
        let ratio = half.as_secs_f64() / floor.as_secs_f64();
        println!(
            "  {name:13} median {:7.1} us  p99 {:7.1} us  {ratio:.2} x echo",
            us(half),
            us(most)
        );
    }
}

fn median(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

/// The echo in a process of its own, as the bridge is.
fn start_echo() -> (Child, SocketAddr) {
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new(this);
    let mut process = command.env(ECHO, "1").stdout(Stdio::piped()).spawn().expect("the echo");
    let mut line = String::new();
    let out = process.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("its address");
    (process, line.trim().parse().expect("an address"))
}

/// A blocking echo of lines, one thread for each connection: what the system can do at best.
fn echo_lines() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("its address"));
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let _ = stream.set_nodelay(true);
            let mut lines = BufReader::new(&stream);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if (&stream).write_all(line.as_bytes()).is_err() {
                    return;
                }
                line.clear();
            }
        });
    }
}

/// A connection that asks and waits.
struct Line {
    reader: BufReader<Box<dyn Wire>>,
    answer: String,
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

impl Line {
    fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        let wire: Box<dyn Wire> = match tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost").expect("a name");
                let tls = ClientConnection::new(config.clone(), name).expect("a configuration");
                Box::new(StreamOwned::new(tls, stream))
            }
        };
        Self { reader: BufReader::new(wire), answer: String::new() }
    }

    fn read(&mut self) {
        self.answer.clear();
        let bytes = self.reader.read_line(&mut self.answer).expect("a line in time");
        assert!(bytes > 0, "the connection was closed");
    }

    fn ask(&mut self, line: &str) {
        self.reader.get_mut().write_all(line.as_bytes()).expect("to be heard");
        self.read();
    }

    fn turn(&mut self, line: &str, samples: &mut Vec<Duration>) {
        for _ in 0..TURN {
            let began = Instant::now();
            self.ask(line);
            samples.push(began.elapsed());
        }
    }
}

/// The real program, with nodes whose tokens are known.
struct Bridge {
    process: Child,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    _dir: tempfile::TempDir,
}

impl Bridge {
    fn start(nodes: usize, with_tls: bool) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let entries = (0..nodes.max(1)).map(|n| format!("\"n{n}\":{{\"token\":\"t{n}\"}}"));
        let book = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
        fs::create_dir(dir.path().join("nodes")).expect("a directory");
        fs::write(dir.path().join("nodes/paired.json"), book).expect("a pairing file");
        let program = env!("CARGO_BIN_EXE_openclaw-bridge");
        let process = Command::new(program)
            .args(["serve", "--port", "0", "--log", "error", "--state-dir"])
            .arg(dir.path())
            .args(with_tls.then_some("--tls"))
            .spawn()
            .expect("the bridge");
        let address = wait_for_address(program, dir.path());
        let tls = with_tls.then(|| trusting(&dir.path().join("bridge/tls/bridge-cert.pem")));
        Self { process, address, tls, _dir: dir }
    }

    fn login(&self, node: usize) -> Line {
        let mut line = Line::connect(self.address, self.tls.as_ref());
        let hello =
            format!("{{\"type\":\"hello\",\"nodeId\":\"n{node}\",\"token\":\"t{node}\"}}\n");
        line.ask(&hello);
        assert!(line.answer.contains("hello-ok"), "not admitted: {}", line.answer);
        // The event that every admitted node is sent.
        line.read();
        line
    }

    /// Resident memory without what is shared with other programs' files.
    fn memory_kib(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("a running bridge");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
}

/// TLS for a node that trusts this certificate only.
fn trusting(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(certificate).expect("the certificate");
    roots.add(certificate).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions of TLS").with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for_address(program: &str, dir: &Path) -> SocketAddr {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut status = Command::new(program);
        status.args(["status", "--json", "--state-dir"]).arg(dir).stderr(Stdio::null());
        let answer = String::from_utf8_lossy(&status.output().expect("status").stdout).into_owned();
        let address = answer.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(address) = address {
            return address.parse().expect("an address");
        }
        assert!(Instant::now() < deadline, "the bridge did not start");
        thread::sleep(Duration::from_millis(20));
    }
}
