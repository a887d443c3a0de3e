//! A power cut at any moment: what somebody was told is on disk, and nothing damaged is taken for
//! whole. Every change of the state directory is recorded, and the daemon is started on every state
//! that a cut could leave when anything that was not synced may be missing, torn or out of order.

use crate::support::apps::App;
use crate::support::faults::{Faults, Record};
use crate::support::{Daemon, Phone, Setup};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Mutex;
use std::thread;

/// What is true once it was acknowledged: the subject, and its value. A subject that is being
/// changed is not in here, because either value would do.
pub(crate) type Facts = BTreeMap<String, String>;

/// The names there are, and the files behind them; a directory has none.
type Names = BTreeMap<String, Option<usize>>;

/// All that is in a state directory.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// A change of a name, which is on disk when the directory is synced.
struct NameChange {
    gone: Option<String>,
    new: Option<(String, Option<usize>)>,
}

impl NameChange {
    fn dir(&self) -> &str {
        parent(self.gone.as_ref().or_else(|| Some(&self.new.as_ref()?.0)).unwrap())
    }

    fn carry_out(&self, names: &mut Names) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        names.extend(self.new.clone());
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}

/// The state directory as it is, and what of it is certainly on disk.
#[derive(Default)]
struct Disk {
    files: Vec<Content>,
    now: Names,
    synced: Names,
    /// The oldest first.
    unsynced: Vec<NameChange>,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// In the middle of what was written last.
    tear: usize,
}

impl Disk {
    fn change(&mut self, gone: Option<&str>, new: Option<(&str, Option<usize>)>) {
        let new = new.map(|(path, file)| (path.to_owned(), file));
        let change = NameChange { gone: gone.map(str::to_owned), new };
        change.carry_out(&mut self.now);
        self.unsynced.push(change);
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Mkdir { path } => self.change(None, Some((path, None))),
            Record::Unlink { path } => self.change(Some(path), None),
            Record::Rename { from, to } => {
                let file = self.now[from];
                self.change(Some(from), Some((to, file)));
            }
            Record::Open { path, .. } if !self.now.contains_key(path) => {
                self.files.push(Content::default());
                self.change(None, Some((path, Some(self.files.len() - 1))));
            }
            Record::Sync { path } => match self.file(path) {
                Some(content) => content.synced.clone_from(&content.now),
                None => {
                    let is_meant = |change: &mut NameChange| change.dir() == path;
                    for change in self.unsynced.extract_if(.., is_meant) {
                        change.carry_out(&mut self.synced);
                    }
                }
            },
            Record::Open { path, truncates: true } => self.file(path).unwrap().now.clear(),
            Record::Open { .. } | Record::Mark(_) => {}
            Record::Write { path, at, bytes } => {
                // Without a name, it was removed while it was open.
                let Some(content) = self.file(path) else { return };
                let at = usize::try_from(*at).unwrap();
                content.now.resize(content.now.len().max(at + bytes.len()), 0);
                content.now[at..at + bytes.len()].copy_from_slice(bytes);
                content.tear = at + bytes.len() / 2;
            }
            Record::Truncate { path, len } => {
                let Some(content) = self.file(path) else { return };
                content.now.resize(usize::try_from(*len).unwrap(), 0);
            }
        }
    }

    fn file(&mut self, path: &str) -> Option<&mut Content> {
        self.now.get(path).copied().flatten().map(|file| &mut self.files[file])
    }

    /// What a power cut could leave now.
    fn after_a_cut(&self) -> Vec<Tree> {
        let mut names = vec![self.synced.clone(), self.now.clone()];
        // Of the changes of names, only one has come to the disk.
        names.extend(self.unsynced.iter().map(|change| {
            let mut names = self.synced.clone();
            change.carry_out(&mut names);
            names
        }));
        let contents = [Content::whole, Content::lost, Content::torn, Content::blank];
        let trees = names.iter().flat_map(|names| contents.map(|of| self.tree(names, of)));
        trees.collect()
    }

    fn tree(&self, names: &Names, content: fn(&Content) -> Vec<u8>) -> Tree {
        let is_reachable = |path: &str| {
            let above = std::iter::successors(Some(parent(path)), |dir| {
                (!dir.is_empty()).then(|| parent(dir))
            });
            above.take_while(|dir| !dir.is_empty()).all(|dir| names.get(dir) == Some(&None))
        };
        let reachable = names.iter().filter(|(path, _)| is_reachable(path));
        let bytes = |file: usize| content(&self.files[file]);
        reachable.map(|(path, file)| (path.clone(), file.map(bytes))).collect()
    }
}

impl Content {
    fn whole(&self) -> Vec<u8> {
        self.now.clone()
    }

    fn lost(&self) -> Vec<u8> {
        self.synced.clone()
    }

