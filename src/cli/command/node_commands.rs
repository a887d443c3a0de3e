//! The commands that run one command on a node (protocol section 12), with the names, flags and
//! defaults of the old command line.

use super::*;

const MEDIA: &str = "Prints MEDIA: followed by the path of the file. Only you can read the file.";
const FOREGROUND: &str = "On phones, this works only while the app is in the foreground.";
const MEDIA_IN_FOREGROUND: &str =
    "Prints MEDIA: followed by the path of the file. Only you can read the file.\n\n\
     On phones, this works only while the app is in the foreground.";

pub(super) fn commands() -> [Command; 7] {
    [
        run(),
        notify(),
        group("camera", "Take pictures and record clips with a node's cameras")
            .subcommands(camera()),
        group("canvas", "Show pages on a node's canvas, and take snapshots of it")
            .subcommands(canvas_window())
            .subcommands(canvas_page()),
        group("screen", "Record a node's screen").subcommand(screen_record()),
        group("location", "Get a node's location").subcommand(location_get()),
        group("sms", "Send text messages with an Android phone").subcommand(sms_send()),
    ]
}

/// A command for a node that is given as `--node N` or just `N`.
fn on_node(name: &'static str, about: &'static str, timeout: &'static str) -> Command {
    let timeout = invoke_timeout(timeout).display_order(99);
    verb(name, about).args(node_or_positional()).arg(timeout)
}

fn invoke_timeout(default: &'static str) -> Arg {
    let help = "How long to wait for the node; extended by default if the command itself takes \
                longer";
    duration("invoke-timeout").help(help).default_value(default)
}

fn out() -> Arg {
    let help = "The output file; an existing file is replaced once everything has arrived. \
                Default: a new private file in $TMPDIR";
    option("out", "FILE").help(help).value_hint(ValueHint::FilePath)
}

fn device_id() -> Arg {
    option("device-id", "ID").help("The camera's id, from `nodes camera list`")
}

fn picture() -> [Arg; 2] {
    [
        number("max-width", "PIXELS").help("The largest width of the picture"),
        decimal("quality", "Q").help("The quality of the JPEG, from 0 to 1"),
    ]
}

fn length(default: &'static str) -> Arg {
    let help = "The length of the recording, from 250ms to 60s";
    duration("duration").help(help).default_value(default)
}

fn no_audio() -> Arg {
    switch("no-audio").help("Record without sound")
}

fn run() -> Command {
    let is_variable = |text: &str| text.split_once('=').is_some_and(|(name, _)| !name.is_empty());
    verb("run", "Run a program on a node")
        .after_help(examples(&[
            "nodes run --node studio -- uname -a",
            "nodes run --node studio --cwd /tmp --env LANG=C --command-timeout 5s -- ls -l",
        ]))
        .before_help(
            "For Macs and headless nodes; the node decides whether the program may run. Prints the \
             program's output. Exits with 1 if the program fails or times out.",
        )
        .args([
            node(),
            option("cwd", "DIR").help("The working directory on the node"),
            repeated("env", "K=V")
                .help("An environment variable for the program; may be repeated")
                .value_parser(checked(is_variable, "expected NAME=VALUE")),
            duration("command-timeout")
                .help("How long the program may take before the node stops it"),
            switch("needs-screen-recording")
                .help("Fail at once if the node lacks permission to record its screen"),
            invoke_timeout("30s"),
            argument("CMD")
                .value_parser(StringValueParser::new())
                .num_args(1..)
                .help("The program and its arguments, after --"),
        ])
}

fn notify() -> Command {
    let example = "nodes notify --node studio --title Tea --body \"It is ready\" --sound Glass";
    verb("notify", "Show a notification on a Mac")
        .after_help(examples(&[example]))
        .before_help("Needs --title, --body or both.")
        .args([
            node(),
            option("title", "TEXT").help("The title"),
            option("body", "TEXT").help("The text"),
            option("sound", "NAME").help("A system sound, such as Glass"),
            option("priority", "P").help("How intrusive the notification may be").value_parser([
                "passive",
                "active",
                "timeSensitive",
            ]),
            option("delivery", "D")
                .help("Use a system notification, an overlay, or whichever is available")
                .value_parser(["system", "overlay", "auto"])
                .default_value("system"),
            invoke_timeout("15s"),
        ])
}

fn camera() -> [Command; 3] {
    [
        on_node("list", "List a node's cameras", "15s")
            .after_help(examples(&["nodes camera list --node kitchen"]))
            .before_help("For iOS and macOS. Android cannot list its cameras; use --facing there."),
        on_node("snap", "Take a picture with a node's camera", "20s")
            .after_help(examples(&[
                "nodes camera snap --node kitchen",
                "nodes camera snap --node kitchen --facing back --max-width 1200 --out door.jpg",
            ]))
            .before_help(format!(
                "{MEDIA}\n\nWithout --facing, takes a picture with each camera; -front and -back \
                 are then added to the file name in --out, before the extension.\n\n{FOREGROUND}"
            ))
            .arg(
                option("facing", "WHICH")
                    .help("The camera; by default both, unless --device-id is given")
                    .value_parser(["front", "back", "both"]),
            )
            .arg(device_id())
            .args(picture())
            .args([
                count("delay-ms", "MS")
                    .help("Time for the camera to adjust, in milliseconds; at most 10000"),
                out(),
            ]),
        on_node("clip", "Record a clip with a node's camera", "90s")
            .after_help(examples(&[
                "nodes camera clip --node kitchen --duration 10s",
                "nodes camera clip --node kitchen --facing back --no-audio --out yard.mp4",
            ]))
            .before_help(MEDIA_IN_FOREGROUND)
            .args([
                option("facing", "WHICH")
                    .help("The camera to use")
                    .value_parser(["front", "back"])
                    .default_value("front"),
                device_id(),
                length("3s"),
                no_audio(),
                out(),
            ]),
    ]
}

