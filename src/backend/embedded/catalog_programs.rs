//! Thread `catalog`: runs the programs that list models and the programs of skills, for what the
//! configuration does not list (`models.command`, `skills.binsCommand`). Nobody waits for them: who
//! asks gets the last list.

use super::catalog;
use crate::config::{Config, Section};
use crate::link::Waker;
use crate::lock::lock;
use crate::process::{self, Failure};
use crate::protocol::limits;
use crate::protocol::rpc::system::{Models, SkillBins};
use crossbeam_channel::{bounded, Receiver, Sender};
use rustix::event::{PollFd, PollFlags};
use serde_json::{Map, Value};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

pub(super) struct Catalog {
    shared: Arc<Shared>,
    refresher: Mutex<Option<Refresher>>,
}

struct Shared {
    models_command: Vec<String>,
    bins_command: Vec<String>,
    configured: Lists,
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Lists {
    models: Models,
    bins: SkillBins,
}

struct Current {
    lists: Lists,
    /// When the programs were last begun to run.
    since: Instant,
}

struct Refresher {
    ask: Sender<()>,
    stop: Arc<Waker>,
    thread: JoinHandle<()>,
}

impl Catalog {
    pub(super) fn new(config: &Config) -> Self {
        let models = catalog::models(&config.models.0);
        let configured = Lists { models, bins: catalog::skill_bins(&config.skills.0) };
        let current = Current { lists: configured.clone(), since: Instant::now() };
        let shared = Shared {
            models_command: command(&config.models, "command"),
            bins_command: command(&config.skills, "binsCommand"),
            configured,
            current: Mutex::new(current),
        };
        Self { shared: Arc::new(shared), refresher: Mutex::default() }
    }

    /// Starts the thread, if there is a program to run.
    pub(super) fn start(&self) -> io::Result<()> {
        if self.has_fixed_models() && self.has_fixed_bins() {
            return Ok(());
        }
        let (ask, asked) = bounded(1);
        let stop = Arc::new(Waker::new()?);
        let (shared, cancel) = (self.shared.clone(), stop.clone());
        let run = move || shared.run(&asked, &cancel);
        let thread = Builder::new().name("catalog".into()).spawn(run)?;
        let _ = ask.try_send(());
        *lock(&self.refresher) = Some(Refresher { ask, stop, thread });
        Ok(())
    }

    pub(super) fn has_fixed_models(&self) -> bool {
        self.shared.models_command.is_empty()
    }

    pub(super) fn has_fixed_bins(&self) -> bool {
        self.shared.bins_command.is_empty()
    }

    pub(super) fn models(&self) -> Models {
        self.refresh_if_old();
        lock(&self.shared.current).lists.models.clone()
    }

    pub(super) fn bins(&self) -> SkillBins {
        self.refresh_if_old();
        lock(&self.shared.current).lists.bins.clone()
    }

    /// Has the programs run again, unless that is about to happen.
    pub(super) fn refresh(&self) {
        if let Some(refresher) = &*lock(&self.refresher) {
            let _ = refresher.ask.try_send(());
        }
    }

    fn refresh_if_old(&self) {
        let since = lock(&self.shared.current).since;
        if since.elapsed() >= limits::CATALOG_AGE {
            self.refresh();
        }
    }

