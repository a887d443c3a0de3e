//! The queue of runs, and the threads `run-N` that carry them out.
//!
//! One lock around lists; never held while a sink, a file or a process is touched.

use super::abort::AbortSignal;
use super::environment::AgentHost;
use super::run::{AgentJob, AgentRun, Busy, RunOutcome, RunSink};
use super::worker;
use crate::config::AgentConfig;
use crate::lock::lock;
use crate::protocol::{limits, NodeId};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

/// The agents of one bridge. Dropping it kills what still runs.
pub(crate) struct Agents {
    shared: Arc<SharedQueue>,
}

struct SharedQueue {
    config: AgentConfig,
    host: AgentHost,
    queue: Mutex<QueueState>,
    /// Signalled when a run is gone.
    gone: Condvar,
}

#[derive(Default)]
struct QueueState {
    stopping: bool,
    waiting: VecDeque<AgentJob>,
    /// One for each thread that lives.
    active: Vec<ActiveRun>,
}

/// A run from the moment it has a thread until its program is gone.
struct ActiveRun {
    thread: String,
    run_id: String,
    session_key: String,
    node: Option<NodeId>,
    abort: Arc<AbortSignal>,
}

impl QueueState {
    /// Whether a run of this session is queued or at work, or its program is not gone yet.
    fn has(&self, session_key: &str) -> bool {
        self.is_active(session_key)
            || self.waiting.iter().any(|job| job.run.session_key == session_key)
    }

    fn is_active(&self, session_key: &str) -> bool {
        self.active.iter().any(|active| active.session_key == session_key)
    }

    /// Whether this run can begin at once; if not, it may wait. One over the limit of bytes may
    /// wait as the only one of its node.
    fn can_begin(&self, run: &AgentRun, config: &AgentConfig) -> Result<bool, Busy> {
        if self.stopping {
            return Err(Busy::Stopping);
        }
        if self.has_place_for(&run.node, config) && !self.has(&run.session_key) {
            return Ok(true);
        }
        let own = || self.waiting.iter().filter(|job| job.run.node == run.node);
        let fits = may_have(&run.node, config.queue, self.waiting.len(), own().count(), 1);
        let weight = |jobs: &mut dyn Iterator<Item = &AgentJob>| -> usize {
            jobs.map(|job| job.run.weight()).sum()
        };
        let (all, own) = (weight(&mut self.waiting.iter()), weight(&mut own()));
        let most = limits::AGENT_QUEUE_BYTES;
        let is_light = all == 0 || may_have(&run.node, most, all, own, run.weight());
        (fits && is_light).then_some(false).ok_or(Busy::Full)
    }

    /// Whether one more run of this node may be at work.
    fn has_place_for(&self, node: &Option<NodeId>, config: &AgentConfig) -> bool {
        let own = self.active.iter().filter(|run| run.node == *node).count();
        may_have(node, config.max_concurrent, self.active.len(), own, 1)
    }

    /// The job is given to the thread of this name.
    fn activate(&mut self, thread: &str, job: &AgentJob) {
        self.active.push(ActiveRun {
            thread: thread.to_owned(),
            run_id: job.run.run_id.clone(),
            session_key: job.run.session_key.clone(),
            node: job.run.node.clone(),
            abort: job.abort.clone(),
        });
    }

    /// The oldest job that may begin, of the node with the fewest at work: nodes take turns.
    fn next(&mut self, config: &AgentConfig) -> Option<AgentJob> {
        let may_begin = |job: &AgentJob| {
            !self.is_active(&job.run.session_key) && self.has_place_for(&job.run.node, config)
        };
        let at_work = |job: &AgentJob| {
            self.active.iter().filter(|active| active.node == job.run.node).count()
        };
        let jobs = self.waiting.iter().enumerate().filter(|(_, job)| may_begin(job));
        let (index, _) = jobs.min_by_key(|(index, job)| (at_work(job), *index))?;
        self.waiting.remove(index)
    }
}

/// Whether a node may have so much more of what there is `limit` of: a quarter is kept for the
/// others, of whatever they leave. A first one fits if there is room at all; who is no node may
/// have everything.
fn may_have(node: &Option<NodeId>, limit: usize, used: usize, own: usize, more: usize) -> bool {
    let left = limit.saturating_sub(used - own);
    let most = if node.is_none() || own == 0 { left } else { left - left / 4 };
    own + more <= most
}

impl Agents {
    pub(crate) fn new(config: AgentConfig, host: AgentHost) -> Self {
        let (queue, gone) = Default::default();
        Self { shared: Arc::new(SharedQueue { config, host, queue, gone }) }
    }

    /// Whether a run would be accepted now, so that nothing needs to be stored for one that would
    /// not. Another thread may be quicker.
    pub(crate) fn has_room(&self, run: &AgentRun) -> Result<(), Busy> {
        lock(&self.shared.queue).can_begin(run, &self.shared.config).map(drop)
    }

