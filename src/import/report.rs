//! What became of everything that was found.

use serde::{Serialize, Serializer};
use serde_json::{json, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    Pairing,
    Session,
    Transcript,
    WakeWords,
    /// A file or directory that holds several of these.
    File,
}

impl ItemKind {
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
pub(crate) struct Item {
    #[serde(rename = "what")]
    pub kind: ItemKind,
    /// Its id, key or file.
    pub name: String,
    /// The name its owner gave it, if it has one.
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What becomes of an item, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
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
pub(crate) struct Report {
    /// Whether the import was carried out, or only planned.
    pub applied: bool,
    /// In the order in which they were found.
    pub items: Vec<Item>,
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
    /// The number of items that could not be taken because of damage.
    pub(crate) fn damaged(&self) -> usize {
        self.items.iter().filter(|item| item.verdict.is_damaged).count()
    }

    fn with(&self, outcome: Outcome) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.verdict.outcome == outcome)
    }

    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.with(outcome).count()
    }

    /// The report for scripts.
    pub(crate) fn to_json(&self) -> Value {
        let [taken, kept, skipped] = [Outcome::Taken, Outcome::Kept, Outcome::Skipped]
            .map(|outcome| self.with(outcome).collect::<Vec<_>>());
        json!({ "applied": self.applied, "taken": taken, "kept": kept, "skipped": skipped })
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
        self.items.push(Item { kind, name, label, verdict });
    }
}
