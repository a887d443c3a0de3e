//! Transcripts: copied as a stream, checked line by line, never over a file that exists.

use super::legacy::{exists, Legacy};
use super::report::Outcome::{Damaged, Kept, Taken};
use super::report::Verdict;
use crate::files::Staged;
use crate::protocol::limits;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// Copies a transcript to `target`, or only checks whether that would work; also returns whether
/// the transcript is there afterwards, or would be. The copy is on disk when this returns; the
/// directory is not synced yet.
pub(super) fn copy(legacy: &Legacy, from: &Path, target: &Path, apply: bool) -> (Verdict, bool) {
    let file = match legacy.open_file(from) {
        Ok(Some((_, size))) if size > limits::IMPORT_TRANSCRIPT_BYTES => {
            let gigabytes = limits::IMPORT_TRANSCRIPT_BYTES / 1024 / 1024 / 1024;
            let why = format!("larger than {gigabytes} GiB, which is the limit");
            return (Damaged.because(why), false);
        }
        Ok(Some((file, _))) => file,
        Ok(None) => return (Damaged.because("it is gone"), false),
        Err(why) => return (Damaged.because(why), false),
    };
    if exists(target) {
        return match is_same(&file, target) {
            Ok(true) => (Kept.because("it is there already"), true),
            _ => (Kept.because("there is another transcript of this name"), false),
        };
    }
    match if apply { put(&file, target) } else { stream(&file, &mut io::sink()) } {
        Ok(0) => (Taken.because(""), true),
        Ok(bad_lines) => {
            let text = "lines that are not JSON; copied as they are, and skipped by readers";
            (Taken.because(format!("{bad_lines} {text}")), true)
        }
        Err(error) => (Damaged.because(format!("could not be copied: {error}")), false),
    }
}

/// Safe from other writers, because the lock of the state directory is held.
fn put(from: &File, target: &Path) -> io::Result<u64> {
    let (staged, bad_lines) = Staged::fill(target, |new| stream(from, new))?;
    staged.commit()?;
    Ok(bad_lines)
}

/// Copies everything, and counts the lines that are not JSON, which readers of a transcript skip.
/// Holds no more than one line in memory.
fn stream(from: &File, to: &mut impl Write) -> io::Result<u64> {
    let mut from = BufReader::with_capacity(limits::TRANSCRIPT_BLOCK, from)
        .take(limits::IMPORT_TRANSCRIPT_BYTES);
    let mut bad_lines = 0;
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        line.clear();
        let most = limits::TRANSCRIPT_LINE as u64;
        if from.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(bad_lines + u64::from(too_long));
        }
        to.write_all(&line)?;
        let is_cut = line.len() == limits::TRANSCRIPT_LINE && !line.ends_with(b"\n");
        if !is_cut {
            bad_lines += u64::from(too_long || !is_json_or_blank(&line));
        }
        too_long = is_cut;
    }
}

fn is_json_or_blank(line: &[u8]) -> bool {
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
