//! A gateway for tests that does what a script says, on its own thread and port. Every wait has a
//! deadline.

use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Far beyond what any test needs; a hanging test fails instead of hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The running script.
pub(crate) struct FakeGateway {
    pub(crate) port: u16,
    thread: JoinHandle<()>,
}

impl FakeGateway {
    pub(crate) fn start(script: impl FnOnce(&Door) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || script(&Door(listener)));
        Self { port, thread }
    }

    /// Waits for the end of the script; fails if the script failed.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Where nodes arrive.
pub(crate) struct Door(TcpListener);

impl Door {
    pub(crate) fn accept(&self) -> Visit {
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        assert!(poll_until(&mut fds, Some(Instant::now() + DEADLINE)).unwrap(), "nobody came");
        let socket = self.0.accept().unwrap().0;
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Visit(BufReader::new(socket))
    }

    /// A node that is admitted at once; its hello is returned.
    pub(crate) fn admit(&self) -> (Visit, Value) {
        let mut visit = self.accept();
        let hello = visit.expect("hello");
        visit.send(r#"{"type":"hello-ok","serverName":"fake"}"#);
        (visit, hello)
    }
}

/// One connection of a node.
pub(crate) struct Visit(BufReader<TcpStream>);

impl Visit {
    /// The next frame, which has to be of this type.
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let frame = self.any();
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frame.
    pub(crate) fn any(&mut self) -> Value {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        assert!(read > 0, "closed instead of sending a frame");
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn expect_closed(&mut self) {
        let mut line = String::new();
        // A reset is a way of closing, too.
        let read = self.0.read_line(&mut line).unwrap_or(0);
        assert_eq!((read, &*line), (0, ""));
    }

    /// Frames of this type, any number of them, and then the end.
    pub(crate) fn expect_only_until_closed(&mut self, kind: &str) {
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap_or(0) > 0 {
            let frame: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(frame["type"], kind, "{line}");
            line.clear();
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        let socket = self.0.get_mut();
        socket.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) fn invoke(&mut self, id: &str, command: &str, params: Option<&str>) {
        let frame = serde_json::json!({
            "type": "invoke", "id": id, "command": command, "paramsJSON": params,
        });
        self.send(&frame.to_string());
    }
}
