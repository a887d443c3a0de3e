//! Scenario files: commands, a line `----`, what is expected to follow, a blank line.

use std::fmt::Write;

/// What separates commands from what is expected.
const RULE: &str = "----";

/// A scenario file.
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
}

/// Commands and what is expected to follow from them.
pub(crate) struct Step {
    /// With their line numbers, counted from 1. Comments are not among them.
    pub(crate) commands: Vec<(usize, String)>,
    /// The lines before and including the rule, as they are in the file.
    before: Vec<String>,
    pub(crate) expected: Vec<String>,
    /// Where the rule is.
    pub(crate) rule: usize,
}

impl Script {
    /// Reads a file; a step is commands, the rule, and lines up to a blank one.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let is_comment = |line: &str| line.starts_with('#');
        if !text.starts_with("# ") {
            return Err("line 1: a scenario begins with a comment that says what it shows".into());
        }
        let mut steps = Vec::new();
        let mut before: Vec<String> = Vec::new();
        let mut commands = Vec::new();
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        while let Some((at, line)) = lines.next() {
            before.push(line.to_owned());
            if line == RULE {
                let expected = lines.by_ref().map(|(_, line)| line.to_owned());
                let expected = expected.take_while(|line| !line.is_empty()).collect();
                let (before, commands) =
                    (std::mem::take(&mut before), std::mem::take(&mut commands));
                steps.push(Step { commands, before, expected, rule: at });
            } else if !line.is_empty() && !is_comment(line) {
                commands.push((at, line.to_owned()));
            }
        }
        match before.last() {
            Some(line) => Err(format!("last line: no {RULE} after {line:?}")),
            None => Ok(Self { steps }),
        }
    }

    /// The file with what really followed in place of what was expected.
    pub(crate) fn rewritten(&self, actual: &[Vec<String>]) -> String {
        let mut text = String::new();
        for (step, actual) in self.steps.iter().zip(actual) {
            if !text.is_empty() {
                text.push('\n');
            }
            for line in step.before.iter().chain(actual) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// The lines of both, those only in `expected` marked `-`, those only in `actual` marked `+`.
pub(crate) fn difference(expected: &[String], actual: &[String]) -> String {
    // How many lines the ends from (i, j) on have in common.
    let mut common = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..actual.len()).rev() {
            common[i][j] = if expected[i] == actual[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut text = String::new();
    let (mut i, mut j) = (0, 0);
    while i < expected.len() || j < actual.len() {
        let (mark, line) = if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &expected[i - 1])
        } else if j == actual.len() || i < expected.len() && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
            ('-', &expected[i - 1])
        } else {
            j += 1;
            ('+', &actual[j - 1])
        };
        let _ = writeln!(text, "    {mark} {line}");
    }
    text
}
