//! Announces the bridge on the local network: the handle to thread `mdns`.

use super::interfaces::InterfaceSelection;
use super::mdns_thread::{AnnouncementState, MdnsThread, Order};
use super::responder::Responder;
use super::service::Announcement;
use crate::link::Waker;
use crate::lock::lock;
use crate::protocol::limits;
use crate::random;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// Announces the bridge until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Advertiser {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    /// Disconnected once the thread has ended.
    ended: Receiver<()>,
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
        let responder = Responder::new(announcement, u64::from_be_bytes(random::bytes()));
        let (state, waker) = (state.clone(), Arc::new(Waker::new()?));
        let (orders, taken) = crossbeam_channel::unbounded();
        let (end, ended) = crossbeam_channel::bounded(0);
        let mdns = MdnsThread::new(taken, waker.clone(), state.clone(), responder, selection);
        let thread = Builder::new().name("mdns".into()).spawn(move || {
            let _end: Sender<()> = end;
            if catch_unwind(AssertUnwindSafe(|| mdns.run())).is_err() {
                log::error!("discovery: panicked; the bridge is no longer announced");
            }
            state.set(None);
        })?;
        Ok(Self { orders, waker, ended, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn update(&self, announcement: Announcement) {
        self.order(Order::Announce(announcement));
    }

    /// Sends goodbye packets and ends the thread, or gives up after [`limits::MDNS_STOP`].
    pub(crate) fn stop(&self) {
        self.order(Order::Stop);
        let Some(thread) = lock(&self.thread).take() else { return };
        match self.ended.recv_timeout(limits::MDNS_STOP) {
            Err(RecvTimeoutError::Timeout) => {
                log::warn!("discovery: could not withdraw the announcement in time");
            }
            // It has caught its panic, if any.
            _ => drop(thread.join()),
        }
    }

    fn order(&self, order: Order) {
        // Nobody takes it once the thread has ended.
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

impl Drop for Advertiser {
    fn drop(&mut self) {
        self.stop();
    }
}
