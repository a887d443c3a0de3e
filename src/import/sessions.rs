//! Conversations: entries of the store, and the transcripts they name.

use super::legacy::{exists, Legacy};
use super::report::Outcome::{Damaged, Kept, Skipped, Taken};
use super::report::{ItemKind, Report};
use super::transcripts;
use super::Error;
use crate::backend::embedded::sessions::{
    dir, session_id, transcript_name, Entry, ForeignStore, Sessions,
};
use crate::files;
use crate::protocol::{limits, session};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the conversations of all agents were once.
const FIRST_PLACE: &str = "sessions";

/// Where the old gateway kept the conversations of an agent.
struct Place {
    agent: String,
    dir: PathBuf,
}

/// What is to be taken.
pub(super) struct SessionsPlan<'a> {
    legacy: &'a Legacy,
    /// The later places first.
    places: Vec<Place>,
    sessions: Sessions,
    dir: PathBuf,
    /// Where transcripts are, by the names they will have.
    transcripts: BTreeMap<String, PathBuf>,
    wanted: Vec<Wanted>,
}

struct Wanted {
    key: String,
    entry: Entry,
    transcript: Transcript,
}

/// Where the messages of a session are.
enum Transcript {
    /// There are none, and nothing says that there were.
    None,
    /// Under this name in [`SessionsPlan::transcripts`].
    Named(String),
    /// The file is missing or may not be taken; and why.
    Unusable(String, String),
}

/// Examines the stores and their transcripts, and reports what exists already or cannot be taken.
/// [`SessionsPlan::carry_out`] reports the rest.
pub(super) fn plan<'a>(
    legacy: &'a Legacy,
    state_dir: &Path,
    report: &mut Report,
) -> Result<SessionsPlan<'a>, Error> {
    let dir = dir(state_dir);
    let sessions = Sessions::open(dir.clone());
    let places = places(legacy, report);
    let (transcripts, wanted) = (BTreeMap::new(), Vec::new());
    let mut plan = SessionsPlan { legacy, places, sessions, dir, transcripts, wanted };
    let existing = plan.sessions.keys().map_err(Error::state)?;
    let store = plan.read_stores(report);
    for (key, entry) in store.entries() {
        let refused = if existing.contains(key) {
            Kept.because("there is already a conversation with this name")
        } else if !Sessions::is_usable(key) {
            let most = limits::SESSION_KEY_CHARS;
            Skipped.because(format!("its name is blank or longer than {most} characters"))
        } else if existing.len() + plan.wanted.len() >= limits::SESSIONS {
            Skipped.because(format!("there are {} sessions, which is the limit", limits::SESSIONS))
        } else {
            plan.want(key, entry);
            continue;
        };
        report.add_labelled(ItemKind::SESSION, key, label(entry), refused);
    }
    for name in store.other_names() {
        report.add(ItemKind::SESSION, name, Skipped.because("it is not a conversation"));
    }
    plan.want_other_transcripts(report);
    Ok(plan)
}

/// The places of all agents. The bridge has one agent, which goes on with the conversations of all;
/// their keys say whose they were.
fn places(legacy: &Legacy, report: &mut Report) -> Vec<Place> {
    let Some((agents, first)) = legacy.path("agents").zip(legacy.path(FIRST_PLACE)) else {
        return Vec::new();
    };
    let mut places = Vec::new();
    for name in names_in(legacy, &agents, report) {
        let dir = agents.join(&name).join("sessions");
        if !legacy.has(&dir) {
            continue;
        }
        if places.len() == limits::IMPORT_AGENTS {
            let why = format!("there are more than {} agents", limits::IMPORT_AGENTS);
            report.add(ItemKind::FILE, legacy.name(&dir), Skipped.because(why));
            continue;
        }
        places.push(Place { agent: session::agent_id(&name), dir });
    }
    places.push(Place { agent: session::DEFAULT_AGENT.to_owned(), dir: first });
    places
}

/// The names in a directory; if it cannot be read, that is reported.
fn names_in(legacy: &Legacy, dir: &Path, report: &mut Report) -> Vec<String> {
    legacy.list(dir).unwrap_or_else(|why| {
        report.add(ItemKind::FILE, legacy.name(dir), Damaged.because(why));
        Vec::new()
    })
}

fn label(entry: &Entry) -> Option<&str> {
    let texts = ["label", "displayName", "subject"].into_iter();
    texts.filter_map(|name| entry.get(name)?.as_str()).find(|text| !text.is_empty())
}

