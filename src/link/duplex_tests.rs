//! Tests of a connection against a stream that keeps what it cannot send, as TLS does.

use super::*;
use crate::protocol::GatewayFrame;
use std::os::fd::BorrowedFd;
use std::thread;

/// Takes everything at once and sends it when it can, as TLS does with a record.
struct Keeping {
    socket: UnixStream,
    kept: Vec<u8>,
}

impl Read for Keeping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Keeping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        self.kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() {
            let sent = self.socket.write(&self.kept)?;
            self.kept.drain(..sent);
        }
        Ok(())
    }
}

impl AsFd for Keeping {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Stream for Keeping {
    fn has_unsent(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// More than a socket takes at once.
const MUCH: usize = 4 * 1024 * 1024;

fn duplex() -> (UnixStream, Duplex<Keeping, GatewayFrame>) {
    let (other, socket) = UnixStream::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    let outbox = Arc::new(Outbox::new(0).unwrap());
    let payload = Some("x".repeat(MUCH).into());
    outbox.push(GatewayFrame::Event { event: "chat".into(), payload }).unwrap();
    (other, Duplex::new(Keeping { socket, kept: Vec::new() }, outbox, 1))
}

#[test]
fn what_a_stream_keeps_has_to_leave_before_the_end() {
    let (mut other, mut duplex) = duplex();
    duplex.outbox.finish();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        other.read_to_end(&mut all).map(|_| all.len())
    });
    assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
    assert_eq!(duplex.ending(), Some(Ending::OurEnd));
    drop(duplex);
    assert!(reader.join().unwrap().unwrap() > MUCH);
}

#[test]
fn a_peer_that_does_not_take_what_a_stream_keeps_is_cut_off() {
    let (_other, mut duplex) = duplex();
    duplex.outbox.finish();
    assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
    assert_eq!(duplex.ending(), Some(Ending::CutShort));
    assert!(duplex.blocked_since.is_some(), "it would have timed out, too");
}

#[test]
fn reading_goes_on_while_a_stream_keeps_something() {
    let (mut other, mut duplex) = duplex();
    other.write_all(b"?").unwrap();
    let mut byte = [0];
    assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"?"));
    assert!(duplex.has_output() && duplex.blocked_since.is_some());
    // It takes everything in the end, and nothing is blocked any more.
    let reader = thread::spawn(move || {
        let mut taken = 0;
        let mut buffer = vec![0; 64 * 1024];
        while taken < MUCH {
            taken += other.read(&mut buffer).unwrap();
        }
        other.write_all(b"!").unwrap();
        other
    });
    assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"!"));
    let _other = reader.join().unwrap();
    duplex.flush_outbox().unwrap();
    assert!(!duplex.has_output() && duplex.blocked_since.is_none());
}
