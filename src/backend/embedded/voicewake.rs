//! The wake words of a phone's voice mode: `settings/voicewake.json` (protocol section 5.1).

use super::settings;
use crate::files;
use crate::lock::lock;
use crate::protocol::rpc::system::WakeWords;
use crate::protocol::{limits, WireError};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The words where nobody has chosen any.
const DEFAULTS: [&str; 3] = ["clawd", "claude", "computer"];

pub(super) struct Voicewake {
    path: PathBuf,
    words: Mutex<WakeWords>,
}

impl Voicewake {
    /// Reads the file; without one, or with a damaged one, the defaults count. Unlike a pairing,
    /// lost words cost their user one visit to a settings page.
    pub(super) fn new(state_dir: &Path) -> Self {
        let path = file(state_dir);
        let stored = files::read_if_exists(&path).unwrap_or_else(|error| {
            log::warn!("could not read `{}`, using the default words: {error}", path.display());
            None
        });
        let stored: Option<WakeWords> = stored.and_then(|bytes| {
            let words = serde_json::from_slice(&bytes);
            words.map_err(|e| log::warn!("`{}` is damaged: {e}", path.display())).ok()
        });
        let words = Mutex::new(or_defaults(cleaned(stored.unwrap_or_default())));
        Self { path, words }
    }

    pub(super) fn get(&self) -> WakeWords {
        lock(&self.words).clone()
    }

    /// Takes new words; they are on disk when this returns. `changed` is called with them, in the
    /// order in which they replace each other.
    pub(super) fn set(
        &self,
        words: WakeWords,
        now_ms: u64,
        changed: impl FnOnce(&WakeWords),
    ) -> Result<WakeWords, WireError> {
        let words = or_defaults(cleaned(words));
        // Held over the write, so that the file and the memory agree about who was last.
        let mut current = lock(&self.words);
        store(&self.path, &words, now_ms).map_err(|error| {
            log::error!("could not write `{}`: {error}", self.path.display());
            WireError::unavailable("the gateway could not save the words; try later")
        })?;
        current.clone_from(&words);
        changed(&words);
        Ok(words)
    }
}

fn store(path: &Path, words: &WakeWords, now_ms: u64) -> io::Result<()> {
    settings::store(path, &json!({ "triggers": words.triggers, "updatedAtMs": now_ms }))
}

pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("settings/voicewake.json")
}

/// The words in another gateway's file, none if nobody chose any; or what is wrong with it.
#[cfg(feature = "cli")]
pub(crate) fn read_foreign(bytes: &[u8]) -> Result<Vec<String>, String> {
    let words = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(cleaned(words).triggers)
}

/// Stores another gateway's words in a state directory that no bridge uses.
#[cfg(feature = "cli")]
pub(crate) fn adopt(state_dir: &Path, words: &[String], now_ms: u64) -> io::Result<()> {
    store(&file(state_dir), &WakeWords { triggers: words.to_vec() }, now_ms)
}

/// The words trimmed, shortened and without empty ones.
fn cleaned(words: WakeWords) -> WakeWords {
    let words = words.triggers.iter().map(|word| shortened(word.trim()));
    WakeWords { triggers: words.filter(|word| !word.is_empty()).take(limits::WAKE_WORDS).collect() }
}

fn or_defaults(words: WakeWords) -> WakeWords {
    if words.triggers.is_empty() {
        return WakeWords { triggers: DEFAULTS.map(str::to_owned).to_vec() };
    }
    words
}

/// At most [`limits::WAKE_WORD_UNITS`] UTF-16 units, without cutting a character in half.
fn shortened(text: &str) -> String {
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= limits::WAKE_WORD_UNITS
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn whatever_is_sent_ends_as_a_list_of_words() {
        let words = |value: Value| {
            let words = serde_json::from_value(json!({ "triggers": value })).unwrap();
            or_defaults(cleaned(words)).triggers
        };
        let defaults = DEFAULTS.map(str::to_owned).to_vec();
        for (value, expected) in [
            (json!(null), defaults.clone()),
            (json!("x"), defaults.clone()),
            (json!(["", " "]), defaults),
            (json!([1, " a ", {"b": 1}]), vec!["a".to_owned()]),
            (json!(["x".repeat(70)]), vec!["x".repeat(64)]),
            (json!(["☕😀".repeat(40)]), vec![format!("{}☕", "☕😀".repeat(21))]),
        ] {
            assert_eq!(words(value.clone()), expected, "{value}");
        }
        assert_eq!(words(json!(vec!["w"; 40])).len(), 32);
    }

    #[test]
    fn words_that_cannot_be_stored_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("settings"), "in the way").unwrap();
        let voicewake = Voicewake::new(dir.path());
        let before = voicewake.get();
        let words = WakeWords { triggers: vec!["x".to_owned()] };
        assert!(voicewake.set(words, 1, |_| panic!("nothing has changed")).is_err());
        assert_eq!(voicewake.get(), before);
    }
}
