//! What plays a scenario, and what watches.

pub(crate) mod day;
pub(crate) mod laws;
pub(crate) mod player;
pub(crate) mod printer;
pub(crate) mod random;
pub(crate) mod script;
pub(crate) mod world;
