//! Frames out, from any thread: encoded at once, written by the thread that reads.

use crate::client::error::Error;
use crate::link::{Outbox, TooSlow};
use crate::lock::lock;
use crate::protocol::fields::Fields;
use crate::protocol::{limits, NodeFrame};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

/// Which way a traced line went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateway.
    Received,
    /// To the gateway.
    Sent,
}

/// Is called with every line, without its line feed. Tokens are replaced before.
pub type Trace = Arc<dyn Fn(Direction, &str) + Send + Sync>;

/// Sends frames; clones send over the same connection.
#[derive(Clone)]
pub struct Writer(Way);

#[cfg(feature = "cli")]
type Translator = Arc<dyn Fn(&NodeFrame) -> Result<(), Error> + Send + Sync>;

/// Where the frames go.
#[derive(Clone)]
enum Way {
    Lines {
        outbox: Arc<Outbox<Vec<u8>>>,
        /// Held while a line is traced and queued, so that the trace has the order of the wire.
        trace: Arc<Mutex<Option<Trace>>>,
    },
    /// To who speaks another protocol.
    #[cfg(feature = "cli")]
    Translated(Translator),
}

impl Writer {
    pub(super) fn new(outbox: Arc<Outbox<Vec<u8>>>, trace: Option<Trace>) -> Self {
        Self(Way::Lines { outbox, trace: Arc::new(Mutex::new(trace)) })
    }

    /// One that hands its frames to `send`.
    #[cfg(feature = "cli")]
    pub(crate) fn translated(
        send: impl Fn(&NodeFrame) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Way::Translated(Arc::new(send)))
    }

    #[cfg(test)]
    pub(crate) fn alone() -> (Self, Arc<Outbox<Vec<u8>>>) {
        let outbox = Arc::new(Outbox::new(0).unwrap());
        (Self::new(outbox.clone(), None), outbox)
    }

    #[cfg(feature = "cli")]
    pub(crate) fn is_open(&self) -> bool {
        match &self.0 {
            Way::Lines { outbox, .. } => outbox.is_open(),
            #[cfg(feature = "cli")]
            Way::Translated(_) => true,
        }
    }

    /// Ends sending. Waits for whoever is sending, so that no frame is dropped unnoticed.
    pub(super) fn close(&self) {
        match &self.0 {
            Way::Lines { outbox, trace } => {
                let _sending = lock(trace);
                outbox.finish();
            }
            #[cfg(feature = "cli")]
            Way::Translated(_) => {}
        }
    }

    /// Queues one frame. It is written while the connection is read, or when it is dropped. Fails
    /// with [`Error::Closed`], [`Error::LineTooLong`], or, if too much is waiting already, with
    /// [`Error::Broken`], which ends the connection.
    pub fn send(&self, frame: &NodeFrame) -> Result<(), Error> {
        let (outbox, trace) = match &self.0 {
            Way::Lines { outbox, trace } => (outbox, trace),
            #[cfg(feature = "cli")]
            Way::Translated(send) => return send(frame),
        };
        let mut line = Vec::new();
        frame.encode(&mut line);
        if line.len() > limits::LINE_NODE {
            return Err(Error::LineTooLong(limits::LINE_NODE));
        }
        // The caller's trace may panic, but nothing is queued by then.
        let trace = lock(trace);
        if !outbox.is_open() {
            return Err(Error::Closed);
        }
        if let Some(trace) = &*trace {
            trace(Direction::Sent, &redacted(String::from_utf8_lossy(&line).trim_end()));
        }
        outbox.push(line).map_err(|TooSlow| Error::Broken(io::ErrorKind::TimedOut.into()))
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(…)")
    }
}

/// The line with the value of its `token` replaced by `…`. A line that cannot be read might hold one
/// anywhere, so if it mentions the word it is not shown at all.
pub(super) fn redacted(line: &str) -> Cow<'_, str> {
    match Fields::read(line) {
        Ok(fields) => {
            match fields.json("token").filter(|raw| raw.len() > 2 && raw.starts_with('"')) {
                Some(raw) => Cow::Owned(line.replace(raw, "\"…\"")),
                None => Cow::Borrowed(line),
            }
        }
        Err(_) if line.to_ascii_lowercase().contains("token") => {
            Cow::Owned(format!("({} bytes that are not JSON)", line.len()))
        }
        Err(_) => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_never_show_a_token() {
        assert_eq!(redacted(r#"{"type":"ping"}"#), r#"{"type":"ping"}"#);
        for line in [
            r#"{"type":"pair-ok","token":"s3cret"}"#,
            r#"{"token":"s3cret","token":"s3cret"}"#,
            r#"{"tok\u0065n":"s3cret"}"#,
            r#"{"token":"s3cret""#,
        ] {
            assert!(!redacted(line).contains("s3cret"), "{line}");
        }
    }
}
