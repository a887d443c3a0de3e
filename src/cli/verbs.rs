//! The rows of the command table.

use super::table::{Flag, Group, Kind, Positional, Topic, Verb};
use Kind::{Choice, Directory, Duration, File, Json, Number, Pair, Port, Text, Words};

macro_rules! verbs {
    ($($id:ident: $path:literal $summary:literal { $($field:ident: $value:expr),* $(,)? })*) => {
        /// Which command it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum VerbId {
            $(#[doc = concat!("`", $path, "`")] $id,)*
        }

        /// Every command, in the order in which help shows them.
        pub const VERBS: &[Verb] = &[
            $(Verb { $($field: $value,)* ..row(VerbId::$id, $path, $summary) },)*
        ];
    };
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
    Topic { title: "The bridge", words: &["serve", "status", "reload", "stop", "log"] },
    Topic {
        title: "Its nodes and conversations",
        words: &["nodes", "events", "chat", "sessions", "settings", "voicewake"],
    },
    Topic {
        title: "Setting up and trying out",
        words: &["config", "import", "node", "completions", "help"],
    },
];

/// Words that begin several commands.
pub const GROUPS: &[Group] = &[
    Group { path: "nodes", summary: "List nodes, approve them, have them do something" },
    Group { path: "chat", summary: "Talk to the agent in the same conversations as the nodes" },
    Group { path: "sessions", summary: "List and tend the conversations" },
    Group { path: "settings", summary: "Read and change the settings that nodes see" },
    Group { path: "voicewake", summary: "Read and change the words that wake voice mode" },
    Group { path: "config", summary: "Check or show the configuration" },
];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
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
const OPERATOR: &[Flag] = &[JSON, STATE_DIR, TIMEOUT];

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

