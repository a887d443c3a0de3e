//! Asks the `tailscale` program for this machine's name in the tailnet.

use crate::config::domain_name;
use crate::process::{self, Failure, Finished, Program};
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::Instant;

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
/// [`limits::TAILSCALE_TIMEOUT`], and at once when `cancel` becomes readable (`Interrupted`). While
/// Tailscale is stopped, the program fails.
pub(crate) fn name(cancel: &impl AsFd) -> io::Result<Option<String>> {
    let mut command = process::command("tailscale");
    command.args(["status", "--json", "--peers=false"]);
    let program = Program::start(&mut command).map_err(|source| {
        io::Error::new(source.kind(), format!("`tailscale` cannot be run: {source}"))
    })?;
    parse(&output(program, cancel)?)
}

fn output(program: Program, cancel: &impl AsFd) -> io::Result<Vec<u8>> {
    let limit = limits::TAILSCALE_TIMEOUT;
    let cancel = PollFd::new(cancel, PollFlags::IN);
    match program.finish(&[], limits::TAILSCALE_BYTES, Instant::now() + limit, cancel) {
        Ok(Finished { status, stdout, .. }) if status.success() => Ok(stdout),
        Ok(Finished { status, .. }) => {
            Err(failure(ErrorKind::Other, &format!("failed ({status})")))
        }
        Err(Failure::TooMuch) => Err(failure(ErrorKind::FileTooLarge, "answered too much")),
        Err(Failure::TimedOut) => {
            Err(failure(ErrorKind::TimedOut, &format!("took longer than {limit:?}")))
        }
        Err(Failure::Cancelled) => Err(failure(ErrorKind::Interrupted, "was cancelled")),
        Err(Failure::Io(error)) => Err(error),
    }
}

fn parse(output: &[u8]) -> io::Result<Option<String>> {
    let unexpected = || failure(ErrorKind::InvalidData, "answered something unexpected");
    let status: TailscaleStatus = serde_json::from_slice(output).map_err(|_| unexpected())?;
    let name = status.own.and_then(|own| own.dns_name).unwrap_or_default();
    match name.trim().trim_end_matches('.') {
        "" => Ok(None),
        name => domain_name(name).map(Some).ok_or_else(unexpected),
    }
}

fn failure(kind: ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, format!("`tailscale` {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Waker;
    use std::time::Duration;

    fn shell(script: &str, cancel: &Waker) -> io::Result<Vec<u8>> {
        let program = Program::start(process::command("/bin/sh").args(["-c", script])).unwrap();
        output(program, cancel)
    }

    #[test]
    fn the_name_has_no_trailing_dot() {
        let status =
            br#"{"Version":"1","Self":{"ID":"x","DNSName":"pi.tail1.ts.net."},"Peer":null}"#;
        assert_eq!(parse(status).unwrap().as_deref(), Some("pi.tail1.ts.net"));
        assert_eq!(parse(br#"{"Self":{"DNSName":""}}"#).unwrap(), None);
        assert_eq!(parse(br#"{"Self":null}"#).unwrap(), None);
        for odd in [&b"not json"[..], br#"{"Self":{"DNSName":"a b\n"}}"#, b""] {
            assert_eq!(parse(odd).unwrap_err().kind(), ErrorKind::InvalidData, "{odd:?}");
        }
    }

    #[test]
    fn a_program_that_hangs_fails_or_floods_is_only_an_error() {
        let cancel = Waker::new().unwrap();
        assert_eq!(shell("printf x", &cancel).unwrap(), b"x");
        let error = |script| shell(script, &cancel).unwrap_err();
        assert_eq!(error("exit 3").to_string(), "`tailscale` failed (exit status: 3)");
        assert_eq!(error("yes").kind(), ErrorKind::FileTooLarge);
        let began = Instant::now();
        assert_eq!(error("sleep 60").kind(), ErrorKind::TimedOut);
        assert!(began.elapsed() < limits::TAILSCALE_TIMEOUT + Duration::from_secs(10));
    }

    #[test]
    fn cancelling_ends_the_wait() {
        let cancel = Waker::new().unwrap();
        cancel.alarm();
        assert_eq!(shell("sleep 60", &cancel).unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
