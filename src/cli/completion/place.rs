//! Which argument the last word of an incomplete command line is.

use clap::{Arg, Command};

/// What is to be completed, as the description of the commands knows it.
#[derive(Debug, PartialEq)]
pub(super) enum What {
    Node,
    Request { to_approve: bool },
    Session,
}

/// The last word.
#[derive(Debug, PartialEq)]
pub(super) struct Place<'a> {
    pub(super) what: What,
    /// What stands in it before the value: nothing, or the flag.
    pub(super) before: &'a str,
    /// The value, as far as it was typed.
    pub(super) typed: &'a str,
    /// The `--state-dir` of the command.
    pub(super) state_dir: Option<&'a str>,
}

/// The words before the last one, as far as they matter.
struct Reader<'a> {
    command: &'a Command,
    /// The flag whose value comes next.
    flag: Option<&'a Arg>,
    /// How many positional arguments there were.
    positionals: usize,
    /// After `--`.
    only_positionals: bool,
}

impl<'a> Place<'a> {
    /// `words` are those after the program's name. `None` if the last one is nothing that a bridge
    /// knows.
    pub(super) fn of(program: &'a Command, words: &[&'a str]) -> Option<Self> {
        let (last, others) = words.split_last()?;
        let mut reader =
            Reader { command: program, flag: None, positionals: 0, only_positionals: false };
        let mut state_dir = None;
        for word in others {
            if let Some((flag, value)) = reader.next(word) {
                state_dir = Some(value).filter(|_| flag.get_id() == "state-dir").or(state_dir);
            }
        }
        let (arg, before, typed) = reader.last(last)?;
        let what = match arg.get_id().as_str() {
            "node" | "NODE" => What::Node,
            "REQUEST" => What::Request { to_approve: reader.command.get_name() == "approve" },
            "session" | "subscribe" | "KEY" => What::Session,
            _ => return None,
        };
        Some(Self { what, before, typed, state_dir })
    }
}

impl<'a> Reader<'a> {
    /// A flag with its value, if this word ends one.
    fn next(&mut self, word: &'a str) -> Option<(&'a Arg, &'a str)> {
        if let Some(flag) = self.flag.take() {
            return Some((flag, word));
        }
        if !self.only_positionals && word.starts_with('-') && word.len() > 1 {
            self.only_positionals = word == "--";
            let (flag, value) = self.flag(word)?;
            if value.is_none() {
                self.flag = Some(flag);
            }
            return Some((flag, value?));
        }
        match self.command.find_subcommand(word).filter(|_| self.positionals == 0) {
            Some(below) => self.command = below,
            None => self.positionals += 1,
        }
        None
    }

    /// A flag that takes a value, and that value if it is in the same word.
    fn flag(&self, word: &'a str) -> Option<(&'a Arg, Option<&'a str>)> {
        let word = word.strip_prefix("--")?;
        let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
        let mut flags = self.command.get_arguments();
        let flag = flags.find(|arg| arg.get_long() == Some(name))?;
        flag.get_action().takes_values().then_some((flag, value))
    }

    /// The argument that the last word is, and that word in two parts.
    fn last(&self, word: &'a str) -> Option<(&'a Arg, &'a str, &'a str)> {
        if let Some(flag) = self.flag {
            return Some((flag, "", word));
        }
        if !self.only_positionals && word.starts_with('-') {
            let (flag, value) = self.flag(word)?;
            let (before, typed) = word.split_at(word.len() - value?.len());
            return Some((flag, before, typed));
        }
        Some((self.command.get_positionals().nth(self.positionals)?, "", word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: &str) -> Option<(What, String, String)> {
        let mut program = crate::cli::command();
        program.build();
        let words: Vec<&str> = line.split(' ').collect();
        let place = Place::of(&program, &words)?;
        let before = format!("{}|{}", place.before, place.typed);
        Some((place.what, before, place.state_dir.unwrap_or_default().to_owned()))
    }

    #[test]
    fn the_argument_is_found_by_what_stands_before_it() {
        let found = |what, before: &str| Some((what, before.to_owned(), String::new()));
        assert_eq!(place("nodes describe Kit"), found(What::Node, "|Kit"));
        assert_eq!(place("nodes camera snap --node "), found(What::Node, "|"));
        assert_eq!(
            place("nodes camera snap --facing back --node=Kit"),
            found(What::Node, "--node=|Kit")
        );
        assert_eq!(place("nodes approve 3f"), found(What::Request { to_approve: true }, "|3f"));
        assert_eq!(place("nodes reject "), found(What::Request { to_approve: false }, "|"));
        assert_eq!(place("sessions reset m"), found(What::Session, "|m"));
        assert_eq!(place("chat send hello --session m"), found(What::Session, "|m"));
        assert_eq!(place("node --subscribe m"), found(What::Session, "|m"));
        let elsewhere = place("nodes --state-dir /x describe -- Kit").unwrap();
        assert_eq!((elsewhere.0, &*elsewhere.2), (What::Node, "/x"));
        let elsewhere = place("nodes describe --state-dir=/y --node ").unwrap();
        assert_eq!((elsewhere.0, &*elsewhere.2), (What::Node, "/y"));
    }

    #[test]
    fn what_no_bridge_knows_is_left_to_the_script() {
        for line in [
            "",
            "nodes",
            "nodes des",
            "nodes describe --no",
            "nodes describe Kit x",
            "nodes rename --node Kit --name ",
            "sessions patch main thinkingLevel",
            "serve --config ",
            "no such thing",
            "nodes pending ",
        ] {
            assert_eq!(place(line), None, "{line}");
        }
    }
}
