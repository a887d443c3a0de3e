//! What `tests/fuzz` calls.

use super::{history, transcript};
use crate::protocol::rpc::chat::ChatMessage;
use std::fs;
use std::path::Path;

/// Whatever is in a transcript, its history can be read, a message can be added and is the last one
/// then, and it can be shortened.
///
/// # Panics
/// If not.
pub fn transcript(path: &Path, bytes: &[u8], keep: u64) {
    fs::write(path, bytes).expect("a place for the transcript");
    let dir = crate::files::dir_of(path);
    let _ = history::read(path, 100, (dir, 100));
    let message = ChatMessage::text("user", "the last one", 1_800_000_000_000);
    transcript::append(path, "id", &message, 1_800_000_000_000).expect("a message can be added");
    let last = || {
        let (messages, _) = history::read(path, 100, (dir, 100)).expect("it can be read");
        let last = messages.last().expect("the message is there");
        assert!(last.get().contains("the last one"), "{last}");
    };
    last();
    transcript::compact(path, keep, 1_800_000_000_000).expect("it can be shortened");
    if keep > 0 {
        last();
    }
}
