//! The length of a message's text: [`limits::MESSAGE_BYTES`], whoever writes it.

use crate::protocol::{limits, text, WireError};
use std::borrow::Cow;

/// Refuses a text that is too long. Those that come as events are shorter in any case.
pub(super) fn check(text: &str) -> Result<(), WireError> {
    let (bytes, most) = (text.len(), limits::MESSAGE_BYTES);
    if bytes <= most {
        return Ok(());
    }
    let text = format!("the message has {bytes} bytes; {most} is the most. Send it in parts");
    Err(WireError::invalid(text))
}

/// The beginning of an answer, as much of it as a message may have.
pub(super) fn beginning(answer: &str) -> &str {
    text::cut(answer, limits::MESSAGE_BYTES)
}

/// An answer as it is kept: one that is too long is cut, and says so at its end.
pub(super) fn kept(answer: &str) -> Cow<'_, str> {
    let beginning = beginning(answer);
    if beginning.len() == answer.len() {
        return Cow::Borrowed(answer);
    }
    Cow::Owned(format!("{beginning}\n\n[cut: the answer has {} bytes]", answer.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_is_cut_between_two_characters_and_says_so() {
        let most = limits::MESSAGE_BYTES;
        let fits = "x".repeat(most);
        assert_eq!(kept(&fits), fits);
        let long = format!("x{}", "ü".repeat(most));
        assert_eq!(beginning(&long).len(), most - 1);
        assert!(kept(&long).ends_with("ü\n\n[cut: the answer has 524289 bytes]"));
        assert!(check(&fits).is_ok());
        let error = check(&long).unwrap_err();
        assert_eq!(
            error.message,
            "the message has 524289 bytes; 262144 is the most. Send it in parts"
        );
    }
}
