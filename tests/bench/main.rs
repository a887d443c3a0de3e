//! Measures the bridge against what the system can do at best, in one run: ratios, because
//! absolute times belong to the machine.
//!
//! `make bench` prints the table; `make bench CHECK=1` fails when a ratio is missed. Arguments
//! after `cargo bench --`: `--rounds N` (3), `--seconds S` for each load (2), `--check`,
//! `--json FILE`, `--sizes` or `--speed` for one half of the rows, `--host` for the rows of a program
//! that embeds the bridge, `--library` to build and weigh one, `--scale` for how cost grows with
//! nodes, frames and pairings. PROGRAM=FILE and HOST=FILE in the environment measure another build of
//! the program, and of this one as the program that embeds the bridge.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod client;
mod footprint;
mod peers;
mod process;
mod rows;
mod scale;

use rows::{Bound, Row};
use std::process::ExitCode;
use std::time::Duration;

/// The share of the machine that others may use while a round is measured.
const QUIET: f64 = 0.05;

/// How often a round is repeated because others used more.
const TRIES: usize = 3;

fn main() -> ExitCode {
    if peers::play_role() {
        return ExitCode::SUCCESS;
    }
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let rounds = after("--rounds").and_then(|text| text.parse().ok()).unwrap_or(3);
    let seconds = after("--seconds").and_then(|text| text.parse().ok()).unwrap_or(2.0);
    if has("--scale") {
        scale::scale(Duration::from_secs_f64(seconds));
        return ExitCode::SUCCESS;
    }
    let mut rows = Vec::new();
    if !has("--sizes") {
        rows.extend(medians(rounds, Duration::from_secs_f64(seconds), has("--host")));
    }
    if !has("--speed") && !has("--host") {
        rows.extend(footprint::all());
    }
    if has("--library") {
        rows.extend(footprint::library());
    }
    print(&rows);
    if let Some(path) = after("--json") {
        if let Err(error) = std::fs::write(&path, json(&rows)) {
            eprintln!("cannot write {path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    let missed = rows.iter().filter(|row| !row.holds()).count();
    if missed > 0 {
        println!("\n{missed} of {} rows miss their bound", rows.len());
    }
    ExitCode::from(u8::from(has("--check") && missed > 0))
}

/// As many as the system allows; each bridge inherits it.
fn raise_open_files() {
    use rustix::process::{getrlimit, setrlimit, Resource};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the hard limit");
}

/// The round whose ratio is the median, for each row by itself.
fn medians(rounds: usize, span: Duration, only_host: bool) -> Vec<Row> {
    let mut all: Vec<Vec<Row>> = Vec::new();
    for number in 1..=rounds {
        for attempt in 1..=TRIES {
            let (rows, noise) = if only_host { rows::host(span) } else { rows::round(span) };
            let is_last = attempt == TRIES;
            eprintln!("round {number}: others used {:.1} % of the machine", noise * 100.0);
            if noise <= QUIET || is_last {
                all.push(rows);
                break;
            }
        }
    }
    let mut columns: Vec<Vec<Row>> = Vec::new();
    for rows in all {
        columns.resize_with(columns.len().max(rows.len()), Vec::new);
        for (column, row) in columns.iter_mut().zip(rows) {
            column.push(row);
        }
    }
    let median = |mut column: Vec<Row>| {
        column.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
        let middle = column.len() / 2;
        column.swap_remove(middle)
    };
    columns.into_iter().map(median).collect()
}

fn bound(row: &Row) -> String {
    match row.must {
        Bound::AtMost(most) => format!("<= {most}"),
        Bound::AtLeast(least) => format!(">= {least}"),
    }
}

fn print(rows: &[Row]) {
    println!("| work | measured | ratio or value | must | |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let verdict = if row.holds() { "holds" } else { "MISSED" };
        println!(
            "| {} | {} | {:.2} | {} | {verdict} |",
            row.name,
            row.figures,
            row.ratio,
            bound(row)
        );
    }
}

fn json(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "work": row.name, "measured": row.figures, "ratio": row.ratio,
                "must": bound(row), "holds": row.holds(),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::json!({ "rows": rows }))
}
