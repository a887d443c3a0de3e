//! Keeps what is announced on the local network up to date.

use crate::config::{Bind, DiscoveryConfig, Mdns};
use crate::discovery::{Advertiser, Announcement, AnnouncementState, InterfaceSelection, Service};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The advertiser, and what it announces.
pub(super) struct Announcements {
    advertiser: Arc<Advertiser>,
    announced: Announcement,
}

impl Announcements {
    /// Announces the bridge, unless only this machine can connect. A failure is logged and not
    /// fatal: nodes that know the address connect all the same.
    pub(super) fn start(
        config: &DiscoveryConfig,
        bind: Bind,
        bound: &[SocketAddr],
        service: Service,
        state: &AnnouncementState,
    ) -> Option<Self> {
        let listening: Vec<IpAddr> = match bind {
            // The address may appear later; the advertiser checks again and again.
            Bind::Address(ip) => vec![ip],
            _ => bound.iter().map(SocketAddr::ip).collect(),
        };
        if listening.iter().all(IpAddr::is_loopback) {
            return None;
        }
        let is_minimal = config.mdns == Mdns::Minimal;
        let announced = Announcement { service, types: config.service_types.clone(), is_minimal };
        let selection = InterfaceSelection { listening, names: config.interfaces.clone() };
        match Advertiser::start(announced.clone(), selection, state) {
            Ok(advertiser) => Some(Self { advertiser: Arc::new(advertiser), announced }),
            Err(error) => {
                log::error!("daemon: cannot announce the bridge: {error}");
                None
            }
        }
    }

    /// The advertiser, which has to be stopped in the end.
    pub(super) fn advertiser(&self) -> Arc<Advertiser> {
        self.advertiser.clone()
    }

    /// Announces `service` from now on, if it differs from what is announced.
    pub(super) fn update(&mut self, service: Service) {
        if self.announced.service != service {
            self.announced.service = service;
            self.advertiser.update(self.announced.clone());
        }
    }
}
