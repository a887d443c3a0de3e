//! A connection to a gateway, from dialling to its end. The thread that owns it reads, and writes
//! what any [`Sender`] has left while it waits; it answers pings itself.

use crate::client::dial;
use crate::config::GatewayUrl;
use crate::gateway::error::Error;
use crate::gateway::identity::Identity;
use crate::gateway::upgrade;
use crate::gateway::websocket::{closing, encode, Decoder, Message, Opcode};
use crate::link::{Duplex, Ending, NetStream, Outbox, Stop};
use crate::protocol::gateway::{
    Challenge, ClientInfo, Connect, Credential, GatewayMessage, Hello, Role,
};
use crate::protocol::{limits, NodeProfile};
use crate::random;
use crate::wait;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use rustls::ClientConfig;
use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

/// Where the gateway is, and how it proves who it is.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) url: GatewayUrl,
    /// For `wss://`.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// Who connects, and with what proof.
pub(crate) struct Login<'a> {
    pub(crate) role: Role,
    pub(crate) client: &'a ClientInfo,
    pub(crate) scopes: &'a [&'static str],
    pub(crate) credential: Option<&'a Credential>,
    pub(crate) identity: Option<&'a Identity>,
    /// What a node can do.
    pub(crate) profile: Option<&'a NodeProfile>,
}

/// What came from the gateway.
pub(crate) type Incoming = GatewayMessage;

/// A connection that the gateway has admitted.
pub(crate) struct Connection {
    link: Link,
    sender: Sender,
    /// What the gateway said when it admitted the connection.
    pub(crate) hello: Hello,
}

/// Leaves messages for a connection, from any thread.
#[derive(Clone)]
pub(crate) struct Sender {
    outbox: Arc<Outbox<Vec<u8>>>,
}

/// The socket, and what has come of a message.
struct Link {
    bytes: BufReader<Duplex<NetStream, Vec<u8>>>,
    decoder: Decoder,
    /// When the last byte came.
    heard: Instant,
    stop: Stop,
}

impl Gateway {
    /// Connects and is admitted. `reached` is called when something has answered that may be the
    /// gateway, before it has admitted anybody.
    pub(crate) fn connect(
        &self,
        login: &Login<'_>,
        stop: &Stop,
        reached: impl FnOnce(),
    ) -> Result<Connection, Error> {
        let (url, timeout) = (&self.url, limits::HOST_CONNECT);
        let (stream, _) = dial(&url.host, url.port, timeout, self.tls.clone(), stop)?;
        let (sender, mut link) = open(stream, stop)?;
        let key = STANDARD.encode(random::bytes::<16>());
        sender.leave(upgrade::request(url, &key))?;
        link.upgraded(&key)?;
        let mut connection = Connection { link, sender, hello: Hello::default() };
        let challenge = connection.challenge()?;
        reached();
        connection.hello = connection.log_in(login, &challenge)?;
        Ok(connection)
    }
}

/// Both ends of a stream on which nothing was sent.
fn open(stream: NetStream, stop: &Stop) -> Result<(Sender, Link), Error> {
    let outbox = Outbox::new(0).map_err(|_| Error::System("descriptors"))?;
    let outbox = Arc::new(outbox);
    let duplex = Duplex::new(stream, outbox.clone(), usize::MAX).map_err(Error::Broken)?;
    let duplex = duplex.written_directly().until(stop.clone());
    let link = Link {
        bytes: BufReader::with_capacity(limits::READ_BUFFER, duplex),
        decoder: Decoder::new(limits::GATEWAY_MESSAGE),
        heard: Instant::now(),
        stop: stop.clone(),
    };
    Ok((Sender { outbox }, link))
}

