//! `import`: imports the state of an old gateway.

use crate::calendar::now_ms;
use crate::cli::args::CommandLine;
use crate::cli::failure::{chain, Failure};
use crate::cli::render::table;
use crate::cli::text::safe;
use crate::cli::{print, print_json};
use crate::config::{self, paths, process_env, Sources};
use crate::import::{self, Item, Outcome, Report};
use crate::router::Wall;
use std::path::Path;

/// Reports and, with `--apply`, imports; exit code 1 if something is damaged.
pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let source = line.value("DIR").unwrap_or_default();
    let state_dir = line.value("state-dir").map(str::to_owned);
    let sources = Sources { state_dir, ..Sources::default() };
    let state_dir = paths::state_dir(&config::load(&sources, &process_env)?.config, &process_env)?;
    let report = import::run(Path::new(source), &state_dir, line.is_set("apply"), Wall(now_ms()));
    let report = report.map_err(|error| Failure::failed(safe(&chain(&error))))?;
    if line.is_set("json") {
        print_json(&report.to_json().to_string())?;
    } else {
        print(&text(&report, &state_dir))?;
    }
    match report.damaged() {
        0 => Ok(()),
        damaged => Err(Failure::failed(format!(
            "{damaged} files or entries are damaged or cannot be read, and were skipped; see the \
             list. Repair them and import again: nothing is imported twice"
        ))),
    }
}

fn text(report: &Report, state_dir: &Path) -> String {
    let rows: Vec<Vec<String>> = report.items.iter().map(|item| row(item, report)).collect();
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        table(&["WHAT", "NAME", "RESULT", "WHY"], &rows) + "\n"
    };
    let taken = report.count(Outcome::Taken);
    let rest = format!(
        "{} already there and kept, {} skipped",
        report.count(Outcome::Kept),
        report.count(Outcome::Skipped)
    );
    let state_dir = safe(&state_dir.to_string_lossy());
    text += &if report.applied {
        format!("{taken} imported into {state_dir}, {rest}.\n")
    } else {
        format!(
            "{taken} would be imported into {state_dir}, {rest}.\nNothing was changed. To import, \
             stop the bridge and add --apply.\n"
        )
    };
    text
}

fn row(item: &Item, report: &Report) -> Vec<String> {
    let name = match &item.label {
        Some(label) => format!("{} ({})", item.name, label),
        None => item.name.clone(),
    };
    let result = match item.outcome {
        Outcome::Taken if report.applied => "imported",
        Outcome::Taken => "would be imported",
        Outcome::Kept => "kept",
        Outcome::Skipped if item.is_damaged => "damaged",
        Outcome::Skipped => "skipped",
    };
    vec![item.kind.as_str().to_owned(), safe(&name), result.to_owned(), safe(&item.reason)]
}
