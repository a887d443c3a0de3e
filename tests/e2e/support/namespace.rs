//! A network namespace: addresses that come and go without touching those of the machine.

use super::tools::{self, PATH};
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, Output, Stdio};

/// Makes an interface of what the kernel has: one without hardware, one end of a wire, a tunnel.
const INTERFACE: &str = r#"
    { ip link add "$1" type dummy 2>/dev/null ||
        ip link add "$1" type veth peer name "$1-end" 2>/dev/null ||
        ip tuntap add "$1" mode tun
    } && ip link set "$1" up
"#;

pub(crate) const NEEDS_NAMESPACES: &str = "needs network namespaces (`unshare -rn`) and `ip`";

/// Lives until it is dropped, or the test ends in any other way.
pub(crate) struct Namespace {
    holder: Child,
}

impl Namespace {
    /// `None` where the system does not permit it (see [`tools::skip`]).
    pub(crate) fn new() -> Option<Self> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
        // Ends with its standard input.
        unshare.arg("ip link set lo up && echo ready && exec cat").env("PATH", PATH);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut holder) = unshare.spawn() else {
            tools::skip("namespaces", NEEDS_NAMESPACES);
            return None;
        };
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let namespace = Self { holder };
        if said != "ready\n" {
            tools::skip("namespaces", NEEDS_NAMESPACES);
            return None;
        }
        Some(namespace)
    }

    /// The words in front of a command that make it run inside.
    pub(crate) fn enter(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let words = ["nsenter", "-t", &pid, "-U", "-n", "--preserve-credentials"];
        words.map(str::to_owned).to_vec()
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).args(words).env("PATH", PATH).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs `ip` with these words, which has to succeed.
    #[track_caller]
    pub(crate) fn ip(&self, words: &str) {
        let words: Vec<&str> = std::iter::once("ip").chain(words.split(' ')).collect();
        let output = self.run(&words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Makes an interface without addresses.
    #[track_caller]
    pub(crate) fn interface(&self, name: &str) {
        let output = self.run(&["sh", "-c", INTERFACE, "sh", name]);
        assert!(output.status.success(), "{name}: {output:?}");
    }

    /// Whether somebody inside can connect there.
    pub(crate) fn reaches(&self, ip: IpAddr, port: u16) -> bool {
        let connect = format!("exec 3<>/dev/tcp/{ip}/{port}");
        self.run(&["timeout", "5", "bash", "-c", &connect]).status.success()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
