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
/// Characters in the name of a tool; models take no more.
pub const TOOL_NAME_CHARS: usize = 64;
/// Characters in a device's name where a model reads it: a name, not a paragraph.
pub const TOOL_NODE_NAME_CHARS: usize = 64;
/// Tools for commands that owners of nodes have added. A model cannot choose among hundreds.
pub const TOOLS_OF_NODES: usize = 64;
/// Bytes of a text that a tool returns; about 64 k tokens.
pub const TOOL_ANSWER: usize = 256 * 1024;
/// Bytes in one message of a client of the Model Context Protocol. The largest are A2UI messages.
pub const TOOL_MESSAGE: usize = 4 * 1024 * 1024;
/// Tools that run at the same time for one client.
pub const TOOL_CALLS: usize = 8;
/// How often systemd is told how many nodes there are, at most. One that comes and goes all the time must
/// not keep it busy.
pub const NEWS_EVERY: Duration = Duration::from_secs(1);
