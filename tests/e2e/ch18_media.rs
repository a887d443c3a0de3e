//! Pictures and films: whole files or none, wherever they shall go, and what they cost.

use crate::support::{eventually, Daemon, Operator, Phone, Setup};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A daemon, a node, and an empty directory for new files.
fn stage() -> (Daemon, Phone, PathBuf) {
    stage_with(Daemon::start())
}

fn stage_with(daemon: Daemon) -> (Daemon, Phone, PathBuf) {
    let phone = Phone::paired(&daemon, "alice");
    let dir = daemon.setup().path("tmp");
    fs::create_dir(&dir).unwrap();
    (daemon, phone, dir)
}

/// A daemon and a node, with the memory settings of the systemd unit: without them glibc keeps
/// blocks of the size it has seen.
fn stage_as_a_unit() -> (Daemon, Phone, PathBuf) {
    let unit = include_str!("../../etc/openclaw-bridge.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("Environment=GLIBC_TUNABLES="));
    let setup = Setup::new().env("GLIBC_TUNABLES", line.expect("the unit sets it"));
    stage_with(setup.start())
}

fn operator(daemon: &Daemon, dir: &Path, args: &str) -> Operator {
    let mut command = daemon.setup().program();
    command.args(["nodes"]).args(args.split_whitespace()).args(["--node", "alice"]);
    Operator::spawn(command_in(command, dir))
}

fn command_in(mut command: std::process::Command, dir: &Path) -> std::process::Command {
    command.env("TMPDIR", dir).current_dir(dir);
    command
}

fn asked(phone: &mut Phone) -> (Value, Value) {
    let asked = phone.expect("invoke");
    let params = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    (asked, params)
}

fn answer(phone: &mut Phone, asked: &Value, payload: &str) {
    let frame =
        json!({ "type": "invoke-res", "id": asked["id"], "ok": true, "payloadJSON": payload });
    phone.send(&frame);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The paths that were printed.
fn media(printed: &str) -> Vec<PathBuf> {
    printed.lines().map(|line| line.strip_prefix("MEDIA:").unwrap().into()).collect()
}

#[test]
fn a_snap_is_one_picture_for_each_camera() {
    let (daemon, mut phone, dir) = stage();
    let snap = operator(&daemon, &dir, "camera snap --max-width 800 --quality 0.9 --delay-ms 0");
    for facing in ["front", "back"] {
        let (invoke, params) = asked(&mut phone);
        assert_eq!(invoke["command"], "camera.snap");
        assert_eq!(
            params,
            json!({ "facing": facing, "maxWidth": 800, "quality": 0.9, "delayMs": 0, "format": "jpg" })
        );
        // Swift escapes slashes, and says the format with a word of its own.
        let payload = r#"{"format":"jpeg","base64":"\/9j\/4A==","width":1,"height":1}"#;
        answer(&mut phone, &invoke, payload);
    }
    let paths = media(&snap.finish().ok());
    for (path, facing) in paths.iter().zip(["front", "back"]) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let start = format!("clawdbot-camera-snap-{facing}-");
        assert!(name.starts_with(&start) && name.ends_with(".jpg"), "{name}");
        assert_eq!(fs::read(path).unwrap(), b"\xff\xd8\xff\xe0");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!((paths.len(), names(&dir).len()), (2, 2));
}

#[test]
fn a_picture_goes_where_it_shall_and_json_tells_about_it() {
    let (daemon, mut phone, dir) = stage();
    fs::write(dir.join("door.jpg"), "old").unwrap();
    let snap = operator(&daemon, &dir, "camera snap --facing back --out door.jpg --json");
    let (invoke, params) = asked(&mut phone);
    assert_eq!(params, json!({ "facing": "back", "format": "jpg" }));
    assert_eq!(fs::read(dir.join("door.jpg")).unwrap(), b"old");
    // Android: the format after the content, and a line break every 76 characters.
    answer(&mut phone, &invoke, r#"{"width":4,"base64":"Zm9v\nYmFy\n","height":3,"format":"jpg"}"#);
    let printed = snap.finish().json();
    let file = &printed["files"][0];
    assert_eq!((&file["width"], &file["bytes"]), (&json!(4), &json!(6)));
    assert_eq!((&file["facing"], &file["base64"]), (&json!("back"), &Value::Null));
    assert_eq!(fs::read(dir.join("door.jpg")).unwrap(), b"foobar");

    let both = operator(&daemon, &dir, "camera snap --out two.jpg");
    for payload in [r#"{"format":"jpg","base64":"Zm9v"}"#, r#"{"format":"jpg","base64":"YmFy"}"#] {
        let (invoke, _) = asked(&mut phone);
        answer(&mut phone, &invoke, payload);
    }
    assert_eq!(
        media(&both.finish().ok()),
        [dir.join("two-front.jpg"), dir.join("two-back.jpg")]
            .map(|path| PathBuf::from(path.file_name().unwrap()))
    );
    assert_eq!(names(&dir), ["door.jpg", "two-back.jpg", "two-front.jpg"]);

    let one = operator(&daemon, &dir, "camera snap --device-id usb-1 --out one.jpg");
    let (invoke, params) = asked(&mut phone);
    assert_eq!(params, json!({ "deviceId": "usb-1", "format": "jpg" }));
    answer(&mut phone, &invoke, r#"{"format":"jpg","base64":"Zm9v"}"#);
    one.finish().ok();
}

#[test]
fn clips_recordings_and_snapshots_are_asked_for_as_the_apps_want_it() {
    let (daemon, mut phone, dir) = stage();
    for (args, command, params, payload, name) in [
        (
            "camera clip",
            "camera.clip",
            json!({ "facing": "front", "durationMs": 3000, "includeAudio": true, "format": "mp4" }),
            r#"{"format":"mp4","base64":"Zm9v","durationMs":3000,"hasAudio":true}"#,
            "clawdbot-camera-clip-front-",
        ),
        (
            "camera clip --facing back --duration 1m --no-audio",
            "camera.clip",
            json!({ "facing": "back", "durationMs": 60_000, "includeAudio": false, "format": "mp4" }),
            r#"{"format":"MP4","base64":"Zm9v","durationMs":60000,"hasAudio":false}"#,
            "clawdbot-camera-clip-back-",
        ),
        (
            "screen record",
            "screen.record",
            json!({ "screenIndex": 0, "durationMs": 10_000, "fps": 10, "includeAudio": true,
                "format": "mp4" }),
            r#"{"format":"mp4","base64":"Zm9v","fps":10,"screenIndex":0,"hasAudio":true}"#,
            "clawdbot-screen-record-",
        ),
        (
            "canvas snapshot --format png --max-width 900",
            "canvas.snapshot",
            json!({ "format": "png", "maxWidth": 900 }),
            r#"{"format":"png","base64":"Zm9v"}"#,
            "clawdbot-canvas-snapshot-",
        ),
    ] {
        let run = operator(&daemon, &dir, args);
        let (invoke, sent) = asked(&mut phone);
        assert_eq!((&invoke["command"], &sent), (&json!(command), &params));
        answer(&mut phone, &invoke, payload);
        let path = media(&run.finish().ok()).remove(0);
        assert!(path.file_name().unwrap().to_str().unwrap().starts_with(name), "{path:?}");
        assert_eq!(path.parent(), Some(dir.as_path()));
        assert_eq!(
            path.extension().unwrap(),
            if command == "canvas.snapshot" { "png" } else { "mp4" }
        );
    }
    for wrong in [
        "camera clip --duration 61s",
        "screen record --fps 0",
        "screen record --fps 61",
        "camera snap --quality 2",
        "camera snap --facing both --device-id x",
    ] {
        operator(&daemon, &dir, wrong).finish().error(2);
    }
}

#[test]
fn what_is_no_picture_makes_no_file_and_is_told() {
    let (daemon, mut phone, dir) = stage();
    for (payload, says) in [
        (r#"{"format":"jpg","base64":"Zm9"}"#, "invalid Base64"),
        (r#"{"format":"jpg","base64":"Zm9v Zm9v"}"#, "invalid Base64"),
        (r#"{"format":"heic","base64":"Zm9v"}"#, r#"the format "heic"; expected jpg"#),
        (r#"{"base64":"Zm9v"}"#, "contains no format:"),
        (r#"{"format":"jpg","base64":""}"#, "sent an empty file"),
        (r#"{"format":"jpg","url":"x"}"#, r#"contains no base64: {"format":"jpg","url":"x"}"#),
        (r#"["base64"]"#, "contains no base64"),
        ("no JSON", "contains no base64"),
        ("", "contains no base64: null"),
    ] {
        let snap = operator(&daemon, &dir, "camera snap --facing front");
        let (invoke, _) = asked(&mut phone);
        answer(&mut phone, &invoke, payload);
        let said = snap.finish().error(1);
        assert!(said.contains("nodes camera snap failed: ") && said.contains(says), "{said}");
    }
    assert_eq!(names(&dir), Vec::<String>::new());
}

#[test]
fn of_two_cameras_the_one_that_fails_is_named() {
    let (daemon, mut phone, dir) = stage();
    let snap = operator(&daemon, &dir, "camera snap --facing both");
    let (front, _) = asked(&mut phone);
    answer(&mut phone, &front, r#"{"format":"jpg","base64":"Zm9v"}"#);
    let (back, _) = asked(&mut phone);
    let error = json!({ "code": "CAMERA_UNAVAILABLE", "message": "no camera" });
    phone.send(&json!({ "type": "invoke-res", "id": back["id"], "ok": false, "error": error }));
    let said = snap.finish().error(1);
    let why = "nodes camera snap failed: CAMERA_UNAVAILABLE: no camera (the back camera)";
    assert!(said.contains(why), "{said}");
    assert_eq!(names(&dir).len(), 1, "the other picture is kept");
}

#[test]
fn an_empty_tmpdir_counts_as_unset() {
    let (daemon, mut phone, dir) = stage();
    let mut command = daemon.setup().program();
    command.args(["nodes", "camera", "snap", "--facing", "front", "--node", "alice"]);
    command.env("TMPDIR", "").current_dir(&dir);
    let snap = Operator::spawn(command);
    let (invoke, _) = asked(&mut phone);
    answer(&mut phone, &invoke, r#"{"format":"jpg","base64":"Zm9v"}"#);
    let path = media(&snap.finish().ok()).remove(0);
    fs::remove_file(&path).unwrap();
    assert_eq!(path.parent(), Some(Path::new("/tmp")));
}

#[test]
fn no_picture_is_taken_that_cannot_be_kept() {
    let (daemon, mut phone, dir) = stage();
    fs::create_dir(dir.join("d")).unwrap();
    let clip = |out: &str| operator(&daemon, &dir, &format!("camera clip --out {out}")).finish();
    assert!(clip("d").error(2).contains("`d` is not a regular file"));
    assert!(clip("/dev/null").error(2).contains("not a regular file"));
    assert!(clip("-").error(2).contains("--out: name a file;"));
    let long = format!("d/{}.mp4", "x".repeat(252));
    assert!(clip(&long).error(2).contains("is too long; a file name has at most 255 bytes"));
    for out in ["a.b/", "d/.", "d/..", "-"] {
        // Of two pictures, whose names are made from it.
        let snap = operator(&daemon, &dir, &format!("camera snap --out {out}"));
        let said = snap.finish().error(2);
        assert!(said.contains("is not a file name") || said.contains("name a file"), "{said}");
    }
    fs::create_dir(dir.join("two-back.jpg")).unwrap();
    let both = operator(&daemon, &dir, "camera snap --out two.jpg").finish().error(2);
    assert!(both.contains("`two-back.jpg` is not a regular file"), "{both}");
    let said = clip("nowhere/clip.mp4").error(1);
    assert!(said.contains("could not write in `nowhere`: No such file"), "{said}");
    phone.expect_nothing_else();
    assert_eq!(daemon.status()["counters"]["invokes"], 0);
}

/// Sends an answer with so many bytes of Base64, in pieces.
fn send_film(phone: &mut Phone, invoke: &Value, bytes: usize) {
    let head = json!({ "type": "invoke-res", "id": invoke["id"], "ok": true });
    let head = head.to_string();
    let head = head.strip_suffix('}').unwrap();
    let start = format!(r#"{head},"payloadJSON":"{{\"format\":\"mp4\",\"base64\":\""#);
    let piece = [b'A'; 64 * 1024];
    phone.send_raw(start.as_bytes());
    for _ in 0..bytes / piece.len() {
        phone.send_raw(&piece);
    }
    phone.send_raw(b"\\\",\\\"hasAudio\\\":true}\"}\n");
}

/// A line of `/proc/<pid>/status` in KiB, while the process lives.
fn memory(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_long_film_costs_its_size_once_in_the_daemon_and_little_in_the_command() {
    // Longer than a line of a node that owes no recording.
    const FILM: usize = 34 * 1024 * 1024;
    let (daemon, mut phone, dir) = stage_as_a_unit();
    let record = operator(&daemon, &dir, "screen record");
    let (pid, before) = (record.pid(), daemon.proc("VmHWM"));
    let (invoke, _) = asked(&mut phone);
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = memory(pid, "VmHWM") {
            peak = peak.max(now);
            // Not a wait for anything: just not to take the processor from what is measured.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        peak
    });
    send_film(&mut phone, &invoke, FILM);
    let path = media(&record.finish().ok()).remove(0);
    assert_eq!(fs::metadata(path).unwrap().len(), FILM as u64 / 4 * 3);
    let film = FILM as u64 / 1024;
    let (peak, command) = (daemon.proc("VmHWM"), watch.join().unwrap());
    assert!(peak < before + film * 3 / 2, "the daemon took {peak} KiB for {film} KiB");
    assert!(command > 0 && command < 20 * 1024, "the command took {command} KiB");
    phone.ping();
    eventually("the memory is given back", || {
        (daemon.proc("VmRSS") < before + film / 4).then_some(())
    });
}

#[test]
fn the_memory_of_long_messages_is_given_back() {
    let (daemon, mut phone, _) = stage_as_a_unit();
    let before = daemon.proc("VmRSS");
    phone.send(&json!({ "type": "event", "event": "chat.subscribe",
        "payloadJSON": "{\"sessionKey\":\"main\"}" }));
    for run in 0..20 {
        let (message, run) = ("word ".repeat(50_000), run.to_string());
        let params = json!({ "sessionKey": "main", "message": message, "idempotencyKey": run });
        phone.request("chat.send", Some(&params.to_string()));
        let is_final = |frame: &Value| {
            let payload = frame["payloadJSON"].as_str().unwrap_or_default();
            frame["event"] == "chat" && payload.contains("\"state\":\"final\"")
        };
        while !is_final(&phone.receive()) {}
    }
    eventually("the memory is given back", || {
        (daemon.proc("VmRSS") < before + 16 * 1024).then_some(())
    });
}

#[test]
fn an_interrupted_command_leaves_nothing_and_the_daemon_goes_on() {
    let (daemon, mut phone, dir) = stage();
    let clip = operator(&daemon, &dir, "camera clip --out clip.mp4");
    let (invoke, _) = asked(&mut phone);
    clip.signal(Signal::INT);
    let run = clip.finish();
    assert_eq!((run.code, run.stdout.as_str()), (None, ""), "it ends by the signal");
    assert_eq!(names(&dir), Vec::<String>::new());
    answer(&mut phone, &invoke, r#"{"format":"mp4","base64":"Zm9v"}"#);
    let clip = operator(&daemon, &dir, "camera clip --out clip.mp4");
    let (invoke, _) = asked(&mut phone);
    answer(&mut phone, &invoke, r#"{"format":"mp4","base64":"YmFy"}"#);
    clip.finish().ok();
    assert_eq!(fs::read(dir.join("clip.mp4")).unwrap(), b"bar");
}

#[test]
fn a_transfer_that_breaks_off_leaves_the_old_file() {
    let (daemon, mut phone, dir) = stage();
    fs::write(dir.join("clip.mp4"), "old").unwrap();
    let clip = operator(&daemon, &dir, "camera clip --out clip.mp4");
    let (invoke, _) = asked(&mut phone);
    // The command reads nothing, so that the socket holds a piece of the film when the daemon dies.
    clip.signal(Signal::STOP);
    send_film(&mut phone, &invoke, 8 * 1024 * 1024);
    phone.ping();
    daemon.signal(Signal::KILL);
    clip.signal(Signal::CONT);
    let said = clip.finish().error(1);
    assert!(said.contains("nodes camera clip failed: the bridge closed the connection"), "{said}");
    assert_eq!(names(&dir), ["clip.mp4"]);
    assert_eq!(fs::read(dir.join("clip.mp4")).unwrap(), b"old");
}
