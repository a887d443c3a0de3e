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

/// How many times more patient all tests are: for a slow board, or one that is emulated, build them with
/// `TESTS_PATIENCE=6`.
const PATIENCE: u32 = match option_env!("TESTS_PATIENCE") {
    None => 1,
    Some(text) => match u32::from_str_radix(text, 10) {
        Ok(times) => times,
        Err(_) => panic!("TESTS_PATIENCE is a whole number"),
    },
};

/// How long anything that has to happen may take. Generous, because the machine may be busy;
/// nothing waits this long unless it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20 * PATIENCE as u64);

/// Waits until `look` finds something, looking again and again.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until(DEADLINE, what, look)
}

/// As [`eventually`], with another deadline.
#[track_caller]
pub(crate) fn within<T>(deadline: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    until(deadline * PATIENCE, what, look)
}

#[track_caller]
fn until<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
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
    let (took, limit) = (began.elapsed(), limit * PATIENCE);
    assert!(took < limit, "{what} took {took:?}, more than {limit:?}");
}
