//! Text in columns: how wide it is on a terminal, and tables that fit there.

use crate::cli::render::is_coloured;
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

/// Between two columns of a table.
const GAP: usize = 2;

/// Where there is too little room, no column takes more than this before others give up.
const WIDEST: usize = 40;

/// What stands for what was cut off.
const CUT: char = '…';

/// Characters that take two columns, as far as terminals agree: the scripts of East Asia and
/// pictures.
const WIDE: &[(u32, u32)] = &[
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x2e80, 0x303e),
    (0x3041, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f1e6, 0x1f1ff),
    (0x1f300, 0x1f64f),
    (0x1f680, 0x1f6ff),
    (0x1f7e0, 0x1f7eb),
    (0x1f900, 0x1faff),
    (0x20000, 0x3fffd),
];

/// Characters that take none: marks on the character before them, joiners, variants, skin tones.
const EMPTY: &[(u32, u32)] = &[
    (0x300, 0x36f),
    (0x483, 0x489),
    (0x591, 0x5bd),
    (0x610, 0x61a),
    (0x64b, 0x65f),
    (0xe31, 0xe31),
    (0xe34, 0xe3a),
    (0xe47, 0xe4e),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x200b, 0x200d),
    (0x20d0, 0x20ff),
    (0x302a, 0x302d),
    (0x3099, 0x309a),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
    (0x1f3fb, 0x1f3ff),
    (0xe0100, 0xe01ef),
];

/// Bold, and what ends it.
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// How many columns a terminal has; `None` if it is none, or does not say.
pub(super) fn width(stream: impl AsFd + IsTerminal) -> Option<usize> {
    size(stream).map(|(columns, _)| columns)
}

/// How many columns and lines a terminal has.
pub(super) fn size(stream: impl AsFd + IsTerminal) -> Option<(usize, usize)> {
    if !stream.is_terminal() {
        return None;
    }
    let size = tcgetwinsize(stream).ok()?;
    let (columns, lines) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && lines > 0).then_some((columns, lines))
}

fn columns_of(character: char) -> usize {
    let code = u32::from(character);
    let within = |ranges: &[(u32, u32)]| ranges.iter().any(|(a, b)| (*a..=*b).contains(&code));
    if within(EMPTY) {
        0
    } else if within(WIDE) {
        2
    } else {
        1
    }
}

/// How many columns a text takes, about: terminals differ in pictures made of several parts.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The text, or its beginning and a sign that there is more, in at most `width` columns.
pub(super) fn clip(text: &str, width: usize) -> String {
    if let Some(text) = text.strip_prefix(BOLD).and_then(|text| text.strip_suffix(PLAIN)) {
        return format!("{BOLD}{}{PLAIN}", clip(text, width));
    }
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut left = width.saturating_sub(1);
    for character in text.chars() {
        match left.checked_sub(columns_of(character)) {
            Some(rest) => left = rest,
            None => break,
        }
        clipped.push(character);
    }
    if width > 0 {
        clipped.push(CUT);
    }
    clipped
}

/// A column of a table.
pub(super) struct Column<'a> {
    pub(super) title: &'a str,
    /// In a terminal that is too narrow, columns give up in this order: first what is above the
    /// least width, then the whole column. 0 never gives up.
    pub(super) gives: u8,
    /// Columns that are still of use.
    pub(super) least: usize,
}

impl<'a> Column<'a> {
    pub(super) const fn new(title: &'a str, gives: u8, least: usize) -> Self {
        Self { title, gives, least }
    }
}

/// Rows under headings, as wide as the terminal allows; complete if standard output is none.
pub(super) fn table(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    shown(columns, rows, width(io::stdout()))
}

/// Rows under headings, complete on every terminal: what is in them is there to be copied.
pub(super) fn whole_table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let columns: Vec<_> = headings.iter().map(|title| Column::new(title, 0, 0)).collect();
    shown(&columns, rows, None)
}

fn shown(columns: &[Column<'_>], rows: &[Vec<String>], limit: Option<usize>) -> String {
    let (text, heading) = fit(columns, rows, limit);
    if !is_coloured() {
        return text;
    }
    let (first, rest) = text.split_at(heading);
    format!("{BOLD}{first}{PLAIN}{rest}")
}

/// The table in at most `limit` columns, and the length of its heading.
fn fit(titles: &[Column<'_>], rows: &[Vec<String>], limit: Option<usize>) -> (String, usize) {
    let cell = |row: &[String], at: usize| row.get(at).map_or("", String::as_str).to_owned();
    let mut widths: Vec<Option<usize>> = titles
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().map(|row| columns(&cell(row, at)));
            Some(cells.chain([columns(column.title)]).max().unwrap_or_default())
        })
        .collect();
    if let Some(limit) = limit {
        squeeze(titles, &mut widths, limit);
    }
    let line = |cells: Vec<String>| {
        let shown = cells.iter().zip(&widths).filter_map(|(cell, width)| {
            let text = clip(cell, (*width)?);
            let gap = width.unwrap_or_default() - columns(&text);
            Some(text + &" ".repeat(gap))
        });
        let line = shown.collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned()
    };
    let heading = line(titles.iter().map(|column| column.title.to_owned()).collect());
    let mut text = heading.clone() + "\n";
    for row in rows {
        text += &line((0..titles.len()).map(|at| cell(row, at)).collect());
        text.push('\n');
    }
    (text, heading.len())
}

