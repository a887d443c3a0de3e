//! What became of everything that was found.

use serde::Serialize;
use serde_json::{json, Value};

/// What an item is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ItemKind(pub(crate) &'static str);

impl ItemKind {
    pub(crate) const PAIRING: Self = Self("pairing");
    pub(crate) const SESSION: Self = Self("session");
    pub(crate) const TRANSCRIPT: Self = Self("transcript");
    pub(crate) const WAKE_WORDS: Self = Self("wake words");
    /// The TLS certificate and its key.
    pub(crate) const CERTIFICATE: Self = Self("certificate");
    pub(crate) const EXEC_APPROVALS: Self = Self("exec approvals");
    /// A file or directory that holds several of these.
    pub(crate) const FILE: Self = Self("file");
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
    /// It is not imported, because it is damaged.
    Damaged,
}

impl Outcome {
    pub(super) fn because(self, reason: impl Into<String>) -> Verdict {
        (self, reason.into())
    }
}

/// What becomes of an item, and the reason or a remark, which may be empty.
pub(super) type Verdict = (Outcome, String);

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
    #[serde(skip)]
    pub outcome: Outcome,
    /// The reason, or a remark; may be empty.
    #[serde(rename = "why", skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Item {
    fn to_json(&self) -> Value {
        let mut json = json!(self);
        if self.outcome == Outcome::Damaged {
            json["damaged"] = true.into();
        }
        json
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whether the import was carried out, or only planned.
    pub applied: bool,
    /// In the order in which they were found.
    pub items: Vec<Item>,
}

impl Report {
    fn with<'a>(&'a self, outcomes: &'a [Outcome]) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(|item| outcomes.contains(&item.outcome))
    }

    pub(crate) fn count(&self, outcomes: &[Outcome]) -> usize {
        self.with(outcomes).count()
    }

    pub(crate) fn to_json(&self) -> Value {
        use Outcome::{Damaged, Kept, Skipped, Taken};
        let list = |outcomes: &[Outcome]| self.with(outcomes).map(Item::to_json).collect::<Value>();
        json!({
            "applied": self.applied, "taken": list(&[Taken]), "kept": list(&[Kept]),
            "skipped": list(&[Skipped, Damaged]),
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
        (outcome, reason): Verdict,
    ) {
        let (name, label) = (name.into(), label.map(str::to_owned));
        self.items.push(Item { kind, name, label, outcome, reason });
    }
}
