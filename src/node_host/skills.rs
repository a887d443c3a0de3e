//! The programs that the gateway's skills need (`skills.bins`), asked for when they are needed and
//! kept for a while (protocol section 2.6). The thread of an invoke waits for them; the thread that
//! reads the connection only passes the answer on.

use crate::client::Writer;
use crate::lock::lock;
use crate::protocol::fields::Fields;
use crate::protocol::{limits, Method, NodeFrame, Payload, WireError};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Skills {
    state: Mutex<SkillsState>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct SkillsState {
    bins: Arc<BTreeSet<String>>,
    /// When the gateway last answered.
    answered_at: Option<Instant>,
    /// The question under way: its id, and when it was asked.
    asked: Option<(String, Instant)>,
    questions: u64,
}

impl Skills {
    /// The names, at most [`limits::SKILLS_FRESH`] old if the gateway answers; else those of
    /// its last answer. Asks at most once at a time.
    pub(super) fn current(&self, writer: &Writer) -> Arc<BTreeSet<String>> {
        let mut state = lock(&self.state);
        if state.answered_at.is_some_and(|at| at.elapsed() < limits::SKILLS_FRESH) {
            return state.bins.clone();
        }
        let is_late = |(_, at): &(String, Instant)| at.elapsed() >= limits::SKILLS_DEADLINE;
        if state.asked.as_ref().is_none_or(is_late) {
            state.questions += 1;
            let id = format!("skills-{}", state.questions);
            state.asked = Some((id.clone(), Instant::now()));
            drop(state);
            let question = NodeFrame::req(&id, Method::SkillsBins.as_str(), Some("{}".into()));
            let sent = writer.send(&question);
            state = lock(&self.state);
            if sent.is_err() {
                state.asked = None;
            }
        }
        let is_open =
            |state: &mut SkillsState| state.asked.as_ref().is_some_and(|asked| !is_late(asked));
        let wait = self.answered.wait_timeout_while(state, limits::SKILLS_DEADLINE, is_open);
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.bins.clone()
    }

    /// Takes an answer of the gateway, if it is one to this question. A refusal changes nothing.
    pub(super) fn take(&self, id: &str, result: &Result<Option<Payload>, WireError>) -> bool {
        let mut state = lock(&self.state);
        if state.asked.as_ref().is_none_or(|(asked, _)| asked != id) {
            return false;
        }
        state.asked = None;
        match result {
            Ok(payload) => {
                let names = payload.as_deref().and_then(names).unwrap_or_default();
                state.bins = Arc::new(names);
                state.answered_at = Some(Instant::now());
            }
            Err(refusal) => log::warn!("node: the gateway refused skills.bins error={refusal:?}"),
        }
        drop(state);
        self.answered.notify_all();
        true
    }
}

/// What is not a text is skipped.
fn names(payload: &str) -> Option<BTreeSet<String>> {
    let names = Fields::read(payload).ok()?.strings("bins", limits::SKILLS)?;
    Some(names.into_iter().map(Cow::into_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_list_is_asked_for_once_and_kept() {
        let (writer, outbox) = Writer::alone();
        let skills = Skills::default();
        std::thread::scope(|scope| {
            let both = [0, 1].map(|_| scope.spawn(|| skills.current(&writer)));
            let line = outbox.wait(Some(Instant::now() + limits::SKILLS_DEADLINE)).unwrap();
            let question: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(question["method"], "skills.bins");
            let answer = Ok(Some(r#"{"bins":["git",5,"git","ffmpeg"]}"#.into()));
            assert!(!skills.take("7", &answer));
            assert!(skills.take(question["id"].as_str().unwrap(), &answer));
            assert!(!skills.take(question["id"].as_str().unwrap(), &answer), "once");
            for asked in both {
                let names: Vec<_> = asked.join().unwrap().iter().cloned().collect();
                assert_eq!(names, ["ffmpeg", "git"]);
            }
        });
        outbox.finish();
        assert_eq!(skills.current(&writer).len(), 2, "kept without asking");
    }

    #[test]
    fn without_a_gateway_there_are_no_skills_and_no_wait() {
        let (writer, outbox) = Writer::alone();
        outbox.finish();
        let began = Instant::now();
        assert!(Skills::default().current(&writer).is_empty());
        assert!(began.elapsed() < limits::SKILLS_DEADLINE);
    }
}
