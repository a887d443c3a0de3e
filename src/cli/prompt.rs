//! Questions to whoever sits at the terminal.

use rustix::termios::{tcflush, QueueSelector};
use std::io::{self, BufRead, IsTerminal, Read};

/// Bytes that somebody may type in one line; a terminal takes no more either.
const LINE: u64 = 4096;

/// Whether anybody can be asked.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The next line; `None` at the end of the input.
pub(super) fn read_line() -> io::Result<Option<String>> {
    let mut line = Vec::new();
    io::stdin().lock().take(LINE).read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    Ok((!line.is_empty()).then(|| text.trim().to_owned()))
}

/// Drops what was typed before a question was shown.
pub(super) fn forget_typed() {
    // Fails if it is no terminal any more, where nobody types.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}
