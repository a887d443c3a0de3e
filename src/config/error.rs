//! What can be wrong with a configuration, and how to fix it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that was named, or found where files are looked for, could not be read.
    #[error("could not read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file is not JSON5.
    #[error("`{}`{}: {}", path.display(), position.map(in_file).unwrap_or_default(), reason(source))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and column, both counted from 1, where they are known.
        position: Option<(usize, usize)>,
        /// What the parser expected.
        source: json5::Error,
    },
    /// The file is well-formed, but some of its values are invalid.
    #[error("{}", listed(path.as_deref(), problems))]
    Invalid {
        /// The file; `None` if there is none and the problems are flags or environment variables.
        path: Option<PathBuf>,
        /// All of them.
        problems: Vec<Problem>,
    },
    /// No state directory is configured, and none can be derived.
    #[error(
        "there is no state directory, because HOME is not set; set one with --state-dir or \
         OPENCLAW_BRIDGE_STATE_DIR"
    )]
    NoStateDir,
}

impl Error {
    /// Every single problem, for `--json`; empty if the file could not be read at all.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            _ => &[],
        }
    }

    /// Whether all problems are in flags, so that this is a usage error.
    pub fn is_usage(&self) -> bool {
        let problems = self.problems();
        !problems.is_empty() && problems.iter().all(|problem| problem.place.starts_with("--"))
    }
}

fn in_file((line, column): (usize, usize)) -> String {
    format!(", line {line}, column {column}")
}

/// The only problem on one line, or all of them on lines of their own.
fn listed(path: Option<&Path>, problems: &[Problem]) -> String {
    let place = path.map(|path| format!("`{}`", path.display()));
    match (place, problems) {
        (Some(place), [problem]) => format!("{place}: {problem}"),
        (None, [problem]) => problem.to_string(),
        (place, problems) => {
            let place = place.as_deref().unwrap_or("the configuration");
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("{} problems in {place}:{lines}", problems.len())
        }
    }
}

/// The parser's reason without the position, which is printed in front of it.
fn reason(error: &json5::Error) -> String {
    match error.code() {
        Some(code) => {
            let text = code.to_string();
            match text.strip_prefix("EOF parsing ") {
                Some(what) => format!("not JSON5: the file ends inside this {what}"),
                None => format!("not JSON5: {text}"),
            }
        }
        None => {
            let text = error.to_string();
            let position = error.position().map(|position| format!(" at {position}"));
            let cut = position.and_then(|end| text.strip_suffix(&end).map(str::to_owned));
            cut.unwrap_or(text)
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The key's path, a flag, or an environment variable.
    pub place: String,
    /// Why it is wrong.
    pub reason: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(super) fn new(place: &str, reason: impl Into<String>) -> Self {
        Self { place: place.to_owned(), reason: reason.into(), suggestion: None }
    }

    /// The same with what was probably meant.
    pub(super) fn or_rather(self, meant: Option<&str>) -> Self {
        Self { suggestion: meant.map(str::to_owned), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean {suggestion}?)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(place: &str) -> Problem {
        Problem::new(place, "unknown key")
    }

    #[test]
    fn one_problem_fits_one_line_and_several_are_listed() {
        let path = Some(PathBuf::from("/etc/b.json5"));
        let one = Error::Invalid { path: path.clone(), problems: vec![problem("bridge.x")] };
        assert_eq!(one.to_string(), "`/etc/b.json5`: bridge.x: unknown key");
        let two = Error::Invalid { path, problems: vec![problem("bridge.x"), problem("ui")] };
        assert_eq!(
            two.to_string(),
            "2 problems in `/etc/b.json5`:\n  bridge.x: unknown key\n  ui: unknown key"
        );
    }

    #[test]
    fn only_flags_make_it_a_usage_error() {
        let error = |places: &[&str]| Error::Invalid {
            path: None,
            problems: places.iter().map(|place| problem(place)).collect(),
        };
        assert!(error(&["--port"]).is_usage());
        assert!(!error(&["--port", "bridge.x"]).is_usage());
        assert!(!Error::NoStateDir.is_usage());
    }
}
