//! Characters that do something instead of showing something, and texts that are too long.

/// Whether a terminal, or a person, could be fooled by the character: control characters, and
/// those that are invisible or change the direction of writing.
pub(crate) fn is_tricky(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Every run of white space and control characters as one blank, so that nothing can start a line of
/// its own or drive a terminal.
pub(crate) fn collapsed(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// At most `most` characters of `text` on one line, with `...` where it was cut.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = collapsed(text);
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.replace_range(end.., "...");
    }
    line
}

/// At most `bytes` bytes of `text`, without cutting a character in two.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last bytes of `text`, at most `bytes`, without cutting a character in two.
pub(crate) fn end(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_short() {
        assert_eq!(one_line(" a\n\u{1b}[31mb\u{2028}c\r\n", 99), "a [31mb c");
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("äöüß", 3), "äöü...");
    }
}
