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
use invoke::{
    check_range, command_failed, could_not_write, duration_within, failed, usage, Invoke,
};

pub(super) use a2ui::checked as checked_a2ui;
pub(super) use canvas::{
    check_rendered, eval, hide, navigate, present, push, rendered_warnings, reset,
};
pub(super) use error_hints::failure;
pub(super) use invoke::{payload, print_invoked, refused};
pub(super) use media::{cameras, clip as clip_video, record, snap, snapshot};
pub(super) use media_file::{receive, MediaFile, IMAGES, VIDEOS};
pub(super) use phone::{location, sms};
pub(super) use system::{notify, run};
