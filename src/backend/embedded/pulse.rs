//! Thread `pulse`: what happens by itself. `tick` and `health` for subscribed nodes, deltas that
//! have waited long enough, system events that wake the agent.

use super::chat::{new_run_id, Chat, Saying};
use super::{health, now_ms};
use crate::backend::Outlet;
use crate::protocol::{limits, GatewayEvent};
use crate::router::{Audience, BackendEvent};
use crossbeam_channel::{bounded, Receiver, Sender};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Beat {
    /// A delta waits.
    Delta,
    /// A system event shall wake the agent in this conversation.
    Wake(String),
}

/// Beats that may wait. One more delta is no news, one more wake is dropped: the event itself
/// waits for the next run anyway.
const BEATS: usize = 64;

/// The two ends for the thread and those who tell it something.
pub(super) fn channel() -> (Sender<Beat>, Receiver<Beat>) {
    bounded(BEATS)
}

/// The running thread; ends when it is dropped.
pub(super) struct Pulse {
    stop: Option<Sender<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Pulse {
    /// Starts the thread.
    pub(super) fn start(
        chat: Arc<Chat>,
        outlet: Arc<dyn Outlet>,
        beats: Receiver<Beat>,
    ) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let mut heart = Heart {
            chat,
            outlet,
            wakes: BTreeMap::new(),
            next_tick: Instant::now() + limits::TICK_EVERY,
            ticks: 0,
            next_flush: None,
        };
        let thread =
            Builder::new().name("pulse".into()).spawn(move || heart.run(&beats, &stopped))?;
        Ok(Self { stop: Some(stop), thread: Mutex::new(Some(thread)) })
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stop = None;
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("backend: the pulse had panicked");
        }
    }
}

struct Heart {
    chat: Arc<Chat>,
    outlet: Arc<dyn Outlet>,
    /// Conversations to wake, and when.
    wakes: BTreeMap<String, Instant>,
    next_tick: Instant,
    ticks: u64,
    next_flush: Option<Instant>,
}

impl Heart {
    fn run(&mut self, beats: &Receiver<Beat>, stopped: &Receiver<()>) {
        loop {
            let due = self.wakes.values().copied().chain(self.next_flush).min();
            let due = due.map_or(self.next_tick, |due| due.min(self.next_tick));
            crossbeam_channel::select! {
                recv(stopped) -> _ => return,
                recv(beats) -> beat => match beat {
                    Ok(Beat::Delta) => self.flush(Instant::now()),
                    Ok(Beat::Wake(key)) => {
                        self.wakes.entry(key).or_insert_with(|| Instant::now() + limits::WAKE_AFTER);
                    }
                    Err(_) => return,
                },
                recv(crossbeam_channel::at(due)) -> _ => self.beat(Instant::now()),
            }
        }
    }

    fn beat(&mut self, now: Instant) {
        if self.next_flush.is_some_and(|due| due <= now) {
            self.flush(now);
        }
        if self.next_tick <= now {
            self.tick();
            self.next_tick = now + limits::TICK_EVERY;
        }
        let due: Vec<String> =
            self.wakes.iter().filter(|(_, due)| **due <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            self.wakes.remove(&key);
            self.wake(key);
        }
    }

    fn flush(&mut self, now: Instant) {
        self.next_flush = self.chat.flush(now, now_ms());
    }

    /// The apps ask for `health` on a tick, and read no more than `ok` of what they get; every
    /// second tick brings it unasked.
    fn tick(&mut self) {
        self.ticks += 1;
        self.tell(GatewayEvent::Tick, json!({ "ts": now_ms() }).to_string());
        if self.ticks % 2 == 0 {
            self.tell(GatewayEvent::Health, health(now_ms()).to_string());
        }
    }

    fn tell(&self, event: GatewayEvent, payload: String) {
        let payload = Some(payload.into());
        self.outlet.tell(BackendEvent { to: Audience::Subscribers, event: event.into(), payload });
    }

    fn wake(&self, session_key: String) {
        let begun = new_run_id("system-").and_then(|run_id| {
            let saying = Saying {
                run_id,
                session_key,
                message: "(system event)".into(),
                thinking: None,
                node: None,
                attachments: Vec::new(),
                timeout: None,
            };
            self.chat.say(saying, now_ms())
        });
        if let Err(error) = begun {
            log::warn!("backend: a system event could not wake the agent: {error}");
        }
    }
}
