//! `nodes run`, `nodes camera snap` and so on: commands that have a node do one thing, with the
//! names, flags and defaults of the old command line (protocol sections 8 and 12).
//!
//! Each makes the parameters of one invoke, and says in words what came back.

mod a2ui;
mod ask;
mod canvas;
mod media;
mod new_file;
mod reason;
mod recordings;
mod run;
mod wait;
mod words;

pub(super) use canvas::{eval, hide, navigate, present, push, reset};
pub(super) use reason::failure;
pub(super) use recordings::{cameras, clip, record, snap, snapshot};
pub(super) use run::run;
pub(super) use words::{location, notify, sms};
