//! Completion in shells: of commands and flags by scripts that are made from their description, and of
//! nodes, pairing requests and conversations by asking the running bridge.
//!
//! The scripts call `openclaw-bridge __complete SHELL …`, which says nothing where there is nothing to
//! complete or no bridge runs. Names come from nodes, so each is offered as one word of the shell that
//! expands to nothing else, or its id instead.

mod bash;
mod place;

use super::render::{name, short_id};
use super::*;
use crate::config::paths;
use crate::control::Client;
use crate::protocol::operator::{ListNodes, ListPairings, OperatorCall, PendingView};
use crate::protocol::rpc::sessions::{SessionFilter, SessionsList};
use crate::protocol::text::is_tricky;
use bash::BashWord;
use place::{Place, What};
use std::collections::BTreeMap;

/// What the scripts call. No command begins like this.
pub(super) const CALL: &str = "__complete";

/// Nobody waits longer for a key to work.
const PATIENCE: Duration = Duration::from_secs(1);

/// More help nobody.
const MOST: usize = 200;

/// One word that may be meant, and what it stands for.
struct Candidate {
    word: String,
    about: String,
}

pub(super) fn script(line: &CommandLine) -> Result<(), Failure> {
    print(&text(line))
}

pub(super) fn text(line: &CommandLine) -> String {
    script_for(line.get("SHELL").copied().unwrap_or(Shell::Bash))
}

fn script_for(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "openclaw-bridge", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => {
            // clap_complete takes the dash in the program's name for a space, in one half of its labels.
            let rest = script
                .replace("openclaw__subcmd__bridge", "openclaw__bridge")
                .replace("complete -F _openclaw__bridge ", "complete -F _openclaw_bridge_or_name ");
            include_str!("completion/names.bash").to_owned() + &rest
        }
        Shell::Zsh => {
            let rest = script.replace("\n_openclaw-bridge() {", "\n_openclaw-bridge_static() {");
            let (head, rest) = rest.split_once('\n').unwrap_or_default();
            format!("{head}\n{}{rest}", include_str!("completion/names.zsh"))
        }
        Shell::Fish => script + include_str!("completion/names.fish"),
        _ => script,
    }
}

/// What a script has asked for. Whatever goes wrong, nothing is offered.
pub(super) fn answer(args: &[OsString]) -> Result<(), Failure> {
    let args: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
    let lines = match args.as_deref() {
        Some(["bash", line, cut]) => for_bash(line, cut),
        Some(["zsh" | "fish", words @ ..]) => {
            candidates(words).map(|found| found.iter().map(Candidate::with_tab).collect())
        }
        _ => None,
    };
    let lines: Vec<String> = lines.unwrap_or_default();
    print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}

/// `cut` is the end of the line that bash replaces.
fn for_bash(line: &str, cut: &str) -> Option<Vec<String>> {
    let (words, last) = bash::words(line)?;
    let word = BashWord::new(last, cut)?;
    let words: Vec<&str> = words.iter().map(String::as_str).chain([word.text()]).collect();
    let found = candidates(&words)?;
    Some(found.iter().filter_map(|candidate| word.completed(&candidate.word)).collect())
}

impl Candidate {
    /// None whose word a terminal, or a shell that reads lines, could take for something else.
    fn new(word: &str, about: String) -> Option<Self> {
        let is_plain = !word.is_empty() && !word.starts_with('-') && !word.contains(is_tricky);
        is_plain.then(|| Self { word: word.to_owned(), about })
    }

    fn with_tab(&self) -> String {
        format!("{}\t{}", self.word, safe(&self.about))
    }
}

/// What may stand for the last word, the rest of the command line being as it is.
fn candidates(words: &[&str]) -> Option<Vec<Candidate>> {
    let place = Place::of(command(), words)?;
    let mut found = match place.what {
        What::Node => nodes(&place)?,
        What::Request { to_approve } => requests(&place, to_approve)?,
        What::Session => sessions(&place)?,
    };
    found.truncate(MOST);
    for candidate in &mut found {
        candidate.word.insert_str(0, place.before);
    }
    Some(found)
}