/// Makes columns narrower, or takes them out, until the rest fits.
fn squeeze(titles: &[Column<'_>], widths: &mut [Option<usize>], limit: usize) {
    let over = |widths: &[Option<usize>]| {
        let shown = widths.iter().flatten();
        let gaps = shown.clone().count().saturating_sub(1) * GAP;
        (shown.sum::<usize>() + gaps).saturating_sub(limit)
    };
    let mut order: Vec<usize> = (0..titles.len()).filter(|at| titles[*at].gives > 0).collect();
    order.sort_by_key(|at| titles[*at].gives);
    for floor in [WIDEST, 0] {
        for at in &order {
            let excess = over(widths);
            if let Some(width) = &mut widths[*at] {
                *width -= width.saturating_sub(titles[*at].least.max(floor)).min(excess);
            }
        }
    }
    for at in order {
        // One is always of more use than none.
        if over(widths) > 0 && widths.iter().flatten().count() > 1 {
            widths[at] = None;
        }
    }
    // What frees a column may widen none again: the table stays within the limit all the same.
    if let (Some(Some(first)), excess) = (widths.first().copied(), over(widths)) {
        widths[0] = Some(first.saturating_sub(excess).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: &[Column<'_>] =
        &[Column::new("NAME", 0, 4), Column::new("CAPS", 1, 6), Column::new("VERSION", 2, 4)];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![row(["kitchen", "canvas camera screen", "1.2.3"]), row(["é", "x", ""])]
    }

    #[test]
    fn columns_fit_their_entries() {
        let (text, heading) = fit(TITLES, &rows(), None);
        let expected = "NAME     CAPS                  VERSION\n\
                        kitchen  canvas camera screen  1.2.3\n\
                        é        x\n";
        assert_eq!(text, expected);
        assert_eq!(&text[..heading], "NAME     CAPS                  VERSION");
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_important_first() {
        let (text, _) = fit(TITLES, &rows(), Some(30));
        assert_eq!(
            text,
            "NAME     CAPS          VERSION\nkitchen  canvas came…  1.2.3\né        x\n"
        );
        let (text, _) = fit(TITLES, &rows(), Some(16));
        assert_eq!(text, "NAME     VER…\nkitchen  1.2…\né\n");
        let (text, _) = fit(TITLES, &rows(), Some(5));
        assert_eq!(text, "NAME\nkitc…\né\n");
        for limit in 0..60 {
            for line in fit(TITLES, &rows(), Some(limit)).0.lines() {
                assert!(columns(line) <= limit.max(1), "{limit}: {line}");
            }
        }
    }

    #[test]
    fn one_long_entry_does_not_take_the_room_of_all_others() {
        let titles =
            [Column::new("NAME", 3, 4), Column::new("CAPS", 1, 6), Column::new("STATE", 2, 9)];
        let rows = vec![vec!["x".repeat(200), "canvas camera".to_owned(), "connected".to_owned()]];
        let cut = |width: usize| "x".repeat(width - 1) + "…";
        let line = |limit| fit(&titles, &rows, Some(limit)).0.lines().nth(1).unwrap().to_owned();
        assert_eq!(line(70), cut(44) + "  canvas camera  connected");
        assert_eq!(line(60), cut(40) + "  canvas…  connected");
        assert_eq!(line(30), cut(11) + "  canva…  connected");
        // The first of them is of use to the end.
        assert_eq!((line(16), line(12), line(2)), (cut(4) + "  connected", cut(4), cut(2)));
    }

    #[test]
    fn wide_and_empty_characters_are_counted_as_terminals_do() {
        for (text, width) in [
            ("abc", 3),
            ("é", 1),
            ("e\u{301}", 1),
            ("厨房", 4),
            ("キッチン", 8),
            ("주방", 4),
            ("🍳", 2),
            ("👍🏽", 2),
            ("❤\u{fe0f}", 1),
            ("„“…", 3),
        ] {
            assert_eq!(columns(text), width, "{text}");
        }
        assert_eq!(clip("厨房の電話", 6), "厨房…");
        assert_eq!(clip("厨房の電話", 10), "厨房の電話");
        assert_eq!(clip("\u{1b}[1mNAME\u{1b}[0m", 3), "\u{1b}[1mNA…\u{1b}[0m");
        assert_eq!((clip("abc", 1), clip("abc", 0)), ("…".to_owned(), String::new()));
    }
}
