//! The command agent: a program that reads the message and writes the answer. Its contract is
//! described in `etc/agents/README.md`.

use super::abort::AbortSignal;
use super::attachments::AttachmentFiles;
use super::leftover::Leftover;
use super::lines::one_line;
use super::output::AnswerReader;
use super::pacer::DeltaPacer;
use super::run::{AgentRun, RunContext, RunSink};
use super::stderr::Stderr;
use crate::config::{AgentConfig, AgentInput};
use crate::process::{self, Program};
use crate::protocol::limits;
use rustix::process::Signal;
use serde_json::json;
use std::io;
use std::process::ExitStatus;
use std::time::Instant;

/// Starts the program. Returns it with what it is to read.
///
/// # Errors
/// Why it cannot be started, and what to do about it.
pub(super) fn start(
    config: &AgentConfig,
    run: &AgentRun,
    context: &RunContext,
    leftover: &mut Leftover,
) -> Result<(Program, Vec<u8>), String> {
    let Some((name, arguments)) = config.command.split_first() else {
        return Err("agent.command is empty; name a program in the configuration".to_owned());
    };
    leftover.files = AttachmentFiles::write(&run.attachments)
        .map_err(|error| format!("could not write the attachments for the agent: {error}"))?;
    let mut command = process::command(name);
    command.args(arguments).envs(&config.env);
    let variables = [
        ("RUN_ID", Some(&run.run_id)),
        ("SESSION_KEY", Some(&run.session_key)),
        ("SESSION_ID", Some(&context.session_id)),
        ("NODE_ID", run.node_id.as_ref()),
    ];
    for (variable, value) in variables {
        let variable = format!("OPENCLAW_BRIDGE_{variable}");
        match value {
            Some(value) => command.env(variable, variable_text(value)),
            None => command.env_remove(variable),
        };
    }
    match &leftover.files {
        Some(files) => command.env("OPENCLAW_BRIDGE_ATTACHMENTS", files.dir()),
        None => command.env_remove("OPENCLAW_BRIDGE_ATTACHMENTS"),
    };
    if let Some(cwd) = &config.cwd {
        if !cwd.is_dir() {
            return Err(format!("agent.cwd, `{}`, is not a directory", cwd.display()));
        }
        command.current_dir(cwd);
    }
    let program = Program::start(&mut command).map_err(|error| {
        log::error!("agent: `{name}` could not be started: {error}");
        format!("the agent `{name}` could not be started: {error}; check agent.command")
    })?;
    log::debug!("agent: started run={:?} program={name:?}", run.run_id);
    Ok((program, input(config, run, context, leftover.files.as_ref())))
}

/// A node's text without what the system refuses in a variable.
fn variable_text(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(limits::AGENT_VARIABLE_CHARS).collect()
}

fn input(
    config: &AgentConfig,
    run: &AgentRun,
    context: &RunContext,
    files: Option<&AttachmentFiles>,
) -> Vec<u8> {
    if config.input == AgentInput::Text {
        // Where the old gateway put them in the prompt.
        let events = context.system_events.iter().map(|event| format!("System: {event}\n"));
        let events: String = events.collect();
        let gap = if events.is_empty() { "" } else { "\n" };
        return format!("{events}{gap}{}", run.message).into_bytes();
    }
    let paths = files.into_iter().flat_map(|files| &files.paths);
    let attachments = run.attachments.iter().zip(paths).map(|(attachment, path)| {
        json!({
            "fileName": attachment.file_name,
            "mimeType": attachment.mime_type,
            "path": path.to_string_lossy(),
        })
    });
    let object = json!({
        "runId": run.run_id,
        "sessionKey": run.session_key,
        "sessionId": context.session_id,
        "nodeId": run.node_id,
        "message": run.message,
        "thinking": run.thinking,
        "attachments": attachments.collect::<Vec<_>>(),
        "history": context.history,
        "systemEvents": context.system_events,
    });
    format!("{object}\n").into_bytes()
}

/// How the agent came to an end, and with which text.
pub(super) struct AgentResult {
    pub(super) result: Result<(), String>,
    pub(super) text: String,
}

impl AgentResult {
    /// A failure before there was any text.
    pub(super) fn failed(message: String) -> Self {
        Self { result: Err(message), text: String::new() }
    }
}

