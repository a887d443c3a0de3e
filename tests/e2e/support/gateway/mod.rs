//! A current OpenClaw gateway, as far as a bridge sees it: challenge, closed schemas, both approvals,
//! its list of allowed commands, its habit of closing connections. What it says is recorded from
//! 2026.9.6 and 2026.5.22; its WebSocket is not the bridge's.

mod admission;
mod connection;
mod methods;
pub(crate) mod schema;
mod wire;

use super::{eventually, DEADLINE};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use connection::{Connection, Order};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use wire::Certificate;

/// The gateway's shared token. It must not show anywhere.
pub(crate) const TOKEN: &str = "9d1f4c7a2be55ec0ffee9d1f4c7a2b01";

/// What it gives every node instead.
pub(crate) const DEVICE_TOKEN: &str = "IjDISxi0j4xBSfG_My-V0gvbTr8FN2I70nUUK0GKYEU";

/// The token of a setup code that serves once, and the code.
pub(crate) const SETUP_TOKEN: &str = "UzJpTqurVYlCQEiWfIca9peiYlxD0A2Z";

pub(crate) fn setup_code() -> String {
    let code =
        json!({ "url": "ws://127.0.0.1:1", "bootstrapToken": SETUP_TOKEN, "expiresAtMs": 1 });
    URL_SAFE_NO_PAD.encode(code.to_string())
}

/// How this gateway is set up.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) version: &'static str,
    /// Keys that connect from this machine with the token are paired at once.
    pub(crate) pairs_silently: bool,
    /// What a node may do is approved as soon as it asks.
    pub(crate) approves: bool,
    /// Commands that are allowed besides those of the platform.
    pub(crate) allowed: Vec<&'static str>,
    pub(crate) max_payload: usize,
    /// `chat.send` is answered by a run of so many deltas; without any there is no run.
    pub(crate) deltas: u32,
    /// It speaks TLS, with a certificate that it has signed itself.
    pub(crate) is_secure: bool,
    /// It is on another machine: operators need a key of their own, and it has to be paired.
    pub(crate) is_remote: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            version: "2026.9.6",
            pairs_silently: true,
            approves: true,
            allowed: Vec::new(),
            max_payload: 26_214_400,
            deltas: 0,
            is_secure: false,
            is_remote: false,
        }
    }
}

/// A node that the gateway knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) device: String,
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) family: String,
    /// Whether its key may connect.
    pub(crate) is_paired: bool,
    /// What it may do.
    pub(crate) commands: Vec<String>,
    /// What it would like to do, that is allowed.
    pub(crate) pending: Vec<String>,
    pub(crate) connections: u32,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `node` or `operator`.
    pub(crate) role: String,
    pub(crate) method: String,
    pub(crate) params: Value,
    /// The whole frame.
    pub(crate) frame: Value,
}

#[derive(Default)]
struct State {
    rules: Rules,
    rows: BTreeMap<String, Row>,
    /// Keys of operators, and whether they may connect.
    operators: BTreeMap<String, bool>,
    /// Open connections, with the device or `operator`.
    open: Vec<(u64, String, Sender<Order>)>,
    calls: Vec<Call>,
    is_setup_code_used: bool,
    /// So many results of invokes are refused, and every event while `refuses_events`.
    refused_results: u32,
    refuses_events: bool,
    invokes: BTreeMap<String, Sender<Value>>,
    next: u64,
    /// The most connections at once that had not been let in.
    most_strangers: usize,
    /// What was wrong with what the bridge sent.
    mistakes: Vec<String>,
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

type Shared = Arc<Mutex<State>>;

/// The gateway. Stops when dropped.
pub(crate) struct Gateway {
    state: Shared,
    address: SocketAddr,
    certificate: Option<Certificate>,
    listening: Option<(Arc<AtomicBool>, thread::JoinHandle<()>)>,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::with(Rules::default())
    }

