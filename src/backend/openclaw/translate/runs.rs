//! How far the runs of a node's conversations are: a gateway sends an event for each token, with
//! all of the text so far, and sometimes two ends of one run. An app gets one every
//! [`limits::DELTA_EVERY`], the last one always, and one end.

use crate::protocol::{limits, GatewayEvent};
use std::collections::VecDeque;
use std::time::Instant;

/// Something that grows during a run: the answer (`chat`), or what an agent event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Growing {
    pub(super) event: GatewayEvent,
    /// The gateway's name of the conversation.
    pub(super) session: String,
    pub(super) run: String,
}

/// What the node is to be sent, without the `sessionKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) of: Growing,
    /// A JSON object.
    pub(super) payload: String,
}

#[derive(Debug)]
struct Run {
    of: Growing,
    sent: Instant,
    /// The last text, which is sent when its time has come.
    held: Option<String>,
    /// It has ended, and no more of it is sent.
    ended: bool,
}

/// The runs that were heard of last.
#[derive(Debug, Default)]
pub(super) struct Runs(VecDeque<Run>);

impl Runs {
    /// A run has begun. Runs that a node asked for by an event have the id of their session, so one
    /// with the same id may have ended before.
    pub(super) fn begin(&mut self, session: &str, run: &str) {
        self.0.retain(|known| known.of.run != run || known.of.session != session);
    }

    /// More of a text: what may be sent now.
    pub(super) fn grow(&mut self, of: Growing, payload: String, now: Instant) -> Option<Update> {
        self.forget_old(now);
        match self.0.iter_mut().find(|run| run.of == of) {
            Some(run) if run.ended => None,
            Some(run) if now.saturating_duration_since(run.sent) < limits::DELTA_EVERY => {
                run.held = Some(payload);
                None
            }
            Some(run) => {
                (run.sent, run.held) = (now, None);
                Some(Update { of, payload })
            }
            None => {
                self.push(Run { of: of.clone(), sent: now, held: None, ended: false });
                Some(Update { of, payload })
            }
        }
    }

    /// The end of a run, with what was held back before it; nothing if it has ended already.
    pub(super) fn end(&mut self, of: Growing, payload: String, now: Instant) -> Vec<Update> {
        self.forget_old(now);
        let mut updates = Vec::new();
        match self.0.iter_mut().find(|run| run.of == of) {
            Some(run) if run.ended => return updates,
            Some(run) => {
                let held = run.held.take();
                updates.extend(held.map(|payload| Update { of: of.clone(), payload }));
                (run.sent, run.ended) = (now, true);
            }
            None => self.push(Run { of: of.clone(), sent: now, held: None, ended: true }),
        }
        updates.push(Update { of, payload });
        updates
    }

    /// What was held back of something that is followed by other events of the same kind.
    pub(super) fn flush(&mut self, of: &Growing) -> Option<Update> {
        let run = self.0.iter_mut().find(|run| run.of == *of)?;
        Some(Update { of: of.clone(), payload: run.held.take()? })
    }

    /// When [`Runs::due`] has something next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let held = self.0.iter().filter(|run| run.held.is_some());
        held.map(|run| run.sent + limits::DELTA_EVERY).min()
    }

    /// What has been held back for long enough.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Update> {
        let is_due =
            |run: &&mut Run| now.saturating_duration_since(run.sent) >= limits::DELTA_EVERY;
        let due = self.0.iter_mut().filter(is_due);
        due.filter_map(|run| {
            let payload = run.held.take()?;
            run.sent = now;
            Some(Update { of: run.of.clone(), payload })
        })
        .collect()
    }

    fn push(&mut self, run: Run) {
        if self.0.len() >= limits::RUNS_FOLLOWED {
            // The one heard of first; what was held back of it comes with its end.
            self.0.pop_front();
        }
        self.0.push_back(run);
    }

    fn forget_old(&mut self, now: Instant) {
        let is_new =
            |run: &Run| now.saturating_duration_since(run.sent) < limits::RUN_END_REMEMBERED;
        self.0.retain(|run| !run.ended || is_new(run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of(run: &str) -> Growing {
        let (session, run) = ("agent:main:main".to_owned(), run.to_owned());
        Growing { event: GatewayEvent::Chat, session, run }
    }

    fn texts(updates: impl IntoIterator<Item = Update>) -> Vec<String> {
        updates.into_iter().map(|update| update.payload).collect()
    }

    #[test]
    fn of_a_text_that_grows_one_in_150_ms_is_sent_and_the_last_one_always() {
        let (mut runs, start) = (Runs::default(), Instant::now());
        let mut sent = Vec::new();
        for ms in (0..1000).step_by(10) {
            let now = start + Duration::from_millis(ms);
            sent.extend(runs.due(now));
            sent.extend(runs.grow(of("r"), ms.to_string(), now));
        }
        assert!(sent.len() <= 8, "{}", sent.len());
        let due = runs.next_due().unwrap();
        assert!(runs.due(due - Duration::from_millis(1)).is_empty());
        assert_eq!(texts(runs.due(due)), ["990"]);
        assert_eq!(runs.next_due(), None);
    }

    #[test]
    fn runs_do_not_hold_up_each_other_and_an_end_brings_what_was_held_back() {
        let (mut runs, now) = (Runs::default(), Instant::now());
        assert!(runs.grow(of("a"), "a1".into(), now).is_some());
        assert!(runs.grow(of("b"), "b1".into(), now).is_some());
        assert!(runs.grow(of("a"), "a2".into(), now).is_none());
        assert!(runs.grow(of("a"), "a3".into(), now).is_none());
        assert_eq!(texts(runs.end(of("a"), "end".into(), now)), ["a3", "end"]);
        assert_eq!(runs.next_due(), None);
    }

    #[test]
    fn a_run_has_one_end_and_nothing_after_it_until_it_begins_again() {
        let (mut runs, now) = (Runs::default(), Instant::now());
        assert_eq!(texts(runs.end(of("a"), "1".into(), now)), ["1"]);
        assert!(runs.end(of("a"), "2".into(), now).is_empty());
        assert!(runs.grow(of("a"), "3".into(), now).is_none());
        runs.begin("agent:main:main", "a");
        assert!(runs.grow(of("a"), "4".into(), now).is_some());
        assert_eq!(texts(runs.end(of("a"), "5".into(), now)), ["5"]);
        let later = now + limits::RUN_END_REMEMBERED;
        assert_eq!(texts(runs.end(of("a"), "6".into(), later)), ["6"]);
    }

    #[test]
    fn only_so_many_runs_are_remembered() {
        let (mut runs, now) = (Runs::default(), Instant::now());
        for run in 0..10 * limits::RUNS_FOLLOWED {
            runs.grow(of(&run.to_string()), "x".into(), now);
            runs.end(of(&format!("e{run}")), "x".into(), now);
        }
        assert_eq!(runs.0.len(), limits::RUNS_FOLLOWED);
    }
}