/// A program at work, and the answer so far.
pub(super) struct ProgramRun<'a> {
    abort: &'a AbortSignal,
    pacer: DeltaPacer<'a>,
    answer: AnswerReader,
    limit: usize,
}

/// Why a program was not left to come to its end.
enum WatchError {
    Aborted,
    TooLong,
    Broken(io::Error),
}

impl<'a> ProgramRun<'a> {
    pub(super) fn new(
        config: &AgentConfig,
        sink: &'a mut dyn RunSink,
        abort: &'a AbortSignal,
    ) -> Self {
        let limit = config.output_limit;
        let answer = AnswerReader::new(config.output, limit);
        Self { abort, pacer: DeltaPacer::new(sink, abort), answer, limit }
    }

    /// Follows the program to its end. One that was cut short is left in `leftover`.
    pub(super) fn carry_out(
        mut self,
        run: &AgentRun,
        (mut program, input): (Program, Vec<u8>),
        leftover: &mut Leftover,
    ) -> AgentResult {
        let deadline = Instant::now() + run.timeout;
        let followed = self.follow(&mut program, &input, deadline, &mut leftover.stderr);
        let result = match followed {
            Ok(status) => {
                leftover.files = None;
                self.judge(status, &mut leftover.stderr)
            }
            Err(cut) => {
                leftover.program = Some(program);
                Err(match cut {
                    WatchError::Aborted => "aborted".to_owned(),
                    WatchError::TooLong => {
                        format!("answer too long: more than {} bytes", self.limit)
                    }
                    WatchError::Broken(error) => format!("the agent could not be watched: {error}"),
                })
            }
        };
        self.pacer.flush(self.answer.text());
        log::debug!("agent: finished run={:?} ok={}", run.run_id, result.is_ok());
        AgentResult { result, text: self.answer.text().to_owned() }
    }

    fn follow(
        &mut self,
        program: &mut Program,
        mut input: &[u8],
        deadline: Instant,
        stderr: &mut Stderr,
    ) -> Result<ExitStatus, WatchError> {
        let mut linger = None;
        loop {
            // Asked before reading, so that everything a program wrote before its end is read.
            let ended = program.has_ended().map_err(WatchError::Broken)?;
            program.feed(&mut input);
            program.read_stderr(|bytes| stderr.take(bytes));
            if !program.read_stdout(|bytes| self.read(bytes, stderr)) {
                return Err(WatchError::TooLong);
            }
            if self.abort.is_requested() {
                return Err(WatchError::Aborted);
            }
            let delta_due = self.pacer.text(self.answer.text());
            let now = Instant::now();
            let end =
                if ended { *linger.get_or_insert(now + limits::AGENT_LINGER) } else { deadline };
            if ended && (program.stdout_is_closed() || now >= end) {
                // Nobody reads what the children it left behind write.
                program.signal(Signal::KILL);
                return program.collect().map_err(WatchError::Broken);
            }
            if now >= end {
                self.pacer.flush(self.answer.text());
                self.abort.request("timeout");
                return Err(WatchError::Aborted);
            }
            let next = delta_due.map_or(end, |due| end.min(due));
            if program.wait(self.abort.poll_fd(), next).map_err(WatchError::Broken)? {
                self.abort.reset();
            }
        }
    }

    /// Takes what the program has written; false if the answer is too long.
    fn read(&mut self, bytes: &[u8], stderr: &mut Stderr) -> bool {
        let Self { pacer, answer, .. } = self;
        answer.take(bytes, |text, event| pacer.event(text, event, stderr))
    }

    /// What the end of a program means.
    fn judge(&mut self, status: ExitStatus, stderr: &mut Stderr) -> Result<(), String> {
        let Self { pacer, answer, .. } = self;
        answer.finish(|text, event| pacer.event(text, event, stderr));
        let message = match (answer.error(), stderr.finish()) {
            (None, _) if status.success() => return Ok(()),
            (Some(error), _) => error.to_owned(),
            (None, Some(line)) => format!("agent failed ({status}): {line}"),
            (None, None) => format!("agent failed ({status})"),
        };
        Err(one_line(&message, limits::AGENT_ERROR_CHARS))
    }
}