impl SessionsPlan<'_> {
    fn read_stores(&self, report: &mut Report) -> ForeignStore {
        let mut store = ForeignStore::default();
        for Place { agent, dir } in &self.places {
            let path = dir.join("sessions.json");
            let add = |bytes: &[u8]| store.add(bytes, agent);
            if let Err(why) = self.legacy.read_as(&path, limits::SESSIONS_BYTES, add) {
                report.add(ItemKind::FILE, self.legacy.name(&path), Damaged.because(why));
            }
        }
        store
    }

    fn want(&mut self, key: &str, entry: &Entry) {
        let transcript = self.find_transcript(session::agent_of(key), entry);
        let mut entry = entry.clone();
        if entry.contains_key("sessionFile") {
            // Where it was means nothing here.
            entry.remove("sessionFile");
            if let Transcript::Named(name) = &transcript {
                entry.insert("sessionFile".into(), name.as_str().into());
            }
        }
        self.wanted.push(Wanted { key: key.to_owned(), entry, transcript });
    }

    /// The file the entry names, else the one that is named like its id, as the old gateway looked
    /// for it. A directory that was copied from another place has the named file in its own.
    fn find_transcript(&mut self, agent: &str, entry: &Entry) -> Transcript {
        let named = entry.get("sessionFile").and_then(|file| file.as_str()).map(PathBuf::from);
        let name = named.as_deref().and_then(Path::file_name).map(PathBuf::from);
        let id = session_id(entry).map(|id| format!("{id}.jsonl").into());
        let files: Vec<PathBuf> = [named, name, id].into_iter().flatten().collect();
        let first = self.legacy.path(FIRST_PLACE);
        let is_place = |place: &&Place| place.agent == agent || Some(&place.dir) == first.as_ref();
        let places: Vec<&Place> = self.places.iter().filter(is_place).collect();
        // An absolute path stays what it is.
        let in_places = |file| places.iter().map(move |place| place.dir.join(file));
        let candidates: Vec<PathBuf> = files.iter().flat_map(in_places).collect();
        let legacy = self.legacy;
        let mut refused = None;
        for path in &candidates {
            match legacy.open_file(path) {
                Ok(None) => {}
                Ok(Some(_)) => match self.name(path) {
                    Ok(name) => return Transcript::Named(name),
                    Err(why) => refused = Some((path, why.to_owned())),
                },
                Err(why) => refused = refused.or(Some((path, why))),
            }
        }
        match (refused, candidates.first()) {
            (Some((path, why)), _) => Transcript::Unusable(legacy.name(path), why),
            (None, Some(path)) => Transcript::Unusable(legacy.name(path), "it is missing".into()),
            (None, None) => Transcript::None,
        }
    }

    /// Enters a transcript under the name it will have.
    fn name(&mut self, path: &Path) -> Result<String, &'static str> {
        let name = path.file_name().and_then(|name| transcript_name(name.to_str()?));
        let name = name.ok_or("no transcript can have this name")?;
        let known = self.transcripts.entry(name.to_owned()).or_insert_with(|| path.to_owned());
        if self.legacy.relative(known).ok() != self.legacy.relative(path).ok() {
            return Err("another transcript has the same name");
        }
        Ok(name.to_owned())
    }

    /// Transcripts that no session names any more: what was said before a reset.
    fn want_other_transcripts(&mut self, report: &mut Report) {
        let legacy = self.legacy;
        let dirs: Vec<PathBuf> = self.places.iter().map(|place| place.dir.clone()).collect();
        for dir in dirs {
            let names = names_in(legacy, &dir, report);
            for path in names.iter().filter(|name| name.ends_with(".jsonl")) {
                let path = dir.join(path);
                if let Err(why) = self.name(&path) {
                    let name = legacy.name(&path);
                    report.add(ItemKind::TRANSCRIPT, name, Skipped.because(why));
                }
            }
        }
    }

    /// Copies the transcripts, then takes the entries whose transcripts are there.
    pub(super) fn carry_out(self, apply: bool, report: &mut Report) -> Result<(), Error> {
        let Self { legacy, sessions, dir, transcripts, wanted, .. } = self;
        let copies = apply && !transcripts.is_empty();
        if copies && !exists(&dir) {
            files::create_private_dir(&dir).map_err(|source| Error::write(&dir, source))?;
        }
        let mut unusable = BTreeSet::new();
        for (name, from) in &transcripts {
            let (verdict, is_there) = transcripts::copy(legacy, from, &dir.join(name), apply);
            report.add(ItemKind::TRANSCRIPT, legacy.name(from), verdict);
            if !is_there {
                unusable.insert(name.as_str());
            }
        }
        if copies {
            files::sync_dir(&dir).map_err(|source| Error::write(&dir, source))?;
        }
        let mut entries = Vec::new();
        for session in wanted {
            if session.report(&unusable, report) {
                entries.push((session.key, session.entry));
            }
        }
        if apply && !entries.is_empty() {
            sessions.adopt(entries).map_err(Error::state)?;
        }
        Ok(())
    }
}

impl Wanted {
    /// Reports what becomes of the session; returns whether it is taken.
    fn report(&self, unusable: &BTreeSet<&str>, report: &mut Report) -> bool {
        match &self.transcript {
            // One that lies among the others was reported with them.
            Transcript::Unusable(path, why) if !report.contains(ItemKind::TRANSCRIPT, path) => {
                report.add(ItemKind::TRANSCRIPT, path, Skipped.because(why));
            }
            _ => {}
        }
        let verdict = match &self.transcript {
            Transcript::Named(name) if unusable.contains(name.as_str()) => {
                Skipped.because("its transcript could not be taken")
            }
            Transcript::Named(_) => Taken.because(""),
            Transcript::None => Taken.because("it has no transcript"),
            Transcript::Unusable(..) => {
                Taken.because("without its transcript, which could not be found")
            }
        };
        let is_taken = verdict.0 == Taken;
        report.add_labelled(ItemKind::SESSION, &self.key, label(&self.entry), verdict);
        is_taken
    }
}
