//! The gateway of the other tests in this chapter, met by a client that shares nothing with the
//! bridge: it refuses what a real one refuses.

use crate::support::gateway::{schema, Gateway, Rules, TOKEN};
use crate::support::{eventually, DEADLINE};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{json, Value};
use std::net::TcpStream;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

struct Client {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    challenge: Value,
    next: u64,
}

fn key() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
}

impl Client {
    fn open(gateway: &Gateway) -> Self {
        let address = gateway.url().replace("ws://", "");
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let stream = MaybeTlsStream::Plain(stream);
        let (socket, _) = tungstenite::client(gateway.url(), stream).unwrap();
        let mut client = Self { socket, challenge: Value::Null, next: 0 };
        let challenge = client.receive().unwrap();
        assert_eq!(challenge["event"], "connect.challenge");
        client.challenge = challenge["payload"].clone();
        client
    }

    /// The next frame; or the code with which the gateway closes, 1006 without any.
    fn receive(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()))
                }
                Ok(_) => {}
                Err(_) => return Err(1006),
            }
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value, u16> {
        self.next += 1;
        let id = self.next.to_string();
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.socket.send(Message::text(frame.to_string())).map_err(|_| 1006_u16)?;
        loop {
            let frame = self.receive()?;
            if frame["type"] == "res" && frame["id"] == id {
                return Ok(frame);
            }
        }
    }

    fn login(&self, key: &Ed25519KeyPair) -> Value {
        let public = key.public_key().as_ref();
        let digest = ring::digest::digest(&ring::digest::SHA256, public);
        let id: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let (ts, nonce) = (&self.challenge["ts"], self.challenge["nonce"].as_str().unwrap());
        let text = format!("v3|{id}|node-host|node|node||{ts}|{TOKEN}|{nonce}|ios|iphone");
        json!({ "minProtocol": 3, "maxProtocol": 4, "role": "node", "scopes": [], "caps": [],
            "commands": ["location.get", "camera.snap", "acme.custom"], "auth": { "token": TOKEN },
            "client": { "id": "node-host", "version": "1", "platform": "ios", "mode": "node",
                "displayName": "Phone", "deviceFamily": "iPhone" },
            "device": { "id": id, "publicKey": URL_SAFE_NO_PAD.encode(public), "nonce": nonce,
                "signature": URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).as_ref()), "signedAt": ts } })
    }
}

/// A gateway in which mistakes are expected.
fn refusing(change: impl Fn(&mut Value)) -> (Value, u16) {
    let gateway = Gateway::start();
    let mut client = Client::open(&gateway);
    let mut login = client.login(&key());
    change(&mut login);
    let refusal = client.request("connect", &login).unwrap();
    assert_eq!(refusal["ok"], false, "{refusal}");
    let code = client.receive().unwrap_err();
    gateway.forgive();
    (refusal["error"].clone(), code)
}

#[test]
fn a_node_is_let_in_only_with_the_right_words_key_and_token() {
    let (error, code) = refusing(|login| login["client"]["coreVersion"] = "7".into());
    let message = "invalid connect params: at /client: unexpected property 'coreVersion'";
    assert_eq!((&error["message"], code), (&message.into(), 1008));
    let (error, code) = refusing(|login| login["client"]["id"] = "clawdbot-ios".into());
    assert!(error["message"].as_str().unwrap().contains("at /client/id"), "{error}");
    assert_eq!(code, 1008);
    let (error, code) = refusing(|login| {
        (login["minProtocol"], login["maxProtocol"]) = (2.into(), 2.into());
    });
    assert_eq!((&error["details"]["code"], code), (&"PROTOCOL_MISMATCH".into(), 1002));
    let (error, code) = refusing(|login| login["auth"]["token"] = "wrong".into());
    assert_eq!((&error["details"]["code"], code), (&"AUTH_TOKEN_MISMATCH".into(), 1008));
    let (error, _) = refusing(|login| login["client"]["platform"] = "android".into());
    assert_eq!(error["message"], "the signature is wrong");
    let (error, _) = refusing(|login| login["device"]["signedAt"] = 5.into());
    assert!(error["message"].as_str().unwrap().contains("the challenge"), "{error}");
}

#[test]
fn a_node_needs_both_approvals_and_loses_what_is_not_allowed() {
    let rules = Rules { pairs_silently: false, approves: false, ..Rules::default() };
    let gateway = Gateway::with(rules);
    let key = key();
    let mut request = Value::Null;
    for _ in 0..2 {
        let mut client = Client::open(&gateway);
        let login = client.login(&key);
        let refusal = client.request("connect", &login).unwrap();
        let error = &refusal["error"];
        assert_eq!(
            (&error["code"], &error["details"]["reason"]),
            (&"NOT_PAIRED".into(), &"not-paired".into())
        );
        assert!(request.is_null() || request == error["details"]["requestId"], "it is stable");
        request = error["details"]["requestId"].clone();
        assert_eq!(client.receive(), Err(1008));
    }
    let device = gateway.rows()[0].device.clone();
    gateway.approve_device(&device);
    let mut client = Client::open(&gateway);
    let login = client.login(&key);
    assert_eq!(client.request("connect", &login).unwrap()["ok"], true);
    let event = json!({ "event": "chat.subscribe", "payloadJSON": "{\"sessionKey\":\"main\"}" });
    let refused = client.request("node.event", &event).unwrap();
    assert_eq!(refused["error"]["details"]["code"], "PAIRING_CHANGED");
    let row = gateway.connected("Phone");
    assert_eq!((row.commands.len(), row.pending), (0, vec!["location.get".to_owned()]));
    gateway.approve_commands(&device);
    assert_eq!(client.request("node.event", &event).unwrap()["ok"], true);
    // The platform is pinned.
    let mut other = Client::open(&gateway);
    let mut login = other.login(&key);
    let nonce = other.challenge["nonce"].as_str().unwrap();
    let (id, ts) = (login["device"]["id"].as_str().unwrap(), &other.challenge["ts"]);
    let text = format!("v3|{id}|node-host|node|node||{ts}|{TOKEN}|{nonce}|ios 17.2|iphone");
    login["device"]["signature"] =
        URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).as_ref()).into();
    login["client"]["platform"] = "iOS 17.2".into();
    let refused = other.request("connect", &login).unwrap();
    assert_eq!(refused["error"]["details"]["reason"], "metadata-upgrade");
}

