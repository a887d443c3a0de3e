//! Limits of the operators' side: the control socket's client and the command line.

use std::time::Duration;

/// Bytes in one line from the bridge to an operator: a recording, its escapes, and some room.
pub const LINE_FROM_BRIDGE: u64 = 2 * super::LINE_RECORDING as u64;
/// Bytes of an answer without the media in it. The description of a recording has 200.
pub const LINE_WITHOUT_MEDIA: usize = 4 * 1024 * 1024;
/// Values in an answer that a command looks into. Each takes about a hundred bytes; a real answer
/// has a few dozen.
pub const ANSWER_VALUES: usize = 100_000;
/// Bytes of parameters that are read from a file or from standard input; escaped, they fit into
/// [`LINE_OPERATOR`](super::LINE_OPERATOR).
pub const PARAMS_BYTES: u64 = 24 * 1024 * 1024;
/// How much longer than the node the bridge may take to answer an operator.
pub const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// How much longer than the command itself a node may take: to ask its owner, to start a camera,
/// to send what it recorded.
pub const NODE_MARGIN: Duration = Duration::from_secs(15);
/// Bytes in a file name, as the usual file systems take it.
pub const FILE_NAME_BYTES: usize = 255;
