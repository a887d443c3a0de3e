//! A seeded game against the real daemon: nodes that pair, talk, flood, vanish and come back,
//! operators, an agent, and between the rounds a fault. What was acknowledged is kept in a model, and
//! the daemon has to agree with it after each fault. `make soak` plays it for minutes; the suite plays
//! a short one.

use crate::support::faults::{Call, Faults, Rule};
use crate::support::{eventually, secrets, Control, Daemon, Setup, DEADLINE};
use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Players at the same time, each with nodes and conversations of its own.
const PLAYERS: usize = 4;
/// What each does between two faults.
const DEEDS: usize = 60;
/// Nodes of one player.
const NODES: usize = 500;
/// How many of them are looked after in each round, and how many that were revoked: guesses are
/// limited for each address.
const SAMPLE: (usize, usize) = (40, 3);

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// What a player was told.
#[derive(Default)]
struct Model {
    /// Paired nodes and their tokens.
    paired: BTreeMap<String, String>,
    /// Nodes that are not, and the token they had.
    revoked: BTreeMap<String, String>,
    /// The names they were given.
    names: BTreeMap<String, String>,
    /// Messages that were accepted, of one conversation.
    messages: Vec<String>,
    deeds: usize,
}

struct Player {
    name: String,
    dice: Dice,
    model: Model,
    open: Vec<(String, Line)>,
    address: SocketAddr,
    socket: PathBuf,
    last: u64,
}

/// A node's connection. Whatever goes wrong with it is an answer that does not come.
struct Line {
    reader: BufReader<TcpStream>,
}

impl Line {
    fn connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Some(Self { reader: BufReader::new(stream) })
    }

    fn send(&mut self, frame: &Value) -> Option<()> {
        self.reader.get_mut().write_all(format!("{frame}\n").as_bytes()).ok()
    }

    /// The next frame of this type; what comes before is thrown away.
    fn receive(&mut self, kind: &str) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).ok()?;
            let frame: Value = serde_json::from_str(line.strip_suffix('\n')?).unwrap();
            if frame["type"] == kind {
                return Some(frame);
            }
        }
    }

    fn call(&mut self, method: &str, params: &Value) -> Option<Value> {
        let params = params.to_string();
        self.send(&json!({ "type": "req", "id": "1", "method": method, "paramsJSON": params }))?;
        self.receive("res")
    }

    fn log_in(address: SocketAddr, node: &str, token: &str) -> Option<Self> {
        let mut line = Self::connect(address)?;
        line.send(&json!({ "type": "hello", "nodeId": node, "token": token }))?;
        line.receive("hello-ok")?;
        Some(line)
    }
}

