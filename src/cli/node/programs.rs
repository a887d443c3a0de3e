//! Which program answers which command, and the threads in which they run.

use super::program;
use crate::client::{Error, OutgoingFrame, Stop, Writer};
use crate::protocol::{Payload, WireError};
use std::ffi::{OsStr, OsString};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Programs running at once. A person or a schedule needs one or two.
const AT_ONCE: usize = 8;

/// The programs of one node.
pub(super) struct Programs {
    handles: Vec<(String, OsString)>,
    time_limit: Duration,
    cancel: Stop,
    running: Vec<JoinHandle<()>>,
}

impl Programs {
    pub(super) fn new(
        handles: Vec<(String, OsString)>,
        time_limit: Duration,
        cancel: Stop,
    ) -> Self {
        Self { handles, time_limit, cancel, running: Vec::new() }
    }

    /// The commands, as they are announced.
    pub(super) fn commands(&self) -> Vec<String> {
        self.handles.iter().map(|(command, _)| command.clone()).collect()
    }

    /// Answers one invoke: a refusal at once, anything else when its program has ended.
    ///
    /// # Errors
    /// The connection is over.
    pub(super) fn answer(
        &mut self,
        id: String,
        command: String,
        params: Option<Payload>,
        writer: &Writer,
    ) -> Result<(), Error> {
        self.running.retain(|thread| !thread.is_finished());
        let refusal = match self.program_for(&command) {
            None => WireError::invalid(format!("unknown command: {command}")),
            Some(_) if self.running.len() >= AT_ONCE => {
                WireError::unavailable(format!("busy: {AT_ONCE} commands are running"))
            }
            Some(program) => {
                let work = Work {
                    program: program.to_owned(),
                    id: id.clone(),
                    command,
                    params,
                    time_limit: self.time_limit,
                    cancel: self.cancel.clone(),
                    writer: writer.clone(),
                };
                let thread =
                    thread::Builder::new().name("invoke".into()).spawn(|| work.carry_out());
                match thread {
                    Ok(thread) => {
                        self.running.push(thread);
                        return Ok(());
                    }
                    Err(error) => WireError::unavailable(format!("no thread: {error}")),
                }
            }
        };
        writer.send(&OutgoingFrame::invoke_res(&id, &Err(refusal)))
    }

    /// The program for the very command, else that of the longest `prefix.*` that fits.
    fn program_for(&self, command: &str) -> Option<&OsStr> {
        let exact = self.handles.iter().find(|(name, _)| name == command);
        let fitting = self.handles.iter().filter(|(name, _)| {
            name.strip_suffix('*')
                .filter(|prefix| prefix.ends_with('.'))
                .is_some_and(|prefix| command.len() > prefix.len() && command.starts_with(prefix))
        });
        let found = exact.or_else(|| fitting.max_by_key(|(name, _)| name.len()));
        found.map(|(_, program)| program.as_os_str())
    }

    /// Kills what is still running and waits for its threads.
    pub(super) fn stop(self) {
        self.cancel.request();
        for thread in self.running {
            if thread.join().is_err() {
                log::error!("thread for an invoke panicked");
            }
        }
    }
}

/// What the thread of one invoke needs.
struct Work {
    program: OsString,
    id: String,
    command: String,
    params: Option<Payload>,
    time_limit: Duration,
    cancel: Stop,
    writer: Writer,
}

impl Work {
    fn carry_out(self) {
        let Self { program, id, command, params, time_limit, cancel, writer } = self;
        log::debug!("invoke started command={command:?} id={id:?}");
        let result = program::run(&program, &command, params.as_deref(), time_limit, &cancel);
        let sent = match writer.send(&OutgoingFrame::invoke_res(&id, &result)) {
            Err(Error::LineTooLong(_)) => {
                let refusal = Err(WireError::unavailable("the result does not fit into a frame"));
                writer.send(&OutgoingFrame::invoke_res(&id, &refusal))
            }
            sent => sent,
        };
        match sent {
            Ok(()) => {
                log::debug!("invoke answered command={command:?} id={id:?} ok={}", result.is_ok())
            }
            Err(error) => log::warn!("answer dropped command={command:?} id={id:?} reason={error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_handle_wins() {
        let handles = ["lamp.*", "lamp.on", "lamp.kitchen.*", "odd*"];
        let handles = handles.map(|name| (name.to_owned(), OsString::from(name))).to_vec();
        let programs = Programs::new(handles, Duration::ZERO, Stop::new().unwrap());
        for (command, program) in [
            ("lamp.on", Some("lamp.on")),
            ("lamp.off", Some("lamp.*")),
            ("lamp.kitchen.on", Some("lamp.kitchen.*")),
            ("lamp.", None),
            ("lamp", None),
            ("lamps.on", None),
            ("oddly", None),
        ] {
            assert_eq!(programs.program_for(command), program.map(OsStr::new), "{command}");
        }
    }
}
