//! What became of everything that was found.

use serde_json::{json, Value};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A paired node.
    Pairing,
    /// A conversation.
    Session,
    /// The messages of a conversation.
    Transcript,
    /// The words that wake voice mode.
    WakeWords,
    /// Something that holds several of these.
    File,
}

impl Thing {
    /// Its name for people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pairing => "pairing",
            Self::Session => "session",
            Self::Transcript => "transcript",
            Self::WakeWords => "wake words",
            Self::File => "file",
        }
    }
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is imported, or would be.
    Taken,
    /// The state directory has one, which stays as it is.
    Kept,
    /// It is not imported.
    Skipped,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub thing: Thing,
    /// Its id, key or file. Comes from the old files: not safe to print as it is.
    pub name: String,
    /// The name its owner gave it, if it has one. Not safe to print either.
    pub label: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, or what there is to say about it; may be empty. Not safe to print either.
    pub why: String,
    /// It could not be taken because it is damaged.
    pub is_damaged: bool,
}

/// What became of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether anything was changed, or only looked at.
    pub applied: bool,
    /// In the order in which it was found.
    pub items: Vec<Item>,
}

/// An item that is about to be told.
pub(super) struct Row<'r> {
    report: &'r mut Report,
    thing: Thing,
    name: String,
    label: Option<String>,
}

impl Report {
    pub(super) fn new(applied: bool) -> Self {
        Self { applied, items: Vec::new() }
    }

    /// How many items could not be taken because of damage.
    pub fn damaged(&self) -> usize {
        self.items.iter().filter(|item| item.is_damaged).count()
    }

    /// How many items had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.items.iter().filter(|item| item.outcome == outcome).count()
    }

    /// The report for scripts.
    pub fn to_json(&self) -> Value {
        let of = |outcome: Outcome| -> Vec<Value> {
            let items = self.items.iter().filter(|item| item.outcome == outcome);
            items.map(Item::to_json).collect()
        };
        json!({
            "applied": self.applied,
            "taken": of(Outcome::Taken),
            "kept": of(Outcome::Kept),
            "skipped": of(Outcome::Skipped),
        })
    }

    pub(super) fn tells(&self, thing: Thing, name: &str) -> bool {
        self.items.iter().any(|item| item.thing == thing && item.name == name)
    }

    pub(super) fn row(&mut self, thing: Thing, name: impl Into<String>) -> Row<'_> {
        Row { report: self, thing, name: name.into(), label: None }
    }
}

impl Item {
    fn to_json(&self) -> Value {
        let mut item = json!({ "what": self.thing.as_str(), "name": self.name });
        if let Some(label) = &self.label {
            item["displayName"] = label.as_str().into();
        }
        if !self.why.is_empty() {
            item["why"] = self.why.as_str().into();
        }
        if self.is_damaged {
            item["damaged"] = true.into();
        }
        item
    }
}

impl Row<'_> {
    pub(super) fn label(mut self, label: Option<&str>) -> Self {
        self.label = label.map(str::to_owned);
        self
    }

    pub(super) fn taken(self, note: impl Into<String>) {
        self.tell(Outcome::Taken, note.into(), false);
    }

    pub(super) fn kept(self, why: impl Into<String>) {
        self.tell(Outcome::Kept, why.into(), false);
    }

    pub(super) fn skipped(self, why: impl Into<String>) {
        self.tell(Outcome::Skipped, why.into(), false);
    }

    /// Skipped, because it is damaged.
    pub(super) fn damaged(self, why: impl Into<String>) {
        self.tell(Outcome::Skipped, why.into(), true);
    }

    fn tell(self, outcome: Outcome, why: String, is_damaged: bool) {
        let Row { report, thing, name, label } = self;
        report.items.push(Item { thing, name, label, outcome, why, is_damaged });
    }
}
