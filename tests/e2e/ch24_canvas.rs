//! The canvas host: the pages that nodes show, and how nodes find them.

use crate::support::{eventually, Daemon, Namespace, Phone, Setup, Web};
use rustix::fs::{mknodat, FileType, Mode, CWD};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

const CANVAS: &str = "/__clawdbot__/canvas/";

fn folder(daemon: &Daemon, name: &str) -> std::path::PathBuf {
    daemon.setup().state("canvas").join(name)
}

#[test]
fn a_first_page_is_there_and_stays_the_owners() {
    let daemon = Daemon::start();
    let first = Web::open(daemon.canvas()).get("/", "");
    assert_eq!((first.status, first.field("location")), (302, Some(CANVAS)));
    let page = daemon.page("");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
    assert!(page.text().contains("This is the canvas"), "{}", page.text());
    let scripts = ["/__clawdbot__/actions.js\"", "/__clawdbot__/live.js?"];
    assert!(scripts.iter().all(|script| page.text().contains(script)), "{}", page.text());
    fs::write(folder(&daemon, "index.html"), "<p>mine").unwrap();
    let daemon = daemon.restart();
    assert!(daemon.page("").text().starts_with("<p>mine\n<script"));
    // Without one, the folder is not empty for the phone.
    fs::remove_file(folder(&daemon, "index.html")).unwrap();
    let daemon = daemon.restart();
    assert!(daemon.page("").text().contains("This is the canvas"));
    assert!(!folder(&daemon, "index.html").exists());
}

#[test]
fn the_page_of_a2ui_is_served_and_may_load_nothing_foreign() {
    let daemon = Daemon::start();
    let mut web = Web::open(daemon.canvas());
    let moved = web.get("/__clawdbot__/a2ui?platform=ios", "");
    assert_eq!(moved.field("location"), Some("/__clawdbot__/a2ui/?platform=ios"));
    let page = web.get("/__clawdbot__/a2ui/?platform=android", "");
    assert_eq!((page.status, page.field("cache-control")), (200, Some("no-cache")));
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.field("access-control-allow-origin"), None);
    let tag = page.field("etag").unwrap();
    let again = web.get("/__clawdbot__/a2ui/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(web.get("/__clawdbot__/actions.js", "").status, 200);
    assert_eq!(web.get("/__clawdbot__/none.js", "").status, 404);
}

