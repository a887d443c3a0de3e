//! Which run is next, and the threads `run-N` that carry them out.
//!
//! One lock around lists; never held while a sink, a file or a process is touched.

use super::abort::Abort;
use super::run::{self, Job};
use super::{Busy, Outcome, Run, RunSink};
use crate::config::AgentConfig;
use crate::protocol::limits;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle, ThreadId};
use std::time::Instant;

/// What the threads share.
pub(super) struct Shared {
    config: AgentConfig,
    state: Mutex<State>,
    /// A run is gone.
    gone: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    waiting: VecDeque<Job>,
    /// One for each thread that lives.
    working: Vec<Working>,
    threads: Vec<JoinHandle<()>>,
}

/// A run at work: from the moment it has a thread until its program is gone.
struct Working {
    /// The number of the thread.
    number: usize,
    run_id: String,
    session_key: String,
    abort: Arc<Abort>,
    /// Until the thread has taken it.
    job: Option<Job>,
    thread: Option<ThreadId>,
}

/// How a run is found.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) run_id: &'a str,
    pub(super) session_key: &'a str,
}

impl State {
    fn is_working(&self, session_key: &str) -> bool {
        self.working.iter().any(|work| work.session_key == session_key)
    }

    fn is_waiting(&self, session_key: &str) -> bool {
        self.waiting.iter().any(|job| job.run.session_key == session_key)
    }

    /// Whether a run of this session can begin at once.
    fn is_free_for(&self, session_key: &str, max_concurrent: usize) -> bool {
        self.working.len() < max_concurrent
            && !self.is_working(session_key)
            && !self.is_waiting(session_key)
    }

    /// Whether one more of this weight may wait. A heavy one may, if it waits alone.
    fn has_room(&self, weight: usize, most: usize) -> bool {
        let bytes: usize = self.waiting.iter().map(|job| job.run.weight()).sum();
        self.waiting.len() < most && (bytes == 0 || bytes + weight <= limits::AGENT_QUEUE_BYTES)
    }

    /// Puts a job on the desk of a thread.
    fn assign(&mut self, number: usize, job: Job) {
        self.working.push(Working {
            number,
            run_id: job.run.run_id.clone(),
            session_key: job.run.session_key.clone(),
            abort: job.abort.clone(),
            job: Some(job),
            thread: None,
        });
    }

    /// The oldest job whose session does nothing.
    fn next(&mut self) -> Option<Job> {
        let free = |job: &Job| !self.is_working(&job.run.session_key);
        let index = self.waiting.iter().position(free)?;
        self.waiting.remove(index)
    }

    /// Whether anybody but this thread is at work.
    fn others_work(&self, me: ThreadId) -> bool {
        self.working.iter().any(|work| work.thread != Some(me))
    }
}

impl Shared {
    pub(super) fn new(config: AgentConfig) -> Self {
        Self { config, state: Mutex::default(), gone: Condvar::new() }
    }

    pub(super) fn has_room(&self, run: &Run) -> Result<(), Busy> {
        let state = self.state();
        let room = state.is_free_for(&run.session_key, self.config.max_concurrent)
            || state.has_room(run.weight(), self.config.queue);
        match state.stopping {
            true => Err(Busy::Stopping),
            false if room => Ok(()),
            false => Err(Busy::Full),
        }
    }

    pub(super) fn start(self: &Arc<Self>, run: Run, sink: Box<dyn RunSink>) -> Result<(), Busy> {
        let abort = Abort::new().map_err(|error| exhausted(&error))?;
        let job = Job { run, sink, abort: Arc::new(abort) };
        let mut state = self.state();
        if state.stopping {
            return Err(Busy::Stopping);
        }
        state.threads.retain(|thread| !thread.is_finished());
        if state.is_free_for(&job.run.session_key, self.config.max_concurrent) {
            return self.start_thread(&mut state, job);
        }
        if !state.has_room(job.run.weight(), self.config.queue) {
            return Err(Busy::Full);
        }
        state.waiting.push_back(job);
        Ok(())
    }

