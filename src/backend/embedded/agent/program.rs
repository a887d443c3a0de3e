//! The command agent: a program that reads the message and writes the answer. Its contract is
//! described in `etc/agents/README.md`.

use super::abort::AbortSignal;
use super::attachments::RunFiles;
use super::environment::{self, AgentHost};
use super::media;
use super::output::AnswerReader;
use super::pacer::DeltaPacer;
use super::run::{AgentJob, AgentRun, RunContext};
use super::stderr::Stderr;
use crate::config::{AgentConfig, AgentInput};
use crate::process::{self, Program};
use crate::protocol::{limits, NodeId};
use rustix::process::Signal;
use serde_json::json;
use std::process::ExitStatus;
use std::time::Instant;

/// Starts the program, and returns it with what it is to read; or why it cannot be started, and
/// what to do about it.
pub(super) fn start(
    (config, host): (&AgentConfig, &AgentHost),
    run: &AgentRun,
    context: &RunContext,
    leftover: &mut Leftover,
) -> Result<(Program, Vec<u8>), String> {
    let Some((name, arguments)) = config.command.split_first() else {
        return Err("agent.command is empty; name a program in the configuration".to_owned());
    };
    leftover.files = RunFiles::create(&run.attachments)
        .map_err(|error| format!("could not write the attachments for the agent: {error}"))?;
    let files = leftover.files.as_ref();
    let mut command = process::command(name);
    command.args(arguments);
    environment::set(&mut command, (config, host), run, context, files);
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
    Ok((program, input(config, run, context, files)))
}

fn input(
    config: &AgentConfig,
    run: &AgentRun,
    context: &RunContext,
    files: Option<&RunFiles>,
) -> Vec<u8> {
    if config.input == AgentInput::Text {
        // Where the old gateway put them in the prompt.
        let events = context.system_events.iter().map(|event| format!("System: {event}\n"));
        let events: String = events.collect();
        let gap = if events.is_empty() { "" } else { "\n" };
        return format!("{events}{gap}{}", run.message).into_bytes();
    }
    let paths = files.into_iter().flat_map(|files| &files.attachments);
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
        "nodeId": run.node.as_ref().map(NodeId::as_str),
        "nodeName": context.node_name,
        "message": run.message,
        "model": context.model,
        "thinking": run.thinking,
        "verbose": context.verbose,
        "deliver": run.deliver,
        "channel": run.channel,
        "to": run.to,
        "attachments": attachments.collect::<Vec<_>>(),
        "history": context.history,
        "systemEvents": context.system_events,
    });
    format!("{object}\n").into_bytes()
}

/// Follows the program to its end. One that was cut short is put into `leftover`. The answer so far
/// is put into `text`; the error says why it is not complete.
pub(super) fn follow(
    (config, host): (&AgentConfig, &AgentHost),
    job: &mut AgentJob,
    (mut program, input): (Program, Vec<u8>),
    leftover: &mut Leftover,
    text: &mut String,
) -> Result<(), String> {
    let timeout = job.run.timeout.map_or(config.timeout, |wanted| wanted.min(config.timeout));
    let mut answer = RunningAnswer {
        reader: AnswerReader::new(config.output, config.output_limit),
        pacer: DeltaPacer::new(&mut *job.sink, &job.abort),
        stderr: &mut leftover.stderr,
        limit: config.output_limit,
    };
    let watched = answer.watch(&job.abort, &mut program, &input, Instant::now() + timeout);
    let result = match watched {
        Ok(status) => answer.judge(status),
        Err(why) => {
            leftover.program = Some(program);
            Err(why)
        }
    };
    let reader = answer.end();
    log::debug!("agent: finished run={:?} ok={}", job.run.run_id, result.is_ok());
    reader.text().clone_into(text);
    if leftover.program.is_none() {
        send_media(&reader, (config, host), job, leftover, text);
        leftover.files = None;
    }
    result
}

