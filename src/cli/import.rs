//! `import`: imports the state of an old gateway.

use super::*;
use crate::import::{self, Destination, Item, Outcome, Report};
use crate::router::Wall;

/// Reports and, with `--apply`, imports; exit code 1 if something is damaged.
pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let state_dir = config_file::state_dir(&config_file::of_serve(line)?)?;
    let source = PathBuf::from(line.required("DIR"));
    let named = line.value("exec-approvals").map(PathBuf::from);
    let exec_approvals = named.or_else(|| {
        Some(node::default_token_file(&process_env)?.with_file_name("exec-approvals.json"))
    });
    let is_file_named = line.is_set("exec-approvals");
    let to = Destination { state_dir, exec_approvals, is_file_named };
    let report = import::run(&source, &to, line.is_set("apply"), Wall(now_ms()));
    let report = report.map_err(|error| Failure::failed(safe(&chain(&error))))?;
    print_answer(line, &report.to_json(), &text(&report, &to.state_dir))?;
    match report.count(&[Outcome::Damaged]) {
        0 => Ok(()),
        damaged => Err(Failure::failed(format!(
            "{damaged} files or entries are damaged or cannot be read, and were skipped; see the \
             list. Repair them and import again: nothing is imported twice"
        ))),
    }
}

fn text(report: &Report, state_dir: &Path) -> String {
    let rows: Vec<Vec<String>> = report.items.iter().map(|item| row(item, report)).collect();
    let mut text = match rows.is_empty() {
        true => String::new(),
        false => whole_table(&["WHAT", "NAME", "RESULT", "WHY"], &rows) + "\n",
    };
    let [taken, kept] = [Outcome::Taken, Outcome::Kept].map(|outcome| report.count(&[outcome]));
    let skipped = report.count(&[Outcome::Skipped, Outcome::Damaged]);
    let rest = format!("{kept} already there and kept, {skipped} skipped");
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
        Outcome::Skipped => "skipped",
        Outcome::Damaged => "damaged",
    };
    vec![item.kind.0.to_owned(), safe(&name), result.to_owned(), safe(&item.reason)]
}
