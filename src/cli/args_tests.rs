//! Command lines, as they are typed.

use super::*;
use crate::cli::command::{action, command};

fn parse_words(words: Vec<OsString>) -> Result<Parsed, Failure> {
    super::parse(&command(), words)
}

fn parse(line: &str) -> Result<Parsed, String> {
    let words = line.split_whitespace().map(OsString::from).collect();
    parse_words(words).map_err(|failure| failure.message)
}

fn run(line: &str) -> CommandLine {
    match parse(line) {
        Ok(Parsed::Run(command)) => command,
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> String {
    parse(line).expect_err(line)
}

fn help(line: &str) -> String {
    match parse(line) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

/// Every command that does something, with its words.
fn verbs() -> Vec<(String, Command)> {
    fn collect(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        for below in command.get_subcommands() {
            let path = format!("{path} {}", below.get_name()).trim_start().to_owned();
            if !below.is_subcommand_required_set() {
                found.push((path.clone(), below.clone()));
            }
            collect(below, &path, found);
        }
    }
    let mut found = Vec::new();
    collect(&command(), "", &mut found);
    found
}

#[test]
fn the_description_is_consistent_and_every_command_can_be_run() {
    command().debug_assert();
    assert!(verbs().len() > 40);
    for (path, _) in verbs() {
        assert!(action(&path).is_some(), "{path}");
    }
}

#[test]
fn a_command_is_found_by_its_words_and_its_aliases() {
    assert_eq!(run("nodes").path(), "nodes");
    for line in ["nodes list", "nodes --json list"] {
        assert_eq!(run(line).path(), "nodes list", "{line}");
    }
    assert_eq!(run("nodes approve list").value("REQUEST"), Some("list"));
    assert!(run("nodes --json list").is_set("json") && run("nodes list --json").is_set("json"));
    for line in [
        "nodes --legacy-json",
        "nodes --legacy-json list",
        "nodes camera list --node n --legacy-json",
    ] {
        assert!(run(line).wants_json() && run(line).is_legacy(), "{line}");
    }
    assert!(!run("nodes --json").is_legacy());
}

#[test]
fn flags_have_values_and_defaults() {
    let command = run("nodes invoke --node kitchen --command=camera.snap --params - --json");
    assert_eq!(command.value("command"), Some("camera.snap"));
    assert_eq!(command.value("params"), Some("-"));
    assert!(command.is_set("json") && !command.is_set("timeout"));
    assert_eq!(command.duration("timeout"), Some(Duration::from_secs(10)));
    assert_eq!(command.duration("invoke-timeout"), Some(Duration::from_secs(15)));
    assert_eq!(command.value("idempotency-key"), None);
    assert_eq!(
        run("serve --port 1 --port 2").get("port").copied(),
        Some(2_u16),
        "the last one counts"
    );
    assert!(run("serve --tls --tls").is_set("tls"));
    assert_eq!(run("node").get("port").copied(), Some(18790_u16));
    assert_eq!(run("nodes list --timeout 5s").duration("timeout"), Some(Duration::from_secs(5)));
    assert_eq!(run("nodes --timeout 5s list").duration("timeout"), Some(Duration::from_secs(5)));
    let twice = error("nodes invoke --node a --command x --node b");
    assert!(
        twice.starts_with("the argument '--node <N>' cannot be used multiple times"),
        "{twice}"
    );
}

#[test]
fn repeated_flags_keep_every_value() {
    assert_eq!(run("events --only chat --only agent").values("only"), ["chat", "agent"]);
    assert!(run("events").values("only").is_empty());
    let patch = run("sessions patch main label=x model=");
    assert_eq!(patch.values("SETTING=VALUE"), ["label=x", "model="]);
    assert!(run("voicewake set").values("WORD").is_empty());
}

#[test]
fn a_value_may_begin_with_a_dash() {
    assert_eq!(run("nodes approve -- --json").value("REQUEST"), Some("--json"));
    assert_eq!(run("chat inject hi --label --x").value("label"), Some("--x"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let line = run("nodes run --node n --env A= --env B=c=d -- ls -l --json list");
    assert_eq!(line.pairs("env"), [pair("A", ""), pair("B", "c=d")]);
    assert_eq!(line.values("CMD"), ["ls", "-l", "--json", "list"]);
    assert!(!line.is_set("json"));
    let words = ["nodes", "run", "--node", "n", "--", "printf", ""].map(OsString::from);
    assert!(
        matches!(parse_words(words.into()), Ok(Parsed::Run(line)) if line.values("CMD")[1].is_empty())
    );
    assert!(error("nodes run --node n ls -l").contains("use '-- -l'"));
}

#[test]
fn a_bare_word_may_stand_for_the_flag_it_abbreviates() {
    assert_eq!(run("nodes rename kitchen --name Attic").value("node"), Some("kitchen"));
    assert_eq!(run("nodes canvas eval --node a 1+1").value("js"), Some("1+1"));
    assert_eq!(run("config check a.json5").value("config"), Some("a.json5"));
    assert_eq!(run("config check --config a.json5").value("config"), Some("a.json5"));
    assert!(error("nodes describe a --node b").contains("cannot be used with"));
    assert!(error("config check a --config b").contains("cannot be used with"));
    assert!(error("nodes describe").contains("not provided: --node <N>; see"));
}

#[test]
fn misspelt_commands_and_flags_get_a_suggestion() {
    assert_eq!(
        error("stauts"),
        "unrecognized subcommand 'stauts' (did you mean `status`?); see `openclaw-bridge --help`"
    );
    assert_eq!(
        error("nodes aprove 3f2a"),
        "unrecognized subcommand 'aprove' (did you mean `nodes approve`?); see `openclaw-bridge \
         nodes --help`"
    );
    assert_eq!(
        error("serve --prot 1"),
        "unexpected argument '--prot' found (did you mean --port?); see `openclaw-bridge serve \
         --help`"
    );
    assert!(error("completions bsh").contains("(did you mean bash?)"));
    assert!(error("frobnicate").starts_with("unrecognized subcommand 'frobnicate'; see"));
}

#[test]
fn words_of_the_old_command_line_say_what_to_do_instead() {
    for line in ["nodes list --url ws://x", "nodes --url=ws://x list", "status --url x"] {
        let said = error(line);
        assert!(said.contains("'--url' found; commands reach the bridge through"), "{said}");
        assert!(said.contains("--state-dir"), "{said}");
    }
    let said = error("nodes invoke --node n --command c --token=s3cret");
    assert!(said.contains("leave out --token") && !said.contains("s3cret"), "{said}");
    for (word, command) in
        [("start", "start"), ("stop", "stop"), ("status", "status"), ("install", "enable --now")]
    {
        let said = error(&format!("node --tls {word}"));
        assert!(said.contains(&format!("`systemctl {command} openclaw-bridge-node`")), "{said}");
    }
    assert!(error("node run --tls").contains("leave out run"));
    for (line, says) in [
        ("gateway call health", "`call` calls a method"),
        ("approvals get --node n", "use `nodes approvals`"),
        ("health", "use `call`"),
        ("chat.history --limit 5", "use `call`"),
    ] {
        assert!(error(line).contains(says), "{line}: {}", error(line));
    }
    assert!(error("node --token x").contains("--token-file"));
    assert!(!error("status start").contains("systemctl"));
}

#[test]
fn choices_may_be_in_capitals_and_widths_in_pixels() {
    let snap = run("nodes camera snap --node n --facing FRONT --max-width 800px --delay-ms 5");
    assert_eq!(snap.value("facing"), Some("front"));
    assert_eq!(snap.whole_number("max-width"), Some(800));
    let notify = run("nodes notify --node n --title x --priority timesensitive");
    assert_eq!(notify.value("priority"), Some("timeSensitive"));
    assert_eq!(run("log DEBUG").value("LEVEL"), Some("debug"));
    let clip = run("nodes camera clip --node n --duration 1.5S");
    assert_eq!(clip.milliseconds("duration"), Some(1500));
    assert!(parse("completions BASH").is_ok());
    for width in ["px", "0px", "-1px", "800pt", "1.5px"] {
        let said = error(&format!("nodes canvas snapshot --node n --max-width {width}"));
        assert!(said.contains("800px"), "{said}");
    }
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    assert!(error("").contains("requires a subcommand"));
    assert!(error("config").contains("[subcommands: check, show]; see `openclaw-bridge config"));
    assert!(error("nodes approve").contains("not provided: <REQUEST>; see"));
    assert!(error("nodes invoke").contains("not provided: --node <N> --command <C>; see"));
    assert!(error("serve --port").contains("'--port <N>'"));
    assert!(error("status now").starts_with("unexpected argument 'now' found; see"));
    assert!(error("--json status").starts_with("unexpected argument '--json' found"));
    assert!(error("status --json=yes").contains("--json"));
    assert!(error("serve -x").starts_with("unexpected argument '-x' found; see"));
    assert!(error("nodes approve x --name y").starts_with("unexpected argument '--name' found"));
}

#[test]
fn values_are_checked_by_their_kind() {
    assert!(error("serve --port 65536").contains("'65536' for '--port <N>': expected a port"));
    assert!(error("status --timeout soon").contains("expected a duration such as"));
    assert!(error("log loud").contains("[possible values: off, error,"));
    assert!(error("node --handle system.run").contains("expected COMMAND=PROGRAM"));
    assert!(error("serve --config=").contains("'--config <FILE>'"));
    assert!(error("nodes run --node n --env =x -- ls").contains("expected NAME=VALUE"));
    assert!(error("chat history --limit 0").contains("above 0"));
    assert!(parse("node --handle a=b=c").is_ok());
    let present = |x: &str| parse(&format!("nodes canvas present --node n --x {x}"));
    for x in ["0", "-5", "12.5", "-0.0001", "123456789"] {
        assert!(present(x).is_ok(), "{x}");
    }
    for x in ["1e3", "1.", ".5", "+1", "--1", "0.00001", "1234567890", "x"] {
        assert!(present(x).is_err(), "{x}");
    }
    let record = |n: &str| parse(&format!("nodes screen record --node n --screen {n}"));
    assert!(record("0").is_ok() && record("-1").is_err() && record("1.5").is_err());
}

#[test]
fn arguments_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![0xff]);
    for line in [["nodes", "approve"], ["serve", "--config"]] {
        let line = line.map(OsString::from).into_iter().chain([odd.clone()]).collect();
        let failure = parse_words(line).unwrap_err();
        assert!(failure.message.contains("invalid UTF-8"), "{}", failure.message);
    }
}

#[test]
fn help_is_given_wherever_it_is_asked_for() {
    assert_eq!(help("--help"), help("help"));
    assert_eq!(help("nodes approve --help"), help("help nodes approve"));
    assert_eq!(help("nodes invoke -h"), help("nodes invoke --help"), "although flags are missing");
    assert!(help("-V").starts_with("openclaw-bridge 0."));
    assert!(help("serve --version").contains(env!("CARGO_PKG_VERSION")));
    let program = help("--help");
    assert!(program.lines().count() <= 36, "{program}");
}

#[test]
fn the_version_names_the_commit_if_the_build_knows_it() {
    use crate::cli::command::version;
    let plain = env!("CARGO_PKG_VERSION");
    assert_eq!(version(Some("abc1234 2026-11-21")), format!("{plain} (abc1234 2026-11-21)"));
    // What the Makefile gives outside of a repository.
    assert_eq!(version(Some(" ")), plain);
    assert_eq!(version(None), plain);
}

/// Enough of a shell for the examples: quotes of both kinds keep words together.
fn words(line: &str) -> Vec<OsString> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for character in line.chars() {
        match (character, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).map(OsString::from).collect()
}

#[test]
fn every_command_has_examples_and_they_parse() {
    for (path, command) in verbs() {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if command.has_subcommands() {
            assert!(after.contains("Without a command"), "{path}");
            continue;
        }
        let examples = after.lines().filter_map(|line| line.strip_prefix("  openclaw-bridge "));
        let mut count = 0;
        for example in examples {
            let line = example.split(" > ").next().unwrap();
            match parse_words(words(line)) {
                Ok(Parsed::Run(run)) => assert!(path.starts_with(run.path()), "{path}: {example}"),
                other => panic!("{example}: {other:?}"),
            }
            count += 1;
        }
        assert!(count > 0, "{path} has no example");
    }
}

#[test]
fn the_scripts_for_completion_know_every_command_and_shells_accept_them() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    for shell in ["bash", "zsh", "fish"] {
        let script = crate::cli::completion::text(&run(&format!("completions {shell}")));
        for (path, _) in verbs() {
            let words: Vec<&str> = path.split(' ').collect();
            // clap_complete knows no more than three words for fish.
            let known = if shell == "fish" { words.len().min(3) } else { words.len() };
            assert!(script.contains(words[known - 1]), "{shell} {path}");
        }
        let checked = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn();
        // Not every machine has every shell.
        let Ok(mut child) = checked else { continue };
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{shell}");
    }
}
