//! Questions to whoever sits at the terminal.

use super::*;
use rustix::termios::{tcflush, QueueSelector};
use std::io::{BufRead, IsTerminal, Read};

/// Bytes that somebody may type in one line; a terminal takes no more either.
const LINE: u64 = 4096;

/// How often somebody may give an answer that is none.
const TRIES: usize = 5;

/// A word that may be answered, and what it means.
pub(super) type Choice<'a> = (&'a str, String);

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

/// One line; the end of the input is the end of the command.
pub(super) fn ask(question: &str) -> Result<String, Failure> {
    print(question)?;
    let line = read_line().map_err(could_not("read the answer"))?;
    line.ok_or_else(|| Failure::failed("there was no answer; nothing was changed"))
}

/// Asks until the answer is right, but not for ever.
pub(super) fn until_right<T>(
    question: &str,
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    for _ in 0..TRIES {
        match check(&ask(question)?) {
            Ok(answer) => return Ok(answer),
            Err(wrong) => print(&format!("{wrong}\n"))?,
        }
    }
    Err(Failure::failed("there was no answer that fits; nothing was changed"))
}

pub(super) fn yes_or_no(question: &str, usual: bool) -> Result<bool, Failure> {
    let hint = if usual { "[Y/n]" } else { "[y/N]" };
    until_right(&format!("{question} {hint} "), |text| match &*text.to_lowercase() {
        "" => Ok(usual),
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("please answer yes or no".into()),
    })
}

/// One of the words, or its number.
pub(super) fn choose(
    question: &str,
    choices: &[Choice<'_>],
    usual: &str,
) -> Result<String, Failure> {
    let mut text = format!("{question}\n");
    for (number, (word, meaning)) in (1..).zip(choices) {
        text += &format!("  {number}  {word:9} {meaning}\n");
    }
    print(&text)?;
    until_right(&format!("Answer [{usual}]: "), |text| {
        let text = if text.is_empty() { usual } else { text };
        let mut numbered = (1..).zip(choices);
        let found = numbered.find(|(number, (word, _))| {
            word.eq_ignore_ascii_case(text) || number.to_string() == text
        });
        found.map(|(_, (word, _))| (*word).to_owned()).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("please answer {} (or its number)", words.join(" or "))
        })
    })
}
