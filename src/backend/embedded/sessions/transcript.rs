//! Writing transcripts: one JSON object per line (protocol section 9.4).
//!
//! A message is one write and one sync. What a power cut or a full disk leaves of a line never
//! sticks to the next one.

use super::reverse_lines::ReverseLines;
use super::{names, store, StoreError};
use crate::calendar;
use crate::files::{self, Staged};
use crate::protocol::limits;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The version of the format in which entries name the one they follow.
const VERSION: u32 = 2;

/// A message line, in the order in which the old gateway wrote it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageLine<'a, M> {
    r#type: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    timestamp: &'a str,
    message: &'a M,
}

/// The fields of an existing line that matter.
#[derive(Deserialize)]
struct Mark {
    r#type: Option<String>,
    id: Option<String>,
}

/// Appends a message and returns its id, and how many bytes that took. Begins a transcript if there
/// is none.
pub(super) fn append(
    path: &Path,
    session_id: &str,
    message: &impl Serialize,
    now_ms: u64,
) -> Result<(String, u64), StoreError> {
    let id = names::message_id();
    let failed = |doing| move |error| StoreError::io(doing, path, error);
    if let Some(dir) = path.parent() {
        store::make_dir(dir)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let mut file = options.open(path).map_err(failed("open"))?;
    let len = file.metadata().map_err(failed("read"))?.len();
    let mut text = Vec::new();
    let mut parent = None;
    if len == 0 {
        text.extend(header(session_id, now_ms));
    } else {
        parent = last_id(&file, len).map_err(failed("read"))?;
        if !ends_with_line_break(&file, len).map_err(failed("read"))? {
            text.push(b'\n');
        }
    }
    let timestamp = calendar::iso(now_ms);
    let parent_id = parent.as_deref();
    let line =
        MessageLine { r#type: "message", id: &id, parent_id, timestamp: &timestamp, message };
    let before = text.len();
    serde_json::to_writer(&mut text, &line).map_err(|e| failed("write")(e.into()))?;
    if text.len() - before > limits::TRANSCRIPT_LINE {
        return Err(StoreError::TooLong);
    }
    text.push(b'\n');
    write_durably(&mut file, len, &text).map_err(failed("write"))?;
    let mut bytes = text.len() as u64;
    if len == 0 {
        sync_dir_of(path)?;
        bytes += limits::FILE_BYTES;
    }
    Ok((id, bytes))
}

/// Writes at the end; a failure leaves the file as long as it was.
fn write_durably(file: &mut File, len: u64, text: &[u8]) -> io::Result<()> {
    let written = file.write_all(text).and_then(|()| file.sync_data());
    if written.is_err() {
        // If this fails too, half a line stays; the next writer ends it first.
        let _ = file.set_len(len);
    }
    written
}

fn header(session_id: &str, now_ms: u64) -> Vec<u8> {
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let header = json!({
        "type": "session",
        "version": VERSION,
        "id": session_id,
        "timestamp": calendar::iso(now_ms),
        "cwd": cwd.to_string_lossy(),
    });
    format!("{header}\n").into_bytes()
}

fn ends_with_line_break(file: &File, len: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, len.saturating_sub(1))?;
    Ok(last == *b"\n")
}

/// The id of the last line that has one and is not the header: what a new message follows.
fn last_id(file: &File, len: u64) -> io::Result<Option<String>> {
    let mut lines = ReverseLines::new(file, len);
    for _ in 0..limits::TRANSCRIPT_PARENT_LINES {
        let Some(line) = lines.previous()? else { break };
        let Ok(mark) = serde_json::from_slice::<Mark>(line.bytes) else { continue };
        if mark.r#type.as_deref() != Some("session") {
            if let Some(id) = mark.id {
                return Ok(Some(id));
            }
        }
    }
    Ok(None)
}

/// Keeps the header and the last `keep` other lines that are not empty, without reading more of
/// the file into memory than one line. Returns how many lines there are now, and where the whole
/// transcript is if it had more; `None` if there is none.
pub(super) fn compact(
    path: &Path,
    keep: u64,
    now_ms: u64,
) -> Result<Option<(u64, Option<PathBuf>)>, StoreError> {
    let failed = |doing| move |error| StoreError::io(doing, path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open")(error)),
    };
    let header_end = header_end(&file).map_err(failed("read"))?;
    let (kept, cut) = find_cut(&file, header_end, keep).map_err(failed("read"))?;
    let Some(cut) = cut else { return Ok(Some((kept, None))) };
    let aside = names::aside(path, "bak", now_ms);
    Staged::fill(path, |new| write_tail(&file, new, header_end, cut))
        .and_then(|(new, ())| put_aside_and_replace(path, &aside, new))
        .map_err(failed("compact"))?;
    sync_dir_of(path)?;
    Ok(Some((kept, Some(aside))))
}

/// How many lines are kept, and where the first of them begins if there are others before it.
fn find_cut(file: &File, header_end: u64, keep: u64) -> io::Result<(u64, Option<u64>)> {
    let len = file.metadata()?.len();
    let mut lines = ReverseLines::new(file, len);
    let (mut kept, mut start) = (0, len);
    while let Some(line) = lines.previous()? {
        if line.start < header_end {
            break;
        }
        if line.is_blank() {
            continue;
        }
        if kept == keep {
            return Ok((kept, Some(start)));
        }
        kept += 1;
        start = line.start;
    }
    Ok((kept, None))
}

/// How long the header is, with its line break; 0 if the first line is none.
fn header_end(file: &File) -> io::Result<u64> {
    let mut first = Vec::new();
    let start = file.take(limits::TRANSCRIPT_BLOCK as u64);
    BufReader::new(start).read_until(b'\n', &mut first)?;
    let is_header = first.ends_with(b"\n")
        && serde_json::from_slice::<Mark>(&first)
            .is_ok_and(|mark| mark.r#type.as_deref() == Some("session"));
    Ok(if is_header { first.len() as u64 } else { 0 })
}

fn write_tail(mut old: &File, new: &mut File, header_end: u64, start: u64) -> io::Result<()> {
    old.rewind()?;
    io::copy(&mut old.take(header_end), new)?;
    old.seek(SeekFrom::Start(start))?;
    io::copy(&mut old, new)?;
    if !ends_with_line_break(old, old.metadata()?.len())? {
        new.write_all(b"\n")?;
    }
    Ok(())
}

/// The old file gets a second name first, so that there is a file under its name at every moment.
/// On a file system without hard links there is none for an instant.
fn put_aside_and_replace(path: &Path, aside: &Path, new: Staged) -> io::Result<()> {
    if fs::hard_link(path, aside).is_ok() {
        return new.commit().inspect_err(|_| drop(fs::remove_file(aside)));
    }
    fs::rename(path, aside)?;
    new.commit().inspect_err(|_| drop(fs::rename(aside, path)))
}

/// Renames a transcript that is not needed any more; `None` if there is none.
pub(super) fn archive(path: &Path, now_ms: u64) -> Result<Option<PathBuf>, StoreError> {
    let aside = names::aside(path, "deleted", now_ms);
    match fs::rename(path, &aside) {
        Ok(()) => sync_dir_of(path).map(|()| Some(aside)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("archive", path, error)),
    }
}

fn sync_dir_of(path: &Path) -> Result<(), StoreError> {
    let dir = files::dir_of(path);
    files::sync_dir(dir).map_err(|error| StoreError::io("sync", dir, error))
}
