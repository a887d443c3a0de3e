//! Identity files: made, kept, damaged, and those of an old node host.

use super::*;
use std::fs;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_first_start_makes_an_identity_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/node.json");
    let first = IdentityFile::open(&path, None).unwrap();
    let id = first.node_id().as_str();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
    assert!("89ab".contains(&id[19..20]));
    assert_eq!((mode(&path), mode(&dir.path().join("deep"))), (0o600, 0o700));
    assert_eq!(IdentityFile::open(&path, Some(id)).unwrap().node_id(), first.node_id());
    assert!(IdentityFile::open(&path, Some("other")).is_err());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no leftovers");
}

#[test]
fn a_token_is_kept_with_everything_else_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    fs::write(&path, r#"{"version":1,"nodeId":"n1","displayName":"Attic","mine":[1]}"#).unwrap();
    let mut identity = IdentityFile::open(&path, None).unwrap();
    assert_eq!((identity.display_name(), identity.token()), (Some("Attic"), None));
    let token = Token::from_bits(7);
    identity.store_token(token.clone(), ("studio", 18790), None).unwrap();
    let again = IdentityFile::open(&path, None).unwrap();
    assert_eq!((again.token(), again.gateway()), (Some(&token), Some(("studio", 18790))));
    assert_eq!(again.content["mine"], serde_json::json!([1]));
    assert_eq!(mode(&path), 0o600);
    assert!(!format!("{again:?}").contains(token.reveal()));
}

#[test]
fn the_pin_of_an_old_node_host_is_demanded_wherever_its_token_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    let pin = Fingerprint::of(b"certificate");
    let (home, away) = (("studio", 18790), ("192.0.2.1", 18790));
    let colons = pin.with_colons();
    for (gateway, token, at_home, elsewhere) in [
        (format!(r#""tls":true,"tlsFingerprint":"{pin}""#), true, true, true),
        (format!(r#""tls":true,"tlsFingerprint":"{colons}""#), false, true, false),
        (format!(r#""tlsFingerprint":"{pin}""#), true, true, true),
        (format!(r#""tls":false,"tlsFingerprint":"{pin}""#), true, false, false),
        (r#""tls":false,"tlsFingerprint":"""#.to_owned(), true, false, false),
    ] {
        let token = if token { r#","token":"t""# } else { "" };
        let gateway = format!(r#"{{"host":"studio","port":18790,{gateway}}}"#);
        fs::write(&path, format!(r#"{{"nodeId":"n"{token},"gateway":{gateway}}}"#)).unwrap();
        let identity = IdentityFile::open(&path, None).unwrap();
        for (address, is_demanded) in [(home, at_home), (away, elsewhere)] {
            let demanded = is_demanded.then_some(Trust::Pinned(pin));
            assert_eq!(identity.trust_for(address, None), demanded, "{gateway} {address:?}");
            let first = demanded.unwrap_or(Trust::FirstUse);
            assert_eq!(identity.trust_for(address, Some(Trust::FirstUse)), Some(first));
            let named = Some(Trust::Pinned(Fingerprint::of(b"named")));
            assert_eq!(identity.trust_for(address, named), named);
        }
    }
    fs::write(&path, r#"{"nodeId":"n","gateway":{"host":"studio","port":18790,"tls":true}}"#)
        .unwrap();
    let identity = IdentityFile::open(&path, None).unwrap();
    assert_eq!(identity.trust_for(home, None), Some(Trust::FirstUse));
}

#[test]
fn a_gateways_other_keys_stay_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    let gateway = r#"{"host":"studio","port":18790,"room":"attic"}"#;
    fs::write(&path, format!(r#"{{"nodeId":"n","token":"t","gateway":{gateway}}}"#)).unwrap();
    let mut identity = IdentityFile::open(&path, None).unwrap();
    let pin = Fingerprint::of(b"certificate");
    identity.store_pin(("studio", 18790), pin).unwrap();
    let again = IdentityFile::open(&path, None).unwrap();
    let record = serde_json::json!({ "host": "studio", "port": 18790, "room": "attic",
        "tls": true, "tlsFingerprint": pin.to_string() });
    assert_eq!(again.content["gateway"], record);
    assert_eq!(again.token().map(Token::reveal), Some("t"));
    identity.store_token(Token::from_bits(1), ("cellar", 1), None).unwrap();
    let again = IdentityFile::open(&path, None).unwrap();
    assert_eq!(again.content["gateway"], serde_json::json!({ "host": "cellar", "port": 1 }));
    assert_eq!(again.trust_for(("studio", 18790), None), None);
}

#[test]
fn a_damaged_identity_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    for damaged in [
        "",
        "{",
        "[]",
        "null",
        r#"{"version":2,"nodeId":"n"}"#,
        r#"{"nodeId":5}"#,
        r#"{"nodeId":" "}"#,
        r#"{"token":"t"}"#,
        r#"{"nodeId":"n","token":5}"#,
        r#"{"nodeId":"n","gateway":{"tlsFingerprint":"ba78"}}"#,
        r#"{"nodeId":"n","gateway":{"tls":"yes"}}"#,
    ] {
        fs::write(&path, damaged).unwrap();
        let error = IdentityFile::open(&path, None).unwrap_err();
        assert!(matches!(error, Error::Identity { .. }), "{damaged}");
        assert!(error.to_string().contains("node.json"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn a_token_that_no_gateway_accepts_is_ignored_until_there_is_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    let text = format!(r#"{{"nodeId":"n","token":"{}"}}"#, "x".repeat(300));
    fs::write(&path, &text).unwrap();
    let mut identity = IdentityFile::open(&path, None).unwrap();
    assert_eq!((identity.node_id().as_str(), identity.token()), ("n", None));
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "left alone");
    identity.store_token(Token::from_bits(1), ("h", 1), None).unwrap();
    let again = IdentityFile::open(&path, None).unwrap();
    assert_eq!(again.token(), Some(&Token::from_bits(1)));
}

#[test]
fn an_identity_that_cannot_be_written_is_an_error_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    let mut identity = IdentityFile::open(&path, None).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(identity.store_token(Token::from_bits(1), ("h", 1), None).is_err());
    assert_eq!(identity.token(), None);
}
