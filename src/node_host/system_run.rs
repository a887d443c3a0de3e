//! `system.run`: decides whether a program may run, runs it, and reports about it (protocol
//! sections 6 and 8). The program is looked up once, and the file that was checked is the one that
//! is run. What the gateway says about the command (`rawCommand`, `approved`) decides nothing and
//! is not shown.

use crate::client::{Stop, Writer};
use crate::log_limit::LogLimit;
use crate::node_host::approvals::Approvals;
use crate::node_host::environment;
use crate::node_host::events::{self, ExecEvents, LateEvents};
use crate::node_host::policy::{Denial, Rules};
use crate::node_host::run;
use crate::node_host::skills::Skills;
use crate::node_host::which::{Found, SearchPath};
use crate::process;
use crate::protocol::command::system::{RunResult, SystemRun as Params};
use crate::protocol::{limits, rpc, NodeEvent, Payload, WireError};
use crate::random;
use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct SystemRun {
    pub(super) search: SearchPath,
    pub(super) approvals: Approvals,
    pub(super) skills: Skills,
    pub(super) finished: LateEvents,
    log_limit: LogLimit,
}

impl SystemRun {
    pub(super) fn new(approvals: Approvals) -> Self {
        Self {
            search: SearchPath::from_env(),
            approvals,
            skills: Skills::default(),
            finished: LateEvents::default(),
            log_limit: LogLimit::default(),
        }
    }

    /// Carries out one `system.run`; returns when the program has ended.
    pub(super) fn run(
        &self,
        params: &str,
        writer: &Writer,
        cancel: &Stop,
    ) -> Result<Option<Payload>, WireError> {
        let request = Request::read(params)?;
        let permission = self.check(&request, writer);
        let permission = permission.map_err(|(denial, why)| {
            self.report_denial(&request, denial, &why, writer);
            WireError::unavailable(denial.message)
        })?;
        let command = request.events.command();
        if let Some(found) = permission.program.as_ref().filter(|_| permission.is_listed) {
            self.approvals.note_use(request.params.agent_id.as_deref(), found, command);
        }
        // Without its gateway, nobody wants the program to run any more.
        events::send(writer, NodeEvent::ExecStarted, &request.events.started())
            .map_err(|_| WireError::unavailable("the connection was lost"))?;
        let result = self.run_to_its_end(&request, &permission, cancel);
        self.finished.send(writer, request.events.finished(&result));
        Ok(Some(rpc::encode(&result)))
    }

    /// Whether the program may run; if not, why, and more about it for the log.
    fn check(&self, request: &Request, writer: &Writer) -> Result<Permission, (Denial, String)> {
        let rules = self.approvals.rules(request.params.agent_id.as_deref());
        let rules = rules.map_err(|why| (Denial::DISABLED, why))?;
        // Before anything else is looked at: under `deny` the answer is the same for any command.
        if let Err(denial @ Denial::DISABLED) = rules.decide(true) {
            return Err((denial, String::new()));
        }
        if request.params.needs_screen_recording == Some(true) {
            return Err((Denial::SCREEN_RECORDING, String::new()));
        }
        let name = request.params.command.first();
        let program = name.and_then(|name| self.search.locate(name, &request.cwd));
        let skills = rules.auto_allow_skills.then(|| self.skills.current(writer));
        let is_listed = rules.lists(program.as_ref(), &skills.unwrap_or_default());
        match rules.decide(is_listed) {
            Ok(()) => Ok(Permission { rules, program, is_listed }),
            Err(denial) => {
                let path = program.map(|found| format!("{:?}", found.path));
                Err((denial, path.unwrap_or_else(|| "no such program".to_owned())))
            }
        }
    }

    fn run_to_its_end(
        &self,
        request: &Request,
        permission: &Permission,
        cancel: &Stop,
    ) -> RunResult {
        let (wanted, security) = (request.params.env.clone(), permission.rules.effect());
        let owners = &self.approvals.owner.allow_env;
        let (env, ignored) = environment::divide(wanted.unwrap_or_default(), security, owners);
        if !ignored.is_empty() {
            if let Some(more) = self.log_limit.admit("variables") {
                let few = &ignored[..ignored.len().min(limits::VARIABLES_NAMED)];
                log::warn!(
                    "node: system.run ignored variables of the gateway names={few:?}; \
                            --allow-env allows one{more}"
                );
            }
        }
        request.run(permission, env, cancel)
    }

    /// Reports a denial to the gateway's agent and to the owner's log.
    fn report_denial(&self, request: &Request, denial: Denial, why: &str, writer: &Writer) {
        let (command, reason) = (request.events.command(), denial.reason);
        if let Some(more) = self.log_limit.admit("denied") {
            log::warn!("node: system.run denied reason={reason} command={command:?} {why}{more}");
        }
        // If the connection has ended, nobody waits for the answer either.
        let _ = events::send(writer, NodeEvent::ExecDenied, &request.events.denied(reason));
    }
}

