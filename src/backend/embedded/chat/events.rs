//! What is told about a run while it goes on: `chat` and `agent` events (protocol sections 7.2 and
//! 7.3).
//!
//! Everything about one run is told under its lock, so that nothing overtakes its end: exactly one
//! terminal state, and nothing after it.

use crate::backend::Outlet;
use crate::protocol::{limits, GatewayEvent};
use crate::router::{Audience, BackendEvent};
use serde_json::{json, Value};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// One run, as nodes and operators hear of it.
pub(crate) struct RunNews {
    /// The run's own id.
    pub(crate) run_id: String,
    /// The conversation, canonical.
    pub(crate) session_key: String,
    /// The apps take `agent` events only under the id of the session (protocol section 7.3).
    session_id: String,
    /// Whether tools are shown.
    tells_tools: bool,
    outlet: Arc<dyn Outlet>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seq: u64,
    ended: bool,
    started_ms: u64,
    /// How much of the text has been told.
    told: usize,
    last_delta: Option<Instant>,
    /// Text that waits for the next delta.
    waiting: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With this answer; empty if there was none.
    Final(String),
    /// Because of this: `rpc`, `stop` or `timeout`.
    Aborted(&'static str),
    /// With this sentence.
    Error(String),
}

impl RunNews {
    pub(crate) fn new(
        run_id: String,
        session_key: String,
        session_id: String,
        tells_tools: bool,
        outlet: Arc<dyn Outlet>,
    ) -> Self {
        let state = Mutex::default();
        Self { run_id, session_key, session_id, tells_tools, outlet, state }
    }

    /// The agent begins.
    pub(crate) fn started(&self, now_ms: u64) {
        let mut state = self.lock();
        state.started_ms = now_ms;
        if !state.ended {
            let data = json!({ "phase": "start", "startedAt": now_ms });
            self.tell_agent(&mut state, "lifecycle", &data, now_ms);
        }
    }

    /// The answer so far. The first piece is told at once, then at most one every 150 ms; what
    /// waits is told by [`RunNews::flush`]. Returns when that is due.
    pub(crate) fn text(&self, full: &str, now: Instant, now_ms: u64) -> Option<Instant> {
        let mut state = self.lock();
        if state.ended || full.is_empty() {
            return None;
        }
        match state.last_delta.map(|last| last + limits::DELTA_EVERY).filter(|next| *next > now) {
            Some(next) => {
                state.waiting = Some(full.to_owned());
                Some(next)
            }
            None => {
                self.tell_delta(&mut state, full, now, now_ms);
                None
            }
        }
    }

    /// Tells what waits, if it is time. Returns when it will be.
    pub(crate) fn flush(&self, now: Instant, now_ms: u64) -> Option<Instant> {
        let mut state = self.lock();
        state.waiting.as_ref()?;
        let due = state.last_delta.map(|last| last + limits::DELTA_EVERY);
        if let Some(due) = due.filter(|due| *due > now) {
            return Some(due);
        }
        if let Some(text) = state.waiting.take() {
            self.tell_delta(&mut state, &text, now, now_ms);
        }
        None
    }

    /// The agent uses a tool.
    pub(crate) fn tool(&self, event: &Value, now_ms: u64) {
        let mut state = self.lock();
        if !state.ended && self.tells_tools {
            self.tell_agent(&mut state, "tool", event, now_ms);
        }
    }

    /// The run ends, for whoever listens. Only the first end counts; whether this was it.
    pub(crate) fn end(&self, end: &End, now: Instant, now_ms: u64) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        if let Some(text) = state.waiting.take() {
            self.tell_delta(&mut state, &text, now, now_ms);
        }
        state.ended = true;
        let mut data = json!({ "phase": "end", "startedAt": state.started_ms, "endedAt": now_ms });
        match end {
            End::Final(_) => {}
            End::Aborted(_) => data["aborted"] = true.into(),
            End::Error(message) => {
                data["phase"] = "error".into();
                data["error"] = message.as_str().into();
            }
        }
        self.tell_agent(&mut state, "lifecycle", &data, now_ms);
        let mut chat = json!({ "runId": self.run_id, "seq": state.seq });
        match end {
            End::Final(text) => {
                chat["state"] = "final".into();
                if !text.is_empty() {
                    chat["message"] = message(text, now_ms);
                }
            }
            End::Aborted(reason) => {
                chat["state"] = "aborted".into();
                chat["stopReason"] = (*reason).into();
            }
            End::Error(text) => {
                chat["state"] = "error".into();
                chat["errorMessage"] = one_line(text).into();
            }
        }
        self.tell(GatewayEvent::Chat, &chat);
        true
    }

