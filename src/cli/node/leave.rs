//! Leaving in time, whatever the gateway does.

use crate::client::{Stop, Writer};
use crate::protocol::limits;
use crate::wait::poll_until;
use std::thread;
use std::time::Duration;

/// How long a connection may stay after the node was asked to leave: programs get their time to
/// end, and their last reports another second to get away.
const PATIENCE: Duration = Duration::from_millis(limits::RUN_KILL_AFTER.as_millis() as u64 + 1000);

/// Does `work` on a connection. A gateway that takes nothing would hold whoever writes to it for
/// as long as a line may take; when `stop` is requested and `work` does not come to its end, the
/// connection is closed under it.
pub(super) fn in_time<T>(stop: &Stop, writer: &Writer, work: impl FnOnce() -> T) -> T {
    let Ok(over) = Stop::new() else { return work() };
    thread::scope(|scope| {
        let watch = || {
            let mut both = [stop.watched(), over.watched()];
            // A wait that fails is over, too.
            let _ = poll_until(&mut both, None);
            if !over.wait(PATIENCE) && stop.is_requested() {
                log::warn!("the gateway takes nothing, so the connection is cut");
                writer.close();
            }
        };
        // Without a thread to spare, the node leaves later.
        let watching = thread::Builder::new().name("leave".into()).spawn_scoped(scope, watch);
        let end = work();
        over.request();
        drop(watching);
        end
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{connect, ConnectOptions, Error, OutgoingFrame};
    use std::net::TcpListener;
    use std::time::Instant;

    #[test]
    fn a_gateway_that_takes_nothing_holds_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Stop::new().unwrap();
        let connection = connect("127.0.0.1", port, ConnectOptions::default(), &stop).unwrap();
        let _gateway = listener.accept().unwrap();
        stop.request();
        let payload = format!("\"{}\"", "x".repeat(30_000_000));
        let began = Instant::now();
        let writer = &connection.writer;
        let end = in_time(&stop, writer, || {
            writer.send(&OutgoingFrame::Event { event: "big", payload: Some(&payload) })
        });
        assert!(matches!(end, Err(Error::Broken(_))), "{end:?}");
        assert!(began.elapsed() >= PATIENCE && began.elapsed() < PATIENCE * 4);
        assert_eq!(in_time(&stop, writer, || 5), 5, "and what ends is not waited for");
    }
}
