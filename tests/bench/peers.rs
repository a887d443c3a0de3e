//! What is measured, each in a process of its own: the bridge, a program that embeds it, a raw
//! echo, and a bare loop that writes a line to every connection.
//!
//! The last three are this program again, with [`ROLE`] in the environment. They print their
//! address and then obey commands on standard input, one line and one answer each.

use crate::client::{read_line, Samples};
use crate::process::monotonic_ns;
use openclaw_bridge::backend::{embedded::Embedded, Audience, BackendEvent};
use openclaw_bridge::protocol::operator::{InvokeNode, ListNodes};
use openclaw_bridge::{Config, Daemon};
use rustls::pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const ROLE: &str = "BRIDGE_BENCH_ROLE";

/// The directory with the pairing files, or with a certificate for the echo.
const DIR: &str = "BRIDGE_BENCH_DIR";

const CERTIFICATE: &str = "bridge/tls/bridge-cert.pem";
const KEY: &str = "bridge/tls/bridge-key.pem";

/// Plays the role that the environment names; false without one.
pub(crate) fn play_role() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let dir = std::env::var_os(DIR).map(PathBuf::from);
    match role.as_str() {
        "echo" => echo(dir.as_deref()),
        "loop" => bare_loop(),
        "host" => host(&dir.expect("a directory")),
        other => panic!("unknown role {other}"),
    }
    true
}

/// A child process that serves at an address.
pub(crate) struct Peer {
    process: Child,
    commands: Option<ChildStdin>,
    answers: Option<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    dir: Option<tempfile::TempDir>,
}

/// The program that is measured: another build, such as a static one, if the caller names it.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_openclaw-bridge").into(), PathBuf::from)
}

impl Peer {
    /// A raw blocking echo of lines; over TLS with the certificate of `like`.
    pub(crate) fn echo(like: Option<&Self>) -> Self {
        Self::start("echo", like.and_then(|peer| peer.dir.as_ref()).map(|dir| dir.path()))
    }

    /// A loop that writes to every connection in turn.
    pub(crate) fn bare_loop() -> Self {
        Self::start("loop", None)
    }

    /// A program with a bridge inside, and these nodes paired.
    pub(crate) fn host(nodes: usize) -> Self {
        let dir = paired(nodes);
        let mut peer = Self::start("host", Some(dir.path()));
        peer.dir = Some(dir);
        peer
    }

