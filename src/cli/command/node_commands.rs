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

fn invoke_timeout(default: &'static str) -> Arg {
    let help = "How long to wait for the node; extended by default if the command itself takes \
                longer";
    duration("invoke-timeout", help).default_value(default)
}

fn out() -> Arg {
    let help = "The output file; an existing file is replaced once everything has arrived. \
                Default: a new private file in $TMPDIR";
    option("out", "FILE", help).value_hint(ValueHint::FilePath)
}

fn device_id() -> Arg {
    option("device-id", "ID", "The camera's id, from `nodes camera list`")
}

fn max_width() -> Arg {
    number("max-width", "PIXELS", "The largest width of the picture")
}

fn quality() -> Arg {
    decimal("quality", "Q", "The quality of the JPEG, from 0 to 1")
}

fn no_audio() -> Arg {
    switch("no-audio", "Record without sound")
}

fn run() -> Command {
    let examples = [
        "nodes run --node studio -- uname -a",
        "nodes run --node studio --cwd /tmp --env LANG=C --command-timeout 5s -- ls -l",
    ];
    let is_variable = |text: &str| text.split_once('=').is_some_and(|(name, _)| !name.is_empty());
    verb("run", "Run a program on a node", &examples)
        .before_help(
            "For Macs and headless nodes; the node decides whether the program may run. Prints the \
             program's output. Exits with 1 if the program fails or times out.",
        )
        .args([
            node(),
            option("cwd", "DIR", "The working directory on the node"),
            repeated("env", "K=V", "An environment variable for the program; may be repeated")
                .value_parser(checked(is_variable, "expected NAME=VALUE")),
            duration("command-timeout", "How long the program may take before the node stops it"),
            switch("needs-screen-recording", "Fail at once if the node lacks permission to record \
                                              its screen"),
            invoke_timeout("30s"),
            Arg::new("CMD")
                .required(true)
                .num_args(1..)
                .help("The program and its arguments, after --"),
        ])
}

fn notify() -> Command {
    let example = "nodes notify --node studio --title Tea --body \"It is ready\" --sound Glass";
    verb("notify", "Show a notification on a Mac", &[example])
        .before_help("Needs --title, --body or both.")
        .args([
            node(),
            option("title", "TEXT", "The title"),
            option("body", "TEXT", "The text"),
            option("sound", "NAME", "A system sound, such as Glass"),
            option("priority", "P", "How intrusive the notification may be").value_parser([
                "passive",
                "active",
                "timeSensitive",
            ]),
            option(
                "delivery",
                "D",
                "Use a system notification, an overlay, or whichever is available",
            )
            .value_parser(["system", "overlay", "auto"])
            .default_value("system"),
            invoke_timeout("15s"),
        ])
}

fn camera() -> [Command; 3] {
    [
        verb("list", "List a node's cameras", &["nodes camera list --node kitchen"])
            .before_help("For iOS and macOS. Android cannot list its cameras; use --facing there.")
            .args(node_or_positional())
            .arg(invoke_timeout("15s")),
        verb(
            "snap",
            "Take a picture with a node's camera",
            &[
                "nodes camera snap --node kitchen",
                "nodes camera snap --node kitchen --facing back --max-width 1200 --out door.jpg",
            ],
        )
        .before_help(format!(
            "{MEDIA}\n\nWithout --facing, takes a picture with each camera; -front and -back are \
             then added to the file name in --out, before the extension.\n\n{FOREGROUND}"
        ))
        .args(node_or_positional())
        .args([
            option("facing", "WHICH", "The camera; by default both, unless --device-id is given")
                .value_parser(["front", "back", "both"]),
            device_id(),
            max_width(),
            quality(),
            count(
                "delay-ms",
                "MS",
                "Time for the camera to adjust, in milliseconds; at most 10000",
            ),
            out(),
            invoke_timeout("20s"),
        ]),
        verb(
            "clip",
            "Record a clip with a node's camera",
            &[
                "nodes camera clip --node kitchen --duration 10s",
                "nodes camera clip --node kitchen --facing back --no-audio --out yard.mp4",
            ],
        )
        .before_help(MEDIA_IN_FOREGROUND)
        .args(node_or_positional())
        .args([
            option("facing", "WHICH", "The camera to use")
                .value_parser(["front", "back"])
                .default_value("front"),
            device_id(),
            duration("duration", "The length of the recording, from 250ms to 60s")
                .default_value("3s"),
            no_audio(),
            out(),
            invoke_timeout("90s"),
        ]),
    ]
}

