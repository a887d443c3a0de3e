//! The router alone, on a virtual clock: text in, text out.
//!
//! Every file in `tests/scenarios/` is a story: commands (see `player.rs`), a line `----`, and
//! what has to follow, word for word. `UPDATE=1 cargo test --test scenarios` writes what really
//! follows into the files; commit only differences you understand.
//!
//! Beside the stories: a day of pairing, and thousands of random inputs. In all of them the laws
//! of `laws.rs` are watched.
#![allow(clippy::unwrap_used, reason = "a test says what it found by panicking")]
#![allow(clippy::print_stdout, reason = "the day of pairing tells how long it took")]

mod scenarios_support;

use scenarios_support::player::Player;
use scenarios_support::script::{difference, Script};
use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

#[test]
fn every_scenario_happens_as_it_is_written() {
    let files = files();
    assert!(files.len() > 50, "the scenarios are not where they should be");
    let update = std::env::var_os("UPDATE").is_some();
    let failures: Vec<String> = files.iter().filter_map(|file| check(file, update).err()).collect();
    assert!(failures.is_empty(), "\n\n{}", failures.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(dir).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

/// Plays one file; what differs from it comes back as text for a person.
fn check(file: &Path, update: bool) -> Result<(), String> {
    let name = format!("tests/scenarios/{}", file.file_name().unwrap().to_string_lossy());
    let text = fs::read_to_string(file).unwrap();
    let script = Script::read(&text).map_err(|why| format!("{name}: {why}"))?;
    let mut player = Player::new();
    let mut failures = String::new();
    let mut actual = Vec::new();
    for step in &script.steps {
        let mut lines = Vec::new();
        for (at, command) in &step.commands {
            let played = catch_unwind(AssertUnwindSafe(|| player.play(command)));
            let played = played.map_err(|_| format!("{name}:{at}: panicked at {command:?}"))?;
            lines.extend(played.map_err(|why| format!("{name}:{at}: {why}"))?);
        }
        if lines != step.expected {
            let command = step.commands.last().map_or("", |(_, command)| command);
            failures.push_str(&format!("{name}:{}: after {command}\n", step.rule));
            failures.push_str(&difference(&step.expected, &lines));
        }
        actual.push(lines);
    }
    if update {
        let new = script.rewritten(&actual);
        if new != text {
            fs::write(file, new).unwrap();
        }
        return Ok(());
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}
