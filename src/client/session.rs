//! From a fresh connection to an admitted one, and the keepalive after that (protocol section 2).

use crate::client::connection::Connection;
use crate::client::error::Error;
use crate::client::handshake::is_tls;
use crate::client::identity::IdentityFile;
use crate::client::lines::{LineReader, Received, Writer};
use crate::protocol::{
    limits, GatewayFrame, Hello, NodeFrame, NodeId, NodeProfile, PairRequest, Payload, Token,
};
use crate::tls::{Fingerprint, Trust};
use crate::wait;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the gateway may take to answer `hello`, and to follow `pair-ok` with `hello-ok`.
/// The old apps wait 6 to 10 s; a gateway that punishes guessing by delay may take longer.
const HELLO_DEADLINE: Duration = Duration::from_secs(20);

/// How long an approval is waited for: as long as the gateway keeps the request, and then some,
/// so that it is the gateway who says that it expired.
const APPROVAL_DEADLINE: Duration =
    Duration::from_secs(limits::PAIRING_TTL.as_secs() + HELLO_DEADLINE.as_secs());

/// What a person may want to know while a node joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The gateway was met over TLS for the first time. Its certificate is on disk, and demanded
    /// from now on; whether it is the right one, only a person can compare.
    Trusted(Fingerprint),
    /// The gateway's operator has to approve this node now.
    AskedForPairing(NodeId),
    /// The operator approved; the token is on disk.
    Paired,
}

/// What the gateway told when it admitted the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The gateway's name.
    pub server_name: Arc<str>,
    /// Where its canvas host is, if it has one.
    pub canvas_host_url: Option<Arc<str>>,
    /// The session key for the main chat, if it has an opinion.
    pub main_session_key: Option<Arc<str>>,
}

/// When a quiet connection is tested, and when it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    /// Silence after which the node asks whether the gateway is there.
    pub ping_after: Duration,
    /// Silence after which it is not.
    pub lost_after: Duration,
}

impl Default for Keepalive {
    /// Two pings may go unanswered; home routers forget a quiet connection after minutes.
    fn default() -> Self {
        Self { ping_after: Duration::from_secs(30), lost_after: Duration::from_secs(90) }
    }
}

/// An admitted connection.
#[derive(Debug)]
pub struct Session {
    admission: Admission,
    reader: LineReader,
    writer: Writer,
    keepalive: Keepalive,
    pinged: Option<Instant>,
    last_id: u64,
}

/// Introduces the node; if it has no valid token, asks for a pairing on the same connection and
/// waits for the operator. A new token is on disk before anything else happens.
///
/// The token is sent in `hello` and nowhere else. One that the gateway does not accept is kept
/// until a new one replaces it: the wrong gateway may have answered.
///
/// Over TLS the gateway's certificate is compared with the one in the identity file, or stored
/// there at first use or if the caller named it, before anything is sent.
///
/// # Errors
/// [`Error::Refused`] with the gateway's words, [`Error::NoAnswer`], [`Error::NotAGateway`] and
/// the like, what goes wrong with the connection, and [`Error::File`] if the token or certificate
/// could not be stored. [`Error::PinMismatch`] and [`Error::TlsRequired`] before anything is sent.
pub fn join(
    connection: Connection,
    identity: &mut IdentityFile,
    profile: &NodeProfile,
    progress: &mut dyn FnMut(Progress),
) -> Result<Session, Error> {
    settle_trust(&connection, identity, progress)?;
    let Connection { mut reader, writer, gateway, certificate, .. } = connection;
    let node_id = identity.node_id().clone();
    writer.send(&NodeFrame::Hello(Hello {
        node: Ok(node_id.clone()),
        token: identity.token().cloned(),
        protocol: None,
        profile: profile.clone(),
    }))?;
    let admission = match verdict(&mut reader, HELLO_DEADLINE)? {
        Verdict::Admitted(admission) => admission,
        Verdict::PairFirst => {
            writer.send(&NodeFrame::PairRequest(PairRequest {
                node: Ok(node_id.clone()),
                profile: profile.clone(),
                silent: false,
            }))?;
            progress(Progress::AskedForPairing(node_id));
            let token = wait_for_approval(&mut reader, &writer)?;
            identity.store_token(token, (&gateway.0, gateway.1), certificate)?;
            progress(Progress::Paired);
            wait_for_admission(&mut reader, &writer)?
        }
    };
    Ok(Session {
        admission,
        reader,
        writer,
        keepalive: Keepalive::default(),
        pinged: None,
        last_id: 0,
    })
}

