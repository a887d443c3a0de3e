//! `status --watch`: prints a text every second; on a terminal, each update replaces the last.

use super::*;
use crossbeam_channel::RecvTimeoutError;

const EVERY: Duration = Duration::from_secs(1);

/// Clears from the cursor to the end of the screen.
const CLEAR: &str = "\u{1b}[J";

/// Shown while there is nothing else to show.
pub(super) const WAITING: &str = "no bridge is running, waiting";

/// Prints the text of `update` every second until Ctrl-C, which counts as success. A bridge may go
/// away and come back, but it must be running at the start.
pub(super) fn watch(mut update: impl FnMut() -> Result<String, Failure>) -> Result<(), Failure> {
    let stopped = signals::stopped().map_err(could_not("handle signals"))?;
    // The cursor stays visible: after Ctrl-Z or an uncaught signal nothing would show it again.
    let is_terminal = columns::size(io::stdout()).is_some();
    let mut screen = WatchScreen { lines: 0, is_terminal, is_waiting: false };
    screen.draw(&update()?)?;
    loop {
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(()),
        }
        match update() {
            Ok(text) => {
                screen.is_waiting = false;
                screen.draw(&text)?;
            }
            Err(failure) if failure.is_not_running() => screen.wait(WAITING)?,
            // The bridge stopped during an answer, or is too busy; it may come back.
            Err(failure) => screen.wait(&format!("{}, waiting", failure.message))?,
        }
    }
}

struct WatchScreen {
    /// How many lines of the last text are above the cursor.
    lines: usize,
    is_terminal: bool,
    /// That there is nothing to show has been reported.
    is_waiting: bool,
}

impl WatchScreen {
    fn draw(&mut self, text: &str) -> Result<(), Failure> {
        let Some((columns, rows)) = columns::size(io::stdout()).filter(|_| self.is_terminal) else {
            return print(text);
        };
        // A line that wraps would be two, and lines that left the screen cannot be drawn again.
        let lines = text.lines().take(rows.saturating_sub(1));
        let shown: Vec<String> = lines.map(|line| clip(line, columns)).collect();
        let lines = std::mem::replace(&mut self.lines, shown.len());
        let up = if lines == 0 { String::new() } else { format!("\u{1b}[{lines}F") };
        print(&format!("{up}{CLEAR}{}\n", shown.join("\n")))
    }

    /// Reports why there is nothing to show: in its place on a terminal, else once on stderr.
    fn wait(&mut self, why: &str) -> Result<(), Failure> {
        if self.is_terminal {
            return self.draw(why);
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            print_on_stderr(why);
        }
        Ok(())
    }
}
