//! Thousands of random inputs, in an order that nobody thought of. The laws are watched at every
//! step; what must hold in the end is checked in the end. A failure names its seed.

use super::world::{Deed, World};
use openclaw_bridge::protocol::operator::{Answer, OperatorRequest, Pairings, Status};
use openclaw_bridge::protocol::{BadFrame, GatewayFrame, NodeFrame, NodeId, Token, WireError};
use openclaw_bridge::router::{
    Audience, BackendEvent, CallId, ConnId, DaemonTask, Input, OperatorId, Output, PairingBook,
    Policy,
};
use std::collections::{BTreeMap, VecDeque};
use std::panic::catch_unwind;
use std::time::Duration;

const SEEDS: u64 = 8;
const STEPS: usize = 3000;
const CONNECTIONS: u64 = 8;
const NODES: u64 = 5;
/// What a node presents that was paired elsewhere; an operator may make it valid.
const STALE_TOKEN: &str = "of-another-gateway-0123456789abcdef";
/// Asks what the test itself wants to know.
const INSPECTOR: OperatorId = OperatorId(99);

#[test]
fn random_inputs_break_no_law() {
    let mut paired = 0;
    for seed in 1..=SEEDS {
        let played = catch_unwind(|| {
            let mut storm = Storm::new(seed);
            for step in 0..STEPS {
                storm.step();
                if step % 500 == 499 {
                    storm.end_and_restart();
                }
            }
            storm.calm_down();
            storm.paired
        });
        // The panic itself was printed above.
        paired += played.unwrap_or_else(|_| panic!("broken with seed {seed} of random.rs"));
    }
    assert!(paired > 10 * SEEDS, "the storm is a breeze: {paired} pairings");
}