impl Player {
    fn new(number: usize, seed: u64, daemon: &Daemon) -> Self {
        Self {
            name: format!("player-{number}"),
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number as u64) | 1),
            model: Model::default(),
            open: Vec::new(),
            address: daemon.address(),
            socket: daemon.setup().state("control.sock"),
            last: 0,
        }
    }

    /// Plays until the next fault. A deed that is not answered changes nothing that is known, but
    /// its outcome is open.
    fn play(&mut self) {
        for _ in 0..DEEDS {
            self.model.deeds += 1;
            match self.dice.below(20) {
                0..=2 if self.model.paired.len() < NODES => drop(self.pair()),
                0..=6 => drop(self.log_in()),
                7 if !self.open.is_empty() => {
                    let at = self.dice.below(self.open.len());
                    drop(self.open.swap_remove(at));
                }
                8..=9 => drop(self.rename()),
                10 if self.model.paired.len() > 4 => drop(self.revoke()),
                11 => self.misbehave(),
                12..=15 => drop(self.say()),
                16 => drop(self.history()),
                _ => drop(self.ask()),
            }
        }
    }

    fn fresh(&mut self, what: &str) -> String {
        self.last += 1;
        format!("{}-{what}-{}", self.name, self.last)
    }

    fn operator(&self, method: &str, params: &Value) -> Option<Value> {
        Control::try_open(&self.socket)?.try_ask(method, params)
    }

    fn pair(&mut self) -> Option<()> {
        let node = self.fresh("node");
        let mut line = Line::connect(self.address)?;
        line.send(&json!({ "type": "pair-request", "nodeId": node }))?;
        let end = Instant::now() + DEADLINE;
        let request = loop {
            let list = self.operator("node.pair.list", &json!({}))?;
            let pending = list["payload"]["pending"].as_array()?.clone();
            match pending.iter().find(|request| request["nodeId"] == *node) {
                Some(request) => break request["requestId"].clone(),
                None if Instant::now() > end => return None,
                None => thread::yield_now(),
            }
        };
        let reply = self.operator("node.pair.approve", &json!({ "requestId": request }))?;
        (reply["ok"] == true).then_some(())?;
        let token = line.receive("pair-ok")?["token"].as_str()?.to_owned();
        secrets::remember(&token);
        line.receive("hello-ok")?;
        self.model.paired.insert(node.clone(), token);
        self.open.push((node, line));
        Some(())
    }

    fn a_paired_one(&mut self) -> Option<(String, String)> {
        let at = self.dice.below(self.model.paired.len().max(1));
        let (node, token) = self.model.paired.iter().nth(at)?;
        Some((node.clone(), token.clone()))
    }

    fn log_in(&mut self) -> Option<()> {
        let (node, token) = self.a_paired_one()?;
        let line = Line::log_in(self.address, &node, &token)?;
        // The newest connection is the one that counts.
        self.open.retain(|(other, _)| *other != node);
        self.open.push((node, line));
        Some(())
    }

    fn rename(&mut self) -> Option<()> {
        let (node, _) = self.a_paired_one()?;
        let name = self.fresh("name");
        self.model.names.remove(&node);
        let reply =
            self.operator("node.rename", &json!({ "nodeId": node, "displayName": name }))?;
        (reply["ok"] == true).then(|| drop(self.model.names.insert(node, name)))
    }

    fn revoke(&mut self) -> Option<()> {
        let (node, token) = self.a_paired_one()?;
        self.model.paired.remove(&node);
        self.model.names.remove(&node);
        self.open.retain(|(other, _)| *other != node);
        let reply = self.operator("node.revoke", &json!({ "nodeId": node }))?;
        (reply["ok"] == true).then(|| drop(self.model.revoked.insert(node, token)))
    }

    fn line(&mut self) -> Option<usize> {
        let at = self.dice.below(self.open.len().max(1));
        (at < self.open.len()).then_some(at)
    }

    /// A connection that is lost is not used again.
    fn on<T>(&mut self, at: usize, deed: impl FnOnce(&mut Line) -> Option<T>) -> Option<T> {
        let done = deed(&mut self.open[at].1);
        if done.is_none() {
            drop(self.open.swap_remove(at));
        }
        done
    }

    fn say(&mut self) -> Option<()> {
        let at = self.line()?;
        let text = self.fresh("message");
        let params = json!({ "sessionKey": self.name, "message": text, "idempotencyKey": text });
        let answer = self.on(at, |line| line.call("chat.send", &params))?;
        (answer["ok"] == true).then(|| self.model.messages.push(text))
    }

    fn history(&mut self) -> Option<()> {
        let at = self.line()?;
        let params = json!({ "sessionKey": self.name, "limit": 1000 });
        let answer = self.on(at, |line| line.call("chat.history", &params))?;
        (answer["ok"] == true).then_some(())?;
        self.is_all_there(answer["payloadJSON"].as_str().unwrap());
        Some(())
    }

    /// The last messages; a history has so many at most.
    fn is_all_there(&self, history: &str) {
        for text in self.model.messages.iter().rev().take(100) {
            assert!(history.contains(&format!("\"{text}\"")), "{text} is lost");
        }
    }

    fn ask(&mut self) -> Option<()> {
        let at = self.line()?;
        self.on(at, |line| {
            line.send(&json!({ "type": "ping", "id": "p" }))?;
            line.receive("pong")?;
            line.call("health", &json!({})).map(drop)
        })
    }

    /// What a broken or hostile node does: garbage, floods that are never read, half a frame.
    fn misbehave(&mut self) {
        let Some((node, token)) = self.a_paired_one() else { return };
        self.open.retain(|(other, _)| *other != node);
        let Some(mut line) = Line::log_in(self.address, &node, &token) else { return };
        let stream = line.reader.get_mut();
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        let flood: String = match self.dice.below(4) {
            0 => "{\"type\":\"req\",\"id\":\"x\",\"method\":\"sessions.list\"}\n".repeat(200),
            1 => "{\"type\":\"event\",\"event\":\"exec.finished\",\"payloadJSON\":\"{}\"}\n"
                .repeat(200),
            2 => "\u{1}garbage ".repeat(500),
            _ => "{\"type\":\"ping\",\"id\":\"".to_owned() + &"y".repeat(20_000),
        };
        // It may be cut off meanwhile.
        let _ = stream.write_all(flood.as_bytes());
    }

    /// The daemon agrees with the model.
    fn check(&mut self, daemon: &Daemon) {
        self.open.clear();
        self.address = daemon.address();
        for _ in 0..SAMPLE.0 {
            let Some((node, token)) = self.a_paired_one() else { break };
            let is_in = Line::log_in(self.address, &node, &token).is_some();
            assert!(is_in, "{node} was paired and is refused");
        }
        for (node, token) in self.model.revoked.iter().rev().take(SAMPLE.1) {
            let mut line = Line::connect(self.address).unwrap();
            line.send(&json!({ "type": "hello", "nodeId": node, "token": token }));
            assert!(line.receive("error").is_some(), "{node} was revoked and is not refused");
        }
        let list = daemon.ask("node.list", &json!({}));
        let rows = list["nodes"].as_array().unwrap().iter();
        let shown: BTreeMap<_, _> =
            rows.map(|row| (row["nodeId"].as_str().unwrap(), &row["displayName"])).collect();
        assert!(self.model.paired.keys().all(|node| shown.contains_key(&**node)));
        assert!(!self.model.revoked.keys().any(|node| shown.contains_key(&**node)));
        for (node, name) in &self.model.names {
            assert_eq!(shown[&**node], name);
        }
        let params = json!({ "sessionKey": self.name, "limit": 1000 });
        let history = daemon.ask("chat.history", &params);
        self.is_all_there(&history.to_string());
    }
}

