//! The commands to set up and test a bridge.

use super::*;

pub(super) fn commands() -> [Command; 7] {
    [
        discover(),
        group("config", "Check or show the configuration").subcommands(configuration()),
        fingerprint(),
        zone(),
        import(),
        be_a_node(),
        verb("completions", "Print a completion script for a shell")
            .after_help(examples(&[
                "completions bash > ~/.local/share/bash-completion/completions/openclaw-bridge",
                "completions fish > ~/.config/fish/completions/openclaw-bridge.fish",
            ]))
            .arg(
                argument("SHELL")
                    .help("The shell")
                    .value_parser(clap::value_parser!(clap_complete::Shell)),
            ),
    ]
}

fn configuration() -> [Command; 2] {
    [
        verb("check", "List every error in a configuration file")
            .after_help(examples(&[
                "config check",
                "config check /etc/openclaw-bridge/bridge.json5",
            ]))
            .before_help(
                "By default, checks the file that `serve` would read. Exits with 78 if there are \
             errors.",
            )
            .args([
                config().conflicts_with("CONFIG"),
                argument("CONFIG")
                    .required(false)
                    .value_name("FILE")
                    .value_hint(ValueHint::FilePath)
                    .help("The same as --config"),
                json(),
            ]),
        verb("show", "Show every setting in force, and where it was set")
            .after_help(examples(&["config show"]))
            .args([config(), json()]),
    ]
}

fn fingerprint() -> Command {
    verb("fingerprint", "Print the fingerprint of the TLS certificate, for nodes to pin")
        .after_help(examples(&["fingerprint", "fingerprint --qr"]))
        .before_help(
        "The fingerprint is a SHA-256 hash; compare it with the one that the app shows. It comes \
         from the running bridge. If none is running, or with --config, it comes from the \
         certificate that `serve` would use.",
    )
    .args([switch("qr").help("Also print a QR code"), config()])
    .args(operator())
}

fn zone() -> Command {
    verb("zone", "Print a DNS zone for discovery beyond the local network")
        .after_help(examples(&["zone", "zone --write", "zone --address 10.8.0.1"]))
        .before_help(
            "For a DNS server in your tailnet or another VPN; etc/coredns has an example. The port \
             and the certificate are those of the running bridge, or those of the configuration if \
             none is running. With discovery.wideArea.enabled, the bridge maintains the file \
             itself.\n\n\
             With --write, a file that is up to date is left unchanged, and a file that was edited \
             by hand is kept under another name.",
        )
        .args([
            config(),
            switch("write").help("Write it to dns/DOMAIN.db in the state directory"),
            option("address", "IP")
                .help("The IPv4 address at which nodes reach the bridge; by default the tailnet's"),
        ])
        .args(operator())
}

fn import() -> Command {
    verb("import", "Import the pairings and conversations of an old gateway")
        .after_help(examples(&["import ~/.clawdbot", "import ~/.clawdbot --apply"]))
        .before_help(
            "Without --apply, only prints what would be imported. Existing data is never replaced, \
             and the old directory is not changed. With --apply, the bridge must not be running. \
             Exits with 1 if something is damaged; the rest is imported.",
        )
        .args([
            argument("DIR").help("The state directory of the old gateway, usually ~/.clawdbot")
                .value_hint(ValueHint::DirPath),
            switch("apply").help("Carry out the import"),
            state_dir()
                .help("The directory to import into; by default the one that `serve` would use"),
            json(),
        ])
}

fn discover() -> Command {
    verb("discover", "Find bridges on the local network")
        .after_help(examples(&["discover", "discover --timeout 10s --json"]))
        .before_help(
            "Sends mDNS queries on every local network interface. Announcements are not \
             authenticated: compare the fingerprint with the one that `fingerprint` prints on the \
             bridge's machine. Exits with 1 if no bridge is found.",
        )
        .args([
            duration("timeout").help("How long to listen").default_value("3s"),
            option("type", "TYPE").help("The service type").default_value("_clawdbot-bridge._tcp"),
            json(),
        ])
}

