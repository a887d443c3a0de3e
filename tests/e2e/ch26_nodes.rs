//! What old nodes may do in a current gateway, and under which name.

use crate::ch26_gateway::{back, iphone, mac, next, paired, say};
use crate::support::gateway::{Gateway, Rules};
use crate::support::{eventually, Daemon, DEADLINE};
use serde_json::{json, Value};

#[test]
fn pitfalls_4_and_5_a_program_runs_on_a_node_that_makes_no_plans_if_that_is_configured() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config("execNodes: ['mac']"));
    let mut mac_node = paired(&daemon, "mac", &mac("Old Mac"));
    let row = gateway.approved("Old Mac");
    assert!(row.commands.contains(&"system.run.prepare".to_owned()), "{row:?}");
    let asked = json!({ "command": ["uname"], "rawCommand": "uname", "agentId": "main", "sessionKey": "agent:main:x" });
    let plan = gateway.invoke(&row.device, "system.run.prepare", &asked);
    let plan: Value = serde_json::from_str(plan["payloadJSON"].as_str().unwrap()).unwrap();
    assert_eq!(plan["plan"]["argv"], json!(["uname"]));
    let mut run = asked;
    run["runId"] = "issued-1".into();
    let (_, result) = gateway.begin_invoke(&row.device, "system.run", &run, 15_000);
    let invoke = next(&mut mac_node, |frame| frame["type"] == "invoke");
    let finished = json!({ "sessionKey": "main", "runId": "own", "host": "node", "command": "uname", "exitCode": 0, "success": true });
    say(&mut mac_node, "exec.finished", &finished);
    mac_node.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": "{\"exitCode\":0}" }));
    assert_eq!(result.recv_timeout(DEADLINE).unwrap()["ok"], true);
    let told = gateway.node_event("exec.finished");
    assert_eq!((&told["runId"], &told["sessionKey"]), (&"issued-1".into(), &"agent:main:x".into()));

    // On any other node, no.
    let other = paired(&daemon, "other", &mac("Other Mac"));
    let row = gateway.approved("Other Mac");
    assert!(!row.commands.contains(&"system.run.prepare".to_owned()), "{row:?}");
    drop(other);
}

#[test]
fn pitfall_6_what_a_gateway_leaves_out_is_shown_with_the_line_that_allows_it() {
    for (version, key) in
        [("2026.5.22", "gateway.nodes.allowCommands"), ("2026.9.6", "gateway.nodes.commands.allow")]
    {
        let gateway = Gateway::with(Rules { version, ..Rules::default() });
        let daemon = Daemon::with_config(&gateway.config(""));
        let _phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
        gateway.approved("Phone");
        eventually("the missing command is shown", || {
            let shown = daemon.run(["nodes", "describe", "phone"]).stdout;
            (shown.contains("camera.snap") && shown.contains(key)).then_some(())
        });
    }
}

#[test]
fn pitfalls_7_and_8_names_differ_and_an_update_of_the_system_changes_nothing() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let one = paired(&daemon, "one", &iphone("iPhone", "17.2"));
    let _two = paired(&daemon, "two", &iphone("iPhone", "17.2"));
    let rows = eventually("both are there", || Some(gateway.rows()).filter(|rows| rows.len() == 2));
    assert_ne!(rows[0].name, rows[1].name);
    let token = one.token.clone();
    let before = eventually("both have connected", || {
        Some(gateway.calls("connect").len()).filter(|count| *count == 3)
    });
    drop(one);
    let _again = back(&daemon, "one", &token, &iphone("iPhone", "18.0"));
    eventually("it has connected again", || {
        (gateway.calls("connect").len() > before).then_some(())
    });
    let all_in = || gateway.rows().iter().all(|row| row.connections == 1).then_some(());
    eventually("the gateway knows it still", all_in);
    assert_eq!(gateway.rows().len(), 2, "under the identity of before");
}

#[test]
fn a_node_that_describes_itself_anew_without_end_takes_no_turns_from_others() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let restless = paired(&daemon, "restless", &iphone("Restless", "17.2"));
    gateway.connected("Restless");
    let mut again = back(&daemon, "restless", &restless.token, &iphone("Restless", "17.2"));
    for number in 0..500 {
        let mut hello = iphone("Restless", "17.2");
        hello["commands"] = json!(["location.get", format!("lamp.{number}")]);
        (hello["type"], hello["nodeId"]) = ("hello".into(), "restless".into());
        hello["token"] = again.token.clone().into();
        again.send(&hello);
        next(&mut again, |frame| frame["type"] == "hello-ok");
    }
    let _other = paired(&daemon, "other", &iphone("Other", "17.2"));
    gateway.connected("Other");
    let connects = gateway.calls("connect");
    let of_the_restless = connects
        .iter()
        .filter(|call| call.params["client"]["displayName"].to_string().contains("Restless"))
        .count();
    assert!(of_the_restless < 10, "{of_the_restless}");
    assert!(daemon.threads().len() < 40, "{:?}", daemon.threads());
}
