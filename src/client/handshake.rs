//! The TLS handshake: proves who the gateway is before it is told anything.

use crate::client::channel::{comes_again, flush};
use crate::client::error::Error;
use crate::client::stop::{Stop, Waited};
use crate::protocol::limits;
use crate::tls::{self, Fingerprint, PinMismatch, Trust};
use crate::wait;
use rustix::event::PollFlags;
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The types of TLS records, as their first bytes tell (RFC 8446, section 5.1). No JSON and no
/// other text begins with one of them.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

/// Whether these first bytes are TLS.
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| RECORD_TYPES.contains(first))
}

/// Shakes hands over a socket that does not block. The gateway has then proved to hold the key of
/// the certificate with the returned fingerprint, and `trust` accepts that; it has been told
/// nothing yet.
pub(super) fn shake_hands(
    socket: &TcpStream,
    host: &str,
    trust: Trust,
    patience: Duration,
    stop: &Stop,
) -> Result<(ClientConnection, Fingerprint), Error> {
    let config = tls::client_config(trust).map_err(failed)?;
    let address = socket.peer_addr().map_err(Error::Broken)?.ip();
    let mut tls = ClientConnection::new(config, tls::server_name(host, address)).map_err(failed)?;
    let deadline = wait::after(patience);
    let mut is_first = true;
    while tls.is_handshaking() || tls.wants_write() {
        let flags = if tls.wants_write() { PollFlags::OUT } else { PollFlags::IN };
        match stop.wait_for(socket.as_fd(), flags, deadline).map_err(Error::Broken)? {
            Waited::Ready if Instant::now() < deadline => {}
            Waited::Ready | Waited::TimedOut => {
                return Err(Error::NoAnswer { to: "the TLS handshake", after: patience });
            }
            Waited::Stopped => return Err(Error::Stopped),
        }
        if tls.wants_write() {
            flush(&mut tls, socket).map_err(Error::Handshake)?;
        } else {
            is_first &= !listen(&mut tls, socket, is_first)?;
        }
    }
    match tls.peer_certificates() {
        Some([certificate, ..]) => {
            let fingerprint = Fingerprint::of(certificate);
            Ok((tls, fingerprint))
        }
        _ => Err(failed(rustls::Error::NoCertificatesPresented)),
    }
}

/// Takes what the gateway says in the handshake; tells whether it said anything.
fn listen(
    tls: &mut ClientConnection,
    mut socket: &TcpStream,
    is_first: bool,
) -> Result<bool, Error> {
    let mut chunk = [0; limits::READ_BUFFER];
    let count = match socket.read(&mut chunk) {
        Ok(count) => count,
        Err(error) if comes_again(&error) => return Ok(false),
        Err(error) => return Err(Error::Handshake(error)),
    };
    let mut rest = &chunk[..count];
    if rest.is_empty() {
        let end = "the gateway closed the connection";
        return Err(Error::Handshake(io::Error::new(ErrorKind::UnexpectedEof, end)));
    }
    if is_first && !is_tls(rest) {
        return Err(Error::NotTls);
    }
    while !rest.is_empty() && tls.read_tls(&mut rest).map_err(Error::Handshake)? > 0 {
        if let Err(error) = tls.process_new_packets() {
            // The alert tells the gateway's log what went wrong. It contains nothing of ours.
            let _ = flush(tls, socket);
            return Err(failed(error));
        }
    }
    Ok(true)
}

fn failed(error: rustls::Error) -> Error {
    match PinMismatch::in_error(&error) {
        Some(PinMismatch { expected, presented }) => Error::PinMismatch { expected, presented },
        None => Error::Handshake(io::Error::new(ErrorKind::InvalidData, error)),
    }
}
