//! `nodes run`, `nodes camera snap` and so on: commands that each run one command on a node, with
//! the
//! names, flags and defaults of the old command line (protocol sections 8 and 12).
//!
//! Each command builds the parameters of one invoke and prints the result.

mod a2ui;
mod canvas;
mod error_hints;
mod interrupt;
mod invoke;
mod media;
mod media_file;
mod notify;
mod output_file;
mod phone;
mod progress;
mod run;

pub(super) use canvas::{eval, hide, navigate, present, push, reset};
pub(super) use error_hints::failure;
pub(super) use media::{cameras, clip, record, snap, snapshot};
pub(super) use notify::notify;
pub(super) use phone::{location, sms};
pub(super) use run::run;
