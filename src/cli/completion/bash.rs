//! How bash writes a word. Bash inserts what it is given as it is, so that it has to be quoted here; and it
//! replaces only a part of the word: what follows an opening quotation mark, a colon or an equals sign.

/// What surrounds a character.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

/// Characters that mean nothing to bash, beside letters and digits.
const HARMLESS: &str = "_./:@%+,=-";

/// The last word of an incomplete line.
#[derive(Debug, PartialEq)]
pub(super) struct BashWord {
    text: String,
    /// The bytes of the text that bash does not replace.
    kept: usize,
    /// What is open where the replaced part begins.
    quote: Quote,
}

impl BashWord {
    /// `raw` is the word as it was typed, `cut` the end of it that bash replaces.
    pub(super) fn new(raw: &str, cut: &str) -> Option<Self> {
        let (kept, quote, _) = word(raw.strip_suffix(cut)?)?;
        let (text, ..) = word(raw)?;
        text.starts_with(&kept).then_some(Self { text, kept: kept.len(), quote })
    }

    /// The word without quotation.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What bash is to insert to make it this word, if that is a longer one.
    pub(super) fn completed(&self, word: &str) -> Option<String> {
        let rest = word.strip_prefix(&self.text).and_then(|_| word.get(self.kept..))?;
        let escaped = |is_special: fn(char) -> bool| {
            let escape = |c: char| is_special(c).then_some('\\').into_iter().chain([c]);
            rest.chars().flat_map(escape).collect::<String>()
        };
        match self.quote {
            Quote::None => Some(escaped(|c| !c.is_alphanumeric() && !HARMLESS.contains(c))),
            // Nothing in them hides an exclamation mark from an interactive shell, or ends them.
            Quote::Double if rest.contains('!') => None,
            Quote::Double => Some(escaped(|c| "\"\\$`".contains(c))),
            Quote::Single => (!rest.contains('\'')).then(|| rest.to_owned()),
        }
    }
}

/// The text of the word at the start of a line, what is open at its end, and how many bytes of the line
/// it has. `None` where bash would put something else in its place.
fn word(line: &str) -> Option<(String, Quote, usize)> {
    let (mut text, mut quote) = (String::new(), Quote::None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Quote::None, blank) if blank.is_ascii_whitespace() => {
                return Some((text, quote, line.len() - characters.as_str().len() - 1));
            }
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::None | Quote::Double, '$' | '`') => return None,
            (Quote::None, '\\') => text.extend(characters.next()),
            (Quote::Double, '\\') => match characters.next() {
                Some(special @ ('"' | '\\' | '$' | '`')) => text.push(special),
                other => text.extend(['\\'].into_iter().chain(other)),
            },
            _ => text.push(character),
        }
    }
    Some((text, quote, line.len()))
}

/// The words of a line after the program's name, and the last one as it was typed. Variables
/// may stand before the name.
pub(super) fn words(line: &str) -> Option<(Vec<String>, &str)> {
    let (mut words, mut rest) = (Vec::new(), line.trim_ascii_start());
    loop {
        let (text, _, length) = word(rest)?;
        if length == rest.len() {
            break;
        }
        words.push(text);
        rest = rest[length..].trim_ascii_start();
    }
    let program = words.iter().position(|word| word.rsplit('/').next() == Some("openclaw-bridge"));
    words.drain(..=program.unwrap_or(0).min(words.len().checked_sub(1)?));
    Some((words, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(raw: &str, cut: &str, word: &str) -> Option<String> {
        BashWord::new(raw, cut)?.completed(word)
    }

    #[test]
    fn a_line_is_divided_as_bash_does() {
        let words = |line| words(line).map(|(words, last)| (words.join("|"), last));
        let found = |words: &str, last| Some((words.to_owned(), last));
        assert_eq!(words("openclaw-bridge nodes  describe Ki"), found("nodes|describe", "Ki"));
        assert_eq!(words("A=1 ./openclaw-bridge nodes describe "), found("nodes|describe", ""));
        assert_eq!(
            words(r#"openclaw-bridge chat send "a \" b" 'c d' e\ f "K i"#),
            found("chat|send|a \" b|c d|e f", "\"K i")
        );
        assert_eq!(words("openclaw-bridge --state-dir $HOME/x nodes "), None, "who knows where");
        assert_eq!(words("openclaw-bridge"), None);
        assert_eq!(words(""), None);
    }

    #[test]
    fn only_the_part_that_bash_replaces_is_given_and_quoted_for_its_place() {
        let name = "Ada's \"iPad\" $(x) `y` \\ *é";
        let backslashes = "Ada\\'s\\ \\\"iPad\\\"\\ \\$\\(x\\)\\ \\`y\\`\\ \\\\\\ \\*é";
        assert_eq!(completed("", "", name).as_deref(), Some(backslashes));
        assert_eq!(completed("Ada\\'s\\ ", "Ada\\'s\\ ", name).as_deref(), Some(backslashes));
        let double = "Ada's \\\"iPad\\\" \\$(x) \\`y\\` \\\\ *é";
        assert_eq!(completed("\"Ada", "Ada", name).as_deref(), Some(double));
        assert_eq!(completed("'Ada", "Ada", name), None, "the quotation would end");
        assert_eq!(completed("'Kit", "Kit", "Kit $(x)").as_deref(), Some("Kit $(x)"));
        assert_eq!(completed("\"Hi", "Hi", "Hi!"), None);
        assert_eq!(completed("Hi", "Hi", "Hi!").as_deref(), Some("Hi\\!"));
        assert_eq!(completed("agent:ma", "ma", "agent:main").as_deref(), Some("main"));
        assert_eq!(completed("--node=Ki", "Ki", "--node=Kit 2").as_deref(), Some("Kit\\ 2"));
        assert_eq!(completed("x", "x", "Kit"), None);
        assert_eq!(completed("$x", "$x", "Kit"), None);
        assert_eq!(completed("Kit", "nonsense", "Kit"), None);
    }
}
