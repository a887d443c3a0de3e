//! Thread `watch`: looks at the machine's addresses every few seconds, and has the listeners and
//! the wide-area zone follow them. It sleeps when there is nothing to follow, and nothing that
//! fails in it is fatal: it is logged once and tried again.

use crate::addresses::{self, InterfaceAddress, Tailnet};
use crate::calendar::now_ms;
use crate::daemon::announcing::Announcing;
use crate::discovery::profile::ZonePlace;
use crate::discovery::zone::Zone;
use crate::discovery::zone_file::{self, Kept, ZoneFile};
use crate::discovery::{tailscale, Profile, Service};
use crate::link::Waker;
use crate::protocol::limits;
use crate::transport::Listeners;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// A place for the profile that a reload has changed.
#[derive(Debug)]
pub(super) struct Changed {
    profile: Mutex<Option<Profile>>,
    waker: Waker,
}

/// What the thread knows and owns.
pub(super) struct Watch {
    listeners: Listeners,
    profile: Profile,
    state_dir: PathBuf,
    changed: Arc<Changed>,
    stop: Arc<Waker>,
    name: Name,
    announcing: Option<Announcing>,
    said: Said,
}

/// This machine's name in the tailnet, as far as it is known.
#[derive(Default)]
struct Name {
    found: Option<String>,
    /// The addresses for which it was asked, and when to ask again.
    asked: Option<(Tailnet, Instant)>,
}

/// What the log said of each subject, so that it does not say it every few seconds.
#[derive(Default)]
struct Said {
    addresses: Option<String>,
    name: Option<String>,
    zone: Option<String>,
}