    pub(super) fn stop(&self) {
        let Some(Refresher { ask, stop, thread }) = lock(&self.refresher).take() else { return };
        drop(ask);
        stop.alarm();
        if thread.join().is_err() {
            log::error!("backend: the thread of the catalog panicked");
        }
    }
}

/// The program under a key, which the configuration has checked.
fn command(section: &Section, key: &str) -> Vec<String> {
    let words = section.0.get(key).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Shared {
    fn run(&self, asked: &Receiver<()>, cancel: &Waker) {
        while asked.recv().is_ok() {
            lock(&self.current).since = Instant::now();
            if let Some(listed) = ask(&self.models_command, "models", cancel) {
                let mut models = self.configured.models.clone();
                catalog::add(&mut models, catalog::models(&listed));
                lock(&self.current).lists.models = models;
            }
            if let Some(listed) = ask(&self.bins_command, "bins", cancel) {
                let mut bins = self.configured.bins.bins.clone();
                bins.extend(catalog::skill_bins(&listed).bins);
                bins.sort();
                bins.dedup();
                lock(&self.current).lists.bins = SkillBins { bins };
            }
        }
    }
}

/// What a program lists, as a section of the configuration with this key; `None` without a program, or
/// if it has failed: then the last list stays.
fn ask(command: &[String], key: &str, cancel: &Waker) -> Option<Map<String, Value>> {
    let (name, arguments) = command.split_first()?;
    let listed = output(name, arguments, cancel).and_then(|output| section(&output, key));
    match listed {
        Ok(listed) => listed,
        Err(error) => {
            log::warn!("backend: the program that lists {key} {error} program={name:?}");
            None
        }
    }
}

/// What the program wrote.
fn output(name: &str, arguments: &[String], cancel: &Waker) -> Result<Option<Vec<u8>>, String> {
    let mut command = process::command(name);
    let cancel = PollFd::new(cancel, PollFlags::IN);
    let (time, most) = (limits::CATALOG_TIMEOUT, limits::CATALOG_BYTES);
    match process::output(command.args(arguments), most, time, cancel) {
        // The bridge stops.
        Err(Failure::Cancelled) => Ok(None),
        output => output.map(Some).map_err(|failure| failure.to_string()),
    }
}

/// A list, or an object that has one, as in the configuration.
fn section(output: &Option<Vec<u8>>, key: &str) -> Result<Option<Map<String, Value>>, String> {
    let Some(output) = output else { return Ok(None) };
    match serde_json::from_slice(output) {
        Ok(list @ Value::Array(_)) => Ok(Some(Map::from_iter([(key.to_owned(), list)]))),
        Ok(Value::Object(section)) if section.get(key).is_some_and(Value::is_array) => {
            Ok(Some(section))
        }
        Ok(_) => Err(format!("must write a JSON list, or an object with the list {key:?}")),
        Err(error) => Err(format!("did not write JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(script: &str, key: &str) -> Result<Option<Map<String, Value>>, String> {
        let cancel = Waker::new().unwrap();
        let arguments = ["-c".to_owned(), script.to_owned()];
        output("/bin/sh", &arguments, &cancel).and_then(|output| section(&output, key))
    }

    #[test]
    fn what_a_program_lists_is_read_as_the_configuration_is() {
        let list = listed("echo '[\"b\", \"a\", 5]'", "bins").unwrap().unwrap();
        assert_eq!(catalog::skill_bins(&list).bins, ["a", "b"]);
        let list = listed("echo '{\"models\": [{\"id\": \"m\"}]}'", "models").unwrap().unwrap();
        assert_eq!(catalog::models(&list).models[0].id, "m");
    }

    #[test]
    fn a_program_that_fails_is_told_what_is_wrong() {
        for (script, says) in [
            ("echo '{}'", "must write a JSON list"),
            ("echo no", "did not write JSON"),
            ("echo '[]'; exit 3", "failed (exit status: 3)"),
            ("yes | head -c 300000", "wrote more than 262144 bytes"),
        ] {
            let error = listed(script, "bins").unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let error = output("/nowhere/list", &[], &Waker::new().unwrap()).unwrap_err();
        assert!(error.starts_with("could not be started"), "{error}");
    }

    #[test]
    fn one_that_hangs_does_not_keep_the_bridge_from_stopping() {
        let cancel = Waker::new().unwrap();
        cancel.alarm();
        let arguments = ["-c".to_owned(), "sleep 1000".to_owned()];
        assert_eq!(output("/bin/sh", &arguments, &cancel), Ok(None));
    }
}
