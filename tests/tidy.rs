//! The rules of the house as tests: who may import whom, what decisions may not touch, how long a
//! file may be, and that the documents say what the program does.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "tidy_support/circles.rs"]
mod circles;
#[path = "tidy_support/literals.rs"]
mod literals;
#[path = "tidy_support/pages.rs"]
mod pages;

use openclaw_bridge::protocol::operator::OperatorCommand;
use openclaw_bridge::protocol::{FrameType, GatewayEvent, Method, NodeCommand, NodeEvent};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of `src/`, from the ground up: each imports only from those before it. A part is a
/// folder or a file directly in `src/`.
const FLOORS: &[&str] = &[
    // Small things that need nothing, and the protocol.
    "suggest",
    "causes",
    "calendar",
    "json5_text",
    "duration",
    "wait",
    "lock",
    "files",
    "ownership",
    "random",
    "addresses",
    "origin",
    "process",
    "protocol",
    "log_limit",
    "shares",
    // Decisions, configuration, and the ways between threads.
    "router",
    "tls",
    "config",
    "link",
    // Files and sockets.
    "pairing_store",
    "transport",
    "canvas_host",
    "discovery",
    "client",
    "gateway",
    "backend",
    "control",
    // Whole programs.
    "daemon",
    "node_host",
    "import",
    "cli",
    "lib",
    "main",
];

/// Circles that are still there.
const CIRCLES: &[&str] =
    &["router::context and router::output and router::pairing and router::timers"];

/// What decisions and words must not touch: clock, files, sockets, threads, chance.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::thread",
    "std::process",
    "std::env",
    "TcpStream",
    "UdpSocket",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "crossbeam",
    "rustix",
    "socket2",
    "log::",
];

