//! What can wait in an outbox: the frames of each kind of connection, and how each is written.

use crate::link::WriteBuffer;
use crate::protocol::operator::OperatorFrame;
use crate::protocol::{limits, wire, GatewayFrame};

pub(crate) trait Outgoing: Send + 'static {
    /// About how many bytes it takes.
    fn weight(&self) -> usize;
    fn encode(self, out: &mut WriteBuffer);
    /// As [`Outgoing::encode`], where nothing else waits that it could be written together with.
    fn encode_alone(self, out: &mut WriteBuffer)
    where
        Self: Sized,
    {
        self.encode(out);
    }
    /// Whether it answers a request of the other side.
    fn is_answer(&self) -> bool {
        false
    }
    /// If it answers a hello: whether the node is admitted. The connection is not read before
    /// this has been sent.
    fn admission(&self) -> Option<bool> {
        None
    }
    /// Whether it may be dropped under pressure.
    fn is_superseded_later(&self) -> bool {
        false
    }
}

impl Outgoing for GatewayFrame {
    fn weight(&self) -> usize {
        self.weight()
    }

    fn encode(self, out: &mut WriteBuffer) {
        match self.shared_line() {
            Some(line) if line.len() >= limits::SHARED_BODY => out.share(line.clone()),
            Some(line) => out.append(|out| out.extend_from_slice(line.as_bytes())),
            None => out.append(|out| Self::encode(&self, out)),
        }
    }

    fn encode_alone(self, out: &mut WriteBuffer) {
        match self.shared_line() {
            Some(line) => out.share(line.clone()),
            None => Outgoing::encode(self, out),
        }
    }

    fn is_answer(&self) -> bool {
        self.is_answer()
    }

    fn admission(&self) -> Option<bool> {
        match self {
            Self::HelloOk { .. } => Some(true),
            Self::Error(_) => Some(false),
            _ => None,
        }
    }

    fn is_superseded_later(&self) -> bool {
        self.is_superseded_later()
    }
}

impl Outgoing for OperatorFrame {
    fn weight(&self) -> usize {
        self.weight()
    }

    fn encode(self, out: &mut WriteBuffer) {
        let Some((head, body, tail)) = self.in_parts() else {
            return out.append(|out| wire::append_line(&self, out));
        };
        out.append(|out| out.extend_from_slice(&head));
        out.share(body);
        out.append(|out| out.extend_from_slice(&tail));
    }

    fn is_answer(&self) -> bool {
        matches!(self, Self::Reply { .. })
    }
}

/// A line that is encoded already.
impl Outgoing for Vec<u8> {
    fn weight(&self) -> usize {
        self.len()
    }

    fn encode(self, out: &mut WriteBuffer) {
        out.push(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SharedEvent;

    #[test]
    fn a_long_event_is_not_copied_for_each_of_its_nodes() {
        let payload = format!("{{\"text\":\"{}\"}}", "x".repeat(limits::SHARED_BODY));
        let shared = SharedEvent::new("chat".into(), Some("main".into()), Some(payload.into()));
        let event = GatewayFrame::SharedEvent(shared);
        let mut lines = [WriteBuffer::default(), WriteBuffer::default()];
        for line in &mut lines {
            Outgoing::encode(event.clone(), line);
        }
        let mut alone = Vec::new();
        GatewayFrame::encode(&event, &mut alone);
        assert_eq!(lines[0].front(), alone);
        assert_eq!(lines[0].front().as_ptr(), lines[1].front().as_ptr());
    }
}
