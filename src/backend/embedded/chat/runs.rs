//! The active runs, and those that ended lately: for aborts, and for requests that come twice.

use super::events::RunEvents;
use crate::lock::lock;
use crate::protocol::rpc::chat::RunStatus;
use crate::protocol::{limits, NodeId};
use crate::shares::giving_way;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[derive(Default)]
pub(super) struct Runs {
    known: Mutex<BTreeMap<String, Known>>,
}

enum Known {
    /// Accepted in this conversation, about to be started.
    Beginning(String),
    /// Queued or running.
    Live(Arc<RunEvents>),
    /// Ended: well, or with this error; begun by this node, if by one.
    Done { result: Result<(), String>, at: Instant, node: Option<NodeId> },
}

impl Runs {
    /// Claims an id for a run in a conversation: `Started` if nobody has, else what became of that
    /// run, with its error if it failed.
    pub(super) fn begin(
        &self,
        run_id: &str,
        session_key: &str,
        now: Instant,
    ) -> Result<RunStatus, String> {
        let mut known = lock(&self.known);
        known.retain(|_, run| match run {
            Known::Done { at, .. } => now.saturating_duration_since(*at) < limits::RUN_REMEMBERED,
            _ => true,
        });
        match known.get(run_id) {
            Some(Known::Beginning(_) | Known::Live(_)) => Ok(RunStatus::InFlight),
            Some(Known::Done { result, .. }) => result.clone().map(|()| RunStatus::Ok),
            None => {
                known.insert(run_id.to_owned(), Known::Beginning(session_key.to_owned()));
                Ok(RunStatus::Started)
            }
        }
    }

    pub(super) fn began(&self, run: Arc<RunEvents>) {
        lock(&self.known).insert(run.run_id.clone(), Known::Live(run));
    }

    /// The run could not begin; the same id may be tried again.
    pub(super) fn forget(&self, run_id: &str) {
        lock(&self.known).remove(run_id);
    }

    /// The run ended. Of the node with the most ends, the oldest are forgotten first.
    pub(super) fn done(
        &self,
        run_id: &str,
        node: Option<NodeId>,
        result: Result<(), String>,
        now: Instant,
    ) {
        let mut known = lock(&self.known);
        known.insert(run_id.to_owned(), Known::Done { result, at: now, node });
        let ended = known.iter().filter_map(|(id, run)| match run {
            Known::Done { at, node, .. } => Some((id, node, at)),
            _ => None,
        });
        let ended: Vec<_> = ended.collect();
        if ended.len() > limits::RUNS_REMEMBERED {
            let oldest: Option<&String> = giving_way(ended);
            if let Some(id) = oldest.cloned() {
                known.remove(&id);
            }
        }
    }

    /// Whether a conversation has an active run, or is about to.
    pub(super) fn is_active(&self, session_key: &str) -> bool {
        lock(&self.known).values().any(|run| match run {
            Known::Beginning(key) => key == session_key,
            Known::Live(run) => run.session.key == session_key,
            Known::Done { .. } => false,
        })
    }

    /// The live runs whose id and session key match.
    pub(super) fn live(&self, matches: impl Fn(&str, &str) -> bool) -> Vec<Arc<RunEvents>> {
        let known = lock(&self.known);
        let live = known.values().filter_map(|run| match run {
            Known::Live(run) if matches(&run.run_id, &run.session.key) => Some(run.clone()),
            _ => None,
        });
        live.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_id_is_claimed_once_and_remembered_for_five_minutes() {
        let runs = Runs::default();
        let now = Instant::now();
        assert_eq!(runs.begin("a", "s", now), Ok(RunStatus::Started));
        assert_eq!(runs.begin("a", "s", now), Ok(RunStatus::InFlight));
        assert!(runs.is_active("s") && !runs.is_active("t"));
        runs.forget("a");
        assert_eq!(runs.begin("a", "s", now), Ok(RunStatus::Started));
        runs.done("a", None, Err("no".into()), now);
        assert_eq!(runs.begin("a", "s", now + Duration::from_secs(299)), Err("no".into()));
        assert_eq!(runs.begin("a", "s", now + limits::RUN_REMEMBERED), Ok(RunStatus::Started));
    }

    #[test]
    fn only_so_many_ends_are_remembered() {
        let runs = Runs::default();
        let now = Instant::now();
        for i in 0..=limits::RUNS_REMEMBERED as u64 {
            runs.done(&i.to_string(), None, Ok(()), now + Duration::from_millis(i));
        }
        assert_eq!(runs.begin("0", "s", now), Ok(RunStatus::Started));
        assert_eq!(runs.begin("1", "s", now), Ok(RunStatus::Ok));
    }

    #[test]
    fn the_runs_of_one_node_do_not_make_those_of_another_forgotten() {
        let runs = Runs::default();
        let (now, node) = (Instant::now(), |name| NodeId::new(name).ok());
        runs.done("alice's", node("alice"), Ok(()), now);
        for i in 1..=2 * limits::RUNS_REMEMBERED as u64 {
            let at = now + Duration::from_millis(i);
            runs.done(&i.to_string(), node("eve"), Ok(()), at);
        }
        assert_eq!(runs.begin("alice's", "s", now), Ok(RunStatus::Ok));
        assert_eq!(runs.begin("1", "s", now), Ok(RunStatus::Started));
    }
}