impl Changed {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { profile: Mutex::default(), waker: Waker::new()? })
    }

    pub(super) fn tell(&self, profile: Profile) {
        *self.profile.lock().unwrap_or_else(PoisonError::into_inner) = Some(profile);
        self.waker.alarm();
    }

    fn take(&self) -> Option<Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Watch {
    /// Looks once, so that what is missing is known when nodes can connect, and starts the
    /// thread. It ends, and closes the listeners, at the alarm of `stop`.
    pub(super) fn start(
        listeners: Listeners,
        profile: Profile,
        announcing: Option<Announcing>,
        state_dir: PathBuf,
        changed: &Arc<Changed>,
        stop: &Arc<Waker>,
    ) -> io::Result<JoinHandle<()>> {
        let mut watch = Self {
            listeners,
            profile,
            state_dir,
            changed: changed.clone(),
            stop: stop.clone(),
            name: Name::default(),
            announcing,
            said: Said::default(),
        };
        if watch.listeners.moves() {
            if let Some(own) = watch.own() {
                watch.listeners.follow(&own);
            }
        }
        Builder::new().name("watch".into()).spawn(move || watch.run())
    }

    fn run(mut self) {
        loop {
            self.look();
            let service = self.service();
            if let Some(announcing) = &mut self.announcing {
                announcing.update(service);
            }
            if !self.sleep() {
                return;
            }
            if let Some(profile) = self.changed.take() {
                self.profile = profile;
                self.name.asked = None;
                self.said = Said::default();
            }
        }
    }

    fn service(&self) -> Service {
        self.profile.service(self.listeners.port(), self.name.found.as_deref())
    }

    fn has_work(&self) -> bool {
        self.listeners.moves() || self.profile.zone.is_some()
    }

    /// Waits for the next look; false if there shall be none.
    fn sleep(&self) -> bool {
        let deadline = self.has_work().then(|| Instant::now() + limits::ADDRESSES_EVERY);
        let mut fds = [&*self.stop, &self.changed.waker].map(|w| PollFd::new(w, PollFlags::IN));
        if let Err(error) = poll_until(&mut fds, deadline) {
            log::error!("watch: cannot wait any more: {error}");
            return false;
        }
        let [stop, changed] = fds.map(|fd| !fd.revents().is_empty());
        self.changed.waker.woke_up(changed);
        !stop
    }

    fn look(&mut self) {
        if !self.has_work() {
            return;
        }
        let Some(own) = self.own() else { return };
        if self.listeners.moves() {
            self.listeners.follow(&own);
        }
        let tailnet = Tailnet::of(&own);
        if self.profile.zone.is_some() || self.listeners.follow_tailnet() {
            self.ask_for_name(tailnet);
        }
        if let Some(place) = self.profile.zone.clone() {
            self.keep_zone(&place, tailnet);
        }
    }

    fn own(&mut self) -> Option<Vec<InterfaceAddress>> {
        match addresses::list() {
            Ok(own) => {
                self.said.addresses = None;
                Some(own)
            }
            Err(error) => {
                let text = format!("watch: could not list the addresses of this machine: {error}");
                say(&mut self.said.addresses, log::Level::Warn, text);
                None
            }
        }
    }

    /// Asks the `tailscale` program if nobody has said the name, when the addresses have changed
    /// or the answer is old.
    fn ask_for_name(&mut self, tailnet: Tailnet) {
        let is_in_tailnet = tailnet.addresses().next().is_some();
        if self.profile.tailnet_dns.is_some() || !is_in_tailnet {
            self.name = Name::default();
            return;
        }
        if self.name.asked.is_some_and(|(of, again)| of == tailnet && Instant::now() < again) {
            return;
        }
        let wait = match tailscale::name(&*self.stop) {
            Ok(name) => {
                self.said.name = None;
                self.name.found = name;
                limits::TAILSCALE_EVERY
            }
            Err(error) => {
                // A name that was right a moment ago most likely still is.
                let text = format!("watch: this machine's name in the tailnet is unknown: {error}");
                say(&mut self.said.name, log::Level::Info, text);
                limits::TAILSCALE_RETRY
            }
        };
        self.name.asked = Some((tailnet, Instant::now() + wait));
    }

    fn keep_zone(&mut self, place: &ZonePlace, tailnet: Tailnet) {
        let file = ZoneFile::new(&self.state_dir, &place.domain);
        let (v4, v6) = match place.address {
            // What another network calls this machine by has no place in the tailnet.
            Some(address) => (Some(address), None),
            None => (tailnet.v4, tailnet.v6),
        };
        let Some(v4) = v4 else {
            let text = "watch: this machine has no tailnet IPv4 address; the zone is written when \
                        it has one (or set discovery.wideArea.address)";
            return say(&mut self.said.zone, log::Level::Warn, text.to_owned());
        };
        let service = self.service();
        let zone = Zone::new(&place.domain, &service, v4, v6);
        match file.keep(&zone, now_ms()) {
            Ok(kept) => self.tell_kept(&file, &kept),
            Err(error) => {
                let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
                let text = format!("watch: the zone is not kept, trying again: {error}{cause}");
                let is_busy = matches!(error, zone_file::Error::Busy(_));
                let level = if is_busy { log::Level::Debug } else { log::Level::Error };
                say(&mut self.said.zone, level, text);
            }
        }
    }

    fn tell_kept(&mut self, file: &ZoneFile, kept: &Kept) {
        let path = file.path().display();
        if let Some(aside) = &kept.aside {
            log::warn!(
                "watch: {path} had been edited by somebody else; that version is now {}",
                aside.display()
            );
        }
        let (level, edited) = match kept.is_foreign {
            true => (log::Level::Warn, " (edited by somebody; it stays until something changes)"),
            false => (log::Level::Info, ""),
        };
        let text = format!("watch: the zone is current file={path} serial={}{edited}", kept.serial);
        if kept.is_new {
            log::info!("watch: the zone is written file={path} serial={}", kept.serial);
            self.said.zone = Some(text);
        } else {
            say(&mut self.said.zone, level, text);
        }
    }
}

/// Logs what differs from what was said before.
fn say(said: &mut Option<String>, level: log::Level, text: String) {
    if said.as_ref() != Some(&text) {
        log::log!(level, "{text}");
        *said = Some(text);
    }
}
