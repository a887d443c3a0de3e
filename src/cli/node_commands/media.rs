//! `nodes camera`, `nodes canvas snapshot`, `nodes screen record`: what ends in a file.

use crate::cli::args::CommandLine;
use crate::cli::columns::{table, Column};
use crate::cli::failure::Failure;
use crate::cli::node_commands::invoke::{
    check_range, duration_within, show, usage, Invoke, Params,
};
use crate::cli::node_commands::media_file::{self, fetch, Destination, MediaFile, IMAGES, VIDEOS};
use crate::cli::print_json;
use crate::cli::render::field;
use crate::protocol::NodeCommand;
use serde_json::{json, Value};
use std::time::Duration;

/// The shortest and the longest recording the apps make (protocol section 8.2).
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

/// What was recorded has to travel as well, at worst for as long again.
const AND_SENT: u32 = 2;

/// The longest the apps wait before they take a picture, in milliseconds.
const LONGEST_DELAY: f64 = 10_000.0;

const CAMERAS: &[Column<'_>] = &[
    Column::new("NAME", 3, 8),
    Column::new("POSITION", 1, 5),
    Column::new("TYPE", 1, 4),
    Column::new("ID", 0, 8),
];

pub(crate) fn cameras(line: &CommandLine) -> Result<(), Failure> {
    let answer = Invoke::new(line, NodeCommand::CameraList, Params::default()).ask()?;
    show(line, &answer, |said| {
        let devices = said["devices"].as_array().map_or(&[][..], Vec::as_slice);
        if devices.is_empty() {
            return "no cameras\n".to_owned();
        }
        let row = |camera: &Value| {
            ["name", "position", "deviceType", "id"].map(|key| field(camera, key)).to_vec()
        };
        table(CAMERAS, &devices.iter().map(row).collect::<Vec<_>>())
    })
}

pub(crate) fn snap(line: &CommandLine) -> Result<(), Failure> {
    check_range(line, "quality", 0.0, 1.0)?;
    check_range(line, "delay-ms", 0.0, LONGEST_DELAY)?;
    let facings: &[&str] = match (line.value("facing"), line.is_set("device-id")) {
        (Some("both"), true) => {
            return Err(usage(line, "--device-id is one camera, --facing both are two"));
        }
        (Some("front"), _) => &["front"],
        (Some("back"), _) => &["back"],
        (None, true) => {
            return show_one(line, snap_with(line, None, Destination::of(line, "camera-snap"))?)
        }
        (_, false) | (Some(_), true) => &["front", "back"],
    };
    let destination_of = |facing: &&str| match (format!("camera-snap-{facing}"), facings.len()) {
        (stem, 1) => Destination::of(line, &stem),
        (stem, _) => Destination::of_part(line, &stem, facing),
    };
    // No picture of one camera while that of the other cannot be kept.
    facings.iter().try_for_each(|facing| destination_of(facing).check(line))?;
    let mut taken = Vec::new();
    let mut outcome = Ok(());
    for facing in facings {
        let destination = destination_of(facing);
        match snap_with(line, Some(facing), destination) {
            Ok(media) => {
                if !line.is_set("json") {
                    media_file::say(&media)?;
                }
                let mut about = media.json();
                about["facing"] = (*facing).into();
                taken.push(about);
            }
            Err(failure) => {
                outcome = Err(of_camera(failure, facing, facings.len()));
                break;
            }
        }
    }
    if line.is_set("json") && !taken.is_empty() {
        // Also when the second camera failed: the first picture is there.
        print_json(&json!({ "files": taken }).to_string())?;
    }
    outcome
}

/// Of two cameras, the failure says which one it was: at its end, for those who read its beginning.
fn of_camera(mut failure: Failure, facing: &str, cameras: usize) -> Failure {
    if cameras > 1 && failure.message.contains(" failed: ") {
        failure.message += &format!(" (the {facing} camera)");
    }
    failure
}

fn snap_with(
    line: &CommandLine,
    facing: Option<&str>,
    destination: Destination,
) -> Result<MediaFile, Failure> {
    let params = Params::default()
        .maybe("facing", facing)
        .text(line, "device-id", "deviceId")
        .number(line, "max-width", "maxWidth")
        .number(line, "quality", "quality")
        .number(line, "delay-ms", "delayMs")
        .set("format", "jpg");
    fetch(line, Invoke::new(line, NodeCommand::CameraSnap, params), &destination, IMAGES)
}

fn show_one(line: &CommandLine, media: MediaFile) -> Result<(), Failure> {
    if line.is_set("json") {
        return print_json(&json!({ "files": [media.json()] }).to_string());
    }
    media_file::say(&media)
}

pub(crate) fn clip(line: &CommandLine) -> Result<(), Failure> {
    let duration = duration_within(line, "duration", SHORTEST, LONGEST)?;
    let facing = line.value("facing").unwrap_or("front");
    let params = Params::default()
        .set("facing", facing)
        .text(line, "device-id", "deviceId")
        .milliseconds(line, "duration", "durationMs")
        .set("includeAudio", !line.is_set("no-audio"))
        .set("format", "mp4");
    let invoke = Invoke::new(line, NodeCommand::CameraClip, params).busy_for(AND_SENT * duration);
    let destination = Destination::of(line, &format!("camera-clip-{facing}"));
    let mut media = fetch(line, invoke, &destination, VIDEOS)?;
    media.about.insert("facing".into(), facing.into());
    media_file::show(line, &media)
}

pub(crate) fn record(line: &CommandLine) -> Result<(), Failure> {
    let duration = duration_within(line, "duration", SHORTEST, LONGEST)?;
    check_range(line, "fps", 1.0, 60.0)?;
    let params = Params::default()
        .number(line, "screen", "screenIndex")
        .milliseconds(line, "duration", "durationMs")
        .number(line, "fps", "fps")
        .set("includeAudio", !line.is_set("no-audio"))
        .set("format", "mp4");
    let invoke = Invoke::new(line, NodeCommand::ScreenRecord, params).busy_for(AND_SENT * duration);
    let media = fetch(line, invoke, &Destination::of(line, "screen-record"), VIDEOS)?;
    media_file::show(line, &media)
}

pub(crate) fn snapshot(line: &CommandLine) -> Result<(), Failure> {
    check_range(line, "quality", 0.0, 1.0)?;
    let format = match line.value("format") {
        Some("png") => "png",
        _ => "jpeg",
    };
    let params = Params::default()
        .set("format", format)
        .number(line, "max-width", "maxWidth")
        .number(line, "quality", "quality");
    let invoke = Invoke::new(line, NodeCommand::CanvasSnapshot, params);
    let media = fetch(line, invoke, &Destination::of(line, "canvas-snapshot"), IMAGES)?;
    media_file::show(line, &media)
}
