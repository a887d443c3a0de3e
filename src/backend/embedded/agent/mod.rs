//! Who answers chat messages: the built-in echo, or one process per run.
//!
//! A run waits in a bounded queue, those of one session in order, until one of at most
//! `agent.maxConcurrent` threads `run-N` takes it; an idle thread ends. A run's context is
//! requested when it starts, not when it is queued, so that it includes the runs before it. This
//! part knows nothing about nodes, session files or events: everything goes to the run's
//! [`RunSink`].

mod abort;
mod attachments;
mod environment;
mod lines;
mod media;
mod media_lines;
mod output;
mod pacer;
mod program;
mod queue;
mod run;
mod stderr;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use attachments::{extension, image_type};
pub(crate) use environment::AgentHost;
pub(crate) use media::add_note;
pub(crate) use queue::Agents;
pub(crate) use run::{
    AgentAttachment, AgentRun, AnswerMedia, Busy, RunContext, RunOutcome, RunSink,
};
