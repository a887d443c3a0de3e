//! The last things that happened, for the report of a bug. Kinds and numbers only: no payloads,
//! no secrets.

use crate::protocol::limits;
use crate::router::Input;
use std::collections::VecDeque;
use std::fmt;

/// The last inputs of the router.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: VecDeque<Entry>,
}

/// One input: what it was and whose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    kind: &'static str,
    number: u64,
}

impl Entry {
    pub(super) fn of(input: &Input) -> Self {
        let (kind, number) = match input {
            Input::Connected { conn, .. } => ("connected", conn.0),
            Input::Frame { conn, frame } => (frame.kind(), conn.0),
            Input::BadFrame { conn, .. } => ("bad-frame", conn.0),
            Input::Activity { conn } => ("activity", conn.0),
            Input::Disconnected { conn } => ("disconnected", conn.0),
            Input::Operator { op, .. } => ("operator", op.0),
            Input::OperatorGone { op } => ("operator-gone", op.0),
            Input::Answered { call, .. } => ("answered", call.0),
            Input::BackendEvent(_) => ("backend-event", 0),
            Input::Saved => ("saved", 0),
            Input::SaveFailed { .. } => ("save-failed", 0),
            Input::Configured { .. } => ("configured", 0),
            Input::Tick => ("tick", 0),
            Input::Stop => ("stop", 0),
        };
        Self { kind, number }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind, self.number)
    }
}

impl Journal {
    pub(super) fn note(&mut self, entry: Entry) {
        if self.last.len() == limits::JOURNAL_INPUTS {
            self.last.pop_front();
        }
        self.last.push_back(entry);
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<String> = self.last.iter().map(Entry::to_string).collect();
        f.write_str(&entries.join(" "))
    }
}
