//! What the `node` command prints, and where.

use crate::cli::text::{safe, safe_json};
use crate::client::{Direction, Trace};
use crate::lock::lock;
use crate::protocol::json;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

type Stream = Box<dyn Write + Send>;

/// Results go to one stream, everything else to another.
pub(super) struct Screen {
    out: Mutex<Stream>,
    /// Shared with the trace, which shows lines written by other threads.
    err: Arc<Mutex<Stream>>,
}

impl Screen {
    pub(super) fn new(out: Stream, err: Stream) -> Self {
        Self { out: Mutex::new(out), err: Arc::new(Mutex::new(err)) }
    }

    pub(super) fn say(&self, line: fmt::Arguments<'_>) {
        say(&self.err, &line.to_string());
    }

    /// A JSON document as one line of the result.
    pub(super) fn print_json(&self, text: &str) -> io::Result<()> {
        let mut out = lock(&self.out);
        writeln!(out, "{}", safe_json(text))?;
        out.flush()
    }

    /// Shows every line of a connection.
    pub(super) fn trace(&self) -> Trace {
        let err = self.err.clone();
        Arc::new(move |direction, line| {
            let arrow = if direction == Direction::Sent { '>' } else { '<' };
            say(&err, &format!("{arrow} {line}"));
        })
    }
}

fn say(err: &Mutex<Stream>, line: &str) {
    let mut err = lock(err);
    // In one piece: other programs may write to the same terminal. Without stderr there is nowhere to
    // report it.
    let _ = err.write_all(format!("{}\n", safe(line)).as_bytes()).and_then(|()| err.flush());
}

pub(super) fn event_line(event: &str, payload: Option<&str>) -> String {
    let payload = match payload.map(|text| (text, json::one_line(text))) {
        None => Cow::Borrowed("null"),
        Some((_, Some(json))) => json,
        Some((text, None)) => Cow::Owned(serde_json::Value::from(text).to_string()),
    };
    format!("{{\"event\":{},\"payload\":{payload}}}", serde_json::Value::from(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what each write brought.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_between_those_of_another_program_stays_in_one_piece() {
        let err = Writes::default();
        let screen = Screen::new(Box::new(io::sink()), Box::new(err.clone()));
        screen.say(format_args!("connected to {}", "studio"));
        assert_eq!(*err.0.lock().unwrap(), ["connected to studio\n"]);
    }

    #[test]
    fn events_are_lines_of_their_own() {
        assert_eq!(event_line("tick", None), r#"{"event":"tick","payload":null}"#);
        assert_eq!(event_line("a\"", Some("{\n}")), r#"{"event":"a\"","payload":{ }}"#);
        assert_eq!(event_line("a", Some("x")), r#"{"event":"a","payload":"x"}"#);
    }
}
