//! The commands' side of the control socket: connect, ask, wait, or listen.

use crate::control::media_extractor::{MediaError, MediaExtractor};
use crate::protocol::json::{mended, place, Fields};
use crate::protocol::limits;
use serde_json::{json, Value};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{error, fmt};

/// Bytes in one line from the daemon: a recording, its escapes, and some room.
const LONGEST_LINE: u64 = 2 * limits::LINE_RECORDING as u64;

/// Bytes read at once. A recording comes through here.
const READ_BUFFER: usize = 64 * 1024;

/// A connection to a running daemon.
#[derive(Debug)]
pub struct Client {
    lines: BufReader<UnixStream>,
    last_id: u64,
}

/// A line from the daemon.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The answer to a request.
    Reply(Reply),
    /// Something happened; the whole line.
    Event(String),
}

/// The answer to a request: JSON text, or code, message and details of an error.
pub type Reply = Result<String, Refusal>;

/// What the daemon says when it refuses.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The protocol's word for it.
    pub code: String,
    /// The sentence for a person.
    pub message: String,
    /// More about it, as JSON text.
    pub details: Option<String>,
}

/// Why the daemon could not be asked.
#[derive(Debug)]
pub enum Error {
    /// No daemon listens at any of these places.
    NotRunning(Vec<PathBuf>),
    /// There is a socket, but not for this user.
    NotAllowed(PathBuf),
    /// The daemon did not answer within this time.
    NoAnswer(Duration),
    /// The daemon closed the connection.
    HungUp,
    /// Anything else the system said.
    Io(io::Error),
    /// The daemon answered in a way that makes no sense.
    Nonsense,
    /// The media in the answer cannot be taken out.
    Media(MediaError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(places) => {
                let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
                write!(
                    f,
                    "no bridge is running (looked for {}). Start one with `openclaw-bridge \
                     serve`, or name its --state-dir",
                    places.join(", ")
                )
            }
            Self::NotAllowed(path) => write!(
                f,
                "the bridge at `{}` belongs to another user; run this as that user, or with sudo",
                path.display()
            ),
            Self::NoAnswer(after) => write!(
                f,
                "the bridge did not answer within {:?}; see its log, or allow more with --timeout",
                after
            ),
            Self::HungUp => f.write_str("the bridge closed the connection"),
            Self::Io(_) => f.write_str("could not talk to the bridge"),
            Self::Nonsense => {
                f.write_str("the bridge answered something unexpected; is it of another version?")
            }
            Self::Media(MediaError::NotBase64) => f.write_str("the media is not valid Base64"),
            Self::Media(MediaError::TooLong) => {
                f.write_str("the answer is very long and has no media in it")
            }
            Self::Media(MediaError::Read(_)) => f.write_str("could not read the media"),
            Self::Media(MediaError::Write(_)) => f.write_str("could not write the media"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) | Self::Media(MediaError::Read(error) | MediaError::Write(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl Client {
    /// Connects to the first of these places where a daemon listens.
    ///
    /// # Errors
    /// There is none, or it is not for us.
    pub fn connect(places: &[PathBuf]) -> Result<Self, Error> {
        for path in places {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    let lines = BufReader::with_capacity(READ_BUFFER, stream);
                    return Ok(Self { lines, last_id: 0 });
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(Error::NotAllowed(path.clone()));
                }
                Err(error) if is_absent(&error, path) => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Err(Error::NotRunning(places.to_vec()))
    }

    /// Asks and waits for the answer; events that come before it are dropped.
    ///
    /// # Errors
    /// No answer in time, or none at all. That the daemon refuses is not an error here.
    pub fn ask(
        &mut self,
        method: &str,
        params: &Value,
        patience: Duration,
    ) -> Result<Reply, Error> {
        self.ask_raw(method, &params.to_string(), patience)
    }

    /// As [`Client::ask`], with parameters that are JSON text already.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn ask_raw(
        &mut self,
        method: &str,
        params: &str,
        patience: Duration,
    ) -> Result<Reply, Error> {
        self.send(method, params, patience)?;
        loop {
            if let Message::Reply(reply) = self.message(patience)? {
                return Ok(reply);
            }
        }
    }

    /// As [`Client::ask_raw`], for an answer with media in it: its bytes go to `media` as they
    /// come, and the answer has an empty text where their Base64 was. Says whether there was any.
    ///
    /// # Errors
    /// As [`Client::ask`], and what is wrong with the media.
    pub fn ask_for_media(
        &mut self,
        method: &str,
        params: &str,
        patience: Duration,
        media: &mut dyn Write,
    ) -> Result<(Reply, bool), Error> {
        self.send(method, params, patience)?;
        loop {
            let extracted = MediaExtractor::new(&mut self.lines, media).read_line();
            let (line, was_found) = extracted.map_err(|error| match error {
                MediaError::Read(error) => failure(error, patience),
                error => Error::Media(error),
            })?;
            if let Message::Reply(reply) = message(line)? {
                return Ok((reply, was_found));
            }
        }
    }

    fn send(&mut self, method: &str, params: &str, patience: Duration) -> Result<(), Error> {
        self.last_id += 1;
        let method = json!(method);
        let line = format!("{{\"id\":{},\"method\":{method},\"params\":{params}}}\n", self.last_id);
        let stream = self.lines.get_ref();
        stream.set_write_timeout(Some(patience)).map_err(Error::Io)?;
        stream.set_read_timeout(Some(patience)).map_err(Error::Io)?;
        match (&*stream).write_all(line.as_bytes()).map_err(|e| failure(e, patience)) {
            // A bridge that takes no more operators says so before it hangs up.
            Ok(()) | Err(Error::HungUp) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for the next line, however long it takes.
    ///
    /// # Errors
    /// The connection ended.
    pub fn listen(&mut self) -> Result<Message, Error> {
        self.lines.get_ref().set_read_timeout(None).map_err(Error::Io)?;
        self.message(Duration::MAX)
    }

    /// Waits until the daemon has closed the connection, as it does when it ends.
    ///
    /// # Errors
    /// It has not within this time.
    pub fn wait_for_end(&mut self, patience: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::NoAnswer(patience));
            }
            self.lines.get_ref().set_read_timeout(Some(left)).map_err(Error::Io)?;
            match self.message(patience) {
                Err(Error::HungUp) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
    }

    fn message(&mut self, patience: Duration) -> Result<Message, Error> {
        let mut line = Vec::new();
        let mut limited = self.lines.by_ref().take(LONGEST_LINE);
        limited.read_until(b'\n', &mut line).map_err(|e| failure(e, patience))?;
        if line.pop() != Some(b'\n') {
            return Err(Error::HungUp);
        }
        message(line)
    }
}

/// Reads a line from the daemon.
fn message(line: Vec<u8>) -> Result<Message, Error> {
    let line = String::from_utf8(line).map_err(|_| Error::Nonsense)?;
    let mut line = mended(line);
    let fields = Fields::read(&line, &["ok", "payload", "error", "event"]);
    let fields = fields.map_err(|_| Error::Nonsense)?;
    if fields.has("event") {
        return Ok(Message::Event(line));
    }
    if fields.is_true("ok") {
        let payload = fields.json("payload").unwrap_or("null");
        let Some(place) = place(&line, payload) else {
            return Ok(Message::Reply(Ok(payload.to_owned())));
        };
        // The answer stays in the buffer of its line, which may be a long one.
        line.truncate(place.end);
        line.drain(..place.start);
        return Ok(Message::Reply(Ok(line)));
    }
    let error = fields.json("error").ok_or(Error::Nonsense)?;
    let error = Fields::read(error, &["code", "message", "details"]);
    let error = error.map_err(|_| Error::Nonsense)?;
    let text = |name| error.text(name).unwrap_or_default().into_owned();
    let details = error.json("details").map(str::to_owned);
    let refusal = Refusal { code: text("code"), message: text("message"), details };
    Ok(Message::Reply(Err(refusal)))
}

/// No socket there, or one that a killed daemon left behind.
fn is_absent(error: &io::Error, path: &Path) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
        || error.kind() == ErrorKind::NotADirectory
        || !path.exists()
}

fn failure(error: io::Error, patience: Duration) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::NoAnswer(patience),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
            Error::HungUp
        }
        _ => Error::Io(error),
    }
}
