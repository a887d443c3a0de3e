//! The commands of one node: what carries out each, and on which thread.

use crate::client::{Error, Stop, Writer};
use crate::node_host::approvals::Approvals;
use crate::node_host::policy::{OwnerPolicy, Security};
use crate::node_host::system_run::SystemRun;
use crate::node_host::{handler, notify};
use crate::protocol::command::system::{Programs, SystemExecApprovalsSet, SystemWhich};
use crate::protocol::{limits, rpc, NodeCommand, NodeFrame, Payload, WireError};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const NOTIFY: NodeCommand = NodeCommand::SystemNotify;

/// Carries out a command with these parameters.
type Own = fn(&Commands, &str, &Writer, &Stop) -> Result<Option<Payload>, WireError>;

/// The commands that need no program of the owner's; [`NOTIFY`] also needs a desktop.
const OWN: &[(NodeCommand, Own)] = &[
    (NodeCommand::SystemRun, |host, params, writer, cancel| {
        host.system_run.run(params, writer, cancel)
    }),
    (NodeCommand::SystemWhich, |host, params, _, _| host.which(params)),
    (NodeCommand::SystemExecApprovalsGet, |host, _, _, _| {
        Ok(Some(rpc::encode(&host.system_run.approvals.get()?)))
    }),
    (NodeCommand::SystemExecApprovalsSet, |host, params, _, _| host.set_approvals(params)),
    (NOTIFY, |host, params, _, cancel| notify::answer(&host.system_run.search, params, cancel)),
];

/// What a node can do for its gateway.
#[derive(Clone, Debug)]
pub(crate) struct HostOptions {
    /// Commands (`lamp.on`, or `lamp.*` for all that begin with `lamp.`) and the programs that
    /// carry them out; also for commands that the host itself knows.
    pub handles: Vec<(String, OsString)>,
    pub handle_time: Duration,
    /// What the owner allows `system.run`.
    pub owner: OwnerPolicy,
    /// The exec-approvals file; it need not exist.
    pub approvals: PathBuf,
    /// Whether the gateway may give itself more rights in that file.
    pub remote_approvals: bool,
}

/// Carries out invokes, at most [`limits::HOST_INVOKES`] at once. Dropping it kills what runs.
#[derive(Debug)]
pub(crate) struct Host {
    commands: Arc<Commands>,
    cancel: Stop,
    running: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Commands {
    handles: Vec<(String, OsString)>,
    handle_time: Duration,
    system_run: SystemRun,
}

impl Host {
    /// Nothing runs yet. Fails if no file descriptors are left.
    pub(crate) fn new(options: HostOptions) -> std::io::Result<Self> {
        let HostOptions { handles, handle_time, owner, approvals, remote_approvals } = options;
        let system_run = SystemRun::new(Approvals::new(approvals, owner, remote_approvals));
        let commands = Commands { handles, handle_time, system_run };
        Ok(Self { commands: Arc::new(commands), cancel: Stop::new()?, running: Vec::new() })
    }

    /// The commands, as they are announced. `system.run` is among them even if it is refused: the
    /// owner may change that at any time, and the refusal says what to do.
    pub(crate) fn commands(&self) -> Vec<String> {
        let Commands { handles, system_run, .. } = &*self.commands;
        let is_possible =
            |own: &NodeCommand| *own != NOTIFY || notify::is_possible(&system_run.search);
        let own = OWN.iter().map(|(own, _)| *own).filter(is_possible);
        let handled = handles.iter().map(|(command, _)| command.clone());
        let mut commands: Vec<String> = handled.chain(own.map(|own| own.to_string())).collect();
        let mut seen = BTreeSet::new();
        commands.retain(|command| seen.insert(command.clone()));
        commands
    }

    /// The most that `system.run` may run now, whichever agent asks; or why the exec-approvals file
    /// cannot be trusted, so that nothing may run.
    pub(crate) fn security(&self) -> Result<Security, String> {
        self.commands.system_run.approvals.most()
    }

    /// There is a new connection; it gets the events that the last one did not take, and the
    /// `exec.finished` of programs that have finished meanwhile.
    pub(crate) fn connected(&self, writer: &Writer) {
        self.commands.system_run.finished.connected(writer);
    }

    /// The connection has ended without taking these events. What runs goes on; its result is
    /// dropped, but the next connection gets its `exec.finished`.
    pub(crate) fn disconnected(&self, unsent: Vec<NodeFrame>) {
        self.commands.system_run.finished.disconnected(unsent);
    }

    /// Takes a response of the gateway; false if it belongs to no request of this host.
    pub(crate) fn take_answer(
        &self,
        id: &str,
        result: &Result<Option<Payload>, WireError>,
    ) -> bool {
        self.commands.system_run.skills.take(id, result)
    }

    /// [`Host::take_answer`] for another thread.
    pub(crate) fn answer_taker(&self) -> impl Fn(&str, &Result<Option<Payload>, WireError>) {
        let commands = self.commands.clone();
        move |id, result| {
            commands.system_run.skills.take(id, result);
        }
    }

