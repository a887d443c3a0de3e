//! `nodes camera`, `nodes canvas snapshot`, `nodes screen record`: commands that write a file.

use super::media_file::{fetch, output, MediaFile, IMAGES, VIDEOS};
use super::*;
use crate::cli::columns::Column;
use crate::protocol::command::canvas::CanvasSnapshot;
use crate::protocol::command::media::{Camera, CameraClip, CameraList, CameraSnap, ScreenRecord};

/// The shortest and the longest recording the apps make (protocol section 8.2).
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

/// A recording takes its duration, and at worst as long again to arrive.
const AND_TRANSFER: u32 = 2;

/// The longest the apps wait before they take a picture, in milliseconds.
const LONGEST_DELAY: f64 = 10_000.0;

const CAMERAS: &[Column<'_>] = &[("NAME", 3, 8), ("POSITION", 1, 5), ("TYPE", 1, 4), ("ID", 0, 8)];

pub(crate) fn cameras(line: &CommandLine) -> Result<(), Failure> {
    let answer = Invoke::new(line, CameraList {}).send()?;
    if line.is_legacy() {
        let devices = answer.payload()?["devices"].take();
        let devices = if devices.is_array() { devices } else { json!([]) };
        return print_json(&devices.to_string());
    }
    answer.show(|| {
        let devices = answer.result()?.devices;
        if devices.is_empty() {
            return Ok("no cameras\n".to_owned());
        }
        let row = |camera: Camera| {
            let fields = [camera.name, camera.position, camera.device_type, camera.id];
            fields.map(|field| safe(&field.unwrap_or_default())).to_vec()
        };
        Ok(table(CAMERAS, &devices.into_iter().map(row).collect::<Vec<_>>()))
    })
}

pub(crate) fn snap(line: &CommandLine) -> Result<(), Failure> {
    check_range(line, "quality", 0.0, 1.0)?;
    check_range(line, "delay-ms", 0.0, LONGEST_DELAY)?;
    let facings = match (line.value("facing"), line.is_set("device-id")) {
        (Some("both"), true) => {
            return Err(usage(
                line,
                "--device-id selects one camera, and cannot be combined with --facing both",
            ));
        }
        (Some("both") | None, false) => vec![Some("front"), Some("back")],
        (facing, _) => vec![facing],
    };
    let part = |facing: Option<_>| facing.filter(|_| facings.len() > 1);
    // Both paths are checked before the first picture is taken.
    facings.iter().try_for_each(|facing| output(line, part(*facing)).map(drop))?;
    let mut files = Vec::new();
    let mut outcome = Ok(());
    for facing in &facings {
        match snap_with(line, *facing, part(*facing)) {
            Ok(file) => {
                if !line.wants_json() {
                    file.print_path()?;
                }
                files.push(file.json());
            }
            Err(failure) => {
                outcome = Err(match part(*facing) {
                    Some(facing) => of_camera(failure, facing),
                    None => failure,
                });
                break;
            }
        }
    }
    if line.wants_json() && !files.is_empty() {
        // Also when the second camera failed: the first picture is there.
        print_json(&json!({ "files": files }).to_string())?;
    }
    outcome
}

/// The failure with the camera's name, at its end for those who read its beginning.
fn of_camera(mut failure: Failure, facing: &str) -> Failure {
    if failure.message.contains(" failed: ") {
        failure.message += &format!(" (the {facing} camera)");
    }
    failure
}

fn snap_with(
    line: &CommandLine,
    facing: Option<&str>,
    part: Option<&str>,
) -> Result<MediaFile, Failure> {
    let call = CameraSnap {
        format: "jpg".to_owned(),
        facing: facing.map(str::to_owned),
        device_id: line.text("device-id"),
        max_width: line.number("max-width"),
        quality: line.number("quality"),
        delay_ms: line.number("delay-ms"),
    };
    let stem = match facing {
        Some(facing) => format!("camera-snap-{facing}"),
        None => "camera-snap".to_owned(),
    };
    Ok(fetch(line, Invoke::new(line, call), (&stem, part), IMAGES)?.facing(facing))
}

pub(crate) fn clip(line: &CommandLine) -> Result<(), Failure> {
    let duration = duration_within(line, "duration", SHORTEST, LONGEST)?;
    let facing = line.value("facing").unwrap_or("front");
    let call = CameraClip {
        format: "mp4".to_owned(),
        facing: facing.to_owned(),
        duration_ms: in_milliseconds(duration),
        include_audio: !line.is_set("no-audio"),
        device_id: line.text("device-id"),
    };
    let invoke = Invoke::new(line, call).taking(AND_TRANSFER * duration);
    let stem = format!("camera-clip-{facing}");
    fetch(line, invoke, (&stem, None), VIDEOS)?.facing(Some(facing)).show(line)
}

pub(crate) fn record(line: &CommandLine) -> Result<(), Failure> {
    let duration = duration_within(line, "duration", SHORTEST, LONGEST)?;
    check_range(line, "fps", 1.0, 60.0)?;
    let call = ScreenRecord {
        format: "mp4".to_owned(),
        duration_ms: in_milliseconds(duration),
        include_audio: !line.is_set("no-audio"),
        screen_index: line.number("screen"),
        fps: line.number("fps"),
    };
    let invoke = Invoke::new(line, call).taking(AND_TRANSFER * duration);
    fetch(line, invoke, ("screen-record", None), VIDEOS)?.show(line)
}

pub(crate) fn snapshot(line: &CommandLine) -> Result<(), Failure> {
    check_range(line, "quality", 0.0, 1.0)?;
    let is_png = line.value("format") == Some("png");
    let call = CanvasSnapshot {
        format: if is_png { "png" } else { "jpeg" }.to_owned(),
        max_width: line.number("max-width"),
        quality: line.number("quality"),
    };
    fetch(line, Invoke::new(line, call), ("canvas-snapshot", None), IMAGES)?.show(line)
}
