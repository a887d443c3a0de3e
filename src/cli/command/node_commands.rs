//! The commands that run one command on a node (protocol section 12), with the names, flags and
//! defaults of the old command line.

use super::*;
use crate::cli::node_commands::{approvals, canvas, media, phone, system};

const MEDIA: &str = "Prints MEDIA: followed by the path of the file. Only you can read the file.";
const FOREGROUND: &str = "On phones, this works only while the app is in the foreground.";

fn media_in_foreground() -> String {
    format!("{MEDIA}\n\n{FOREGROUND}")
}

/// The flags of a command for a node that is given as `--node N` or just `N`.
fn on_node(timeout: &'static str) -> [Arg; 3] {
    let [node, positional] = node_or_positional();
    [node, positional, invoke_timeout(timeout).display_order(99)]
}

fn invoke_timeout(default: &'static str) -> Arg {
    let help = "How long to wait for the node; extended by default if the command itself takes \
                longer";
    duration("invoke-timeout", help).default_value(default)
}

fn out() -> Arg {
    let help = "The output file; an existing file is replaced once everything has arrived. \
                Default: a new private file in the directory of the agent's run, else in $TMPDIR";
    file("out", help)
}

fn device_id() -> Arg {
    option("device-id", "ID", "The camera's id, from `nodes camera list`")
}

fn picture() -> [Arg; 2] {
    [
        pixels("max-width", "The largest width of the picture"),
        decimal("quality", "Q", "The quality of the JPEG, from 0 to 1"),
    ]
}

fn length(default: &'static str) -> Arg {
    duration("duration", "The length of the recording, from 250ms to 60s").default_value(default)
}

fn no_audio() -> Arg {
    switch("no-audio", "Record without sound")
}

/// A program in a node's allowlist, and for which agent.
fn allowlisted(agent: &'static str) -> [Arg; 4] {
    let pattern = "The program: its path, a path with * or **, or its name";
    [node(), argument("PATTERN", pattern), option("agent", "A", agent), invoke_timeout("15s")]
}

fn variable() -> Arg {
    repeated("env", "K=V", "An environment variable for the program; may be repeated")
        .value_parser(|text: &str| pair(text).ok_or("expected NAME=VALUE"))
}

