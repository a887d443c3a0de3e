//! `serve`: the bridge in the foreground.

use crate::backend::embedded::Embedded;
use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::logging;
use crate::config::{self, paths, process_env, Bind, Config, Loaded, Sources};
use crate::daemon::{self, notify, Daemon, Handle, Host, Reloaded, Settings};
use crate::tls::{Acceptor, Fingerprint};
use log::LevelFilter;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::thread::Builder;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let text = |name| line.value(name).map(str::to_owned);
    let sources = Sources {
        file: line.value("config").map(Into::into),
        state_dir: text("state-dir"),
        bind: text("bind"),
        port: text("port"),
        log: text("log"),
        tls: line.is_set("tls"),
    };
    let loaded = config::load(&sources, &process_env)?;
    let config = loaded.config.clone();
    logging::start(config.bridge.log);
    say_where_from(&loaded);
    warn(&config);
    if !config.bridge.enabled {
        log::info!("daemon: bridge.enabled is false, nothing to do");
        return Ok(());
    }
    daemon::raise_open_files();
    let state_dir = paths::state_dir(&config, &process_env)?;
    let socket = paths::control_socket(&config, &state_dir, &process_env);
    let mut settings = Settings::new(&config, state_dir.clone(), socket)?;
    if line.is_set("no-discovery") {
        settings.discovery = None;
    }
    let embedded = Arc::new(Embedded::new(&state_dir, &config));
    let backend = embedded.clone();
    let reload = ReadAgain { sources, running: config.clone(), state_dir, embedded };
    let daemon = Daemon::start_in(settings, backend, Arc::new(reload))?;
    listen_to_signals(daemon.handle())
        .map_err(|error| Failure::failed(format!("could not listen to signals: {error}")))?;
    say_where_to(&daemon, &config);
    notify::notify("READY=1");
    Ok(daemon.wait()?)
}

fn say_where_from(loaded: &Loaded) {
    match &loaded.path {
        Some(path) => log::info!("daemon: configuration read file={}", path.display()),
        None => log::info!("daemon: no configuration file, using the defaults"),
    }
    if !loaded.ignored_sections.is_empty() {
        let list = loaded.ignored_sections.join(", ");
        log::info!("daemon: ignored sections that belong to other programs: {list}");
    }
}

fn warn(config: &Config) {
    for warning in config.warnings() {
        log::warn!("daemon: {warning}");
    }
}

fn say_where_to(daemon: &Daemon, config: &Config) {
    let tls = daemon.tls();
    let mode = tls.map_or("off", |tls| tls.mode());
    for address in daemon.addresses() {
        log::info!("daemon: listening on {address} tls={mode}");
    }
    if let Some(tls) = tls {
        let facts = tls.info();
        let (path, print) = (facts.path.display(), facts.fingerprint);
        log::info!("daemon: TLS certificate sha256={print} file={path}");
    }
    if config.bridge.tls.ca_path.is_some() {
        log::info!("daemon: bridge.tls.caPath has no effect, because nodes have no certificates");
    }
    log::info!("daemon: operators connect at {}", daemon.control_socket().display());
    if config.bridge.bind == Bind::Loopback {
        log::info!(
            "daemon: only this machine can connect; `--bind lan`, or bridge.bind in the \
             configuration, opens the bridge to the network"
        );
    } else if tls.is_none() {
        log::info!(
            "daemon: connections are not encrypted; `--tls`, or bridge.tls.enabled in the \
             configuration, changes that"
        );
    }
}

/// The program around the bridge, with what it needs to read its configuration again.
struct ReadAgain {
    sources: Sources,
    running: Config,
    state_dir: PathBuf,
    embedded: Arc<Embedded>,
}

impl Host for ReadAgain {
    /// A bad file, or a bad certificate, changes nothing; what is wrong with it is told.
    fn reload(&self, tls: Option<&Acceptor>) -> Result<Reloaded, String> {
        let loaded =
            config::load(&self.sources, &process_env).map_err(|error| error.to_string())?;
        let new_fingerprint = self.reload_certificate(tls, &loaded.config)?;
        log::set_max_level(loaded.config.bridge.log);
        self.embedded.reconfigure(&loaded.config);
        warn(&loaded.config);
        let changes = self.running.changes_needing_restart(&loaded.config);
        Ok(Reloaded {
            policy: daemon::policy(&loaded.config),
            profile: daemon::profile(&loaded.config),
            path: loaded.path,
            restart_needed: changes.into_iter().map(str::to_owned).collect(),
            new_fingerprint,
        })
    }

    fn log(&self, level: LevelFilter) -> Result<(), String> {
        log::set_max_level(level);
        Ok(())
    }
}

impl ReadAgain {
    /// Whether there is TLS at all is settled at the start.
    fn reload_certificate(
        &self,
        tls: Option<&Acceptor>,
        new: &Config,
    ) -> Result<Option<Fingerprint>, String> {
        let Some(tls) = tls.filter(|_| new.bridge.tls.enabled) else {
            return Ok(None);
        };
        let files = daemon::tls_files(new, &self.state_dir);
        let is_new = tls.reload(&files).map_err(|error| error.to_string())?;
        Ok(is_new.then(|| tls.fingerprint()))
    }
}

/// SIGTERM and SIGINT stop the bridge, a second one ends the process at once; SIGHUP reloads.
fn listen_to_signals(handle: Handle) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that the first signal finds the flag down.
        flag::register_conditional_default(signal, asked.clone())?;
        flag::register(signal, asked.clone())?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => handle.reload(),
                _ => handle.stop(),
            }
        }
    })?;
    Ok(())
}