#[test]
fn files_have_types_versions_and_parts() {
    let daemon = Daemon::start();
    fs::create_dir(folder(&daemon, "films")).unwrap();
    fs::write(folder(&daemon, "films/a b.mp4"), "0123456789").unwrap();
    // All of it over one connection.
    let mut web = Web::open(daemon.canvas());
    let path = format!("{CANVAS}films/a%20b.mp4");
    let whole = web.get(&path, "");
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    assert_eq!(whole.field("content-type"), Some("video/mp4"));
    assert_eq!(whole.field("accept-ranges"), Some("bytes"));
    let tag = whole.field("etag").unwrap();
    let head = web.head(&path, "");
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    let known = web.get(&path, &format!("If-None-Match: \"x\", {tag}\r\n"));
    assert_eq!((known.status, known.field("etag")), (304, Some(tag)));
    let part = web.get(&path, "Range: bytes=2-4\r\n");
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    assert_eq!(part.field("content-range"), Some("bytes 2-4/10"));
    let part = web.get(&path, &format!("Range: bytes=-3\r\nIf-Range: {tag}\r\n"));
    assert_eq!((part.status, part.text().as_str()), (206, "789"));
    assert_eq!(web.get(&path, "Range: bytes=2-4\r\nIf-Range: \"old\"\r\n").status, 200);
    let none = web.get(&path, "Range: bytes=10-\r\n");
    assert_eq!((none.status, none.field("content-range")), (416, Some("bytes */10")));
    fs::write(folder(&daemon, "films/a b.mp4"), "new").unwrap();
    let changed = web.get(&path, &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((changed.status, changed.text().as_str()), (200, "new"));
    let moved = web.get(&format!("{CANVAS}films?a=b"), "");
    assert_eq!(moved.field("location"), Some("/__clawdbot__/canvas/films/?a=b"));
    assert_eq!(web.get(&format!("{CANVAS}films/"), "").status, 404, "no list");
}

#[test]
fn a_large_file_comes_whole() {
    let daemon = Daemon::start();
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(folder(&daemon, "film.webm"), &bytes).unwrap();
    assert!(daemon.page("film.webm").body == bytes);
}

#[test]
fn nothing_outside_of_the_folder_and_nothing_hidden_is_served() {
    let daemon = Daemon::start();
    fs::write(daemon.setup().state("secret.txt"), "secret").unwrap();
    fs::create_dir(folder(&daemon, ".git")).unwrap();
    fs::write(folder(&daemon, ".git/config"), "secret").unwrap();
    symlink("../secret.txt", folder(&daemon, "link.txt")).unwrap();
    symlink("..", folder(&daemon, "up")).unwrap();
    for path in [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "..\\secret.txt",
        "..%5csecret.txt",
        "/../secret.txt",
        "x/../../secret.txt",
        "%00",
        "index.html%00.txt",
        "link.txt",
        "up/secret.txt",
        "up/",
        ".git/config",
        "%2egit/config",
        "index.html/",
    ] {
        let answer = daemon.page(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
    let log = daemon.log();
    for link in ["link.txt", "up/secret.txt"] {
        assert!(log.contains(&format!("{link}\": it is a symbolic link or behind one")), "{log}");
    }
}

#[test]
fn a_folder_that_cannot_be_served_is_told_and_costs_the_owners_pages_only() {
    let setup = Setup::new();
    let file = setup.path("file");
    fs::write(&file, "").unwrap();
    let daemon = setup.config(&format!("{{ canvasHost: {{ root: {file:?} }} }}")).start();
    let line = format!("canvas: cannot serve the folder {file:?}: not a directory");
    assert!(daemon.log().contains(&line), "{}", daemon.log());
    assert_eq!(daemon.page("").status, 404);
    assert_eq!(Web::open(daemon.canvas()).get("/__clawdbot__/a2ui/", "").status, 200);
    // Another folder is made as the usual one is.
    let setup = Setup::new().config("{ canvasHost: { root: 'pages/mine' } }");
    let daemon = setup.start();
    assert!(setup.path("pages/mine/index.html").is_file());
    assert_eq!(daemon.page("index.html").status, 200);
}

#[test]
fn a_pipe_or_a_socket_in_the_folder_holds_nobody_up() {
    let daemon = Daemon::start();
    let pipe = folder(&daemon, "pipe.txt");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder(&daemon, "socket.txt")).unwrap();
    for name in ["pipe.txt", "socket.txt"] {
        assert_eq!(daemon.page(name).status, 404, "{name}");
    }
}

#[test]
fn what_is_no_request_for_a_page_is_refused() {
    let daemon = Daemon::start();
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.com\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("{\"type\":\"hello\"}\n", 400),
    ] {
        let mut web = Web::open(daemon.canvas());
        web.send(request);
        let answer = web.answer(true);
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.field("allow"), (status == 405).then_some("GET, HEAD"));
        web.expect_end();
    }
}

#[test]
fn a_name_that_a_stranger_can_own_is_not_answered_unless_it_is_configured() {
    let config = |url: &str| format!("{{ canvasHost: {{ url: {url} }} }}");
    let daemon = Daemon::with_config(&config("null"));
    let status = |host: &str| {
        let mut web = Web::open(daemon.canvas());
        web.send(&format!("GET {CANVAS} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        web.answer(true).status
    };
    let own = "bridge.example.org";
    assert_eq!((status("localhost"), status("pi.local:1"), status("[::1]:1")), (200, 200, 200));
    assert_eq!((status("evil.com"), status(own)), (421, 421));
    daemon.setup().write_config(&config("'http://bridge.example.org:18793'"));
    daemon.run(["reload"]).ok();
    assert_eq!((status("evil.com"), status(own)), (421, 200));
}

#[test]
fn a_node_is_told_the_address_that_it_has_reached() {
    let daemon = Daemon::start();
    let port = daemon.canvas().port();
    for (number, address) in daemon.addresses().iter().enumerate() {
        let node = format!("n{number}");
        let token = Phone::paired(&daemon, &node).token;
        let mut phone = Phone::connect_to(*address);
        phone.send(&json!({ "type": "hello", "nodeId": node, "token": token }));
        let host = if address.is_ipv6() { "[::1]" } else { "127.0.0.1" };
        let url = format!("http://{host}:{port}");
        assert_eq!(phone.expect("hello-ok")["canvasHostUrl"], url);
        let told = daemon.run(["nodes", "describe", "--node", &node]).ok();
        assert!(told.contains(&format!("Canvas host  {url}\n")), "{told}");
    }
}

#[test]
fn a_phone_behind_a_tunnel_is_not_sent_to_itself() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    for (platform, is_sent) in [("macOS 15", true), ("Android 14", false)] {
        phone.send(&json!({ "type": "hello", "nodeId": "alice", "token": phone.token,
            "platform": platform }));
        phone.expect("hello-ok");
        let operator = daemon.operator(["nodes", "canvas", "present", "--node", "alice"]);
        let invoke = std::iter::repeat_with(|| phone.receive()).find(|f| f["type"] == "invoke");
        let invoke = invoke.unwrap();
        assert_eq!(invoke["paramsJSON"].is_string(), is_sent, "{invoke}");
        phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true }));
        operator.finish().ok();
    }
}

