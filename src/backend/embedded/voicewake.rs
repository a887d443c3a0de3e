//! The words that wake a phone's voice mode: `settings/voicewake.json` (protocol section 5.1).

use crate::files;
use crate::protocol::json::mend_surrogates;
use crate::protocol::{Payload, WireError};
use serde_json::{json, Value};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What counts when nobody has chosen words.
const DEFAULTS: [&str; 3] = ["clawd", "claude", "computer"];

/// Words that may be chosen.
const MOST: usize = 32;

/// UTF-16 units in one word: what the apps count.
const LONGEST: usize = 64;

/// The words, in memory and in their file.
pub(super) struct Voicewake {
    path: PathBuf,
    triggers: Mutex<Vec<String>>,
}

impl Voicewake {
    /// Reads the file; without one, or with one that makes no sense, the defaults count. These
    /// words are no pairing: losing them costs a person one visit to a settings page.
    pub(super) fn new(state_dir: &Path) -> Self {
        let path = file(state_dir);
        let stored = files::read_if_exists(&path).unwrap_or_else(|error| {
            log::warn!("could not read `{}`, using the default words: {error}", path.display());
            None
        });
        let stored: Option<Value> = stored.and_then(|bytes| {
            let value = serde_json::from_slice(&bytes);
            value.map_err(|e| log::warn!("`{}` makes no sense: {e}", path.display())).ok()
        });
        let triggers = cleaned(stored.as_ref().map_or(&Value::Null, |file| &file["triggers"]));
        Self { path, triggers: Mutex::new(triggers) }
    }

    /// The words as the apps expect them.
    pub(super) fn payload(&self) -> Payload {
        payload(&self.triggers.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Takes new words, whatever the apps send, and keeps them before anybody hears of them.
    pub(super) fn set(&self, params: Option<&str>, now_ms: u64) -> Result<Payload, WireError> {
        let text = mend_surrogates(params.unwrap_or("{}"));
        let params: Value = serde_json::from_str(&text).map_err(|error| {
            WireError::invalid(format!("invalid voicewake.set params: {error}"))
        })?;
        let triggers = cleaned(&params["triggers"]);
        let file = json!({ "triggers": triggers, "updatedAtMs": now_ms });
        // Held over the write, so that the file and the memory agree about who was last.
        let mut current = self.triggers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.store(&file).map_err(|error| {
            log::error!("could not write `{}`: {error}", self.path.display());
            WireError::unavailable("the gateway could not save the words; try later")
        })?;
        current.clone_from(&triggers);
        Ok(payload(&triggers))
    }

    fn store(&self, file: &Value) -> std::io::Result<()> {
        if let Some(dir) = self.path.parent() {
            files::create_private_dir(dir)?;
        }
        files::write_atomically(&self.path, format!("{file:#}").as_bytes())
    }
}

fn payload(triggers: &[String]) -> Payload {
    json!({ "triggers": triggers }).to_string().into()
}

/// Where a state directory keeps the words.
pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("settings/voicewake.json")
}

/// The words in another gateway's file; none if nobody chose any.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn read_foreign(bytes: &[u8]) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(words(&value["triggers"]))
}

/// Keeps words of another gateway in a state directory that no bridge uses.
///
/// # Errors
/// Whatever the file system says.
pub(crate) fn adopt(state_dir: &Path, words: &[String], now_ms: u64) -> std::io::Result<()> {
    let voicewake = Voicewake { path: file(state_dir), triggers: Mutex::default() };
    voicewake.store(&json!({ "triggers": words, "updatedAtMs": now_ms }))
}

/// The strings of a list, trimmed and cut.
fn words(value: &Value) -> Vec<String> {
    let strings = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let words = strings.map(|text| cut(text.trim())).filter(|word| !word.is_empty());
    words.take(MOST).collect()
}

/// As [`words`]; the defaults if none is left.
fn cleaned(value: &Value) -> Vec<String> {
    let words = words(value);
    if words.is_empty() {
        DEFAULTS.map(str::to_owned).to_vec()
    } else {
        words
    }
}

/// At most [`LONGEST`] UTF-16 units, without cutting a character in half.
fn cut(text: &str) -> String {
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= LONGEST
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_sent_ends_as_a_list_of_words() {
        for (value, words) in [
            (json!(null), DEFAULTS.map(str::to_owned).to_vec()),
            (json!("x"), DEFAULTS.map(str::to_owned).to_vec()),
            (json!(["", " "]), DEFAULTS.map(str::to_owned).to_vec()),
            (json!([1, " a ", {"b": 1}]), vec!["a".to_owned()]),
            (json!(["x".repeat(70)]), vec!["x".repeat(64)]),
            (json!(["☕😀".repeat(40)]), vec![format!("{}☕", "☕😀".repeat(21))]),
        ] {
            assert_eq!(cleaned(&value), words, "{value}");
        }
        assert_eq!(cleaned(&json!(vec!["w"; 40])).len(), 32);
    }

    #[test]
    fn words_that_cannot_be_kept_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("settings"), "in the way").unwrap();
        let voicewake = Voicewake::new(dir.path());
        let before = voicewake.payload();
        assert!(voicewake.set(Some(r#"{"triggers":["x"]}"#), 1).is_err());
        assert_eq!(voicewake.payload(), before);
    }
}
