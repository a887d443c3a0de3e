//! A daemon whose system calls fail where a test says so (`faults.c` stands in between), and the
//! record of what it changed in its state directory.

use super::{tools, Daemon, Setup};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Calls that can fail, as in `faults.c`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Write = 1,
    Sync = 2,
    /// `rename` and `mkdir`.
    Name = 4,
    Create = 8,
    Read = 16,
    Accept = 32,
    Thread = 64,
}

/// What is wrong from now on. The default is that nothing is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) calls: u32,
    /// What they fail with; 0 if they only take longer.
    pub(crate) error: i32,
    /// How many of the calls pass first.
    pub(crate) skip: u32,
    /// How many of them are hit.
    pub(crate) count: u32,
    pub(crate) delay_ms: u32,
    /// By how much the wall clock is wrong.
    pub(crate) clock_s: i64,
}

impl Rule {
    /// These calls fail until the rule is changed.
    pub(crate) fn all(calls: &[Call], error: rustix::io::Errno) -> Self {
        Self { count: u32::MAX, ..Self::nth(calls, error, 0) }
    }

    /// One of these calls fails, after `skip` of them.
    pub(crate) fn nth(calls: &[Call], error: rustix::io::Errno, skip: u32) -> Self {
        let calls = calls.iter().fold(0, |bits, call| bits | *call as u32);
        Self { calls, error: error.raw_os_error(), skip, count: 1, ..Self::default() }
    }
}

/// The place between a daemon and the system.
pub(crate) struct Faults {
    rule: File,
    trace: PathBuf,
}

impl Faults {
    /// `None` where there is no C compiler. The daemons of the setup that is returned have `faults.c`
    /// loaded.
    pub(crate) fn between(setup: Setup) -> Option<(Self, Setup)> {
        static LIBRARY: OnceLock<tempfile::TempDir> = OnceLock::new();
        if !tools::has("cc", "gcc") {
            return None;
        }
        let dir = LIBRARY.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/support/faults.c");
            let mut cc = Command::new(option_env!("TESTS_CC").unwrap_or("cc"));
            cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
            assert!(cc.arg(dir.path().join("faults.so")).arg(source).status().unwrap().success());
            dir
        });
        let trace = setup.path("trace");
        File::create(&trace).unwrap();
        let rule_path = setup.path("rule");
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).clone();
        let rule = options.open(&rule_path).unwrap();
        let faults = Self { rule, trace: trace.clone() };
        faults.set(Rule::default());
        let state = setup.path("state");
        let setup = setup
            .env("LD_PRELOAD", dir.path().join("faults.so"))
            .env("FAULTS_DIR", state)
            .env("FAULTS_RULE", rule_path)
            .env("FAULTS_TRACE", trace);
        Some((faults, setup))
    }

    /// From now on this is wrong, and nothing else.
    pub(crate) fn set(&self, rule: Rule) {
        let Rule { calls, error, skip, count, delay_ms, clock_s } = rule;
        let mut bytes = Vec::new();
        // Nothing is hit while this is written: first no calls are meant, in the end these.
        for field in [0, error.cast_unsigned(), skip, count, 0, delay_ms] {
            bytes.extend(field.to_ne_bytes());
        }
        bytes.extend(clock_s.to_ne_bytes());
        self.rule.write_all_at(&bytes, 0).unwrap();
        self.rule.write_all_at(&calls.to_ne_bytes(), 0).unwrap();
    }

    /// How many calls that the rule means there were since it was set.
    pub(crate) fn seen(&self) -> u32 {
        let mut bytes = [0; 4];
        self.rule.read_exact_at(&mut bytes, 16).unwrap();
        u32::from_ne_bytes(bytes)
    }

    /// Writes into the record what somebody outside has been told by now.
    pub(crate) fn mark(&self, what: &str) {
        let mut record = vec![b'k'];
        record.extend(u32::try_from(what.len()).unwrap().to_ne_bytes());
        record.extend(what.as_bytes());
        record.extend([0; 16]);
        OpenOptions::new().append(true).open(&self.trace).unwrap().write_all(&record).unwrap();
    }

    /// What has been recorded, in order.
    pub(crate) fn records(&self) -> Vec<Record> {
        let bytes = fs::read(&self.trace).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let kind = take(&mut rest, 1)[0];
            let one = text(&mut rest);
            let two = text(&mut rest);
            let number = u64::from_ne_bytes(take(&mut rest, 8).try_into().unwrap());
            let len = length(&mut rest);
            let bytes = take(&mut rest, len).to_vec();
            records.push(match kind {
                b'w' => Record::Write { path: one, at: number, bytes },
                b't' => Record::Truncate { path: one, len: number },
                b's' => Record::Sync { path: one },
                b'o' => Record::Open { path: one, truncates: number == 1 },
                b'r' => Record::Rename { from: one, to: two },
                b'u' => Record::Unlink { path: one },
                b'm' => Record::Mkdir { path: one },
                b'k' => Record::Mark(one),
                other => panic!("a record of kind {other}"),
            });
        }
        records
    }
}

/// One change of the state directory. Paths begin with `/`, which is that directory.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Write { path: String, at: u64, bytes: Vec<u8> },
    Truncate { path: String, len: u64 },
    Sync { path: String },
    Open { path: String, truncates: bool },
    Rename { from: String, to: String },
    Unlink { path: String },
    Mkdir { path: String },
    Mark(String),
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(len);
    *rest = left;
    taken
}

fn length(rest: &mut &[u8]) -> usize {
    u32::from_ne_bytes(take(rest, 4).try_into().unwrap()) as usize
}

fn text(rest: &mut &[u8]) -> String {
    let len = length(rest);
    String::from_utf8(take(rest, len).to_vec()).unwrap()
}

impl Daemon {
    /// Its log, once this is in it.
    #[track_caller]
    pub(crate) fn log_with(&self, text: &str) -> String {
        super::eventually(text, || Some(self.log()).filter(|log| log.contains(text)))
    }
}
