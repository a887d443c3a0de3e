//! The rows of commands that have a node do one thing (protocol section 12), with the names, flags
//! and defaults of the old command line.

use super::*;

const fn patience(default: &'static str) -> Flag {
    Flag::new(
        "invoke-timeout",
        "DURATION",
        Duration,
        "How long the node may take. Without it, longer if what is asked takes longer.",
    )
    .default(default)
}

const OUT: Flag = Flag::new(
    "out",
    "FILE",
    File,
    "Where to put it; what is there is replaced when everything has arrived. Without it, a new \
     private file in $TMPDIR.",
);
const DEVICE_ID: Flag =
    Flag::new("device-id", "ID", Text, "A camera by its id, from `nodes camera list`.");
const MAX_WIDTH: Flag = Flag::new("max-width", "PIXELS", Number, "Make it no wider than this.");
const QUALITY: Flag = Flag::new("quality", "Q", Decimal, "Of the JPEG, from 0 to 1.");
const NO_AUDIO: Flag = Flag::switch("no-audio", "Without sound.");
const MEDIA_ABOUT: &str = "Prints MEDIA: and the path of the file, which only you can read.";
const FOREGROUND: &str = "Phones do this only while the app is open on the screen.";

rows! {
    NodesRun: "nodes run" "Run a program on a node" {
        about: &["For Macs and headless nodes; the node decides whether it may. Prints what the \
                  program prints. Exits with 1 if the program fails or takes too long."],
        positionals: &[Positional::required("CMD", Argument,
            "The program and its arguments, after --.").repeated()],
        flags: &[
            &[
                NODE,
                Flag::new("cwd", "DIR", Text, "The working directory on the node."),
                Flag::new("env", "K=V", Variable, "A variable for the program; may be repeated.")
                    .repeated(),
                Flag::new("command-timeout", "DURATION", Duration,
                    "How long the program may take before the node stops it."),
                Flag::switch("needs-screen-recording",
                    "Refuse at once if the node may not record its screen."),
                patience("30s"),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes run --node studio -- uname -a",
            "nodes run --node studio --cwd /tmp --env LANG=C --command-timeout 5s -- ls -l",
        ],
    }
    NodesNotify: "nodes notify" "Show a notification on a Mac" {
        about: &["At least one of --title and --body."],
        flags: &[
            &[
                NODE,
                Flag::new("title", "TEXT", Text, "The title."),
                Flag::new("body", "TEXT", Text, "The text."),
                Flag::new("sound", "NAME", Text, "A sound of the system, such as Glass."),
                Flag::new("priority", "P", Choice(&["passive", "active", "timeSensitive"]),
                    "How much it may disturb: passive, active or timeSensitive."),
                Flag::new("delivery", "D", Choice(&["system", "overlay", "auto"]),
                    "As a notification of the system, on top of everything, or what works: \
                     system, overlay or auto.").default("system"),
                patience("15s"),
            ],
            OPERATOR,
        ],
        examples: &["nodes notify --node studio --title Tea --body \"It is ready\" --sound Glass"],
    }
    CameraList: "nodes camera list" "List a node's cameras" {
        about: &["iOS and macOS can; Android has no list, only front and back."],
        positionals: &[NODE_WORD],
        flags: &[&[NODE, patience("15s")], OPERATOR],
        examples: &["nodes camera list --node kitchen"],
    }
    CameraSnap: "nodes camera snap" "Take a picture with a node's camera" {
        about: &[MEDIA_ABOUT, "Without --facing, one with each camera; --out then gets -front and \
                  -back before its extension.", FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("facing", "WHICH", Choice(&["front", "back", "both"]),
                    "front, back or both. Default: both, or none with --device-id."),
                DEVICE_ID,
                MAX_WIDTH,
                QUALITY,
                Flag::new("delay-ms", "MS", Count,
                    "Let the camera adjust for so many milliseconds, at most 10000."),
                OUT,
                patience("20s"),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes camera snap --node kitchen",
            "nodes camera snap --node kitchen --facing back --max-width 1200 --out door.jpg",
        ],
    }
    CameraClip: "nodes camera clip" "Record a clip with a node's camera" {
        about: &[MEDIA_ABOUT, FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("facing", "WHICH", Choice(&["front", "back"]), "front or back.")
                    .default("front"),
                DEVICE_ID,
                Flag::new("duration", "DURATION", Duration, "How long, from 250ms to 60s.")
                    .default("3s"),
                NO_AUDIO,
                OUT,
                patience("90s"),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes camera clip --node kitchen --duration 10s",
            "nodes camera clip --node kitchen --facing back --no-audio --out yard.mp4",
        ],
    }
    CanvasSnapshot: "nodes canvas snapshot" "Take a picture of a node's canvas" {
        about: &[MEDIA_ABOUT, FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("format", "F", Choice(&["jpg", "jpeg", "png"]), "jpg or png.")
                    .default("jpg"),
                MAX_WIDTH,
                QUALITY,
                OUT,
                patience("20s"),
            ],
            OPERATOR,
        ],
        examples: &["nodes canvas snapshot --node kitchen --format png --out canvas.png"],
    }
    CanvasPresent: "nodes canvas present" "Show a node's canvas, with a page if you like" {
        about: &["Place and size count on Macs only.", FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("target", "URL", Text, "The page; without it, the built-in one."),
                Flag::new("x", "X", Decimal, "The left edge of the window."),
                Flag::new("y", "Y", Decimal, "The lower edge of the window."),
                Flag::new("width", "W", Decimal, "The width of the window."),
                Flag::new("height", "H", Decimal, "The height of the window."),
                patience("15s"),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes canvas present --node kitchen",
            "nodes canvas present --node studio --target http://clock.lan/ --width 400 --height 300",
        ],
    }
    CanvasHide: "nodes canvas hide" "Hide a Mac's canvas" {
        about: &["Phones accept this and do nothing."],
        positionals: &[NODE_WORD],
        flags: &[&[NODE, patience("15s")], OPERATOR],
        examples: &["nodes canvas hide --node studio"],
    }
    CanvasNavigate: "nodes canvas navigate" "Show another page on a node's canvas" {
        about: &[FOREGROUND],
        positionals: &[Positional::required("URL", Text, "The page; / is the built-in one.")],
        flags: &[&[NODE, patience("15s")], OPERATOR],
        examples: &["nodes canvas navigate --node kitchen http://clock.lan/"],
    }
    CanvasEval: "nodes canvas eval" "Run JavaScript in a node's canvas" {
        about: &["Prints the result, which is text.", FOREGROUND],
        positionals: &[Positional::short_for("JS", "js", "The same as --js.")],
        flags: &[
            &[
                NODE,
                Flag::new("js", "JS", Text, "The program, or - for standard input.").required(),
                patience("15s"),
            ],
            OPERATOR,
        ],
        examples: &["nodes canvas eval --node kitchen \"document.title\""],
    }
    CanvasA2uiPush: "nodes canvas a2ui push" "Show an interface described in A2UI" {
        about: &["A2UI v0.8: one JSON object per line, each with exactly one of beginRendering, \
                  surfaceUpdate, dataModelUpdate, deleteSurface. The apps load the renderer from \
                  the canvas host (canvasHost.url in the configuration).", FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("jsonl", "FILE", File, "The messages, or - for standard input."),
                Flag::new("text", "TEXT", Text, "Show this text instead."),
                patience("15s"),
            ],
            OPERATOR,
        ],
        examples: &[
            "nodes canvas a2ui push --node kitchen --text \"Dinner is ready\"",
            "nodes canvas a2ui push --node kitchen --jsonl timer.jsonl",
        ],
    }
    CanvasA2uiReset: "nodes canvas a2ui reset" "Remove what was shown with A2UI" {
        about: &[FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[&[NODE, patience("15s")], OPERATOR],
        examples: &["nodes canvas a2ui reset --node kitchen"],
    }
    ScreenRecord: "nodes screen record" "Record a node's screen" {
        about: &[MEDIA_ABOUT, FOREGROUND],
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("screen", "N", Count, "Which screen; phones have only 0.").default("0"),
                Flag::new("duration", "DURATION", Duration, "How long, from 250ms to 60s.")
                    .default("10s"),
                Flag::new("fps", "N", Decimal, "Pictures per second, from 1 to 60.").default("10"),
                NO_AUDIO,
                OUT,
                patience("2m"),
            ],
            OPERATOR,
        ],
        examples: &["nodes screen record --node kitchen --duration 20s --out kitchen.mp4"],
    }
    LocationGet: "nodes location get" "Ask a node where it is" {
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("max-age", "DURATION", Duration,
                    "A position that is known already will do if it is no older."),
                Flag::new("accuracy", "A", Choice(&["coarse", "balanced", "precise"]),
                    "coarse, balanced or precise."),
                Flag::new("location-timeout", "DURATION", Duration,
                    "How long the node may search.").default("10s"),
                patience("20s"),
            ],
            OPERATOR,
        ],
        examples: &["nodes location get --node pixel --accuracy precise --max-age 1m"],
    }
    SmsSend: "nodes sms send" "Send a text message with an Android phone" {
        positionals: &[NODE_WORD],
        flags: &[
            &[
                NODE,
                Flag::new("to", "WHOM", Text, "The telephone number.").required(),
                Flag::new("message", "TEXT", Text, "The message.").required(),
                patience("15s"),
            ],
            OPERATOR,
        ],
        examples: &["nodes sms send --node pixel --to +15550100 --message \"On my way\""],
    }
}
