//! Limits of the canvas host, which serves everybody who reaches its port.

use std::time::Duration;

/// Connections to the canvas host. A phone's web view opens six at most and keeps one; instead of
/// one more, the oldest of the origin with the most of them is closed.
pub const CANVAS_CONNECTIONS: usize = 96;
/// Bytes in the head of a request. Those of web views have about 500.
pub const CANVAS_HEAD: usize = 16 * 1024;
/// Fields in the head of a request. Those of web views have a dozen.
pub const CANVAS_FIELDS: usize = 64;
/// How long the head of a request may take to arrive, from the beginning of the connection or the
/// end of the answer before it. Web views open the next connection by themselves.
pub const CANVAS_HEAD_TIME: Duration = Duration::from_secs(15);
/// Bytes of an answer that are sent at once, and how long the other side may take for them. A web
/// view that pauses a film does not read, and asks for the rest again when its connection is gone.
pub const CANVAS_CHUNK: usize = 16 * 1024;
/// See [`CANVAS_CHUNK`].
pub const CANVAS_CHUNK_TIME: Duration = Duration::from_secs(30);
/// How long a web view may not confirm what was sent before it counts as gone.
pub const CANVAS_LOST: Duration = Duration::from_secs(60);
/// Names in the path of a file, one below the other.
pub const CANVAS_DEPTH: usize = 16;
/// Pages that wait at once to be told that a file has changed; each takes an inotify instance, of
/// which a user may have 128.
pub const CANVAS_STREAMS: usize = 32;
/// Folders, and files in all, whose changes make pages reload. Others are served all the same.
pub const CANVAS_FOLDERS: usize = 128;
/// See [`CANVAS_FOLDERS`].
pub const CANVAS_FILES: usize = 2048;
/// How long to wait for further changes before a page is told of one: programs write a file in
/// several steps.
pub const CANVAS_SETTLE: Duration = Duration::from_millis(150);
/// How often a waiting page is sent something, which shows whether it is still there, and the files
/// are looked at without a notice: a network file system gives none.
pub const CANVAS_HEARTBEAT: Duration = Duration::from_secs(30);