fn ask_quickly<C: OperatorCall>(place: &Place<'_>, call: &C) -> Option<C::Answer> {
    let places =
        paths::control_socket_candidates(place.state_dir.as_deref().map(Path::new), &process_env);
    Client::connect(&places).ok()?.ask(call, PATIENCE).ok()?.read().ok()
}

/// By their names, where these are clear; by their ids otherwise, or if an id was begun.
fn nodes(place: &Place<'_>) -> Option<Vec<Candidate>> {
    let nodes = ask_quickly(place, &ListNodes {})?.nodes;
    let mut count = BTreeMap::<String, usize>::new();
    for node in &nodes {
        let mut names = vec![node.node_id.as_str().to_lowercase()];
        names.extend(node.profile.display_name.as_ref().map(|name| name.to_lowercase()));
        names.dedup();
        names.into_iter().for_each(|name| *count.entry(name).or_default() += 1);
    }
    let is_clear = |name: &str| count.get(&name.to_lowercase()) == Some(&1);
    let mut found = Vec::new();
    for node in &nodes {
        let id = node.node_id.as_str();
        let named = node.profile.display_name.as_deref().filter(|name| is_clear(name));
        let named = named.and_then(|name| Candidate::new(name, id.to_owned()));
        let is_begun = !place.typed.is_empty() && id.starts_with(place.typed);
        if named.is_none() || is_begun {
            found.extend(Candidate::new(id, name(&node.node_id, &node.profile)));
        }
        found.extend(named);
    }
    Some(found)
}

/// By the beginnings of their ids. One that may be taken for another one, or for a paired node, is not
/// approved without its full id, which somebody has to have looked at.
fn requests(place: &Place<'_>, to_approve: bool) -> Option<Vec<Candidate>> {
    let mut pending = ask_quickly(place, &ListPairings {})?.pending;
    pending.retain(|request| !to_approve || !next_steps::is_doubtful(request));
    let candidate = |request: &PendingView| {
        Candidate::new(&short_id(&request.request_id), nodes::waiting_line(request))
    };
    Some(pending.iter().filter_map(candidate).collect())
}

fn sessions(place: &Place<'_>) -> Option<Vec<Candidate>> {
    let filter =
        SessionFilter { include_global: true, include_unknown: true, ..SessionFilter::default() };
    let call = SessionsList { limit: Some(MOST as u64), active_minutes: None, filter };
    let list = ask_quickly(place, &call)?.sessions;
    let label = |label: &Option<String>| label.clone().unwrap_or_default();
    Some(list.iter().filter_map(|row| Candidate::new(&row.key, label(&row.label))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_ask_for_names_before_they_complete_the_rest() {
        let bash = script_for(Shell::Bash);
        assert_eq!(bash.matches("complete -F _openclaw_bridge_or_name ").count(), 2);
        assert!(!bash.contains("complete -F _openclaw__bridge "));
        let zsh = script_for(Shell::Zsh);
        assert!(zsh.starts_with("#compdef openclaw-bridge\n"));
        assert_eq!(zsh.matches("\n_openclaw-bridge() {").count(), 1);
        assert_eq!(zsh.matches("\n_openclaw-bridge_static() {").count(), 1);
        for (shell, script) in [("bash", bash), ("zsh", zsh), ("fish", script_for(Shell::Fish))] {
            assert!(script.contains(&format!("{CALL} {shell} ")), "{shell}");
        }
    }

    #[test]
    fn what_a_shell_could_take_for_something_else_is_not_offered() {
        for word in ["", "-rf", "--json", "a\nb", "a\u{1b}[2J", "a\tb", "\u{202e}a"] {
            assert!(Candidate::new(word, String::new()).is_none(), "{word:?}");
        }
        let candidate = Candidate::new("$(reboot) 'x'", "a\tb\n".into()).unwrap();
        assert_eq!(candidate.with_tab(), "$(reboot) 'x'\ta\\u0009b\\u000a");
    }
}
