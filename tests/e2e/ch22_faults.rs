//! Disks that are full, broken or slow, a machine without descriptors or threads, a wrong clock: the
//! test chooses the call that fails. What is refused is refused with the reason and changes nothing,
//! what is acknowledged is kept, and nobody else notices.

use crate::support::faults::{Call, Faults, Rule};
use crate::support::{apps, eventually, took_less_than, Control, Daemon, Phone, Setup, DEADLINE};
use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// Every kind of call that a full or a broken disk refuses.
const DISK: [(Call, Errno); 6] = [
    (Call::Write, Errno::NOSPC),
    (Call::Create, Errno::NOSPC),
    (Call::Name, Errno::NOSPC),
    (Call::Write, Errno::IO),
    (Call::Sync, Errno::IO),
    (Call::Name, Errno::IO),
];

/// What an operator does, and what it looks like when it is done.
struct Deed {
    method: &'static str,
    params: fn(u32) -> Value,
    /// What can be seen of it.
    look: fn(&mut Control) -> Value,
}

fn described(control: &mut Control) -> Value {
    control.ask("node.describe", &json!({ "nodeId": "alice" })).unwrap()["displayName"].take()
}

fn triggers(control: &mut Control) -> Value {
    control.ask("voicewake.get", &json!({})).unwrap()
}

fn history(control: &mut Control) -> Value {
    let mut history = control.ask("chat.history", &json!({ "sessionKey": "main" })).unwrap();
    history["messages"].take()
}

fn row(control: &mut Control) -> Value {
    let list = control.ask("sessions.list", &json!({})).unwrap();
    let rows = list["sessions"].as_array().unwrap();
    let row = rows.iter().find(|row| row["key"] == "agent:main:main").unwrap();
    json!([row["thinkingLevel"], row["sessionId"]])
}

const DEEDS: [Deed; 5] = [
    Deed {
        method: "node.rename",
        params: |n| json!({ "nodeId": "alice", "displayName": format!("Name {n}") }),
        look: described,
    },
    Deed {
        method: "voicewake.set",
        params: |n| json!({ "triggers": [format!("word {n}")] }),
        look: triggers,
    },
    Deed {
        method: "chat.inject",
        params: |n| json!({ "sessionKey": "main", "message": format!("message {n}") }),
        look: history,
    },
    Deed {
        method: "sessions.patch",
        params: |n| json!({ "key": "main", "thinkingLevel": (["low", "high"][n as usize % 2]) }),
        look: row,
    },
    Deed {
        method: "sessions.compact",
        params: |_| json!({ "key": "main", "maxLines": 3 }),
        look: history,
    },
];

fn talk(daemon: &Daemon) {
    let mut app = apps::App::paired(daemon, "alice");
    app.subscribe("main");
    app.send("main", "hello", "first");
    app.end_of("first");
    for n in 0..4 {
        app.ok("chat.inject", &json!({ "sessionKey": "main", "message": format!("before {n}") }));
    }
}

