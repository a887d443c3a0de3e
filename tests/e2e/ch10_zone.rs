//! The wide-area zone: printed, written, kept current, and served by a real DNS server.

use crate::support::tools::{has, PATH};
use crate::support::{eventually, Daemon, Namespace, Operator, Run, Setup};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

const FILE: &str = "dns/clawdbot.internal.db";
const PORT: &str = "5353";

/// A name with everything that zone files take for syntax.
const NAME: &str = r#"Zoë's \"Studio\" \\ (a) @ $b"#;

fn enabled(name: &str) -> String {
    let zone = "discovery: { wideArea: { enabled: true, address: '10.8.0.1' } }";
    format!("{{ bridge: {{ name: \"{name}\", bind: 'lan' }}, {zone} }}")
}

fn zone(setup: &Setup, args: &[&str]) -> Run {
    let mut command = setup.program();
    command.arg("zone").args(args);
    Operator::spawn(command).finish()
}

fn zone_text(setup: &Setup) -> Option<String> {
    fs::read_to_string(setup.state(FILE)).ok()
}

fn serial(text: &str) -> u32 {
    let soa = text.lines().find(|line| line.contains(" SOA ")).unwrap();
    soa.split(' ').nth(5).unwrap().parse().unwrap()
}

/// The rest of the record that begins so.
fn record<'a>(text: &'a str, kind: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.split_once(&format!(" IN {kind} ")));
    found.unwrap_or_else(|| panic!("no {kind} in {text}")).1
}

