//! The client side of the control socket.

use crate::control::media_extractor::{MediaError, MediaExtractor};
use crate::protocol::operator::{OperatorCall, OperatorEvent, OperatorFrame, OperatorRequest};
use crate::protocol::{json, limits, WireError};
use serde::de::{self, DeserializeOwned};
use serde_json::value::RawValue;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{error, fmt};

/// Bytes read at once. A recording comes through here.
const READ_BUFFER: usize = 64 * 1024;

/// A connection to a running bridge.
#[derive(Debug)]
pub(crate) struct Client {
    lines: BufReader<UnixStream>,
    last_id: u64,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply<A> {
    /// Its JSON text as the bridge sent it.
    pub json: String,
    answer: PhantomData<A>,
}

impl<A: DeserializeOwned> Reply<A> {
    /// The answer as a value.
    ///
    /// # Errors
    /// It is not what this method's answer should be.
    pub(crate) fn read(&self) -> Result<A, Error> {
        serde_json::from_str(&self.json).map_err(Error::UnexpectedAnswer)
    }
}

/// A line from the bridge.
enum Message {
    Reply(Result<String, WireError>),
    /// An event, and its whole line.
    Event(Arc<OperatorEvent>, String),
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// No bridge listens on any of these sockets.
    NotRunning(Vec<PathBuf>),
    /// This user may not connect to the socket.
    NotAllowed(PathBuf),
    /// The bridge refused the request.
    Refused(WireError),
    /// The bridge did not answer within this time.
    NoAnswer(Duration),
    /// The bridge closed the connection.
    HungUp,
    /// Any other failure of the connection.
    Io(io::Error),
    /// The answer is not what the request's answer should be.
    UnexpectedAnswer(serde_json::Error),
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
                    "no bridge is running (looked for {}). Start one with `openclaw-bridge serve`, \
                     or name its --state-dir",
                    places.join(", ")
                )
            }
            Self::NotAllowed(path) => write!(
                f,
                "the bridge at `{}` belongs to another user; run this as that user, or with sudo",
                path.display()
            ),
            Self::NoAnswer(timeout) => write!(
                f,
                "the bridge did not answer within {timeout:?}; see its log, or raise --timeout"
            ),
            Self::HungUp => f.write_str("the bridge closed the connection"),
            Self::Refused(error) => error.fmt(f),
            Self::Io(_) => f.write_str("could not communicate with the bridge"),
            Self::UnexpectedAnswer(_) => f.write_str("the bridge sent an unexpected answer"),
            Self::Media(MediaError::NotBase64) => f.write_str("the media is invalid Base64"),
            Self::Media(MediaError::TooLong) => {
                f.write_str("the answer is too long and contains no media")
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
            Self::UnexpectedAnswer(error) => Some(error),
            _ => None,
        }
    }
}

impl Client {
    /// Connects to the first of these sockets on which a bridge listens.
    ///
    /// # Errors
    /// There is none, or this user may not connect to it.
    pub(crate) fn connect(places: &[PathBuf]) -> Result<Self, Error> {
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

    /// Sends a request and waits for the answer; events that come before it are dropped.
    ///
    /// # Errors
    /// The bridge refuses, or does not answer within `timeout`.
    pub(crate) fn ask<C: OperatorCall>(
        &mut self,
        call: &C,
        timeout: Duration,
    ) -> Result<Reply<C::Answer>, Error> {
        self.send(call, timeout)?;
        loop {
            if let Message::Reply(result) = self.message(timeout)? {
                return reply(result);
            }
        }
    }

    /// As [`Client::ask`], for an answer with media in it: the decoded bytes go to `media` while
    /// they arrive, and the answer has an empty string in place of their Base64. The flag is
    /// whether there was any.
    ///
    /// # Errors
    /// As [`Client::ask`]; the media is damaged or cannot be written.
    pub(crate) fn ask_for_media<C: OperatorCall>(
        &mut self,
        call: &C,
        timeout: Duration,
        media: &mut dyn Write,
    ) -> Result<(Reply<C::Answer>, bool), Error> {
        self.send(call, timeout)?;
        loop {
            let extracted = MediaExtractor::new(&mut self.lines, media).read_line();
            let (line, was_found) = extracted.map_err(|error| match error {
                MediaError::Read(error) => failure(error, timeout),
                error => Error::Media(error),
            })?;
            if let Message::Reply(result) = decode(line)? {
                return Ok((reply(result)?, was_found));
            }
        }
    }

    fn send<C: OperatorCall>(&mut self, call: &C, timeout: Duration) -> Result<(), Error> {
        self.last_id += 1;
        let line = OperatorRequest::encode(self.last_id, call);
        let stream = self.lines.get_ref();
        stream.set_write_timeout(Some(timeout)).map_err(Error::Io)?;
        stream.set_read_timeout(Some(timeout)).map_err(Error::Io)?;
        match (&*stream).write_all(&line).map_err(|e| failure(e, timeout)) {
            // A bridge with too many operators sends an error before it closes the connection.
            Ok(()) | Err(Error::HungUp) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits without a limit for the next event; also returns its line as it came.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn next_event(&mut self) -> Result<(Arc<OperatorEvent>, String), Error> {
        self.lines.get_ref().set_read_timeout(None).map_err(Error::Io)?;
        loop {
            if let Message::Event(event, line) = self.message(Duration::MAX)? {
                return Ok((event, line));
            }
        }
    }

    /// Waits until the bridge has closed the connection, as it does when it ends.
    ///
    /// # Errors
    /// It does not within `timeout`.
    pub(crate) fn wait_for_end(&mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::NoAnswer(timeout));
            }
            self.lines.get_ref().set_read_timeout(Some(left)).map_err(Error::Io)?;
            match self.message(timeout) {
                Err(Error::HungUp) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
    }

    fn message(&mut self, timeout: Duration) -> Result<Message, Error> {
        let mut line = Vec::new();
        let mut limited = self.lines.by_ref().take(limits::LINE_FROM_BRIDGE);
        limited.read_until(b'\n', &mut line).map_err(|e| failure(e, timeout))?;
        if line.pop() != Some(b'\n') {
            return Err(Error::HungUp);
        }
        decode(line)
    }
}

fn reply<A>(result: Result<String, WireError>) -> Result<Reply<A>, Error> {
    let json = result.map_err(Error::Refused)?;
    Ok(Reply { json, answer: PhantomData })
}

fn decode(line: Vec<u8>) -> Result<Message, Error> {
    let text =
        |line| String::from_utf8(line).map_err(|e| Error::UnexpectedAnswer(de::Error::custom(e)));
    let mut line = text(line)?;
    let answer = match serde_json::from_str(&line).map_err(Error::UnexpectedAnswer)? {
        OperatorFrame::Event(event) => return Ok(Message::Event(event, line)),
        OperatorFrame::Reply { result: Err(error), .. } => return Ok(Message::Reply(Err(error))),
        OperatorFrame::<&RawValue>::Reply { result: Ok(answer), .. } => answer.get(),
    };
    // A long answer stays in the buffer of its line.
    if let Some(place) = json::place(&line, answer) {
        line.truncate(place.end);
        line.drain(..place.start);
    } else {
        line = answer.to_owned();
    }
    Ok(Message::Reply(Ok(line)))
}

/// No socket there, or one that a killed daemon left behind.
fn is_absent(error: &io::Error, path: &Path) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
        || error.kind() == ErrorKind::NotADirectory
        || !path.exists()
}

fn failure(error: io::Error, timeout: Duration) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::NoAnswer(timeout),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
            Error::HungUp
        }
        _ => Error::Io(error),
    }
}
