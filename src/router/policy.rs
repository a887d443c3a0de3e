//! The operator's rules, as the router applies them. Made from the configuration; replaced as a
//! whole by a reload.

use crate::protocol::{limits, Allow};
use std::sync::Arc;

/// Names, permissions and limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What the apps show as the gateway's name.
    pub server_name: Arc<str>,
    /// Where the canvas host is, if there is one.
    pub canvas_host_url: Option<Arc<str>>,
    /// What nodes may call, and be asked to do.
    pub allow: Allow,
    /// Pairing requests waiting, in all.
    pub pending_pairings: usize,
    /// Pairing requests waiting, of one address.
    pub pending_pairings_per_address: usize,
    /// Paired nodes.
    pub paired_nodes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            server_name: "openclaw-bridge".into(),
            canvas_host_url: None,
            allow: Allow::default(),
            pending_pairings: limits::PENDING_PAIRINGS,
            pending_pairings_per_address: limits::PENDING_PAIRINGS_PER_ADDRESS,
            paired_nodes: limits::PAIRED_NODES,
        }
    }
}
