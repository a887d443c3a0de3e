//! The command and a gateway that speaks TLS: what is trusted, what is said, how it ends.

use super::*;
use crate::client::fake_gateway::TestCertificate;
use std::io::Read;

#[test]
fn the_certificate_met_first_is_told_kept_and_demanded_without_a_flag() {
    let (certificate, other) = (TestCertificate::new(), TestCertificate::new());
    let (pin, presented) = (certificate.fingerprint(), other.fingerprint());
    let gateway = FakeGateway::start(move |listener| {
        let mut visit = listener.accept_tls(certificate.config());
        visit.ask_to_be_paired();
        visit.send(r#"{"type":"pair-ok","token":"s3cret"}"#);
        visit.send(r#"{"type":"hello-ok","serverName":"studio"}"#);
        visit.expect_closed();
        let mut visit = listener.accept_tls(certificate.config());
        assert_eq!(visit.expect("hello")["token"], "s3cret");
        visit.send(r#"{"type":"hello-ok","serverName":"studio"}"#);
        visit.expect_closed();
        let mut said = Vec::new();
        let _ = listener.accept_stream(other.config()).read_to_end(&mut said);
        assert_eq!(said, b"");
    });
    let mut alice = Alice::new(gateway.port);
    (alice.options.once, alice.options.trace) = (true, true);
    alice.options.tls = Some(Trust::FirstUse);
    alice.run().unwrap();
    let said = alice.err.text();
    assert!(said.contains(&format!("only this gateway's certificate: {pin}; ")), "{said}");
    assert!(said.contains("\n< {\"type\":\"pair-ok\",\"token\":\"…\"}\n"), "{said}");
    alice.options.tls = None;
    alice.run().unwrap();
    assert!(!alice.err.text().contains("s3cret"));
    assert_eq!(
        alice.err.text().matches("from now on, trusting only").count(),
        1,
        "{}",
        alice.err.text()
    );
    // Not even a node that would connect again and again goes on.
    alice.options.once = false;
    let error = alice.run().unwrap_err();
    assert_eq!(error.exit_code(), 1);
    let error = error.to_string();
    assert!(error.contains(&format!("(expected {pin}, presented {presented})")), "{error}");
    assert!(error.contains("--tls-fingerprint") && error.contains("nothing"), "{error}");
    gateway.finish();
}

#[test]
fn plain_and_encrypted_gateways_met_the_wrong_way_are_told_what_to_type() {
    let certificate = TestCertificate::new();
    let gateway = FakeGateway::start(move |listener| {
        let _ = listener.accept_stream(certificate.config()).read_to_end(&mut Vec::new());
        let mut socket = listener.accept_socket();
        socket.read_exact(&mut [0]).unwrap();
        socket.write_all(b"{\"type\":\"error\",\"code\":\"INVALID_REQUEST\"}\n").unwrap();
        // Leaving now would reset the connection and destroy the line.
        let _ = socket.read_to_end(&mut Vec::new());
    });
    let mut alice = Alice::new(gateway.port);
    alice.options.once = true;
    let error = alice.run().unwrap_err();
    assert_eq!(error.to_string(), "the server uses TLS; start again with --tls");
    alice.options.tls = Some(Trust::FirstUse);
    let error = alice.run().unwrap_err();
    assert!(error.to_string().starts_with("the server does not use TLS; "), "{error}");
    assert_eq!(error.exit_code(), 1);
    gateway.finish();
}
