//! What the tests are made of: [`Daemon`], [`Phone`], [`pi::Pi`], [`Operator`], [`Control`] and
//! [`Terminal`].

pub(crate) mod apps;
mod control;
mod daemon;
pub(crate) mod faults;
pub(crate) mod gateway;
mod namespace;
mod operator;
mod phone;
pub(crate) mod pi;
pub(crate) mod secrets;
mod terminal;
pub(crate) mod tls;
pub(crate) mod tools;
mod web;

pub(crate) use control::Control;
pub(crate) use daemon::{Daemon, Setup};
pub(crate) use namespace::{Namespace, NEEDS_NAMESPACES};
pub(crate) use operator::{Operator, Run};
pub(crate) use phone::{Next, Phone};
pub(crate) use terminal::Terminal;
pub(crate) use web::Web;

use std::time::{Duration, Instant};

/// How long anything that has to happen may take. Generous, because the machine may be busy;
/// nothing waits this long unless it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `look` finds something, looking again and again.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look)
}

/// As [`eventually`], with another deadline.
#[track_caller]
pub(crate) fn within<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What became of something that can still be going on.
#[track_caller]
pub(crate) fn took_less_than(limit: Duration, began: Instant, what: &str) {
    let took = began.elapsed();
    assert!(took < limit, "{what} took {took:?}, more than {limit:?}");
}
