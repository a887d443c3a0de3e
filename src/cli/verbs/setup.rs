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
    Fingerprint: "fingerprint" "Print the SHA-256 of the TLS certificate, for nodes to pin" {
        about: &["Asks the running bridge; if there is none, or a configuration is named, reads the \
                  certificate that `serve` would use. Compare it with what the app shows."],
        flags: &[&[
            Flag::switch("qr", "Draw it as a QR code, too."),
            CONFIG,
        ], OPERATOR],
        examples: &["fingerprint", "fingerprint --qr"],
    }
    Zone: "zone" "Print the DNS zone that shows nodes the way from elsewhere" {
        about: &["For a DNS server in your tailnet or another VPN; etc/coredns has an example. The \
                  port and the certificate are those of the running bridge, else those of the \
                  configuration. With discovery.wideArea.enabled, the bridge keeps the file current \
                  by itself.",
                 "With --write, a file that is current is left alone, and one that somebody has \
                  edited is kept under a second name."],
        flags: &[
            &[
                CONFIG,
                Flag::switch("write", "Write it to dns/DOMAIN.db in the state directory."),
                Flag::new("address", "IP", Text,
                    "The IPv4 address under which nodes reach the bridge, if it is not the \
                     tailnet's."),
            ],
            OPERATOR,
        ],
        examples: &["zone", "zone --write", "zone --address 10.8.0.1"],
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
        about: &[
            "A node for machines without an app, and the tool to try a bridge by hand. It asks \
             for pairing at its first start and keeps the token it is given.",
            "It answers system.run, system.which, system.notify, system.execApprovals.get and \
             .set, and the commands of --handle. By default system.run is refused: --exec and \
             --allow, or the file of --exec-approvals, let the gateway run programs as the user \
             this node runs as.",
            "Patterns: /usr/bin/git is that program, /opt/lamp/* those in a directory, ** \
             stands for anything, and git for what PATH finds by that name. Arguments are not \
             looked at: whoever may run sh, env or python may run everything.",
            "With --tls, the certificate that the bridge shows at first is kept beside the token, \
             and from then on the token is sent to no other, with --tls or without. \
             --tls-fingerprint says which one it has to be.",
        ],
        flags: &[&[
            Flag::new("host", "H", Text, "The bridge's host.").default("127.0.0.1"),
            Flag::new("port", "N", Port, "The bridge's port.").default("18790"),
            Flag::switch("tls", "Encrypt, and trust the certificate that was met first."),
            Flag::new("tls-fingerprint", "HEX", Text,
                "Encrypt, and trust the certificate with this SHA-256 only; see `fingerprint`."),
            Flag::new("node-id", "ID", Text, "The id of this node."),
            Flag::new("display-name", "NAME", Text, "The name of this node."),
            Flag::new("token-file", "FILE", File, "Where the token is kept."),
            Flag::new("handle", "CMD=PROGRAM", Pair,
                "Answer this command (or x.* for a family) with this program: it reads the parameters and \
                 prints the result; may be repeated.").repeated(),
            Flag::new("exec", "LEVEL", Choice(EXEC_LEVELS),
                "The most that system.run may run, whatever the file of --exec-approvals says; \
                 without it, the file decides, and without a file nothing runs."),
            Flag::new("allow", "PATTERN", Text,
                "Let system.run run these programs; means --exec allowlist; may be repeated.").repeated(),
            Flag::new("exec-approvals", "FILE", File,
                "Whom the owner allows what; without it, exec-approvals.json beside the token."),
            Flag::switch("remote-approvals",
                "Let the gateway change that file as it likes. Without this it can only take \
                 rights away from itself."),
            Flag::new("event", "NAME=JSON", Pair,
                "Send this event, with JSON, @FILE or - as its content; may be repeated.").repeated(),
            Flag::new("request", "METHOD", Text, "Call this method and print the answer."),
            Flag::new("params", "JSON", Json, PARAMS_HELP),
            Flag::new("subscribe", "KEY", Text,
                "Follow the chat of this session key; may be repeated.").repeated(),
            Flag::switch("once", "Leave when everything that was asked for is done."),
            Flag::switch("trace", "Print every frame that comes and goes, without tokens."),
            Flag::new("log", "LEVEL", Choice(LEVELS), "How much is logged.").default("info"),
        ]],
        examples: &[
            "node --display-name attic --handle lamp.on=./lamp.sh",
            "node --host studio.local --allow vcgencmd --allow '/home/pi/bin/*'",
            "node --once --request health --trace",
            "node --host studio.local --tls",
            "node --subscribe main --event voice.transcript='{\"text\":\"What time is it?\"}'",
            "node --once --event agent.request='{\"message\":\"Water the plants\"}'",
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
