//! What became of everything that was found.

use serde::{Serialize, Serializer};
use serde_json::{json, Value};

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ItemKind {
    /// A paired node.
    Pairing,
    /// A conversation.
    Session,
    /// The messages of a conversation.
    Transcript,
    /// The words that wake voice mode.
    WakeWords,
    /// A file or directory that holds several of these.
    File,
}

impl ItemKind {
    /// Its name for people and scripts.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pairing => "pairing",
            Self::Session => "session",
            Self::Transcript => "transcript",
            Self::WakeWords => "wake words",
            Self::File => "file",
        }
    }
}

impl Serialize for ItemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is imported, or would be.
    Taken,
    /// The state directory has one already, which is kept as it is.
    Kept,
    /// It is not imported.
    Skipped,
}

/// One thing that was found. Its texts come from the old files: not safe to print as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub(crate) struct Item {
    /// What it is.
    #[serde(rename = "what")]
    pub kind: ItemKind,
    /// Its id, key or file.
    pub name: String,
    /// The name its owner gave it, if it has one.
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What became of it.
    #[serde(skip)]
    pub outcome: Outcome,
    /// The reason, or a remark; may be empty.
    #[serde(rename = "why", skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether it was skipped because it is damaged.
    #[serde(rename = "damaged", skip_serializing_if = "std::ops::Not::not")]
    pub is_damaged: bool,
}

/// What became of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Report {
    /// Whether the import was carried out, or only planned.
    pub applied: bool,
    /// In the order in which they were found.
    pub items: Vec<Item>,
}

/// What becomes of an item, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    outcome: Outcome,
    reason: String,
    is_damaged: bool,
}

impl Verdict {
    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), is_damaged: false }
    }

    pub(super) fn taken(remark: impl Into<String>) -> Self {
        Self::new(Outcome::Taken, remark)
    }

    pub(super) fn kept(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Kept, reason)
    }

    pub(super) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, reason)
    }

    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self { is_damaged: true, ..Self::skipped(reason) }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.outcome == Outcome::Taken
    }
}

impl Report {
    pub(super) fn new(applied: bool) -> Self {
        Self { applied, items: Vec::new() }
    }

    /// The number of items that could not be taken because of damage.
    pub(crate) fn damaged(&self) -> usize {
        self.items.iter().filter(|item| item.is_damaged).count()
    }

    /// The number of items with this outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.items.iter().filter(|item| item.outcome == outcome).count()
    }

    /// The report for scripts.
    pub(crate) fn to_json(&self) -> Value {
        let with = |outcome: Outcome| -> Vec<&Item> {
            self.items.iter().filter(|item| item.outcome == outcome).collect()
        };
        json!({
            "applied": self.applied,
            "taken": with(Outcome::Taken),
            "kept": with(Outcome::Kept),
            "skipped": with(Outcome::Skipped),
        })
    }

    pub(super) fn contains(&self, kind: ItemKind, name: &str) -> bool {
        self.items.iter().any(|item| item.kind == kind && item.name == name)
    }

    pub(super) fn add(&mut self, kind: ItemKind, name: impl Into<String>, verdict: Verdict) {
        self.add_labelled(kind, name, None, verdict);
    }

    pub(super) fn add_labelled(
        &mut self,
        kind: ItemKind,
        name: impl Into<String>,
        label: Option<&str>,
        verdict: Verdict,
    ) {
        let (name, label) = (name.into(), label.map(str::to_owned));
        let Verdict { outcome, reason, is_damaged } = verdict;
        self.items.push(Item { kind, name, label, outcome, reason, is_damaged });
    }
}
