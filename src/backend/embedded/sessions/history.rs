//! The end of a conversation, as `chat.history` returns it (protocol section 5.4).

use super::entry::{text, Entry};
use super::reverse_lines::ReverseLines;
use super::{message, pictures, StoreError};
use crate::protocol::limits;
use serde_json::value::RawValue;
use std::fs::File;
use std::io;
use std::path::Path;

/// The thinking level of a session without one of its own.
const DEFAULT_THINKING: &str = "off";

/// The session's own thinking level, or the usual one.
pub(super) fn thinking_level(entry: Option<&Entry>) -> String {
    let own = entry.and_then(|entry| text(entry, "thinkingLevel")).map(str::trim);
    own.filter(|level| !level.is_empty()).unwrap_or(DEFAULT_THINKING).to_owned()
}

/// The last messages of a transcript, oldest first, with so many bytes of the pictures in a directory,
/// and how many bytes were read for them. Without a file there are none.
pub(super) fn read(
    path: &Path,
    limit: usize,
    (dir, mut left): (&Path, usize),
) -> Result<(Vec<Box<RawValue>>, usize), StoreError> {
    let failed = |error| StoreError::io("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(failed(error)),
    };
    let len = file.metadata().map_err(failed)?.len();
    let mut lines = ReverseLines::new(&file, len);
    let mut messages: Vec<Box<RawValue>> = Vec::new();
    // The brackets of the list; each message brings a comma.
    let mut bytes = 2;
    while messages.len() < limit.min(limits::HISTORY_MESSAGES)
        && lines.bytes_read() < limits::HISTORY_SCAN_BYTES
    {
        let Some(line) = lines.previous().map_err(failed)? else { break };
        let Some(message) = message::in_line(line.bytes) else { continue };
        let message = pictures::put_in(message, dir, &mut left);
        bytes += message.get().len() + 1;
        if bytes > limits::HISTORY_BYTES && !messages.is_empty() {
            break;
        }
        messages.push(message);
    }
    messages.reverse();
    Ok((messages, lines.bytes_read()))
}
