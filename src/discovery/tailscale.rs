//! Asks the `tailscale` program for this machine's name in the tailnet.

use crate::process::{self, Program};
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitStatus;
use std::time::Instant;

/// Why there is no name.
#[derive(Debug)]
pub enum Error {
    /// The program is not there, or cannot be started or watched.
    Program(io::Error),
    /// It took too long.
    TooSlow,
    /// It said too much.
    TooMuch,
    /// It failed, as it does while Tailscale is stopped.
    Failed(ExitStatus),
    /// It answered something else.
    Nonsense,
    /// Whoever asked does not want to know any more.
    Cancelled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(error) => write!(f, "`tailscale` cannot be run: {error}"),
            Self::TooSlow => {
                write!(f, "`tailscale` took longer than {:?}", limits::TAILSCALE_PATIENCE)
            }
            Self::TooMuch => f.write_str("`tailscale` answered too much"),
            Self::Failed(status) => write!(f, "`tailscale` failed ({status})"),
            Self::Nonsense => f.write_str("`tailscale` answered something unexpected"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Program(error) => Some(error),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "Self")]
    own: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    #[serde(rename = "DNSName")]
    dns_name: Option<String>,
}

/// The name without a dot at its end; `None` if the tailnet gives no names. Returns within
/// [`limits::TAILSCALE_PATIENCE`], and at once when `cancel` becomes readable.
///
/// # Errors
/// See [`Error`].
pub fn name(cancel: &impl AsFd) -> Result<Option<String>, Error> {
    let mut command = process::command("tailscale");
    command.args(["status", "--json", "--peers=false"]);
    let program = Program::start(&mut command).map_err(Error::Program)?;
    read(&answer(program, cancel)?)
}

fn answer(mut program: Program, cancel: &impl AsFd) -> Result<Vec<u8>, Error> {
    let deadline = Instant::now() + limits::TAILSCALE_PATIENCE;
    let mut output = Vec::new();
    loop {
        let ended = program.has_ended().map_err(Error::Program)?;
        program.feed(&mut &[][..]);
        program.read_stderr(|_| ());
        let fits = program.read_stdout(|bytes| {
            output.extend_from_slice(bytes);
            output.len() <= limits::TAILSCALE_BYTES
        });
        if !fits {
            return Err(Error::TooMuch);
        }
        if ended {
            let status = program.collect().map_err(Error::Program)?;
            return if status.success() { Ok(output) } else { Err(Error::Failed(status)) };
        }
        if Instant::now() >= deadline {
            return Err(Error::TooSlow);
        }
        let also = PollFd::new(cancel, PollFlags::IN);
        if program.wait(also, deadline).map_err(Error::Program)? {
            return Err(Error::Cancelled);
        }
    }
}

fn read(output: &[u8]) -> Result<Option<String>, Error> {
    let status: Status = serde_json::from_slice(output).map_err(|_| Error::Nonsense)?;
    let name = status.own.and_then(|own| own.dns_name).unwrap_or_default();
    let name = name.trim().trim_end_matches('.');
    let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match name {
        "" => Ok(None),
        name if name.len() > limits::DOMAIN_CHARS || name.contains(is_odd) => Err(Error::Nonsense),
        name => Ok(Some(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Waker;
    use std::time::Duration;

    fn shell(script: &str) -> Result<Vec<u8>, Error> {
        let program = Program::start(process::command("/bin/sh").args(["-c", script])).unwrap();
        answer(program, &Waker::new().unwrap())
    }

    #[test]
    fn the_name_is_told_without_its_dot() {
        let told = br#"{"Version":"1","Self":{"ID":"x","DNSName":"pi.tail1.ts.net."},"Peer":null}"#;
        assert_eq!(read(told).unwrap().as_deref(), Some("pi.tail1.ts.net"));
        assert_eq!(read(br#"{"Self":{"DNSName":""}}"#).unwrap(), None);
        assert_eq!(read(br#"{"Self":null}"#).unwrap(), None);
        for odd in [&b"not json"[..], br#"{"Self":{"DNSName":"a b\n"}}"#, b""] {
            assert!(matches!(read(odd), Err(Error::Nonsense)), "{odd:?}");
        }
    }

    #[test]
    fn a_program_that_hangs_fails_or_floods_is_only_an_error() {
        assert_eq!(shell("printf x").unwrap(), b"x");
        assert!(matches!(shell("exit 3"), Err(Error::Failed(status)) if status.code() == Some(3)));
        assert!(matches!(shell("yes"), Err(Error::TooMuch)));
        let began = Instant::now();
        assert!(matches!(shell("sleep 60"), Err(Error::TooSlow)));
        assert!(began.elapsed() < limits::TAILSCALE_PATIENCE + Duration::from_secs(10));
    }

    #[test]
    fn who_does_not_want_to_know_any_more_does_not_wait() {
        let cancel = Waker::new().unwrap();
        cancel.alarm();
        let program = Program::start(process::command("/bin/sh").args(["-c", "sleep 60"])).unwrap();
        assert!(matches!(answer(program, &cancel), Err(Error::Cancelled)));
    }
}
