//! What is announced on the local network.

use crate::config::{Bind, DiscoveryConfig, Mdns};
use crate::discovery::{Advertiser, Announcement, AnnouncementState, InterfaceSelection, Service};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// [`announce`].
pub(super) type Announce = fn(
    &DiscoveryConfig,
    Bind,
    &[SocketAddr],
    Service,
    &AnnouncementState,
) -> Option<(Arc<Advertiser>, Announcement)>;

/// Announces the bridge, unless only this machine can connect; returns what it announces. A failure
/// is logged and not fatal: nodes that know the address connect all the same.
pub(super) fn announce(
    config: &DiscoveryConfig,
    bind: Bind,
    bound: &[SocketAddr],
    service: Service,
    state: &AnnouncementState,
) -> Option<(Arc<Advertiser>, Announcement)> {
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
    let advertiser = Advertiser::start(announced.clone(), selection, state);
    let log = |error: &std::io::Error| log::error!("daemon: cannot announce the bridge: {error}");
    Some((Arc::new(advertiser.inspect_err(log).ok()?), announced))
}