/// What goes wrong at the end of a round, and perhaps ends the daemon.
fn fault(kind: usize, faults: &Faults, daemon: Daemon) -> Daemon {
    match kind {
        0 => daemon.kill_and_restart(),
        1 => daemon.restart(),
        _ => {
            faults.set(Rule::default());
            if kind == 2 {
                daemon.signal(Signal::HUP);
            }
            daemon
        }
    }
}

/// What is wrong while a round is played.
fn weather(kind: usize) -> Rule {
    match kind {
        0 => Rule { count: 3, skip: 10, ..Rule::all(&[Call::Write], Errno::NOSPC) },
        1 => Rule { count: 2, skip: 5, ..Rule::all(&[Call::Sync], Errno::IO) },
        2 => Rule { count: 2, skip: 5, ..Rule::all(&[Call::Accept], Errno::MFILE) },
        3 => Rule { count: 2, skip: 3, ..Rule::all(&[Call::Thread], Errno::AGAIN) },
        4 => Rule { clock_s: 40_000_000, ..Rule::default() },
        5 => Rule { clock_s: -40_000_000, ..Rule::default() },
        6 => Rule { calls: Call::Sync as u32, count: 20, delay_ms: 30, ..Rule::default() },
        _ => Rule::default(),
    }
}

fn play(seed: u64, time: Duration) {
    let limits = "{ bridge: { limits: { pendingPairings: 1024 } } }";
    let Some((faults, setup)) = Faults::between(Setup::new().config(limits)) else { return };
    let setup = setup.arg("--log").arg("info");
    let mut daemon = setup.start();
    let mut players: Vec<Player> =
        (0..PLAYERS).map(|number| Player::new(number, seed, &daemon)).collect();
    let mut dice = Dice(seed | 1);
    let began = Instant::now();
    let (mut rounds, mut first, mut last) = (0, 0, 0);
    while rounds < 2 || began.elapsed() < time {
        let (sky, end) = (dice.below(12), dice.below(6));
        faults.set(weather(sky));
        thread::scope(|scope| {
            for player in &mut players {
                scope.spawn(|| player.play());
            }
            // A daemon that is to be killed is killed in the middle of it.
            if end == 0 {
                thread::sleep(Duration::from_millis(dice.below(300) as u64));
                daemon.signal(Signal::KILL);
            }
        });
        faults.set(Rule::default());
        daemon = fault(end, &faults, daemon);
        players.iter_mut().for_each(|player| player.check(&daemon));
        eventually("every connection of this round is gone", || {
            (daemon.status()["connections"]["open"] == 0).then_some(())
        });
        last = daemon.proc("VmRSS");
        if rounds == 1 {
            first = last;
        }
        assert!(daemon.proc("VmHWM") < 100_000, "{} KiB", daemon.proc("VmHWM"));
        assert!(daemon.threads().len() < 40, "{:?}", daemon.threads());
        rounds += 1;
    }
    let deeds: usize = players.iter().map(|player| player.model.deeds).sum();
    let paired: usize = players.iter().map(|player| player.model.paired.len()).sum();
    let messages: usize = players.iter().map(|player| player.model.messages.len()).sum();
    eprintln!(
        "seed {seed}: {rounds} rounds, {deeds} deeds, {paired} nodes paired, {messages} messages, \
         nothing lost; {first} KiB after the second round, {last} KiB in the end"
    );
}

#[test]
fn whatever_happens_what_was_acknowledged_is_kept() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let seed = std::env::var("SOAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    play(seed, Duration::from_secs(seconds.unwrap_or(0)));
}
