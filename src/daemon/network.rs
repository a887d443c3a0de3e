//! Thread `network`: checks the machine's addresses every few seconds and adapts the listeners, the
//! announcement and the wide-area zone to them. It sleeps when nothing depends on the addresses. No
//! failure is fatal: it is logged once and tried again.

use crate::addresses::{self, InterfaceAddress, Tailnet};
use crate::calendar::now_ms;
use crate::causes::chain;
use crate::discovery::profile::ZoneSettings;
use crate::discovery::zone::Zone;
use crate::discovery::zone_file::{self, Comparison, ZoneFile};
use crate::discovery::{tailscale, Advertiser, Announcement, AnnouncementState, Profile, Service};
use crate::link::Waker;
use crate::lock::lock;
use crate::protocol::limits;
use crate::protocol::operator::ZoneView;
use crate::transport::Listeners;
use crate::wait::poll_until;
use log::Level;
use rustix::event::{PollFd, PollFlags};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// A profile that a reload has changed, on its way to the thread.
#[derive(Debug)]
pub(super) struct ProfileUpdate {
    profile: Mutex<Option<Profile>>,
    waker: Waker,
}

pub(super) struct NetworkThread {
    pub(super) listeners: Listeners,
    /// Those of the canvas host, which follow the same addresses.
    pub(super) canvas: Option<Listeners>,
    pub(super) profile: Profile,
    pub(super) announced: Option<(Arc<Advertiser>, Announcement)>,
    pub(super) state: AnnouncementState,
    pub(super) state_dir: PathBuf,
    pub(super) updates: Arc<ProfileUpdate>,
    pub(super) stop: Arc<Waker>,
    pub(super) tailnet_name: TailnetName,
    /// The last log line of each subject, so that it is not repeated every few seconds.
    pub(super) logged: BTreeMap<&'static str, String>,
}

/// This machine's name in the tailnet, as far as it is known.
#[derive(Default)]
pub(super) struct TailnetName {
    name: Option<String>,
    /// The addresses for which `tailscale` was asked, and when to ask again.
    asked: Option<(Tailnet, Instant)>,
}

impl ProfileUpdate {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { profile: Mutex::default(), waker: Waker::new()? })
    }

    pub(super) fn set(&self, profile: Profile) {
        *lock(&self.profile) = Some(profile);
        self.waker.alarm();
    }

    fn take(&self) -> Option<Profile> {
        lock(&self.profile).take()
    }
}

impl NetworkThread {
    /// Checks the addresses once, so that a missing one is known when nodes can connect, and starts
    /// the thread. It ends, and closes the listeners, at the alarm of `stop`.
    pub(super) fn start(mut self) -> io::Result<JoinHandle<()>> {
        if self.listeners.moves() {
            if let Some(own) = self.own() {
                self.follow(&own);
            }
        }
        Builder::new().name("network".into()).spawn(move || self.run())
    }

    fn run(mut self) {
        loop {
            self.check();
            let service = self.service();
            if let Some((advertiser, announced)) = &mut self.announced {
                if announced.service != service {
                    announced.service = service;
                    advertiser.update(announced.clone());
                }
            }
            if !self.sleep() {
                return;
            }
            if let Some(profile) = self.updates.take() {
                self.profile = profile;
                self.state.set_zone(None);
                self.tailnet_name.asked = None;
                self.logged.clear();
            }
        }
    }

    fn service(&self) -> Service {
        self.profile.service(self.listeners.port(), self.tailnet_name.name.as_deref())
    }

    fn has_work(&self) -> bool {
        self.listeners.moves() || self.profile.zone.is_some()
    }

    /// Waits for the next check; false if the thread is to end.
    fn sleep(&self) -> bool {
        let deadline = self.has_work().then(|| Instant::now() + limits::ADDRESSES_EVERY);
        let mut fds = [&*self.stop, &self.updates.waker].map(|w| PollFd::new(w, PollFlags::IN));
        if let Err(error) = poll_until(&mut fds, deadline) {
            log::error!("network: stopping, because waiting failed error={error}");
            return false;
        }
        let [stop, updated] = fds.map(|fd| !fd.revents().is_empty());
        self.updates.waker.woke_up(updated);
        !stop
    }

    fn check(&mut self) {
        if !self.has_work() {
            return;
        }
        let Some(own) = self.own() else { return };
        if self.listeners.moves() {
            self.follow(&own);
        }
        let tailnet = Tailnet::of(&own);
        if self.profile.zone.is_some() || self.listeners.follow_tailnet() {
            self.find_tailnet_name(tailnet);
        }
        if let Some(place) = self.profile.zone.clone() {
            self.keep_zone(&place, tailnet);
        }
    }

