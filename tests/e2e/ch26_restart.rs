//! A gateway that goes, comes back, is full or says no: no old node loses its connection for it.

use crate::ch26_gateway::{call, heard, iphone, is_quiet, next, paired, say};
use crate::support::gateway::{Gateway, Rules};
use crate::support::{eventually, within, Daemon, DEADLINE};
use serde_json::json;

#[test]
fn a_restart_of_the_gateway_costs_a_node_nothing() {
    for politely in [true, false] {
        let mut gateway = Gateway::start();
        let daemon = Daemon::with_config(&gateway.config(""));
        let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
        gateway.approved("Phone");
        call(&mut phone, "health", &json!({}));
        say(&mut phone, "chat.subscribe", &json!({ "sessionKey": "main" }));
        gateway.node_event("chat.subscribe");
        gateway.stop(politely);
        eventually("a call says that the gateway is away", || {
            let answer = phone.request("chat.history", Some("{\"sessionKey\":\"main\"}"));
            (answer["error"]["code"] == "UNAVAILABLE").then_some(())
        });
        // What matters waits.
        say(&mut phone, "agent.request", &json!({ "message": "while away" }));
        assert!(phone.is_alive());
        let before = gateway.calls("node.event").len();
        gateway.listen();
        eventually("the node is back", || (gateway.nodes() == 1).then_some(()));
        eventually("what waited has come, and it follows again", || {
            let events = gateway.calls("node.event");
            let new: Vec<_> =
                events[before..].iter().map(|call| call.params["event"].clone()).collect();
            (new.contains(&"agent.request".into()) && new.contains(&"chat.subscribe".into()))
                .then_some(())
        });
        let payload =
            json!({ "runId": "r", "sessionKey": "agent:main:main", "seq": 1, "state": "final" });
        gateway.publish("chat", "agent:main:main", &payload);
        assert_eq!(heard(&mut phone, "chat")["sessionKey"], "main");
        eventually("calls are answered", || {
            (phone.request("health", None)["ok"] == true).then_some(())
        });
    }
}

#[test]
fn a_connection_cut_without_a_word_is_made_again_and_calls_under_way_fail_at_once() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = gateway.approved("Phone").device;
    for code in [None, Some(1008), Some(1002), Some(1009), Some(1012)] {
        let before = gateway.calls("connect").len();
        gateway.end(&device, code);
        eventually("the node connects again", || {
            (gateway.calls("connect").len() > before).then_some(())
        });
        eventually("it is in", || (gateway.rows()[0].connections == 1).then_some(()));
    }
    assert!(phone.is_alive());
}

#[test]
fn a_key_that_is_not_paired_is_shown_with_the_command_that_pairs_it() {
    let rules = Rules { pairs_silently: false, approves: false, ..Rules::default() };
    let gateway = Gateway::with(rules);
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = eventually("it has asked", || gateway.rows().pop()).device;
    let shows = |what: &str| {
        within(2 * DEADLINE, what, || {
            let shown = daemon.run(["nodes", "describe", "phone"]).stdout;
            shown.contains(what).then_some(())
        });
    };
    shows(&format!("openclaw devices approve request-{}", &device[..8]));
    gateway.approve_device(&device);
    // It keeps asking, slowly.
    shows(&format!("openclaw nodes approve surface-{}", &device[..8]));
    gateway.approve_commands(&device);
    let (_, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true }));
    assert_eq!(result.recv_timeout(DEADLINE).unwrap()["ok"], true);
}

#[test]
fn the_bridge_approves_what_its_nodes_can_do_where_it_may() {
    let gateway = Gateway::with(Rules { approves: false, ..Rules::default() });
    let daemon = Daemon::with_config(&gateway.config("approveSurfaces: true"));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = gateway.approved("Phone").device;
    let (_, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true }));
    assert_eq!(result.recv_timeout(DEADLINE).unwrap()["ok"], true);
}

