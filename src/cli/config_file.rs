//! `config check` and `config show`.

use super::*;
use crate::config::{self, process_env, Config, Loaded, Sources};

/// The flags of the command that are about the configuration; a command need not have all of them.
pub(super) fn sources(line: &CommandLine) -> Sources {
    Sources {
        file: line.value("config").map(Into::into),
        state_dir: line.text("state-dir"),
        bind: line.text("bind"),
        port: line.get("port").map(u16::to_string),
        log: line.text("log"),
        tls: line.is_set("tls"),
    }
}

fn load(line: &CommandLine) -> Result<Loaded, config::Error> {
    config::load(&sources(line), &process_env)
}

/// The configuration that `serve` would use with the same `--config` and `--state-dir`.
pub(super) fn of_serve(line: &CommandLine) -> Result<Config, config::Error> {
    load(line).map(|loaded| loaded.config)
}

/// Prints all errors. The exit code is 78 if there are any.
pub(super) fn check(line: &CommandLine) -> Result<(), Failure> {
    let loaded = match load(line) {
        Ok(loaded) => loaded,
        Err(error) => {
            if line.wants_json() {
                let problems = error.problems().iter().map(ToString::to_string);
                let mut problems: Vec<String> = problems.collect();
                if problems.is_empty() {
                    problems.push(error.to_string());
                }
                print_answer(line, &json!({ "ok": false, "problems": problems }), "")?;
            }
            return Err(error.into());
        }
    };
    let path = loaded.path.as_ref().map(|path| path.display().to_string());
    let warnings = loaded.config.warnings();
    let answer = json!({ "ok": true, "path": path, "ignored": loaded.ignored_sections,
        "warnings": warnings });
    let mut text = match path {
        Some(path) => format!("{} is valid\n", safe(&path)),
        None => "there is no configuration file; the defaults apply\n".to_owned(),
    };
    if !loaded.ignored_sections.is_empty() {
        let list = safe(&loaded.ignored_sections.join(", "));
        text += &format!("ignored sections that belong to other programs: {list}\n");
    }
    for warning in warnings {
        text += &format!("warning: {}\n", safe(&warning));
    }
    print_answer(line, &answer, &text)
}

pub(super) fn show(line: &CommandLine) -> Result<(), Failure> {
    let mut answer = serde_json::Map::new();
    let mut rows = Vec::new();
    for setting in load(line)?.show() {
        let origin = setting.origin.to_string();
        rows.push(
            [setting.path.to_owned(), safe(&setting.value.to_string()), safe(&origin)].into(),
        );
        answer.insert(setting.path.into(), json!({ "value": setting.value, "origin": origin }));
    }
    print_answer(line, &answer, &whole_table(&["KEY", "VALUE", "FROM"], &rows))
}