    fn start(role: &str, dir: Option<&Path>) -> Self {
        let this = std::env::current_exe().expect("this program");
        let other = std::env::var_os("HOST").filter(|_| role == "host").map(PathBuf::from);
        let mut command = Command::new(other.unwrap_or(this));
        command.env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(dir) = dir {
            command.env(DIR, dir);
        }
        let mut process = command.spawn().expect("a child process");
        let commands = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("its output"));
        let address = read_line(&mut answers).parse().expect("its address");
        Self { process, commands, answers: Some(answers), address, dir: None }
    }

    /// The release binary, with these nodes paired. The last one is how long it took to be ready.
    pub(crate) fn bridge(nodes: usize, arguments: &[&str]) -> (Self, Duration) {
        Self::bridge_in(paired(nodes), arguments)
    }

    /// As [`Peer::bridge`], for more nodes than a bridge takes by itself.
    pub(crate) fn bridge_for(nodes: usize) -> (Self, Duration) {
        let dir = paired(nodes);
        let config = dir.path().join("bench.json5");
        let limits = format!("{{connections: {0}, pairedNodes: {0}}}", nodes.max(1000) + 10);
        fs::write(&config, format!("{{bridge: {{limits: {limits}}}}}")).expect("a configuration");
        let config = config.display().to_string();
        Self::bridge_in(dir, &["--config", &config])
    }

    fn bridge_in(dir: tempfile::TempDir, arguments: &[&str]) -> (Self, Duration) {
        let began = Instant::now();
        let process = Command::new(program())
            .args(["serve", "--port", "0", "--log", "info", "--state-dir"])
            .arg(dir.path())
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.expect("the bridge");
        let mut log = BufReader::new(process.stderr.take().expect("its log"));
        let address = loop {
            let line = read_line(&mut log);
            assert!(!line.is_empty(), "the bridge ended");
            let after =
                line.split("address=").nth(1).or_else(|| line.split("listening on ").nth(1));
            let first = after.and_then(|rest| rest.split_whitespace().next());
            if let Some(address) = first.and_then(|text| text.trim_end_matches(',').parse().ok()) {
                break address;
            }
        };
        let ready = began.elapsed();
        // Nobody reads on; a full pipe must not stop the bridge.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        (Self { process, commands: None, answers: None, address, dir: Some(dir) }, ready)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn state_dir(&self) -> &Path {
        self.dir.as_ref().map_or_else(|| Path::new(""), |dir| dir.path())
    }

    /// TLS for nodes that trust this bridge's certificate only.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let path = self.state_dir().join(CERTIFICATE);
        let certificate = CertificateDer::from_pem_file(path).expect("the certificate");
        roots.add(certificate).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions of TLS").with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }

    /// Has the child do something; the answer comes from [`Peer::answer`].
    pub(crate) fn command(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("a child that takes commands");
        writeln!(commands, "{command}").expect("a child that lives");
    }

    /// Runs `until_answered` beside the wait for the answer to a command.
    pub(crate) fn answer(&mut self, until_answered: impl FnOnce(&dyn Fn() -> bool)) -> String {
        let mut answers = self.answers.take().expect("a child that answers");
        let waiting = thread::spawn(move || (read_line(&mut answers), answers));
        until_answered(&|| waiting.is_finished());
        let (answer, answers) = waiting.join().expect("an answer");
        self.answers = Some(answers);
        answer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A state directory in which nodes `n0`, `n1`, … are paired with the tokens `t0`, `t1`, ….
fn paired(nodes: usize) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir();
    let dir = dir.expect("a temporary directory");
    let entries = (0..nodes).map(|n| format!("\"n{n}\":{{\"token\":\"t{n}\"}}"));
    let book = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    fs::create_dir(dir.path().join("nodes")).expect("a directory");
    fs::write(dir.path().join("nodes/paired.json"), book).expect("a pairing file");
    dir
}

fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    say(&listener.local_addr().expect("its address").to_string());
    listener
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say(line: &str) {
    println!("{line}");
}

/// What the system can do at best with one blocking thread for each connection.
fn echo(dir: Option<&Path>) {
    let tls = dir.map(|dir| {
        let certificate = CertificateDer::from_pem_file(dir.join(CERTIFICATE)).expect("one");
        let key = PrivateKeyDer::from_pem_file(dir.join(KEY)).expect("its key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions of TLS").with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate], key).expect("a pair"))
    });
    for stream in listen().incoming().flatten() {
        let tls = tls.clone();
        thread::spawn(move || {
            let _ = stream.set_nodelay(true);
            match tls {
                None => echo_lines(stream),
                Some(config) => {
                    let tls = ServerConnection::new(config).expect("a configuration");
                    echo_lines(StreamOwned::new(tls, stream));
                }
            }
        });
    }
}

fn echo_lines(stream: impl Read + Write) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        // Answers what has come together, together.
        let together =
            lines.buffer().iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        line.extend_from_slice(&lines.buffer()[..together]);
        lines.consume(together);
        if lines.get_mut().write_all(&line).is_err() {
            return;
        }
        line.clear();
    }
}

/// The line of an event, with the time and about this many bytes.
fn event_payload(bytes: usize) -> String {
    format!("{{\"t\":{},\"pad\":\"{}\"}}", monotonic_ns(), "x".repeat(bytes))
}

