//! The commands to set up and test a bridge.

use super::*;
use crate::cli::{
    completion, config_file, discover, dns, fingerprint, import, node_verb, setup, zone,
};

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

/// A flag whose value is `NAME=VALUE` and that may be given several times.
fn pairs(
    name: &'static str,
    value: &'static str,
    expected: &'static str,
    help: &'static str,
) -> Arg {
    repeated(name, value, help).value_parser(move |text: &str| {
        pair(text).filter(|(_, value)| !value.is_empty()).ok_or(expected)
    })
}

commands! {
    "setup" => setup::run, "Write the configuration, from the answers to four questions";
        help "Asks who may connect, whether connections are encrypted, how the bridge is called, and what \
              answers chat messages; then shows the file, writes it if you agree, checks it, has a running \
              bridge read it, and says what to do next and how to undo it. A file that is there already is \
              kept as a copy.\n\n\
              Root writes /etc/openclaw-bridge/bridge.json5, others ~/.config/openclaw-bridge/bridge.json5. \
              What a flag answers is not asked. With --yes, nothing is asked: what no flag answers stays as \
              it is, or is lan, TLS, the name of the machine, and echo.";
        eg "setup", "setup --network lan --tls yes --name Attic --agent echo --yes",
           "setup --yes --agent command -- /usr/local/bin/answer --fast";
        args [
            one_of(option("network", "WHO", "Who may connect: lan, tailnet or loopback"),
                &["lan", "tailnet", "loopback"]),
            one_of(option("tls", "yes|no", "Whether connections are encrypted"), &["yes", "no"]),
            option("name", "NAME", "The bridge's name as the apps show it"),
            one_of(option("agent", "KIND",
                "What answers chat messages: echo, or command for the PROGRAM"),
                &["echo", "command"]),
            switch("yes", "Ask nothing"),
            file("config", "Write this file instead"),
            argument("PROGRAM", "The program that answers chat messages, and its arguments")
                .required(false)
                .num_args(1..)
                .last(true),
        ], operator();

    "discover" => discover::run, "Find bridges on the local network";
        help "Sends mDNS queries on every local network interface. Announcements are not \
              authenticated: compare the fingerprint with the one that `fingerprint` prints on \
              the bridge's machine. Exits with 1 if no bridge is found.";
        eg "discover", "discover --timeout 10s --json";
        args [
            duration("timeout", "How long to listen").default_value("3s"),
            option("type", "TYPE", "The service type").default_value("_clawdbot-bridge._tcp"),
            json(),
        ];

    "config check" => config_file::check, "List every error in a configuration file";
        help "By default, checks the file that `serve` would read. Exits with 78 if there are \
              errors.";
        eg "config check", "config check /etc/openclaw-bridge/bridge.json5";
        args [
            config().conflicts_with("CONFIG"),
            argument("CONFIG", "The same as --config")
                .required(false)
                .value_name("FILE")
                .value_hint(ValueHint::FilePath),
            json(),
        ];
    "config show" => config_file::show, "Show every setting in force, and where it was set";
        eg "config show";
        args [config(), json()];

    "fingerprint" => fingerprint::run,
        "Print the fingerprint of the TLS certificate, for nodes to pin";
        help "The fingerprint is a SHA-256 hash; compare it with the one that the app shows. It \
              comes from the running bridge. If none is running, or with --config, it comes from \
              the certificate that `serve` would use.";
        eg "fingerprint", "fingerprint --qr";
        args [switch("qr", "Also print a QR code"), config()], operator();

    "zone" => zone::run, "Print a DNS zone for discovery beyond the local network";
        help "For a DNS server in your tailnet or another VPN; etc/coredns has an example. The \
              port and the certificate are those of the running bridge, or those of the \
              configuration if none is running. With discovery.wideArea.enabled, the bridge \
              maintains the file itself.\n\n\
              With --write, a file that is up to date is left unchanged, and a file that was \
              edited by hand is kept under another name.";
        eg "zone", "zone --write", "zone --address 10.8.0.1";
        args [
            config(),
            switch("write", "Write it to dns/DOMAIN.db in the state directory"),
            option("address", "IP",
                "The IPv4 address at which nodes reach the bridge; by default the tailnet's"),
        ], operator();

    "dns setup" => dns::setup, "Set up CoreDNS to serve the zone in a tailnet";
        help "Prints the files that CoreDNS needs, and what to enter in the tailnet's console. \
              --apply writes the files. A Corefile that exists is never changed, and a file that \
              was edited by hand only with --force, which keeps a copy.";
        eg "dns setup", "dns setup --apply";
        args [
            config(),
            switch("apply", "Write the files"),
            switch("force", "Also replace files that were edited by hand, after copying them"),
            option("address", "IP",
                "The IPv4 address at which nodes reach this machine; by default the tailnet's"),
            option("root", "DIR", "Write below this directory instead of /")
                .value_hint(ValueHint::DirPath),
        ], operator();

    "import" => import::run, "Take over the nodes, conversations and certificate of an old gateway";
        help "Imports pairings, the conversations of all agents, wake words, the TLS certificate \
              (nodes that pinned it stay connected), and what a node on this machine may run. What \
              stays behind is listed with the reason.\n\n\
              Without --apply, only prints what would be imported. Existing data is never \
              replaced, and the old directory is not changed. With --apply, the bridge must not \
              be running. Exits with 1 if something is damaged; the rest is imported.";
        eg "import ~/.clawdbot", "import ~/.clawdbot --apply";
        args [
            argument("DIR", "The state directory of the old gateway, usually ~/.clawdbot")
                .value_hint(ValueHint::DirPath),
            switch("apply", "Carry out the import"),
            state_dir("The directory to import into; by default the one that `serve` would use"),
            file("exec-approvals",
                "Where the node on this machine keeps what it may run; by default the file that \
                 `node` would use"),
            json(),
        ];

    "node" => node_verb::run, "Run as a node: connect, pair, answer commands";
        help NODE_DETAILS;
        eg "node --display-name attic --handle lamp.on=./lamp.sh",
           "node --host studio.local --allow vcgencmd --allow '/home/pi/bin/*'",
           "node --once --request health --trace",
           "node --host studio.local --tls",
           "node --gateway ws://127.0.0.1:18789 --gateway-token-file token.txt --allow uptime",
           "node --subscribe main --event voice.transcript='{\"text\":\"What time is it?\"}'",
           "node --once --event agent.request='{\"message\":\"Water the plants\"}'";
        args [
            option("host", "H",
                "The bridge's host; for a .local name that the system does not know, the local \
                 network is asked (mDNS)")
                .default_value("127.0.0.1")
                .value_hint(ValueHint::Hostname),
            port("The bridge's port").default_value("18790"),
            option("gateway", "URL",
                "Join a current OpenClaw gateway instead, without a bridge: ws:// on this machine, \
                 wss:// elsewhere")
                .conflicts_with_all(["host", "port", "tls", "trace"])
                .value_hint(ValueHint::Url),
            file("gateway-token-file",
                "The file with that gateway's token, or with a setup code, which is needed until it \
                 has given this node a token; by default the variable OPENCLAW_GATEWAY_TOKEN")
                .requires("gateway"),
            switch("allow-plaintext", "Allow ws:// to another machine, where others can read it")
                .requires("gateway"),
            switch("tls", "Use TLS, and trust the first certificate that the bridge presents"),
            option("tls-fingerprint", "HEX",
                "Use TLS, and trust only the certificate with this SHA-256 fingerprint; see \
                 `fingerprint`"),
            option("node-id", "ID", "This node's id"),
            option("display-name", "NAME", "This node's name"),
            file("token-file", "The file in which the token is kept"),
            pairs("handle", "CMD=PROGRAM", "expected COMMAND=PROGRAM",
                "Answer this command (or a family such as x.*) with this program, which reads the \
                 parameters from standard input and prints the result; may be repeated"),
            one_of(option("exec", "LEVEL",
                "The most that system.run may run, even if the --exec-approvals file allows more; \
                 by default the file decides, and without a file nothing runs"),
                &["deny", "allowlist", "full"]),
            repeated("allow", "PATTERN",
                "Let system.run run these programs, and no others unless --exec-approvals or \
                 --remote-approvals is given, too; implies --exec allowlist; may be repeated"),
            repeated("allow-env", "NAME",
                "Let the gateway set this environment variable for them, besides LANG, LC_*, TERM \
                 and TZ; may be repeated"),
            file("exec-approvals",
                "What the owner allows; by default exec-approvals.json next to the token file"),
            switch("remote-approvals",
                "Let the gateway change that file freely; by default it can only remove \
                 permissions"),
            pairs("event", "NAME=JSON", "expected NAME=JSON",
                "Send this event, with JSON, @FILE or - as its content; may be repeated"),
            option("request", "METHOD", "Call this method and print the answer"),
            params(),
            repeated("subscribe", "KEY", "Follow the chat of this session; may be repeated"),
            switch("once", "Exit when all events and requests are done"),
            switch("trace", "Print every frame sent or received, without tokens"),
            log_level().default_value("info"),
        ];

    "completions" => completion::script, "Print a completion script for a shell";
        help "In bash, zsh and fish, it also completes the names of nodes, the ids of pairing requests and \
              the keys of conversations: it asks the running bridge, and waits for at most a second. \
              Requests that need their full id are not offered for approval.";
        eg "completions bash > ~/.local/share/bash-completion/completions/openclaw-bridge",
           "completions fish > ~/.config/fish/completions/openclaw-bridge.fish";
        args [argument("SHELL", "The shell")
            .ignore_case(true)
            .value_parser(clap::value_parser!(clap_complete::Shell))];
}
