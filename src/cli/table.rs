//! The shape of the command table. Parsing, help and completions are made from it; the rows are
//! in `verbs/`, and a new command is one more row there.

pub use super::verbs::{verbs, VerbId, GROUPS};

/// The name of the program, as it is typed.
pub const PROGRAM: &str = "openclaw-bridge";

/// One command.
pub struct Verb {
    /// Who runs it.
    pub id: VerbId,
    /// The words it is called by.
    pub path: &'static str,
    /// Other words for the same.
    pub aliases: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
    /// What else is good to know: paragraphs, one line each.
    pub about: &'static [&'static str],
    /// Arguments without a name, in order.
    pub positionals: &'static [Positional],
    /// Arguments with a name; in lists, because some are shared.
    pub flags: &'static [&'static [Flag]],
    /// Lines that can be copied, without the name of the program.
    pub examples: &'static [&'static str],
}

/// Words that begin several commands.
pub struct Group {
    /// The words.
    pub path: &'static str,
    /// What the commands have in common, in one line.
    pub summary: &'static str,
}

/// What top-level help puts together: a heading and first words.
pub struct Topic {
    /// The heading.
    pub title: &'static str,
    /// First words of commands.
    pub words: &'static [&'static str],
}

/// An argument with a name: `--name` or `--name VALUE`.
pub struct Flag {
    /// The name without the dashes.
    pub name: &'static str,
    /// A letter that means the same.
    pub short: Option<char>,
    /// What stands for the value in help; empty for a switch.
    pub value: &'static str,
    /// What the value may be.
    pub kind: Kind,
    /// Whether every occurrence counts; otherwise the last one does, or one more is a mistake if
    /// the flag is required.
    pub repeat: bool,
    /// Whether the command makes no sense without it.
    pub required: bool,
    /// What counts if it is not given.
    pub default: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

/// An argument without a name.
pub struct Positional {
    /// What stands for it in help.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether the command makes no sense without it.
    pub required: bool,
    /// Whether it may be given several times.
    pub repeat: bool,
    /// The flag this is a shorter way to write.
    pub flag: Option<&'static str>,
    /// What it is.
    pub help: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value: the flag is there or not.
    Switch,
    /// Any text that is not empty.
    Text,
    /// Any text, also none: a word of somebody else's command.
    Argument,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A TCP port.
    Port,
    /// A positive whole number.
    Number,
    /// A whole number, also 0.
    Count,
    /// A number written with digits, a point and a sign only: a node may look at the text.
    Decimal,
    /// A duration, see [`crate::duration::parse`].
    Duration,
    /// JSON, `@` and a file, or `-` for standard input.
    Json,
    /// A name and a value with `=` between them.
    Pair,
    /// A name and a value with `=` between them; the value may be empty.
    Variable,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text; these words are usual.
    Words(&'static [&'static str]),
}

impl Kind {
    /// The words that complete a value.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Choice(words) | Self::Words(words) => words,
            _ => &[],
        }
    }
}

impl Flag {
    /// A flag without a value.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self::new(name, "", Kind::Switch, help)
    }

    /// A flag with a value.
    pub const fn new(
        name: &'static str,
        value: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Self {
        Self { name, short: None, value, kind, repeat: false, required: false, default: None, help }
    }

    /// The same flag with a letter.
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// The same flag with a default.
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// The same flag, of which every occurrence counts.
    pub const fn repeated(mut self) -> Self {
        self.repeat = true;
        self
    }

    /// The same flag, indispensable.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// `--port N`
    pub fn usage(&self) -> String {
        format!("--{} {}", self.name, self.value).trim_end().to_owned()
    }
}

impl Positional {
    /// An argument that has to be there.
    pub const fn required(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, required: true, repeat: false, flag: None, help }
    }

    /// An argument that need not be there.
    pub const fn optional(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, required: false, repeat: false, flag: None, help }
    }

    /// A shorter way to write `--flag`.
    pub const fn short_for(name: &'static str, flag: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Text, required: false, repeat: false, flag: Some(flag), help }
    }

    /// The same argument, which may be given several times.
    pub const fn repeated(mut self) -> Self {
        self.repeat = true;
        self
    }

    /// `REQUEST`, `[FILE]`, `[COMMAND…]`
    pub fn usage(&self) -> String {
        let name = if self.repeat { format!("{}…", self.name) } else { self.name.to_owned() };
        if self.required {
            name
        } else {
            format!("[{name}]")
        }
    }
}

impl Verb {
    /// All flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().flat_map(|flags| flags.iter())
    }

    /// The flag of this name.
    pub fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.name == name)
    }

    /// The path and its aliases.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.path).chain(self.aliases.iter().copied())
    }
}

/// The command that is called by these words.
pub fn find(path: &str) -> Option<&'static Verb> {
    verbs().find(|verb| verb.paths().any(|own| own == path))
}

/// The words that may follow `path` (empty for the first word), in the order of the table.
pub fn words_after(path: &str) -> Vec<&'static str> {
    let mut words = Vec::new();
    for own in verbs().flat_map(Verb::paths) {
        let rest = match path {
            "" => Some(own),
            _ => own.strip_prefix(path).and_then(|rest| rest.strip_prefix(' ')),
        };
        if let Some(word) = rest.and_then(|rest| rest.split(' ').next()) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}

/// What the words mean, in one line: a command's summary, or that of a group.
pub fn summary(path: &str) -> &'static str {
    let group = GROUPS.iter().find(|group| group.path == path).map(|group| group.summary);
    group.or_else(|| find(path).map(|verb| verb.summary)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::TOPICS;

    #[test]
    fn every_path_means_one_command() {
        let paths: Vec<_> = verbs().flat_map(Verb::paths).collect();
        for path in &paths {
            assert_eq!(paths.iter().filter(|other| *other == path).count(), 1, "{path}");
        }
        assert_eq!(find("nodes").map(|verb| verb.id), Some(VerbId::NodesList));
        assert_eq!(find("nodes status").map(|verb| verb.id), Some(VerbId::NodesList));
        assert!(find("config").is_none(), "a group only");
    }

    #[test]
    fn no_command_has_two_flags_of_one_name() {
        for verb in verbs() {
            let names: Vec<_> = verb.flags().map(|flag| flag.name).collect();
            for name in &names {
                assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
            }
            for positional in verb.positionals {
                assert!(positional.flag.is_none_or(|name| verb.flag(name).is_some()));
            }
        }
    }

    #[test]
    fn the_table_explains_itself() {
        for verb in verbs() {
            assert!(!verb.examples.is_empty(), "{} has no example", verb.path);
            assert!(!verb.summary.ends_with('.') && verb.summary.len() <= 60, "{}", verb.path);
            for flag in verb.flags() {
                assert!(flag.help.ends_with('.'), "--{}", flag.name);
                assert_eq!(flag.value.is_empty(), flag.kind == Kind::Switch, "--{}", flag.name);
            }
        }
        let told: Vec<_> = TOPICS.iter().flat_map(|topic| topic.words.iter().copied()).collect();
        for word in words_after("") {
            assert!(told.contains(&word), "{word} is not in top-level help");
            assert!(!summary(word).is_empty(), "{word} needs a summary");
        }
        assert_eq!(told.len(), words_after("").len());
    }

    #[test]
    fn the_words_after_a_group_are_its_commands() {
        assert_eq!(words_after("config"), ["check", "show"]);
        assert!(words_after("nodes").starts_with(&["list", "status", "pending"]));
        assert!(words_after("serve").is_empty());
    }
}
