//! What can be wrong with a configuration, and how to fix it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file that was named, or found where files are looked for, could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file is not JSON5.
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and column, both counted from 1, where they are known.
        position: Option<(usize, usize)>,
        /// What the parser expected.
        source: json5::Error,
    },
    /// The file is well-formed, but some of its values are invalid.
    Invalid {
        /// The file; `None` if there is none and the problems are flags or environment variables.
        path: Option<PathBuf>,
        /// All of them.
        problems: Vec<Problem>,
    },
    /// No state directory is configured, and none can be derived.
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => {
                write!(f, "could not read `{}`: {source}", path.display())
            }
            Self::Syntax { path, position: Some((line, column)), source } => {
                let path = path.display();
                write!(f, "`{path}`, line {line}, column {column}: {}", reason(source))
            }
            Self::Syntax { path, position: None, source } => {
                write!(f, "`{}`: {}", path.display(), reason(source))
            }
            Self::Invalid { path, problems } => {
                let place = path.as_ref().map(|path| format!("`{}`", path.display()));
                match (place, problems.as_slice()) {
                    (Some(place), [problem]) => write!(f, "{place}: {problem}"),
                    (None, [problem]) => problem.fmt(f),
                    (place, problems) => {
                        let place = place.unwrap_or_else(|| "the configuration".to_owned());
                        write!(f, "{} problems in {place}:", problems.len())?;
                        problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
                    }
                }
            }
            Self::NoStateDir => f.write_str(
                "there is no state directory, because HOME is not set; set one with --state-dir or \
                 OPENCLAW_BRIDGE_STATE_DIR",
            ),
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Syntax { source, .. } => Some(source),
            Self::Invalid { .. } | Self::NoStateDir => None,
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
