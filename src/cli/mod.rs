//! Not written yet.

pub mod node;
