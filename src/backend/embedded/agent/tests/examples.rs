//! The examples in `etc/agents`: they are shell, they run, and they say what is missing.

use super::*;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/agents")
}

fn example(name: &str, change: impl FnOnce(&mut AgentConfig)) -> Stage {
    Stage::with("", |config| {
        config.command = vec![examples().join(name).to_string_lossy().into_owned()];
        change(config);
    })
}

#[test]
fn every_example_is_valid_shell_and_documented() {
    let readme = std::fs::read_to_string(examples().join("README.md")).unwrap();
    let mut scripts = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            assert!(Command::new("/bin/sh").arg("-n").arg(&path).status().unwrap().success());
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(readme.contains(&format!("…/{name}")), "README.md does not tell of {name}");
            scripts += 1;
        }
    }
    assert_eq!(scripts, 7);
}

#[test]
fn the_small_examples_answer() {
    assert_eq!(example("echo.sh", |_| ()).outcome(), done("You said: hi"));
    let jsonl = |config: &mut AgentConfig| config.output = AgentOutput::Jsonl;
    let RunOutcome::Done { text } = example("jsonl-demo.sh", jsonl).outcome() else {
        panic!("no answer")
    };
    assert!(text.starts_with("Let me look at the clock. It is "), "{text}");
    let stage = example("jsonl-demo.sh", jsonl);
    let mut run = run("r", "main");
    run.message = "please fail".to_owned();
    stage.try_start(run).unwrap();
    let failure = failed("the message asked for a failure", "Let me look at the clock. ");
    assert_eq!(stage.end().0, failure);
}

#[test]
fn an_example_without_its_tool_says_what_to_do() {
    for (name, tool) in
        [("llm.sh", "llm"), ("ollama.sh", "curl"), ("openclaw.sh", "openclaw"), ("canvas.sh", "jq")]
    {
        let nothing = |config: &mut AgentConfig| {
            config.env.insert("PATH".to_owned(), "/nonexistent".to_owned());
        };
        let RunOutcome::Failed { message, .. } = example(name, nothing).outcome() else {
            panic!("{name} does without {tool}")
        };
        let missing = format!("agent failed (exit status: 1): the program {tool} is missing: ");
        assert!(message.starts_with(&missing), "{message}");
    }
}
