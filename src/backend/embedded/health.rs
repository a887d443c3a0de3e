//! What `health` says about the agent and the disk: published for the router whenever it changes.

use super::agent::RunOutcome;
use super::sessions::Sessions;
use crate::backend::{Document, Outlet};
use crate::config::AgentKind;
use crate::lock::lock;
use crate::protocol::rpc::system::{AgentHealth, DiskHealth, HealthView};
use std::sync::{Arc, Mutex};

pub(crate) struct Health {
    outlet: Arc<dyn Outlet>,
    sessions: Arc<Sessions>,
    state: Mutex<State>,
    /// Held while it is published, so that the last document has the latest state.
    publishing: Mutex<()>,
}

#[derive(Default)]
struct State {
    agent: AgentHealth,
    disk: Option<DiskHealth>,
}

impl Health {
    pub(super) fn new(
        outlet: Arc<dyn Outlet>,
        sessions: Arc<Sessions>,
        agent: AgentKind,
    ) -> Arc<Self> {
        let kind = match agent {
            AgentKind::Echo => "echo",
            AgentKind::Command => "command",
        };
        let agent = AgentHealth { kind: kind.to_owned(), ..AgentHealth::default() };
        let state = Mutex::new(State { agent, disk: None });
        Arc::new(Self { outlet, sessions, state, publishing: Mutex::default() })
    }

    /// Looks how full the disk is.
    pub(super) fn measure(&self) {
        let disk = self.sessions.disk();
        self.change(|state| state.disk = disk);
    }

    /// What there is to say without the router.
    pub(super) fn view(&self) -> HealthView {
        let state = lock(&self.state);
        HealthView {
            ok: !state.disk.is_some_and(|disk| disk.nearly_full),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            agent: Some(state.agent.clone()),
            disk: state.disk,
            ..HealthView::default()
        }
    }

    pub(super) fn publish(&self) {
        let _turn = lock(&self.publishing);
        self.outlet.set_document(Document::Health(Box::new(self.view())));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.publish();
    }

    /// A run is accepted, and waits.
    pub(super) fn run(self: &Arc<Self>) -> RunHealth {
        self.change(|state| state.agent.queued += 1);
        RunHealth { health: self.clone(), stage: Stage::Queued }
    }
}

/// Counts one run, until it is over or dropped.
pub(crate) struct RunHealth {
    health: Arc<Health>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Running,
    Over,
}

impl RunHealth {
    pub(super) fn started(&mut self) {
        self.enter(Stage::Running, |_| {});
    }

    pub(super) fn ended(&mut self, outcome: &RunOutcome, now_ms: u64) {
        let failure = match outcome {
            RunOutcome::Done { .. } => Some(None),
            RunOutcome::Failed { message, .. } => Some(Some(message.clone())),
            RunOutcome::Aborted { reason: "timeout", .. } => {
                Some(Some("the agent did not answer in time".to_owned()))
            }
            // Somebody's wish says nothing about the agent.
            RunOutcome::Aborted { .. } => None,
        };
        self.enter(Stage::Over, |agent| {
            agent.last_run_at = Some(now_ms);
            if let Some(failure) = failure {
                agent.failing = failure.is_some();
                agent.last_error = failure;
            }
        });
    }

    fn enter(&mut self, stage: Stage, also: impl FnOnce(&mut AgentHealth)) {
        let left = std::mem::replace(&mut self.stage, stage);
        self.health.change(|State { agent, .. }| {
            match left {
                Stage::Queued => agent.queued -= 1,
                Stage::Running => agent.running -= 1,
                Stage::Over => {}
            }
            agent.running += usize::from(stage == Stage::Running);
            also(agent);
        });
    }
}

impl Drop for RunHealth {
    fn drop(&mut self) {
        if self.stage != Stage::Over {
            self.enter(Stage::Over, |_| {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendEvent;

    #[derive(Default)]
    struct Last(Mutex<HealthView>);

    impl Outlet for Last {
        fn send(&self, _: BackendEvent) {}

        fn set_document(&self, document: Document) {
            let Document::Health(health) = document else { panic!("{document:?}") };
            *lock(&self.0) = *health;
        }
    }

    #[test]
    fn a_failure_of_the_agent_is_told_until_a_run_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let outlet = Arc::new(Last::default());
        let sessions = Arc::new(Sessions::open(dir.path().to_owned()));
        let health = Health::new(outlet.clone(), sessions, AgentKind::Command);
        let agent = || lock(&outlet.0).agent.clone().unwrap();
        let text = String::new;
        for (outcome, failing) in [
            (RunOutcome::Done { text: text() }, false),
            (RunOutcome::Failed { message: "no".into(), text: text() }, true),
            (RunOutcome::aborted("rpc"), true),
            (RunOutcome::Done { text: text() }, false),
            (RunOutcome::aborted("stop"), false),
            (RunOutcome::aborted("timeout"), true),
        ] {
            let mut run = health.run();
            assert_eq!((agent().queued, agent().running), (1, 0));
            run.started();
            assert_eq!((agent().queued, agent().running), (0, 1));
            run.ended(&outcome, 5);
            assert_eq!((agent().queued, agent().running), (0, 0));
            assert_eq!((agent().failing, agent().last_run_at), (failing, Some(5)), "{outcome:?}");
            assert_eq!(agent().last_error.is_some(), failing);
        }
        let refused = health.run();
        drop(refused);
        assert_eq!(agent().queued, 0);
        // An app would not send the message that shows that the agent works again.
        assert!(agent().failing && lock(&outlet.0).ok);
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_not_well() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = Arc::new(Sessions::open(dir.path().to_owned()));
        let health = Health::new(Arc::new(Last::default()), sessions, AgentKind::Echo);
        assert!(health.view().ok && health.view().disk.is_none());
        health.measure();
        assert!(health.view().disk.is_some_and(|disk| disk.free_bytes > 0));
        let full = DiskHealth { nearly_full: true, ..DiskHealth::default() };
        lock(&health.state).disk = Some(full);
        assert!(!health.view().ok);
    }
}
