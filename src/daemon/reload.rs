//! Thread `reload`: puts a new configuration into force.

use crate::calendar;
use crate::canvas_host::CanvasHost;
use crate::config::Config;
use crate::daemon::canvas;
use crate::daemon::network::ProfileUpdate;
use crate::daemon::{settings, Host, HostError};
use crate::link::Inbox;
use crate::protocol::operator::{Answer, LogLevel, Reloaded};
use crate::protocol::WireError;
use crate::router::{Input, Policy, Requester};
use crate::tls::Acceptor;
use log::LevelFilter;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;

/// What a reload changes, and whom it asks.
pub(super) struct Reload {
    pub(super) inbox: Inbox,
    pub(super) host: Arc<dyn Host>,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) profile: Arc<ProfileUpdate>,
    pub(super) state_dir: PathBuf,
    pub(super) canvas: Option<Arc<CanvasHost>>,
    /// The configuration the bridge was started with.
    pub(super) started_with: Config,
}

impl Reload {
    /// Reads the configuration and the certificate again. If either is invalid, nothing changes.
    /// While `running` exists, no other reload begins.
    pub(super) fn run(&self, requester: Option<Requester>, running: Arc<()>) {
        let result = self.read_again();
        warn_of_certificate(self.tls.as_deref());
        // Who has the answer may ask for the next reload.
        drop(running);
        match result {
            Ok((policy, answer)) => self.reply(requester, Some(policy), Ok(answer)),
            Err(error) => {
                log::error!("daemon: keeping the old configuration: {error}");
                let text = format!("the old configuration stays in force: {error}");
                self.reply(requester, None, Err(WireError::invalid(text)));
            }
        }
    }

    fn read_again(&self) -> Result<(Policy, Answer), HostError> {
        let loaded = catch_panic(|| self.host.reload())?;
        let config = loaded.config;
        // Whether there is TLS at all is decided at the start.
        let tls = self.tls.as_deref();
        let fingerprint = match tls.filter(|_| config.bridge.tls.enabled) {
            Some(tls) => {
                let is_new = tls.reload(&settings::tls_files(&config, &self.state_dir))?;
                is_new.then(|| tls.fingerprint().to_string())
            }
            None => None,
        };
        catch_panic(|| {
            self.host.reloaded(&config);
            Ok(())
        })?;
        let path = loaded.path.map(|path| path.display().to_string());
        log::info!("daemon: reloaded the configuration file={}", path.as_deref().unwrap_or("none"));
        let restart_needed = self.started_with.changes_needing_restart(&config);
        for key in &restart_needed {
            log::warn!("daemon: a changed key takes effect at the next start key={key}");
        }
        if let Some(fingerprint) = &fingerprint {
            log::warn!("daemon: new TLS certificate sha256={fingerprint}; nodes must pin it");
        }
        let canvas_port = self.canvas.as_deref().map(|canvas| canvas.port);
        if let Some(canvas) = &self.canvas {
            canvas.set_names(canvas::names(&config));
        }
        let mut profile = settings::profile(&config, canvas_port);
        profile.service.fingerprint = tls.map(Acceptor::fingerprint);
        self.profile.set(profile);
        let answer = Answer::Reloaded(Reloaded {
            path,
            restart_needed: restart_needed.into_iter().map(str::to_owned).collect(),
            new_fingerprint_sha256: fingerprint,
        });
        Ok((settings::policy(&config, canvas_port), answer))
    }

    pub(super) fn set_log_level(&self, level: LevelFilter) -> Result<Answer, WireError> {
        catch_panic(|| self.host.set_log_level(level))
            .map_err(|error| WireError::unavailable(error.to_string()))?;
        Ok(Answer::Level(LogLevel { level: level.as_str().to_lowercase() }))
    }

    /// Sends the router its new rules, and the requester the answer.
    pub(super) fn reply(
        &self,
        requester: Option<Requester>,
        policy: Option<Policy>,
        answer: Result<Answer, WireError>,
    ) {
        let reply = requester.map(|requester| (requester, answer));
        // If the router is gone, the supervisor ends for that reason.
        let _ = self.inbox.post(Input::Configured { policy: policy.map(Box::new), reply });
    }
}

/// A host that panics fails the request, not the thread; the log has the details.
fn catch_panic<T>(call: impl FnOnce() -> Result<T, HostError>) -> Result<T, HostError> {
    let result = catch_unwind(AssertUnwindSafe(call));
    result.unwrap_or_else(|_| Err("the program around the bridge failed".into()))
}

/// Logs a warning if the certificate expires soon, has expired, or is not valid yet. Nodes that pin
/// it still connect; other TLS clients do not.
pub(super) fn warn_of_certificate(tls: Option<&Acceptor>) {
    let Some(facts) = tls.map(Acceptor::info) else { return };
    if let Some(warning) = facts.warning(calendar::now_ms()) {
        let path = facts.path.display();
        log::warn!("daemon: the TLS certificate {warning} file={path}; pinned nodes still connect");
    }
}
