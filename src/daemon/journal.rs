//! The last things that happened, for the report of a bug. Kinds and numbers only: no payloads,
//! no secrets.

use crate::protocol::limits;
use crate::router::Input;
use std::collections::VecDeque;
use std::fmt;

/// The last inputs of the router: what each was and whose.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<(&'static str, u64)>);

impl Journal {
    /// Notes an input; returns what it was and whose.
    pub(super) fn note(&mut self, input: &Input) -> (&'static str, u64) {
        let (kind, number) = match input {
            Input::Connected { conn, .. } => ("connected", conn.0),
            Input::Frame { conn, frame } => (frame.kind(), conn.0),
            Input::BadFrame { conn, .. } => ("bad-frame", conn.0),
            Input::Activity { conn } => ("activity", conn.0),
            Input::Disconnected { conn } => ("disconnected", conn.0),
            Input::Operator { op, .. } => ("operator", op.0),
            Input::OperatorGone { op } => ("operator-gone", op.0),
            Input::Cancelled(requester) => ("cancelled", requester.op.0),
            Input::Answered { call, .. } => ("answered", call.0),
            Input::Document(_) => ("document", 0),
            Input::BackendEvent(_) => ("backend-event", 0),
            Input::Saved => ("saved", 0),
            Input::SaveFailed { .. } => ("save-failed", 0),
            Input::Configured { .. } => ("configured", 0),
            Input::Tick => ("tick", 0),
            Input::Stop => ("stop", 0),
        };
        if self.0.len() == limits::JOURNAL_INPUTS {
            self.0.pop_front();
        }
        self.0.push_back((kind, number));
        (kind, number)
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self.0.iter().map(|(kind, n)| format!("{kind}({n})")).collect();
        f.write_str(&inputs.join(" "))
    }
}
