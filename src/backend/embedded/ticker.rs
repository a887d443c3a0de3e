//! Thread `ticker`: the events that time brings. `tick` and `health` for subscribed nodes, and
//! system events that wake the agent.

use super::agent::AgentRun;
use super::chat::{new_run_id, Chat};
use crate::backend::{Audience, Outlet};
use crate::calendar::now_ms;
use crate::protocol::limits;
use crate::protocol::rpc::event::Tick;
use crate::protocol::rpc::system::HealthView;
use crossbeam_channel::{bounded, select, Receiver, Sender};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// The running thread; ends when it is dropped.
pub(super) struct Ticker {
    wake: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread is left.
    pub(super) fn start(chat: Arc<Chat>, outlet: Arc<dyn Outlet>) -> io::Result<Self> {
        let (wake, wakes) = bounded(limits::WAKE_QUEUE);
        let timers = TickerTimers {
            chat,
            outlet,
            wakes: BTreeMap::new(),
            next_tick: Instant::now() + limits::TICK_EVERY,
            ticks: 0,
        };
        let thread = Builder::new().name("ticker".into()).spawn(move || timers.run(&wakes))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Wakes the agent for a system event of this session, after [`limits::WAKE_AFTER`].
    pub(super) fn wake(&self, session_key: String) {
        let _ = self.wake.as_ref().map(|wake| wake.try_send(session_key));
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("backend: the ticker panicked");
        }
    }
}

struct TickerTimers {
    chat: Arc<Chat>,
    outlet: Arc<dyn Outlet>,
    /// The sessions to wake, and when.
    wakes: BTreeMap<String, Instant>,
    next_tick: Instant,
    ticks: u64,
}

impl TickerTimers {
    fn run(mut self, wakes: &Receiver<String>) {
        loop {
            let due = self.wakes.values().copied().fold(self.next_tick, Instant::min);
            select! {
                recv(wakes) -> key => match key {
                    Ok(key) => {
                        self.wakes.entry(key).or_insert_with(|| Instant::now() + limits::WAKE_AFTER);
                    }
                    Err(_) => return,
                },
                recv(crossbeam_channel::at(due)) -> _ => self.expire(Instant::now()),
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        if self.next_tick <= now {
            self.tick();
            self.next_tick = now + limits::TICK_EVERY;
        }
        let is_due = |entry: &(&String, &Instant)| *entry.1 <= now;
        let due: Vec<String> =
            self.wakes.iter().filter(is_due).map(|(key, _)| key.clone()).collect();
        for key in due {
            self.wakes.remove(&key);
            self.wake(key);
        }
    }

    /// The apps ask for `health` on a tick and read only `ok` of it; every second tick sends it
    /// unasked.
    fn tick(&mut self) {
        self.ticks += 1;
        let ts = now_ms();
        self.outlet.publish(Audience::Subscribers, &Tick { ts });
        if self.ticks.is_multiple_of(2) {
            self.outlet.publish(Audience::Subscribers, &HealthView { ok: true, ts });
        }
    }

    fn wake(&self, session_key: String) {
        let begun = new_run_id("system-").and_then(|run_id| {
            let request = AgentRun {
                run_id,
                session_key,
                message: "(system event)".into(),
                ..AgentRun::default()
            };
            self.chat.start_run(request, now_ms())
        });
        if let Err(error) = begun {
            log::warn!("backend: a system event could not wake the agent: {error}");
        }
    }
}
