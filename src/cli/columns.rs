//! Tables that fit the terminal.

use crate::cli::render::is_coloured;
use comfy_table::presets::NOTHING;
use comfy_table::ColumnConstraint::{Hidden, LowerBoundary};
use comfy_table::{ContentArrangement, Row, Table, Width};
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns of a table.
const GAP: u16 = 2;

/// The mark at the end of text that was cut.
const CUT: &str = "…";

/// Bold, and what ends it.
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// How many columns and lines a terminal has; `None` if the stream is not a terminal or its size is
/// unknown.
pub(super) fn size(stream: impl AsFd + IsTerminal) -> Option<(usize, usize)> {
    if !stream.is_terminal() {
        return None;
    }
    let size = tcgetwinsize(stream).ok()?;
    let (columns, lines) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && lines > 0).then_some((columns, lines))
}

/// The text, or its beginning and a sign that there is more, in at most `width` columns.
pub(super) fn clip(text: &str, width: usize) -> String {
    if let Some(text) = text.strip_prefix(BOLD).and_then(|text| text.strip_suffix(PLAIN)) {
        return format!("{BOLD}{}{PLAIN}", clip(text, width));
    }
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or_default();
        // One column is for the sign.
        used < width
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    if width > 0 {
        cut += CUT;
    }
    cut
}

/// A column of a table: its title; its rank, of which the lowest is lost first on a terminal that is
/// too narrow for all; and the least width with which it is still of use.
pub(super) type Column<'a> = (&'a str, u8, u16);

/// Rows under headings, as wide as the terminal allows; complete if standard output is none.
pub(super) fn table(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    shown(columns, rows, size(io::stdout()).map(|(columns, _)| columns))
}

/// Rows under headings, complete on every terminal, so that cells can be copied.
pub(super) fn whole_table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Column<'_>> = headings.iter().map(|title| (*title, 0, 0)).collect();
    shown(&columns, rows, None)
}

fn shown(columns: &[Column<'_>], rows: &[Vec<String>], limit: Option<usize>) -> String {
    let text = fit(columns, rows, limit);
    match text.split_once('\n') {
        Some((heading, rest)) if is_coloured() => format!("{BOLD}{heading}{PLAIN}\n{rest}"),
        _ => text,
    }
}

/// The table in at most `limit` columns of the terminal.
fn fit(columns: &[Column<'_>], rows: &[Vec<String>], limit: Option<usize>) -> String {
    let one_line = |mut row: Row| {
        row.max_height(1);
        row
    };
    let mut table = Table::new();
    // Cells are cut, not wrapped, so no character separates words.
    table.load_preset(NOTHING).set_truncation_indicator(CUT).set_delimiter('\0');
    table.set_header(one_line(Row::from(columns.iter().map(|(title, ..)| *title))));
    table.add_rows(rows.iter().map(|row| one_line(Row::from(row))));
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(limit) = limit {
        // The gap after the last column is trimmed.
        let limit = u16::try_from(limit).unwrap_or(u16::MAX).saturating_add(GAP);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(limit);
        let widths = table.column_max_content_widths();
        let mut ranked: Vec<_> = table.column_iter_mut().zip(columns).zip(widths).collect();
        ranked.sort_by_key(|((_, (_, rank, _)), _)| std::cmp::Reverse(*rank));
        let mut room = limit;
        let mut is_full = false;
        for (shown, ((column, (_, _, least)), width)) in ranked.into_iter().enumerate() {
            let least = width.min(*least);
            is_full |= shown > 0 && least + GAP > room;
            room = room.saturating_sub(least + GAP);
            if shown > 0 {
                let least = LowerBoundary(Width::Fixed(least));
                column.set_constraint(if is_full { Hidden } else { least });
            }
        }
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<'_>] = &[("NAME", 3, 4), ("CAPS", 1, 6), ("VERSION", 2, 4)];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![row(["kitchen", "canvas camera screen", "1.2.3"]), row(["é", "x", ""])]
    }

    #[test]
    fn columns_fit_their_entries() {
        let expected = "NAME     CAPS                  VERSION\n\
                        kitchen  canvas camera screen  1.2.3\n\
                        é        x\n";
        assert_eq!(fit(COLUMNS, &rows(), None), expected);
        assert_eq!(fit(COLUMNS, &rows(), Some(80)), expected);
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_important_first() {
        let text = fit(COLUMNS, &rows(), Some(30));
        assert_eq!(
            text,
            "NAME     CAPS          VERSION\nkitchen  canvas came…  1.2.3\né        x\n"
        );
        let text = fit(COLUMNS, &rows(), Some(16));
        assert_eq!(text, "NAME     VERSION\nkitchen  1.2.3\né\n");
        let text = fit(COLUMNS, &rows(), Some(5));
        assert_eq!(text, "NAME\nkitc…\né\n");
        let long = vec![vec!["x".repeat(200), "厨房の電話 camera".to_owned(), "1.2.3".to_owned()]];
        for limit in 4..80 {
            for line in fit(COLUMNS, &long, Some(limit)).lines() {
                assert!(line.width() <= limit, "{limit}: {line}");
            }
        }
    }

    #[test]
    fn a_clipped_text_is_no_wider_than_allowed() {
        assert_eq!(clip("厨房の電話", 6), "厨房…");
        assert_eq!(clip("厨房の電話", 10), "厨房の電話");
        assert_eq!(clip("\u{1b}[1mNAME\u{1b}[0m", 3), "\u{1b}[1mNA…\u{1b}[0m");
        assert_eq!((clip("abc", 1), clip("abc", 0)), ("…".to_owned(), String::new()));
    }
}