    fn tell_delta(&self, state: &mut State, full: &str, now: Instant, now_ms: u64) {
        state.last_delta = Some(now);
        state.waiting = None;
        let delta = full.get(state.told..).unwrap_or_default();
        state.told = full.len();
        let data = json!({ "text": full, "delta": delta });
        self.tell_agent(state, "assistant", &data, now_ms);
        self.tell(
            GatewayEvent::Chat,
            &json!({
                "runId": self.run_id,
                "seq": state.seq,
                "state": "delta",
                "message": message(full, now_ms),
            }),
        );
    }

    fn tell_agent(&self, state: &mut State, stream: &str, data: &Value, now_ms: u64) {
        state.seq += 1;
        self.tell(
            GatewayEvent::Agent,
            &json!({
                "runId": self.session_id,
                "seq": state.seq,
                "stream": stream,
                "ts": now_ms,
                "data": data,
            }),
        );
    }

    fn tell(&self, event: GatewayEvent, payload: &Value) {
        let to = Audience::Session(self.session_key.as_str().into());
        let payload = Some(payload.to_string().into());
        self.outlet.tell(BackendEvent { to, event: event.into(), payload });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A message of the agent, as the apps decode it.
pub(crate) fn message(text: &str, now_ms: u64) -> Value {
    json!({
        "role": "assistant",
        "content": [{ "type": "text", "text": text }],
        "timestamp": now_ms,
    })
}

/// An error as it may be shown: one line, not too long.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 240;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, Value)>>);

    impl Outlet for Heard {
        fn tell(&self, news: BackendEvent) {
            let payload = serde_json::from_str(&news.payload.unwrap()).unwrap();
            self.0.lock().unwrap().push((news.event.to_string(), payload));
        }
    }

    impl Heard {
        fn chat(&self) -> Vec<(u64, String, String)> {
            let heard = self.0.lock().unwrap();
            let chats = heard.iter().filter(|(event, _)| event == "chat").map(|(_, chat)| {
                let text = &chat["message"]["content"][0]["text"];
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (chat["seq"].as_u64().unwrap(), word(&chat["state"]), word(text))
            });
            chats.collect()
        }
    }

    fn run(heard: &Arc<Heard>) -> RunNews {
        RunNews::new("r".into(), "agent:main:main".into(), "s".into(), true, heard.clone())
    }

    #[test]
    fn deltas_are_told_at_once_and_then_every_150_ms_with_the_last_one_flushed() {
        let heard = Arc::new(Heard::default());
        let run = run(&heard);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(run.text("a", at(0), 1), None);
        assert_eq!(run.text("ab", at(10), 1), Some(at(150)));
        assert_eq!(run.text("abc", at(20), 1), Some(at(150)));
        assert_eq!(run.flush(at(100), 1), Some(at(150)));
        assert_eq!(run.flush(at(150), 1), None);
        assert_eq!(run.flush(at(400), 1), None);
        run.text("abcd", at(160), 1);
        assert!(run.end(&End::Final("abcd!".into()), at(170), 1));
        let texts: Vec<_> =
            heard.chat().into_iter().map(|(_, state, text)| (state, text)).collect();
        let told = |state: &str, text: &str| (state.to_owned(), text.to_owned());
        let expected = [
            told("delta", "a"),
            told("delta", "abc"),
            told("delta", "abcd"),
            told("final", "abcd!"),
        ];
        assert_eq!(texts, expected);
        let seqs: Vec<u64> = heard.chat().into_iter().map(|(seq, ..)| seq).collect();
        assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    }

    #[test]
    fn there_is_one_end_and_nothing_after_it() {
        let heard = Arc::new(Heard::default());
        let run = run(&heard);
        let now = Instant::now();
        run.started(1);
        assert!(run.end(&End::Aborted("rpc"), now, 2));
        let told = heard.0.lock().unwrap().len();
        run.text("late", now, 3);
        run.tool(&json!({ "phase": "start" }), 3);
        assert!(!run.end(&End::Final("late".into()), now, 3));
        assert_eq!(heard.0.lock().unwrap().len(), told);
    }

    #[test]
    fn agent_events_carry_the_sessions_id() {
        let heard = Arc::new(Heard::default());
        let run = run(&heard);
        run.started(7);
        run.text("hi", Instant::now(), 8);
        let heard = heard.0.lock().unwrap();
        let agent: Vec<_> = heard.iter().filter(|(event, _)| event == "agent").collect();
        assert!(agent.iter().all(|(_, payload)| payload["runId"] == "s"));
        assert_eq!(agent[0].1["data"]["phase"], "start");
        assert_eq!(agent[1].1["data"], json!({ "text": "hi", "delta": "hi" }));
    }

    #[test]
    fn errors_are_one_line_of_240_characters() {
        assert_eq!(one_line(" a\n b\t"), "a b");
        assert_eq!(one_line(&"x".repeat(300)).chars().count(), 243);
    }
}