/// Sends what the answer of a program names that has ended, and tells the reader about the rest.
fn send_media(
    reader: &AnswerReader,
    agent: (&AgentConfig, &AgentHost),
    job: &mut AgentJob,
    leftover: &mut Leftover,
    text: &mut String,
) {
    let (media, refused) = media::read(reader.media(), agent, leftover.files.as_ref());
    for why in refused {
        leftover.stderr.note(&why);
        media::add_note(text, &why);
    }
    if !media.is_empty() && !job.abort.is_requested() {
        job.sink.media(media);
    }
}

struct RunningAnswer<'a> {
    reader: AnswerReader,
    pacer: DeltaPacer<'a>,
    stderr: &'a mut Stderr,
    limit: usize,
}

impl RunningAnswer<'_> {
    /// Tells what has not been told, and returns the answer.
    fn end(mut self) -> AnswerReader {
        self.pacer.flush(self.reader.text());
        self.reader
    }

    /// Serves the program until its end. The error says why it was not left to come to it.
    fn watch(
        &mut self,
        abort: &AbortSignal,
        program: &mut Program,
        mut input: &[u8],
        deadline: Instant,
    ) -> Result<ExitStatus, String> {
        let broken = |error| format!("the agent could not be watched: {error}");
        let mut linger = None;
        loop {
            // Asked before reading, so that everything a program wrote before its end is read.
            let ended = program.has_ended().map_err(broken)?;
            program.feed(&mut input);
            program.read_stderr(|bytes| self.stderr.take(bytes));
            if !program.read_stdout(|bytes| self.take(bytes)) {
                return Err(format!("answer too long: more than {} bytes", self.limit));
            }
            abort.check()?;
            let delta_due = self.pacer.text(self.reader.text());
            let now = Instant::now();
            let end =
                if ended { *linger.get_or_insert(now + limits::AGENT_LINGER) } else { deadline };
            if ended && (program.stdout_is_closed() || now >= end) {
                // Nobody reads what the children it left behind write.
                program.signal(Signal::KILL);
                return program.collect().map_err(broken);
            }
            if now >= end {
                self.pacer.flush(self.reader.text());
                abort.request("timeout");
                abort.check()?;
            }
            let next = delta_due.map_or(end, |due| end.min(due));
            if program.wait(abort.poll_fd(), next).map_err(broken)? {
                abort.reset();
            }
        }
    }

    /// Takes what the program has written; false if the answer is too long.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let Self { reader, pacer, stderr, .. } = self;
        reader.take(bytes, |text, event| pacer.event(text, event, stderr))
    }

    fn judge(&mut self, status: ExitStatus) -> Result<(), String> {
        let Self { reader, pacer, stderr, .. } = self;
        reader.finish(|text, event| pacer.event(text, event, stderr));
        match (reader.error(), stderr.finish()) {
            (None, _) if status.success() => Ok(()),
            (Some(error), _) => Err(error.to_owned()),
            (None, Some(line)) => Err(format!("agent failed ({status}): {line}")),
            (None, None) => Err(format!("agent failed ({status})")),
        }
    }
}

/// What a run uses; of one that has ended before its program did, what is left.
pub(super) struct Leftover {
    pub(super) program: Option<Program>,
    pub(super) files: Option<RunFiles>,
    pub(super) stderr: Stderr,
}

impl Leftover {
    /// Asks the program to terminate, waits as long as it may take, then kills what is left.
    pub(super) fn terminate(mut self, abort: &AbortSignal) {
        let stderr = &mut self.stderr;
        if let Some(program) = &mut self.program {
            program.signal(Signal::TERM);
            while Instant::now() < abort.kill_at() {
                // A full pipe must not keep it from ending.
                program.feed(&mut &[][..]);
                program.read_stderr(|bytes| stderr.take(bytes));
                program.read_stdout(|_| true);
                // Its children got the same signal, and get the same time.
                let pipes_are_over = program.output_is_closed();
                if program.has_ended().unwrap_or(true) && pipes_are_over {
                    break;
                }
                match program.wait(abort.poll_fd(), abort.kill_at()) {
                    Ok(true) => abort.reset(),
                    Ok(false) => {}
                    Err(_) => break,
                }
            }
            if !program.kill(Instant::now() + limits::AGENT_REAP) {
                stderr.note("(the program does not end)");
            }
        }
        stderr.finish();
    }
}
