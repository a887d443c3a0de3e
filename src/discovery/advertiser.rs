//! Announces the bridge on the local network: the handle to thread `mdns`.

use super::interfaces::InterfaceSelection;
use super::mdns_thread::{AnnouncementState, MdnsThread, Shared};
use super::responder::Responder;
use super::service::Announcement;
use crate::lock::lock;
use crate::protocol::limits;
use crate::random;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Announces the bridge until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Advertiser {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Advertiser {
    /// Starts to announce on the selected interfaces, now and whenever they come up; a missing
    /// interface or route is not an error. `state` shows what is announced.
    pub(crate) fn start(
        announcement: Announcement,
        selection: InterfaceSelection,
        state: &AnnouncementState,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(state)?);
        let seed = random::bits().map_err(|_| io::Error::other("no random source"))?;
        // The lower half is as random as the whole.
        let responder = Responder::new(announcement, seed as u64);
        let mdns = MdnsThread::new(shared.clone(), responder, selection);
        let ending = shared.clone();
        let thread = Builder::new().name("mdns".into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| mdns.run())).is_err() {
                log::error!("discovery: panicked; the bridge is no longer announced");
            }
            ending.state.set(None);
            ending.ended.alarm();
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn update(&self, announcement: Announcement) {
        self.shared.order(|orders| orders.announcement = Some(announcement));
    }

    /// Sends goodbye packets and ends the thread, or gives up after [`limits::MDNS_STOP`].
    pub(crate) fn stop(&self) {
        self.shared.order(|orders| orders.stop = true);
        let Some(thread) = lock(&self.thread).take() else { return };
        let mut ended = [PollFd::new(&self.shared.ended, PollFlags::IN)];
        match poll_until(&mut ended, Some(Instant::now() + limits::MDNS_STOP)) {
            // It has caught its panic, if any.
            Ok(true) => drop(thread.join()),
            _ => log::warn!("discovery: could not withdraw the announcement in time"),
        }
    }
}

impl Drop for Advertiser {
    fn drop(&mut self) {
        self.stop();
    }
}
