//! The end of a connection that we close, so that the other side gets our last frame.

use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// What is still allowed to a connection that is over; at most [`limits::LINGER`] in all.
pub(crate) struct Linger<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
    left_bytes: usize,
}

impl<'a> Linger<'a> {
    /// The socket must not block.
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        let deadline = Instant::now() + limits::LINGER;
        Self { stream, deadline, left_bytes: limits::LINGER_BYTES }
    }

    /// The apps on iOS and macOS drop what they receive together with the end of the stream. So an
    /// error gets a head start, within which the other side usually closes.
    pub(super) fn before_end(&mut self, head_start: Duration) {
        self.discard_until(Instant::now() + head_start);
    }

    /// Closing a socket with unread input destroys what was sent last. So the other side is told
    /// that nothing more comes, and what it still sends is thrown away for a moment.
    pub(crate) fn after_end(&mut self) {
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            self.discard_until(self.deadline);
        }
    }

    /// Returns early if the other side closes, or sends too much.
    fn discard_until(&mut self, until: Instant) {
        let mut sink = [0; 4096];
        while self.left_bytes > 0 {
            match self.stream.read(&mut sink) {
                Ok(0) => return,
                Ok(bytes) => self.left_bytes = self.left_bytes.saturating_sub(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut socket = [PollFd::new(self.stream, PollFlags::IN)];
                    if !poll_until(&mut socket, Some(until)).unwrap_or(false) {
                        return;
                    }
                }
                Err(_) => return,
            }
            if Instant::now() >= until {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Write};
    use std::net::TcpListener;
    use std::thread;

    /// A node's end of a connection, and ours.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (node, ours)
    }

    #[test]
    fn the_last_frame_can_be_read_before_the_end_of_the_stream() {
        let (mut node, mut ours) = pair();
        let end = thread::spawn(move || {
            ours.write_all(b"error\n").unwrap();
            let mut linger = Linger::new(&ours);
            // Far longer than any test: it returns because the node closes.
            linger.before_end(Duration::from_secs(3600));
            linger.after_end();
        });
        // What the node still sends changes nothing.
        node.write_all(b"more").unwrap();
        let mut frame = [0; 16];
        assert_eq!(node.read(&mut frame).unwrap(), 6);
        node.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert_eq!(node.read(&mut frame).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(node);
        end.join().unwrap();
    }

    #[test]
    fn a_node_that_waits_for_the_end_gets_it_and_one_that_floods_ends_it() {
        let (mut node, ours) = pair();
        let mut linger = Linger::new(&ours);
        linger.before_end(Duration::ZERO);
        linger.after_end();
        assert_eq!(node.read(&mut [0]).unwrap(), 0);
        let (mut node, ours) = pair();
        let flood = thread::spawn(move || while node.write_all(&[0; 4096]).is_ok() {});
        Linger::new(&ours).before_end(Duration::from_secs(3600));
        drop(ours);
        flood.join().unwrap();
    }
}
