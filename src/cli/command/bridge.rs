//! The commands that run and operate the bridge.

use super::*;
use crate::cli::{daemon, metrics, serve};

commands! {
    "serve" => serve::run, "Run the bridge in the foreground";
        help "Without a configuration, only this machine can connect. Flags override the \
              environment (OPENCLAW_BRIDGE_STATE_DIR, _BIND, _PORT, _LOG), which overrides the \
              configuration file.";
        eg "serve", "serve --bind lan --tls";
        args [
            config(),
            state_dir("The directory for pairings and state"),
            option("bind", "WHERE",
                "Where to listen: loopback, lan, tailnet, auto, or an IP address"),
            port("The TCP port; 0 chooses a free one"),
            switch("tls",
                "Encrypt connections with TLS; a certificate is generated at the first start"),
            switch("no-discovery",
                "Do not announce the bridge on the local network, even if the configuration \
                 enables it"),
            log_level(),
        ];

    "status" => daemon::status, "Show the bridge's status";
        help "--check is for monitoring: it exits with 1 if the status has a warning, and with 69 if no \
              bridge is running.";
        eg "status", "status --json", "status --watch", "status --check --json";
        args [switch("check", "Fail if somebody has to see to something")
                .conflicts_with("watch"),
            switch("watch",
            "Also list the nodes, and refresh every second until Ctrl-C; if standard output is \
             not a terminal, print each update after the last")], operator();

    "metrics" => metrics::run, "Print the bridge's counters for Prometheus";
        help "The format suits the textfile collector of the Prometheus node exporter. Write to a \
              temporary file in the collector's directory and rename it, so that the collector \
              never reads a partial file.";
        eg "metrics", "metrics > /var/lib/node_exporter/bridge.prom.new";
        args operator();

    "reload" => daemon::reload, "Reload the bridge's configuration";
        help "If the configuration has errors, they are printed and nothing changes. The TLS \
              certificate is also reloaded: connected nodes stay connected, and new connections \
              get the new certificate.";
        eg "reload";
        args operator();

    "stop" => daemon::stop, "Stop the running bridge";
        eg "stop";
        args operator();

    "log" => daemon::log, "Change the running bridge's log level";
        help "The change lasts until the next reload or restart; set bridge.log in the \
              configuration to make it permanent. Modules named in RUST_LOG keep their levels.";
        eg "log debug", "log info";
        args [one_of(argument("LEVEL", "The new level"), LEVELS)], operator();
}
