//! The operator's rules, as the router applies them. Made from the configuration; replaced as a
//! whole by a reload.

use crate::protocol::{limits, Allow};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Names, permissions and limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What the apps show as the gateway's name.
    pub server_name: Arc<str>,
    /// What nodes are told about where the canvas host is, if they are all told the same.
    pub canvas_host_url: Option<Arc<str>>,
    /// The port of the canvas host at each address of the bridge, if there is one.
    pub canvas_port: Option<u16>,
    /// What nodes may call, and be asked to do.
    pub allow: Allow,
    /// Pairing requests waiting, in all.
    pub pending_pairings: usize,
    /// Pairing requests waiting, of one address.
    pub pending_pairings_per_address: usize,
    /// Paired nodes.
    pub paired_nodes: usize,
}

impl Policy {
    /// Where the canvas host is for a node that has reached the bridge at this address (protocol
    /// section 3). An IPv6 address of one link means nothing without the name of an interface,
    /// which no URL can have; the apps then take the name or address that they have connected to.
    pub(super) fn canvas_host_url_at(&self, local: IpAddr) -> Option<Arc<str>> {
        if self.canvas_host_url.is_some() {
            return self.canvas_host_url.clone();
        }
        let is_of_link = matches!(local, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let port = self.canvas_port.filter(|_| !is_of_link)?;
        Some(format!("http://{}", SocketAddr::new(local, port)).into())
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            server_name: "openclaw-bridge".into(),
            canvas_host_url: None,
            canvas_port: None,
            allow: Allow::default(),
            pending_pairings: limits::PENDING_PAIRINGS,
            pending_pairings_per_address: limits::PENDING_PAIRINGS_PER_ADDRESS,
            paired_nodes: limits::PAIRED_NODES,
        }
    }
}