struct Storm {
    dice: Dice,
    world: World,
    /// Connections so far. The last few of them are played with, open or not.
    connections: u64,
    /// Operators who hung up.
    operators: u64,
    requests: u64,
    calls: VecDeque<CallId>,
    /// Invokes that were sent, and to whom.
    invokes: VecDeque<(ConnId, String)>,
    /// The token each node got last, and those it got before.
    tokens: BTreeMap<NodeId, Vec<String>>,
    paired: u64,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let policy = Policy {
            pending_pairings: 6,
            pending_pairings_per_address: 3,
            paired_nodes: 4,
            ..Policy::default()
        };
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            world: World::new(policy, PairingBook::default()),
            connections: 0,
            operators: 0,
            requests: 0,
            calls: VecDeque::new(),
            invokes: VecDeque::new(),
            tokens: BTreeMap::new(),
            paired: 0,
        }
    }

    fn step(&mut self) {
        self.world.disk_full = self.dice.one_in(6);
        match self.dice.below(100) {
            0..=11 => self.connect(),
            12..=15 => {
                let conn = self.conn();
                self.give(Input::Disconnected { conn });
            }
            16..=58 => self.node_says(),
            59..=77 => self.operator_asks(),
            78 => {
                let op = OperatorId(100 + self.operators);
                self.give(Input::OperatorGone { op });
                // The next one has a number that was never used.
                self.operators += 1;
            }
            79..=84 => self.backend_speaks(),
            85 => {
                let conn = self.conn();
                self.give(Input::Activity { conn });
            }
            _ => {
                let most = [500, 5_000, 60_000, 400_000][self.dice.below(4) as usize];
                let span = Duration::from_millis(self.dice.below(most));
                self.wait(span);
            }
        }
        self.inspect();
    }

    fn connect(&mut self) {
        self.connections += 1;
        let conn = ConnId(self.connections);
        let addresses = [[127, 0, 0, 1], [192, 168, 1, 20], [192, 168, 1, 21]];
        let peer = addresses[self.dice.below(3) as usize].into();
        self.give(Input::Connected { conn, peer, local: [192, 168, 1, 5].into() });
    }

    fn node_says(&mut self) {
        let conn = self.conn();
        let node = format!("n{}", self.dice.below(NODES));
        let profiles = [
            "",
            r#","version":"2""#,
            r#","platform":"iOS 18","caps":[],"commands":["é"],"permissions":{"x":1,"y":true}"#,
        ];
        let profile = profiles[self.dice.below(3) as usize];
        let id = self.dice.below(3);
        let line = match self.dice.below(20) {
            0..=6 => {
                let token = self.a_token_of(&node);
                format!(r#"{{"type":"hello","nodeId":"{node}"{profile}{token}}}"#)
            }
            7..=11 => format!(r#"{{"type":"pair-request","nodeId":"{node}"{profile}}}"#),
            12..=13 => format!(r#"{{"type":"req","id":"{id}","method":"health"}}"#),
            14 => [r#"{"type":"req"}"#, r#"{"type":"req","id":"1","method":"no"}"#]
                [self.dice.below(2) as usize]
                .into(),
            15 => {
                let key = ["main", "agent:main:main", "other"][self.dice.below(3) as usize];
                let word = ["subscribe", "unsubscribe"][self.dice.below(2) as usize];
                let payload = format!(r#"{{\"sessionKey\":\"{key}\"}}"#);
                format!(r#"{{"type":"event","event":"chat.{word}","payloadJSON":"{payload}"}}"#)
            }
            16..=17 => return self.answer_an_invoke(),
            18 => [r#"{"type":"ping"}"#, r#"{"type":"pong"}"#][self.dice.below(2) as usize].into(),
            _ if self.dice.one_in(4) => {
                let bad = BadFrame::NotJson("no".into());
                return self.give(Input::BadFrame { conn, bad });
            }
            _ => r#"{"type":"ping","id":"1"}"#.into(),
        };
        let frame = NodeFrame::decode(line.as_bytes()).unwrap().unwrap();
        self.give(Input::Frame { conn, frame });
    }

    /// The newest, an older one, a wrong one, or none.
    fn a_token_of(&mut self, node: &str) -> String {
        let tokens = self.tokens.get(&NodeId::new(node).unwrap());
        let token = match (self.dice.below(8), tokens) {
            (0, _) => return String::new(),
            (1, _) => "wrong",
            (2, _) | (_, None) => STALE_TOKEN,
            (3, Some(tokens)) => &tokens[0],
            (_, Some(tokens)) => &tokens[tokens.len() - 1],
        };
        format!(r#","token":"{token}""#)
    }

    fn answer_an_invoke(&mut self) {
        let Some((asked, id)) = self.invokes.pop_front() else { return };
        let conn = if self.dice.one_in(5) { self.conn() } else { asked };
        let ok = self.dice.one_in(2);
        let line = format!(r#"{{"type":"invoke-res","id":"{id}","ok":{ok}}}"#);
        let frame = NodeFrame::decode(line.as_bytes()).unwrap().unwrap();
        self.give(Input::Frame { conn, frame });
    }

    fn operator_asks(&mut self) {
        let op = self.op();
        let node = self.dice.below(NODES);
        let key = self.dice.below(3);
        let (method, params) = match self.dice.below(16) {
            0..=4 => ("node.pair.approve", self.a_request()),
            5 => ("node.pair.reject", self.a_request()),
            6 => ("node.revoke", format!(r#"{{"nodeId":"n{node}"}}"#)),
            7 => ("node.rename", format!(r#"{{"nodeId":"n{node}","displayName":"N{key}"}}"#)),
            8..=11 => {
                let command = ["camera.clip", "camera.snap"][self.dice.below(2) as usize];
                let params = format!(r#""nodeId":"n{node}","command":"{command}""#);
                let key = format!(r#","idempotencyKey":"{key}""#);
                let key = if self.dice.one_in(2) { key } else { String::new() };
                ("node.invoke", format!("{{{params}{key}}}"))
            }
            12 => ("health", "{}".into()),
            13 => ("events.subscribe", "{}".into()),
            14 => ("node.list", "{}".into()),
            _ => ("node.pair.list", "{}".into()),
        };
        self.ask(op, method, &params);
    }

    fn a_request(&mut self) -> String {
        let pending = &self.world.disk.pending;
        let at = self.dice.below(pending.len() as u64 + 1) as usize;
        let id = pending.keys().nth(at).map_or_else(|| "none".into(), ToString::to_string);
        format!(r#"{{"requestId":"{id}"}}"#)
    }

    fn backend_speaks(&mut self) {
        if let Some(call) = self.calls.pop_front().filter(|_| !self.dice.one_in(4)) {
            let late = self.dice.one_in(8);
            let result = if self.dice.one_in(2) {
                Ok("{}".into())
            } else {
                Err(WireError::unavailable("no"))
            };
            self.give(Input::Answered { call, result: result.clone() });
            if late {
                self.give(Input::Answered { call, result });
            }
            return;
        }
        let audiences =
            [Audience::Everyone, Audience::Session("main".into()), Audience::Subscribers];
        let to = audiences[self.dice.below(3) as usize].clone();
        let payload = Some(r#"{"sessionKey":"main"}"#.into());
        self.give(Input::BackendEvent(BackendEvent { to, event: "chat".into(), payload }));
    }

    fn ask(&mut self, op: OperatorId, method: &str, params: &str) -> Vec<Deed> {
        self.requests += 1;
        let id = self.requests;
        let line = format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#);
        let request = OperatorRequest::decode(line.as_bytes());
        let deeds = self.world.give(Input::Operator { op, request });
        self.note(&deeds);
        deeds
    }

    fn give(&mut self, input: Input) {
        let deeds = self.world.give(input);
        self.note(&deeds);
    }

    fn wait(&mut self, span: Duration) {
        let mut all = Vec::new();
        self.world.pass_until(self.world.now + span, |_, deeds| all.extend(deeds));
        self.note(&all);
    }

    fn note(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match &deed.output {
                Output::Call { call, .. } => self.calls.push_back(*call),
                Output::Send { to, frame: GatewayFrame::Invoke { id, .. } } => {
                    self.invokes.push_back((*to, id.to_string()));
                }
                Output::Send { frame: GatewayFrame::PairOk { token: Some(token) }, .. } => {
                    let owner = self.world.disk.paired.iter().find(|(_, node)| node.accepts(token));
                    let (owner, _) = owner.expect("the token is on disk");
                    self.paired += 1;
                    self.tokens.entry(owner.clone()).or_default().push(token.reveal().into());
                }
                _ => {}
            }
            if let Some((_, then)) = &deed.then {
                self.note(then);
            }
        }
    }

    /// What the router counts is what can be seen from outside.
    fn inspect(&mut self) {
        let status = self.status();
        let laws = &self.world.laws;
        assert_eq!(status.nodes.paired, self.world.disk.paired.len());
        assert!(status.nodes.paired <= 4 && status.nodes.pending <= 6, "{:?}", status.nodes);
        assert_eq!(status.nodes.connected, laws.admitted());
        assert_eq!(status.connections.open, laws.open.len());
        assert_eq!(status.connections.unauthenticated, laws.open.len() - laws.admitted());
        let unpaired = laws.open.values().flatten().find(|node| {
            let paired = &self.world.disk.paired;
            !paired.contains_key(*node)
        });
        assert_eq!(unpaired, None, "admitted, but not paired");
    }

    /// After a power cut the files give the same nodes and requests as were in memory, but for what
    /// nodes said about themselves last; after a stop, that as well.
    fn end_and_restart(&mut self) {
        let keeps_profiles = !self.world.disk_full && self.dice.one_in(2);
        if keeps_profiles {
            self.give(Input::Stop);
        }
        for conn in self.world.laws.open.keys().copied().collect::<Vec<_>>() {
            self.give(Input::Disconnected { conn });
        }
        let before = self.pairings(keeps_profiles);
        self.world.restart();
        self.calls.clear();
        self.invokes.clear();
        assert_eq!(
            self.pairings(keeps_profiles),
            before,
            "the files differ from what was in memory"
        );
    }

    fn pairings(&mut self, with_profiles: bool) -> Answer {
        match self.ask(INSPECTOR, "node.pair.list", "{}").remove(0).output {
            Output::Reply { result: Ok(mut pairings), .. } => {
                // How often a connection gave way, and when a node was here, is not worth a write.
                if let Answer::Pairings(Pairings { pending, paired, .. }) = &mut pairings {
                    pending.iter_mut().for_each(|request| request.replaced = 0);
                    // The files do not tell a request of the millisecond of an approval from the one
                    // that was approved.
                    let approved = |node: &NodeId| paired.iter().find(|n| n.node_id == *node);
                    pending.retain(|request| {
                        approved(&request.node_id).is_none_or(|n| n.approved_at_ms != request.ts)
                    });
                    paired.iter_mut().for_each(|node| node.last_seen_at_ms = None);
                    for request in pending.iter_mut().filter(|_| !with_profiles) {
                        request.same_name_as = None;
                    }
                    for node in paired.iter_mut().filter(|_| !with_profiles) {
                        (node.profile, node.remote_ip) = Default::default();
                    }
                }
                pairings
            }
            other => panic!("{other:?}"),
        }
    }

    fn status(&mut self) -> Status {
        match self.ask(INSPECTOR, "status", "{}").remove(0).output {
            Output::Daemon { task: DaemonTask::Status(status), .. } => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing happens any more: everything that was asked is answered, everything that was
    /// waited for is over. Then whoever is paired may come in, with the newest token only.
    fn calm_down(&mut self) {
        self.world.disk_full = false;
        self.wait(Duration::from_secs(61));
        let unanswered = &self.world.laws.unanswered;
        assert!(unanswered.is_empty(), "never answered: {unanswered:?}");
        self.wait(Duration::from_secs(24 * 3600));
        assert!(self.world.laws.open.is_empty(), "open after a day of silence");
        assert!(self.world.laws.asked.is_empty(), "never answered: {:?}", self.world.laws.asked);
        assert_eq!(self.world.next_deadline(), None, "something is still being waited for");
        self.end_and_restart();
        let tokens: Vec<_> = self.tokens.clone().into_iter().collect();
        for (node, tokens) in tokens {
            let stale = Token::presented(STALE_TOKEN).unwrap();
            let paired = self.world.disk.paired.get(&node);
            let is_paired = paired.is_some_and(|paired| !paired.accepts(&stale));
            for (age, token) in tokens.iter().rev().enumerate() {
                self.connect();
                let conn = ConnId(self.connections);
                let line = format!(r#"{{"type":"hello","nodeId":"{node}","token":"{token}"}}"#);
                let frame = NodeFrame::decode(line.as_bytes()).unwrap().unwrap();
                self.give(Input::Frame { conn, frame });
                let is_in = self.world.laws.open[&conn].is_some();
                assert_eq!(is_in, is_paired && age == 0, "{node} with token {age} from the end");
            }
        }
    }

    /// A recent connection; it may be closed already.
    fn conn(&mut self) -> ConnId {
        ConnId(self.connections.saturating_sub(self.dice.below(CONNECTIONS)).max(1))
    }

    fn op(&mut self) -> OperatorId {
        OperatorId(100 + self.operators + self.dice.below(3))
    }
}

/// Random numbers that a seed repeats (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
