//! Limits of conversations and their transcripts.

use super::LINE_NODE;
use std::time::Duration;

/// Characters in a session key.
pub const SESSION_KEY_CHARS: usize = 256;
/// Chat sessions in the store besides the main one, which the nodes share; one more is refused.
/// The file is rewritten whole for every message, so it must stay small.
pub const SESSIONS: usize = 4096;
/// How long, in milliseconds, a session in which nobody has said anything does not give way to a
/// new one: phones choose a model before they send the first message.
pub const EMPTY_SESSION_KEPT_MS: i64 = 60_000;
/// Bytes of the session store. An imported one with snapshots of skills has a few KB per session.
pub const SESSIONS_BYTES: usize = 64 * 1024 * 1024;
/// Characters in a session's label (protocol section 5.3).
pub const SESSION_LABEL_CHARS: usize = 64;
/// How long `sessions.delete` waits for a run to end (protocol section 5.3).
pub const SESSION_ABORT_TIMEOUT: Duration = Duration::from_secs(15);
/// Transcript lines that `sessions.compact` keeps by default (protocol section 5.3).
pub const COMPACT_LINES: u64 = 400;

/// Bytes on disk that all conversations may have (`bridge.limits.conversationBytes`): transcripts, and
/// those put aside. The nodes share them. Decades of talk, and a part of a small card.
pub const CONVERSATION_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The least and the most that may be.
pub const CONVERSATION_BYTES_MIN: u64 = 1024 * 1024;
/// See [`CONVERSATION_BYTES_MIN`].
pub const CONVERSATION_BYTES_MAX: u64 = 1 << 50;
/// Bytes that count for a file besides its content: a block of the usual file systems.
pub const FILE_BYTES: u64 = 4096;
/// Bytes of the disk that conversations leave free, or a twentieth of a small disk: pairings, settings
/// and the system need some.
pub const DISK_KEPT_FREE: u64 = 64 * 1024 * 1024;
/// How often the files are counted again while messages are refused for their number of bytes.
pub const RECOUNT_EVERY: Duration = Duration::from_secs(10);
/// Levels of directories inside that of the sessions that are counted. An imported one has none.
pub const SESSION_DIRS: usize = 4;

/// Bytes in the text of a message, whoever writes it: what most models read at once. Every phone in
/// a conversation gets it, and keeps it in memory.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// Bytes in one transcript line that is read: a message that once fitted in [`LINE_NODE`], and what is put around it.
pub const TRANSCRIPT_LINE: usize = LINE_NODE + 64 * 1024;
/// Bytes read from a transcript at once, from its end: 200 messages of a usual length.
pub const TRANSCRIPT_BLOCK: usize = 64 * 1024;
/// Bytes in the name of a transcript. File systems allow 255; the rest is for the suffix of a file
/// that is put aside.
pub const TRANSCRIPT_NAME: usize = 200;
/// Lines looked at from the end of a transcript for the id that a new message follows. More only
/// if they are damaged.
pub const TRANSCRIPT_PARENT_LINES: usize = 16;

/// Messages that `chat.history` returns at most (protocol section 5.4).
pub const HISTORY_MESSAGES: usize = 1000;
/// Bytes of messages that `chat.history` returns; one message may be larger (protocol section
/// 5.4).
pub const HISTORY_BYTES: usize = 6 * 1024 * 1024;
/// Bytes read for one `chat.history`. Enough for the longest line and what is behind it; the rest
/// of a transcript that holds nothing but damaged lines is left alone.
pub const HISTORY_SCAN_BYTES: usize = 64 * 1024 * 1024;

/// Entries of one directory that `import` reads.
pub const IMPORT_ENTRIES: usize = 16_384;
/// Agents whose conversations `import` reads; more were never set up.
pub const IMPORT_AGENTS: usize = 64;
/// Rows for what `import` leaves in one directory; the rest is counted.
pub const IMPORT_LEFT: usize = 24;
/// Bytes in an imported pairing file: some KiB for each node there can be.
pub const IMPORT_PAIRINGS_BYTES: usize = 16 * 1024 * 1024;
/// Bytes in an imported transcript: years of conversation.
pub const IMPORT_TRANSCRIPT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes in an imported file of wake words.
pub const IMPORT_WAKE_WORDS_BYTES: usize = 64 * 1024;
