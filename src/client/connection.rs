//! A plain TCP connection to a gateway: lines in, with a limit and a deadline; whole lines out,
//! from any thread.

use crate::client::error::Error;
use crate::client::frame::OutgoingFrame;
use crate::client::stop::{Stop, Waited};
use crate::protocol::json::Fields;
use crate::protocol::limits;
use rustix::event::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which way a traced line went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateway.
    Received,
    /// To the gateway.
    Sent,
}

/// Is shown every line without its line feed. Tokens are replaced before.
pub type Trace = Arc<dyn Fn(Direction, &str) + Send + Sync>;

/// How to connect.
#[derive(Clone)]
pub struct ConnectOptions {
    /// How long each address of the host may take to accept.
    pub timeout: Duration,
    /// How long the gateway may take to accept one line.
    pub write_timeout: Duration,
    /// Is shown every line.
    pub trace: Option<Trace>,
}

impl Default for ConnectOptions {
    /// As patient as the old apps with connecting; a large answer over a slow line takes longer.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(8),
            write_timeout: Duration::from_secs(60),
            trace: None,
        }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Both halves of a connection on which nothing has been said yet.
#[derive(Debug)]
pub struct Connection {
    /// For one thread.
    pub reader: LineReader,
    /// For every thread.
    pub writer: Writer,
    /// Host and port as they were given.
    pub gateway: (String, u16),
}