    pub(crate) fn with(rules: Rules) -> Self {
        super::secrets::remember(TOKEN);
        super::secrets::remember(DEVICE_TOKEN);
        super::secrets::remember(SETUP_TOKEN);
        let certificate = rules.is_secure.then(Certificate::new);
        let state = Shared::new(Mutex::new(State { rules, ..State::default() }));
        let address = "127.0.0.1:0".parse().unwrap();
        let mut gateway = Self { state, address, certificate, listening: None };
        gateway.listen();
        gateway
    }

    /// Accepts connections, at the same address as before.
    pub(crate) fn listen(&mut self) {
        // The port may still be in the hands of connections that are ending.
        let listener = eventually("the gateway listens", || TcpListener::bind(self.address).ok());
        self.address = listener.local_addr().unwrap();
        let (stop, state) = (Arc::new(AtomicBool::new(false)), self.state.clone());
        let stopped = stop.clone();
        let tls = self.certificate.as_ref().map(Certificate::config);
        let accept = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (state, tls) = (state.clone(), tls.clone());
                thread::spawn(move || Connection::serve(stream.unwrap(), tls, &state));
            }
        };
        self.listening = Some((stop, thread::spawn(accept)));
    }

    /// Ends as a gateway does that is restarted, or one that is killed.
    pub(crate) fn stop(&mut self, politely: bool) {
        if let Some((stop, thread)) = self.listening.take() {
            stop.store(true, Ordering::SeqCst);
            let _ = std::net::TcpStream::connect(self.address);
            let _ = thread.join();
        }
        for (_, _, orders) in self.lock().open.drain(..) {
            if politely {
                let shutdown = event("shutdown", &json!({ "reason": "gateway stopping" }), Some(1));
                let _ = orders.send(Order::Send(shutdown));
                let _ = orders.send(Order::Close(1012, "service restart"));
            } else {
                let _ = orders.send(Order::Cut);
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// The SHA-256 of its certificate.
    pub(crate) fn fingerprint(&self) -> String {
        self.certificate.as_ref().expect("it speaks TLS").fingerprint()
    }

    /// Has a new certificate from the next [`Gateway::listen`] on.
    pub(crate) fn renew_certificate(&mut self) {
        self.certificate = Some(Certificate::new());
    }

    /// A bridge's configuration that has this gateway behind it.
    pub(crate) fn config(&self, more: &str) -> String {
        let url = self.url();
        format!("{{ backend: {{ kind: 'openclaw', url: '{url}', token: '{TOKEN}', {more} }} }}")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Refuses the next results of invokes, as a gateway does under load.
    pub(crate) fn refuse_results(&self, count: u32) {
        self.lock().refused_results = count;
    }

    /// Forgets what was wrong so far, in a test that is about that.
    pub(crate) fn forgive(&self) {
        self.lock().mistakes.clear();
    }

    pub(crate) fn refuse_events(&self, refuses: bool) {
        self.lock().refuses_events = refuses;
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        self.lock().rows.values().cloned().collect()
    }

    /// The node whose name begins like this, once it is connected.
    #[track_caller]
    pub(crate) fn connected(&self, name: &str) -> Row {
        eventually("the node is connected to the gateway", || {
            self.rows().into_iter().find(|row| row.name.starts_with(name) && row.connections > 0)
        })
    }

    /// As [`Gateway::connected`], with commands that were approved.
    #[track_caller]
    pub(crate) fn approved(&self, name: &str) -> Row {
        eventually("the node may do something", || {
            let mut rows = self.rows().into_iter();
            rows.find(|row| row.name.starts_with(name) && !row.commands.is_empty())
        })
    }

    /// Lets a key connect.
    pub(crate) fn approve_device(&self, device: &str) {
        self.lock().rows.get_mut(device).unwrap().is_paired = true;
    }

    /// Lets the operators connect that have asked.
    pub(crate) fn approve_operators(&self) {
        self.lock().operators.values_mut().for_each(|is_paired| *is_paired = true);
    }

    /// Lets a node do what it would like to.
    pub(crate) fn approve_commands(&self, device: &str) {
        let mut state = self.lock();
        let row = state.rows.get_mut(device).unwrap();
        row.commands.append(&mut row.pending);
        row.commands.sort();
    }

    /// Connections of nodes that are open and let in.
    pub(crate) fn nodes(&self) -> usize {
        let is_node = |who: &str| !matches!(who, "operator" | "?");
        self.lock().open.iter().filter(|(_, who, _)| is_node(who)).count()
    }

    /// The most connections at once that had not been let in.
    pub(crate) fn most_strangers(&self) -> usize {
        self.lock().most_strangers
    }

    /// What was asked so far, of a method.
    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.lock().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Everything that came in.
    pub(crate) fn all_calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Waits for a node's event; its payload.
    #[track_caller]
    pub(crate) fn node_event(&self, name: &str) -> Value {
        eventually("the gateway gets the node's event", || {
            let calls = self.calls("node.event");
            let call = calls.iter().find(|call| call.params["event"] == name)?;
            serde_json::from_str(call.params["payloadJSON"].as_str()?).ok()
        })
    }

    /// Invokes a command of a node, without waiting.
    pub(crate) fn begin_invoke(
        &self,
        device: &str,
        command: &str,
        params: &Value,
        timeout_ms: u64,
    ) -> (String, Receiver<Value>) {
        let (sender, receiver) = channel();
        let id = format!("invoke-{}", self.lock().number());
        self.lock().invokes.insert(id.clone(), sender);
        let request = json!({ "id": id, "nodeId": device, "command": command,
            "paramsJSON": params.to_string(), "timeoutMs": timeout_ms, "idempotencyKey": format!("key-{id}") });
        self.tell(device, "node.invoke.request", &request);
        (id, receiver)
    }

    /// Invokes a command of a node; the parameters of its `node.invoke.result`.
    #[track_caller]
    pub(crate) fn invoke(&self, device: &str, command: &str, params: &Value) -> Value {
        let (_, answer) = self.begin_invoke(device, command, params, 15_000);
        answer.recv_timeout(DEADLINE).expect("a result of the invoke")
    }

    /// Sends an event to a node, without a number.
    pub(crate) fn tell(&self, device: &str, name: &str, payload: &Value) {
        self.order(device, || Order::Send(event(name, payload, None)));
    }

    /// What all nodes that follow a session are told.
    pub(crate) fn publish(&self, name: &str, session: &str, payload: &Value) {
        methods::publish(&self.state, name, session, payload);
    }

    /// The minute's `tick` and `health`, twice for who follows something, as gateways do.
    pub(crate) fn tick(&self) {
        let health =
            json!({ "ok": true, "ts": 2, "durationMs": 1, "agents": [{ "path": "/home" }] });
        for (name, payload) in [("tick", json!({ "ts": 1 })), ("health", health)] {
            for (_, _, orders) in &self.lock().open {
                let _ = orders.send(Order::Send(event(name, &payload, Some(7))));
                let _ = orders.send(Order::ToFollower(event(name, &payload, None)));
            }
        }
    }

    /// Ends the connections of a node, or of the operator: with a code, or without a word.
    pub(crate) fn end(&self, who: &str, code: Option<u16>) {
        self.order(who, || match code {
            Some(code) => Order::Close(code, "closed by the test"),
            None => Order::Cut,
        });
    }

    fn order(&self, who: &str, order: impl Fn() -> Order) {
        for (_, _, orders) in self.lock().open.iter().filter(|(_, name, _)| name == who) {
            let _ = orders.send(order());
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop(false);
        if !thread::panicking() {
            let mistakes = std::mem::take(&mut self.lock().mistakes);
            assert!(mistakes.is_empty(), "the gateway was sent mistakes: {mistakes:#?}");
        }
    }
}

/// The frame of an event.
fn event(name: &str, payload: &Value, seq: Option<u64>) -> String {
    let mut frame = json!({ "type": "event", "event": name, "payload": payload });
    if let Some(seq) = seq {
        frame["seq"] = seq.into();
    }
    frame.to_string()
}
