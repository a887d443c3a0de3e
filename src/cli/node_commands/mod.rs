//! `nodes run`, `nodes camera snap` and so on: commands that have a node do one thing, with the
//! names, flags and defaults of the old command line (protocol sections 8 and 12).
//!
//! Each makes the parameters of one invoke, and says in words what came back.

mod a2ui;
mod canvas;
mod error_hints;
mod invoke;
mod media;
mod media_file;
mod output_file;
mod progress;
mod run;
mod simple;

pub(super) use canvas::{eval, hide, navigate, present, push, reset};
pub(super) use error_hints::failure;
pub(super) use media::{cameras, clip, record, snap, snapshot};
pub(super) use run::run;
pub(super) use simple::{location, notify, sms};