#[test]
fn a_disk_that_fails_at_any_call_is_told_with_the_reason_and_changes_nothing() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    talk(&daemon);
    let mut control = daemon.control();
    let mut bystander = Phone::paired(&daemon, "bystander");
    let (mut number, mut refused) = (0, 0);
    for deed in &DEEDS {
        for (call, error) in DISK {
            for skip in 0.. {
                number += 1;
                let before = (deed.look)(&mut control);
                let params = (deed.params)(number);
                faults.set(Rule::nth(&[call], error, skip));
                let answer = control.ask(deed.method, &params);
                let was_hit = faults.seen() > skip;
                faults.set(Rule::default());
                let context = || format!("{} {call:?} {skip}: {answer:?}", deed.method);
                match &answer {
                    Ok(_) => {}
                    Err(why) => {
                        refused += 1;
                        assert!(was_hit, "{}", context());
                        let text = why["message"].as_str().unwrap();
                        let reason = std::io::Error::from(error).to_string();
                        // Apps are not shown more than that the log has the reason.
                        let is_logged = || daemon.log().contains(&reason);
                        assert!(text.contains(&reason) || is_logged(), "{}", context());
                        assert_eq!(why["code"], "UNAVAILABLE", "{}", context());
                        // After a failed sync nobody knows what is on disk.
                        let is_known = !matches!(call, Call::Sync);
                        assert!(!is_known || (deed.look)(&mut control) == before, "{}", context());
                        // As soon as the disk is well, it goes on.
                        control.ask(deed.method, &params).expect("the disk is well again");
                    }
                }
                if !was_hit {
                    break;
                }
                assert!(skip < 50, "no end of calls: {}", context());
            }
        }
    }
    assert!(refused >= 20, "{refused}");
    bystander.ping();
    let looks = |control: &mut Control| DEEDS.map(|deed| (deed.look)(control));
    let before = looks(&mut control);
    drop(control);
    let daemon = daemon.kill_and_restart();
    assert_eq!(looks(&mut daemon.control()), before, "what was acknowledged is on disk");
}

#[test]
fn a_disk_that_is_full_or_read_only_keeps_no_node_from_working() {
    for error in [Errno::NOSPC, Errno::ROFS] {
        let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
        let daemon = setup.start();
        let alice = Phone::paired(&daemon, "alice");
        faults.set(Rule::all(&[Call::Write, Call::Create, Call::Name], error));
        // A login writes nothing that it needs; a new node is told why it has to wait.
        let mut again = Phone::log_in(&daemon, "alice", &alice.token);
        again.ping();
        let mut new = Phone::connect(&daemon);
        new.send(&json!({ "type": "pair-request", "nodeId": "new" }));
        let refusal = new.expect("error");
        assert_eq!(refusal["code"], "UNAVAILABLE", "{refusal}");
        faults.set(Rule::default());
        Phone::paired(&daemon, "new");
    }
}

#[test]
fn a_state_directory_that_cannot_be_read_stops_the_start_with_the_path() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    Phone::paired(&daemon, "alice");
    drop(daemon);
    faults.set(Rule::all(&[Call::Read], Errno::IO));
    let said = setup.fail_to_start().error(1);
    assert!(said.contains(setup.path("state").to_str().unwrap()), "{said}");
    assert!(said.contains("Input/output error"), "{said}");
    faults.set(Rule::all(&[Call::Write, Call::Create, Call::Name], Errno::ROFS));
    let said = setup.fail_to_start().error(1);
    assert!(said.contains("Read-only file system"), "{said}");
}

#[test]
fn calls_that_are_interrupted_are_made_again() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    talk(&daemon);
    let mut control = daemon.control();
    for (number, deed) in (1..).zip(&DEEDS) {
        for skip in 0..3 {
            let calls = [Call::Write, Call::Sync, Call::Create, Call::Read];
            faults.set(Rule::nth(&calls, Errno::INTR, skip));
            control.ask(deed.method, &(deed.params)(number)).unwrap();
        }
    }
}

#[test]
fn a_disk_that_takes_seconds_holds_up_only_who_waits_for_it() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    talk(&daemon);
    let mut bystander = Phone::paired(&daemon, "bystander");
    let mut control = daemon.control();
    let slow = Duration::from_secs(3);
    let calls = Call::Sync as u32;
    faults.set(Rule { calls, count: 1, delay_ms: 3_000, ..Rule::default() });
    let began = Instant::now();
    let message = json!({ "sessionKey": "main", "message": "slowly" });
    let call = control.send("chat.inject", &message);
    eventually("the disk is being waited for", || (faults.seen() > 0).then_some(()));
    bystander.ping();
    let while_it_waits = began.elapsed();
    control.answer(call).unwrap();
    assert!(began.elapsed() >= slow, "acknowledged before it was on disk");
    assert!(while_it_waits < slow, "somebody else waited: {while_it_waits:?}");
}

