//! The rows of commands that run and operate the bridge.

use super::*;

rows! {
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
            Flag::switch("tls",
                "Encrypt connections; a certificate is made at the first start."),
            Flag::switch("no-discovery",
                "Do not announce the bridge in the local network, whatever the configuration says."),
            Flag::new("log", "LEVEL", Choice(LEVELS), "How much is logged."),
        ]],
        examples: &["serve", "serve --bind lan --tls"],
    }
    Status: "status" "Tell how the running bridge is" {
        flags: &[
            &[Flag::switch("watch",
                "Draw it again every second, with the nodes, until Ctrl-C; when standard output \
                 is no terminal, print it again.")],
            OPERATOR,
        ],
        examples: &["status", "status --json", "status --watch"],
    }
    Metrics: "metrics" "Print the bridge's counters for Prometheus" {
        about: &["Text for the textfile collector of the Prometheus node exporter. Write it to a \
                  file beside the real one and rename it, so that no half file is read."],
        flags: &[OPERATOR],
        examples: &["metrics", "metrics > /var/lib/node_exporter/bridge.prom.new"],
    }
    Reload: "reload" "Have the bridge read its configuration again" {
        about: &["A configuration with a mistake in it changes nothing; the mistake is told. The \
                  TLS certificate is read again, too: nodes that are connected stay, new \
                  connections get the new one."],
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
}
