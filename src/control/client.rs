//! The client side of the control socket.

use crate::control::media_extractor::{extract, MediaError};
use crate::files::dir_of;
use crate::protocol::operator::{OperatorCall, OperatorEvent, OperatorFrame, OperatorRequest};
use crate::protocol::{fields, limits, WireError};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::value::RawValue;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes read at once. A recording comes through here.
const READ_BUFFER: usize = 64 * 1024;

/// A connection to a running bridge.
#[derive(Debug)]
pub(crate) struct Client {
    lines: BufReader<UnixStream>,
    last_id: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply<A> {
    /// Its JSON text as the bridge sent it.
    pub json: String,
    answer: PhantomData<A>,
}

impl<A: DeserializeOwned> Reply<A> {
    pub(crate) fn read(&self) -> Result<A, Error> {
        Ok(serde_json::from_str(&self.json)?)
    }
}

/// A line from the bridge.
enum Message {
    Reply(Result<String, WireError>),
    /// An event, and its whole line.
    Event(Arc<OperatorEvent>, String),
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No bridge listens on any of these sockets.
    #[error(
        "no bridge is running (looked for {}). Start one with `openclaw-bridge serve`, or name its \
         --state-dir",
        .0.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NotRunning(Vec<PathBuf>),
    #[error(
        "the bridge at `{}` belongs to another user; {}",
        path.display(),
        allowed(group.as_deref())
    )]
    NotAllowed {
        path: PathBuf,
        /// The group whose members may open it.
        group: Option<String>,
    },
    #[error("{0}")]
    Refused(WireError),
    #[error("the bridge did not answer within {0:?}; see its log, or raise --timeout")]
    NoAnswer(Duration),
    #[error("the bridge closed the connection")]
    HungUp,
    #[error("could not communicate with the bridge")]
    Io(#[from] io::Error),
    #[error("the bridge sent an unexpected answer")]
    UnexpectedAnswer(#[from] serde_json::Error),
    /// The media in the answer cannot be taken out.
    #[error(transparent)]
    Media(MediaError),
}

impl Client {
    /// Connects to the first of these sockets on which a bridge listens.
    pub(crate) fn connect(places: &[PathBuf]) -> Result<Self, Error> {
        for path in places {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    let lines = BufReader::with_capacity(READ_BUFFER, stream);
                    return Ok(Self { lines, last_id: 0 });
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(Error::NotAllowed { path: path.clone(), group: group_of(path) });
                }
                // No socket there, or one that a killed daemon left behind.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused || !path.exists() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::NotRunning(places.to_vec()))
    }

    /// Sends a request and waits for the answer; events that come before it are dropped.
    pub(crate) fn ask<C: OperatorCall>(
        &mut self,
        call: &C,
        timeout: Duration,
    ) -> Result<Reply<C::Answer>, Error> {
        self.send(timeout, |id| OperatorRequest::encode(id, call))?;
        reply(self.answer(timeout)?)
    }

    /// As [`Client::ask`], for a method by its name; returns the answer's JSON text.
    pub(crate) fn call(
        &mut self,
        method: &str,
        params: &RawValue,
        timeout: Duration,
    ) -> Result<String, Error> {
        self.send(timeout, |id| OperatorRequest::encode_named(id, method, &params))?;
        self.answer(timeout)?.map_err(Error::Refused)
    }

    fn answer(&mut self, timeout: Duration) -> Result<Result<String, WireError>, Error> {
        loop {
            if let Message::Reply(result) = self.message(timeout)? {
                return Ok(result);
            }
        }
    }

    /// As [`Client::ask`], for an answer with media in it: the decoded bytes go to `media` while
    /// they arrive, and the answer has an empty string in place of their Base64. The flag is
    /// whether there was any.
    pub(crate) fn ask_for_media<C: OperatorCall>(
        &mut self,
        call: &C,
        timeout: Duration,
        media: &mut dyn Write,
    ) -> Result<(Reply<C::Answer>, bool), Error> {
        self.send(timeout, |id| OperatorRequest::encode(id, call))?;
        loop {
            let (line, was_found) =
                extract(&mut self.lines, media).map_err(|error| match error {
                    MediaError::Read(error) => failure(error, timeout),
                    error => Error::Media(error),
                })?;
            if let Message::Reply(result) = decode(line)? {
                return Ok((reply(result)?, was_found));
            }
        }
    }

    /// Sends a line that is made for the request's id.
    fn send(&mut self, timeout: Duration, line: impl Fn(u64) -> Vec<u8>) -> Result<(), Error> {
        self.last_id += 1;
        let line = line(self.last_id);
        let stream = self.lines.get_ref();
        stream.set_write_timeout(Some(timeout))?;
        stream.set_read_timeout(Some(timeout))?;
        match (&*stream).write_all(&line).map_err(|e| failure(e, timeout)) {
            // A bridge with too many operators sends an error before it closes the connection.
            Ok(()) | Err(Error::HungUp) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for the next event, for ever if there is no timeout; also returns its line as it came.
    /// After a timeout the connection cannot be used any more.
    pub(crate) fn next_event(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<(Arc<OperatorEvent>, String), Error> {
        self.lines.get_ref().set_read_timeout(timeout)?;
        loop {
            if let Message::Event(event, line) = self.message(timeout.unwrap_or(Duration::MAX))? {
                return Ok((event, line));
            }
        }
    }

    /// Waits until the bridge has closed the connection, as it does when it ends.
    pub(crate) fn wait_for_end(&mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::NoAnswer(timeout));
            }
            self.lines.get_ref().set_read_timeout(Some(left))?;
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

/// The group that the directory of a socket is open to, if it has a name: one that exists only while
/// a service runs has none.
fn group_of(socket: &Path) -> Option<String> {
    let dir = fs::metadata(dir_of(socket)).ok().filter(|dir| dir.mode() & 0o077 == 0o050)?;
    group_name(&fs::read_to_string("/etc/group").ok()?, dir.gid())
}

/// The name of a group in the text of `/etc/group`: name, password, number, members.
fn group_name(groups: &str, gid: u32) -> Option<String> {
    let parts = |line: &str| -> Option<(String, u32)> {
        let mut parts = line.split(':');
        let name = parts.next()?.to_owned();
        Some((name, parts.nth(1)?.parse().ok()?))
    };
    groups.lines().filter_map(parts).find(|(_, number)| *number == gid).map(|(name, _)| name)
}

fn allowed(group: Option<&str>) -> String {
    match group {
        None => "run this as that user, or with sudo".into(),
        Some(group) => format!(
            "run this with sudo, or join its group once (`sudo usermod -aG {group} $USER`) and log in \
             again"
        ),
    }
}

fn reply<A>(result: Result<String, WireError>) -> Result<Reply<A>, Error> {
    let json = result.map_err(Error::Refused)?;
    Ok(Reply { json, answer: PhantomData })
}

fn decode(line: Vec<u8>) -> Result<Message, Error> {
    let mut line = String::from_utf8(line).map_err(serde_json::Error::custom)?;
    let answer = match serde_json::from_str(&line)? {
        OperatorFrame::Event(event) => return Ok(Message::Event(event, line)),
        OperatorFrame::Reply { result: Err(error), .. } => return Ok(Message::Reply(Err(error))),
        OperatorFrame::<&RawValue>::Reply { result: Ok(answer), .. } => answer.get(),
    };
    // A long answer stays in the buffer of its line.
    if let Some(place) = fields::place(&line, answer) {
        line.truncate(place.end);
        line.drain(..place.start);
    } else {
        line = answer.to_owned();
    }
    Ok(Message::Reply(Ok(line)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_number() {
        let groups = "root:x:0:\nodd\nopenclaw-bridge:!:990:ada,alice\nshort:x\n";
        assert_eq!(group_name(groups, 990).as_deref(), Some("openclaw-bridge"));
        assert_eq!(group_name(groups, 99), None);
        assert_eq!(group_name("", 0), None);
    }
}
