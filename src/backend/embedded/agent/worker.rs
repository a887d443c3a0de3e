//! One run from its start to its end, on a thread `run-N`: whatever happens, the sink gets the
//! end exactly once, and nothing of the run is left.

use super::environment::AgentHost;
use super::program::{self, Leftover};
use super::run::{AgentJob, RunOutcome, RunSink};
use super::stderr::Stderr;
use crate::config::{AgentConfig, AgentKind};
use crate::protocol::limits;
use crate::protocol::text::one_line;
use std::panic::{catch_unwind, AssertUnwindSafe};

pub(super) fn carry_out((config, host): (&AgentConfig, &AgentHost), mut job: AgentJob) {
    let stderr = Stderr::new(&job.run.run_id);
    let mut leftover = Leftover { program: None, files: None, stderr };
    let mut text = String::new();
    let work = || answer((config, host), &mut job, &mut leftover, &mut text);
    // A sink that panics costs this run, not the thread.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        log::error!("agent: panicked run={:?}", job.run.run_id);
        Err("the gateway failed while the agent answered".to_owned())
    });
    let outcome = match (job.abort.settle(), result) {
        (Some(reason), _) => RunOutcome::Aborted { reason, text },
        (None, Ok(())) => RunOutcome::Done { text },
        (None, Err(message)) => {
            let message = one_line(&message, limits::AGENT_ERROR_CHARS);
            RunOutcome::Failed { message, text }
        }
    };
    end(job.sink, outcome);
    leftover.terminate(&job.abort);
}

pub(super) fn end(sink: Box<dyn RunSink>, outcome: RunOutcome) {
    if catch_unwind(AssertUnwindSafe(|| sink.end(outcome))).is_err() {
        log::error!("agent: panicked while ending a run");
    }
}

/// Puts the answer into `text`; the error says why it is not complete.
fn answer(
    (config, host): (&AgentConfig, &AgentHost),
    job: &mut AgentJob,
    leftover: &mut Leftover,
    text: &mut String,
) -> Result<(), String> {
    job.abort.check()?;
    let context = job.sink.prepare()?;
    job.abort.check()?;
    job.sink.started();
    match config.kind {
        AgentKind::Echo => *text = echo(job),
        AgentKind::Command => {
            let started = program::start((config, host), &job.run, &context, leftover)?;
            return program::follow((config, host), job, started, leftover, text);
        }
    }
    Ok(())
}

/// The agent where none is configured.
fn echo(job: &mut AgentJob) -> String {
    let files = match job.run.attachments.len() {
        0 => String::new(),
        1 => " (and 1 attachment)".to_owned(),
        count => format!(" (and {count} attachments)"),
    };
    let text = format!("Echo (built-in; no agent is configured): {}{files}", job.run.message);
    if !job.abort.is_requested() {
        job.sink.text(&text);
    }
    text
}
