//! Which argument the last word of an incomplete command line is.

use clap::Command;

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
    pub(super) state_dir: Option<String>,
}

/// Stands for the value while clap reads the line.
const TYPED: &str = "\u{0}";

impl<'a> Place<'a> {
    /// `words` are those after the program's name. `None` if the last one is nothing that a bridge
    /// knows.
    pub(super) fn of(program: Command, words: &[&'a str]) -> Option<Self> {
        let (last, others) = words.split_last()?;
        let (before, typed) = match last.find('=') {
            _ if !last.starts_with('-') || others.contains(&"--") => ("", *last),
            Some(end) => last.split_at(end + 1),
            None => return None,
        };
        let last = format!("{before}{TYPED}");
        let line = ["openclaw-bridge"].into_iter().chain(others.iter().copied()).chain([&*last]);
        // What is wrong or missing elsewhere in the line does not matter.
        let mut matches = program.ignore_errors(true).try_get_matches_from(line).ok()?;
        let mut verb = String::new();
        while let Some((word, below)) = matches.remove_subcommand() {
            (verb, matches) = (word, below);
        }
        let is_typed = |id: &&str| {
            let mut values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
            values.any(|value| value == TYPED)
        };
        let ids = ["node", "NODE", "REQUEST", "session", "subscribe", "KEY"];
        let what = match ids.into_iter().find(is_typed)? {
            "node" | "NODE" => What::Node,
            "REQUEST" => What::Request { to_approve: verb == "approve" },
            _ => What::Session,
        };
        let state_dir = matches.try_get_one::<String>("state-dir").ok().flatten().cloned();
        Some(Self { what, before, typed, state_dir })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: &str) -> Option<(What, String, String)> {
        let words: Vec<&str> = line.split(' ').collect();
        let place = Place::of(crate::cli::command(), &words)?;
        let before = format!("{}|{}", place.before, place.typed);
        Some((place.what, before, place.state_dir.unwrap_or_default()))
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
