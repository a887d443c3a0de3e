//! What a session keeps under way, without a gateway: every message is looked at as it is left.

use super::connection::Sender;
use super::traffic::{InvokePermit, Traffic};
use crate::link::Outbox;
use crate::protocol::gateway::{GatewayMessage, Hello, Refusal};
use crate::protocol::{limits, InvokeFailure};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Line {
    traffic: Traffic,
    outbox: Arc<Outbox<Vec<u8>>>,
    now: Instant,
}

fn hello(most: usize) -> Hello {
    let max_payload = most + limits::GATEWAY_PAYLOAD_MARGIN;
    Hello { max_payload, ..Hello::default() }
}

fn connected() -> Line {
    let (sender, outbox) = Sender::alone();
    let mut traffic = Traffic::default();
    traffic.connected(sender, &hello(1000)).unwrap();
    Line { traffic, outbox, now: Instant::now() }
}

fn changed() -> Box<Refusal> {
    let text = r#"{"type":"res","id":"1","ok":false,"error":{"code":"UNAVAILABLE","message":"m","retryable":true,"details":{"code":"PAIRING_CHANGED"}}}"#;
    let GatewayMessage::Response { result: Err(refusal), .. } = GatewayMessage::read(text) else {
        panic!("{text}")
    };
    refusal
}

impl Line {
    /// The next request that was sent: its id, its method, and what it is about.
    fn sent(&self) -> Option<(u64, String, String)> {
        let frame = self.outbox.pop()?;
        let head = match frame[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let (mask, body) = frame[head..].split_at(4);
        let text: Vec<u8> = body.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        let request: Value = serde_json::from_slice(&text).unwrap();
        let params = &request["params"];
        let about = [&params["event"], &params["payloadJSON"], &params["error"]["code"]];
        let about: Vec<&str> = about.iter().filter_map(|value| value.as_str()).collect();
        let id = request["id"].as_str().unwrap().parse().unwrap();
        Some((id, request["method"].as_str().unwrap().to_owned(), about.join(" ")))
    }

    fn report(&mut self, payload: &str) -> usize {
        self.traffic.report("e".into(), Some(payload.into())).unwrap()
    }

    fn invoke(&mut self, id: &str) -> bool {
        let permit = InvokePermit::take(&Arc::default()).unwrap();
        self.traffic.begin(id.into(), self.now + Duration::from_secs(5), permit)
    }

    /// Lets time pass until something is due, and does it.
    fn wait(&mut self) -> Vec<String> {
        self.now = self.traffic.next_due().unwrap();
        self.traffic.due(self.now).unwrap()
    }
}

#[test]
fn pitfall_9_a_result_that_is_refused_for_the_moment_is_sent_again() {
    let mut line = connected();
    assert!(line.invoke("i"));
    line.traffic.finish("n", "i", Ok(Some("1"))).unwrap();
    let mut attempts = 0;
    let told = loop {
        let (id, method, _) = line.sent().unwrap();
        assert_eq!(method, "node.invoke.result");
        attempts += 1;
        if let Some(told) = line.traffic.answered(id, Err(changed()), line.now).unwrap() {
            break told;
        }
        assert_eq!(line.sent(), None, "not at once");
        line.wait();
    };
    assert_eq!(attempts, limits::GATEWAY_RESULT_ATTEMPTS);
    assert!(told.contains("refused again and again"), "{told}");
}

#[test]
fn events_stay_in_order_whatever_is_refused() {
    let mut line = connected();
    for payload in ["1", "2", "3"] {
        line.report(payload);
    }
    let (first, _, about) = line.sent().unwrap();
    assert_eq!((&*about, line.sent()), ("e 1", None));
    line.traffic.answered(first, Err(changed()), line.now).unwrap();
    line.report("4");
    assert_eq!(line.sent(), None, "the first has to go first");
    line.wait();
    for expected in ["e 1", "e 2", "e 3", "e 4"] {
        let (id, _, about) = line.sent().unwrap();
        assert_eq!(about, expected);
        line.traffic.answered(id, Ok(None), line.now).unwrap();
    }
    assert_eq!((line.sent(), line.traffic.refused_for(line.now)), (None, Duration::ZERO));
}

#[test]
fn what_waits_for_a_gateway_that_is_away_is_bounded_and_the_oldest_goes() {
    let mut line = connected();
    assert_eq!(line.traffic.disconnected(), Vec::<String>::new());
    let dropped: usize =
        (0..limits::GATEWAY_EVENTS + 10).map(|n| line.report(&n.to_string())).sum();
    assert_eq!(dropped, 10);
    let long = "x".repeat(limits::GATEWAY_EVENT_BYTES / 2);
    assert_eq!(line.report(&long), 1);
    assert!(line.report(&long) > limits::GATEWAY_EVENTS / 2, "they share the bytes");
    line.traffic.subscribe("main".into(), true).unwrap();
    let (sender, outbox) = Sender::alone();
    line.outbox = outbox;
    line.traffic.connected(sender, &hello(usize::MAX / 2)).unwrap();
    let (id, _, about) = line.sent().unwrap();
    assert_eq!(about, r#"chat.subscribe {"sessionKey":"main"}"#);
    line.traffic.answered(id, Ok(None), line.now).unwrap();
    assert!(line.sent().unwrap().2.starts_with("e x"));
}

#[test]
fn a_result_that_would_cost_the_connection_becomes_an_error() {
    let mut line = connected();
    assert!(line.invoke("i"));
    line.traffic.finish("n", "i", Ok(Some(&"x".repeat(2000)))).unwrap();
    assert_eq!(line.sent().unwrap().2, "PAYLOAD_TOO_LARGE");
    let (to, _answer) = crossbeam_channel::bounded(1);
    let refused = line.traffic.call("chat.send", &"x".repeat(2000), to).unwrap_err();
    assert!(refused.message.contains("more than the OpenClaw gateway takes"), "{refused}");
}

#[test]
fn a_node_has_some_invokes_and_no_more_and_none_survives_its_connection() {
    let mut line = connected();
    let begun = (0..100).filter(|n| line.invoke(&n.to_string())).count();
    assert_eq!(begun, limits::GATEWAY_INVOKES_PER_NODE);
    assert!(line.traffic.cancel("0") && !line.traffic.cancel("0"));
    line.traffic.finish("n", "0", Ok(None)).unwrap();
    assert_eq!(line.sent(), None, "nobody waits for it");
    assert_eq!(line.wait().len(), limits::GATEWAY_INVOKES_PER_NODE - 1, "their time is over");
    assert_eq!(line.traffic.disconnected().len(), limits::GATEWAY_INVOKES_PER_NODE - 1);
    let failure = InvokeFailure { code: None, message: None };
    line.traffic.finish("n", "1", Err(&failure)).unwrap();
    assert_eq!(line.sent(), None);
    let all = Arc::default();
    let permits: Vec<_> = (0..100).map_while(|_| InvokePermit::take(&all)).collect();
    assert_eq!(permits.len(), limits::GATEWAY_INVOKES);
    drop(permits);
    assert!(InvokePermit::take(&all).is_some());
}

#[test]
fn a_gateway_that_never_answers_is_left() {
    let mut line = connected();
    line.report("1");
    let late = line.now + limits::GATEWAY_ANSWER + Duration::from_secs(1);
    assert!(line.traffic.due(late).is_err());
    line.traffic.disconnected();
    let (sender, outbox) = Sender::alone();
    line.outbox = outbox;
    line.traffic.connected(sender, &hello(1000)).unwrap();
    assert_eq!(line.sent().unwrap().2, "e 1", "and the event is sent to the next");
}