impl Connection {
    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The next message; `None` at `deadline`. An error is the connection's end.
    pub(crate) fn next(&mut self, deadline: Instant) -> Result<Option<Incoming>, Error> {
        loop {
            let lost_at = self.link.heard + limits::GATEWAY_SILENCE;
            match self.link.message(deadline.min(lost_at)) {
                Ok(Some(Message::Text(text))) => return Ok(Some(GatewayMessage::read(&text))),
                Ok(Some(Message::Ping(payload))) => self.sender.frame(Opcode::Pong, &payload)?,
                Ok(Some(Message::Pong)) => return Ok(Some(GatewayMessage::Unknown)),
                Ok(Some(Message::Close(code, reason))) => {
                    let _ = self.sender.frame(Opcode::Close, &closing(code.unwrap_or(1000), ""));
                    return Err(Error::Closed { code, reason });
                }
                Ok(None) => {}
                Err(Error::Violation(violation)) => {
                    let _ = self.sender.frame(Opcode::Close, &closing(violation.code, ""));
                    return Err(Error::Violation(violation));
                }
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            if now >= self.link.heard + limits::GATEWAY_SILENCE {
                return Err(Error::Silent(limits::GATEWAY_SILENCE));
            }
            if now >= deadline {
                return Ok(None);
            }
        }
    }

    fn challenge(&mut self) -> Result<Challenge, Error> {
        let expected = |message| match message {
            GatewayMessage::Event { event, payload, .. } if &*event == Challenge::EVENT => {
                let challenge = Challenge::read(payload.as_deref().unwrap_or_default());
                Some(challenge.ok_or(Error::NotAGateway("its challenge has no nonce or time")))
            }
            _ => None,
        };
        self.wait_for("with a challenge", expected)
    }

    fn log_in(&mut self, login: &Login<'_>, challenge: &Challenge) -> Result<Hello, Error> {
        const ID: u64 = 0;
        let Login { role, client, scopes, credential, identity, profile } = login;
        let token = credential.map(Credential::reveal);
        let sign = |identity: &&Identity| identity.sign(challenge, client, (*role, *scopes), token);
        let connect = Connect::new(client, *role, scopes, *credential, identity.as_ref().map(sign));
        let connect = match profile {
            Some(profile) => connect.offering(profile),
            None => connect,
        };
        self.sender.request(ID, Connect::METHOD, &connect.params())?;
        let expected = |message| match message {
            GatewayMessage::Response { id: ID, result } => Some(match result {
                Ok(payload) => Hello::read(payload.as_deref().unwrap_or_default())
                    .ok_or(Error::NotAGateway("its hello cannot be read")),
                Err(refusal) => Err(Error::Refused(refusal)),
            }),
            _ => None,
        };
        self.wait_for(Connect::METHOD, expected)
    }

    fn wait_for<T>(
        &mut self,
        to: &'static str,
        mut expected: impl FnMut(GatewayMessage) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline = wait::after(limits::GATEWAY_LOGIN);
        loop {
            match self.next(deadline)? {
                Some(message) => {
                    if let Some(found) = expected(message) {
                        return found;
                    }
                }
                None => return Err(Error::NoAnswer { to, after: limits::GATEWAY_LOGIN }),
            }
            // One that never stops talking must not hold up the deadline.
            if Instant::now() >= deadline {
                return Err(Error::NoAnswer { to, after: limits::GATEWAY_LOGIN });
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What the gateway has closed already, it does not read.
        let _ = self.sender.frame(Opcode::Close, &closing(1000, ""));
        let duplex = self.link.bytes.get_mut();
        let _ = duplex.close();
        duplex.with_stream(NetStream::close_notify);
    }
}

impl Link {
    /// Waits for the answer to the HTTP request.
    fn upgraded(&mut self, key: &str) -> Result<(), Error> {
        let deadline = wait::after(limits::GATEWAY_LOGIN);
        let mut head = Vec::new();
        loop {
            let Some(bytes) = self.fill(deadline)? else {
                let to = "the request for a WebSocket";
                return Err(Error::NoAnswer { to, after: limits::GATEWAY_LOGIN });
            };
            let before = head.len();
            head.extend_from_slice(bytes);
            match upgrade::answer(&head, key)? {
                Some(length) => {
                    self.bytes.consume(length - before);
                    return Ok(());
                }
                None => {
                    let taken = head.len() - before;
                    self.bytes.consume(taken);
                }
            }
        }
    }

    /// The next message, or `None` at `deadline`.
    fn message(&mut self, deadline: Instant) -> Result<Option<Message>, Error> {
        loop {
            if self.fill(deadline)?.is_none() {
                return Ok(None);
            }
            let taken = self.decoder.take(self.bytes.buffer());
            let (used, message) = taken.map_err(Error::Violation)?;
            self.bytes.consume(used);
            if message.is_some() {
                return Ok(message);
            }
            // Bytes without end must not hold up the deadline.
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// Bytes that have come; `None` at `deadline`.
    fn fill(&mut self, deadline: Instant) -> Result<Option<&[u8]>, Error> {
        if self.bytes.buffer().is_empty() {
            if self.stop.is_requested() {
                return Err(Error::Stopped);
            }
            self.bytes.get_mut().set_deadline(deadline);
            match self.bytes.fill_buf() {
                Ok([]) => return Err(self.end()),
                Ok(_) => self.heard = Instant::now(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return if self.stop.is_requested() { Err(Error::Stopped) } else { Ok(None) };
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(self.end()),
                Err(error) => return Err(Error::Broken(error)),
            }
        }
        Ok(Some(self.bytes.buffer()))
    }

    /// Why there is nothing more to read.
    fn end(&self) -> Error {
        match self.bytes.get_ref().ending() {
            None | Some(Ending::TheirEnd | Ending::OurEnd) => {
                Error::Closed { code: None, reason: String::new() }
            }
            Some(_) => Error::Broken(ErrorKind::TimedOut.into()),
        }
    }
}

impl Sender {
    #[cfg(test)]
    pub(super) fn alone() -> (Self, Arc<Outbox<Vec<u8>>>) {
        let outbox = Arc::new(Outbox::new(0).unwrap());
        (Self { outbox: outbox.clone() }, outbox)
    }

    /// Sends a request. The id must not be in use.
    pub(crate) fn request(&self, id: u64, method: &str, params: &str) -> Result<(), Error> {
        let text = crate::protocol::gateway::request(id, method, params);
        self.frame(Opcode::Text, text.as_bytes())
    }

    /// Sends what waits and then ends the connection.
    pub(super) fn close(&self) {
        let _ = self.frame(Opcode::Close, &closing(1000, ""));
        self.outbox.finish();
    }

    pub(super) fn ping(&self) -> Result<(), Error> {
        self.frame(Opcode::Ping, &[])
    }

    fn frame(&self, opcode: Opcode, payload: &[u8]) -> Result<(), Error> {
        let mask = random::bytes();
        self.leave(encode(opcode, payload, mask))
    }

    fn leave(&self, bytes: Vec<u8>) -> Result<(), Error> {
        if !self.outbox.is_open() {
            return Err(Error::Closed { code: None, reason: String::new() });
        }
        // The connection's thread notices, and ends it.
        self.outbox.push(bytes).map_err(|_| Error::Broken(ErrorKind::TimedOut.into()))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender(…)")
    }
}