    /// Starts a run, or queues it. Never waits.
    pub(crate) fn start(&self, run: AgentRun, sink: Box<dyn RunSink>) -> Result<(), Busy> {
        let abort = AbortSignal::new().map_err(|error| exhausted(&error))?;
        let job = AgentJob { run, sink, abort: Arc::new(abort) };
        let mut queue = lock(&self.shared.queue);
        if queue.can_begin(&job.run, &self.shared.config)? {
            return self.start_thread(&mut queue, job);
        }
        queue.waiting.push_back(job);
        Ok(())
    }

    fn start_thread(&self, queue: &mut QueueState, job: AgentJob) -> Result<(), Busy> {
        let is_free = |name: &String| queue.active.iter().all(|run| run.thread != *name);
        let mut names = (1..).map(|number: usize| format!("run-{number}"));
        let name = names.find(is_free).unwrap_or_default();
        queue.activate(&name, &job);
        let shared = self.shared.clone();
        let thread = Builder::new().name(name.clone()).spawn(move || shared.work(&name, job));
        thread.map(drop).map_err(|error| {
            queue.active.pop();
            exhausted(&error)
        })
    }

    /// Ends the runs whose id and session key match: at once in the queue; at work, the program is
    /// asked to terminate and killed 5 s later if it has not. Returns their ids, without those that
    /// are ending already.
    pub(crate) fn abort(
        &self,
        reason: &'static str,
        matches: impl Fn(&str, &str) -> bool,
    ) -> Vec<String> {
        let mut queue = lock(&self.shared.queue);
        let matching = queue.active.iter().filter(|run| matches(&run.run_id, &run.session_key));
        let aborted = matching.filter(|run| run.abort.request(reason));
        let mut ids: Vec<String> = aborted.map(|run| run.run_id.clone()).collect();
        let all = std::mem::take(&mut queue.waiting).into_iter();
        let (unstarted, waiting): (VecDeque<AgentJob>, _) =
            all.partition(|job| matches(&job.run.run_id, &job.run.session_key));
        queue.waiting = waiting;
        drop(queue);
        ids.extend(unstarted.iter().map(|job| job.run.run_id.clone()));
        self.shared.end_unstarted(unstarted, reason);
        ids
    }

    /// Whether a run of this session is queued or at work, or its program is not gone yet.
    pub(crate) fn is_active(&self, session_key: &str) -> bool {
        lock(&self.shared.queue).has(session_key)
    }

    /// Waits until the session is not active; false after `timeout`.
    pub(crate) fn wait_idle(&self, session_key: &str, timeout: Duration) -> bool {
        self.shared.wait_while(Instant::now() + timeout, |queue| queue.has(session_key))
    }

    /// Ends every run and accepts no more. Programs have `timeout` to terminate before they are
    /// killed; returns when all are gone, soon after that at the latest.
    pub(crate) fn stop(&self, timeout: Duration) {
        let kill_at = Instant::now() + timeout;
        let mut queue = lock(&self.shared.queue);
        queue.stopping = true;
        let waiting = std::mem::take(&mut queue.waiting);
        for run in &queue.active {
            run.abort.kill_by(kill_at);
            run.abort.request("shutdown");
        }
        drop(queue);
        self.shared.end_unstarted(waiting, "shutdown");
        // The last owner of a bridge may be a sink, and so one of the threads.
        let me = thread::current();
        let are_gone = self.shared.wait_while(kill_at + 2 * limits::AGENT_REAP, |queue| {
            queue.active.iter().any(|run| me.name() != Some(&*run.thread))
        });
        if !are_gone {
            log::error!("agent: a run did not end");
        }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

impl SharedQueue {
    /// The loop of a thread: its job, then whatever other job can begin.
    fn work(&self, thread: &str, mut job: AgentJob) {
        loop {
            worker::carry_out((&self.config, &self.host), job);
            let mut queue = lock(&self.queue);
            queue.active.retain(|run| run.thread != thread);
            let next = if queue.stopping { None } else { queue.next(&self.config) };
            next.iter().for_each(|job| queue.activate(thread, job));
            drop(queue);
            self.gone.notify_all();
            let Some(next) = next else { return };
            job = next;
        }
    }

    fn end_unstarted(&self, jobs: VecDeque<AgentJob>, reason: &'static str) {
        for job in jobs {
            worker::end(job.sink, RunOutcome::aborted(reason));
        }
        self.gone.notify_all();
    }

    /// False if it is still so at the deadline.
    fn wait_while(&self, deadline: Instant, is_so: impl Fn(&QueueState) -> bool) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.gone.wait_timeout_while(lock(&self.queue), left, |queue| is_so(queue));
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !is_so(&queue)
    }
}

fn exhausted(error: &io::Error) -> Busy {
    log::warn!("agent: cannot start a run: {error}");
    Busy::Exhausted
}
