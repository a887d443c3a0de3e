//! The rows of commands for setting up and trying out.

use super::*;

rows! {
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
    Discover: "discover" "Find the bridges in the local network" {
        about: &["Asks by mDNS on every interface that leads to a local network. What a bridge says \
                  about itself is not proved; compare the fingerprint with what the bridge's own \
                  machine shows. Exits with 1 if there is none."],
        flags: &[&[
            Flag::new("timeout", "DURATION", Duration, "How long to listen.").default("3s"),
            Flag::new("type", "TYPE", Text, "The type of service.").default("_clawdbot-bridge._tcp"),
            JSON,
        ]],
        examples: &["discover", "discover --timeout 10s --json"],
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
