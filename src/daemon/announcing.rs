//! What is told in the local network follows what is known about the bridge.

use crate::config::Bind;
use crate::daemon::Discovery;
use crate::discovery::{Advertiser, Announcement, Board, Facts, Service};
use crate::transport::bind::Plan;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The advertiser, and what it was told last.
pub(super) struct Announcing {
    advertiser: Arc<Advertiser>,
    told: Facts,
}

impl Announcing {
    /// Announces the bridge, unless only this machine can connect. That it cannot be announced is
    /// no reason not to serve the nodes that know it.
    pub(super) fn start(
        discovery: Discovery,
        plan: &Plan,
        bound: &[SocketAddr],
        service: Service,
        board: &Board,
    ) -> Option<Self> {
        let listening: Vec<IpAddr> = match plan.bind {
            // It may come later; whether it is there is looked at again and again.
            Bind::Address(ip) => vec![ip],
            _ => bound.iter().map(SocketAddr::ip).collect(),
        };
        if listening.iter().all(IpAddr::is_loopback) {
            return None;
        }
        let Discovery { types, is_minimal, interfaces } = discovery;
        let told = Facts { service, types, is_minimal };
        let announcement = Announcement { facts: told.clone(), listening, interfaces };
        match Advertiser::start(announcement, board) {
            Ok(advertiser) => Some(Self { advertiser: Arc::new(advertiser), told }),
            Err(error) => {
                log::error!("daemon: cannot announce the bridge: {error}");
                None
            }
        }
    }

    /// For whoever has to stop it.
    pub(super) fn advertiser(&self) -> Arc<Advertiser> {
        self.advertiser.clone()
    }

    /// Tells what is different from before, if anything is.
    pub(super) fn update(&mut self, service: Service) {
        if self.told.service != service {
            self.told.service = service;
            self.advertiser.update(self.told.clone());
        }
    }
}
