//! The certificate: where it comes from, what is wrong with it, what people are told about it.

use crate::support::tls::Client;
use crate::support::{tools, Daemon, Operator, Phone, Run, Setup, NEEDS_NAMESPACES};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const TLS: &str = "{ bridge: { tls: { enabled: true } } }";
const OWN: &str = "{ bridge: { tls: { enabled: true, certPath: 'own.pem', keyPath: 'own.key' } } }";

const CERTIFICATE: &str = "bridge/tls/bridge-cert.pem";
const KEY: &str = "bridge/tls/bridge-key.pem";

/// A certificate with its key, in PEM form, valid between these years.
fn pair(from: i32, until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["bridge.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn own(setup: &Setup, (certificate, key): &(String, String)) {
    fs::write(setup.path("own.pem"), certificate).unwrap();
    fs::write(setup.path("own.key"), key).unwrap();
    fs::set_permissions(setup.path("own.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(setup: &Setup, args: &[&str]) -> Run {
    let mut command = setup.program();
    command.args(args);
    Operator::spawn(command).finish()
}

/// No line of the key is in the text.
fn holds_nothing_of(key: &str, text: &str) {
    let lines: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(!lines.is_empty() && !lines.iter().any(|line| text.contains(line)));
}

#[test]
fn a_certificate_is_made_at_the_first_start_and_kept() {
    let daemon = Daemon::with_config(TLS);
    let fingerprint = daemon.status()["fingerprintSha256"].as_str().unwrap().to_owned();
    let mode =
        |name: &str| fs::metadata(daemon.setup().state(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(KEY), mode(CERTIFICATE), mode("bridge/tls")), (0o600, 0o600, 0o700));
    let daemon = daemon.restart();
    assert_eq!(daemon.status()["fingerprintSha256"], *fingerprint);
    assert_eq!(Phone::connect(&daemon).wire().fingerprint(), fingerprint);
    let key = fs::read_to_string(daemon.setup().state(KEY)).unwrap();
    holds_nothing_of(&key, &daemon.log());
}

#[test]
fn it_is_good_for_every_name_and_address_of_this_machine() {
    let daemon = Daemon::with_config("{ bridge: { name: 'attic', tls: { enabled: true } } }");
    let certificate = Phone::connect(&daemon).wire().certificate();
    let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    let first = host.split('.').next().unwrap();
    let names = ["localhost", "127.0.0.1", "::1", first, &format!("{first}.local")];
    for name in names.iter().filter(|name| !name.contains('_')) {
        let client = Client::trusting(certificate.clone(), name);
        Phone::secured(daemon.address(), &client).send_raw(b"\n");
    }
    for name in ["attic", "bridge.example", "192.0.2.1"] {
        let client = Client::trusting(certificate.clone(), name);
        let stream = std::net::TcpStream::connect(daemon.address()).unwrap();
        assert!(client.secure(stream).is_err(), "{name}");
    }
}

#[test]
fn everybody_is_told_the_same_fingerprint() {
    let daemon = Daemon::with_config(TLS);
    let setup = daemon.setup().clone();
    let seen = Phone::connect(&daemon).wire().fingerprint();
    let status = daemon.run(["status", "--json"]).json();
    assert_eq!(status["fingerprintSha256"], *seen);
    assert_eq!(status["listeners"][0]["tls"], "required");
    assert_eq!(status["certificate"]["path"], setup.state(CERTIFICATE).to_str().unwrap());
    assert!((3649..=3650).contains(&status["certificate"]["expiresInDays"].as_i64().unwrap()));
    assert_eq!(status["certificate"]["warning"], Value::Null);
    assert!(daemon.run(["status"]).ok().contains(&seen));

    let colons: Vec<String> = seen
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    let colons = colons.join(":");
    let told = |run: Run| {
        let text = run.ok();
        assert!(text.starts_with(&format!("{seen}\n{colons}\n")), "{text}");
        assert!(text.contains(setup.state(CERTIFICATE).to_str().unwrap()), "{text}");
        text
    };
    told(daemon.run(["fingerprint"]));
    assert!(told(daemon.run(["fingerprint", "--qr"])).contains("█████"));
    drop(daemon);
    // Without a daemon, it is read where `serve` would look, with a configuration and without.
    told(run(&setup, &["fingerprint"]));
    told(run(&setup, &["fingerprint", "--config", "bridge.json5"]));
    let json = run(&setup, &["fingerprint", "--json"]).json();
    assert_eq!(json["fingerprintSha256"], *seen);
    assert_eq!(json["fingerprintColons"], *colons);
    assert!(json["notAfter"].as_str().unwrap().ends_with("T00:00:00Z"));
}

#[test]
fn where_there_is_no_fingerprint_it_is_said_how_to_get_one() {
    let setup = Setup::new().config(TLS);
    let said = run(&setup, &["fingerprint", "--config", "bridge.json5"]).error(1);
    assert!(said.contains("no certificate") && said.contains("serve --tls"), "{said}");
    assert!(!setup.state(CERTIFICATE).exists(), "looking makes nothing");
    let daemon = Daemon::start();
    let said = daemon.run(["fingerprint"]).error(1);
    assert!(said.contains("does not use TLS") && said.contains("serve --tls"), "{said}");
    assert_eq!(daemon.status()["certificate"], Value::Null);
    let daemon = Setup::new().arg("--tls").start();
    assert!(daemon.requires_tls());
}

type Spoil<'a> = &'a dyn Fn(&Setup);

#[test]
fn a_pair_that_cannot_be_served_stops_the_start_and_is_named() {
    let good = pair(2020, 2050);
    let other = pair(2020, 2050);
    let bad: [(&str, Spoil<'_>, &str); 5] = [
        ("no key", &|s| fs::remove_file(s.path("own.key")).unwrap(), "half a TLS certificate"),
        ("no certificate", &|s| fs::remove_file(s.path("own.pem")).unwrap(), "half a TLS"),
        ("mismatch", &|s| fs::write(s.path("own.key"), &other.1).unwrap(), "does not belong"),
        ("garbage", &|s| fs::write(s.path("own.pem"), "garbage").unwrap(), "no certificate"),
        ("no PEM", &|s| fs::write(s.path("own.key"), [0, 159, 146]).unwrap(), "no private key"),
    ];
    for (what, spoil, expected) in bad {
        let setup = Setup::new().config(OWN);
        own(&setup, &good);
        spoil(&setup);
        let run = setup.fail_to_start();
        let (log, said) = (run.stderr.clone(), run.error(78));
        assert!(said.contains(expected), "{what}: {said}");
        assert!(said.contains(setup.path("own.").to_str().unwrap()), "{what}: {said}");
        holds_nothing_of(&good.1, &log);
    }
    let text = "{ bridge: { tls: { enabled: true, autoGenerate: false } } }";
    let said = Setup::new().config(text).fail_to_start().error(78);
    assert!(said.contains(CERTIFICATE) && said.contains("autoGenerate"), "{said}");
}

#[test]
fn a_certificate_of_ones_own_is_served_even_when_it_has_expired() {
    let setup = Setup::new().config(OWN);
    own(&setup, &pair(2019, 2020));
    fs::set_permissions(setup.path("own.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let daemon = setup.start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.ping();
    let status = daemon.status();
    assert!(status["certificate"]["warning"].as_str().unwrap().starts_with("has expired (2020-01"));
    assert!(status["certificate"]["expiresInDays"].as_i64().unwrap() < -365);
    assert!(daemon.run(["status"]).ok().contains("has expired"));
    let log = daemon.log();
    assert!(log.contains("the TLS certificate has expired"), "{log}");
    assert!(log.contains("chmod 600"), "{log}");
    assert!(!setup.state(CERTIFICATE).exists(), "none is made beside it");
}

#[test]
fn a_reload_takes_a_new_certificate_while_nodes_stay() {
    let setup = Setup::new().config(OWN);
    own(&setup, &pair(2020, 2050));
    let daemon = setup.start();
    let mut phone = Phone::paired(&daemon, "alice");
    let old = phone.wire().fingerprint();
    let told = daemon.run(["reload"]).ok();
    assert!(!told.contains("another one"), "{told}");

    let next = pair(2020, 2060);
    own(&setup, &next);
    assert_eq!(Phone::connect(&daemon).wire().fingerprint(), old, "not before it is asked for");
    let told = daemon.run(["reload", "--json"]).json();
    let new = Phone::connect(&daemon).wire().fingerprint();
    assert_ne!(new, old);
    assert_eq!(told["newFingerprintSha256"], *new);
    assert_eq!(daemon.status()["fingerprintSha256"], *new);
    assert!(daemon.run(["fingerprint"]).ok().starts_with(&new));
    phone.ping();

    // Half of the next one: the old pair stays, and so does everything else.
    fs::write(setup.path("own.pem"), pair(2020, 2070).0).unwrap();
    let said = daemon.run(["reload"]).error(1);
    assert!(said.contains("does not belong") && said.contains("own.pem"), "{said}");
    assert_eq!(Phone::connect(&daemon).wire().fingerprint(), new);
    phone.ping();

    // Other files, named in the configuration; and the switch itself needs a new start.
    own(&setup, &next);
    setup.write_config(TLS);
    assert_eq!(daemon.run(["reload", "--json"]).json()["restartNeeded"], serde_json::json!([]));
    let made = Phone::connect(&daemon).wire().fingerprint();
    assert_ne!(made, new);
    assert!(setup.state(CERTIFICATE).exists());
    setup.write_config("{}");
    let told = daemon.run(["reload"]).ok();
    assert!(told.contains("bridge.tls.enabled"), "{told}");
    assert_eq!(Phone::connect(&daemon).wire().fingerprint(), made);
    phone.ping();
}

#[test]
fn a_chain_is_sent_whole_and_its_first_certificate_counts() {
    let setup = Setup::new().config(OWN);
    let (leaf, key) = pair(2020, 2050);
    own(&setup, &(format!("{leaf}{}", pair(2020, 2050).0), key));
    let daemon = setup.start();
    let phone = Phone::connect(&daemon);
    let first = CertificateDer::from(der(&leaf));
    assert_eq!(phone.wire().certificate(), first);
    assert_eq!(phone.wire().chain(), 2);
    assert_eq!(daemon.status()["fingerprintSha256"], *phone.wire().fingerprint());
}

/// The DER form of the first certificate in a PEM text.
fn der(text: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(text.as_bytes()).unwrap().to_vec()
}

#[test]
fn nothing_is_made_where_somebody_said_that_a_certificate_is() {
    let setup = Setup::new().config(OWN);
    let refused = setup.fail_to_start().error(78);
    assert!(refused.contains("no TLS certificate at") && refused.contains("own.pem"), "{refused}");
    // A certificate on a disk that is not there yet.
    std::os::unix::fs::symlink("/nowhere/own.pem", setup.path("own.pem")).unwrap();
    setup.fail_to_start().error(78);
    assert!(fs::symlink_metadata(setup.path("own.pem")).unwrap().is_symlink());
    assert!(!setup.path("own.key").exists());
    fs::remove_file(setup.path("own.pem")).unwrap();
    own(&setup, &pair(2020, 2040));
    let daemon = setup.start();
    let fingerprint = daemon.status()["fingerprintSha256"].take();
    for name in ["own.pem", "own.key"] {
        fs::remove_file(setup.path(name)).unwrap();
    }
    daemon.run(["reload"]).error(1);
    assert_eq!(daemon.status()["fingerprintSha256"], fingerprint);
}

#[test]
fn root_is_told_that_only_root_can_read_the_key() {
    let setup = Setup::new().config(OWN);
    own(&setup, &pair(2020, 2040));
    let check = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user"]).arg(setup.program().get_program());
        command.args(["config", "check", "--config"]).arg(setup.path("bridge.json5"));
        Operator::spawn(command).finish()
    };
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(setup.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    if !Command::new("unshare")
        .args(["--user", "--map-root-user", "true"])
        .status()
        .unwrap()
        .success()
    {
        tools::skip("namespaces", NEEDS_NAMESPACES);
        return;
    }
    mode("", 0o755);
    mode("own.pem", 0o644);
    let said = check().ok();
    assert!(said.contains("warning: bridge.tls.keyPath: only root can read"), "{said}");
    assert!(said.contains("LoadCredential=") && !said.contains("certPath"), "{said}");
    mode("own.key", 0o644);
    assert!(!check().ok().contains("warning"));
    // Nobody else gets through the directory.
    mode("", 0o700);
    assert_eq!(check().ok().matches("warning").count(), 2);
}
