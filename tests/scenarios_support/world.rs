//! The router with everything around it played: a clock that is moved by hand, a disk that can be
//! full, ids that are counted. Whatever happens is checked against the laws.

use super::laws::Laws;
use openclaw_bridge::pairing_store::PairingStore;
use openclaw_bridge::protocol::operator::OperatorCommand;
use openclaw_bridge::protocol::Token;
use openclaw_bridge::router::{Ids, Input, Mono, Now, Output, PairingBook, Policy, Router, Wall};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The calendar at the start of every test.
pub(crate) const BEGINNING: u64 = 1_768_800_000_000;

/// What the disk says when it is full.
const DISK_FULL: &str = "no space left on device";

/// The router and what it depends on.
pub(crate) struct World {
    /// The rules from the next start on.
    pub(crate) policy: Policy,
    /// What the pairing files hold.
    pub(crate) disk: PairingBook,
    /// Whether saves fail.
    pub(crate) disk_full: bool,
    /// Since the beginning.
    pub(crate) now: Duration,
    /// What must never be broken.
    pub(crate) laws: Laws,
    router: Option<Router>,
    started: Duration,
    counts: Counts,
}

/// Something the router did, and for a save what followed from its outcome.
pub(crate) struct Deed {
    pub(crate) output: Output,
    /// What the pairing files held before it.
    pub(crate) before: PairingBook,
    /// For a save: whether it worked, and what the router did next.
    pub(crate) then: Option<(bool, Vec<Self>)>,
}

/// Counters behind the ids, shared with the router.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Counted>>);

#[derive(Default)]
struct Counted {
    naming_invokes: bool,
    requests: u64,
    invokes: u64,
    tokens: u64,
}

impl Ids for Counts {
    fn unique(&mut self) -> String {
        let mut counted = self.0.lock().unwrap();
        if counted.naming_invokes {
            counted.invokes += 1;
            format!("inv-{}", counted.invokes)
        } else {
            counted.requests += 1;
            format!("req-{}", counted.requests)
        }
    }

    fn token(&mut self) -> Token {
        let mut counted = self.0.lock().unwrap();
        counted.tokens += 1;
        Token::presented(&format!("token-{}", counted.tokens)).unwrap()
    }
}

impl World {
    pub(crate) fn new(policy: Policy, disk: PairingBook) -> Self {
        Self {
            policy,
            disk,
            disk_full: false,
            now: Duration::ZERO,
            laws: Laws::default(),
            router: None,
            started: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// Gives the router an input and, as its run loop does, the outcome of a save right after it.
    pub(crate) fn give(&mut self, input: Input) -> Vec<Deed> {
        let is_invoke = matches!(&input, Input::Operator { request, .. }
            if matches!(request.command, Ok(OperatorCommand::InvokeNode(_))));
        self.counts.0.lock().unwrap().naming_invokes = is_invoke;
        self.laws.before(&input);
        let now = self.time();
        let outputs = self.router().handle(now, input);
        self.laws.after(&outputs, &self.disk);
        outputs.into_iter().map(|output| self.carry_out(output)).collect()
    }

    fn carry_out(&mut self, output: Output) -> Deed {
        let before = self.disk.clone();
        let Output::Save { book } = &output else { return Deed { output, before, then: None } };
        let outcome = if self.disk_full {
            Input::SaveFailed { reason: DISK_FULL.into() }
        } else {
            self.disk = book.clone();
            Input::Saved
        };
        let then = Some((!self.disk_full, self.give(outcome)));
        Deed { output, before, then }
    }

    /// Lets time pass until `until`, and calls the router whenever it asked for it. `report` gets
    /// the time and what was done then.
    pub(crate) fn pass_until(
        &mut self,
        until: Duration,
        mut report: impl FnMut(Duration, Vec<Deed>),
    ) {
        let mut idle = 0;
        while let Some(at) = self.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let deeds = self.give(Input::Tick);
            idle = if deeds.is_empty() { idle + 1 } else { 0 };
            assert!(
                idle < 10_000,
                "the router asks to be called again and again, and does nothing"
            );
            report(self.now, deeds);
        }
        self.now = until;
    }

    /// When the router wants to be called, on our clock.
    pub(crate) fn next_deadline(&mut self) -> Option<Duration> {
        let started = self.started;
        self.router().next_deadline().map(|at| started + at.0)
    }

    /// What a power cut leaves: the files, read again. Connections and operators are gone.
    pub(crate) fn restart(&mut self) {
        let dir = tempfile::tempdir().unwrap();
        let now = Wall(BEGINNING + self.now.as_millis() as u64);
        let (mut store, _) = PairingStore::open(dir.path(), now).unwrap();
        store.save(&self.disk).unwrap();
        let (_, book) = PairingStore::open(dir.path(), now).unwrap();
        self.disk = book;
        self.laws = Laws::default();
        self.router = None;
    }

    /// The time as a fresh process sees it: deadlines count from its start.
    fn time(&mut self) -> Now {
        self.router();
        Now {
            mono: Mono(self.now - self.started),
            wall: Wall(BEGINNING + self.now.as_millis() as u64),
        }
    }

    fn router(&mut self) -> &mut Router {
        if self.router.is_none() {
            self.started = self.now;
        }
        let wall = Wall(BEGINNING + self.now.as_millis() as u64);
        self.router.get_or_insert_with(|| {
            let now = Now { mono: Mono::default(), wall };
            let ids = Box::new(self.counts.clone());
            Router::new(now, self.policy.clone(), self.disk.clone(), ids)
        })
    }

    /// Whether the router runs already.
    pub(crate) fn has_started(&self) -> bool {
        self.router.is_some()
    }
}