#[test]
fn a_machine_without_descriptors_goes_on_with_those_it_has() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    let mut alice = Phone::paired(&daemon, "alice");
    let lines = daemon.log().lines().count();
    faults.set(Rule::all(&[Call::Accept], Errno::MFILE));
    let mut waiting = Phone::connect(&daemon);
    eventually("the listener tries", || (faults.seen() > 2).then_some(()));
    alice.ping();
    daemon.log_with("Too many open files");
    let more = daemon.log().lines().filter(|line| line.contains("Too many open files")).count();
    assert!(more < 20, "{more} lines about it since line {lines}");
    faults.set(Rule::default());
    // Whoever was in the queue is served now.
    waiting.send(&json!({ "type": "hello", "nodeId": "bob" }));
    waiting.expect("error");
}

#[test]
fn a_machine_without_threads_turns_newcomers_away_and_goes_on() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    let mut alice = Phone::paired(&daemon, "alice");
    faults.set(Rule::all(&[Call::Thread], Errno::AGAIN));
    let mut turned_away = Phone::connect(&daemon);
    turned_away.expect_close();
    alice.ping();
    daemon.run(["status"]).error(1);
    daemon.log_with("Resource temporarily unavailable");
    faults.set(Rule::default());
    Phone::log_in(&daemon, "alice", &alice.token);
    daemon.run(["status"]).ok();
}

#[test]
fn a_clock_that_jumps_cuts_nobody_off_and_loses_nothing() {
    let year = 365 * 24 * 3600;
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let mut daemon = setup.start();
    let mut alice = Phone::paired(&daemon, "alice");
    for clock_s in [20 * year, -50 * year, 130 * year, 0] {
        faults.set(Rule { clock_s, ..Rule::default() });
        alice.ping();
        let mut asking = Phone::asking(&daemon, "bob");
        daemon.run(["nodes"]).ok();
        daemon.approve("bob");
        asking.expect_token();
        daemon.ask("node.revoke", &json!({ "nodeId": "bob" }));
        let token = alice.token.clone();
        daemon = daemon.restart();
        alice = Phone::log_in(&daemon, "alice", &token);
    }
}

#[test]
fn a_full_log_costs_lines_and_nothing_else() {
    let setup = Setup::new().log_to("/dev/full");
    let mut daemon = setup.start();
    let mut alice = Phone::paired(&daemon, "alice");
    alice.ping();
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(DEADLINE).success());
}

/// A process of another session holds the agent's output open, and nobody may wait for it.
#[test]
fn an_agent_that_leaves_a_daemon_behind_ends_its_run_and_does_not_hold_up_the_stop() {
    let text =
        "setsid sh -c 'echo $$ > left; exec sleep 300' & until [ -s left ]; do :; done; echo hi";
    let setup = apps::script(text, &json!({}));
    let mut daemon = setup.start();
    let mut app = apps::App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "hello", "run");
    let end = app.end_of("run");
    assert_eq!((&*end.state, end.text.as_deref()), ("final", Some("hi")));
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(DEADLINE).success());
    took_less_than(Duration::from_secs(4), began, "the stop");
    let left = eventually("the process that was left behind", || {
        let find = |dir: std::path::PathBuf| std::fs::read_to_string(dir.join("left")).ok();
        find(setup.path("home")).or_else(|| find(setup.path("")))
    });
    // Under systemd, the unit ends it with the bridge.
    let pid = rustix::process::Pid::from_raw(left.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_program_that_is_replaced_while_it_runs_goes_on_and_the_next_start_is_the_new_one() {
    let setup = Setup::new().copied_program();
    let daemon = setup.start();
    let token = Phone::paired(&daemon, "alice").token;
    setup.replace_program();
    Phone::log_in(&daemon, "alice", &token);
    daemon.run(["status"]).ok();
    let daemon = daemon.restart();
    Phone::log_in(&daemon, "alice", &token);
}
