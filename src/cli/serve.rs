//! `serve`: the bridge in the foreground.

use super::*;
use crate::backend::embedded::Embedded;
use crate::backend::openclaw::Openclaw;
use crate::backend::Backend;
use crate::config::{self, paths, process_env, BackendKind, Bind, Config, Loaded, Sources};
use crate::daemon::{Daemon, DaemonHandle, Host, HostError, Lock};
use crate::protocol::operator::NodeCounts;
use log::LevelFilter;
use rustix::fs::Mode;
use rustix::process::{getrlimit, setrlimit, umask, Resource, Rlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::env;
use std::sync::Arc;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    // Also for the files of agents.
    umask(Mode::RWXG | Mode::RWXO);
    let sources = config_file::sources(line);
    let loaded = config::load(&sources, &process_env)?;
    let config = loaded.config.clone();
    logging::set_level(config.bridge.log, sources.log.is_some());
    say_where_from(&loaded);
    warn(&config);
    if !config.bridge.enabled {
        log::info!("daemon: not starting, because bridge.enabled is false");
        return Ok(());
    }
    raise_open_files();
    let state_dir = paths::state_dir(&config, &process_env)?;
    let socket = paths::control_socket(&config, &state_dir, &process_env);
    let lock = Lock::take(&state_dir)?;
    let (backend, embedded) = backend(&state_dir, &config)?;
    let mut builder = Daemon::builder(state_dir, backend)
        .locked(lock)
        .config(config.clone())
        .control_socket(socket)
        .with_canvas_host()
        .host(ServeHost { sources, embedded });
    if !line.is_set("no-discovery") {
        builder = builder.with_mdns();
    }
    if let Some(every) = systemd::heartbeat() {
        let port = config.bridge.port;
        builder = builder.heartbeat(every, move |nodes| {
            systemd::notify(&format!("WATCHDOG=1\nSTATUS={}", status_line(nodes, port)));
        });
    }
    let daemon = builder.start()?;
    listen_to_signals(daemon.handle()).map_err(could_not("handle signals"))?;
    say_where_to(&daemon, &config);
    systemd::notify("READY=1");
    next_steps::tell(&daemon);
    Ok(daemon.wait()?)
}

/// Who answers nodes, and the same once more if a reload can change it.
type Answering = (Arc<dyn Backend>, Option<Arc<Embedded>>);

fn backend(state_dir: &Path, config: &Config) -> Result<Answering, Failure> {
    if config.backend.kind == BackendKind::Openclaw {
        let openclaw = Openclaw::new(state_dir, &config.backend);
        return Ok((Arc::new(openclaw.map_err(|e| Failure::failed(e.to_string()))?), None));
    }
    let embedded = Embedded::new(state_dir, config).with_program(env::current_exe().ok());
    let embedded = Arc::new(embedded);
    Ok((embedded.clone(), Some(embedded)))
}

/// What `systemctl status` shows.
fn status_line(nodes: NodeCounts, port: u16) -> String {
    let s = if nodes.connected == 1 { "" } else { "s" };
    let waiting = match nodes.pending {
        0 => String::new(),
        number => format!(", {number} waiting for approval"),
    };
    format!("{} node{s} connected{waiting}, port {port}", nodes.connected)
}

fn say_where_from(loaded: &Loaded) {
    match &loaded.path {
        Some(path) => log::info!("daemon: read the configuration file={}", path.display()),
        None => log::info!("daemon: using the defaults, because there is no configuration file"),
    }
    if !loaded.ignored_sections.is_empty() {
        let list = loaded.ignored_sections.join(", ");
        log::info!("daemon: ignoring sections that belong to other programs sections={list:?}");
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
    log::info!("daemon: accepting operators socket={}", daemon.control_socket().display());
    if config.bridge.bind == Bind::Loopback {
        log::info!(
            "daemon: only this machine can connect; use `--bind lan` or bridge.bind in the \
             configuration to accept nodes from the network"
        );
    } else if tls.is_none() {
        log::info!(
            "daemon: connections are not encrypted; use `--tls` or bridge.tls.enabled in the \
             configuration to encrypt them"
        );
    }
}

/// The program that runs the bridge: it reloads the configuration and owns the log.
struct ServeHost {
    sources: Sources,
    /// Unless a gateway answers nodes.
    embedded: Option<Arc<Embedded>>,
}

impl Host for ServeHost {
    fn reload(&self) -> Result<Loaded, HostError> {
        Ok(config::load(&self.sources, &process_env)?)
    }

    fn reloaded(&self, config: &Config) {
        logging::set_level(config.bridge.log, self.sources.log.is_some());
        self.embedded.iter().for_each(|embedded| embedded.reconfigure(config));
        warn(config);
    }

    fn set_log_level(&self, level: LevelFilter) -> Result<(), HostError> {
        logging::set_level(level, true);
        Ok(())
    }
}

/// SIGTERM and SIGINT stop the bridge, a second one ends the process at once; SIGHUP reloads.
fn listen_to_signals(handle: DaemonHandle) -> io::Result<()> {
    signals::end_at_second()?;
    signals::on_each(&[SIGINT, SIGTERM, SIGHUP], move |signal| match signal {
        SIGHUP => handle.reload(),
        _ => handle.stop(),
    })
}

/// Raises this process's soft limit on open files to its hard one: each connection takes two
/// descriptors, and the usual soft limit is for programs that use `select`.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, ..limit };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            log::debug!("daemon: the limit on open files stays as it is: {error}");
        }
    }
}