/// `COUNT BYTES GAP_MS`: so many events of so many bytes, so long apart.
fn events(arguments: &str, mut send: impl FnMut(String)) {
    let numbers: Vec<u64> = arguments.split(' ').filter_map(|text| text.parse().ok()).collect();
    let [count, bytes, gap_ms] = numbers[..] else { panic!("events {arguments}") };
    for _ in 0..count {
        if gap_ms > 0 {
            thread::sleep(Duration::from_millis(gap_ms));
        }
        send(event_payload(bytes as usize));
    }
}

fn bare_loop() {
    let streams = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let accepted = streams.clone();
    let listener = listen();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            // The hello, and an answer that looks like one.
            let mut hello = [0; 512];
            let _ = stream.read(&mut hello);
            // Whoever has the answer gets the next event.
            let mut streams = accepted.lock().expect("the streams");
            let _ = stream.write_all(b"{\"type\":\"hello-ok\"}\n");
            streams.push(stream);
        }
    });
    for command in std::io::stdin().lines().map_while(Result::ok) {
        let streams = streams.lock().expect("the streams");
        events(command.trim_start_matches("events "), |payload| {
            let payload = payload.replace('"', "\\\"");
            let line = format!(
                "{{\"type\":\"event\",\"event\":\"chat\",\"payloadJSON\":\"{payload}\"}}\n"
            );
            for mut stream in &*streams {
                stream.write_all(line.as_bytes()).expect("a node that reads");
            }
        });
        say("done");
    }
}

/// A bridge in a program of its own, which has events sent and nodes invoked.
fn host(dir: &Path) {
    let mut config = Config::default();
    config.bridge.port = 0;
    let backend = Arc::new(Embedded::new(dir, &config));
    let bridge = Daemon::builder(dir, backend).config(config).start().expect("a bridge");
    say(&bridge.addresses()[0].to_string());
    for command in std::io::stdin().lines().map_while(Result::ok) {
        if let Some(arguments) = command.strip_prefix("events ") {
            let outlet = bridge.outlet();
            events(arguments, |payload| {
                let payload = Some(payload.as_str().into());
                outlet.send(BackendEvent { to: Audience::Everyone, event: "chat".into(), payload });
            });
            say("done");
        } else if let Some(arguments) = command.strip_prefix("invoke ") {
            let numbers: Vec<u64> = arguments.split(' ').filter_map(|n| n.parse().ok()).collect();
            let [in_flight, ms] = numbers[..] else { panic!("invoke {arguments}") };
            let mut samples = invokes(&bridge, in_flight as usize, Duration::from_millis(ms));
            say(&format!("{} {}", samples.per_second(), samples.percentile_us(0.5)));
        }
    }
}

/// Keeps invokes open to every connected node, each with an operator of its own.
fn invokes(bridge: &Daemon, in_flight: usize, span: Duration) -> Samples {
    let mut asking = bridge.operator().expect("an operator");
    let nodes = asking.ask(ListNodes {}).expect("the nodes").nodes;
    let warm = Instant::now() + span / 5;
    let end = warm + span;
    let threads = nodes.into_iter().filter(|node| node.connected).map(|node| {
        let mut operator = bridge.operator().expect("an operator");
        thread::spawn(move || {
            let (mut open, mut took) = (VecDeque::new(), Vec::new());
            while Instant::now() < end {
                while open.len() < in_flight {
                    let call = InvokeNode {
                        node_id: node.node_id.as_str().to_owned(),
                        command: "bench.echo".into(),
                        params: Some("{}".into()),
                        timeout_ms: Some(10_000),
                        idempotency_key: None,
                    };
                    let request = operator.begin(call).expect("an invoke");
                    open.push_back((Instant::now(), request));
                }
                let Some((began, request)) = open.pop_front() else { continue };
                operator.outcome(request).expect("an answer");
                if began >= warm {
                    took.push(began.elapsed());
                }
            }
            took
        })
    });
    let mut samples = Samples::default();
    for thread in threads.collect::<Vec<_>>() {
        for took in thread.join().expect("no panic") {
            samples.push(took);
        }
    }
    samples.collected_in(span)
}
