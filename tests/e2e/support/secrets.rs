//! Every token that any phone of this run was given. None may ever be logged or printed.

use std::sync::Mutex;

static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A phone was given this.
pub(crate) fn remember(token: &str) {
    TOKENS.lock().unwrap().push(token.to_owned());
}

/// Fails if a token is in `text`.
#[track_caller]
pub(crate) fn none_in(text: &str, place: &str) {
    let found = TOKENS.lock().unwrap().iter().any(|token| text.contains(token.as_str()));
    assert!(!found, "a token is in {place}");
}