/// Connects to the first address of `host` that accepts.
///
/// # Errors
/// [`Error::Connect`] with the last address's reason, or [`Error::Stopped`].
pub fn connect(
    host: &str,
    port: u16,
    options: ConnectOptions,
    stop: &Stop,
) -> Result<Connection, Error> {
    let address =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let fail = |source| Error::Connect { address: address.clone(), source };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(fail)? {
        match connect_to(address, &options, stop) {
            Ok(Some(socket)) => {
                let socket = Arc::new(socket);
                return Ok(Connection {
                    reader: LineReader::new(socket.clone(), options.trace.clone(), stop.clone()),
                    writer: Writer::new(socket, options),
                    gateway: (host.to_owned(), port),
                });
            }
            Ok(None) => return Err(Error::Stopped),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

/// `None` when asked to stop meanwhile.
fn connect_to(
    address: SocketAddr,
    options: &ConnectOptions,
    stop: &Stop,
) -> io::Result<Option<TcpStream>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            let deadline = Instant::now() + options.timeout;
            match stop.wait_for(socket.as_fd(), PollFlags::OUT, deadline)? {
                Waited::Ready => {}
                Waited::TimedOut => return Err(io::ErrorKind::TimedOut.into()),
                Waited::Stopped => return Ok(None),
            }
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    socket.set_nonblocking(false)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_write_timeout(Some(options.write_timeout))?;
    Ok(Some(socket.into()))
}

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A line without its line feed.
    Line(Vec<u8>),
    /// The deadline passed.
    Nothing,
}

/// The reading half.
pub struct LineReader {
    socket: Arc<TcpStream>,
    /// Bytes of which no line has been made yet.
    buffer: Vec<u8>,
    /// How many of them are known not to be a line feed, so that long lines cost linear time.
    searched: usize,
    heard: Instant,
    trace: Option<Trace>,
    stop: Stop,
}

impl LineReader {
    fn new(socket: Arc<TcpStream>, trace: Option<Trace>, stop: Stop) -> Self {
        Self { socket, buffer: Vec::new(), searched: 0, heard: Instant::now(), trace, stop }
    }

    /// When the last byte arrived.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Waits for the next line until `deadline`.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Broken`], [`Error::LineTooLong`], [`Error::Stopped`].
    pub fn read_line(&mut self, deadline: Instant) -> Result<Received, Error> {
        loop {
            if let Some(line) = self.take_line() {
                self.show(&line);
                return Ok(Received::Line(line));
            }
            if self.buffer.len() > limits::LINE_NODE {
                return Err(Error::LineTooLong(limits::LINE_NODE));
            }
            let waited = self.stop.wait_for(self.socket.as_fd(), PollFlags::IN, deadline);
            match waited.map_err(Error::Broken)? {
                Waited::Ready => self.read_some()?,
                Waited::TimedOut => return Ok(Received::Nothing),
                Waited::Stopped => return Err(Error::Stopped),
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n')
        else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + found;
        let rest = self.buffer.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.truncate(end);
        self.searched = 0;
        Some(line)
    }

    fn read_some(&mut self) -> Result<(), Error> {
        let mut chunk = [0; limits::WRITE_BUFFER];
        match (&*self.socket).read(&mut chunk) {
            Ok(0) => Err(Error::Closed),
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                self.heard = Instant::now();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(Error::Broken(error)),
        }
    }

    fn show(&self, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace(Direction::Received, &redacted(&String::from_utf8_lossy(line)));
        }
    }
}

impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

/// The writing half; clones write to the same connection, one line at a time.
#[derive(Clone)]
pub struct Writer(Arc<WriterInner>);

struct WriterInner {
    socket: Arc<TcpStream>,
    /// Held while a line is written, never while anything is read.
    turn: Mutex<()>,
    timeout: Duration,
    trace: Option<Trace>,
}

impl Writer {
    fn new(socket: Arc<TcpStream>, options: ConnectOptions) -> Self {
        let ConnectOptions { write_timeout: timeout, trace, .. } = options;
        Self(Arc::new(WriterInner { socket, turn: Mutex::new(()), timeout, trace }))
    }

    /// Writes one frame. When that fails midway the connection is closed, because the gateway
    /// could not make sense of anything after half a line.
    ///
    /// # Errors
    /// [`Error::Broken`], or [`Error::LineTooLong`] before anything was written.
    pub fn send(&self, frame: &OutgoingFrame<'_>) -> Result<(), Error> {
        let mut line = Vec::new();
        frame.encode(&mut line);
        if line.len() > limits::LINE_NODE {
            return Err(Error::LineTooLong(limits::LINE_NODE));
        }
        let turn = self.0.turn.lock().expect("no writer panics while it has its turn");
        if let Some(trace) = &self.0.trace {
            trace(Direction::Sent, &redacted(String::from_utf8_lossy(&line).trim_end()));
        }
        let written = self.write_all(&line);
        drop(turn);
        written.map_err(|error| {
            self.close();
            Error::Broken(error)
        })
    }

    /// Closes the connection in both directions; a thread that reads from it notices.
    pub fn close(&self) {
        // It can only fail because the connection is closed already.
        let _ = self.0.socket.shutdown(Shutdown::Both);
    }

    /// The socket's own timeout starts again with every piece that is taken, so a gateway that
    /// takes a byte now and then would never meet it; hence the deadline for the whole line.
    fn write_all(&self, mut line: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + self.0.timeout;
        while !line.is_empty() {
            match (&*self.0.socket).write(line) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => line = &line[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) => return Err(error),
            }
            if !line.is_empty() && Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(…)")
    }
}

/// The line with the value of its `token` replaced by `…`. A line that is not JSON might hold one
/// anywhere, so if it mentions the word it is not shown at all.
fn redacted(line: &str) -> Cow<'_, str> {
    const WANTED: &[&str] = &["token"];
    match Fields::read(line, WANTED) {
        Ok(fields) => {
            match fields.json("token").filter(|raw| raw.len() > 2 && raw.starts_with('"')) {
                Some(raw) => Cow::Owned(line.replace(raw, "\"…\"")),
                None => Cow::Borrowed(line),
            }
        }
        Err(_) if line.to_ascii_lowercase().contains("token") => {
            Cow::Owned(format!("({} bytes that are not JSON)", line.len()))
        }
        Err(_) => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Stop::new().unwrap();
        let connection = connect("127.0.0.1", port, ConnectOptions::default(), &stop).unwrap();
        (listener.accept().unwrap().0, connection)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn lines_are_cut_at_line_feeds_however_they_arrive() {
        let (mut gateway, mut node) = pair();
        gateway.write_all(b"one\ntwo\nth").unwrap();
        for line in ["one", "two"] {
            let expected = Received::Line(line.into());
            assert_eq!(node.reader.read_line(soon()).unwrap(), expected);
        }
        assert_eq!(node.reader.read_line(Instant::now()).unwrap(), Received::Nothing);
        gateway.write_all(b"ree\n").unwrap();
        assert_eq!(node.reader.read_line(soon()).unwrap(), Received::Line("three".into()));
        drop(gateway);
        assert!(matches!(node.reader.read_line(soon()), Err(Error::Closed)));
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let (mut gateway, mut node) = pair();
        let flood = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1024 * 1024];
            while gateway.write_all(&chunk).is_ok() {}
        });
        assert!(matches!(node.reader.read_line(soon()), Err(Error::LineTooLong(_))));
        node.writer.close();
        drop(node);
        flood.join().unwrap();
    }

    #[test]
    fn a_stop_ends_a_read() {
        let (_gateway, mut node) = pair();
        node.reader.stop.request();
        assert!(matches!(node.reader.read_line(soon()), Err(Error::Stopped)));
    }

    #[test]
    fn traces_never_show_a_token() {
        assert_eq!(redacted(r#"{"type":"ping"}"#), r#"{"type":"ping"}"#);
        for line in [
            r#"{"type":"pair-ok","token":"s3cret"}"#,
            r#"{"token":"s3cret","token":"s3cret"}"#,
            r#"{"tok\u0065n":"s3cret"}"#,
            r#"{"token":"s3cret""#,
        ] {
            assert!(!redacted(line).contains("s3cret"), "{line}");
        }
    }
}