struct Permission {
    rules: Rules,
    program: Option<Found>,
    /// Whether it is on the allowlist.
    is_listed: bool,
}

struct Request {
    params: Params,
    cwd: PathBuf,
    events: ExecEvents,
}

impl Request {
    fn read(params: &str) -> Result<Self, WireError> {
        let params: Params = serde_json::from_str(params)
            .map_err(|error| WireError::invalid(format!("parameters of system.run: {error}")))?;
        if params.command.first().is_none_or(|name| name.trim().is_empty()) {
            return Err(WireError::invalid("command required"));
        }
        if params.command.iter().any(|argument| argument.contains('\0')) {
            return Err(WireError::invalid("command contains a NUL character"));
        }
        let cwd = match params.cwd.as_deref().filter(|cwd| !cwd.trim().is_empty()) {
            Some(cwd) if cwd.contains('\0') || !cwd.starts_with('/') => {
                return Err(WireError::invalid("cwd must be an absolute path"));
            }
            Some(cwd) => PathBuf::from(cwd),
            None => env::current_dir()
                .map_err(|error| WireError::unavailable(format!("no directory: {error}")))?,
        };
        let run_id = match params.run_id.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => random::uuid(random::bits()),
        };
        let line = events::command_line(&params.command);
        let events = ExecEvents::new(params.session_key.as_deref(), &run_id, &line);
        Ok(Self { params, cwd, events })
    }

    fn run(
        &self,
        permission: &Permission,
        env: BTreeMap<String, String>,
        cancel: &Stop,
    ) -> RunResult {
        let argv = self.params.command.split_first();
        let (Some(found), Some((name, arguments))) = (&permission.program, argv) else {
            return run::failed("no such program".to_owned());
        };
        if !self.cwd.is_dir() {
            return run::failed(format!("cwd is not a directory: {:?}", self.cwd));
        }
        let mut command = process::command(&found.path);
        command.arg0(name).args(arguments).current_dir(&self.cwd).envs(env);
        log::info!("node: system.run path={:?} command={:?}", found.path, self.events.command());
        run::run(&mut command, self.time_limit(), cancel)
    }

    fn time_limit(&self) -> Duration {
        let wanted = self.params.timeout_ms.map(Duration::from_millis);
        wanted.map_or(limits::RUN_TIME, |time| time.min(limits::RUN_TIME_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn refused(params: &str) -> String {
        let refused = Request::read(params).map(|_| ()).unwrap_err();
        assert_eq!(refused.code.as_str(), "INVALID_REQUEST");
        refused.message.into_owned()
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_happens() {
        for params in ["{}", r#"{"command":[]}"#, r#"{"command":["  "]}"#] {
            assert_eq!(refused(params), "command required");
        }
        for params in [r#"{"command":["a",null]}"#, r#"{"command":[["a"]]}"#] {
            assert!(refused(params).contains("command must be a list of strings"));
        }
        assert_eq!(refused(r#"{"command":["a","b\u0000c"]}"#), "command contains a NUL character");
        for cwd in ["relative", "~/x", "/a\\u0000b"] {
            let params = format!(r#"{{"command":["a"],"cwd":"{cwd}"}}"#);
            assert_eq!(refused(&params), "cwd must be an absolute path");
        }
        for params in ["null", "[", r#"{"command":"ls"}"#, r#"{"command":["a"],"env":{"A":1}}"#] {
            assert!(refused(params).starts_with("parameters of system.run: "));
        }
    }

    #[test]
    fn the_gateway_chooses_the_time_within_limits() {
        for (text, expected) in [
            ("1500", Duration::from_millis(1500)),
            ("0", limits::RUN_TIME),
            ("-5", limits::RUN_TIME),
            ("null", limits::RUN_TIME),
            ("1e300", limits::RUN_TIME_MAX),
        ] {
            let params = format!(r#"{{"command":["a",1,true],"timeoutMs":{text}}}"#);
            let request = Request::read(&params).unwrap();
            assert_eq!((request.time_limit(), request.params.command.len()), (expected, 3));
        }
    }

    #[test]
    fn the_report_shows_what_runs_and_not_what_the_gateway_calls_it() {
        let params =
            r#"{"command":["rm","-rf","x"],"rawCommand":"ls","runId":" r ","approved":true}"#;
        let request = Request::read(params).unwrap();
        let result = run::failed("no".into());
        let event: Value = serde_json::from_str(&request.events.finished(&result)).unwrap();
        assert_eq!((&event["command"], &event["runId"]), (&json!("rm -rf x"), &json!("r")));
        let expected = json!({
            "timedOut": false, "success": false, "stdout": "", "stderr": "", "error": "no",
        });
        assert_eq!(serde_json::to_value(&result).unwrap(), expected);
    }
}
