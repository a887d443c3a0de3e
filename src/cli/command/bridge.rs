//! The commands that run and operate the bridge.

use super::*;

fn serve() -> Command {
    verb("serve", "Run the bridge in the foreground", &["serve", "serve --bind lan --tls"])
        .before_help(
            "Without a configuration, only this machine can connect. Flags override the \
             environment (OPENCLAW_BRIDGE_STATE_DIR, _BIND, _PORT, _LOG), which overrides the \
             configuration file.",
        )
        .args([
            config(),
            state_dir("Where pairings and state are kept"),
            option(
                "bind",
                "WHERE",
                "Where to listen: loopback, lan, tailnet, auto, or an IP address",
            ),
            port("The TCP port; 0 chooses a free one"),
            switch("tls", "Encrypt connections; a certificate is made at the first start"),
            switch(
                "no-discovery",
                "Do not announce the bridge in the local network, whatever the configuration \
                 says",
            ),
            log_level("How much to log"),
        ])
}

pub(super) fn commands() -> [Command; 6] {
    [
        serve(),
        verb(
            "status",
            "Show the bridge's status",
            &["status", "status --json", "status --watch"],
        )
        .arg(switch(
            "watch",
            "Redraw every second, with the nodes, until Ctrl-C; print again and again if standard \
             output is not a terminal",
        ))
        .args(operator()),
        verb(
            "metrics",
            "Print the bridge's counters for Prometheus",
            &["metrics", "metrics > /var/lib/node_exporter/bridge.prom.new"],
        )
        .before_help(
            "The format is that of the textfile collector of the Prometheus node exporter. Write \
             to a temporary file in its directory and rename it, so that the collector never reads \
             half a file.",
        )
        .args(operator()),
        verb("reload", "Make the bridge read its configuration again", &["reload"])
            .before_help(
                "A configuration with mistakes changes nothing; the mistakes are printed. The TLS \
                 certificate is read again, too: connected nodes stay connected, new connections \
                 get the new certificate.",
            )
            .args(operator()),
        verb("stop", "Stop the running bridge", &["stop"]).args(operator()),
        verb("log", "Change how much the running bridge logs", &["log debug", "log info"])
            .before_help(
                "The change lasts until the next reload or restart; set bridge.log in the \
                 configuration to make it permanent. Modules named in RUST_LOG keep their levels.",
            )
            .arg(argument("LEVEL", "The new level").value_parser(LEVELS))
            .args(operator()),
    ]
}