fn canvas_window() -> [Command; 3] {
    [
        verb(
            "snapshot",
            "Take a picture of a node's canvas",
            &["nodes canvas snapshot --node kitchen --format png --out canvas.png"],
        )
        .before_help(MEDIA_IN_FOREGROUND)
        .args(node_or_positional())
        .args([
            option("format", "F", "The format of the picture")
                .value_parser(["jpg", "jpeg", "png"])
                .default_value("jpg"),
            max_width(),
            quality(),
            out(),
            invoke_timeout("20s"),
        ]),
        verb(
            "present",
            "Show a node's canvas, optionally with a page",
            &[
                "nodes canvas present --node kitchen",
                "nodes canvas present --node studio --target http://clock.lan/ --width 400 \
                 --height 300",
            ],
        )
        .before_help(format!("Position and size apply to Macs only.\n\n{FOREGROUND}"))
        .args(node_or_positional())
        .args([
            option("target", "URL", "The page; by default the built-in one"),
            decimal("x", "X", "The left edge of the window"),
            decimal("y", "Y", "The bottom edge of the window"),
            decimal("width", "W", "The width of the window"),
            decimal("height", "H", "The height of the window"),
            invoke_timeout("15s"),
        ]),
        verb("hide", "Hide a Mac's canvas", &["nodes canvas hide --node studio"])
            .before_help("Phones accept this and do nothing.")
            .args(node_or_positional())
            .arg(invoke_timeout("15s")),
    ]
}

fn canvas_page() -> [Command; 3] {
    let js = required("js", "JS", "The JavaScript code, or - for standard input");
    [
        verb(
            "navigate",
            "Show another page on a node's canvas",
            &["nodes canvas navigate --node kitchen http://clock.lan/"],
        )
        .before_help(FOREGROUND)
        .args([
            node(),
            argument("URL", "The page; / is the built-in one"),
            invoke_timeout("15s"),
        ]),
        verb(
            "eval",
            "Run JavaScript in a node's canvas",
            &["nodes canvas eval --node kitchen \"document.title\""],
        )
        .before_help(format!("Prints the result as text.\n\n{FOREGROUND}"))
        .arg(node())
        .args(required_or_positional(js, "JS", "The same as --js"))
        .arg(invoke_timeout("15s")),
        group("a2ui", "Show user interfaces described in A2UI").subcommands(a2ui()),
    ]
}

fn a2ui() -> [Command; 2] {
    [
        verb(
            "push",
            "Show a user interface described in A2UI",
            &[
                "nodes canvas a2ui push --node kitchen --text \"Dinner is ready\"",
                "nodes canvas a2ui push --node kitchen --jsonl timer.jsonl",
            ],
        )
        .before_help(format!(
            "A2UI v0.8: one JSON object per line, each with exactly one of beginRendering, \
             surfaceUpdate, dataModelUpdate, deleteSurface. The apps load the renderer from the \
             canvas host (canvasHost.url in the configuration).\n\n{FOREGROUND}"
        ))
        .args(node_or_positional())
        .args([
            option("jsonl", "FILE", "The messages, or - for standard input")
                .value_hint(ValueHint::FilePath),
            option("text", "TEXT", "Show this text instead"),
            invoke_timeout("15s"),
        ]),
        verb(
            "reset",
            "Remove everything shown with A2UI",
            &["nodes canvas a2ui reset --node kitchen"],
        )
        .before_help(FOREGROUND)
        .args(node_or_positional())
        .arg(invoke_timeout("15s")),
    ]
}

fn screen_record() -> Command {
    let example = "nodes screen record --node kitchen --duration 20s --out kitchen.mp4";
    verb("record", "Record a node's screen", &[example])
        .before_help(MEDIA_IN_FOREGROUND)
        .args(node_or_positional())
        .args([
            count("screen", "N", "The screen to record; phones have only 0").default_value("0"),
            duration("duration", "The length of the recording, from 250ms to 60s")
                .default_value("10s"),
            decimal("fps", "N", "Frames per second, from 1 to 60").default_value("10"),
            no_audio(),
            out(),
            invoke_timeout("2m"),
        ])
}

fn location_get() -> Command {
    let example = "nodes location get --node pixel --accuracy precise --max-age 1m";
    verb("get", "Get a node's location", &[example]).args(node_or_positional()).args([
        duration("max-age", "Accept a cached location that is no older than this"),
        option("accuracy", "A", "The accuracy to request")
            .value_parser(["coarse", "balanced", "precise"]),
        duration("location-timeout", "How long the node may take to find its location")
            .default_value("10s"),
        invoke_timeout("20s"),
    ])
}

fn sms_send() -> Command {
    let example = "nodes sms send --node pixel --to +15550100 --message \"On my way\"";
    verb("send", "Send a text message with an Android phone", &[example])
        .args(node_or_positional())
        .args([
            required("to", "NUMBER", "The telephone number"),
            required("message", "TEXT", "The message"),
            invoke_timeout("15s"),
        ])
}
