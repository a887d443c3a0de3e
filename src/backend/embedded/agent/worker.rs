//! One run from its start to its end, on a thread `run-N`: whatever happens, the sink gets the
//! end exactly once, and nothing of the run is left.

use super::abort::AbortSignal;
use super::leftover::Leftover;
use super::program::{self, Ending, ProgramRun};
use super::run::{Outcome, Run, RunSink};
use crate::config::{AgentConfig, AgentKind};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// A run with everything that belongs to it.
pub(super) struct Job {
    pub(super) run: Run,
    pub(super) sink: Box<dyn RunSink>,
    pub(super) abort: Arc<AbortSignal>,
}

/// Carries out one run.
pub(super) fn carry_out(config: &AgentConfig, job: Job) {
    let Job { run, mut sink, abort } = job;
    let mut leftover = Leftover::new(&run.run_id);
    let work = || answer(config, &run, &mut *sink, &abort, &mut leftover);
    // A sink that panics costs this run, not the thread.
    let ending = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        log::error!("agent: panicked run={:?}", run.run_id);
        Ending::failed("the gateway failed while the agent answered".to_owned())
    });
    let Ending { result, text } = ending;
    let outcome = match (abort.settle(), result) {
        (Some(reason), _) => Outcome::Aborted { reason, text },
        (None, Ok(())) => Outcome::Done { text },
        (None, Err(message)) => Outcome::Failed { message, text },
    };
    end(sink, outcome);
    leftover.terminate(&abort);
}

/// Reports the end to the sink.
pub(super) fn end(sink: Box<dyn RunSink>, outcome: Outcome) {
    if catch_unwind(AssertUnwindSafe(|| sink.end(outcome))).is_err() {
        log::error!("agent: panicked at the end of a run");
    }
}

fn answer(
    config: &AgentConfig,
    run: &Run,
    sink: &mut dyn RunSink,
    abort: &AbortSignal,
    leftover: &mut Leftover,
) -> Ending {
    if abort.is_requested() {
        return Ending::failed("aborted".to_owned());
    }
    let context = match sink.prepare() {
        Ok(context) => context,
        Err(message) => return Ending::failed(message),
    };
    if abort.is_requested() {
        return Ending::failed("aborted".to_owned());
    }
    sink.started();
    match config.kind {
        AgentKind::Echo => echo(run, sink, abort),
        AgentKind::Command => match program::start(config, run, &context, leftover) {
            Ok(started) => ProgramRun::new(config, sink, abort).carry_out(run, started, leftover),
            Err(message) => Ending::failed(message),
        },
    }
}

/// The agent where none is configured.
fn echo(run: &Run, sink: &mut dyn RunSink, abort: &AbortSignal) -> Ending {
    let files = match run.attachments.len() {
        0 => String::new(),
        1 => " (and 1 attachment)".to_owned(),
        count => format!(" (and {count} attachments)"),
    };
    let text = format!("Echo (built-in; no agent is configured): {}{files}", run.message);
    if !abort.is_requested() {
        sink.text(&text);
    }
    Ending { result: Ok(()), text }
}