fn canvas_window() -> [Command; 3] {
    [
        on_node("snapshot", "Take a picture of a node's canvas", "20s")
            .after_help(examples(&[
                "nodes canvas snapshot --node kitchen --format png --out canvas.png",
            ]))
            .before_help(MEDIA_IN_FOREGROUND)
            .arg(
                option("format", "F")
                    .help("The format of the picture")
                    .value_parser(["jpg", "jpeg", "png"])
                    .default_value("jpg"),
            )
            .args(picture())
            .arg(out()),
        on_node("present", "Show a node's canvas, optionally with a page", "15s")
            .after_help(examples(&[
                "nodes canvas present --node kitchen",
                "nodes canvas present --node studio --target http://clock.lan/ --width 400 \
                 --height 300",
            ]))
            .before_help(format!("Position and size apply to Macs only.\n\n{FOREGROUND}"))
            .args([
                option("target", "URL").help("The page; by default the built-in one"),
                decimal("x", "X").help("The left edge of the window"),
                decimal("y", "Y").help("The bottom edge of the window"),
                decimal("width", "W").help("The width of the window"),
                decimal("height", "H").help("The height of the window"),
            ]),
        on_node("hide", "Hide a Mac's canvas", "15s")
            .after_help(examples(&["nodes canvas hide --node studio"]))
            .before_help("Phones accept this and do nothing."),
    ]
}

fn canvas_page() -> [Command; 3] {
    let js = required("js", "JS").help("The JavaScript code, or - for standard input");
    [
        verb("navigate", "Show another page on a node's canvas")
            .after_help(examples(&["nodes canvas navigate --node kitchen http://clock.lan/"]))
            .before_help(FOREGROUND)
            .arg(node())
            .arg(argument("URL").help("The page; / is the built-in one"))
            .arg(invoke_timeout("15s")),
        verb("eval", "Run JavaScript in a node's canvas")
            .after_help(examples(&["nodes canvas eval --node kitchen \"document.title\""]))
            .before_help(format!("Prints the result as text.\n\n{FOREGROUND}"))
            .arg(node())
            .args(required_or_positional(js, "JS", "The same as --js"))
            .arg(invoke_timeout("15s")),
        group("a2ui", "Show user interfaces described in A2UI").subcommands(a2ui()),
    ]
}

fn a2ui() -> [Command; 2] {
    [
        on_node("push", "Show a user interface described in A2UI", "15s")
            .after_help(examples(&[
                "nodes canvas a2ui push --node kitchen --text \"Dinner is ready\"",
                "nodes canvas a2ui push --node kitchen --jsonl timer.jsonl",
            ]))
            .before_help(format!(
                "A2UI v0.8: one JSON object per line, each with exactly one of beginRendering, \
                 surfaceUpdate, dataModelUpdate, deleteSurface. The apps load the renderer from \
                 the canvas host (canvasHost.url in the configuration).\n\n{FOREGROUND}"
            ))
            .args([
                option("jsonl", "FILE")
                    .help("The messages, or - for standard input")
                    .value_hint(ValueHint::FilePath),
                option("text", "TEXT").help("Show this text instead"),
            ]),
        on_node("reset", "Remove everything shown with A2UI", "15s")
            .after_help(examples(&["nodes canvas a2ui reset --node kitchen"]))
            .before_help(FOREGROUND),
    ]
}

fn screen_record() -> Command {
    let example = "nodes screen record --node kitchen --duration 20s --out kitchen.mp4";
    on_node("record", "Record a node's screen", "2m")
        .after_help(examples(&[example]))
        .before_help(MEDIA_IN_FOREGROUND)
        .args([
            count("screen", "N")
                .help("The screen to record; phones have only 0")
                .default_value("0"),
            length("10s"),
            decimal("fps", "N").help("Frames per second, from 1 to 60").default_value("10"),
            no_audio(),
            out(),
        ])
}

fn location_get() -> Command {
    let example = "nodes location get --node pixel --accuracy precise --max-age 1m";
    on_node("get", "Get a node's location", "20s").after_help(examples(&[example])).args([
        duration("max-age").help("Accept a cached location that is no older than this"),
        option("accuracy", "A")
            .help("The accuracy to request")
            .value_parser(["coarse", "balanced", "precise"]),
        duration("location-timeout")
            .help("How long the node may take to find its location")
            .default_value("10s"),
    ])
}

fn sms_send() -> Command {
    let example = "nodes sms send --node pixel --to +15550100 --message \"On my way\"";
    on_node("send", "Send a text message with an Android phone", "15s")
        .after_help(examples(&[example]))
        .arg(required("to", "NUMBER").help("The telephone number"))
        .arg(required("message", "TEXT").help("The message"))
}
