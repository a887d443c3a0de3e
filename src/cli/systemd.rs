//! Notifies systemd of the state of the service, if it set `NOTIFY_SOCKET`, and of its life, if it has a
//! watchdog.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// Sends a state such as `READY=1`. Without `NOTIFY_SOCKET`, nothing happens; a failure is only
/// logged, systemd notices by itself.
pub(crate) fn notify(state: &str) {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&name, state) {
        log::warn!("daemon: could not notify systemd of {state:?}: {error}");
    }
}

/// How often to notify systemd although there is no news, if it is to be notified at all.
pub(crate) fn heartbeat() -> Option<Duration> {
    /// Without a watchdog there is no need.
    const RARELY: Duration = Duration::from_secs(24 * 60 * 60);
    env::var_os("NOTIFY_SOCKET")?;
    Some(watchdog().map_or(RARELY, |time| time / 2))
}

/// How long systemd waits for a sign of life, if it waits for one of this process.
fn watchdog() -> Option<Duration> {
    watchdog_in(|name| env::var(name).ok())
}

fn watchdog_in(read: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    if read("WATCHDOG_PID").is_some_and(|pid| pid.parse() != Ok(process::id())) {
        return None;
    }
    let time = Duration::from_micros(read("WATCHDOG_USEC")?.parse().ok()?);
    Some(time).filter(|time| !time.is_zero())
}

fn send(name: &OsString, state: &str) -> io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A systemd that hangs must not make the bridge hang.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_watchdog_for_this_process_counts() {
        let watchdog = |usec: &str, pid: Option<u32>| {
            watchdog_in(|name| match name {
                "WATCHDOG_USEC" => Some(usec.to_owned()),
                _ => pid.map(|pid| pid.to_string()),
            })
        };
        let (own, time) = (process::id(), Some(Duration::from_secs(60)));
        assert_eq!([watchdog("60000000", None), watchdog("60000000", Some(own))], [time, time]);
        assert_eq!(watchdog("60000000", Some(own + 1)), None);
        assert_eq!([watchdog("0", None), watchdog("", None), watchdog("-1", None)], [None; 3]);
        assert_eq!(watchdog_in(|_| None), None);
    }
}
