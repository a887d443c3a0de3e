//! Thread `ticker`: the events that time brings. `tick` and `health` for subscribed nodes, and
//! system events that wake the agent.

use super::agent::AgentRun;
use super::chat::{new_run_id, Chat};
use super::health::Health;
use crate::backend::requests::RunRateLimit;
use crate::backend::{Audience, Outlet};
use crate::calendar::now_ms;
use crate::protocol::rpc::event::Tick;
use crate::protocol::rpc::system::HealthView;
use crate::protocol::{limits, NodeId};
use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

pub(super) struct Ticker {
    wake: Sender<(String, NodeId)>,
    thread: JoinHandle<()>,
}

impl Ticker {
    pub(super) fn start(
        chat: Arc<Chat>,
        outlet: Arc<dyn Outlet>,
        health: Arc<Health>,
        rate: Arc<RunRateLimit>,
    ) -> io::Result<Self> {
        let (wake, wakes) = bounded(limits::WAKE_QUEUE);
        let run = move || run(&chat, &outlet, &health, &rate, &wakes);
        let thread = Builder::new().name("ticker".into()).spawn(run)?;
        Ok(Self { wake, thread })
    }

    /// Wakes the agent for a node's system event in this session, after [`limits::WAKE_AFTER`].
    pub(super) fn wake(&self, session_key: String, node: NodeId) {
        let _ = self.wake.try_send((session_key, node));
    }

    pub(super) fn stop(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            log::error!("backend: the ticker panicked");
        }
    }
}

fn run(
    chat: &Chat,
    outlet: &Arc<dyn Outlet>,
    health: &Health,
    rate: &RunRateLimit,
    wakes: &Receiver<(String, NodeId)>,
) {
    health.measure();
    // The sessions to wake, when, and for which node.
    let mut waiting = BTreeMap::<String, (Instant, NodeId)>::new();
    let mut next_tick = Instant::now() + limits::TICK_EVERY;
    let mut ticks = 0_u64;
    loop {
        let due = waiting.values().map(|(at, _)| *at).fold(next_tick, Instant::min);
        let key = wakes.recv_deadline(due);
        let now = Instant::now();
        match key {
            // Its events wait for the next run of their session.
            Ok(_) if waiting.len() >= limits::WAKE_QUEUE => {}
            Ok((key, node)) => {
                waiting.entry(key).or_insert((now + limits::WAKE_AFTER, node));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if next_tick <= now {
            ticks += 1;
            next_tick = now + limits::TICK_EVERY;
            health.measure();
            tick(outlet, health.view().ok, ticks);
        }
        let (awake, asleep): (BTreeMap<_, _>, _) =
            waiting.into_iter().partition(|(_, (at, _))| *at <= now);
        waiting = asleep;
        for (session_key, (_, node)) in awake {
            if rate.admit(&node, now) {
                wake(chat, session_key, node);
            }
        }
    }
}

/// The apps ask for `health` on a tick and read only `ok` of it; every second tick sends it
/// unasked.
fn tick(outlet: &Arc<dyn Outlet>, ok: bool, ticks: u64) {
    let ts = now_ms();
    outlet.publish(Audience::Subscribers, &Tick { ts });
    if ticks.is_multiple_of(2) {
        outlet.publish(Audience::Subscribers, &HealthView { ok, ts, ..HealthView::default() });
    }
}

fn wake(chat: &Chat, session_key: String, node: NodeId) {
    let (run_id, message) = (new_run_id("system-"), "(system event)".to_owned());
    let node = Some(node);
    let run = AgentRun { run_id, session_key, message, node, ..AgentRun::default() };
    if let Err(error) = chat.start_run(run, None, now_ms()) {
        log::warn!("backend: a system event could not wake the agent: {error}");
    }
}
