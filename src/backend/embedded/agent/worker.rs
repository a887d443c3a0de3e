//! One run from its start to its end, on a thread `run-N`: whatever happens, the sink gets the
//! end exactly once, and nothing of the run is left.

use super::abort::AbortSignal;
use super::leftover::Leftover;
use super::program::{self, AgentResult, ProgramRun};
use super::run::{AgentRun, RunOutcome, RunSink};
use crate::config::{AgentConfig, AgentKind};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// A run with everything that belongs to it.
pub(super) struct AgentJob {
    pub(super) run: AgentRun,
    pub(super) sink: Box<dyn RunSink>,
    pub(super) abort: Arc<AbortSignal>,
}

/// Carries out one run.
pub(super) fn carry_out(config: &AgentConfig, job: AgentJob) {
    let AgentJob { run, mut sink, abort } = job;
    let mut leftover = Leftover::new(&run.run_id);
    let work = || answer(config, &run, &mut *sink, &abort, &mut leftover);
    // A sink that panics costs this run, not the thread.
    let ending = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        log::error!("agent: panicked run={:?}", run.run_id);
        AgentResult::failed("the gateway failed while the agent answered".to_owned())
    });
    let AgentResult { result, text } = ending;
    let outcome = match (abort.settle(), result) {
        (Some(reason), _) => RunOutcome::Aborted { reason, text },
        (None, Ok(())) => RunOutcome::Done { text },
        (None, Err(message)) => RunOutcome::Failed { message, text },
    };
    end(sink, outcome);
    leftover.terminate(&abort);
}

/// Reports the end to the sink.
pub(super) fn end(sink: Box<dyn RunSink>, outcome: RunOutcome) {
    if catch_unwind(AssertUnwindSafe(|| sink.end(outcome))).is_err() {
        log::error!("agent: panicked while ending a run");
    }
}

fn answer(
    config: &AgentConfig,
    run: &AgentRun,
    sink: &mut dyn RunSink,
    abort: &AbortSignal,
    leftover: &mut Leftover,
) -> AgentResult {
    if abort.is_requested() {
        return AgentResult::failed("aborted".to_owned());
    }
    let context = match sink.prepare() {
        Ok(context) => context,
        Err(message) => return AgentResult::failed(message),
    };
    if abort.is_requested() {
        return AgentResult::failed("aborted".to_owned());
    }
    sink.started();
    match config.kind {
        AgentKind::Echo => echo(run, sink, abort),
        AgentKind::Command => match program::start(config, run, &context, leftover) {
            Ok(started) => ProgramRun::new(config, sink, abort).carry_out(run, started, leftover),
            Err(message) => AgentResult::failed(message),
        },
    }
}

/// The agent where none is configured.
fn echo(run: &AgentRun, sink: &mut dyn RunSink, abort: &AbortSignal) -> AgentResult {
    let files = match run.attachments.len() {
        0 => String::new(),
        1 => " (and 1 attachment)".to_owned(),
        count => format!(" (and {count} attachments)"),
    };
    let text = format!("Echo (built-in; no agent is configured): {}{files}", run.message);
    if !abort.is_requested() {
        sink.text(&text);
    }
    AgentResult { result: Ok(()), text }
}
