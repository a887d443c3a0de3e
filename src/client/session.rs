//! From a fresh connection to an admitted one, and the keepalive after that (protocol section 2).

use crate::client::connection::{is_tls, Connection};
use crate::client::error::Error;
use crate::client::identity::IdentityFile;
use crate::client::writer::Writer;
use crate::protocol::{
    limits, BadFrame, FrameType, GatewayFrame, Hello, NodeFrame, NodeId, NodeProfile, PairRequest,
    Payload,
};
use crate::tls::{Fingerprint, Trust};
use crate::wait;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Progress of a node that joins, to be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The gateway was met over TLS for the first time. Its certificate is on disk, and demanded
    /// from now on; whether it is the right one, only a person can compare.
    Trusted(Fingerprint),
    /// The gateway's operator has to approve this node now.
    AskedForPairing(NodeId),
    /// The operator approved; the token is on disk.
    Paired,
}

/// What the gateway reported when it admitted the node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// The gateway's name.
    pub server_name: Arc<str>,
    /// Where its canvas host is, if it has one.
    pub canvas_host_url: Option<Arc<str>>,
    /// The session key for the main chat, if the gateway sets one.
    pub main_session_key: Option<Arc<str>>,
}

/// An admitted connection.
#[derive(Debug)]
pub struct Session {
    admission: Admission,
    connection: Connection,
    /// Silence after which the node asks whether the gateway is there.
    pub(super) ping_after: Duration,
    /// Silence after which it is not.
    pub(super) lost_after: Duration,
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
/// there at first use or if the caller named it, before anything is sent. Fails with
/// [`Error::Refused`], [`Error::NoAnswer`], [`Error::NotAGateway`] and the like, [`Error::File`] if
/// the token or certificate could not be stored, and, before anything is sent,
/// [`Error::PinMismatch`] or [`Error::TlsRequired`].
pub fn join(
    mut connection: Connection,
    identity: &mut IdentityFile,
    profile: &NodeProfile,
    progress: &mut dyn FnMut(Progress),
) -> Result<Session, Error> {
    settle_trust(&connection, identity, progress)?;
    let node_id = identity.node_id().clone();
    let (node, token) = (Ok(node_id.clone()), identity.token().cloned());
    let hello = Hello { node, token, protocol: None, profile: profile.clone() };
    connection.writer().send(&NodeFrame::Hello(Box::new(hello)))?;
    let admission = match first_answer(&mut connection, limits::HOST_HELLO)? {
        Some(admission) => admission,
        None => {
            let (node, profile) = (Ok(node_id.clone()), profile.clone());
            let request = PairRequest { node, profile, silent: false };
            connection.writer().send(&NodeFrame::PairRequest(Box::new(request)))?;
            progress(Progress::AskedForPairing(node_id));
            let new_token = |frame| match frame {
                GatewayFrame::PairOk { token } => Some(token),
                _ => None,
            };
            let after = limits::HOST_APPROVAL;
            let token = wait_for(&mut connection, FrameType::PairRequest, after, new_token)?;
            let token = token.ok_or(Error::NotAGateway("it sent an empty token"))?;
            let (host, port) = connection.gateway.clone();
            identity.store_token(token, (&host, port), connection.certificate)?;
            progress(Progress::Paired);
            wait_for(&mut connection, FrameType::Hello, limits::HOST_HELLO, Admission::of)?
        }
    };
    Ok(Session {
        admission,
        connection,
        ping_after: limits::HOST_PING_AFTER,
        lost_after: limits::HOST_LOST_AFTER,
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

/// Reads the gateway's answer to `hello`: admitted, or `None` if the node must pair first.
fn first_answer(
    connection: &mut Connection,
    timeout: Duration,
) -> Result<Option<Admission>, Error> {
    let deadline = wait::after(timeout);
    let too_late = || Error::NoAnswer { to: FrameType::Hello.as_str(), after: timeout };
    loop {
        let line = match connection.read_line(deadline) {
            Ok(Some(line)) => line,
            Ok(None) => return Err(too_late()),
            Err(error) => return Err(connection.end_before_first_line(error)),
        };
        let frame = match GatewayFrame::decode(&line) {
            // A gateway that only sends blank lines must not hold up the deadline.
            None if Instant::now() >= deadline => return Err(too_late()),
            None => continue,
            Some(Ok(frame)) => frame,
            Some(Err(_)) if is_tls(&line) && connection.certificate.is_none() => {
                return Err(Error::SpeaksTls);
            }
            Some(Err(BadFrame::LongName(_))) => return Err(Error::NotAGateway(LONG_NAME)),
            Some(Err(_)) => return Err(Error::NotAGateway("its first line is not JSON")),
        };
        return match frame {
            GatewayFrame::Error(refusal) if refusal.asks_for_pairing() => {
                log::debug!("hello refused reason={refusal:?}");
                Ok(None)
            }
            GatewayFrame::Error(refusal) => Err(Error::Refused(refusal)),
            frame => {
                Admission::of(frame).map(Some).ok_or(Error::NotAGateway("it did not answer hello"))
            }
        };
    }
}

/// Waits for the frame that `take` is looking for. A refusal ends the wait.
fn wait_for<T>(
    connection: &mut Connection,
    to: FrameType,
    after: Duration,
    take: impl Fn(GatewayFrame) -> Option<T>,
) -> Result<T, Error> {
    let deadline = wait::after(after);
    loop {
        match next_frame(connection, deadline)? {
            None => return Err(Error::NoAnswer { to: to.as_str(), after }),
            Some(GatewayFrame::Error(refusal)) => return Err(Error::Refused(refusal)),
            Some(frame) => match take(frame) {
                Some(taken) => return Ok(taken),
                None => continue,
            },
        }
    }
}

impl Admission {
    fn of(frame: GatewayFrame) -> Option<Self> {
        match frame {
            GatewayFrame::HelloOk { server_name, canvas_host_url, main_session_key } => {
                Some(Self { server_name, canvas_host_url, main_session_key })
            }
            _ => None,
        }
    }
}

/// Why a frame with a longer one is the end: a token would never be accepted again, and an id that
/// cannot be repeated cannot be answered.
const LONG_NAME: &str = "it sent an id, a name or a token of more than 256 characters";

/// The next frame that is not a ping or pong; pings are answered. `None` at the deadline.
fn next_frame(
    connection: &mut Connection,
    deadline: Instant,
) -> Result<Option<GatewayFrame>, Error> {
    loop {
        let Some(mut line) = connection.read_line(deadline)? else { return Ok(None) };
        match GatewayFrame::decode_line(&mut line) {
            None | Some(Ok(GatewayFrame::Pong { .. })) => {}
            Some(Ok(GatewayFrame::Ping { id })) => {
                connection.writer().send(&NodeFrame::Pong { id })?;
            }
            Some(Ok(frame)) => return Ok(Some(frame)),
            Some(Err(BadFrame::LongName(_))) => return Err(Error::NotAGateway(LONG_NAME)),
            Some(Err(bad)) => {
                if let Some(more) = connection.log_limit.admit("lines") {
                    log::warn!("line from the gateway skipped reason={bad:?}{more}");
                }
            }
        }
        // A gateway that only ever pings must not hold up the deadline.
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

impl Session {
    /// What the gateway reported when it admitted the node.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// For answering from other threads.
    pub fn writer(&self) -> &Writer {
        self.connection.writer()
    }

    /// The next frame for the program; `None` at `deadline`. Writes what the writers have queued,
    /// answers pings, and keeps the connection alive while it waits: call it again soon. Fails when
    /// the connection is over: [`Error::NoAnswer`] if nothing was heard for too long,
    /// [`Error::Refused`] if the gateway sent an error.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<GatewayFrame>, Error> {
        loop {
            let until = deadline.min(self.next_ping()).min(self.lost_at());
            match next_frame(&mut self.connection, until)? {
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

    /// Sends a request; the answer is the `res` frame with the returned id. Fails as
    /// [`Writer::send`] does.
    pub fn request(&mut self, method: &str, params: Option<Payload>) -> Result<Arc<str>, Error> {
        self.last_id += 1;
        let id = self.last_id.to_string();
        self.connection.writer().send(&NodeFrame::req(&id, method, params))?;
        Ok(id.into())
    }

    /// Ends the connection as dropping it does, and returns the events that the gateway has not
    /// got: they can be sent on the next connection.
    pub fn close(mut self) -> Vec<NodeFrame> {
        self.connection.close()
    }

    fn lost_at(&self) -> Instant {
        wait::later(self.connection.heard, self.lost_after)
    }

    fn next_ping(&self) -> Instant {
        let heard = self.connection.heard;
        let last = self.pinged.map_or(heard, |pinged| pinged.max(heard));
        wait::later(last, self.ping_after)
    }

    /// Comes after reading, so that what arrived while nobody read counts as heard.
    fn keep_alive(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if now >= self.lost_at() {
            return Err(Error::NoAnswer { to: FrameType::Ping.as_str(), after: self.lost_after });
        }
        if now >= self.next_ping() {
            self.connection.writer().send(&NodeFrame::Ping { id: "keepalive".into() })?;
            self.pinged = Some(now);
        }
        Ok(())
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
        let answer = first_answer(&mut node, Duration::from_millis(50));
        assert!(matches!(answer, Err(Error::NoAnswer { to: "hello", .. })));
        drop(node);
        gateway.join().unwrap();
    }
}