#[test]
fn it_follows_the_addresses_of_the_bridge() {
    let Some(machine) = Namespace::new() else { return };
    let reaches = |ip: &str, port| machine.reaches(ip.parse().unwrap(), port);
    machine.interface("lan0");
    machine.ip("addr add 192.168.77.5/24 dev lan0");
    let daemon = Setup::new().config("{ bridge: { bind: 'lan' } }").inside(&machine).start();
    assert!(reaches("192.168.77.5", daemon.canvas().port()));

    machine.interface("ts0");
    machine.ip("addr add 100.64.1.2/32 dev ts0");
    let daemon = Setup::new().config("{ bridge: { bind: 'tailnet' } }").inside(&machine).start();
    let port = daemon.canvas().port();
    assert!(reaches("100.64.1.2", port) && !reaches("192.168.77.5", port));
    machine.ip("addr add 100.64.9.9/32 dev ts0");
    machine.ip("addr del 100.64.1.2/32 dev ts0");
    eventually("it listens there", || reaches("100.64.9.9", port).then_some(()));
    let told = || daemon.status()["canvasHost"]["addresses"].to_string();
    eventually("status says so", || {
        (told().contains("100.64.9.9:") && !told().contains("100.64.1.2:")).then_some(())
    });
}

#[test]
fn a_port_that_is_taken_costs_the_canvas_and_not_the_bridge() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let setup = Setup::new().config("{ canvasHost: { port: 1 } }");
    let daemon = setup.env("CLAWDBOT_CANVAS_HOST_PORT", port.to_string()).start();
    let token = Phone::paired(&daemon, "alice").token;
    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({ "type": "hello", "nodeId": "alice", "token": token }));
    assert_eq!(phone.expect("hello-ok").get("canvasHostUrl"), None);
    let told = daemon.run(["status"]).ok();
    let problem = format!("there is no canvas host: could not listen on 127.0.0.1:{port} ");
    assert!(told.contains(&problem), "{told}");
    assert!(told.contains("set canvasHost.port to a free port"), "{told}");
    assert!(daemon.log().contains(&format!("warn  canvas: could not listen on 127.0.0.1:{port} ")));
    // Nodes show their own page then.
    let operator = daemon.operator(["nodes", "canvas", "present", "--node", "alice"]);
    phone.expect_event("voicewake.changed");
    assert_eq!(phone.expect("invoke")["paramsJSON"].as_str(), None);
    drop(operator);
}

#[test]
fn nothing_listens_when_it_is_switched_off() {
    let by_file = Setup::new().config("{ canvasHost: { enabled: false } }");
    for setup in [by_file, Setup::new().env("CLAWDBOT_SKIP_CANVAS_HOST", "1")] {
        let daemon = setup.start();
        assert_eq!(daemon.status().get("canvasHost"), None);
        assert!(!daemon.threads().iter().any(|name| name.starts_with("canvas")));
        assert!(!folder(&daemon, "").exists());
    }
    let on = Daemon::start();
    assert!(on.threads().iter().any(|name| name.starts_with("canvas-accept")));
    let address = on.canvas();
    on.signal(Signal::TERM);
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err().then_some(())
    });
}
