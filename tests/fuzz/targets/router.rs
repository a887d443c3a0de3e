//! Any sequence of inputs: the laws of the scenarios are watched at every step.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use openclaw_bridge::protocol::operator::OperatorRequest;
use openclaw_bridge::protocol::{BadFrame, GatewayFrame, NodeFrame, WireError};
use openclaw_bridge::router::{
    Audience, BackendEvent, CallId, ConnId, Input, OperatorId, Output, PairingBook, Policy,
};
use std::time::Duration;
use world::{Deed, World};

#[allow(dead_code)]
#[path = "../../scenarios_support/laws.rs"]
mod laws;
#[allow(dead_code)]
#[path = "../../scenarios_support/world.rs"]
mod world;

/// A step; the numbers are taken modulo what there is.
#[derive(Arbitrary, Debug)]
enum Step {
    Connect(u8),
    Disconnect(u8),
    Node(u8, NodeStep),
    Operator(u8, OperatorStep),
    HangUp,
    Answer { call: u8, ok: bool },
    Event(u8),
    Activity(u8),
    Configure(u8),
    Disk { is_full: bool },
    Wait(u16),
    Restart,
}

/// What a connection sends.
#[derive(Arbitrary, Debug)]
enum NodeStep {
    Hello {
        node: u8,
        token: Option<u8>,
        version: u8,
    },
    PairRequest(u8),
    Call {
        method: u8,
        id: u8,
    },
    Subscribe {
        key: u8,
        ends: bool,
    },
    AnswerInvoke {
        invoke: u8,
        is_asked: bool,
        ok: bool,
    },
    Ping,
    Bad,
    /// Any line at all.
    Line(String),
}

/// What an operator asks.
#[derive(Arbitrary, Debug)]
enum OperatorStep {
    Approve(u8),
    Reject(u8),
    Revoke(u8),
    Rename {
        node: u8,
        name: u8,
    },
    Invoke {
        node: u8,
        key: Option<u8>,
    },
    List(u8),
    /// Any request at all.
    Request(String),
}

struct Game {
    world: World,
    conns: u64,
    operators: u64,
    requests: u64,
    calls: Vec<CallId>,
    invokes: Vec<(ConnId, String)>,
    tokens: Vec<String>,
}

const KEYS: [&str; 3] = ["main", "agent:main:main", "other"];
const METHODS: [&str; 5] = ["health", "chat.history", "voicewake.get", "sessions.list", "no"];

