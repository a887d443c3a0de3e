//! The command agent: a program that reads the message and writes the answer. The contract is
//! told in `etc/agents/README.md`.

use super::abort::Abort;
use super::answer::{Answer, Said};
use super::attachments::Files;
use super::complaints::Complaints;
use super::line::one_line;
use super::run::{Ending, Remains};
use super::{Context, Run, RunSink};
use crate::config::{AgentConfig, AgentInput};
use crate::process::{self, Program};
use crate::protocol::limits;
use rustix::process::Signal;
use serde_json::json;
use std::io;
use std::process::ExitStatus;
use std::time::Instant;

/// Characters of what a node says that are handed on as a variable; the system has a limit, too.
const VARIABLE_CHARS: usize = 1024;

/// Starts the program; what it is to read comes with it.
///
/// # Errors
/// Why it cannot be started, and what to do.
pub(super) fn start(
    config: &AgentConfig,
    run: &Run,
    context: &Context,
    remains: &mut Remains,
) -> Result<(Program, Vec<u8>), String> {
    let Some((name, arguments)) = config.command.split_first() else {
        return Err("agent.command is empty; name a program in the configuration".to_owned());
    };
    remains.files = Files::write(&run.attachments)
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
    match &remains.files {
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
    Ok((program, input(config, run, context, remains.files.as_ref())))
}

/// A text of a node as the system takes it.
fn variable_text(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(VARIABLE_CHARS).collect()
}

fn input(config: &AgentConfig, run: &Run, context: &Context, files: Option<&Files>) -> Vec<u8> {
    if config.input == AgentInput::Text {
        // As the old gateway put them into the prompt.
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

/// A program at work, and the answer as far as it has come.
pub(super) struct Turn<'a> {
    sink: &'a mut dyn RunSink,
    abort: &'a Abort,
    answer: Answer,
    limit: usize,
    /// Bytes of the text that the sink knows.
    told: usize,
    /// When it may be told more.
    tell_at: Instant,
}

/// Why a program was not left to come to its end.
enum Cut {
    Aborted,
    TooLong,
    Broken(io::Error),
}

impl<'a> Turn<'a> {
    pub(super) fn new(config: &AgentConfig, sink: &'a mut dyn RunSink, abort: &'a Abort) -> Self {
        let limit = config.output_limit;
        let answer = Answer::new(config.output, limit);
        Self { sink, abort, answer, limit, told: 0, tell_at: Instant::now() }
    }

    /// Follows the program to its end. One that was cut short is left in `remains`.
    pub(super) fn carry_out(
        mut self,
        run: &Run,
        (mut program, input): (Program, Vec<u8>),
        remains: &mut Remains,
    ) -> Ending {
        let deadline = Instant::now() + run.timeout;
        let followed = self.follow(&mut program, &input, deadline, &mut remains.complaints);
        let result = match followed {
            Ok(status) => {
                remains.files = None;
                self.judge(status, &mut remains.complaints)
            }
            Err(cut) => {
                remains.program = Some(program);
                Err(match cut {
                    Cut::Aborted => "aborted".to_owned(),
                    Cut::TooLong => format!("answer too long: more than {} bytes", self.limit),
                    Cut::Broken(error) => format!("the agent could not be watched: {error}"),
                })
            }
        };
        self.tell_text();
        log::debug!("agent: over run={:?} ok={}", run.run_id, result.is_ok());
        Ending { result, text: self.answer.text().to_owned() }
    }

    fn follow(
        &mut self,
        program: &mut Program,
        mut input: &[u8],
        deadline: Instant,
        complaints: &mut Complaints,
    ) -> Result<ExitStatus, Cut> {
        let mut linger = None;
        loop {
            // Asked before reading: what a program wrote before its end is read then.
            let ended = program.has_ended().map_err(Cut::Broken)?;
            program.feed(&mut input);
            program.read_complaints(|bytes| complaints.take(bytes));
            if !program.read_output(|bytes| self.read(bytes, complaints)) {
                return Err(Cut::TooLong);
            }
            if self.abort.is_requested() {
                return Err(Cut::Aborted);
            }
            let now = Instant::now();
            if now >= self.tell_at {
                self.tell_text();
            }
            let end =
                if ended { *linger.get_or_insert(now + limits::AGENT_LINGER) } else { deadline };
            if ended && (program.output_is_over() || now >= end) {
                // What it started and left behind has nobody to talk to any more.
                program.signal(Signal::KILL);
                return program.collect().map_err(Cut::Broken);
            }
            if now >= end {
                self.abort.request("timeout");
                return Err(Cut::Aborted);
            }
            let untold = self.told < self.answer.text().len();
            let next = if untold { end.min(self.tell_at) } else { end };
            if program.wait(self.abort.watched(), next).map_err(Cut::Broken)? {
                self.abort.noticed();
            }
        }
    }

    /// Takes what the program has written; false if the answer is too long.
    fn read(&mut self, bytes: &[u8], complaints: &mut Complaints) -> bool {
        let Self { sink, abort, answer, told, .. } = self;
        answer.take(bytes, |text, said| pass_on(*sink, abort, told, complaints, text, said))
    }

    fn tell_text(&mut self) {
        let text = self.answer.text();
        if self.told < text.len() && !self.abort.is_requested() {
            self.told = text.len();
            self.sink.text(text);
            self.tell_at = Instant::now() + limits::AGENT_TEXT_EVERY;
        }
    }

    /// What the end of a program means.
    fn judge(&mut self, status: ExitStatus, complaints: &mut Complaints) -> Result<(), String> {
        let Self { sink, abort, answer, told, .. } = self;
        answer.finish(|text, said| pass_on(*sink, abort, told, complaints, text, said));
        let message = match (answer.error(), complaints.finish()) {
            (None, _) if status.success() => return Ok(()),
            (Some(error), _) => error.to_owned(),
            (None, Some(line)) => format!("agent failed ({status}): {line}"),
            (None, None) => format!("agent failed ({status})"),
        };
        Err(one_line(&message, limits::AGENT_ERROR_CHARS))
    }
}

/// Hands on what is not text. The sink is told the text in front of a tool before it.
fn pass_on(
    sink: &mut dyn RunSink,
    abort: &Abort,
    told: &mut usize,
    complaints: &mut Complaints,
    text: &str,
    said: Said,
) {
    match said {
        Said::Odd(note) => complaints.note(&note),
        Said::Tool(_) if abort.is_requested() => {}
        Said::Tool(event) => {
            if *told < text.len() {
                *told = text.len();
                sink.text(text);
            }
            sink.tool(&event);
        }
    }
}
