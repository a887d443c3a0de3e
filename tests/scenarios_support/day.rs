//! A day of pairing: every five minutes another node asks, is approved after ninety seconds, says
//! something, does something, and leaves.

use super::world::{Deed, World};
use openclaw_bridge::protocol::operator::{OperatorRequest, Status};
use openclaw_bridge::protocol::{GatewayFrame, NodeFrame};
use openclaw_bridge::router::{
    CallId, ConnId, DaemonTask, Input, OperatorId, Output, PairingBook, Policy,
};
use std::time::{Duration, Instant};

const OPERATOR: OperatorId = OperatorId(1);
const NODES: u64 = 288;

#[test]
fn a_day_of_pairing_takes_milliseconds() {
    let started = Instant::now();
    let mut day = Day { world: World::new(Policy::default(), PairingBook::default()), requests: 0 };
    for node in 0..NODES {
        day.five_minutes(node);
    }
    day.world.pass_until(day.world.now + Duration::from_secs(2 * 3600), |_, _| {});

    let status = day.status();
    assert_eq!(status.nodes.paired as u64, NODES);
    assert_eq!((status.nodes.connected, status.nodes.pending), (0, 0));
    assert_eq!((status.connections.open, status.connections.unauthenticated), (0, 0));
    let counters = status.counters;
    assert_eq!(counters.approved, NODES);
    assert_eq!(counters.requests, NODES);
    assert_eq!((counters.invokes, counters.invokes_failed), (NODES, 0));
    assert_eq!((counters.expired, counters.rejected, counters.refused), (0, 0, NODES));
    assert_eq!(day.world.disk.paired.len() as u64, NODES);
    assert!(day.world.disk.pending.is_empty());
    assert_eq!(day.world.next_deadline(), None, "something is still being waited for");
    assert!(day.world.laws.unanswered.is_empty() && day.world.laws.asked.is_empty());
    println!("a day of {NODES} pairings took {:?}", started.elapsed());
}

struct Day {
    world: World,
    requests: u64,
}

impl Day {
    fn five_minutes(&mut self, node: u64) {
        let began = self.world.now;
        let conn = ConnId(node);
        let peer = [192, 168, 1, (node % 250) as u8].into();
        self.world.give(Input::Connected { conn, peer, local: [192, 168, 1, 5].into() });
        let name = format!("phone-{node}");
        self.frame(conn, &format!(r#"{{"type":"hello","nodeId":"{name}"}}"#));
        self.frame(conn, &format!(r#"{{"type":"pair-request","nodeId":"{name}"}}"#));
        self.world.pass_until(began + Duration::from_secs(90), |_, _| {});

        let deeds = self.operator("node.pair.approve", &format!(r#"{{"requestId":"{name}"}}"#));
        let paired = |frame: &GatewayFrame| matches!(frame, GatewayFrame::PairOk { .. });
        assert!(sent(&deeds).into_iter().any(paired), "{name} gets its token");

        self.frame(conn, r#"{"type":"req","id":"1","method":"health"}"#);
        let call = CallId(node + 1);
        let deeds = self.world.give(Input::Answered { call, result: Ok(r#"{"ok":true}"#.into()) });
        let answered = |frame: &GatewayFrame| matches!(frame, GatewayFrame::Res { .. });
        assert!(sent(&deeds).into_iter().any(answered), "{name} gets its answer");

        let key = format!(r#""command":"camera.snap","idempotencyKey":"{node}""#);
        let deeds = self.operator("node.invoke", &format!(r#"{{"nodeId":"{name}",{key}}}"#));
        let Some(GatewayFrame::Invoke { id, .. }) = sent(&deeds).first() else {
            panic!("{name} is not asked")
        };
        self.frame(conn, &format!(r#"{{"type":"invoke-res","id":"{id}","ok":true}}"#));

        self.world.give(Input::Disconnected { conn });
        self.world.pass_until(began + Duration::from_secs(300), |_, _| {});
    }

    fn frame(&mut self, conn: ConnId, line: &str) -> Vec<Deed> {
        let frame = NodeFrame::decode(line.as_bytes()).unwrap().unwrap();
        self.world.give(Input::Frame { conn, frame })
    }

    fn operator(&mut self, method: &str, params: &str) -> Vec<Deed> {
        self.requests += 1;
        let id = self.requests;
        let line = format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#);
        let request = OperatorRequest::decode(line.as_bytes());
        self.world.give(Input::Operator { op: OPERATOR, request })
    }

    fn status(&mut self) -> Status {
        match self.operator("status", "null").remove(0).output {
            Output::Daemon { task: DaemonTask::Status(status), .. } => *status,
            other => panic!("{other:?}"),
        }
    }
}

/// The frames among the deeds, at any depth.
fn sent(deeds: &[Deed]) -> Vec<&GatewayFrame> {
    let mut frames = Vec::new();
    for deed in deeds {
        if let Output::Send { frame, .. } = &deed.output {
            frames.push(frame);
        }
        if let Some((_, then)) = &deed.then {
            frames.extend(sent(then));
        }
    }
    frames
}
