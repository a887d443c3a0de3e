//! The commands for setting up and trying out.

use super::*;

pub(super) fn commands() -> [Command; 7] {
    [
        discover(),
        group("config", "Check or show the configuration").subcommands(configuration()),
        fingerprint(),
        zone(),
        import(),
        be_a_node(),
        verb(
            "completions",
            "Print a completion script for a shell",
            &[
                "completions bash > ~/.local/share/bash-completion/completions/openclaw-bridge",
                "completions fish > ~/.config/fish/completions/openclaw-bridge.fish",
            ],
        )
        .arg(
            argument("SHELL", "The shell").value_parser(clap::value_parser!(clap_complete::Shell)),
        ),
    ]
}

fn configuration() -> [Command; 2] {
    [
        verb(
            "check",
            "List every mistake in a configuration file",
            &["config check", "config check /etc/openclaw-bridge/bridge.json5"],
        )
        .before_help(
            "By default checks the file that `serve` would read. Exits with 78 if there is a \
             mistake.",
        )
        .args([
            config().conflicts_with("CONFIG"),
            Arg::new("CONFIG")
                .value_name("FILE")
                .value_parser(NonEmptyStringValueParser::new())
                .value_hint(ValueHint::FilePath)
                .help("The same as --config"),
            json(),
        ]),
        verb("show", "Show every setting in force, and where it was set", &["config show"])
            .args([config(), json()]),
    ]
}

fn fingerprint() -> Command {
    verb(
        "fingerprint",
        "Print the SHA-256 of the TLS certificate, for nodes to pin",
        &["fingerprint", "fingerprint --qr"],
    )
    .before_help(
        "Asks the running bridge. If none is running, or with --config, reads the certificate that \
         `serve` would use. Compare it with what the app shows.",
    )
    .args([switch("qr", "Print it as a QR code, too"), config()])
    .args(operator())
}

fn zone() -> Command {
    let examples = ["zone", "zone --write", "zone --address 10.8.0.1"];
    verb("zone", "Print the DNS zone by which nodes elsewhere find the bridge", &examples)
        .before_help(
            "For a DNS server in your tailnet or another VPN; etc/coredns has an example. The port \
             and the certificate are those of the running bridge, or those of the configuration if \
             none is running. With discovery.wideArea.enabled, the bridge keeps the file up to \
             date by itself.\n\n\
             With --write, an up-to-date file is left alone, and a file that somebody has edited \
             is kept under another name.",
        )
        .args([
            config(),
            switch("write", "Write it to dns/DOMAIN.db in the state directory"),
            option(
                "address",
                "IP",
                "The IPv4 address at which nodes reach the bridge; by default the tailnet's",
            ),
        ])
        .args(operator())
}

fn import() -> Command {
    let examples = ["import ~/.clawdbot", "import ~/.clawdbot --apply"];
    verb("import", "Import the pairings and conversations of an old gateway", &examples)
        .before_help(
            "Without --apply, only prints what would be imported. Existing data is never replaced, \
             and the old directory is not changed. With --apply, the bridge must not be running. \
             Exits with 1 if something is damaged; the rest is imported.",
        )
        .args([
            argument("DIR", "The state directory of the old gateway, usually ~/.clawdbot")
                .value_hint(ValueHint::DirPath),
            switch("apply", "Import it"),
            state_dir("The directory to import into; by default the one that `serve` would use"),
            json(),
        ])
}

fn discover() -> Command {
    let examples = ["discover", "discover --timeout 10s --json"];
    verb("discover", "Find bridges in the local network", &examples)
        .before_help(
            "Asks by mDNS on every interface of a local network. What a bridge announces about \
             itself is not verified; compare the fingerprint with the one printed on the bridge's \
             own machine. Exits with 1 if no bridge is found.",
        )
        .args([
            duration("timeout", "How long to listen").default_value("3s"),
            option("type", "TYPE", "The service type").default_value("_clawdbot-bridge._tcp"),
            json(),
        ])
}

