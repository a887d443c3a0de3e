//! What a round trip through the bridge costs, against a raw blocking line echo, and what an idle
//! node costs. Prints ratios measured in one run, because absolute times belong to the machine.
//!
//! `make bench`, or `cargo bench -- ROUNDS NODES`.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
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
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bridge = Bridge::start(dir.path(), nodes);

    let (mut echo_process, address) = start_echo();
    let mut echo = Line::connect(address);
    let mut node = Line::login(bridge.address, 0);
    let (mut echoes, mut pings, mut healths) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        echo.turn(PING, &mut echoes);
        node.turn(PING, &mut pings);
        node.turn(HEALTH, &mut healths);
    }
    println!("{} round trips of each kind, one at a time:", rounds * TURN);
    // It has nothing to lose; not even an answer.
    let _ = echo_process.kill().and_then(|()| echo_process.wait());
    let floor = median(&mut echoes);
    for (name, samples) in [("echo", &mut echoes), ("ping", &mut pings), ("health", &mut healths)] {
        let half = median(samples);
        let most = samples[samples.len() * 99 / 100];
        let us = |span: Duration| span.as_secs_f64() * 1e6;
        let ratio = half.as_secs_f64() / floor.as_secs_f64();
        println!(
            "  {name:6} median {:7.1} us  p99 {:7.1} us  {ratio:.2} x echo",
            us(half),
            us(most)
        );
    }

    let before = bridge.memory_kib();
    let crowd: Vec<Line> = (1..nodes).map(|n| Line::login(bridge.address, n)).collect();
    let after = bridge.memory_kib();
    let each = (after - before) as f64 / crowd.len() as f64;
    println!("{} idle nodes: {before} -> {after} KiB resident, {each:.1} KiB each", crowd.len());
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
    reader: BufReader<TcpStream>,
    answer: String,
}

impl Line {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        Self { reader: BufReader::new(stream), answer: String::new() }
    }

    fn login(address: SocketAddr, node: usize) -> Self {
        let mut line = Self::connect(address);
        let hello =
            format!("{{\"type\":\"hello\",\"nodeId\":\"n{node}\",\"token\":\"t{node}\"}}\n");
        line.ask(&hello);
        assert!(line.answer.contains("hello-ok"), "not admitted: {}", line.answer);
        // The event that every admitted node is sent.
        line.read();
        line
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
}

impl Bridge {
    fn start(dir: &Path, nodes: usize) -> Self {
        let entries = (0..nodes.max(1)).map(|n| format!("\"n{n}\":{{\"token\":\"t{n}\"}}"));
        let book = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
        fs::create_dir(dir.join("nodes")).expect("a directory");
        fs::write(dir.join("nodes/paired.json"), book).expect("a pairing file");
        let program = env!("CARGO_BIN_EXE_openclaw-bridge");
        let process = Command::new(program)
            .args(["serve", "--port", "0", "--log", "error", "--state-dir"])
            .arg(dir)
            .spawn()
            .expect("the bridge");
        let address = wait_for_address(program, dir);
        Self { process, address }
    }

    /// Resident memory without what is shared with other programs' files.
    fn memory_kib(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("a running bridge");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
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
