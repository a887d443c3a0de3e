//! Command lines, as they are typed.

use super::*;

fn parse(line: &str) -> Result<Parsed, UsageError> {
    super::parse(line.split_whitespace().map(OsString::from))
}

fn run(line: &str) -> CommandLine {
    match parse(line) {
        Ok(Parsed::Run(command)) => command,
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> String {
    parse(line).expect_err(line).to_string()
}

#[test]
fn a_command_is_found_by_its_words_and_its_aliases() {
    for line in ["nodes", "nodes list", "nodes status", "nodes --json list"] {
        assert_eq!(run(line).id(), VerbId::NodesList, "{line}");
    }
    assert_eq!(run("nodes approve 3f2a").id(), VerbId::NodesApprove);
    assert_eq!(
        run("nodes approve list").positionals,
        ["list"],
        "a word of a command, but not here"
    );
    assert_eq!(run("status").id(), VerbId::Status);
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
    assert_eq!(run("serve --port 1 --port 2").port("port"), Some(2), "the last one counts");
    assert_eq!(run("node").port("port"), Some(18790));
    let twice = error("nodes invoke --node a --command x --node b");
    assert!(twice.starts_with("`--node` was given twice; see"), "{twice}");
}

#[test]
fn repeated_flags_keep_every_value() {
    let command = run("events --only chat --only agent");
    assert_eq!(command.values("only"), ["chat", "agent"]);
    assert!(run("events").values("only").is_empty());
}

#[test]
fn two_dashes_end_the_flags() {
    assert_eq!(run("nodes approve -- --json").positionals, ["--json"]);
}

#[test]
fn a_bare_word_may_stand_for_the_flag_it_abbreviates() {
    let command = run("nodes rename kitchen --name Attic");
    assert_eq!(command.value("node"), Some("kitchen"));
    assert_eq!(command.positionals, Vec::<String>::new());
    assert_eq!(run("config check a.json5").value("config"), Some("a.json5"));
    assert!(error("nodes describe a --node b").contains("`a` and `--node` mean the same"));
}

#[test]
fn misspelt_commands_and_flags_get_a_suggestion() {
    assert_eq!(
        error("stauts"),
        "unknown command `stauts` (did you mean `status`?); see `openclaw-bridge --help`"
    );
    assert_eq!(
        error("nodes aprove 3f2a"),
        "unknown command `nodes aprove` (did you mean `nodes approve`?); see \
         `openclaw-bridge nodes --help`"
    );
    assert_eq!(
        error("serve --prot 1"),
        "`serve` has no flag `--prot` (did you mean --port?); see `openclaw-bridge serve --help`"
    );
    assert!(
        error("completions bsh").contains("SHELL: must be one of bash, zsh, fish, not `bsh` (did")
    );
    assert!(error("help nodes aprove").contains("did you mean `nodes approve`?"));
    assert!(error("frobnicate").starts_with("unknown command `frobnicate`;"));
}

#[test]
fn what_is_missing_is_named() {
    assert!(error("").starts_with("a command is missing; see"));
    assert!(error("config").starts_with("`config` needs one more word: check, show;"));
    assert!(error("nodes approve").starts_with("`nodes approve` needs REQUEST;"));
    assert!(error("nodes invoke").starts_with("`nodes invoke` needs --node N and --command C;"));
    assert!(error("serve --port").starts_with("`--port` needs a value: --port N;"));
}

#[test]
fn what_is_too_much_is_named() {
    assert!(error("status now").starts_with("`status` does not take `now`;"));
    assert!(error("nodes approve a b").starts_with("`nodes approve` does not take `b`;"));
    assert!(error("--json status").starts_with("`--json` has to come after the command;"));
    assert!(error("status --json=yes").contains("--json"));
    assert!(error("serve -x").starts_with("unknown flag `-x`;"));
    assert!(
        error("nodes --json approve x --name y").contains("`nodes approve` has no flag `--name`")
    );
}

#[test]
fn values_are_checked_by_their_kind() {
    assert!(error("serve --port 65536").starts_with("--port: must be a port from 0 to 65535, not"));
    assert!(error("status --timeout soon").starts_with("--timeout: must be a duration such as"));
    assert!(error("log loud").starts_with("LEVEL: must be one of off, error,"));
    assert!(error("node --handle system.run").starts_with("--handle: must be two texts with ="));
    assert!(error("serve --config=").starts_with("--config: must not be empty"));
    assert!(parse("node --handle a=b=c").is_ok());
}

#[test]
fn words_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![0xff]);
    let line = ["nodes".into(), "approve".into(), odd.clone()];
    assert!(super::parse(line).unwrap_err().to_string().contains("not valid UTF-8"));
    let line = ["serve".into(), "--config".into(), odd];
    assert!(super::parse(line).unwrap_err().to_string().contains("`--config` is not valid UTF-8"));
}

#[test]
fn help_is_given_wherever_it_is_asked_for() {
    let help = |line: &str| match parse(line) {
        Ok(Parsed::Help(text)) => text,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(help("--help"), help::text(""));
    assert_eq!(help("help"), help::text(""));
    assert_eq!(help("nodes --help"), help::text("nodes"));
    assert_eq!(help("--help nodes approve"), help::text("nodes approve"));
    assert_eq!(help("help nodes approve"), help::text("nodes approve"));
    assert_eq!(help("nodes invoke -h"), help::text("nodes invoke"), "although flags are missing");
    assert_eq!(help("config --help"), help::text("config"));
    assert!(matches!(parse("-V"), Ok(Parsed::Version)));
    assert!(matches!(parse("serve --version"), Ok(Parsed::Version)));
}

#[test]
fn numbers_variables_and_words_for_a_node_are_what_the_table_says() {
    let present = |x: &str| parse(&format!("nodes canvas present --node n --x {x}"));
    for x in ["0", "-5", "12.5", "-0.0001", "123456789"] {
        assert!(present(x).is_ok(), "{x}");
    }
    for x in ["1e3", "1.", ".5", "+1", "--1", "0.00001", "1234567890", "x"] {
        assert!(present(x).is_err(), "{x}");
    }
    let record = |n: &str| parse(&format!("nodes screen record --node n --screen {n}"));
    assert!(record("0").is_ok() && record("-1").is_err() && record("1.5").is_err());
    let line = run("nodes run --node n --env A= --env B=c=d -- ls -l --json list");
    assert_eq!(line.values("env"), ["A=", "B=c=d"]);
    assert_eq!(line.positionals, ["ls", "-l", "--json", "list"]);
    assert!(!line.is_set("json"));
    let words = ["nodes", "run", "--node", "n", "--", "printf", ""].map(OsString::from);
    assert!(matches!(super::parse(words), Ok(Parsed::Run(line)) if line.positionals[1].is_empty()));
    assert!(error("nodes run --node n --env =x -- ls").contains("a name, = and a value"));
    assert!(error("nodes run --node n ls -l").contains("put -- before the node's own command"));
    assert!(error("nodes run --node n ls --all").contains("put -- before the node's own command"));
}
