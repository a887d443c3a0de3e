//! Asks the `tailscale` program for this machine's name in the tailnet.

use crate::config::domain_name;
use crate::process;
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use std::os::fd::AsFd;
use std::process::Command;

#[derive(Deserialize)]
struct TailscaleStatus {
    #[serde(rename = "Self")]
    own: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    #[serde(rename = "DNSName")]
    dns_name: Option<String>,
}

/// The name without a trailing dot; `None` if the tailnet does not assign names. Returns within
/// [`limits::TAILSCALE_TIMEOUT`], and at once when `cancel` becomes readable. While Tailscale is
/// stopped, the program fails.
pub(crate) fn name(cancel: &impl AsFd) -> Result<Option<String>, String> {
    let mut command = process::command("tailscale");
    let told = output(command.args(["status", "--json", "--peers=false"]), cancel);
    told.and_then(|told| parse(&told)).map_err(|why| format!("`tailscale` {why}"))
}

fn output(command: &mut Command, cancel: &impl AsFd) -> Result<Vec<u8>, String> {
    let cancel = PollFd::new(cancel, PollFlags::IN);
    let (most, time) = (limits::TAILSCALE_BYTES, limits::TAILSCALE_TIMEOUT);
    process::output(command, most, time, cancel).map_err(|failure| failure.to_string())
}

fn parse(told: &[u8]) -> Result<Option<String>, String> {
    let unexpected = || "answered something unexpected".to_owned();
    let status: TailscaleStatus = serde_json::from_slice(told).map_err(|_| unexpected())?;
    let name = status.own.and_then(|own| own.dns_name).unwrap_or_default();
    match name.trim().trim_end_matches('.') {
        "" => Ok(None),
        name => domain_name(name).map(Some).ok_or_else(unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Waker;
    use std::time::{Duration, Instant};

    fn shell(script: &str, cancel: &Waker) -> Result<Vec<u8>, String> {
        output(process::command("/bin/sh").args(["-c", script]), cancel)
    }

    #[test]
    fn the_name_has_no_trailing_dot() {
        let status =
            br#"{"Version":"1","Self":{"ID":"x","DNSName":"pi.tail1.ts.net."},"Peer":null}"#;
        assert_eq!(parse(status).unwrap().as_deref(), Some("pi.tail1.ts.net"));
        assert_eq!(parse(br#"{"Self":{"DNSName":""}}"#).unwrap(), None);
        assert_eq!(parse(br#"{"Self":null}"#).unwrap(), None);
        for odd in [&b"not json"[..], br#"{"Self":{"DNSName":"a b\n"}}"#, b""] {
            assert!(parse(odd).unwrap_err().contains("unexpected"), "{odd:?}");
        }
    }

    #[test]
    fn a_program_that_hangs_fails_or_floods_is_only_an_error() {
        let cancel = Waker::new().unwrap();
        assert_eq!(shell("printf x", &cancel).unwrap(), b"x");
        let error = |script| shell(script, &cancel).unwrap_err();
        assert_eq!(error("exit 3"), "failed (exit status: 3)");
        assert!(error("yes").contains("wrote more than"));
        let began = Instant::now();
        assert!(error("sleep 60").contains("took longer than"));
        assert!(began.elapsed() < limits::TAILSCALE_TIMEOUT + Duration::from_secs(10));
    }

    #[test]
    fn cancelling_ends_the_wait() {
        let cancel = Waker::new().unwrap();
        cancel.alarm();
        assert_eq!(shell("sleep 60", &cancel).unwrap_err(), "was cancelled");
    }
}
