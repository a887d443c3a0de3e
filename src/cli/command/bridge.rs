//! The commands that run and operate the bridge.

use super::*;

fn serve() -> Command {
    verb("serve", "Run the bridge in the foreground")
        .after_help(examples(&["serve", "serve --bind lan --tls"]))
        .before_help(
            "Without a configuration, only this machine can connect. Flags override the \
             environment (OPENCLAW_BRIDGE_STATE_DIR, _BIND, _PORT, _LOG), which overrides the \
             configuration file.",
        )
        .args([
            config(),
            state_dir().help("The directory for pairings and state"),
            option("bind", "WHERE")
                .help("Where to listen: loopback, lan, tailnet, auto, or an IP address"),
            port().help("The TCP port; 0 chooses a free one"),
            switch("tls").help(
                "Encrypt connections with TLS; a certificate is generated at the first start",
            ),
            switch("no-discovery").help(
                "Do not announce the bridge on the local network, even if the configuration \
                 enables it",
            ),
            log_level().help("The log level"),
        ])
}

pub(super) fn commands() -> [Command; 6] {
    [
        serve(),
        verb("status", "Show the bridge's status")
            .after_help(examples(&["status", "status --json", "status --watch"]))
        .arg(switch("watch").help(
            "Also list the nodes, and refresh every second until Ctrl-C; if standard output is not \
             a terminal, print each update after the last",
        ))
        .args(operator()),
        verb("metrics", "Print the bridge's counters for Prometheus")
            .after_help(examples(&["metrics", "metrics > /var/lib/node_exporter/bridge.prom.new"]))
        .before_help(
            "The format suits the textfile collector of the Prometheus node exporter. Write to a \
             temporary file in the collector's directory and rename it, so that the collector \
             never reads a partial file.",
        )
        .args(operator()),
        verb("reload", "Reload the bridge's configuration")
            .after_help(examples(&["reload"]))
            .before_help(
                "If the configuration has errors, they are printed and nothing changes. The TLS \
                 certificate is also reloaded: connected nodes stay connected, and new connections \
                 get the new certificate.",
            )
            .args(operator()),
        verb("stop", "Stop the running bridge")
            .after_help(examples(&["stop"])).args(operator()),
        verb("log", "Change the running bridge's log level")
            .after_help(examples(&["log debug", "log info"]))
            .before_help(
                "The change lasts until the next reload or restart; set bridge.log in the \
                 configuration to make it permanent. Modules named in RUST_LOG keep their levels.",
            )
            .arg(argument("LEVEL").help("The new level").value_parser(LEVELS))
            .args(operator()),
    ]
}
