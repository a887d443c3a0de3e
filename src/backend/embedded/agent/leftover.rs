//! What is left of a run that has ended before its program did.

use super::abort::AbortSignal;
use super::attachments::AttachmentFiles;
use super::stderr::Stderr;
use crate::process::Program;
use crate::protocol::limits;
use rustix::process::Signal;
use std::time::Instant;

/// A process that was cut short, with what it uses.
pub(super) struct Leftover {
    pub(super) program: Option<Program>,
    pub(super) files: Option<AttachmentFiles>,
    pub(super) stderr: Stderr,
}

impl Leftover {
    /// Nothing yet.
    pub(super) fn new(run_id: &str) -> Self {
        Self { program: None, files: None, stderr: Stderr::new(run_id) }
    }

    /// Asks the program to terminate, waits as long as it may take, then kills what is left.
    pub(super) fn terminate(&mut self, abort: &AbortSignal) {
        let Self { program, stderr, .. } = self;
        if let Some(program) = program {
            program.signal(Signal::TERM);
            while Instant::now() < abort.kill_at() {
                // A full pipe must not keep it from ending.
                program.feed(&mut &[][..]);
                program.read_stderr(|bytes| stderr.take(bytes));
                program.read_stdout(|_| true);
                // Its children got the same signal, and get the same time.
                let pipes_are_over = program.stdout_is_closed() && program.stderr_is_closed();
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
        (self.program, self.files) = (None, None);
    }
}
