//! Events of nodes about programs they run: `exec.*`, turned into sentences for the next run of
//! their conversation (protocol section 6).

use crate::lock::lock;
use crate::protocol::fields::Fields;
use crate::protocol::json::mend_surrogates;
use crate::protocol::rpc::event::SystemEvent;
use crate::protocol::text::{cut, end};
use crate::protocol::{limits, session, NodeEvent, NodeId};
use crate::shares::{giving_way, Shares};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Reads an `exec.*` event; `None` for another event, or an invalid one.
pub(super) fn read(node: &NodeId, event: &str, payload: &str, ts: u64) -> Option<SystemEvent> {
    let kind = NodeEvent::parse(event)?;
    if !matches!(kind, NodeEvent::ExecStarted | NodeEvent::ExecFinished | NodeEvent::ExecDenied) {
        return None;
    }
    let payload = mend_surrogates(payload);
    let fields = Fields::read(&payload).ok()?;
    if !payload.trim_start().starts_with('{') {
        return None;
    }
    let session_key = match fields.text("sessionKey") {
        Some(key) if key.trim().is_empty() => return None,
        Some(key) => key.into_owned(),
        None => format!("node-{node}"),
    };
    if session_key.chars().count() > limits::SESSION_KEY_CHARS {
        return None;
    }
    let whole = |name| fields.text(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let short = |name| fields.short_text(name).unwrap_or_default();
    let run = short("runId");
    let id = if run.is_empty() { String::new() } else { format!(" id={run}") };
    let command = || match cut(&whole("command"), limits::SYSTEM_EVENT_BYTES / 2) {
        "" => String::new(),
        command => format!(": {command}"),
    };
    let sentence = match kind {
        NodeEvent::ExecStarted => format!("Exec started (node={node}{id}){}", command()),
        NodeEvent::ExecFinished => {
            let how = match fields.json("exitCode").filter(|_| !fields.is_true("timedOut")) {
                _ if fields.is_true("timedOut") => "timeout",
                Some(code) if code.parse::<i64>().is_ok() => &format!("code {code}"),
                _ => "code ?",
            };
            with_output(format!("Exec finished (node={node}{id}, {how})"), &whole("output"))
        }
        NodeEvent::ExecDenied => {
            let reason = short("reason");
            let reason = if reason.is_empty() { reason } else { format!(", {reason}") };
            format!("Exec denied (node={node}{id}{reason}){}", command())
        }
        _ => return None,
    };
    let context_key = if run.is_empty() { "exec".into() } else { format!("exec:{run}") };
    let session_key = session::canonical(&session_key);
    Some(SystemEvent { session_key, text: sentence, context_key, ts })
}

/// A sentence and, below it, what a program wrote; of a long output the end.
fn with_output(sentence: String, output: &str) -> String {
    const MARK: &str = "... (truncated) ";
    if output.is_empty() {
        return sentence;
    }
    let room = limits::SYSTEM_EVENT_BYTES.saturating_sub(sentence.len() + 1);
    if output.len() <= room {
        return format!("{sentence}\n{output}");
    }
    format!("{sentence}\n{MARK}{}", end(output, room.saturating_sub(MARK.len())))
}

/// Sentences that wait for a run of their conversation. They are kept in memory, which the nodes
/// share; a node that sends too many loses its oldest ones.
#[derive(Debug)]
pub(super) struct SystemEvents(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    /// The oldest first.
    sentences: VecDeque<Sentence>,
    bytes: Shares,
}

#[derive(Debug)]
struct Sentence {
    session_key: String,
    node: NodeId,
    text: String,
}

impl Sentence {
    fn bytes(&self) -> u64 {
        (size_of::<Self>() + self.session_key.len() + self.text.len()) as u64
    }
}

impl Default for SystemEvents {
    fn default() -> Self {
        let bytes = Shares::new(limits::SYSTEM_EVENTS_BYTES);
        Self(Mutex::new(Waiting { sentences: VecDeque::new(), bytes }))
    }
}

impl SystemEvents {
    /// Keeps an event's sentence, unless it repeats the previous one. Whether it was kept.
    pub(super) fn push(&self, node: &NodeId, event: &SystemEvent) -> bool {
        let SystemEvent { session_key, text, .. } = event.clone();
        let sentence = Sentence { session_key, text, node: node.clone() };
        let mut waiting = lock(&self.0);
        let mut of_session = waiting.of_session(&sentence.session_key);
        if of_session.next_back().is_some_and(|(_, last)| last.text == sentence.text) {
            return false;
        }
        drop(of_session);
        waiting.make_room(&sentence);
        waiting.bytes.add(Some(node), sentence.bytes());
        waiting.sentences.push_back(sentence);
        true
    }

    pub(super) fn take(&self, session_key: &str) -> Vec<String> {
        let mut waiting = lock(&self.0);
        let (taken, left) = std::mem::take(&mut waiting.sentences)
            .into_iter()
            .partition::<VecDeque<_>, _>(|sentence| sentence.session_key == session_key);
        waiting.sentences = left;
        taken.iter().for_each(|gone| waiting.bytes.remove(Some(&gone.node), gone.bytes()));
        taken.into_iter().map(|sentence| sentence.text).collect()
    }
}

impl Waiting {
    fn of_session<'a>(
        &'a self,
        session_key: &'a str,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Sentence)> {
        let sentences = self.sentences.iter().enumerate();
        sentences.filter(move |(_, sentence)| sentence.session_key == session_key)
    }

    /// Removes what has to give way to a new sentence: in its conversation the oldest of the node
    /// with the most there, otherwise the oldest of its own node.
    fn make_room(&mut self, new: &Sentence) {
        if self.of_session(&new.session_key).count() >= limits::SYSTEM_EVENTS {
            let of_session = self.of_session(&new.session_key);
            let oldest = giving_way(of_session.map(|(index, s)| (index, &s.node, index)));
            oldest.and_then(|oldest| self.remove(oldest));
        }
        while !self.bytes.fits(Some(&new.node), new.bytes()) {
            // Where others have nearly everything, the oldest of all gives way.
            let own = self.sentences.iter().position(|sentence| sentence.node == new.node);
            if self.remove(own.unwrap_or(0)).is_none() {
                return;
            }
        }
    }

    fn remove(&mut self, index: usize) -> Option<()> {
        let gone = self.sentences.remove(index)?;
        self.bytes.remove(Some(&gone.node), gone.bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: &str, payload: &str) -> Option<String> {
        read(&NodeId::new("n1").unwrap(), event, payload, 1).map(|event| event.text)
    }

    #[test]
    fn exec_events_become_the_sentences_of_the_old_gateway() {
        for (event, payload, sentence) in [
            (
                "exec.started",
                r#"{"runId":"r","command":" ls "}"#,
                "Exec started (node=n1 id=r): ls",
            ),
            ("exec.started", "{}", "Exec started (node=n1)"),
            (
                "exec.finished",
                r#"{"runId":"r","exitCode":0,"output":"a\nb\n"}"#,
                "Exec finished (node=n1 id=r, code 0)\na\nb",
            ),
            ("exec.finished", r#"{"exitCode":"x"}"#, "Exec finished (node=n1, code ?)"),
            (
                "exec.finished",
                r#"{"exitCode":1,"timedOut":true}"#,
                "Exec finished (node=n1, timeout)",
            ),
            (
                "exec.denied",
                r#"{"runId":"r","reason":"user-denied","command":"rm"}"#,
                "Exec denied (node=n1 id=r, user-denied): rm",
            ),
        ] {
            assert_eq!(text(event, payload).as_deref(), Some(sentence), "{event} {payload}");
        }
    }

    #[test]
    fn an_invalid_event_is_ignored() {
        assert_eq!(text("exec.started", r#"{"sessionKey":"  "}"#), None);
        assert_eq!(text("exec.exploded", "{}"), None);
        assert_eq!(text("voice.transcript", "{}"), None);
        assert_eq!(text("exec.started", "[]"), None);
        let event =
            read(&NodeId::new("n1").unwrap(), "exec.started", r#"{"sessionKey":5}"#, 1).unwrap();
        assert_eq!((&*event.session_key, &*event.context_key), ("agent:main:node-n1", "exec"));
    }

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    fn event(session_key: &str, text: &str) -> SystemEvent {
        let (session_key, text) = (session_key.to_owned(), text.to_owned());
        SystemEvent { session_key, text, context_key: "exec".into(), ts: 1 }
    }

    #[test]
    fn twenty_wait_and_repetitions_do_not() {
        let (events, node) = (SystemEvents::default(), node("n"));
        assert!(events.push(&node, &event("s", "0")));
        assert!(!events.push(&node, &event("s", "0")));
        for i in 1..=limits::SYSTEM_EVENTS {
            events.push(&node, &event("s", &i.to_string()));
        }
        let taken = events.take("s");
        assert_eq!((taken.len(), &*taken[0]), (limits::SYSTEM_EVENTS, "1"));
        assert!(events.take("s").is_empty());
        assert_eq!(events.0.lock().unwrap().bytes.used(), 0);
    }

    #[test]
    fn the_events_of_one_node_do_not_fill_the_memory_nor_displace_those_of_another() {
        let (events, eve, alice) = (SystemEvents::default(), node("eve"), node("alice"));
        assert!(events.push(&alice, &event("main", "alice said this")));
        let long = "x".repeat(limits::SYSTEM_EVENT_BYTES);
        for number in 0..5000 {
            assert!(events.push(&eve, &event(&format!("s{number}"), &long)));
            assert!(events.push(&eve, &event("main", &number.to_string())));
            assert!(events.0.lock().unwrap().bytes.used() <= limits::SYSTEM_EVENTS_BYTES / 4 + 999);
        }
        assert!(events.push(&alice, &event("main", "and this")));
        let main = events.take("main");
        assert_eq!((&*main[0], &**main.last().unwrap()), ("alice said this", "and this"));
        assert!(events.take("s0").is_empty(), "the oldest went first");
        assert_eq!(events.take("s4999"), [long]);
    }

    #[test]
    fn nodes_without_number_leave_room_for_one_more() {
        let events = SystemEvents::default();
        let long = "x".repeat(limits::SYSTEM_EVENT_BYTES);
        for number in 0..2000 {
            let node = node(&format!("n{}", number % 100));
            assert!(events.push(&node, &event(&format!("s{number}"), &long)));
        }
        assert!(events.0.lock().unwrap().bytes.used() <= limits::SYSTEM_EVENTS_BYTES);
    }

    #[test]
    fn a_long_text_is_cut_and_of_an_output_the_end_is_kept() {
        let output = format!("beginning {}the end", "ü".repeat(40_000));
        let payload =
            serde_json::json!({ "exitCode": 0, "output": output, "runId": "r".repeat(9999) });
        let finished = text("exec.finished", &payload.to_string()).unwrap();
        assert!(finished.len() <= limits::SYSTEM_EVENT_BYTES, "{}", finished.len());
        let (sentence, output) = finished.split_once('\n').unwrap();
        assert!(
            sentence.starts_with("Exec finished (node=n1 id=rrr")
                && sentence.ends_with(", code 0)")
        );
        assert!(output.starts_with("... (truncated) ü") && output.ends_with("üthe end"));
        let payload = serde_json::json!({ "command": "x".repeat(60_000) }).to_string();
        assert!(text("exec.started", &payload).unwrap().len() <= limits::SYSTEM_EVENT_BYTES);
        let key = serde_json::json!({ "sessionKey": "k".repeat(300) }).to_string();
        assert_eq!(text("exec.started", &key), None);
    }
}
