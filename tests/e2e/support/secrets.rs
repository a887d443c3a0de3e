//! Every token that any phone of this run was given. None may ever be logged or printed.

use std::sync::Mutex;

static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Digits that are enough to know a token by.
const SHORTEST: usize = 16;

/// A phone was given this, or it must not be seen for another reason.
pub(crate) fn remember(token: &str) {
    assert!(token.len() >= SHORTEST);
    TOKENS.lock().unwrap().push(token.to_owned());
}

/// Fails if a token is in `text`.
#[track_caller]
pub(crate) fn none_in(text: &str, place: &str) {
    let tokens = TOKENS.lock().unwrap();
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    // Some texts are long and the tokens many, but what could be a token is rare.
    for run in text.as_bytes().split(|byte| !is_hex(byte)).filter(|run| run.len() >= SHORTEST) {
        let run = std::str::from_utf8(run).unwrap();
        assert!(!tokens.iter().any(|token| run.contains(token.as_str())), "a token is in {place}");
    }
}