const NODE_DETAILS: &str =
    "Runs a node on a machine without an app, or tests a bridge by hand. The node requests pairing \
     when it first starts, and keeps the token it receives.\n\n\
     It answers system.run, system.which, system.notify, system.execApprovals.get and .set, and \
     the commands given with --handle. It refuses system.run by default: --exec and --allow, or \
     the file given with --exec-approvals, let the gateway run programs as the user that runs this \
     node.\n\n\
     Patterns: /usr/bin/git is that program, /opt/lamp/* is every program in that directory, ** \
     matches anything, and git is the program that PATH finds under that name. Arguments are not \
     checked: permission to run sh, env or python is permission to run anything.\n\n\
     With --tls, the node trusts the first certificate that the bridge presents, and stores its \
     fingerprint with the token. From then on it sends the token only to a bridge with that \
     certificate, even without --tls. --tls-fingerprint pins a certificate from the start.";

fn be_a_node() -> Command {
    let lines = [
        "node --display-name attic --handle lamp.on=./lamp.sh",
        "node --host studio.local --allow vcgencmd --allow '/home/pi/bin/*'",
        "node --once --request health --trace",
        "node --host studio.local --tls",
        "node --subscribe main --event voice.transcript='{\"text\":\"What time is it?\"}'",
        "node --once --event agent.request='{\"message\":\"Water the plants\"}'",
    ];
    verb("node", "Run as a node: connect, pair, answer commands")
        .after_help(examples(&lines))
        .before_help(NODE_DETAILS)
        .args(connection_of_the_node())
        .args(work_of_the_node())
}

fn connection_of_the_node() -> [Arg; 7] {
    [
        option("host", "H")
            .help("The bridge's host")
            .default_value("127.0.0.1")
            .value_hint(ValueHint::Hostname),
        port().help("The bridge's port").default_value("18790"),
        switch("tls").help("Use TLS, and trust the first certificate that the bridge presents"),
        option("tls-fingerprint", "HEX").help(
            "Use TLS, and trust only the certificate with this SHA-256 fingerprint; see \
             `fingerprint`",
        ),
        option("node-id", "ID").help("This node's id"),
        option("display-name", "NAME").help("This node's name"),
        option("token-file", "FILE")
            .help("The file in which the token is kept")
            .value_hint(ValueHint::FilePath),
    ]
}

fn work_of_the_node() -> [Arg; 12] {
    let is_pair = |text: &str| {
        text.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
    };
    [
        repeated("handle", "CMD=PROGRAM").help(
            "Answer this command (or a family such as x.*) with this program, which reads the \
             parameters from standard input and prints the result; may be repeated",
        )
        .value_parser(checked(is_pair, "expected COMMAND=PROGRAM")),
        option("exec", "LEVEL").help(
            "The most that system.run may run, even if the --exec-approvals file allows more; by \
             default the file decides, and without a file nothing runs",
        )
        .value_parser(["deny", "allowlist", "full"]),
        repeated("allow", "PATTERN")
            .help("Let system.run run these programs; implies --exec allowlist; may be repeated"),
        option("exec-approvals", "FILE")
            .help("What the owner allows; by default exec-approvals.json next to the token file")
            .value_hint(ValueHint::FilePath),
        switch("remote-approvals").help(
            "Let the gateway change that file freely; by default it can only remove permissions",
        ),
        repeated("event", "NAME=JSON")
            .help("Send this event, with JSON, @FILE or - as its content; may be repeated")
        .value_parser(checked(is_pair, "expected NAME=JSON")),
        option("request", "METHOD").help("Call this method and print the answer"),
        params(),
        repeated("subscribe", "KEY").help("Follow the chat of this session; may be repeated"),
        switch("once").help("Exit when all events and requests are done"),
        switch("trace").help("Print every frame sent or received, without tokens"),
        log_level().help("The log level").default_value("info"),
    ]
}
