//! A start that fails leaves nothing behind. Alone in its process, because it takes descriptors
//! away from all of it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use openclaw_bridge::backend::embedded::Embedded;
use openclaw_bridge::{Config, Daemon, Error};
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

fn count(what: &str) -> usize {
    fs::read_dir(Path::new("/proc/self").join(what)).unwrap().count()
}

/// The threads and descriptors of this process.
fn footprint() -> (usize, usize) {
    (count("task"), count("fd"))
}

/// Starts a bridge with TLS while only so many more descriptors can be opened.
fn start(dir: &Path, spare: usize) -> Result<Daemon, Error> {
    let mut config = Config::default();
    config.bridge.port = 0;
    config.bridge.tls.enabled = true;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(512), ..limit }).unwrap();
    let mut fillers: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    fillers.truncate(fillers.len() - spare);
    let backend = Arc::new(Embedded::new(dir, &config));
    let daemon = Daemon::builder(dir, backend).config(config).start();
    drop(fillers);
    setrlimit(Resource::Nofile, limit).unwrap();
    daemon
}

#[test]
fn a_start_that_fails_for_want_of_descriptors_leaves_nothing_running() {
    let before = footprint();
    let mut failures = Vec::new();
    loop {
        let dir = TempDir::new().unwrap();
        let state = dir.path().join("state");
        let started = start(&state, failures.len());
        let failed = started.is_err();
        match started {
            Ok(daemon) => daemon.stop().unwrap(),
            Err(error) => failures.push(error),
        }
        let since = Instant::now();
        // Workers end by themselves once nobody can ask them anything.
        while footprint() != before {
            assert!(since.elapsed() < DEADLINE, "{:?} of {before:?}: {failures:?}", footprint());
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!state.join("control.sock").exists());
        if !failed {
            break;
        }
    }
    let late = |error: &&Error| matches!(error, Error::System(_));
    assert!(failures.iter().filter(late).count() >= 3, "{failures:?}");
}