    fn torn(&self) -> Vec<u8> {
        match self.now == self.synced {
            true => self.now.clone(),
            false => self.now[..self.tear.min(self.now.len())].to_vec(),
        }
    }

    /// The length has come to the disk, the bytes have not.
    fn blank(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        bytes.resize(self.now.len(), 0);
        bytes
    }
}

/// Starts a daemon on every state that a cut could leave, with what had been acknowledged by then.
/// Returns how many states there were.
fn at_every_cut(records: &[Record], setup: &(impl Fn() -> Setup + Sync), check: Check) -> usize {
    on_every_state(records, setup, |setup, facts| check(&setup.start(), facts))
}

/// As [`at_every_cut`], before a daemon is started.
pub(crate) fn on_every_state(
    records: &[Record],
    setup: &(impl Fn() -> Setup + Sync),
    check: impl Fn(&Setup, &Facts) + Sync,
) -> usize {
    let mut disk = Disk::default();
    let mut facts = Facts::new();
    let mut cuts = HashSet::new();
    for record in records {
        match record {
            Record::Mark(mark) => match mark.split_once('=') {
                Some((subject, value)) => drop(facts.insert(subject.into(), value.into())),
                None => drop(facts.remove(mark)),
            },
            change => disk.apply(change),
        }
        cuts.extend(disk.after_a_cut().into_iter().map(|tree| (tree, facts.clone())));
    }
    let left = Mutex::new(cuts.iter());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| loop {
                let Some((tree, facts)) = left.lock().unwrap().next() else { return };
                let _shown = ShownIfFailed(tree, facts);
                let setup = setup();
                lay_out(&setup, tree);
                check(&setup, facts);
            });
        }
    });
    cuts.len()
}

/// What a failed check was about.
struct ShownIfFailed<'a>(&'a Tree, &'a Facts);

impl Drop for ShownIfFailed<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            for (path, bytes) in self.0 {
                let text = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes));
                eprintln!("{path}: {}", text.as_deref().unwrap_or("(directory)"));
            }
            eprintln!("acknowledged: {:#?}", self.1);
        }
    }
}

type Check = fn(&Daemon, &Facts);