verbs! {
    Serve: "serve" "Run the bridge in the foreground" {
        about: &["Without a configuration it listens on this machine only. Flags override the \
                  environment (OPENCLAW_BRIDGE_STATE_DIR, _BIND, _PORT, _LOG), which overrides the \
                  configuration file."],
        flags: &[&[
            CONFIG,
            Flag::new("state-dir", "DIR", Directory, "Where pairings and state are kept."),
            Flag::new("bind", "WHERE", Words(BINDS),
                "Where to listen: loopback, lan, tailnet, auto, or an IP address."),
            Flag::new("port", "N", Port, "The TCP port; 0 takes a free one."),
            Flag::switch("no-discovery",
                "Announce nothing. This version announces nothing anyway; the flag is accepted so \
                 that units written today keep working."),
            Flag::new("log", "LEVEL", Choice(LEVELS), "How much is logged."),
        ]],
        examples: &["serve", "serve --bind lan --log debug"],
    }
    Status: "status" "Tell how the running bridge is" {
        flags: &[OPERATOR],
        examples: &["status", "status --json"],
    }
    Reload: "reload" "Have the bridge read its configuration again" {
        about: &["A configuration with a mistake in it changes nothing; the mistake is told."],
        flags: &[OPERATOR],
        examples: &["reload"],
    }
    Stop: "stop" "Stop the running bridge" {
        flags: &[OPERATOR],
        examples: &["stop"],
    }
    Log: "log" "Change how much the running bridge logs" {
        about: &["Until the next reload or start; bridge.log in the configuration is for good."],
        positionals: &[Positional::required("LEVEL", Choice(LEVELS), "How much.")],
        flags: &[OPERATOR],
        examples: &["log debug", "log info"],
    }
    NodesList: "nodes list" "List all known nodes, connected ones first" {
        aliases: &["nodes", "nodes status"],
        flags: &[OPERATOR],
        examples: &["nodes", "nodes list --json"],
    }
    NodesPending: "nodes pending" "List nodes that ask to be paired" {
        flags: &[OPERATOR],
        examples: &["nodes pending"],
    }
    NodesApprove: "nodes approve" "Let a node in that asked to be paired" {
        about: &[REQUEST_ABOUT],
        positionals: &[REQUEST],
        flags: &[OPERATOR],
        examples: &["nodes approve 3f2a", "nodes approve \"Kitchen iPad\""],
    }
    NodesReject: "nodes reject" "Turn a node away that asked to be paired" {
        about: &[REQUEST_ABOUT],
        positionals: &[REQUEST],
        flags: &[OPERATOR],
        examples: &["nodes reject 3f2a"],
    }
    NodesDescribe: "nodes describe" "Tell what is known of a node" {
        positionals: &[NODE_WORD],
        flags: &[&[NODE], OPERATOR],
        examples: &["nodes describe --node kitchen"],
    }
    NodesRename: "nodes rename" "Give a node another name" {
        positionals: &[NODE_WORD],
        flags: &[&[NODE, Flag::new("name", "NAME", Text, "The new name.").required()], OPERATOR],
        examples: &["nodes rename --node 4c1d08 --name \"Kitchen iPad\""],
    }
    NodesRevoke: "nodes revoke" "Delete a node's pairing and cut its connection" {
        about: &["The node has to ask for pairing again."],
        positionals: &[NODE_WORD],
        flags: &[&[NODE], OPERATOR],
        examples: &["nodes revoke --node kitchen"],
    }
    NodesInvoke: "nodes invoke" "Have a node run a command" {
        about: &["Prints what the node answers. `nodes describe` lists a node's commands."],
        flags: &[
            &[
                NODE,
                Flag::new("command", "C", Text, "The command, such as camera.snap.").required(),
                Flag::new("params", "JSON", Json, PARAMS_HELP),
                Flag::new("invoke-timeout", "DURATION", Duration, "How long the node may take.")
                    .default("15s"),
                Flag::new("idempotency-key", "K", Text,
                    "A command with a key that was used before is not run again."),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes invoke --node kitchen --command location.get",
            "nodes invoke --node kitchen --command canvas.eval --params @eval.json",
        ],
    }
    Events: "events" "Follow what happens, one JSON object per line" {
        about: &["Runs until it is interrupted or the bridge stops."],
        flags: &[
            &[Flag::new("only", "NAME", Text, "Only events of this name; may be repeated.")
                .repeated()],
            OPERATOR,
        ],
        examples: &["events", "events --only node.pair.requested --only node.pair.resolved"],
    }
    ChatSend: "chat send" "Say something and show the answer as it comes" {
        about: &["The message is one argument, or - for standard input. The conversation is the \
                  one that nodes see: they get the answer, too."],
        positionals: &[Positional::required("MESSAGE", Text, "What to say, or -.")],
        flags: &[
            &[
                SESSION,
                Flag::new("thinking", "LEVEL", Text, "How hard the agent shall think."),
                Flag::new("attach", "FILE", File, "An image to send along; may be repeated.")
                    .repeated(),
                Flag::new("run-timeout", "DURATION", Duration, "How long the agent may take."),
            ],
            OPERATOR,
        ],
        examples: &["chat send \"What is on today?\"", "chat send --session work -"],
    }
    ChatHistory: "chat history" "Show the last messages of a conversation" {
        flags: &[
            &[SESSION, Flag::new("limit", "N", Number, "How many messages.").default("20")],
            OPERATOR,
        ],
        examples: &["chat history", "chat history --limit 5 --json"],
    }
    ChatAbort: "chat abort" "Stop the agent's answer in a conversation" {
        flags: &[&[SESSION, Flag::new("run", "ID", Text, "Only this run.")], OPERATOR],
        examples: &["chat abort"],
    }
    ChatInject: "chat inject" "Put a message of the agent into a conversation" {
        positionals: &[Positional::required("MESSAGE", Text, "The message, or -.")],
        flags: &[&[SESSION, Flag::new("label", "TEXT", Text, "Shown before it.")], OPERATOR],
        examples: &["chat inject --label door \"Somebody rang\""],
    }
    SessionsList: "sessions list" "List the conversations, the latest first" {
        aliases: &["sessions"],
        flags: &[&[Flag::new("limit", "N", Number, "How many.").default("50")], OPERATOR],
        examples: &["sessions", "sessions list --json"],
    }
    SessionsReset: "sessions reset" "Begin a conversation anew; its transcript is kept" {
        positionals: &[KEY],
        flags: &[OPERATOR],
        examples: &["sessions reset main"],
    }
    SessionsDelete: "sessions delete" "Delete a conversation; its transcript is put aside" {
        positionals: &[KEY],
        flags: &[OPERATOR],
        examples: &["sessions delete node-kitchen"],
    }
    SessionsCompact: "sessions compact" "Shorten a transcript; the long one is put aside" {
        positionals: &[KEY],
        flags: &[
            &[Flag::new("lines", "N", Number, "How many lines to keep.").default("400")],
            OPERATOR,
        ],
        examples: &["sessions compact main --lines 100"],
    }
    SessionsPatch: "sessions patch" "Change a conversation's own settings" {
        about: &["KEY=VALUE sets, KEY= takes back: label, thinkingLevel, verboseLevel, model, \
                  sendPolicy and the other keys of sessions.patch."],
        positionals: &[
            KEY,
            Positional::required("SETTING=VALUE", Text, "What to change.").repeated(),
        ],
        flags: &[OPERATOR],
        examples: &["sessions patch main thinkingLevel=high label=Kitchen", "sessions patch main label="],
    }
    SettingsGet: "settings get" "Print the settings that nodes see" {
        about: &[SETTINGS_ABOUT],
        flags: &[OPERATOR],
        examples: &["settings get"],
    }
    SettingsSet: "settings set" "Replace the settings that nodes see" {
        about: &[SETTINGS_ABOUT],
        positionals: &[Positional::required("JSON", Json, "The settings: JSON, @FILE, or -.")],
        flags: &[OPERATOR],
        examples: &["settings set @settings.json"],
    }
    SettingsPatch: "settings patch" "Change some of the settings that nodes see" {
        about: &[SETTINGS_ABOUT, "A null takes a setting back."],
        positionals: &[Positional::required("JSON", Json, "The changes: JSON, @FILE, or -.")],
        flags: &[OPERATOR],
        examples: &["settings patch @colour.json"],
    }
    VoicewakeGet: "voicewake get" "Print the words that wake voice mode" {
        flags: &[OPERATOR],
        examples: &["voicewake get"],
    }
    VoicewakeSet: "voicewake set" "Choose the words that wake voice mode" {
        about: &["Every connected node is told. Without words, the usual ones count again."],
        positionals: &[Positional::optional("WORD", Text, "The words.").repeated()],
        flags: &[OPERATOR],
        examples: &["voicewake set computer \"hey clawd\""],
    }
    ConfigCheck: "config check" "Tell every mistake in a configuration file" {
        about: &["Without a file, the one that `serve` would read. Exits with 78 if there is a \
                  mistake."],
        positionals: &[Positional { kind: File, ..Positional::short_for("FILE", "config",
            "The same as --config.") }],
        flags: &[&[CONFIG, JSON]],
        examples: &["config check", "config check /etc/openclaw-bridge/bridge.json5"],
    }
    ConfigShow: "config show" "Show every setting in force, and where it was made" {
        flags: &[&[CONFIG, JSON]],
        examples: &["config show"],
    }
    Import: "import" "Take over the pairings and conversations of an old gateway" {
        about: &["Without --apply it only tells what it would do. Nothing that the bridge has is \
                  replaced, and the old directory is not changed. With --apply, the bridge must not \
                  be running. Exits with 1 if something is damaged; the rest is taken."],
        positionals: &[Positional::required("DIR", Directory,
            "The state directory of the old gateway, usually ~/.clawdbot.")],
        flags: &[&[
            Flag::switch("apply", "Do it."),
            Flag::new("state-dir", "DIR", Directory,
                "Where to; without it, the directory that `serve` would use."),
            JSON,
        ]],
        examples: &["import ~/.clawdbot", "import ~/.clawdbot --apply"],
    }
    Node: "node" "Be a node: connect, pair, answer commands" {
        about: &["A node for machines without an app, and the tool to try a bridge by hand. It \
                  asks for pairing at its first start and keeps the token it is given."],
        flags: &[&[
            Flag::new("host", "H", Text, "The bridge's host.").default("127.0.0.1"),
            Flag::new("port", "N", Port, "The bridge's port.").default("18790"),
            Flag::new("node-id", "ID", Text, "The id of this node."),
            Flag::new("display-name", "NAME", Text, "The name of this node."),
            Flag::new("token-file", "FILE", File, "Where the token is kept."),
            Flag::new("handle", "CMD=PROGRAM", Pair,
                "Answer this command (or x.* for a family) with this program: it reads the parameters and \
                 prints the result; may be repeated.").repeated(),
            Flag::new("request", "METHOD", Text, "Call this method and print the answer."),
            Flag::new("params", "JSON", Json, PARAMS_HELP),
            Flag::new("subscribe", "KEY", Text,
                "Follow the chat of this session key; may be repeated.").repeated(),
            Flag::switch("once", "Leave when everything that was asked for is done."),
            Flag::switch("trace", "Print every frame that comes and goes, without tokens."),
            Flag::new("log", "LEVEL", Choice(LEVELS), "How much is logged.").default("info"),
        ]],
        examples: &[
            "node --display-name attic --handle system.notify=./notify.sh",
            "node --once --request health --trace",
        ],
    }
    Completions: "completions" "Print a completion script for a shell" {
        positionals: &[Positional::required("SHELL", Choice(SHELLS), "The shell.")],
        examples: &[
            "completions bash > ~/.local/share/bash-completion/completions/openclaw-bridge",
            "completions fish > ~/.config/fish/completions/openclaw-bridge.fish",
        ],
    }
    Help: "help" "Explain a command" {
        positionals: &[Positional::optional("COMMAND", Text, "The command.").repeated()],
        examples: &["help nodes approve"],
    }
}
