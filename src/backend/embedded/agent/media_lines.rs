//! Takes the lines `MEDIA:…` out of an answer while it grows, as the old gateway did: they name
//! pictures, and are not for the reader. Pure.

use crate::protocol::limits;

/// How such a line begins.
const MEDIA: &str = "MEDIA:";
/// Begins and ends a block of code, in which everything is text.
const CODE: &str = "```";

/// What an answer names, and the line that is being read.
#[derive(Default)]
pub(super) struct MediaLines {
    /// Paths and addresses, in their order.
    pub(super) sources: Vec<String>,
    /// The line so far, as long as it may become one of those above.
    held: String,
    /// The line is text, and goes on.
    is_text: bool,
    in_code: bool,
}

impl MediaLines {
    /// Takes more of an answer, and appends what is text of it. What has become text stays so.
    pub(super) fn take(&mut self, more: &str, text: &mut String) {
        for part in more.split_inclusive('\n') {
            let is_whole = part.ends_with('\n');
            if self.is_text {
                text.push_str(part);
                self.is_text = !is_whole;
                continue;
            }
            self.held.push_str(part);
            if is_whole || !self.may_be_marked() {
                self.release(text);
                self.is_text = !is_whole;
            }
        }
    }

    pub(super) fn finish(&mut self, text: &mut String) {
        self.release(text);
    }

    /// Takes a path or an address that was named elsewhere.
    pub(super) fn name(&mut self, source: &str, text: &mut String) {
        self.release(text);
        if is_address(source) {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            text.push_str(&format!("{gap}{source}\n"));
        }
        self.sources.push(source.to_owned());
    }

    fn may_be_marked(&self) -> bool {
        let line = self.held.trim_start();
        let may_be = |mark: &str| line.starts_with(mark) || mark.starts_with(line);
        self.held.len() <= limits::MEDIA_LINE && (may_be(MEDIA) || may_be(CODE))
    }

    fn release(&mut self, text: &mut String) {
        let line = std::mem::take(&mut self.held);
        // What ends on its line begins no block.
        let after = line.trim_start().strip_prefix(CODE);
        self.in_code ^= after.is_some_and(|after| !after.contains(CODE));
        match source(&line).filter(|_| !self.in_code) {
            None => text.push_str(&line),
            Some(source) => {
                // An app cannot show it, but its reader can open it.
                if is_address(source) {
                    text.push_str(source);
                    text.push_str(if line.ends_with('\n') { "\n" } else { "" });
                }
                self.sources.push(source.to_owned());
            }
        }
    }
}

/// The path or address in a line, if it names one. Quotes around it do not count.
fn source(line: &str) -> Option<&str> {
    let named = line.trim().strip_prefix(MEDIA)?.trim();
    let bare = |quote: char| named.strip_prefix(quote)?.strip_suffix(quote);
    let named = ['`', '"', '\''].into_iter().find_map(bare).unwrap_or(named);
    let is_path = ["/", "./", "file:///"].iter().any(|start| named.starts_with(start));
    (is_path || is_address(named)).then_some(named)
}

/// Whether it is an address in the web, and not a path.
pub(super) fn is_address(source: &str) -> bool {
    let is_web = ["http://", "https://"].iter().any(|scheme| source.starts_with(scheme));
    is_web && !source.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text and the names in an answer that comes in these parts, checking that text stays text.
    fn read(parts: &[&str]) -> (String, Vec<String>) {
        let (mut lines, mut text) = (MediaLines::default(), String::new());
        for part in parts {
            let before = text.clone();
            lines.take(part, &mut text);
            assert!(text.starts_with(&before), "{before:?} {text:?}");
        }
        lines.finish(&mut text);
        (text, lines.sources)
    }

    #[test]
    fn lines_that_name_media_are_taken_out_wherever_the_answer_is_cut() {
        let answer =
            "Look:\n  MEDIA:/a b.jpg\nMED\nMEDIA: `./c.png`\nhttps://x/\nMEDIA:file:///d\r\nend";
        let expected =
            ("Look:\nMED\nhttps://x/\nend".to_owned(), ["/a b.jpg", "./c.png", "file:///d"]);
        for cut in 0..=answer.len() {
            let (text, sources) = read(&[&answer[..cut], &answer[cut..]]);
            assert_eq!((&text, &sources[..]), (&expected.0, &expected.1.map(str::to_owned)[..]));
        }
        let one_by_one: Vec<&str> = answer.split_inclusive(|_| true).collect();
        assert_eq!(read(&one_by_one).0, expected.0);
    }

    #[test]
    fn what_names_nothing_is_text() {
        for text in [
            "MEDIA: print and web\n",
            "MEDIA:",
            "a MEDIA:/x.jpg",
            "MEDIA:photo.jpg",
            "media:/x.jpg",
            "```\nMEDIA:/x.jpg\n```\n",
            "  ",
            "MEDIA:ftp://x/y",
        ] {
            assert_eq!(read(&[text]), (text.to_owned(), Vec::new()));
        }
        for code in ["```sh\nMEDIA:/x\n```\n", "```MEDIA:/x```\n"] {
            let (text, sources) = read(&[code, "MEDIA:/y"]);
            assert_eq!((&*text, &sources[..]), (code, &["/y".to_owned()][..]));
        }
        // A line without end is not waited for.
        let long = format!("MEDIA:/{}", "x".repeat(limits::MEDIA_LINE));
        let (mut lines, mut text) = (MediaLines::default(), String::new());
        lines.take(&long, &mut text);
        assert!(text == long || lines.sources.len() == 1);
        assert!(lines.held.is_empty());
    }

    #[test]
    fn addresses_stay_in_the_text() {
        let (text, sources) = read(&["See\nMEDIA:https://x.org/cat.jpg\nthere"]);
        assert_eq!(
            (&*text, &*sources[0]),
            ("See\nhttps://x.org/cat.jpg\nthere", "https://x.org/cat.jpg")
        );
        let (mut lines, mut text) = (MediaLines::default(), "See".to_owned());
        lines.name("https://x.org/cat.jpg", &mut text);
        lines.name("/a.jpg", &mut text);
        assert_eq!((&*text, lines.sources.len()), ("See\nhttps://x.org/cat.jpg\n", 2));
    }
}