fn lay_out(setup: &Setup, tree: &Tree) {
    let state = setup.path("state");
    fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
    // A directory comes before what is in it.
    for (path, bytes) in tree {
        let path = state.join(&path[1..]);
        match bytes {
            None => fs::DirBuilder::new().mode(0o700).create(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}

/// The facts about one kind of thing: what follows its name in the subject, and the value.
fn about<'a>(facts: &'a Facts, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    facts.iter().filter_map(move |(subject, value)| Some((subject.strip_prefix(kind)?, &**value)))
}

fn nodes_are_as_acknowledged(daemon: &Daemon, facts: &Facts) {
    for (node, token) in about(facts, "paired ") {
        Phone::log_in(daemon, node, token);
    }
    for (node, token) in about(facts, "revoked ") {
        let mut phone = Phone::connect(daemon);
        phone.send(&json!({ "type": "hello", "nodeId": node, "token": token }));
        phone.expect("error");
    }
    for (node, name) in about(facts, "name ") {
        let view = daemon.ask("node.describe", &json!({ "nodeId": node }));
        assert_eq!(view["displayName"], name, "{view}");
    }
    // It goes on from there.
    Phone::paired(daemon, "another");
}

#[test]
fn no_power_cut_loses_an_acknowledged_pairing_or_lets_a_revoked_node_in() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    for node in ["alice", "bob"] {
        let phone = Phone::paired(&daemon, node);
        faults.mark(&format!("paired {node}={}", phone.token));
        daemon.ask("node.rename", &json!({ "nodeId": node, "displayName": format!("{node} I.") }));
        faults.mark(&format!("name {node}={node} I."));
        let token = phone.token.clone();
        if node == "bob" {
            faults.mark("paired bob");
            faults.mark("name bob");
            daemon.ask("node.revoke", &json!({ "nodeId": "bob" }));
            faults.mark(&format!("revoked bob={token}"));
        }
    }
    let _waiting = Phone::asking(&daemon, "carol");
    daemon.ask("node.pair.reject", &json!({ "requestId": "carol" }));
    drop(daemon);
    let records = faults.records();
    let states = at_every_cut(&records, &Setup::new, nodes_are_as_acknowledged);
    eprintln!("{} changes, {states} states after a cut", records.len());
    assert!(states > 40, "{states}");
}

fn sessions_are_as_acknowledged(daemon: &Daemon, facts: &Facts) {
    let mut control = daemon.control();
    for session in ["main", "other"] {
        let history = control.ask("chat.history", &json!({ "sessionKey": session })).unwrap();
        let found: Vec<&str> = history["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["content"][0]["text"].as_str().unwrap())
            .collect();
        for (text, of) in about(facts, "message ") {
            assert!(of != session || found.contains(&text), "{text:?} is lost: {found:?}");
        }
        for (text, of) in about(facts, "removed ") {
            assert!(of != session || !found.contains(&text), "{text:?} is back: {found:?}");
        }
        for text in &found {
            assert!(text.contains("message number "), "damaged: {text:?}");
        }
    }
    for (session, level) in about(facts, "verbose ") {
        let list = control.ask("sessions.list", &json!({})).unwrap();
        let rows = list["sessions"].as_array().unwrap();
        let row = rows.iter().find(|row| row["key"] == format!("agent:main:{session}")).unwrap();
        assert_eq!(row["verboseLevel"], level, "{row}");
    }
    for (_, triggers) in about(facts, "voicewake") {
        let set = control.ask("voicewake.get", &json!({})).unwrap();
        assert_eq!(set["triggers"].to_string(), triggers);
    }
    // It goes on from there.
    for session in ["main", "other"] {
        let message = json!({ "sessionKey": session, "message": "message number 99" });
        match control.ask("chat.inject", &message) {
            Ok(_) => {}
            // Before its first message, or after it was deleted.
            Err(error) if error["message"] == "session not found" => continue,
            // The message was not acknowledged, and the next run begins another.
            Err(error) if error["message"] == "transcript file not found" => continue,
            Err(error) => panic!("{error}"),
        }
        let history = control.ask("chat.history", &json!({ "sessionKey": session })).unwrap();
        let last = history["messages"].as_array().unwrap().last().unwrap().to_string();
        assert!(last.contains("message number 99"), "{last}");
    }
}

fn text(number: u32) -> String {
    format!("message number {number}")
}

fn inject(app: &mut App, faults: &Faults, session: &str, number: u32) {
    app.ok("chat.inject", &json!({ "sessionKey": session, "message": text(number) }));
    faults.mark(&format!("message {}={session}", text(number)));
}

fn send(app: &mut App, faults: &Faults, session: &str, number: u32) {
    let run = format!("run-{number}");
    app.send(session, &text(number), &run);
    faults.mark(&format!("message {}={session}", text(number)));
    app.end_of(&run);
}

#[test]
fn no_power_cut_loses_an_acknowledged_message_or_setting() {
    let Some((faults, setup)) = Faults::between(Setup::new()) else { return };
    let daemon = setup.start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.subscribe("other");
    app.ok("voicewake.set", &json!({ "triggers": ["computer"] }));
    faults.mark("voicewake=[\"computer\"]");
    send(&mut app, &faults, "main", 1);
    inject(&mut app, &faults, "main", 2);
    inject(&mut app, &faults, "main", 3);
    send(&mut app, &faults, "other", 11);
    app.ok("sessions.patch", &json!({ "key": "other", "verboseLevel": "full" }));
    faults.mark("verbose other=full");
    faults.mark("voicewake");
    app.ok("voicewake.set", &json!({ "triggers": ["hal", "marvin"] }));
    faults.mark("voicewake=[\"hal\",\"marvin\"]");
    faults.mark(&format!("message {}", text(1)));
    app.ok("sessions.compact", &json!({ "key": "main", "maxLines": 2 }));
    inject(&mut app, &faults, "main", 4);
    faults.mark(&format!("message {}", text(11)));
    app.ok("sessions.reset", &json!({ "key": "other" }));
    faults.mark(&format!("removed {}=other", text(11)));
    send(&mut app, &faults, "other", 12);
    faults.mark(&format!("message {}", text(12)));
    faults.mark("verbose other");
    app.ok("sessions.delete", &json!({ "key": "other" }));
    faults.mark(&format!("removed {}=other", text(12)));
    drop(daemon);
    let records = faults.records();
    let states = at_every_cut(&records, &Setup::new, sessions_are_as_acknowledged);
    eprintln!("{} changes, {states} states after a cut", records.len());
    assert!(states > 100, "{states}");
}

fn the_certificate_is_the_same(daemon: &Daemon, facts: &Facts) {
    for (_, fingerprint) in about(facts, "fingerprint") {
        assert_eq!(daemon.status()["fingerprintSha256"], fingerprint);
    }
}

#[test]
fn no_power_cut_changes_the_certificate_that_nodes_have_pinned() {
    let with_tls = || Setup::new().config("{ bridge: { tls: { enabled: true } } }");
    let Some((faults, setup)) = Faults::between(with_tls()) else { return };
    let daemon = setup.start();
    let status = daemon.status();
    faults.mark(&format!("fingerprint={}", status["fingerprintSha256"].as_str().unwrap()));
    drop(daemon);
    let states = at_every_cut(&faults.records(), &with_tls, the_certificate_is_the_same);
    assert!(states > 5, "{states}");
}