/// Makes sure that the identity's token may go over this connection, and that the certificate is on
/// disk before it does.
fn settle_trust(
    connection: &Connection,
    identity: &mut IdentityFile,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let gateway = (&*connection.gateway.0, connection.gateway.1);
    let stored = identity.trust_for(gateway, None);
    let Some(presented) = connection.certificate else {
        return if stored.is_some() { Err(Error::TlsRequired) } else { Ok(()) };
    };
    let is_named = matches!(connection.trust, Some(Trust::Pinned(_)));
    match stored {
        Some(Trust::Pinned(pin)) if pin == presented => return Ok(()),
        Some(Trust::Pinned(expected)) if !is_named => {
            return Err(Error::PinMismatch { expected, presented });
        }
        _ => {}
    }
    identity.store_pin(gateway, presented)?;
    if is_named {
        log::info!("certificate stored fingerprint={presented}");
    } else {
        progress(Progress::Trusted(presented));
    }
    Ok(())
}

enum Verdict {
    Admitted(Admission),
    PairFirst,
}

/// The gateway's first line decides, as the old apps see it.
fn verdict(reader: &mut LineReader, patience: Duration) -> Result<Verdict, Error> {
    let deadline = wait::after(patience);
    let too_late = || Error::NoAnswer { to: "hello", after: patience };
    loop {
        let line = match reader.read_line(deadline) {
            Ok(Received::Line(line)) => line,
            Ok(Received::Nothing) => return Err(too_late()),
            Err(error) => return Err(without_a_word(error, reader)),
        };
        return match GatewayFrame::decode(&line) {
            // A gateway that only sends blank lines must not hold up the deadline.
            None if Instant::now() >= deadline => Err(too_late()),
            None => continue,
            Some(Err(_)) if is_tls(&line) && !reader.is_encrypted() => Err(Error::SpeaksTls),
            Some(Ok(GatewayFrame::HelloOk { server_name, canvas_host_url, main_session_key })) => {
                Ok(Verdict::Admitted(Admission { server_name, canvas_host_url, main_session_key }))
            }
            Some(Ok(GatewayFrame::Error(refusal))) if refusal.asks_for_pairing() => {
                log::debug!(
                    "hello refused code={} message={:?}",
                    refusal.code.as_str(),
                    refusal.message
                );
                Ok(Verdict::PairFirst)
            }
            Some(Ok(GatewayFrame::Error(refusal))) => Err(Error::Refused(refusal)),
            Some(Ok(_)) => Err(Error::NotAGateway("it did not answer hello")),
            Some(Err(_)) => Err(Error::NotAGateway("its first line is not JSON")),
        };
    }
}

/// What an end before the first line says about the gateway. One that expects TLS finds a plain
/// hello odd: it sends an alert, or only hangs up.
fn without_a_word(error: Error, reader: &LineReader) -> Error {
    match &error {
        _ if reader.is_encrypted() => error,
        Error::Closed | Error::Broken(_) if is_tls(reader.rest()) => Error::SpeaksTls,
        Error::Closed => Error::HungUp,
        Error::Broken(cause) if cause.kind() == io::ErrorKind::ConnectionReset => Error::HungUp,
        _ => error,
    }
}

fn wait_for_approval(reader: &mut LineReader, writer: &Writer) -> Result<Token, Error> {
    let deadline = Instant::now() + APPROVAL_DEADLINE;
    loop {
        match next_frame(reader, writer, deadline)? {
            None => return Err(Error::NoAnswer { to: "pair-request", after: APPROVAL_DEADLINE }),
            Some(GatewayFrame::PairOk { token: Some(token) }) => return Ok(token),
            Some(GatewayFrame::PairOk { token: None }) => {
                return Err(Error::NotAGateway("it sent an empty token"));
            }
            Some(GatewayFrame::Error(refusal)) => return Err(Error::Refused(refusal)),
            Some(_) => {}
        }
    }
}