/// Literals outside of the protocol that are spelled like a name on the wire and mean something
/// else: the beginning of a path, and the literals.
const NOT_WIRE_NAMES: &[(&str, &[&str])] = &[
    // Commands and flags of the command line, and their values.
    (
        "src/cli/command/",
        &["agent", "chat", "error", "event", "invoke", "log", "reload", "status", "stop", "system"],
    ),
    ("src/cli/node_commands/approvals.rs", &["agent"]),
    ("src/cli/node_verb.rs", &["event", "log"]),
    ("src/cli/setup", &["agent", "status", "stop"]),
    ("src/cli/config_file.rs", &["log"]),
    // Another protocol.
    ("src/cli/mcp.rs", &["error", "ping"]),
    // Fields and values of JSON objects, and reasons for the end of a run.
    ("src/backend/embedded/agent/output.rs", &["error"]),
    ("src/backend/embedded/chat/", &["error", "stop"]),
    ("src/backend/openclaw/translate/", &["error", "status", "stop", "system"]),
    // Keys of the configuration.
    ("src/config/schema.rs", &["agent", "skills.bins"]),
    ("src/config/sections.rs", &["error"]),
    // Kinds of the router's inputs, threads, an argument of another program.
    ("src/daemon/", &["reload", "stop", "tick"]),
    ("src/discovery/tailscale.rs", &["status"]),
    ("src/node_host/host.rs", &["invoke"]),
    // A directory of the old gateway.
    ("src/import/left.rs", &["agent"]),
];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The part of `src/` it belongs to.
    fn part(&self) -> String {
        let inside = self.path.strip_prefix(root().join("src")).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        first.trim_end_matches(".rs").to_owned()
    }

    /// What comes before the unit tests.
    fn code(&self) -> &str {
        let end = self.text.find("#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        &self.text[..end]
    }

    fn place(&self, offset: usize) -> String {
        let line = self.text[..offset].lines().count() + 1;
        format!("{}:{line}", self.path.display())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The parts that a file names behind `crate::`, with the places.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let code = source.code();
    for (at, _) in code.match_indices("crate::") {
        let line_start = code[..at].rfind('\n').map_or(0, |end| end + 1);
        if code[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => rest.split([':', ';', '(', ')', ' ']).next().unwrap_or_default(),
        };
        let names = names.split(',').map(|name| name.trim().split("::").next().unwrap_or_default());
        found.extend(names.filter(|name| !name.is_empty()).map(|name| (name.to_owned(), at)));
    }
    found
}

#[test]
fn every_part_imports_only_from_below() {
    let floor = |part: &str| FLOORS.iter().position(|name| *name == part);
    let mut wrong = Vec::new();
    for source in sources("src") {
        let part = source.part();
        let own = floor(&part).unwrap_or_else(|| panic!("{part} is on no floor; see FLOORS"));
        for (name, at) in imports(&source) {
            if name != part && floor(&name).is_none_or(|below| below >= own) {
                wrong.push(format!("{}: {part} imports {name}", source.place(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_imports_go_in_a_circle() {
    let mut modules = circles::Modules::new();
    for source in sources("src") {
        let inside = source.path.strip_prefix(root().join("src")).unwrap();
        let path = inside.with_extension("").to_string_lossy().replace('/', "::");
        let path = path.strip_suffix("::mod").unwrap_or(&path).to_owned();
        if !path.contains("tests") && !path.contains("fake_gateway") {
            modules.insert(path, source.code().to_owned());
        }
    }
    assert_eq!(circles::circles(&modules), CIRCLES);
}

#[test]
fn decisions_touch_no_clock_file_socket_thread_or_chance() {
    let mut wrong = Vec::new();
    for source in sources("src/router").into_iter().chain(sources("src/protocol")) {
        let code = source.code();
        for word in IMPURE {
            for (at, _) in code.match_indices(word) {
                let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
                if !code[line..at].contains("//") {
                    wrong.push(format!("{}: {word}", source.place(at)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every name that the protocol gives to a method, event, command or frame.
fn wire_names() -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&str> = OperatorCommand::METHODS.iter().copied().collect();
    names.extend(Method::ALL.iter().map(|name| name.as_str()));
    names.extend(NodeEvent::ALL.iter().map(|name| name.as_str()));
    names.extend(GatewayEvent::ALL.iter().map(|name| name.as_str()));
    names.extend(NodeCommand::ALL.iter().map(|name| name.as_str()));
    names.extend(FrameType::ALL.iter().map(|name| name.as_str()));
    names
}

#[test]
fn no_name_on_the_wire_is_spelled_outside_of_the_protocol() {
    let (names, mut wrong) = (wire_names(), Vec::new());
    for source in sources("src") {
        let path = source.path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if source.part() == "protocol" || path.contains("test") || path.contains("fake_gateway") {
            continue;
        }
        for (at, literal) in literals::literals(source.code()) {
            let is_other = |(place, words): &(&str, &[&str])| {
                path.starts_with(place) && words.contains(&literal)
            };
            if names.contains(literal) && !NOT_WIRE_NAMES.iter().any(is_other) {
                wrong.push(format!("{}: {literal:?}", source.place(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "use the protocol's constants:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_fits_in_a_head() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let path = source.path.display();
        assert!(source.text.starts_with("//!"), "{path} does not begin with what it is for");
        let lines = source.text.lines().count();
        assert!(lines <= LONGEST_FILE, "{path} has {lines} lines, {LONGEST_FILE} are the limit");
    }
}

#[test]
fn every_function_fits_on_a_screen() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_function = head.starts_with("fn ") || head.contains(" fn ");
            if !is_function || head.starts_with("//") || head.ends_with(';') {
                continue;
            }
            let end = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| **line == end).unwrap_or(0);
            let place = format!("{}:{}", source.path.display(), start + 1);
            assert!(length <= LONGEST_FUNCTION, "{place} has {length} lines");
        }
    }
}

#[test]
fn names_of_tests_are_sentences_and_nothing_is_left_for_later() {
    let left = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["to", "do!("].concat()];
    for source in sources("src").into_iter().chain(sources("tests")) {
        for word in &left {
            let at = source.text.find(word.as_str()).map(|at| source.place(at));
            assert_eq!(at, None, "{word}");
        }
        let prefixed = source.text.find("fn test_").map(|at| source.place(at));
        assert!(prefixed.is_none_or(|place| place.contains("tidy.rs")), "a name with test_");
    }
}

#[test]
fn every_section_of_the_protocol_that_is_named_exists() {
    let text = fs::read_to_string(root().join("src/protocol/PROTOCOL.md")).unwrap();
    let known = |number: &str| {
        let heading = |line: &str| {
            let number = number.trim_end_matches('.');
            let rest = line.trim_start_matches('#').trim_start().strip_prefix(number);
            line.starts_with('#') && rest.is_some_and(|rest| rest.starts_with([' ', '.']))
        };
        text.lines().any(heading)
    };
    let mut missing = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (at, phrase) in source.text.match_indices("protocol section") {
            let rest = source.text[at + phrase.len()..].trim_start_matches('s').trim_start();
            let number = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next();
            let number = number.unwrap_or_default();
            if !number.is_empty() && !known(number) {
                missing.push(format!("{}: section {number}", source.place(at)));
            }
        }
    }
    assert!(missing.is_empty(), "not in PROTOCOL.md:\n{}", missing.join("\n"));
}

#[test]
fn the_changelog_knows_this_version() {
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let heading = format!("## {} - ", env!("CARGO_PKG_VERSION"));
    assert!(changes.contains(&heading), "CHANGELOG.md has no section {heading:?}");
    // The changelog of the Debian package is made from it.
    for section in changes.lines().filter_map(|line| line.strip_prefix("## ")) {
        let date = section.split(" - ").nth(1).unwrap_or_default();
        let fields: Vec<_> = date.split('-').map(str::len).collect();
        let digits = date.chars().all(|c| c.is_ascii_digit() || c == '-');
        assert!(fields == [4, 2, 2] && digits, "CHANGELOG.md: no date in {section:?}");
    }
}

/// The commands in the README's table "Use it": what stands in backticks in its second column.
fn commands_of_the_readme(readme: &str) -> Vec<String> {
    let table = readme.split("## Use it").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = table.lines().skip(4).filter_map(|row| row.split('|').nth(2));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_commands_in_the_readme_exist_and_every_group_of_commands_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["make run", "make test"] {
        assert!(readme.contains(&format!("$ {command} ")), "README.md does not name `{command}`");
    }
    let program = openclaw_bridge::cli::command();
    let commands = commands_of_the_readme(&readme);
    for command in &commands {
        let mut found = &program;
        for word in command.split(' ') {
            match found.find_subcommand(word) {
                Some(below) => found = below,
                None if found.has_subcommands() && word != "…" => {
                    panic!("README.md names `{command}`, which does not exist")
                }
                None => break,
            }
        }
    }
    // These stand in chapters of their own.
    let elsewhere = ["serve", "discover", "fingerprint", "zone", "node", "completions", "help"];
    for group in program.get_subcommands().map(|group| group.get_name()) {
        let is_there = commands.iter().any(|command| command.split(' ').next() == Some(group));
        assert!(is_there || elsewhere.contains(&group), "the README's table has no `{group}`");
    }
}
