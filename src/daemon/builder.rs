//! What a bridge is started with.

use crate::backend::Backend;
use crate::config::Config;
use crate::daemon::announcements::{announce, Announce};
use crate::daemon::canvas::{Canvas, OpenCanvas};
use crate::daemon::heartbeat::Beat;
use crate::daemon::{Host, Lock};
use crate::protocol::operator::NodeCounts;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The settings of a bridge that is about to be started; see
/// [`Daemon::builder`](super::Daemon::builder).
#[must_use]
pub struct DaemonBuilder {
    pub(super) state_dir: PathBuf,
    pub(super) lock: Option<Lock>,
    pub(super) control_socket: Option<PathBuf>,
    pub(super) config: Config,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) host: Arc<dyn Host>,
    // Functions, so that a program without them does not contain what they need.
    pub(super) announce: Option<Announce>,
    pub(super) open_canvas: Option<OpenCanvas>,
    pub(super) heartbeat: Option<(Duration, Beat)>,
}

/// The default host, which refuses every request.
struct NoHost;

impl Host for NoHost {}

impl DaemonBuilder {
    pub(super) fn new(state_dir: PathBuf, backend: Arc<dyn Backend>) -> Self {
        Self {
            state_dir,
            lock: None,
            control_socket: None,
            config: Config::default(),
            backend,
            host: Arc::new(NoHost),
            announce: None,
            open_canvas: None,
            heartbeat: None,
        }
    }

    /// The configuration; [`Config::default`] listens on 127.0.0.1:18790 without TLS. The keys
    /// `bridge.enabled`, `bridge.stateDir`, `bridge.log` and `backend` are left to the program.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The state directory is locked already, because the backend uses it, too.
    #[cfg(feature = "cli")]
    pub(crate) fn locked(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Lets operators reload the configuration and change the log level; refused by default.
    pub fn host(mut self, host: impl Host) -> Self {
        self.host = Arc::new(host);
        self
    }

    /// The Unix socket for operators; `control.sock` in the state directory by default. Refused in a
    /// directory that others can write to.
    pub fn control_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.control_socket = Some(path.into());
        self
    }

    /// Also serves the pages that nodes show on their canvas, at a port of its own and to everybody
    /// who reaches it, as `canvasHost` in the configuration says; off by default.
    pub fn with_canvas_host(mut self) -> Self {
        self.open_canvas = Some(Canvas::open);
        self
    }

    /// Also announces the bridge on the local network by mDNS, as `discovery` in the configuration
    /// says; off by default.
    pub fn with_mdns(mut self) -> Self {
        self.announce = Some(announce);
        self
    }

    /// Has this called so often as long as the bridge is able to decide anything, for a watchdog, and
    /// within a second after the numbers of nodes change. It must not block, because it is called
    /// where everything is decided.
    pub fn heartbeat(
        mut self,
        every: Duration,
        beat: impl Fn(NodeCounts) + Send + Sync + 'static,
    ) -> Self {
        self.heartbeat = Some((every, Arc::new(beat)));
        self
    }
}

impl fmt::Debug for DaemonBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaemonBuilder")
            .field("state_dir", &self.state_dir)
            .field("control_socket", &self.control_socket)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
