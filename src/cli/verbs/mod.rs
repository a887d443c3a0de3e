//! The rows of the command table.

use crate::cli::table::{Flag, Group, Kind, Positional, Topic, Verb};
use Kind::{
    Argument, Choice, Count, Decimal, Directory, Duration, File, Json, Number, Pair, Port, Text,
    Variable, Words,
};

/// The rows of one file: which command, its words, its summary, and what differs from [`row`].
macro_rules! rows {
    ($($id:ident: $path:literal $summary:literal { $($field:ident: $value:expr),* $(,)? })*) => {
        pub(super) const ROWS: &[Verb] = &[
            $(Verb { $($field: $value,)* ..row(VerbId::$id, $path, $summary) },)*
        ];
    };
}

mod bridge;
mod node_commands;
mod nodes;
mod setup;
mod talk;

/// Which command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerbId {
    /// `serve`
    Serve,
    /// `status`
    Status,
    /// `reload`
    Reload,
    /// `stop`
    Stop,
    /// `log`
    Log,
    /// `metrics`
    Metrics,
    /// `nodes list`
    NodesList,
    /// `nodes pending`
    NodesPending,
    /// `nodes approve`
    NodesApprove,
    /// `nodes reject`
    NodesReject,
    /// `nodes describe`
    NodesDescribe,
    /// `nodes rename`
    NodesRename,
    /// `nodes revoke`
    NodesRevoke,
    /// `nodes invoke`
    NodesInvoke,
    /// `nodes run`
    NodesRun,
    /// `nodes notify`
    NodesNotify,
    /// `nodes camera list`
    CameraList,
    /// `nodes camera snap`
    CameraSnap,
    /// `nodes camera clip`
    CameraClip,
    /// `nodes canvas snapshot`
    CanvasSnapshot,
    /// `nodes canvas present`
    CanvasPresent,
    /// `nodes canvas hide`
    CanvasHide,
    /// `nodes canvas navigate`
    CanvasNavigate,
    /// `nodes canvas eval`
    CanvasEval,
    /// `nodes canvas a2ui push`
    CanvasA2uiPush,
    /// `nodes canvas a2ui reset`
    CanvasA2uiReset,
    /// `nodes screen record`
    ScreenRecord,
    /// `nodes location get`
    LocationGet,
    /// `nodes sms send`
    SmsSend,
    /// `events`
    Events,
    /// `chat send`
    ChatSend,
    /// `chat history`
    ChatHistory,
    /// `chat abort`
    ChatAbort,
    /// `chat inject`
    ChatInject,
    /// `sessions list`
    SessionsList,
    /// `sessions reset`
    SessionsReset,
    /// `sessions delete`
    SessionsDelete,
    /// `sessions compact`
    SessionsCompact,
    /// `sessions patch`
    SessionsPatch,
    /// `settings get`
    SettingsGet,
    /// `settings set`
    SettingsSet,
    /// `settings patch`
    SettingsPatch,
    /// `voicewake get`
    VoicewakeGet,
    /// `voicewake set`
    VoicewakeSet,
    /// `config check`
    ConfigCheck,
    /// `config show`
    ConfigShow,
    /// `fingerprint`
    Fingerprint,
    /// `zone`
    Zone,
    /// `import`
    Import,
    /// `discover`
    Discover,
    /// `node`
    Node,
    /// `completions`
    Completions,
    /// `help`
    Help,
}

/// Every command, in the order in which help shows them.
pub fn verbs() -> impl Iterator<Item = &'static Verb> {
    [bridge::ROWS, nodes::ROWS, node_commands::ROWS, talk::ROWS, setup::ROWS].into_iter().flatten()
}

const fn row(id: VerbId, path: &'static str, summary: &'static str) -> Verb {
    Verb {
        id,
        path,
        summary,
        aliases: &[],
        about: &[],
        positionals: &[],
        flags: &[],
        examples: &[],
    }
}

/// The headings of top-level help.
pub(super) const TOPICS: &[Topic] = &[
    Topic { title: "The bridge", words: &["serve", "status", "metrics", "reload", "stop", "log"] },
    Topic {
        title: "Its nodes and conversations",
        words: &["nodes", "events", "chat", "sessions", "settings", "voicewake"],
    },
    Topic {
        title: "Setting up and trying out",
        words: &[
            "discover",
            "config",
            "fingerprint",
            "zone",
            "import",
            "node",
            "completions",
            "help",
        ],
    },
];

/// Words that begin several commands.
pub const GROUPS: &[Group] = &[
    Group { path: "nodes", summary: "List nodes, approve them, have them do something" },
    Group { path: "nodes camera", summary: "Take pictures and clips with a node's cameras" },
    Group { path: "nodes canvas", summary: "Show something on a node's screen, and look at it" },
    Group { path: "nodes canvas a2ui", summary: "Show interfaces that are described in A2UI" },
    Group { path: "nodes screen", summary: "Record a node's screen" },
    Group { path: "nodes location", summary: "Ask a node where it is" },
    Group { path: "nodes sms", summary: "Send text messages with an Android phone" },
    Group { path: "chat", summary: "Talk to the agent in the same conversations as the nodes" },
    Group { path: "sessions", summary: "List and tend the conversations" },
    Group { path: "settings", summary: "Read and change the settings that nodes see" },
    Group { path: "voicewake", summary: "Read and change the words that wake voice mode" },
    Group { path: "config", summary: "Check or show the configuration" },
];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
const EXEC_LEVELS: &[&str] = &["deny", "allowlist", "full"];
const SHELLS: &[&str] = &["bash", "zsh", "fish"];
const BINDS: &[&str] = &["loopback", "lan", "tailnet", "auto"];

const JSON: Flag = Flag::switch("json", "Print JSON instead of text.");
const STATE_DIR: Flag = Flag::new(
    "state-dir",
    "DIR",
    Directory,
    "The state directory of the daemon; without it, the daemon of this machine is looked for.",
);
const TIMEOUT: Flag =
    Flag::new("timeout", "DURATION", Duration, "How long to wait for the daemon.").default("10s");
/// The flags of every command that asks the running daemon.
pub(super) const OPERATOR: &[Flag] = &[JSON, STATE_DIR, TIMEOUT];

const CONFIG: Flag = Flag::new("config", "FILE", File, "Read this configuration file.");
const NODE: Flag =
    Flag::new("node", "N", Text, "The node: its id, address, name, or the start of its id.")
        .required();
const NODE_WORD: Positional = Positional::short_for("N", "node", "The same as --node.");
const REQUEST: Positional = Positional::required(
    "REQUEST",
    Text,
    "The request's id or the start of it, or the node's id or name.",
);
const SESSION: Flag = Flag::new("session", "KEY", Text, "The conversation.").default("main");
const KEY: Positional = Positional::required("KEY", Text, "The conversation, such as main.");
const SETTINGS_ABOUT: &str =
    "Settings are what the apps read: ui, talk and session. What is not set there comes from the \
     configuration file.";
const PARAMS_HELP: &str = "Parameters: JSON, @FILE to read a file, or - for standard input.";
const REQUEST_ABOUT: &str = "A prefix is enough if it means one request only.";
