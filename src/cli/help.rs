//! Help, made from the table.

use super::table::{self, Flag, Kind, Verb, PROGRAM};
use super::verbs::TOPICS;

/// Columns of a terminal nobody has made wider.
const WIDTH: usize = 80;

/// Where the meaning of a command starts.
const WORDS: usize = 16;

/// Where the meaning of a flag or argument starts.
const FLAGS: usize = 24;

/// The help for these words: a command, a group of commands, or (no words) the program.
pub fn text(path: &str) -> String {
    let mut page = Page(String::new());
    let group = !table::words_after(path).is_empty();
    match table::find(path) {
        _ if path.is_empty() => program(&mut page),
        _ if group => commands(&mut page, path),
        Some(verb) => command(&mut page, verb),
        None => program(&mut page),
    }
    page.0
}

fn program(page: &mut Page) {
    page.line(&format!("{PROGRAM}: the gateway side of the OpenClaw Bridge protocol"));
    page.line("");
    page.line(&format!("Usage: {PROGRAM} COMMAND [FLAGS] | --version"));
    for topic in TOPICS {
        page.heading(topic.title);
        for word in topic.words {
            page.entry(word, table::summary(word), WORDS);
        }
    }
    page.line("");
    page.line(&format!("`{PROGRAM} COMMAND --help` explains a command."));
}

fn commands(page: &mut Page, path: &str) {
    page.line(table::summary(path));
    page.line("");
    let bare = table::find(path);
    let word = if bare.is_some() { "[COMMAND]" } else { "COMMAND" };
    page.line(&format!("Usage: {PROGRAM} {path} {word} [FLAGS]"));
    page.heading("Commands");
    for word in table::words_after(path) {
        let below = format!("{path} {word}");
        let alias = table::find(&below).filter(|verb| verb.path != below);
        let summary = match alias {
            Some(verb) => format!("The same as `{}`", verb.path),
            None => table::summary(&below).to_owned(),
        };
        page.entry(word, &summary, WORDS);
    }
    page.line("");
    if let Some(verb) = bare {
        page.line(&format!("Without a command: `{}`.", verb.path));
    }
    page.line(&format!("`{PROGRAM} {path} COMMAND --help` explains a command."));
}

fn command(page: &mut Page, verb: &Verb) {
    page.line(verb.summary);
    page.line("");
    let mut usage = format!("Usage: {PROGRAM} {}", verb.path);
    for flag in verb.flags().filter(|flag| flag.required) {
        usage = format!("{usage} {}", flag.usage());
    }
    if verb.flags().any(|flag| !flag.required) {
        usage.push_str(" [FLAGS]");
    }
    for positional in verb.positionals.iter().filter(|positional| positional.flag.is_none()) {
        let dashes = if positional.kind == Kind::Argument { "-- " } else { "" };
        usage = format!("{usage} {dashes}{}", positional.usage());
    }
    page.line(&usage);
    for paragraph in verb.about {
        page.line("");
        page.wrapped("", paragraph, 0);
    }
    if !verb.positionals.is_empty() {
        page.heading("Arguments");
        for positional in verb.positionals {
            page.entry(&positional.usage(), positional.help, FLAGS);
        }
    }
    page.heading("Flags");
    for flag in verb.flags() {
        let help = match flag.default {
            Some(default) => format!("{} Default: {default}.", flag.help),
            None => flag.help.to_owned(),
        };
        page.entry(&label(flag), &help, FLAGS);
    }
    page.entry("-h, --help", "Print this.", FLAGS);
    page.heading(if verb.examples.len() == 1 { "Example" } else { "Examples" });
    for example in verb.examples {
        page.line(&format!("  {PROGRAM} {example}"));
    }
}

fn label(flag: &Flag) -> String {
    match flag.short {
        Some(letter) => format!("-{letter}, {}", flag.usage()),
        None => flag.usage(),
    }
}

/// Text in the making.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.line("");
        self.line(&format!("{title}:"));
    }

    /// A name and what it means, the meaning in a column of its own.
    fn entry(&mut self, name: &str, meaning: &str, column: usize) {
        let name = format!("  {name}");
        if name.chars().count() + 2 > column {
            self.line(&name);
            self.wrapped("", meaning, column);
        } else {
            self.wrapped(&name, meaning, column);
        }
    }

    /// Words, broken into lines that all start in `column`.
    fn wrapped(&mut self, start: &str, text: &str, column: usize) {
        let mut line = format!("{start:column$}");
        let mut length = line.chars().count();
        for (i, word) in text.split_whitespace().enumerate() {
            let word_length = word.chars().count();
            if i > 0 && length + 1 + word_length > WIDTH {
                self.line(&line);
                line = " ".repeat(column);
                length = column;
            } else if i > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
        self.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::{verbs, GROUPS};

    fn pages() -> Vec<(&'static str, String)> {
        let groups = GROUPS.iter().map(|group| group.path);
        let paths = verbs().map(|verb| verb.path).chain(groups).chain([""]);
        paths.map(|path| (path, text(path))).collect()
    }

    #[test]
    fn top_level_help_fits_a_screen() {
        let help = text("");
        assert!(help.lines().count() <= 32, "{help}");
        assert!(
            help.contains(
                "\nIts nodes and conversations:\n  nodes         List nodes, approve them"
            ),
            "{help}"
        );
    }

    #[test]
    fn no_help_is_wider_than_a_terminal() {
        for (path, page) in pages() {
            // An example has to be copied in one piece.
            let text = page.split("\nExample").next().unwrap();
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= WIDTH, "{path}:\n{page}");
            assert!(page.lines().all(|line| line.trim_end() == line), "{path}:\n{page}");
        }
    }

    #[test]
    fn help_for_a_command_tells_usage_flags_defaults_and_examples() {
        let help = text("nodes invoke");
        assert!(help.starts_with("Have a node run a command\n\nUsage: "), "{help}");
        assert!(help.contains("nodes invoke --node N --command C [FLAGS]\n"), "{help}");
        assert!(help.contains("How long the node may take. Default: 15s."), "{help}");
        assert!(help.contains("\nExamples:\n  openclaw-bridge nodes invoke --node"), "{help}");
        let help = text("nodes approve");
        assert!(help.contains("Usage: openclaw-bridge nodes approve [FLAGS] REQUEST\n"), "{help}");
    }

    #[test]
    fn help_for_a_group_lists_its_commands_and_says_what_is_done_without_one() {
        let help = text("nodes");
        for word in table::words_after("nodes") {
            assert!(help.contains(&format!("\n  {word} ")), "{word}:\n{help}");
        }
        assert!(help.contains("Without a command: `nodes list`."), "{help}");
        assert!(!text("config").contains("Without a command"));
    }

    /// Enough of a shell for the examples: quotes of both kinds keep words together.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quote) = (vec![String::new()], None);
        for character in line.chars() {
            match (character, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(character),
                (' ', None) => words.push(String::new()),
                _ => words.last_mut().unwrap().push(character),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_example_is_a_command_that_parses() {
        use crate::cli::args::{parse, Parsed};
        for verb in verbs() {
            for example in verb.examples {
                let line = example.split(" > ").next().unwrap();
                match parse(words(line).into_iter().map(Into::into)) {
                    Ok(Parsed::Run(command)) => assert_eq!(command.verb.path, verb.path),
                    Ok(Parsed::Help(_)) => assert_eq!(verb.path, "help"),
                    other => panic!("{example}: {other:?}"),
                }
            }
        }
    }
}
