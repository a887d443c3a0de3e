//! `status --watch`: the same text again and again, in its place on a terminal.

use crate::cli::columns::{clip, size};
use crate::cli::failure::Failure;
use crate::cli::print;
use crossbeam_channel::{bounded, RecvTimeoutError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread::Builder;
use std::time::Duration;

/// Between two pictures.
const EVERY: Duration = Duration::from_secs(1);

/// The cursor, away and back.
const HIDDEN: &str = "\u{1b}[?25l";
const SHOWN: &str = "\u{1b}[?25h";

/// From here to the end of the screen, nothing.
const CLEARED: &str = "\u{1b}[J";

/// Prints what `look` finds until Ctrl-C, which is a good end, or until `look` fails.
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
    let mut screen = Screen { lines: 0, is_terminal: size(io::stdout()).is_some() };
    let outcome = loop {
        if let Err(failure) = look().and_then(|text| screen.draw(&text)) {
            break Err(failure);
        }
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => break Ok(()),
        }
    };
    screen.leave();
    outcome
}

struct Screen {
    /// How many lines of the last picture are above the cursor.
    lines: usize,
    is_terminal: bool,
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
            0 => HIDDEN.to_owned(),
            lines => format!("\u{1b}[{lines}F"),
        };
        self.lines = picture.len();
        print(&format!("{up}{CLEARED}{}\n", picture.join("\n")))
    }

    fn leave(&self) {
        if self.is_terminal {
            // A terminal that is gone needs no cursor.
            let _ = print(SHOWN);
        }
    }
}
