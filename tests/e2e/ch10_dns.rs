//! `dns setup`: what CoreDNS needs to serve the zone.

use crate::support::{eventually, Namespace, Operator, Run, Setup};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const SERVER: &str = "root/etc/coredns/conf.d/clawdbot.internal.server";
const MAIN: &str = "root/etc/coredns/Corefile";
const DROP_IN: &str = "root/etc/systemd/system/coredns.service.d/openclaw-bridge.conf";

fn dns(setup: &Setup, address: &str, args: &[&str]) -> Run {
    let mut command = setup.program();
    command.args(["dns", "setup", "--config", "bridge.json5", "--address", address]);
    command.arg("--root").arg(setup.path("root")).args(args);
    Operator::spawn(command).finish()
}

fn read(setup: &Setup, name: &str) -> String {
    fs::read_to_string(setup.path(name)).unwrap()
}

#[test]
fn the_files_are_shown_then_written_then_current() {
    let setup = Setup::new();
    let said = dns(&setup, "10.8.0.1", &[]).ok();
    assert!(said.contains("    bind 10.8.0.1\n") && said.contains("add --apply"), "{said}");
    assert!(said.contains("add the name server 10.8.0.1\n"), "{said}");
    assert!(said.contains("the domain clawdbot.internal (split DNS)"), "{said}");
    assert!(said.contains("set discovery.wideArea.enabled"), "{said}");
    assert!(!setup.path("root").exists(), "only shown");

    let said = dns(&setup, "10.8.0.1", &["--apply"]).ok();
    assert!(said.contains("systemctl restart coredns"), "{said}");
    let server = read(&setup, SERVER);
    assert!(server.contains("file /run/openclaw-bridge-dns/clawdbot.internal.db {"), "{server}");
    assert!(read(&setup, MAIN).ends_with("\nimport /etc/coredns/conf.d/*.server\n"));
    let bound =
        format!("BindReadOnlyPaths={}:/run/openclaw-bridge-dns\n", setup.state("dns").display());
    assert!(read(&setup, DROP_IN).contains(&bound), "{}", read(&setup, DROP_IN));
    for name in [SERVER, MAIN, DROP_IN] {
        let mode = fs::metadata(setup.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{name}");
    }
    let again = dns(&setup, "10.8.0.1", &["--apply", "--json"]).json();
    let files = again["files"].as_array().unwrap();
    assert!(files.len() == 3 && files.iter().all(|file| file["found"] == "current"), "{again}");
    // What an earlier setup wrote is replaced without asking.
    dns(&setup, "10.8.0.2", &["--apply"]).ok();
    assert!(read(&setup, SERVER).contains("bind 10.8.0.2\n"));
}

#[test]
fn what_somebody_edited_is_kept_unless_forced_and_then_copied() {
    let setup = Setup::new();
    fs::create_dir_all(setup.path("root/etc/coredns")).unwrap();
    fs::write(setup.path(MAIN), ". {\n    forward . 1.1.1.1\n}\n").unwrap();
    let said = dns(&setup, "10.8.0.1", &["--apply"]).ok();
    let line = "add this line to it: import /etc/coredns/conf.d/*.server";
    assert!(said.contains("Corefile is yours") && said.contains(line), "{said}");
    assert_eq!(read(&setup, MAIN), ". {\n    forward . 1.1.1.1\n}\n");
    fs::write(setup.path(MAIN), "import /etc/coredns/conf.d/*.server\n").unwrap();
    assert!(!dns(&setup, "10.8.0.1", &[]).ok().contains("Corefile is yours"));

    let edited = read(&setup, SERVER).replace("errors", "errors\n    log");
    fs::write(setup.path(SERVER), &edited).unwrap();
    fs::remove_file(setup.path(DROP_IN)).unwrap();
    assert!(dns(&setup, "10.8.0.1", &[]).ok().contains("edited by hand"));
    let said = dns(&setup, "10.8.0.1", &["--apply"]).error(1);
    assert!(said.contains("edited by hand") && said.contains("--force"), "{said}");
    assert_eq!(read(&setup, SERVER), edited);
    assert!(!setup.path(DROP_IN).exists(), "nothing was written");
    let forced = dns(&setup, "10.8.0.1", &["--apply", "--force", "--json"]).json();
    let copy = PathBuf::from(forced["keptAside"][0].as_str().unwrap());
    assert_eq!(fs::read_to_string(copy).unwrap(), edited);
    assert!(!read(&setup, SERVER).contains("log") && setup.path(DROP_IN).exists());
}

#[test]
fn the_addresses_the_domain_and_the_zone_are_those_of_the_running_bridge() {
    let zone = "wideArea: { enabled: true, domain: 'home.example', address: '10.8.0.7' }";
    let config = format!("{{ bridge: {{ bind: 'lan' }}, discovery: {{ mdns: false, {zone} }} }}");
    // As it is usual, without a path that counts elsewhere.
    let setup = Setup::new().config(&config).arg("--state-dir").arg("state");
    let daemon = setup.start();
    assert_eq!(daemon.status()["stateDir"], setup.path("state").to_str().unwrap());
    eventually("the zone is written", || setup.state("dns/home.example.db").exists().then_some(()));
    let said = daemon.run(["dns", "setup", "--config", "bridge.json5", "--json"]).json();
    assert_eq!(said["domain"], "home.example");
    assert_eq!(said["nameservers"], serde_json::json!(["10.8.0.7"]));
    assert_eq!(said["notes"], serde_json::json!([]), "nothing is missing");
    let server = said["files"][0]["text"].as_str().unwrap();
    assert!(server.contains("\nhome.example:53 {\n"), "{server}");
    let drop_in = said["files"][2]["text"].as_str().unwrap();
    let bound = format!("BindReadOnlyPaths={}:", setup.state("dns").display());
    assert!(drop_in.contains(&bound), "{drop_in}");
}

#[test]
fn in_a_tailnet_both_of_its_addresses_serve_the_zone() {
    let Some(machine) = Namespace::new() else { return };
    machine.interface("ts0");
    machine.ip("addr add 100.64.1.2/32 dev ts0");
    machine.ip("addr add fd7a:115c:a1e0::5/128 dev ts0 nodad");
    let setup = Setup::new().inside(&machine);
    let mut command = setup.program();
    command.args(["dns", "setup", "--config", "bridge.json5"]);
    let said = Operator::spawn(command).finish().ok();
    assert!(said.contains("    bind 100.64.1.2 fd7a:115c:a1e0::5\n"), "{said}");
    assert!(said.contains("add the name server 100.64.1.2 or fd7a:115c:a1e0::5\n"), "{said}");
}