    /// Answers one invoke: a refusal at once, anything else when it has been carried out. Never
    /// waits for a program. Fails if the connection is over.
    pub(crate) fn answer(
        &mut self,
        id: Arc<str>,
        command: Arc<str>,
        params: Option<Payload>,
        writer: &Writer,
    ) -> Result<(), Error> {
        self.running.retain(|thread| !thread.is_finished());
        let refusal = match self.commands.work(&command, params.as_deref()) {
            Err(refusal) => refusal,
            Ok(_) if self.running.len() >= limits::HOST_INVOKES => {
                let most = limits::HOST_INVOKES;
                WireError::unavailable(format!("busy: {most} commands are running"))
            }
            Ok(work) => {
                let (commands, cancel) = (self.commands.clone(), self.cancel.clone());
                let (writer, id) = (writer.clone(), id.clone());
                let carry_out = move || {
                    log::debug!("invoke started command={command:?} id={id:?}");
                    let params = params.as_deref();
                    let result = match work {
                        Work::Own(own) => own(&commands, params.unwrap_or("{}"), &writer, &cancel),
                        Work::Handler(program) => {
                            handler::run(&program, &command, params, commands.handle_time, &cancel)
                        }
                    };
                    send_result(&id, &command, result, &writer);
                };
                match thread::Builder::new().name("invoke".into()).spawn(carry_out) {
                    Ok(thread) => {
                        self.running.push(thread);
                        return Ok(());
                    }
                    Err(error) => WireError::unavailable(format!("no thread: {error}")),
                }
            }
        };
        writer.send(&NodeFrame::invoke_res(id, Err(refusal)))
    }

    pub(crate) fn stop(&mut self) {
        self.cancel.request();
        for thread in self.running.drain(..) {
            if thread.join().is_err() {
                log::error!("node: an invoke thread panicked");
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

enum Work {
    Handler(OsString),
    Own(Own),
}

impl Commands {
    fn work(&self, command: &str, params: Option<&str>) -> Result<Work, WireError> {
        if let Some(program) = closest(&self.handles, command) {
            return Ok(Work::Handler(program.clone()));
        }
        let Some((_, own)) = OWN.iter().find(|(own, _)| own.as_str() == command) else {
            return Err(WireError::invalid(format!("unknown command: {command}")));
        };
        match params {
            Some(params) if params.len() > limits::HOST_PARAMS => {
                let most = limits::HOST_PARAMS;
                Err(WireError::invalid(format!("parameters of more than {most} bytes")))
            }
            _ => Ok(Work::Own(*own)),
        }
    }

    fn which(&self, params: &str) -> Result<Option<Payload>, WireError> {
        let wanted: SystemWhich = serde_json::from_str(params)
            .map_err(|_| WireError::invalid("bins must be a list of names"))?;
        let names = wanted.bins.iter().map(|name| name.trim());
        let bins = self.system_run.search.find_all(names.take(limits::WHICH_BINS));
        Ok(Some(rpc::encode(&Programs { bins })))
    }

    fn set_approvals(&self, params: &str) -> Result<Option<Payload>, WireError> {
        let wanted: SystemExecApprovalsSet = serde_json::from_str(params)
            .map_err(|error| WireError::invalid(format!("parameters: {error}")))?;
        let approvals = &self.system_run.approvals;
        Ok(Some(rpc::encode(&approvals.replace(wanted.file, wanted.base_hash.as_deref())?)))
    }
}

fn send_result(
    id: &Arc<str>,
    command: &str,
    result: Result<Option<Payload>, WireError>,
    writer: &Writer,
) {
    let ok = result.is_ok();
    let mut sent = writer.send(&NodeFrame::invoke_res(id.clone(), result));
    if let Err(Error::LineTooLong(_)) = sent {
        let refusal = WireError::unavailable("the result does not fit into a frame");
        sent = writer.send(&NodeFrame::invoke_res(id.clone(), Err(refusal)));
    }
    match sent {
        Ok(()) => log::debug!("invoke answered command={command:?} id={id:?} ok={ok}"),
        Err(error) => log::warn!("answer dropped command={command:?} id={id:?} reason={error}"),
    }
}

/// The program for exactly this command, else that of the longest matching `prefix.*`.
fn closest<'a>(handlers: &'a [(String, OsString)], command: &str) -> Option<&'a OsString> {
    let exact = handlers.iter().find(|(name, _)| name == command);
    let matching = handlers.iter().filter(|(name, _)| {
        name.strip_suffix('*')
            .filter(|prefix| prefix.ends_with('.'))
            .is_some_and(|prefix| command.len() > prefix.len() && command.starts_with(prefix))
    });
    exact.or_else(|| matching.max_by_key(|(name, _)| name.len())).map(|(_, program)| program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_handle_wins() {
        let handlers = ["lamp.*", "lamp.on", "lamp.kitchen.*", "odd*"];
        let handlers = handlers.map(|name| (name.to_owned(), OsString::from(name)));
        for (command, program) in [
            ("lamp.on", Some("lamp.on")),
            ("lamp.off", Some("lamp.*")),
            ("lamp.kitchen.on", Some("lamp.kitchen.*")),
            ("lamp.", None),
            ("lamp", None),
            ("lamps.on", None),
            ("oddly", None),
        ] {
            let expected = program.map(OsString::from);
            assert_eq!(closest(&handlers, command), expected.as_ref(), "{command}");
        }
    }

    #[test]
    fn a_handle_of_the_owner_comes_before_the_hosts_own_command() {
        let host = Host::new(HostOptions {
            handles: vec![("system.run".into(), "/bin/true".into())],
            handle_time: Duration::ZERO,
            owner: OwnerPolicy::default(),
            approvals: "/nowhere/exec-approvals.json".into(),
            remote_approvals: false,
        })
        .unwrap();
        assert_eq!(host.commands().iter().filter(|command| *command == "system.run").count(), 1);
        let work = |command, params| host.commands.work(command, params);
        assert!(matches!(work("system.run", None), Ok(Work::Handler(_))));
        assert!(matches!(work("system.which", Some("{}")), Ok(Work::Own(_))));
        let long = "x".repeat(limits::HOST_PARAMS + 1);
        assert!(work("system.execApprovals.set", Some(&long)).is_err());
        assert!(work("camera.snap", None).is_err());
        assert_eq!(host.security(), Ok(Security::Deny));
    }
}
