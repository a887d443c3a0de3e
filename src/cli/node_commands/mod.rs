//! `nodes run`, `nodes camera snap` and so on: each runs one command on a node and prints the result,
//! with the names, flags and defaults of the old command line (protocol sections 8 and 12).

mod a2ui;
pub(super) mod approvals;
mod canvas;
mod error_hints;
mod interrupt;
mod invoke;
mod media;
mod media_file;
mod phone;
mod progress;
mod system;

use super::*;
use crate::protocol::command::NodeCall;
pub(super) use invoke::print_invoked;
use invoke::{check_range, could_not_write, duration_within, failed, usage, Invoke};

pub(super) use canvas::{eval, hide, navigate, present, push, reset};
pub(super) use error_hints::failure;
pub(super) use media::{cameras, clip as clip_video, record, snap, snapshot};
pub(super) use phone::{location, sms};
pub(super) use system::{notify, run};
