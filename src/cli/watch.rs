//! `status --watch`: the same text again and again, in its place on a terminal.

use crate::cli::columns::{clip, size};
use crate::cli::failure::Failure;
use crate::cli::print;
use crossbeam_channel::{bounded, RecvTimeoutError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::thread::Builder;
use std::time::Duration;

/// Between two pictures.
const EVERY: Duration = Duration::from_secs(1);

/// From here to the end of the screen, nothing.
const CLEARED: &str = "\u{1b}[J";

/// Shown while there is nothing else to show.
const WAITING: &str = "no bridge is running, waiting";

/// Prints what `look` finds until Ctrl-C, which is a good end. A bridge that was there may go and
/// come back; one that never was is a mistake.
pub(super) fn watch(mut look: impl FnMut() -> Result<String, Failure>) -> Result<(), Failure> {
    let (sender, stopped) = bounded(1);
    let signals = Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|e| Failure::failed(format!("no signals: {e}")))?;
    let listen = move || {
        if signals.forever().next().is_some() {
            // Nobody waits any more if the program is ending anyway.
            let _ = sender.send(());
        }
    };
    let thread = Builder::new().name("signals".into()).spawn(listen);
    thread.map_err(|e| Failure::failed(format!("no thread: {e}")))?;
    // The cursor stays: nobody could show it again after Ctrl-Z or a signal that is not caught.
    let mut screen = Screen { lines: 0, is_terminal: size(io::stdout()).is_some(), waits: false };
    screen.draw(&look()?)?;
    loop {
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(()),
        }
        match look() {
            Ok(text) => {
                screen.waits = false;
                screen.draw(&text)?;
            }
            Err(failure) if failure.is_not_running() => screen.wait(WAITING)?,
            // It went away in the middle of an answer, or is too busy for one; it may come back.
            Err(failure) => screen.wait(&format!("{}, waiting", failure.message))?,
        }
    }
}

struct Screen {
    /// How many lines of the last picture are above the cursor.
    lines: usize,
    is_terminal: bool,
    /// It was said that there is nothing to show.
    waits: bool,
}

impl Screen {
    fn draw(&mut self, text: &str) -> Result<(), Failure> {
        let Some((columns, rows)) = size(io::stdout()).filter(|_| self.is_terminal) else {
            return print(text);
        };
        // A line that wraps would be two, and from above the screen none comes back.
        let lines = text.lines().take(rows.saturating_sub(1));
        let picture: Vec<String> = lines.map(|line| clip(line, columns)).collect();
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}F"),
        };
        self.lines = picture.len();
        print(&format!("{up}{CLEARED}{}\n", picture.join("\n")))
    }

    /// Says why there is no picture: in its place, or once beside those that came before.
    fn wait(&mut self, why: &str) -> Result<(), Failure> {
        if self.is_terminal {
            return self.draw(why);
        }
        if !std::mem::replace(&mut self.waits, true) {
            // Who cannot see it does not miss it.
            let _ = writeln!(io::stderr(), "{why}");
        }
        Ok(())
    }
}
