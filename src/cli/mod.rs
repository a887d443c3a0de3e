//! The command line: one table of verbs, and what is made from it.

pub mod args;
pub mod completions;
pub mod help;
pub mod node;
pub mod table;
mod verbs;