    fn start_thread(self: &Arc<Self>, state: &mut State, job: Job) -> Result<(), Busy> {
        let taken = |number: &usize| state.working.iter().any(|work| work.number == *number);
        let number = (1..).find(|number| !taken(number)).unwrap_or(1);
        state.assign(number, job);
        let shared = self.clone();
        let thread =
            Builder::new().name(format!("run-{number}")).spawn(move || shared.work(number));
        match thread {
            Ok(thread) => {
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                state.working.pop();
                Err(exhausted(&error))
            }
        }
    }

    /// What a thread does: its job, then whatever else can be done.
    fn work(&self, number: usize) {
        while let Some(job) = self.take(number) {
            run::carry_out(&self.config, job);
            let mut state = self.state();
            state.working.retain(|work| work.number != number);
            let next = if state.stopping { None } else { state.next() };
            if let Some(job) = next {
                state.assign(number, job);
            }
            drop(state);
            self.gone.notify_all();
        }
    }

    fn take(&self, number: usize) -> Option<Job> {
        let mut state = self.state();
        let work = state.working.iter_mut().find(|work| work.number == number)?;
        work.thread = Some(thread::current().id());
        work.job.take()
    }

    /// Ends all runs that are meant, and tells which.
    pub(super) fn abort(
        &self,
        is_meant: impl Fn(Place<'_>) -> bool,
        reason: &'static str,
    ) -> Vec<String> {
        let mut state = self.state();
        let mut ids = Vec::new();
        for work in &state.working {
            let place = Place { run_id: &work.run_id, session_key: &work.session_key };
            if is_meant(place) && work.abort.request(reason) {
                ids.push(work.run_id.clone());
            }
        }
        let (meant, waiting): (VecDeque<Job>, _) =
            std::mem::take(&mut state.waiting).into_iter().partition(|job| {
                is_meant(Place { run_id: &job.run.run_id, session_key: &job.run.session_key })
            });
        state.waiting = waiting;
        drop(state);
        ids.extend(meant.iter().map(|job| job.run.run_id.clone()));
        self.end_unstarted(meant, reason);
        ids
    }

    fn end_unstarted(&self, jobs: VecDeque<Job>, reason: &'static str) {
        for job in jobs {
            run::end(job.sink, Outcome::Aborted { reason, text: String::new() });
        }
        self.gone.notify_all();
    }

    pub(super) fn is_active(&self, session_key: &str) -> bool {
        let state = self.state();
        state.is_working(session_key) || state.is_waiting(session_key)
    }

    pub(super) fn wait_idle(&self, session_key: &str, deadline: Instant) -> bool {
        self.wait_while(deadline, |state| {
            state.is_working(session_key) || state.is_waiting(session_key)
        })
    }

    /// False if it is still so at the deadline.
    fn wait_while(&self, deadline: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.gone.wait_timeout_while(self.state(), left, |state| is_so(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !is_so(&state)
    }

    pub(super) fn stop(&self, kill_at: Instant) {
        let mut state = self.state();
        state.stopping = true;
        let waiting = std::mem::take(&mut state.waiting);
        for work in &state.working {
            work.abort.kill_by(kill_at);
            work.abort.request("shutdown");
        }
        drop(state);
        self.end_unstarted(waiting, "shutdown");
        // The last owner of a bridge may be a sink, and so one of the threads.
        let me = thread::current().id();
        let all_gone =
            self.wait_while(kill_at + 2 * limits::AGENT_REAP, |state| state.others_work(me));
        // Apart from the loop, which would hold the lock that the threads need to come home.
        let threads = std::mem::take(&mut self.state().threads);
        for thread in threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.thread().id() == me {
                continue;
            }
            if !all_gone && !thread.is_finished() {
                log::error!("agent: thread {name} did not come home");
            } else if thread.join().is_err() {
                log::error!("agent: thread {name} panicked");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn exhausted(error: &io::Error) -> Busy {
    log::warn!("agent: cannot start a run: {error}");
    Busy::Exhausted
}
