//! Programs that a gateway runs on an old node. Since 2026.3 it asks for a plan first, which old
//! nodes cannot make, and knows its runs by ids that old nodes do not send back.

use super::object::Object;
use crate::protocol::fields::Fields;
use crate::protocol::{limits, NodeEvent, WireError};
use std::collections::VecDeque;

/// A program that the gateway asked for.
#[derive(Debug)]
struct Issued {
    run: String,
    session: String,
    command: String,
    /// The node's own id of the run, once it has said something about it.
    own: Option<String>,
}

/// The programs that a gateway asked one node to run, oldest first.
#[derive(Debug, Default)]
pub(in crate::backend::openclaw) struct ExecRuns(VecDeque<Issued>);

/// The answer to `system.run.prepare` in the place of a node that does not know it: the plan is the
/// command as it was asked for. What the node's own approvals say about it counts when it is run.
///
/// # Errors
/// `INVALID_REQUEST` if there is no command.
pub(crate) fn prepare(params: Option<&str>) -> Result<String, WireError> {
    let fields = Fields::read(params.unwrap_or("{}")).unwrap_or_default();
    let command = fields.strings("command", limits::PROFILE_ENTRIES).unwrap_or_default();
    if command.is_empty() {
        return Err(WireError::invalid("command required"));
    }
    let text = |name| fields.json(name).filter(|json| json.starts_with('"'));
    let line = match text("rawCommand") {
        Some(json) => json.to_owned(),
        None => super::object::text(&command.join(" ")),
    };
    let plan = Object::new()
        .value("argv", &command)
        .raw("cwd", text("cwd").unwrap_or("null"))
        .raw("commandText", &line)
        .raw("agentId", text("agentId").unwrap_or("null"))
        .raw("sessionKey", text("sessionKey").unwrap_or("null"))
        .finish();
    Ok(Object::new().raw("plan", &plan).finish())
}

impl ExecRuns {
    /// The gateway invokes `system.run` with these parameters.
    pub(in crate::backend::openclaw) fn issued(&mut self, params: Option<&str>) {
        let fields = Fields::read(params.unwrap_or("{}")).unwrap_or_default();
        let Some(run) = fields.short_text("runId") else { return };
        if self.0.len() >= limits::RUNS_ISSUED {
            self.0.pop_front();
        }
        let command = fields.strings("command", limits::PROFILE_ENTRIES).unwrap_or_default();
        let command = fields.text("rawCommand").map_or_else(|| command.join(" "), Into::into);
        let session = fields.text("sessionKey").unwrap_or_default().into_owned();
        self.0.push_back(Issued { run, session, command, own: None });
    }

    /// A node's report, with the ids that the gateway gave; `None` if it asked for no such program.
    pub(super) fn report(&mut self, event: NodeEvent, fields: &Fields<'_>) -> Option<String> {
        let own = fields.short_text("runId").unwrap_or_default();
        let at = self.issued_as(&own, fields)?;
        let is_end = event != NodeEvent::ExecStarted;
        let issued = self.0.get_mut(at)?;
        issued.own = Some(own);
        let mut report = Object::new()
            .value("sessionKey", &issued.session)
            .value("runId", &issued.run)
            .value("host", &"node");
        for name in ["command", "reason", "output"] {
            report = report.maybe(name, fields.json(name).filter(|json| json.starts_with('"')));
        }
        for name in ["exitCode", "timedOut", "success"] {
            let is_plain = |json: &&str| !json.starts_with(['"', '{', '[', 'n']);
            report = report.maybe(name, fields.json(name).filter(is_plain));
        }
        if is_end {
            self.0.remove(at);
        }
        Some(report.finish())
    }

