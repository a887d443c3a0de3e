//! One WebSocket of the gateway: a thread that reads, and carries out orders in between.

use super::admission::{self, Admitted};
use super::wire::{wire, Wire};
use super::{methods, Call, Shared};
use rustls::ServerConfig;
use serde_json::{json, Value};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc::{channel, Receiver, TryRecvError};
use std::sync::Arc;
use std::time::Duration;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

/// Bytes of a frame before the client is known.
const BEFORE_LOGIN: usize = 64 * 1024;

/// Something for a connection to do.
pub(super) enum Order {
    Send(String),
    /// Only if the node follows a session.
    ToFollower(String),
    /// Only if the node follows this one.
    ToFollowerOf(String, String),
    Close(u16, &'static str),
    /// Ends without a close frame.
    Cut,
}

pub(super) struct Connection<'a> {
    pub(super) socket: WebSocket<Wire>,
    pub(super) state: &'a Shared,
    /// Who it is, once it has been let in.
    pub(super) admitted: Option<Admitted>,
    /// The keys that were subscribed to, as they were sent.
    pub(super) follows: BTreeSet<String>,
    nonce: String,
    number: u64,
}

impl<'a> Connection<'a> {
    pub(super) fn serve(stream: TcpStream, tls: Option<Arc<ServerConfig>>, state: &'a Shared) {
        stream.set_nodelay(true).unwrap();
        let config = WebSocketConfig::default()
            .max_message_size(Some(BEFORE_LOGIN))
            .max_frame_size(Some(BEFORE_LOGIN));
        let Ok(socket) = tungstenite::accept_with_config(wire(stream, tls), Some(config)) else {
            return;
        };
        let number = state.lock().unwrap().number();
        let nonce = format!("nonce-{number}");
        let mut connection =
            Self { socket, state, admitted: None, follows: BTreeSet::new(), nonce, number };
        let (sender, orders) = channel();
        {
            let mut state = state.lock().unwrap();
            state.open.push((number, "?".to_owned(), sender));
            let strangers = state.open.iter().filter(|(_, who, _)| who == "?").count();
            state.most_strangers = state.most_strangers.max(strangers);
        }
        connection.run(&orders);
        connection.forget();
    }

    fn run(&mut self, orders: &Receiver<Order>) {
        let payload = json!({ "nonce": self.nonce, "ts": admission::TIME, "capabilities": ["x"] });
        self.send(&super::event("connect.challenge", &payload, None));
        // Short, because between two reads it looks for orders.
        let patience = Some(Duration::from_millis(2));
        self.socket.get_ref().tcp().set_read_timeout(patience).unwrap();
        loop {
            match orders.try_recv() {
                Ok(Order::Send(text)) => self.send(&text),
                Ok(Order::ToFollower(text)) if !self.follows.is_empty() => self.send(&text),
                Ok(Order::ToFollowerOf(session, text)) if self.hears(&session) => self.send(&text),
                Ok(Order::ToFollower(_) | Order::ToFollowerOf(..)) => {}
                Ok(Order::Close(code, reason)) => return self.close(code, reason),
                Ok(Order::Cut) | Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    if !self.frame(&text) {
                        return;
                    }
                }
                Ok(Message::Close(_)) => {
                    let _ = self.socket.flush();
                    return;
                }
                Ok(_) => {}
                Err(Error::Io(e))
                    if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    return self.close(1009, "message too big");
                }
                Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return,
                Err(Error::Protocol(wrong)) => return self.mistake(&format!("framing: {wrong}")),
                Err(_) => return,
            }
        }
    }

    /// Whether the connection goes on after this frame.
    fn frame(&mut self, text: &str) -> bool {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            self.mistake(&format!("not JSON: {text}"));
            return false;
        };
        let (id, method) = (frame["id"].clone(), frame["method"].as_str().unwrap_or_default());
        let params = frame["params"].clone();
        if frame["type"] != "req" || !id.is_string() {
            self.mistake(&format!("not a request: {text}"));
            return false;
        }
        let is_login = self.admitted.is_none();
        let role = match &self.admitted {
            Some(admitted) => admitted.role.clone(),
            None => params["role"].as_str().unwrap_or_default().to_owned(),
        };
        let call = Call { role, method: method.to_owned(), params, frame: frame.clone() };
        self.state.lock().unwrap().calls.push(call.clone());
        if is_login {
            return self.log_in(&id, &call);
        }
        let answer = methods::answer(self, &call);
        self.respond(&id, answer);
        methods::afterwards(self, &call);
        true
    }

    fn log_in(&mut self, id: &Value, call: &Call) -> bool {
        match admission::admit(self.state, &self.nonce, call) {
            Ok((admitted, hello)) => {
                let most = self.state.lock().unwrap().rules.max_payload;
                self.socket.set_config(|config| {
                    config.max_message_size = Some(most);
                    config.max_frame_size = Some(most);
                });
                self.register(&admitted);
                self.admitted = Some(admitted);
                self.respond(id, Ok(hello));
                methods::greet(self);
                true
            }
            Err((error, code)) => {
                self.respond(id, Err(error));
                self.close(code, "connect refused");
                false
            }
        }
    }

    fn register(&self, admitted: &Admitted) {
        let mut state = self.state.lock().unwrap();
        let own = state.open.iter_mut().find(|(number, _, _)| *number == self.number);
        own.expect("the connection is known").1 = admitted.who.clone();
        if let Some(row) = state.rows.get_mut(&admitted.who) {
            row.connections += 1;
        }
    }

    fn forget(&mut self) {
        let mut state = self.state.lock().unwrap();
        state.open.retain(|(number, _, _)| *number != self.number);
        let row = self.admitted.as_ref().and_then(|a| state.rows.get_mut(&a.who));
        if let Some(row) = row {
            row.connections -= 1;
        }
    }

    /// Whether it follows a session: under its canonical name, or since 2026.8 under any.
    fn hears(&self, session: &str) -> bool {
        let is_old = self.state.lock().unwrap().rules.version < "2026.8";
        let names = |key: &String| {
            key == session || (!is_old && format!("agent:main:{}", key.to_lowercase()) == session)
        };
        self.follows.iter().any(names)
    }

    pub(super) fn send(&mut self, text: &str) {
        let _ = self.socket.get_ref().tcp().set_read_timeout(Some(super::DEADLINE));
        let _ = self.socket.send(Message::text(text));
        let _ = self.socket.get_ref().tcp().set_read_timeout(Some(Duration::from_millis(2)));
    }

    fn respond(&mut self, id: &Value, answer: Result<Value, Value>) {
        let frame = match answer {
            Ok(payload) => json!({ "type": "res", "id": id, "ok": true, "payload": payload }),
            Err(error) => json!({ "type": "res", "id": id, "ok": false, "error": error }),
        };
        self.send(&frame.to_string());
    }

    fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let _ = self.socket.close(Some(frame));
        // What was on its way is read, or the other side would see a reset in the place of the frame.
        let _ = self.socket.get_ref().tcp().set_read_timeout(Some(Duration::from_secs(2)));
        while self.socket.read().is_ok() {}
    }

    pub(super) fn mistake(&mut self, what: &str) {
        self.state.lock().unwrap().mistakes.push(what.to_owned());
        self.close(1008, "a mistake");
    }
}
