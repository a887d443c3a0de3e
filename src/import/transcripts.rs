//! Transcripts: copied as a stream, line by line looked at, never over a file that is there.

use super::legacy::{exists, Legacy};
use crate::files::{self, Staged};
use crate::protocol::limits;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// The largest transcript, in bytes. Years of talking; what is larger is no transcript.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024 * 1024;

/// What became of a transcript.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// It is in its place, or would be; so many of its lines make no sense.
    Taken { bad_lines: u64 },
    /// It was there already.
    Same,
    /// Something else has its name.
    NameTaken,
    /// Why it could not be taken.
    Failed(String),
}

/// Copies a transcript to `target`, or only looks whether that would work. It is on disk when this
/// returns; the directory is not synced yet.
pub(super) fn copy(legacy: &Legacy, from: &Path, target: &Path, apply: bool) -> Copied {
    let file = match legacy.open_file(from) {
        Ok(Some((_, size))) if size > LARGEST => {
            let gigabytes = LARGEST / 1024 / 1024 / 1024;
            return Copied::Failed(format!("larger than {gigabytes} GiB, which is the limit"));
        }
        Ok(Some((file, _))) => file,
        Ok(None) => return Copied::Failed("it is gone".into()),
        Err(why) => return Copied::Failed(why),
    };
    if exists(target) {
        return match is_same(&file, target) {
            Ok(true) => Copied::Same,
            _ => Copied::NameTaken,
        };
    }
    let copied = if apply { put(&file, target) } else { stream(&file, &mut io::sink()) };
    match copied {
        Ok(bad_lines) => Copied::Taken { bad_lines },
        Err(error) => Copied::Failed(format!("could not be copied: {error}")),
    }
}

/// Nobody else makes files here: the lock of the state directory is held.
fn put(from: &File, target: &Path) -> io::Result<u64> {
    let (staged, bad_lines) = Staged::fill(target, |new| stream(from, new))?;
    staged.commit()?;
    Ok(bad_lines)
}

/// Copies everything, and counts the lines that are no JSON: whoever reads a transcript passes
/// over them. Holds no more than one line.
fn stream(from: &File, to: &mut impl Write) -> io::Result<u64> {
    let mut from = BufReader::with_capacity(limits::TRANSCRIPT_BLOCK, from).take(LARGEST);
    let mut bad_lines = 0;
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let block = from.fill_buf()?;
        let line_break = block.iter().position(|byte| *byte == b'\n');
        let length = line_break.map_or(block.len(), |at| at + 1);
        let is_end = block.is_empty();
        to.write_all(&block[..length])?;
        if line.len() + length > limits::TRANSCRIPT_LINE {
            too_long = true;
            line.clear();
        }
        if !too_long {
            line.extend_from_slice(&block[..length]);
        }
        from.consume(length);
        if line_break.is_some() || is_end {
            bad_lines += u64::from(too_long || !makes_sense(&line));
            line.clear();
            too_long = false;
        }
        if is_end {
            return Ok(bad_lines);
        }
    }
}

fn makes_sense(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace) || serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// Whether a file of ours has the same content.
fn is_same(one: &File, other: &Path) -> io::Result<bool> {
    if !std::fs::symlink_metadata(other)?.is_file() {
        return Ok(false);
    }
    let other = File::open(other)?;
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let [mut one, mut other] = [one, &other].map(|file| BufReader::with_capacity(1 << 16, file));
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let length = ours.len().min(theirs.len());
        if ours[..length] != theirs[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(ours.len() == theirs.len());
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Makes the copies durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    files::sync_dir(dir)
}