    /// Which of them a report is about: the one with the id; else the one that the node has called so
    /// before; else the oldest of which it has said nothing, by its command.
    fn issued_as(&self, own: &str, fields: &Fields<'_>) -> Option<usize> {
        let same = |test: &dyn Fn(&Issued) -> bool| self.0.iter().position(test);
        if let Some(at) = same(&|issued| issued.run == own || issued.own.as_deref() == Some(own)) {
            return Some(at);
        }
        let command = fields.text("command").unwrap_or_default();
        let key = fields.text("sessionKey").unwrap_or_default();
        let is_new = |issued: &Issued| issued.own.is_none();
        same(&|issued| is_new(issued) && issued.command == *command && issued.session == *key)
            .or_else(|| same(&|issued| is_new(issued) && issued.command == *command))
            .or_else(|| same(&|issued| is_new(issued) && issued.session == *key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    /// As 2026.9.6 sends it.
    const RUN: &str = r#"{"command":["/bin/sh","-c","uname -a"],"rawCommand":"uname -a","systemRunPlan":{},"timeoutMs":1800000,"agentId":"main","sessionKey":"agent:main:x","runId":"43eed87a"}"#;

    fn reported(runs: &mut ExecRuns, event: NodeEvent, payload: &str) -> Option<Value> {
        let report = runs.report(event, &Fields::read(payload).unwrap())?;
        Some(serde_json::from_str(&report).unwrap())
    }

    #[test]
    fn pitfall_4_a_plan_is_made_for_a_node_that_cannot_make_one() {
        let params = r#"{"command":["/bin/sh","-c","uname -a"],"security":"full","ask":"off","rawCommand":"uname -a","agentId":"main","sessionKey":"agent:main:x"}"#;
        let answer: Value = serde_json::from_str(&prepare(Some(params)).unwrap()).unwrap();
        assert_eq!(
            answer,
            json!({"plan":{"argv":["/bin/sh","-c","uname -a"],"cwd":null,"commandText":"uname -a","agentId":"main","sessionKey":"agent:main:x"}})
        );
        let bare: Value =
            serde_json::from_str(&prepare(Some(r#"{"command":["ls","-l"]}"#)).unwrap()).unwrap();
        assert_eq!(bare["plan"]["commandText"], "ls -l");
        assert!(prepare(None).is_err() && prepare(Some(r#"{"command":[]}"#)).is_err());
    }

    #[test]
    fn pitfall_5_reports_have_the_run_id_that_the_gateway_gave() {
        let mut runs = ExecRuns::default();
        runs.issued(Some(RUN));
        let started = r#"{"sessionKey":"main","runId":"own-1","host":"node","command":"uname -a"}"#;
        let report = reported(&mut runs, NodeEvent::ExecStarted, started).unwrap();
        assert_eq!(
            report,
            json!({"sessionKey":"agent:main:x","runId":"43eed87a","host":"node","command":"uname -a"})
        );
        let finished = r#"{"sessionKey":"main","runId":"own-1","host":"node","exitCode":0,"timedOut":false,"success":true,"output":"Darwin\n","reason":null}"#;
        let report = reported(&mut runs, NodeEvent::ExecFinished, finished).unwrap();
        assert_eq!(
            report,
            json!({"sessionKey":"agent:main:x","runId":"43eed87a","host":"node","exitCode":0,"timedOut":false,"success":true,"output":"Darwin\n"})
        );
        assert_eq!(reported(&mut runs, NodeEvent::ExecFinished, finished), None, "it has ended");
    }

    #[test]
    fn reports_of_two_programs_are_not_mixed_up() {
        let mut runs = ExecRuns::default();
        runs.issued(Some(r#"{"command":["a"],"sessionKey":"s","runId":"1"}"#));
        runs.issued(Some(r#"{"command":["b"],"sessionKey":"s","runId":"2"}"#));
        let run = |report: Option<Value>| report.map(|report| report["runId"].clone());
        let b = r#"{"sessionKey":"s","runId":"x","command":"b"}"#;
        assert_eq!(run(reported(&mut runs, NodeEvent::ExecDenied, b)), Some(json!("2")));
        let a = r#"{"sessionKey":"s","runId":"y","command":"a"}"#;
        assert_eq!(run(reported(&mut runs, NodeEvent::ExecFinished, a)), Some(json!("1")));
        // A new node sends back what it was given.
        runs.issued(Some(RUN));
        let given = r#"{"sessionKey":"z","runId":"43eed87a"}"#;
        assert_eq!(
            run(reported(&mut runs, NodeEvent::ExecFinished, given)),
            Some(json!("43eed87a"))
        );
        for _ in 0..2 * limits::RUNS_ISSUED {
            runs.issued(Some(RUN));
        }
        assert_eq!(runs.0.len(), limits::RUNS_ISSUED);
    }
}
