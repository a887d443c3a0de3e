//! One run from its start to its end, on a thread `run-N`: whatever happens, the sink hears of the
//! end, once, and nothing of the run is left.

use super::abort::Abort;
use super::attachments::Files;
use super::complaints::{Complaints, RunLog};
use super::program::{self, Turn};
use super::{Outcome, Run, RunSink};
use crate::config::{AgentConfig, AgentKind};
use crate::process::Program;
use crate::protocol::limits;
use rustix::process::Signal;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

/// A run with everything that belongs to it.
pub(super) struct Job {
    pub(super) run: Run,
    pub(super) sink: Box<dyn RunSink>,
    pub(super) abort: Arc<Abort>,
}

/// How the agent came to an end, and with which text.
pub(super) struct Ending {
    pub(super) result: Result<(), String>,
    pub(super) text: String,
}

impl Ending {
    /// Before there was any text.
    pub(super) fn failed(message: String) -> Self {
        Self { result: Err(message), text: String::new() }
    }
}

/// What is left of a run whose end is told before its program is gone.
pub(super) struct Remains {
    pub(super) program: Option<Program>,
    pub(super) files: Option<Files>,
    pub(super) complaints: Complaints,
}

/// Carries out one run.
pub(super) fn carry_out(config: &AgentConfig, job: Job) {
    let Job { run, mut sink, abort } = job;
    let complaints = Complaints::new(RunLog::new(&run.run_id));
    let mut remains = Remains { program: None, files: None, complaints };
    let work = || answer(config, &run, &mut *sink, &abort, &mut remains);
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
    remains.wind_down(&abort);
}

/// Tells the end.
pub(super) fn end(sink: Box<dyn RunSink>, outcome: Outcome) {
    if catch_unwind(AssertUnwindSafe(|| sink.end(outcome))).is_err() {
        log::error!("agent: panicked over the end of a run");
    }
}

fn answer(
    config: &AgentConfig,
    run: &Run,
    sink: &mut dyn RunSink,
    abort: &Abort,
    remains: &mut Remains,
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
        AgentKind::Command => match program::start(config, run, &context, remains) {
            Ok(started) => Turn::new(config, sink, abort).carry_out(run, started, remains),
            Err(message) => Ending::failed(message),
        },
    }
}

/// The agent of a machine that has none.
fn echo(run: &Run, sink: &mut dyn RunSink, abort: &Abort) -> Ending {
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

impl Remains {
    /// Asks the program to leave, waits as long as it may take, and kills what is left then.
    fn wind_down(&mut self, abort: &Abort) {
        let Self { program, complaints, .. } = self;
        if let Some(program) = program {
            program.signal(Signal::TERM);
            while Instant::now() < abort.kill_at() {
                // Its last words; a full pipe must not keep it from leaving.
                program.feed(&mut &[][..]);
                program.read_complaints(|bytes| complaints.take(bytes));
                program.read_output(|_| true);
                // What it started has the same signal, and its time, too.
                let pipes_are_over = program.output_is_over() && program.complaints_are_over();
                if program.has_ended().unwrap_or(true) && pipes_are_over {
                    break;
                }
                match program.wait(abort.watched(), abort.kill_at()) {
                    Ok(true) => abort.noticed(),
                    Ok(false) => {}
                    Err(_) => break,
                }
            }
            if !program.kill(Instant::now() + limits::AGENT_REAP) {
                complaints.note("(the program does not end)");
            }
        }
        complaints.finish();
        (self.program, self.files) = (None, None);
    }
}
