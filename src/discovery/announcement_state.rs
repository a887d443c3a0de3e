//! What thread `mdns` shares with the rest of the bridge: orders to it, and what it announces.

use super::service::Announcement;
use crate::link::Waker;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is announced now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The instance name, which may have a number after a conflict.
    pub(crate) instance: String,
    /// The host name with its domain, which may have a number after a conflict.
    pub(crate) host: String,
    /// The service types.
    pub(crate) types: Vec<String>,
    /// The names of the interfaces on which the announcement is complete.
    pub(crate) interfaces: Vec<String>,
}

/// A shared view of what is announced now.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnouncementState(Arc<Mutex<Option<Announced>>>);

impl AnnouncementState {
    /// What is announced; `None` if no advertiser runs.
    pub(crate) fn read(&self) -> Option<Announced> {
        lock(&self.0).clone()
    }

    pub(super) fn set(&self, announced: Option<Announced>) {
        *lock(&self.0) = announced;
    }
}

/// What the advertiser and its thread share.
#[derive(Debug)]
pub(super) struct SharedAnnouncement {
    /// Wakes the thread for new orders.
    pub(super) waker: Waker,
    /// Readable once the thread has ended.
    pub(super) ended: Waker,
    pub(super) state: AnnouncementState,
    orders: Mutex<Orders>,
}

/// Orders to the thread that it has not carried out yet.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) announcement: Option<Announcement>,
    pub(super) stop: bool,
}

impl SharedAnnouncement {
    pub(super) fn new(state: &AnnouncementState) -> io::Result<Self> {
        let (waker, ended) = (Waker::new()?, Waker::new()?);
        Ok(Self { waker, ended, state: state.clone(), orders: Mutex::default() })
    }

    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut lock(&self.orders));
        self.waker.wake();
    }

    pub(super) fn take_orders(&self) -> Orders {
        let mut orders = lock(&self.orders);
        Orders { announcement: orders.announcement.take(), stop: orders.stop }
    }

    pub(super) fn has_orders(&self) -> bool {
        let orders = lock(&self.orders);
        orders.announcement.is_some() || orders.stop
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The contents are replaced as a whole, so they are valid even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