const NODE_DETAILS: &str =
    "A node for machines without an app, and a tool for trying out a bridge by hand. It asks for \
     pairing when it first starts and keeps the token it gets.\n\n\
     It answers system.run, system.which, system.notify, system.execApprovals.get and .set, and \
     the commands given with --handle. By default it refuses system.run: --exec and --allow, or \
     the file given with --exec-approvals, let the gateway run programs as the user that runs this \
     node.\n\n\
     Patterns: /usr/bin/git is that program, /opt/lamp/* are those in a directory, ** matches \
     anything, and git is what PATH finds under that name. Arguments are not checked: permission \
     to run sh, env or python is permission to run anything.\n\n\
     With --tls, the first certificate that the bridge presents is kept with the token, and from \
     then on the token is sent to no other, with or without --tls. --tls-fingerprint says which \
     certificate it has to be.";

fn be_a_node() -> Command {
    let examples = [
        "node --display-name attic --handle lamp.on=./lamp.sh",
        "node --host studio.local --allow vcgencmd --allow '/home/pi/bin/*'",
        "node --once --request health --trace",
        "node --host studio.local --tls",
        "node --subscribe main --event voice.transcript='{\"text\":\"What time is it?\"}'",
        "node --once --event agent.request='{\"message\":\"Water the plants\"}'",
    ];
    verb("node", "Be a node: connect, pair, answer commands", &examples)
        .before_help(NODE_DETAILS)
        .args(connection_of_the_node())
        .args(work_of_the_node())
}

fn connection_of_the_node() -> [Arg; 7] {
    [
        option("host", "H", "The bridge's host")
            .default_value("127.0.0.1")
            .value_hint(ValueHint::Hostname),
        port("The bridge's port").default_value("18790"),
        switch("tls", "Encrypt, and trust the first certificate that is presented"),
        option(
            "tls-fingerprint",
            "HEX",
            "Encrypt, and trust only the certificate with this SHA-256; see `fingerprint`",
        ),
        option("node-id", "ID", "This node's id"),
        option("display-name", "NAME", "This node's name"),
        option("token-file", "FILE", "Where the token is kept").value_hint(ValueHint::FilePath),
    ]
}

fn work_of_the_node() -> [Arg; 12] {
    let is_pair = |text: &str| {
        text.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
    };
    [
        repeated(
            "handle",
            "CMD=PROGRAM",
            "Answer this command (or x.* for a family) with this program, which reads the \
             parameters on standard input and prints the result; may be repeated",
        )
        .value_parser(checked(is_pair, "expected COMMAND=PROGRAM")),
        option(
            "exec",
            "LEVEL",
            "The most that system.run may run, whatever the file of --exec-approvals says; by \
             default the file decides, and without a file nothing runs",
        )
        .value_parser(["deny", "allowlist", "full"]),
        repeated(
            "allow",
            "PATTERN",
            "Let system.run run these programs; implies --exec allowlist; may be repeated",
        ),
        option(
            "exec-approvals",
            "FILE",
            "What the owner allows; by default exec-approvals.json beside the token",
        )
        .value_hint(ValueHint::FilePath),
        switch(
            "remote-approvals",
            "Let the gateway change that file freely; by default it can only remove permissions",
        ),
        repeated(
            "event",
            "NAME=JSON",
            "Send this event, with JSON, @FILE or - as its content; may be repeated",
        )
        .value_parser(checked(is_pair, "expected NAME=JSON")),
        option("request", "METHOD", "Call this method and print the answer"),
        params(),
        repeated("subscribe", "KEY", "Follow the chat of this session key; may be repeated"),
        switch("once", "Exit when everything asked for is done"),
        switch("trace", "Print every frame sent or received, without tokens"),
        log_level("How much to log").default_value("info"),
    ]
}
