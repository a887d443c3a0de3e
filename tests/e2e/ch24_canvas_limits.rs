//! The canvas host: pages that reload, and what it does not put up with.

use crate::support::{eventually, took_less_than, Daemon, Setup, Web, DEADLINE};
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};

const CANVAS: &str = "/__clawdbot__/canvas/";
const PROMPT: Duration = Duration::from_secs(2);

fn write(daemon: &Daemon, name: &str, text: &str) {
    fs::write(daemon.setup().state("canvas").join(name), text).unwrap();
}

/// Opens the page, and waits for notices as its script does.
fn watched(daemon: &Daemon) -> Web {
    let page = daemon.page("").text();
    let version = page.split("live.js?").nth(1).unwrap().split('"').next().unwrap();
    listening(daemon, version)
}

fn listening(daemon: &Daemon, version: &str) -> Web {
    let mut web = Web::open(daemon.canvas());
    web.ask("GET", &format!("/__clawdbot__/changes?{version}"), "");
    let head = web.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    web
}

#[test]
fn a_page_is_told_when_a_file_changes() {
    let daemon = Daemon::start();
    fs::create_dir(daemon.setup().state("canvas/styles")).unwrap();
    let mut web = watched(&daemon);
    for (name, text) in [("index.html", "<p>1"), ("styles/a.css", "p {}"), ("index.html", "<p>two")]
    {
        write(&daemon, name, text);
        web.until("data: reload\n\n");
    }
    // A folder that is new is watched as well, and one notice is enough for many changes.
    fs::create_dir(daemon.setup().state("canvas/new")).unwrap();
    write(&daemon, "new/a.js", "1");
    web.until("data: reload\n\n");
    // What is hidden, as editors' own files are, changes nothing.
    let mut web = watched(&daemon);
    web.until(":\n\n");
    write(&daemon, ".index.html.swp", "x");
    assert!(web.is_silent(Duration::from_millis(500)));
    fs::remove_file(daemon.setup().state("canvas/new/a.js")).unwrap();
    web.until("data: reload\n\n");
}

#[test]
fn a_change_that_a_page_has_missed_is_told_when_it_comes_back() {
    let daemon = Daemon::start();
    let page = daemon.page("").text();
    let version = page.split("live.js?").nth(1).unwrap().split('"').next().unwrap().to_owned();
    write(&daemon, "index.html", "<p>new");
    let daemon = daemon.restart();
    listening(&daemon, &version).until("data: reload\n\n");
}

#[test]
fn pages_do_not_reload_where_that_is_switched_off() {
    let daemon = Daemon::with_config("{ canvasHost: { liveReload: false } }");
    assert!(!daemon.page("").text().contains("live.js"));
    let mut web = Web::open(daemon.canvas());
    assert_eq!(web.get("/__clawdbot__/changes", "").status, 404);
}

#[test]
fn only_so_many_pages_wait_and_none_keeps_the_bridge_from_stopping() {
    let mut daemon = Daemon::start();
    let mut waiting: Vec<Web> = (0..32).map(|_| listening(&daemon, "0")).collect();
    let mut web = Web::open(daemon.canvas());
    assert_eq!(web.get("/__clawdbot__/changes", "").status, 503);
    // One that leaves makes room.
    drop(waiting.pop());
    eventually("there is room", || {
        let mut web = Web::open(daemon.canvas());
        web.ask("GET", "/__clawdbot__/changes", "");
        web.until("\r\n").starts_with("HTTP/1.1 200").then_some(())
    });
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    waiting.iter_mut().for_each(Web::expect_end);
    assert!(daemon.wait(DEADLINE).success());
    took_less_than(PROMPT, began, "stopping");
}

#[test]
fn a_head_that_trickles_in_is_cut_and_holds_nobody_up() {
    let daemon = Daemon::start();
    let mut slow = Web::open(daemon.canvas());
    let began = Instant::now();
    slow.send("GET / HTTP/1.1\r\n");
    for number in 0.. {
        assert!(began.elapsed() < 2 * DEADLINE, "it is never cut");
        if !slow.is_silent(Duration::from_millis(250)) {
            break;
        }
        if number % 4 == 0 {
            slow.send("X");
            let asked = Instant::now();
            assert_eq!(daemon.page("").status, 200);
            took_less_than(PROMPT, asked, "a page beside a slow head");
        }
    }
    slow.expect_end();
    // A head that is too long does not have to end.
    let mut long = Web::open(daemon.canvas());
    long.send(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(17 * 1024)));
    assert_eq!(long.answer(true).status, 431);
}

#[test]
fn whoever_does_not_read_holds_nobody_up_and_costs_no_memory() {
    let daemon = Daemon::start();
    write(&daemon, "film.mp4", &"x".repeat(60_000_000));
    let mut lazy: Vec<Web> = (0..8).map(|_| Web::open(daemon.canvas())).collect();
    for web in &mut lazy {
        web.ask("GET", &format!("{CANVAS}film.mp4"), "");
        web.until("\r\n\r\n");
    }
    let asked = Instant::now();
    assert_eq!(daemon.page("").status, 200);
    took_less_than(PROMPT, asked, "a page beside those who do not read");
    assert!(daemon.proc("VmRSS") < 64 * 1024, "{} KiB", daemon.proc("VmRSS"));
}

#[test]
fn a_crowd_of_connections_has_a_limit_and_locks_nobody_out() {
    let daemon = Daemon::start();
    let canvas = daemon.canvas();
    let mut crowd: Vec<Web> = (0..96).map(|_| Web::open(canvas)).collect();
    let threads = || daemon.threads().iter().filter(|name| name.starts_with("canvas-")).count();
    eventually("all are served", || (threads() >= 96).then_some(()));
    crowd.extend((0..50).map(|_| Web::open(canvas)));
    // The oldest have made room.
    crowd.iter_mut().take(50).for_each(Web::expect_end);
    eventually("the limit holds", || (threads() <= 96 + 2 + 1).then_some(()));
    let asked = Instant::now();
    assert_eq!(daemon.page("").status, 200);
    took_less_than(PROMPT, asked, "a page beside a crowd");
}

#[test]
fn two_bridges_on_one_machine_have_a_canvas_each() {
    let (one, two) = (Setup::new().start(), Setup::new().start());
    assert_ne!(one.canvas(), two.canvas());
    write(&one, "index.html", "one");
    assert!(one.page("").text().starts_with("one") && !two.page("").text().starts_with("one"));
}