fn check_zone(setup: &Setup) {
    if !has("named-checkzone", "bind9-utils") {
        return;
    }
    let mut command = Command::new("named-checkzone");
    command.arg("clawdbot.internal").arg(setup.state(FILE)).env("PATH", PATH);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim_end().ends_with("OK"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_zone_is_printed_and_written_without_a_bridge() {
    let setup = Setup::new();
    let refused = zone(&setup, &["--config", "bridge.json5"]);
    if refused.code == Some(1) {
        let said = refused.error(1);
        assert!(said.contains("no tailnet IPv4 address") && said.contains("--address"), "{said}");
    } // Else this machine is in a tailnet.
    zone(&setup, &["--address", "fe80::1"]).error(2);
    let args = ["--config", "bridge.json5", "--address", "10.8.0.1"];
    let printed = zone(&setup, &args).ok();
    assert!(printed.starts_with("; clawdbot-content-hash: "), "{printed}");
    assert!(zone_text(&setup).is_none(), "printing writes nothing");
    assert!(record(&printed, "SRV").starts_with("0 0 18790 "), "{printed}");

    let write = [&args[..], &["--write"]].concat();
    let said = zone(&setup, &write).ok();
    assert!(said.starts_with("wrote ") && said.contains(FILE), "{said}");
    assert_eq!(zone_text(&setup).unwrap(), printed, "what is printed is what is written");
    assert!(zone(&setup, &write).ok().contains("is up to date"));
    check_zone(&setup);
    let mode = fs::metadata(setup.state(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "DNS servers have accounts of their own");
}

#[test]
fn a_zone_without_a_bridge_tells_the_certificate_too() {
    let setup = Setup::new().config("{ bridge: { port: 18790, tls: { enabled: true } } }");
    let args = ["--config", "bridge.json5", "--address", "10.8.0.1"];
    let refused = zone(&setup, &args).error(1);
    assert!(
        refused.contains("no certificate") && refused.contains("start the bridge"),
        "{refused}"
    );
    let mut daemon = setup.start();
    let pin = daemon.status()["fingerprintSha256"].as_str().unwrap().to_owned();
    daemon.signal(Signal::TERM);
    daemon.wait(crate::support::DEADLINE);
    let printed = zone(&setup, &args).ok();
    assert!(record(&printed, "TXT").contains(&format!("\"bridgeTlsSha256={pin}\"")), "{printed}");
}

#[test]
fn the_running_bridge_keeps_the_file_current() {
    let setup = Setup::new();
    let daemon = setup.start();
    // Nothing but a reload is needed for it.
    setup.write_config(&enabled("one"));
    daemon.run(["reload"]).ok();
    let first = eventually("the zone is written", || zone_text(&setup));
    let port = daemon.address().port();
    assert!(record(&first, "SRV").starts_with(&format!("0 0 {port} ")), "{first}");
    assert!(
        record(&first, "TXT").starts_with("\"displayName=one\" \"transport=bridge\" "),
        "{first}"
    );
    let printed = zone(&setup, &["--config", "bridge.json5"]).ok();
    assert_eq!(printed, first, "`zone` asks the running bridge");

    setup.write_config(&enabled("two"));
    daemon.run(["reload"]).ok();
    let changed = |before: &str| {
        let before = before.to_owned();
        eventually("the zone is changed", || zone_text(&setup).filter(|text| *text != before))
    };
    let second = changed(&first);
    assert!(second.contains("displayName=two"), "{second}");
    assert_eq!(serial(&second), serial(&first) + 1);
    check_zone(&setup);

    // Lost, it is made again; edited, it is kept when something changes.
    fs::remove_file(setup.state(FILE)).unwrap();
    eventually("the zone is back", || zone_text(&setup));
    let edited = second + "printer IN A 10.8.0.9\n";
    fs::write(setup.state(FILE), &edited).unwrap();
    setup.write_config(&enabled("three"));
    daemon.run(["reload"]).ok();
    let third = changed(&edited);
    assert!(third.contains("displayName=three"), "{third}");
    let aside = setup.state(&format!("{FILE}.changed-by-somebody-else-1"));
    assert_eq!(fs::read_to_string(aside).unwrap(), edited);
    assert!(serial(&third) > serial(&edited));
}

#[test]
fn a_zone_that_cannot_be_written_stops_nobody_and_is_tried_again() {
    let setup = Setup::new().config(&enabled("one")).file("dns", "in the way");
    let daemon = setup.start();
    eventually("it is logged", || {
        daemon.log().contains("the zone could not be updated").then_some(())
    });
    let status = daemon.run(["status"]).ok();
    assert!(status.contains("Warning:     the zone is not current: "), "{status}");
    fs::remove_file(setup.state("dns")).unwrap();
    eventually("the zone is written", || zone_text(&setup));
    eventually("the status is well", || {
        (daemon.run(["status", "--check"]).code == Some(0)).then_some(())
    });
    assert_eq!(daemon.log().matches("the zone could not be updated").count(), 1);
}

#[test]
fn a_zone_that_leads_nowhere_is_warned_of() {
    let setup = Setup::new().config("{ discovery: { wideArea: { enabled: true } } }");
    let daemon = setup.start();
    let warning =
        "discovery.wideArea.enabled: the zone names an address on which the bridge does not listen";
    assert!(daemon.log().contains(warning), "{}", daemon.log());
    assert!(daemon.run(["config", "check", "bridge.json5"]).ok().contains(warning));
}

/// A `tailscale` that answers, and its directory first in the daemon's `PATH`.
fn with_tailscale(setup: Setup, script: &str) -> Setup {
    let program = setup.path("bin/tailscale");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", setup.path("bin").display());
    setup.env("PATH", path)
}

/// A DNS server with the zone of a daemon. Killed when dropped.
struct Named(Child);

impl Named {
    fn start(machine: &Namespace, setup: &Setup) -> Self {
        let (file, dir) = (setup.state(FILE), setup.path(""));
        let options = format!(
            "options {{ directory \"{0}\"; pid-file none; session-keyfile none; recursion no; \
             listen-on port {PORT} {{ any; }}; listen-on-v6 {{ none; }}; }}; controls {{ }};\n\
             zone \"clawdbot.internal\" {{ type primary; file \"{1}\"; }};\n",
            dir.display(),
            file.display()
        );
        fs::write(setup.path("named.conf"), options).unwrap();
        let config = setup.path("named.conf");
        let mut command = machine.command(&["named", "-g", "-c", config.to_str().unwrap()]);
        let log = fs::File::create(setup.path("named.log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self(child)
    }

    fn reload(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, Signal::HUP).unwrap();
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a DNS server answers, as zone files write it.
fn dig(machine: &Namespace, name: &str, kind: &str) -> String {
    let words = ["dig", "@100.64.1.2", "-p", PORT, "+short", "+tries=1", "+time=2"];
    let name = format!("{name}.clawdbot.internal");
    let output = machine.command(&[&words[..], &["-t", kind, &name]].concat()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A daemon in a tailnet, and its namespace.
fn in_tailnet(script: &str) -> Option<(Namespace, Setup, Daemon)> {
    let machine = Namespace::new()?;
    machine.interface("ts0");
    machine.ip("addr add 100.64.1.2/32 dev ts0");
    machine.ip("addr add fd7a:115c:a1e0::5/128 dev ts0 nodad");
    let zone = "discovery: { wideArea: { enabled: true } }";
    let config = format!("{{ bridge: {{ name: \"{NAME}\", bind: 'tailnet' }}, {zone} }}");
    let setup = with_tailscale(Setup::new().config(&config).inside(&machine), script);
    let daemon = setup.start();
    Some((machine, setup, daemon))
}

#[test]
fn a_dns_server_answers_what_the_bridge_has_written() {
    let tools = [("named", "bind9"), ("dig", "bind9-dnsutils"), ("named-checkzone", "bind9-utils")];
    if !tools.into_iter().all(|(program, package)| has(program, package)) {
        return;
    }
    let answer = r#"{"Self":{"DNSName":"studio.tail1234.ts.net."}}"#;
    let Some((machine, setup, daemon)) = in_tailnet(&format!("echo '{answer}'")) else { return };
    let text = eventually("the zone is written", || zone_text(&setup));
    check_zone(&setup);
    let named = Named::start(&machine, &setup);
    let service = "_clawdbot-bridge._tcp";
    let instance = eventually("the server answers", || {
        Some(dig(&machine, service, "PTR")).filter(|answer| answer.ends_with(".internal."))
    });
    let absolute = |name: &str| format!("{name}.clawdbot.internal.");
    assert_eq!(instance, absolute(record(&text, "PTR")));
    let label = instance.strip_suffix(".clawdbot.internal.").unwrap();
    assert_eq!(dig(&machine, label, "SRV"), absolute(record(&text, "SRV")));
    let txt = dig(&machine, label, "TXT");
    assert_eq!(txt, record(&text, "TXT"), "byte for byte");
    let said = r#""displayName=Zo\195\171's \"Studio\" \\ (a) @ $b" "transport=bridge""#;
    assert!(txt.starts_with(said), "{txt}");
    assert!(txt.contains("\"tailnetDns=studio.tail1234.ts.net\""), "{txt}");
    let srv = record(&text, "SRV");
    assert!(srv.starts_with(&format!("0 0 {} ", daemon.address().port())), "{srv}");
    let host = srv.rsplit(' ').next().unwrap();
    assert_eq!(dig(&machine, host, "A"), "100.64.1.2");
    assert_eq!(dig(&machine, host, "AAAA"), "fd7a:115c:a1e0::5");

    // The machine gets another address: the file, its serial and the answers follow.
    machine.ip("addr add 100.64.1.3/32 dev ts0");
    machine.ip("addr del 100.64.1.2/32 dev ts0");
    let after = eventually("the zone follows", || {
        zone_text(&setup).filter(|text| text.contains(" IN A 100.64.1.3\n"))
    });
    assert_eq!(serial(&after), serial(&text) + 1);
    machine.ip("addr add 100.64.1.2/32 dev ts0");
    named.reload();
    eventually("the server follows", || (dig(&machine, host, "A") == "100.64.1.3").then_some(()));
}

#[test]
fn a_tailscale_that_hangs_holds_nobody_up() {
    let Some((_machine, setup, mut daemon)) = in_tailnet("exec sleep 600") else { return };
    let text = eventually("the zone is written without the name", || zone_text(&setup));
    assert!(!text.contains("tailnetDns"), "{text}");
    let told = "took longer than 1.5s";
    eventually("it is logged", || daemon.log().contains(told).then_some(()));
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(crate::support::DEADLINE).success());
}

#[test]
fn the_environment_of_the_old_gateway_is_understood() {
    let setup = Setup::new().config(&enabled("one")).env("CLAWDBOT_SSH_PORT", "2222");
    let setup = setup.env("CLAWDBOT_TAILNET_DNS", "pi.tail1.ts.net.");
    let setup = setup.env("CLAWDBOT_CLI_PATH", "/opt/openclaw-bridge");
    let _daemon = setup.start();
    let text = eventually("the zone is written", || zone_text(&setup));
    for said in ["sshPort=2222", "tailnetDns=pi.tail1.ts.net", "cliPath=/opt/openclaw-bridge"] {
        assert!(text.contains(&format!("\"{said}\"")), "{said} in {text}");
    }
    let mut command = setup.program();
    command.args(["config", "show", "--json", "--config", "bridge.json5"]);
    command.env("CLAWDBOT_DISABLE_BONJOUR", "1").env("CLAWDBOT_SSH_PORT", "22");
    let shown = Operator::spawn(command).finish().json();
    assert_eq!(shown["discovery.mdns"]["value"], Value::Bool(false));
    assert_eq!(shown["discovery.sshPort"]["origin"], "env CLAWDBOT_SSH_PORT");
}
