//! A current OpenClaw gateway as the backend: every node that is connected here has a connection of
//! its own there.

mod translate;
