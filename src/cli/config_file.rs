//! `config check` and `config show`.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::render::table;
use crate::cli::text::safe;
use crate::cli::{print, print_json};
use crate::config::{self, process_env, Config, Loaded, Sources};
use serde_json::{json, Value};

fn sources(line: &CommandLine) -> Sources {
    Sources { file: line.value("config").map(Into::into), ..Sources::default() }
}

fn load(line: &CommandLine) -> Result<Loaded, config::Error> {
    config::load(&sources(line), &process_env)
}

/// The configuration that `serve` would use with the same `--config` and `--state-dir`.
pub(super) fn of_serve(line: &CommandLine) -> Result<Config, config::Error> {
    let state_dir = line.value("state-dir").map(str::to_owned);
    let sources = Sources { state_dir, ..sources(line) };
    config::load(&sources, &process_env).map(|loaded| loaded.config)
}

/// Prints all errors. The exit code is 78 if there are any.
pub(super) fn check(line: &CommandLine) -> Result<(), Failure> {
    let loaded = match load(line) {
        Ok(loaded) => loaded,
        Err(error) => {
            if line.is_set("json") {
                let problems = error.problems().iter().map(ToString::to_string);
                let mut problems: Vec<String> = problems.collect();
                if problems.is_empty() {
                    problems.push(error.to_string());
                }
                print_json(&json!({ "ok": false, "problems": problems }).to_string())?;
            }
            return Err(error.into());
        }
    };
    let path = loaded.path.as_ref().map(|path| path.display().to_string());
    if line.is_set("json") {
        let answer = json!({ "ok": true, "path": path, "ignored": loaded.ignored_sections,
            "warnings": loaded.config.warnings() });
        return print_json(&answer.to_string());
    }
    let mut text = match path {
        Some(path) => format!("{} is valid\n", safe(&path)),
        None => "there is no configuration file; the defaults apply\n".to_owned(),
    };
    if !loaded.ignored_sections.is_empty() {
        let list = safe(&loaded.ignored_sections.join(", "));
        text += &format!("ignored sections that belong to other programs: {list}\n");
    }
    for warning in loaded.config.warnings() {
        text += &format!("warning: {}\n", safe(&warning));
    }
    print(&text)
}

pub(super) fn show(line: &CommandLine) -> Result<(), Failure> {
    let loaded = load(line)?;
    let shown = loaded.show();
    if line.is_set("json") {
        let entries = shown.iter().map(|setting| {
            let origin = setting.origin.to_string();
            (setting.path.to_owned(), json!({ "value": setting.value, "origin": origin }))
        });
        let map: serde_json::Map<String, Value> = entries.collect();
        return print_json(&Value::Object(map).to_string());
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|setting| {
            let value = safe(&setting.value.to_string());
            vec![setting.path.to_owned(), value, safe(&setting.origin.to_string())]
        })
        .collect();
    print(&table(&["KEY", "VALUE", "FROM"], &rows))
}