#[test]
fn an_admitted_node_is_invoked_and_heard_and_nothing_more() {
    let gateway = Gateway::with(Rules { max_payload: 100_000, ..Rules::default() });
    let key = key();
    let mut client = Client::open(&gateway);
    let login = client.login(&key);
    client.request("connect", &login).unwrap();
    assert_eq!(client.receive().unwrap()["event"], "voicewake.routing.changed");
    assert_eq!(client.receive().unwrap()["event"], "voicewake.changed");
    let device = gateway.approved("Phone").device;
    let (id, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 1000);
    assert_eq!(client.receive().unwrap()["payload"]["id"], *id);
    let answer = json!({ "id": id, "nodeId": device, "ok": true, "payloadJSON": "{}" });
    gateway.refuse_results(1);
    let refused = client.request("node.invoke.result", &answer).unwrap();
    assert_eq!(refused["error"]["retryable"], true);
    assert_eq!(client.request("node.invoke.result", &answer).unwrap()["ok"], true);
    assert_eq!(result.recv_timeout(DEADLINE).unwrap()["ok"], true);
    let late = client.request("node.invoke.result", &answer).unwrap();
    assert_eq!(late["payload"]["ignored"], true);
    let refused = client.request("sessions.list", &json!({})).unwrap();
    assert_eq!(refused["error"]["message"], "unauthorized role: node");
    // Twice, for who follows something.
    let event = json!({ "event": "chat.subscribe", "payloadJSON": "{\"sessionKey\":\"main\"}" });
    client.request("node.event", &event).unwrap();
    gateway.tick();
    for (name, numbered) in [("tick", true), ("tick", false), ("health", true), ("health", false)] {
        let event = client.receive().unwrap();
        assert_eq!((&event["event"], event.get("seq").is_some()), (&name.into(), numbered));
    }
    let large = json!({ "event": "x", "payloadJSON": "x".repeat(100_000) });
    assert_eq!(client.request("node.event", &large), Err(1009));
    eventually("the gateway forgets it", || (gateway.nodes() == 0).then_some(()));
}

#[test]
fn a_gateway_that_restarts_says_so_and_one_that_is_cut_off_does_not() {
    let mut gateway = Gateway::start();
    let key = key();
    let enter = |gateway: &Gateway| {
        let mut client = Client::open(gateway);
        let login = client.login(&key);
        assert_eq!(client.request("connect", &login).unwrap()["ok"], true);
        client.receive().unwrap();
        client.receive().unwrap();
        client
    };
    let mut client = enter(&gateway);
    gateway.stop(true);
    assert_eq!(client.receive().unwrap()["event"], "shutdown");
    assert_eq!(client.receive(), Err(1012));
    gateway.listen();
    let mut client = enter(&gateway);
    let one = || (gateway.rows()[0].connections == 1).then_some(());
    eventually("only the new connection is left", one);
    gateway.end(&gateway.rows()[0].device, None);
    assert_eq!(client.receive(), Err(1006));
    eventually("it is forgotten", || (gateway.rows()[0].connections == 0).then_some(()));
}

#[test]
fn the_short_form_of_the_schemas_agrees_with_the_published_one() {
    let Some(published) = schema::Schema::fetch() else {
        eprintln!("skipped: npm cannot fetch the gateway's schema");
        return;
    };
    let gateway = Gateway::start();
    let login = Client::open(&gateway).login(&key());
    let frame = |method: &str, params: Value| json!({ "type": "req", "id": "1", "method": method, "params": params });
    published.check(&frame("connect", login.clone())).unwrap();
    for (path, method, params) in [
        ("coreVersion", "connect", {
            let mut l = login;
            l["client"]["coreVersion"] = "1".into();
            l
        }),
        ("bogus", "sessions.list", json!({ "bogus": 1 })),
        ("sessionKey", "chat.send", json!({ "message": "m", "idempotencyKey": "k" })),
        ("payloadJSON", "node.event", json!({ "event": "x", "payloadJSON": null })),
        (
            "retryable",
            "node.invoke.result",
            json!({ "id": "1", "nodeId": "n", "ok": false, "error": { "code": "X", "retryable": true } }),
        ),
        ("limit", "chat.history", json!({ "sessionKey": "main", "limit": 1001 })),
    ] {
        let wrong = published.check(&frame(method, params.clone())).unwrap_err();
        assert!(wrong.contains(path), "{wrong}");
        if !matches!(method, "chat.history" | "connect") {
            assert!(schema::params(method, &params).is_err(), "{method}");
        }
    }
}
