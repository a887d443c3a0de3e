//! The canvas host of a bridge, if it has one.

use crate::canvas_host::{CanvasHost, Site};
use crate::config::{domain_name, url_host, Config};
use crate::daemon::settings;
use crate::log_limit::LogLimit;
use crate::protocol::operator::CanvasHostView;
use crate::transport::bind::Error;
use crate::transport::{Bound, Entrance, Listening};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

const FOLDER: &str = "canvas";
/// As far as the old gateway's canvas host was from its bridge.
const PORTS_ABOVE: u16 = 3;

/// A canvas host that is bound and serves nobody yet.
pub(super) struct Canvas {
    pub(super) host: Arc<CanvasHost>,
    pub(super) entrance: Entrance,
    pub(super) bound: Bound,
}

/// What operators are told of it.
#[derive(Clone, Default)]
pub(super) enum CanvasState {
    #[default]
    Off,
    On(Listening),
    /// The bridge runs without it, for this reason.
    Failed(String),
}

/// [`Canvas::open`].
pub(super) type OpenCanvas =
    fn(&Config, &Path, &Bound, &Arc<LogLimit>) -> (Option<Canvas>, CanvasState);

impl Canvas {
    /// Binds where the bridge is bound. A failure is logged and not fatal: nodes matter more.
    pub(super) fn open(
        config: &Config,
        state_dir: &Path,
        bridge: &Bound,
        log_limit: &Arc<LogLimit>,
    ) -> (Option<Self>, CanvasState) {
        let canvas = &config.canvas_host;
        if !canvas.enabled {
            return (None, CanvasState::Off);
        }
        let usual = match config.bridge.port {
            0 => 0,
            port => port.checked_add(PORTS_ABOVE).unwrap_or(0),
        };
        let bound = match bridge.beside(canvas.port.unwrap_or(usual)) {
            Ok(bound) => bound,
            Err(error) => {
                let why = reason(&error);
                log::warn!("canvas: {why}");
                return (None, CanvasState::Failed(why));
            }
        };
        let root = canvas.root.clone().unwrap_or_else(|| state_dir.join(FOLDER));
        log::info!("canvas: serving a folder port={} folder={root:?}", bound.port());
        let (live_reload, names) = (canvas.live_reload, Mutex::new(names(config)));
        let site = Site { root, live_reload, names, log_limit: log_limit.clone() };
        let host = CanvasHost::new(site, bound.port(), settings::canvas_connections());
        let state = CanvasState::On(bound.listening().clone());
        (Some(Self { entrance: host.clone().entrance(), host, bound }), state)
    }
}

impl CanvasState {
    pub(super) fn view(&self) -> Option<CanvasHostView> {
        match self {
            Self::Off => None,
            Self::On(listening) => {
                let addresses = listening.now().addresses;
                let addresses = addresses.iter().map(SocketAddr::to_string).collect();
                Some(CanvasHostView { addresses, problem: None })
            }
            Self::Failed(why) => {
                Some(CanvasHostView { addresses: Vec::new(), problem: Some(why.clone()) })
            }
        }
    }
}

/// The names of this machine that the configuration has.
pub(super) fn names(config: &Config) -> Vec<String> {
    let there = config.canvas_host.url.as_deref().and_then(url_host);
    let names = [there, config.discovery.tailnet_dns.as_deref()];
    names.into_iter().flatten().filter_map(domain_name).collect()
}

/// Why there is no canvas host, and what to do.
fn reason(error: &Error) -> String {
    let advice = "nodes are served without it; set canvasHost.port to a free port, or \
                  canvasHost.enabled to false, and restart";
    match error {
        Error::Refused { address, source } => {
            format!("could not listen on {address} ({source}); {advice}")
        }
        error => format!("{error}; {advice}"),
    }
}