commands! {
    "nodes run" => system::run, "Run a program on a node";
        help "For Macs and headless nodes; the node decides whether the program may run. Prints \
              the program's output. Exits with 1 if the program fails or times out.";
        eg "nodes run --node studio -- uname -a",
           "nodes run --node studio --cwd /tmp --env LANG=C --command-timeout 5s -- ls -l";
        args [
            node(),
            option("cwd", "DIR", "The working directory on the node"),
            variable(),
            duration("command-timeout", "How long the program may take before the node stops it"),
            switch("needs-screen-recording",
                "Fail at once if the node lacks permission to record its screen"),
            invoke_timeout("30s"),
            argument("CMD", "The program and its arguments, after --")
                .value_parser(StringValueParser::new())
                .num_args(1..),
        ];

    "nodes approvals get" => approvals::get, "Show what a node lets the gateway run";
        help "For Macs and headless nodes. Shows the node's exec-approvals file; --json also has \
              its hash.";
        eg "nodes approvals get --node studio",
           "nodes approvals get --node studio --json > approvals.json";
        args on_node("15s");
    "nodes approvals set" => approvals::set, "Replace a node's exec-approvals file";
        help "FILE has the new content, or what `nodes approvals get --json` printed, with changes. \
              The latter is refused if the file on the node has changed in the meantime.\n\n\
              A headless node lets the gateway add permissions only if its owner has started it \
              with --remote-approvals; it may always remove some.";
        eg "nodes approvals set --node studio approvals.json";
        args [
            node(),
            argument("FILE", "The file, or - for standard input").value_hint(ValueHint::FilePath),
            invoke_timeout("15s"),
        ];
    "nodes approvals allow" => approvals::allow, "Add a program to a node's allowlist";
        help "The allowlist counts where `security` is `allowlist`. A headless node accepts this \
              only if its owner has started it with --remote-approvals.";
        eg "nodes approvals allow --node studio /usr/bin/uptime",
           "nodes approvals allow --node studio --agent main '~/bin/*'";
        args allowlisted("The agent that may run it; by default every agent");
    "nodes approvals deny" => approvals::deny, "Remove a program from a node's allowlist";
        eg "nodes approvals deny --node studio /usr/bin/uptime";
        args allowlisted("The agent that may no longer run it; by default every agent");

    "nodes notify" => system::notify, "Show a notification on a Mac";
        help "Needs --title, --body or both.";
        eg "nodes notify --node studio --title Tea --body \"It is ready\" --sound Glass";
        args [
            node(),
            option("title", "TEXT", "The title"),
            option("body", "TEXT", "The text"),
            option("sound", "NAME", "A system sound, such as Glass"),
            one_of(option("priority", "P", "How intrusive the notification may be"),
                &["passive", "active", "timeSensitive"]),
            one_of(option("delivery", "D",
                "Use a system notification, an overlay, or whichever is available"),
                &["system", "overlay", "auto"])
                .default_value("system"),
            invoke_timeout("15s"),
        ];

    "nodes camera list" => media::cameras, "List a node's cameras";
        help "For iOS and macOS. Android cannot list its cameras; use --facing there.";
        eg "nodes camera list --node kitchen";
        args on_node("15s");
    "nodes camera snap" => media::snap, "Take a picture with a node's camera";
        help format!(
            "{MEDIA}\n\nWithout --facing, takes a picture with each camera; -front and -back are \
             then added to the file name in --out, before the extension.\n\n{FOREGROUND}");
        eg "nodes camera snap --node kitchen",
           "nodes camera snap --node kitchen --facing back --max-width 1200 --out door.jpg";
        args on_node("20s"), [
            one_of(
                option("facing", "WHICH", "The camera; by default both, unless --device-id is given"),
                &["front", "back", "both"]),
            device_id(),
        ], picture(), [
            count("delay-ms", "MS",
                "Time for the camera to adjust, in milliseconds; at most 10000"),
            out(),
        ];
    "nodes camera clip" => media::clip, "Record a clip with a node's camera";
        help media_in_foreground();
        eg "nodes camera clip --node kitchen --duration 10s",
           "nodes camera clip --node kitchen --facing back --no-audio --out yard.mp4";
        args on_node("90s"), [
            one_of(option("facing", "WHICH", "The camera to use"), &["front", "back"])
                .default_value("front"),
            device_id(),
            length("3s"),
            no_audio(),
            out(),
        ];

    "nodes canvas snapshot" => media::snapshot, "Take a picture of a node's canvas";
        help media_in_foreground();
        eg "nodes canvas snapshot --node kitchen --format png --out canvas.png";
        args on_node("20s"), [
            one_of(option("format", "F", "The format of the picture"), &["jpg", "jpeg", "png"])
                .default_value("jpg"),
        ], picture(), [out()];
    "nodes canvas present" => canvas::present,
        "Show a node's canvas, optionally with a page";
        help format!("Position and size apply to Macs only.\n\n{FOREGROUND}");
        eg "nodes canvas present --node kitchen",
           "nodes canvas present --node studio --target http://clock.lan/ --width 400 --height 300";
        args on_node("15s"), [
            option("target", "URL", "The page; by default yours on the canvas host, and / is the built-in one"),
            decimal("x", "X", "The left edge of the window"),
            decimal("y", "Y", "The bottom edge of the window"),
            decimal("width", "W", "The width of the window"),
            decimal("height", "H", "The height of the window"),
        ];
    "nodes canvas hide" => canvas::hide, "Hide a Mac's canvas";
        help "Phones accept this and do nothing.";
        eg "nodes canvas hide --node studio";
        args on_node("15s");
    "nodes canvas navigate" => canvas::navigate, "Show another page on a node's canvas";
        help FOREGROUND;
        eg "nodes canvas navigate --node kitchen http://clock.lan/";
        args [node(), argument("URL", "The page; / is the built-in one"), invoke_timeout("15s")];
    "nodes canvas eval" => canvas::eval, "Run JavaScript in a node's canvas";
        help format!("Prints the result as text.\n\n{FOREGROUND}");
        eg "nodes canvas eval --node kitchen \"document.title\"";
        args [node()], required_or_positional(
            required("js", "JS", "The JavaScript code, or - for standard input"),
            "JS",
            "The same as --js",
        ), [invoke_timeout("15s")];
    "nodes canvas a2ui push" => canvas::push, "Show a user interface described in A2UI";
        help format!(
            "A2UI v0.8: one JSON object per line, each with exactly one of beginRendering, \
             surfaceUpdate, dataModelUpdate, deleteSurface. The directory a2ui \
             of the documentation describes them and has an example of every component. The apps load the page that draws them from the canvas \
             host (canvasHost in the configuration). What it cannot draw is printed as a \
             warning.\n\n{FOREGROUND}");
        eg "nodes canvas a2ui push --node kitchen --text \"Dinner is ready\"",
           "nodes canvas a2ui push --node kitchen --jsonl timer.jsonl";
        args on_node("15s"), [
            file("jsonl", "The messages, or - for standard input"),
            option("text", "TEXT", "Show this text instead"),
        ];
    "nodes canvas a2ui reset" => canvas::reset, "Remove everything shown with A2UI";
        help FOREGROUND;
        eg "nodes canvas a2ui reset --node kitchen";
        args on_node("15s");

    "nodes screen record" => media::record, "Record a node's screen";
        help media_in_foreground();
        eg "nodes screen record --node kitchen --duration 20s --out kitchen.mp4";
        args on_node("2m"), [
            count("screen", "N", "The screen to record; phones have only 0").default_value("0"),
            length("10s"),
            decimal("fps", "N", "Frames per second, from 1 to 60").default_value("10"),
            no_audio(),
            out(),
        ];

    "nodes location get" => phone::location, "Get a node's location";
        eg "nodes location get --node pixel --accuracy precise --max-age 1m";
        args on_node("20s"), [
            duration("max-age", "Accept a cached location that is no older than this"),
            one_of(option("accuracy", "A", "The accuracy to request"),
                &["coarse", "balanced", "precise"]),
            duration("location-timeout", "How long the node may take to find its location")
                .default_value("10s"),
        ];

    "nodes sms send" => phone::sms, "Send a text message with an Android phone";
        eg "nodes sms send --node pixel --to +15550100 --message \"On my way\"";
        args on_node("15s"), [
            required("to", "NUMBER", "The telephone number"),
            required("message", "TEXT", "The message"),
        ];
}