    fn follow(&mut self, own: &[InterfaceAddress]) {
        self.listeners.follow(own);
        if let Some(canvas) = &mut self.canvas {
            canvas.follow(own);
        }
    }

    fn own(&mut self) -> Option<Vec<InterfaceAddress>> {
        match addresses::list() {
            Ok(own) => {
                self.logged.remove("addresses");
                Some(own)
            }
            Err(error) => {
                let text = format!("could not list the addresses of this machine: {error}");
                self.log_once("addresses", Level::Warn, text);
                None
            }
        }
    }

    /// Asks the `tailscale` program if the name is not configured and the addresses have changed or
    /// the answer is old.
    fn find_tailnet_name(&mut self, tailnet: Tailnet) {
        let is_in_tailnet = tailnet.addresses().next().is_some();
        if self.profile.service.tailnet_dns.is_some() || !is_in_tailnet {
            self.tailnet_name = TailnetName::default();
            return;
        }
        let is_known = |(of, again)| of == tailnet && Instant::now() < again;
        if self.tailnet_name.asked.is_some_and(is_known) {
            return;
        }
        let wait = match tailscale::name(&*self.stop) {
            Ok(name) => {
                self.logged.remove("name");
                self.tailnet_name.name = name;
                limits::TAILSCALE_EVERY
            }
            Err(error) => {
                // The last known name is most likely still right.
                let text = format!("this machine's name in the tailnet is unknown: {error}");
                self.log_once("name", Level::Info, text);
                limits::TAILSCALE_RETRY
            }
        };
        self.tailnet_name.asked = Some((tailnet, Instant::now() + wait));
    }

    fn keep_zone(&mut self, place: &ZoneSettings, tailnet: Tailnet) {
        let file = ZoneFile::new(&self.state_dir, &place.domain);
        let (v4, v6) = match place.address {
            // An IPv6 address of the tailnet does not belong with an address of another network.
            Some(address) => (Some(address), None),
            None => (tailnet.v4, tailnet.v6),
        };
        let Some(v4) = v4 else {
            let text = "this machine has no tailnet IPv4 address; the zone is written when it has \
                        one (or set discovery.wideArea.address)";
            self.show_zone(&file, Some(text));
            return self.log_once("zone", Level::Warn, text.to_owned());
        };
        let service = self.service();
        let zone = Zone::new(&place.domain, &service, v4, v6);
        match file.update(&zone, now_ms()) {
            Ok((compared, copy)) => {
                self.show_zone(&file, None);
                self.log_zone(&file, &compared, copy.as_deref());
            }
            Err(error) => {
                let why = chain(&error);
                let text = format!("the zone could not be updated, trying again: {why}");
                let is_busy = matches!(error, zone_file::Error::Busy(_));
                if !is_busy {
                    self.show_zone(&file, Some(&why));
                }
                self.log_once("zone", if is_busy { Level::Debug } else { Level::Error }, text);
            }
        }
    }

    fn show_zone(&self, file: &ZoneFile, problem: Option<&str>) {
        let path = file.path().display().to_string();
        self.state.set_zone(Some(ZoneView { path, problem: problem.map(str::to_owned) }));
    }

    fn log_zone(&mut self, file: &ZoneFile, compared: &Comparison, copy: Option<&Path>) {
        let (path, serial) = (file.path().display(), compared.serial);
        if let Some(copy) = copy {
            let copy = copy.display();
            log::warn!(
                "network: {path} was edited by hand; the edited version was moved to {copy}"
            );
        }
        let (level, edited) = match compared.is_current && compared.is_foreign {
            true => (Level::Warn, " (edited by hand; kept until something changes)"),
            false => (Level::Info, ""),
        };
        let text = format!("the zone is current file={path} serial={serial}{edited}");
        if !compared.is_current {
            log::info!("network: wrote the zone file={path} serial={serial}");
            self.logged.insert("zone", text);
        } else {
            self.log_once("zone", level, text);
        }
    }

    /// Logs a line unless it was the last one of its subject.
    fn log_once(&mut self, subject: &'static str, level: Level, text: String) {
        if self.logged.get(subject) != Some(&text) {
            log::log!(level, "network: {text}");
            self.logged.insert(subject, text);
        }
    }
}
