//! A gateway on another machine: TLS with a pinned certificate, and a key for the bridge itself.

use crate::ch26_gateway::{call, iphone, paired};
use crate::support::gateway::{Gateway, Rules, TOKEN};
use crate::support::{eventually, within, Daemon, Operator, Setup, DEADLINE};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::fs;

fn remote() -> Gateway {
    Gateway::with(Rules { is_secure: true, is_remote: true, ..Rules::default() })
}

/// What the bridge says about its own connection, once it says that.
fn says(daemon: &Daemon, what: &str) -> Value {
    within(2 * DEADLINE, what, || {
        let gateway = daemon.status()["gateway"].take();
        gateway.to_string().contains(what).then_some(gateway)
    })
}

#[test]
fn a_remote_gateway_is_pinned_and_pairs_the_bridge_before_anything_is_asked_of_it() {
    let gateway = remote();
    let pin = format!("tlsFingerprint: '{}'", gateway.fingerprint());
    let daemon = Daemon::with_config(&gateway.config(&pin));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    // The node needs its own approvals only; the calls of all nodes need the bridge's.
    gateway.approved("Phone");
    let said = says(&daemon, "openclaw devices approve request-");
    assert_eq!(said["connected"], false, "{said}");
    let refused = phone.request("chat.history", Some("{\"sessionKey\":\"main\"}"));
    assert_eq!(refused["error"]["code"], "UNAVAILABLE", "{refused}");
    gateway.approve_operators();
    within(4 * DEADLINE, "the bridge is connected", || {
        (daemon.status()["gateway"]["connected"] == true).then_some(())
    });
    call(&mut phone, "chat.history", &json!({ "sessionKey": "main" }));
    assert!(phone.is_alive());
}

#[test]
fn a_gateway_with_another_certificate_gets_no_token_and_is_named_with_both_fingerprints() {
    let mut gateway = remote();
    let before = gateway.fingerprint();
    let pin = format!("tlsFingerprint: '{before}'");
    let daemon = Daemon::with_config(&gateway.config(&pin));
    gateway.approve_operators();
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    gateway.approved("Phone");
    gateway.stop(false);
    gateway.renew_certificate();
    let asked = gateway.all_calls().len();
    gateway.listen();
    let hex = |fingerprint: &str| fingerprint.replace(':', "").to_lowercase();
    let said = says(&daemon, "tlsFingerprint").to_string();
    let shown = hex(&said);
    assert!(shown.contains(&hex(&before)), "{said}");
    assert!(shown.contains(&hex(&gateway.fingerprint())), "{said}");
    assert_eq!(gateway.all_calls().len(), asked, "it was sent nothing");
    assert!(phone.is_alive());
}

#[test]
fn a_machine_joins_a_remote_gateway_by_its_fingerprint() {
    let gateway = remote();
    let setup = Setup::new();
    fs::write(setup.path("token"), TOKEN).unwrap();
    let url = gateway.url();
    let node = |pin: Option<&str>| {
        let mut command = setup.program();
        command.args(["node", "--gateway", &url, "--display-name", "Attic"]);
        command.args(["--gateway-token-file", "token"]);
        if let Some(pin) = pin {
            command.args(["--tls-fingerprint", pin]);
        }
        command
    };
    // Nobody whom the system trusts has signed the certificate.
    let mut unpinned = node(None);
    unpinned.arg("--once");
    let refused = Operator::spawn(unpinned).finish();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--tls-fingerprint"), "{}", refused.stderr);
    assert!(gateway.all_calls().is_empty(), "it was sent nothing");
    let node = Operator::spawn(node(Some(&gateway.fingerprint())));
    let row = gateway.approved("Attic");
    eventually("it answers", || {
        let result = gateway.invoke(&row.device, "system.which", &json!({ "bins": ["sh"] }));
        result["payloadJSON"].as_str().is_some_and(|json| json.contains("sh")).then_some(())
    });
    node.signal(Signal::TERM);
    assert_eq!(node.finish().code, Some(0));
}