#[test]
fn pitfall_11_many_nodes_connect_one_after_another() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let phones: Vec<_> = (0..40)
        .map(|number| paired(&daemon, &format!("n{number}"), &iphone(&format!("P{number}"), "17")))
        .collect();
    eventually("all are there", || (gateway.nodes() == phones.len()).then_some(()));
    assert!(gateway.most_strangers() <= 2, "{} at once", gateway.most_strangers());
}

#[test]
fn tick_and_health_are_heard_once_and_an_answer_that_is_too_large_is_an_error() {
    let gateway = Gateway::with(Rules { max_payload: 200_000, ..Rules::default() });
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = gateway.approved("Phone").device;
    heard(&mut phone, "voicewake.changed");
    say(&mut phone, "chat.subscribe", &json!({ "sessionKey": "main" }));
    eventually("it follows", || (gateway.calls("node.event").len() == 2).then_some(()));
    gateway.tick();
    assert_eq!(heard(&mut phone, "tick"), json!({ "ts": 1 }));
    assert_eq!(heard(&mut phone, "health"), json!({ "ok": true, "ts": 2, "durationMs": 1 }));
    assert!(is_quiet(&mut phone));
    let (_, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    let large = json!({ "x": "y".repeat(250_000) }).to_string();
    phone.send(
        &json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": large }),
    );
    let result = result.recv_timeout(DEADLINE).unwrap();
    assert_eq!(result["ok"], false, "{}", result["error"]);
    assert_eq!(gateway.rows()[0].connections, 1, "the connection lives");
}

#[test]
fn a_wrong_token_is_named_and_costs_no_node_its_connection() {
    let gateway = Gateway::start();
    let wrong = "0123456789abcdef0123456789abcdef";
    crate::support::secrets::remember(wrong);
    let config = gateway.config("").replace(crate::support::gateway::TOKEN, wrong);
    let daemon = Daemon::with_config(&config);
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let status = eventually("the bridge says what is wrong", || {
        let gateway = daemon.status()["gateway"].take();
        gateway["problem"].as_str().is_some_and(|why| why.contains("token")).then_some(gateway)
    });
    assert!(status["remedy"].is_string(), "{status}");
    let all_operators = gateway.calls("connect").iter().all(|call| call.role == "operator");
    assert!(all_operators, "nodes do not try what is known to be wrong");
    let shown = daemon.run(["nodes", "describe", "phone"]).stdout;
    assert!(shown.contains("Gateway      connecting"), "{shown}");
    let refused = phone.request("chat.history", Some("{\"sessionKey\":\"main\"}"));
    assert_eq!(refused["error"]["code"], "UNAVAILABLE", "{refused}");
    assert!(phone.is_alive());
}

#[test]
fn an_invoke_that_is_cancelled_or_takes_too_long_ends_at_both_sides() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = gateway.approved("Phone").device;
    let (_, slow) = gateway.begin_invoke(&device, "location.get", &json!({}), 300);
    let first = next(&mut phone, |frame| frame["type"] == "invoke");
    let result = slow.recv_timeout(DEADLINE).unwrap();
    assert_eq!(result["error"]["code"], "TIMEOUT", "{result}");
    let (id, cancelled) = gateway.begin_invoke(&device, "camera.list", &json!({}), 15_000);
    // An iPhone does one thing at a time; the second comes when the first is answered.
    phone.send(&json!({ "type": "invoke-res", "id": first["id"], "ok": true }));
    let second = next(&mut phone, |frame| frame["type"] == "invoke");
    gateway.tell(&device, "node.invoke.cancel", &json!({ "invokeId": id, "nodeId": device }));
    phone.send(
        &json!({ "type": "event", "event": "agent.request", "payloadJSON": "{\"message\":\"m\"}" }),
    );
    gateway.node_event("agent.request");
    phone.send(&json!({ "type": "invoke-res", "id": second["id"], "ok": true }));
    let (_, third) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true }));
    assert_eq!(third.recv_timeout(DEADLINE).unwrap()["ok"], true);
    assert!(cancelled.try_recv().is_err(), "nobody waits for the result of the cancelled one");
}
