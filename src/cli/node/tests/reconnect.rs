//! What a new connection has to make up for.

use super::*;

#[test]
fn a_lost_connection_is_made_again_and_subscriptions_with_it() {
    let gateway = FakeGateway::start(|listener| {
        for _ in 0..2 {
            let (mut visit, _) = listener.admit();
            let event = visit.expect("event");
            assert_eq!(event["payloadJSON"], r#"{"sessionKey":"main"}"#);
            visit.send(r#"{"type":"event","event":"chat","payloadJSON":"{}"}"#);
        }
        listener.accept();
    });
    let mut alice = Alice::new(gateway.port);
    alice.options.subscribe.push("main".into());
    let out = alice.out.clone();
    let alice = alice.start();
    gateway.finish();
    alice.stop();
    assert_eq!(out.text(), "{\"event\":\"chat\",\"payload\":{}}\n".repeat(2));
}

#[test]
fn exec_finished_that_a_dying_connection_did_not_take_comes_on_the_next_one() {
    let (sender, visits) = crossbeam_channel::bounded(2);
    let gateway = FakeGateway::start(move |listener| {
        (0..2).for_each(|_| sender.send(listener.admit()).unwrap());
    });
    let flood = "head -c 15000000 /dev/zero | tr '\\0' x";
    let mut alice = Alice::new(gateway.port).handle("flood", flood);
    alice.options.work.owner.security = Some(Security::Full);
    let done = alice.dir.path().join("done");
    let alice = alice.start();
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    visit.invoke("f", "flood", None);
    visit.expect_something();
    let params = json!({ "command": ["/usr/bin/touch", done], "runId": "r" }).to_string();
    visit.invoke("r", "system.run", Some(&params));
    let end = Instant::now() + DEADLINE;
    while !done.exists() {
        assert!(Instant::now() < end, "it does not run");
        thread::sleep(Duration::from_millis(5));
    }
    // So that its report waits behind the flood. If it does not yet, it has to come all the more.
    thread::sleep(Duration::from_millis(200));
    drop(visit);
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    for event in ["exec.started", "exec.finished"] {
        assert_eq!(visit.expect("event")["event"], event);
    }
    visit.send(r#"{"type":"ping","id":"p"}"#);
    visit.expect("pong");
    alice.stop();
    gateway.finish();
}
