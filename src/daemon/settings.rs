//! Translates a configuration into the settings of the parts of a bridge.

use crate::config::{BackendKind, Config};
use crate::daemon::Error;
use crate::discovery::profile::{machine_name, Profile};
use crate::link::connections_for;
use crate::protocol::limits;
use crate::router::Policy;
use crate::tls::CertificateFiles;
use crate::transport::bind::BindPlan;
use rustix::process::{getrlimit, Resource};
use std::path::Path;

/// How many files may be open, by all of this process.
fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many connections the canvas host may have. Each takes three descriptors at most; nodes get
/// the others.
pub(super) fn canvas_connections() -> usize {
    let share = usize::try_from(open_files() / 16).unwrap_or(usize::MAX);
    share.min(limits::CANVAS_CONNECTIONS)
}

/// How many connections there may be, in all and unauthenticated, beside a canvas host.
pub(super) fn connections(config: &Config, has_canvas: bool) -> Result<(usize, usize), Error> {
    let limits = &config.bridge.limits;
    let open_files = open_files();
    let canvas = if has_canvas { 3 * canvas_connections() as u64 } else { 0 };
    // Each node then has a session with the gateway, too, which takes twice as many.
    let shares = if config.backend.kind == BackendKind::Openclaw { 3 } else { 1 };
    let connections = connections_for(open_files.saturating_sub(canvas)) / shares;
    let connections = limits.connections.min(connections);
    if connections < limits::CONNECTIONS_MIN.min(limits.connections) {
        return Err(Error::TooFewFiles { open_files });
    }
    if connections < limits.connections {
        log::warn!(
            "daemon: the limit on open files allows only {connections} connections instead of \
             bridge.limits.connections = {}",
            limits.connections
        );
    }
    Ok((connections, limits.unauthenticated.min(connections)))
}

/// Where nodes connect.
pub(super) fn listen(config: &Config) -> BindPlan {
    let bridge = &config.bridge;
    BindPlan { bind: bridge.bind, port: bridge.port, wait: bridge.wait_for_tailnet }
}

/// The certificate and the key that a bridge with this configuration serves with.
pub(crate) fn tls_files(config: &Config, state_dir: &Path) -> CertificateFiles {
    let tls = &config.bridge.tls;
    let (certificate, key) = (tls.cert_path.as_deref(), tls.key_path.as_deref());
    // A configured path means a certificate that exists, or will when a disk is mounted: generating
    // another one in its place would lock out every node that pins the right one.
    let generate = tls.auto_generate && certificate.is_none() && key.is_none();
    CertificateFiles::new(state_dir, certificate, key, generate)
}

/// The router's rules, which a reload may change, for a canvas host at this port.
pub(super) fn policy(config: &Config, canvas_port: Option<u16>) -> Policy {
    let limits = &config.bridge.limits;
    let name = config.bridge.name.clone().unwrap_or_else(machine_name);
    Policy {
        server_name: name.into(),
        // The apps append a path that begins with a slash.
        canvas_host_url: config.canvas_host.url.as_deref().map(|u| u.trim_end_matches('/').into()),
        canvas_port,
        allow: config.bridge.allow.clone(),
        pending_pairings: limits.pending_pairings,
        pending_pairings_per_address: limits.pending_pairings_per_address,
        paired_nodes: limits.paired_nodes,
    }
}

/// What the bridge announces about itself, which a reload may change.
pub(crate) fn profile(config: &Config, canvas_port: Option<u16>) -> Profile {
    Profile::new(config, &machine_name(), canvas_port)
}