fn wait_for_admission(reader: &mut LineReader, writer: &Writer) -> Result<Admission, Error> {
    let deadline = Instant::now() + HELLO_DEADLINE;
    loop {
        match next_frame(reader, writer, deadline)? {
            None => return Err(Error::NoAnswer { to: "hello", after: HELLO_DEADLINE }),
            Some(GatewayFrame::HelloOk { server_name, canvas_host_url, main_session_key }) => {
                return Ok(Admission { server_name, canvas_host_url, main_session_key });
            }
            Some(GatewayFrame::Error(refusal)) => return Err(Error::Refused(refusal)),
            Some(_) => {}
        }
    }
}

/// The next frame that is not a ping or pong; pings are answered. `None` at the deadline.
fn next_frame(
    reader: &mut LineReader,
    writer: &Writer,
    deadline: Instant,
) -> Result<Option<GatewayFrame>, Error> {
    loop {
        let Received::Line(line) = reader.read_line(deadline)? else { return Ok(None) };
        match GatewayFrame::decode(&line) {
            None | Some(Ok(GatewayFrame::Pong { .. })) => {}
            Some(Ok(GatewayFrame::Ping { id })) => writer.send(&NodeFrame::Pong { id })?,
            Some(Ok(frame)) => return Ok(Some(frame)),
            Some(Err(bad)) => log::warn!("line from the gateway skipped reason={bad:?}"),
        }
        // A gateway that only ever pings must not hold up the deadline.
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

impl Session {
    /// What the gateway told when it admitted the node.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// For answering from other threads.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The same session with another keepalive.
    #[must_use]
    pub fn with_keepalive(mut self, keepalive: Keepalive) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// The next frame for the program; `None` at `deadline`. Answers pings, and keeps the
    /// connection alive while it waits: call it again soon.
    ///
    /// # Errors
    /// The connection is over: [`Error::NoAnswer`] if nothing was heard for too long,
    /// [`Error::Refused`] if the gateway sent an error, or what went wrong with the connection.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<GatewayFrame>, Error> {
        loop {
            let until = deadline.min(self.next_ping()).min(self.lost_at());
            match next_frame(&mut self.reader, &self.writer, until)? {
                Some(GatewayFrame::Error(refusal)) => return Err(Error::Refused(refusal)),
                Some(frame) => return Ok(Some(frame)),
                None => {}
            }
            self.keep_alive()?;
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// Sends a request; the answer is the `res` frame with the returned id.
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub fn request(&mut self, method: &str, params: Option<Payload>) -> Result<Arc<str>, Error> {
        self.last_id += 1;
        let id = self.last_id.to_string();
        self.writer.send(&NodeFrame::req(&id, method, params))?;
        Ok(id.into())
    }

    fn lost_at(&self) -> Instant {
        wait::later(self.reader.heard(), self.keepalive.lost_after)
    }

    fn next_ping(&self) -> Instant {
        let heard = self.reader.heard();
        let last = self.pinged.map_or(heard, |pinged| pinged.max(heard));
        wait::later(last, self.keepalive.ping_after)
    }

    /// Comes after reading, so that what arrived while nobody read counts as heard.
    fn keep_alive(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if now >= self.lost_at() {
            return Err(Error::NoAnswer { to: "ping", after: self.keepalive.lost_after });
        }
        if now >= self.next_ping() {
            self.writer.send(&NodeFrame::Ping { id: "keepalive".into() })?;
            self.pinged = Some(now);
        }
        Ok(())
    }
}

impl Drop for Session {
    /// Other threads may still hold the writer; the session is over all the same.
    fn drop(&mut self) {
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{connect, ConnectOptions, Stop};
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn blank_lines_without_end_are_no_answer_to_hello() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gateway = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            while socket.write_all(&[b'\n'; 4096]).is_ok() {}
        });
        let stop = Stop::new().unwrap();
        let mut node = connect("127.0.0.1", port, ConnectOptions::default(), &stop).unwrap();
        let verdict = verdict(&mut node.reader, Duration::from_millis(50));
        assert!(matches!(verdict, Err(Error::NoAnswer { to: "hello", .. })));
        drop(node);
        gateway.join().unwrap();
    }
}
