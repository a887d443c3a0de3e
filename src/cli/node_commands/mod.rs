//! `nodes run`, `nodes camera snap` and so on: each runs one command on a node and prints the result,
//! with the names, flags and defaults of the old command line (protocol sections 8 and 12).

pub(super) mod a2ui;
pub(super) mod approvals;
pub(super) mod canvas;
pub(super) mod error_hints;
mod interrupt;
pub(super) mod invoke;
pub(super) mod media;
pub(super) mod media_file;
pub(super) mod phone;
mod progress;
pub(super) mod system;

use super::*;
use crate::protocol::command::NodeCall;
use invoke::{
    check_range, command_failed, could_not_write, duration_within, failed, usage, Invoke,
};