impl Game {
    fn step(&mut self, step: Step) {
        match step {
            Step::Connect(peer) => {
                self.conns += 1;
                let peer = [192, 168, 1, peer % 4].into();
                let local = [192, 168, 1, 5].into();
                self.give(Input::Connected { conn: ConnId(self.conns), peer, local });
            }
            Step::Disconnect(conn) => self.give(Input::Disconnected { conn: self.conn(conn) }),
            Step::Node(conn, step) => self.node(self.conn(conn), step),
            Step::Operator(op, step) => self.operator(self.op(op), step),
            Step::HangUp => {
                self.give(Input::OperatorGone { op: self.op(0) });
                // Its number is never used again.
                self.operators += 1;
            }
            Step::Answer { call, ok } => {
                let Some(at) = (call as usize).checked_rem(self.calls.len()) else { return };
                let result = if ok { Ok("{}".into()) } else { Err(WireError::unavailable("no")) };
                self.give(Input::Answered { call: self.calls[at], result });
            }
            Step::Event(to) => {
                let to = match to % 4 {
                    0 => Audience::Everyone,
                    1 => Audience::Subscribers,
                    2 => Audience::Operators,
                    _ => Audience::Session("main".into()),
                };
                let payload = Some(r#"{"x":1}"#.into());
                self.give(Input::BackendEvent(BackendEvent { to, event: "chat".into(), payload }));
            }
            Step::Activity(conn) => self.give(Input::Activity { conn: self.conn(conn) }),
            Step::Configure(nodes) => {
                let paired_nodes = 1 + usize::from(nodes % 5);
                let policy = Policy { paired_nodes, ..self.world.policy.clone() };
                self.give(Input::Configured { policy: Some(Box::new(policy)), reply: None });
            }
            Step::Disk { is_full } => self.world.disk_full = is_full,
            Step::Wait(ms) => {
                let until = self.world.now + Duration::from_millis(u64::from(ms) * 8);
                let mut all = Vec::new();
                self.world.pass_until(until, |_, deeds| all.extend(deeds));
                self.note(&all);
            }
            Step::Restart => {
                self.world.restart();
                self.calls.clear();
                self.invokes.clear();
            }
        }
    }

    fn node(&mut self, conn: ConnId, step: NodeStep) {
        let line = match step {
            NodeStep::Hello { node, token, version } => {
                let token = match (token, self.tokens.len()) {
                    (None, _) => String::new(),
                    (Some(_), 0) => r#","token":"wrong""#.into(),
                    (Some(at), len) => format!(r#","token":"{}""#, self.tokens[at as usize % len]),
                };
                let (node, version) = (node % 6, version % 3);
                format!(r#"{{"type":"hello","nodeId":"n{node}","version":"{version}"{token}}}"#)
            }
            NodeStep::PairRequest(node) => {
                format!(r#"{{"type":"pair-request","nodeId":"n{}"}}"#, node % 6)
            }
            NodeStep::Call { method, id } => {
                let method = METHODS[method as usize % METHODS.len()];
                format!(r#"{{"type":"req","id":"{}","method":"{method}"}}"#, id % 4)
            }
            NodeStep::Subscribe { key, ends } => {
                let word = if ends { "unsubscribe" } else { "subscribe" };
                let key = KEYS[key as usize % KEYS.len()];
                let payload = format!(r#"{{\"sessionKey\":\"{key}\"}}"#);
                format!(r#"{{"type":"event","event":"chat.{word}","payloadJSON":"{payload}"}}"#)
            }
            NodeStep::AnswerInvoke { invoke, is_asked, ok } => {
                let Some(at) = (invoke as usize).checked_rem(self.invokes.len()) else { return };
                let (asked, id) = self.invokes[at].clone();
                let line = format!(r#"{{"type":"invoke-res","id":"{id}","ok":{ok}}}"#);
                return self.frame(if is_asked { asked } else { conn }, &line);
            }
            NodeStep::Ping => r#"{"type":"ping","id":"1"}"#.into(),
            NodeStep::Bad => {
                return self.give(Input::BadFrame { conn, bad: BadFrame::NotJson("no".into()) });
            }
            NodeStep::Line(line) => line,
        };
        self.frame(conn, &line);
    }

    fn operator(&mut self, op: OperatorId, step: OperatorStep) {
        let (method, params) = match step {
            OperatorStep::Approve(request) => ("node.pair.approve", self.request(request)),
            OperatorStep::Reject(request) => ("node.pair.reject", self.request(request)),
            OperatorStep::Revoke(node) => {
                ("node.revoke", format!(r#"{{"nodeId":"n{}"}}"#, node % 6))
            }
            OperatorStep::Rename { node, name } => {
                let (node, name) = (node % 6, name % 6);
                ("node.rename", format!(r#"{{"nodeId":"n{node}","displayName":"n{name}"}}"#))
            }
            OperatorStep::Invoke { node, key } => {
                let key = key.map(|key| format!(r#","idempotencyKey":"{}""#, key % 4));
                let (node, key) = (node % 6, key.unwrap_or_default());
                let params = format!(r#"{{"nodeId":"n{node}","command":"camera.snap"{key}}}"#);
                ("node.invoke", params)
            }
            OperatorStep::List(what) => {
                let methods =
                    ["node.list", "node.pair.list", "status", "events.subscribe", "health"];
                (methods[what as usize % methods.len()], "{}".into())
            }
            OperatorStep::Request(line) => {
                let request = OperatorRequest::decode(line.as_bytes());
                return self.ask(op, request);
            }
        };
        let line = format!(r#"{{"method":"{method}","params":{params}}}"#);
        self.ask(op, OperatorRequest::decode(line.as_bytes()));
    }

    /// One of the last connections, open or not.
    fn conn(&self, at: u8) -> ConnId {
        ConnId(self.conns.saturating_sub(u64::from(at % 8)))
    }

    fn op(&self, at: u8) -> OperatorId {
        OperatorId(100 + self.operators + u64::from(at % 3))
    }

    fn frame(&mut self, conn: ConnId, line: &str) {
        match NodeFrame::decode(line.as_bytes()) {
            Some(Ok(frame)) => self.give(Input::Frame { conn, frame }),
            Some(Err(bad)) => self.give(Input::BadFrame { conn, bad }),
            None => {}
        }
    }

    fn request(&self, at: u8) -> String {
        let pending = &self.world.disk.pending;
        let id = (at as usize).checked_rem(pending.len()).and_then(|at| pending.keys().nth(at));
        let id = id.map_or_else(|| "none".into(), ToString::to_string);
        format!(r#"{{"requestId":"{id}"}}"#)
    }

    fn ask(&mut self, op: OperatorId, mut request: OperatorRequest) {
        self.requests += 1;
        request.id = self.requests.to_string().into();
        self.give(Input::Operator { op, request });
    }

    fn give(&mut self, input: Input) {
        let deeds = self.world.give(input);
        self.note(&deeds);
    }

    fn note(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match &deed.output {
                Output::Call { call, .. } => self.calls.push(*call),
                Output::Send { to, frame: GatewayFrame::Invoke { id, .. } } => {
                    self.invokes.push((*to, id.to_string()));
                }
                Output::Send { frame: GatewayFrame::PairOk { token: Some(token) }, .. } => {
                    self.tokens.push(token.reveal().into());
                }
                _ => {}
            }
            if let Some((_, then)) = &deed.then {
                self.note(then);
            }
        }
        // What the router believes is what is on disk, and nobody else is admitted.
        for node in self.world.laws.open.values().flatten() {
            assert!(
                self.world.disk.paired.contains_key(node),
                "{node} is admitted, but not paired"
            );
        }
    }
}

fn steps(data: &[u8]) -> Result<Vec<Step>> {
    let mut data = Unstructured::new(data);
    let mut steps = Vec::new();
    while !data.is_empty() && steps.len() < 400 {
        steps.push(Step::arbitrary(&mut data)?);
    }
    Ok(steps)
}

fuzz_target!(|data: &[u8]| {
    let Ok(steps) = steps(data) else { return };
    let policy = Policy { pending_pairings: 6, paired_nodes: 4, ..Policy::default() };
    let mut game = Game {
        world: World::new(policy, PairingBook::default()),
        conns: 0,
        operators: 0,
        requests: 0,
        calls: Vec::new(),
        invokes: Vec::new(),
        tokens: Vec::new(),
    };
    for step in steps {
        game.step(step);
    }
});
