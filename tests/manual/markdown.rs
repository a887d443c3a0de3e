//! Markdown as a manual page: what is needed of it, with pulldown-cmark and roff.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{bold, italic, roman, Inline, Roff};

/// The text as roff: `##` begins a section, `###` a subsection, and a row of a table is a term
/// with its meaning. The title of the document is left out.
pub(crate) fn to_roff(markdown: &str) -> String {
    let mut page = Page::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.event(event);
    }
    page.flush();
    without_preamble(&page.roff.render())
}

/// Roff that can stand in the middle of a page, in ASCII.
pub(crate) fn without_preamble(roff: &str) -> String {
    let lines = roff
        .lines()
        .filter(|line| !line.starts_with(".ie \\n(.g") && !line.starts_with(".el .ds Aq"));
    let mut text = String::new();
    for c in lines.flat_map(|line| line.chars().chain(['\n'])) {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.push_str(&format!("\\[u{:04X}]", u32::from(c)));
        }
    }
    text
}

#[derive(Default)]
struct Page {
    roff: Roff,
    line: Vec<Inline>,
    font: Option<fn(String) -> Inline>,
    /// The number of the next item, of a numbered list.
    next: Option<u64>,
    /// The item's first paragraph needs no macro of its own.
    is_in_item: bool,
    header: Vec<String>,
    cells: Vec<Vec<Inline>>,
    heading: Option<HeadingLevel>,
    is_code: bool,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => {
                for line in text.lines() {
                    self.roff.text([roman(line)]);
                }
            }
            Event::Text(text) => {
                let font = self.font.unwrap_or(roman);
                self.line.push(font(text.into_string()));
            }
            Event::Code(text) => self.line.push(bold(text.into_string())),
            Event::SoftBreak => self.line.push(roman(" ")),
            Event::HardBreak => self.line.push(Inline::LineBreak),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.heading = Some(level),
            Tag::Paragraph if self.is_in_item => self.is_in_item = false,
            Tag::Paragraph => {
                self.roff.control("PP", []);
            }
            Tag::Strong => self.font = Some(bold),
            Tag::Emphasis => self.font = Some(italic),
            Tag::CodeBlock(_) => {
                self.roff.control("PP", []).control("RS", ["4"]).control("nf", []);
                self.is_code = true;
            }
            Tag::List(first) => {
                self.flush();
                self.next = first;
            }
            Tag::Item => {
                match &mut self.next {
                    Some(number) => {
                        self.roff.control("IP", [format!("{number}.").as_str(), "4"]);
                        *number += 1;
                    }
                    None => {
                        self.roff.control("IP", ["\\(bu", "2"]);
                    }
                }
                self.is_in_item = true;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.end_heading(),
            TagEnd::Paragraph => self.flush(),
            TagEnd::Item => {
                self.flush();
                self.is_in_item = false;
            }
            TagEnd::Strong | TagEnd::Emphasis => self.font = None,
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.roff.control("fi", []).control("RE", []);
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => {
                self.header = self.cells.drain(..).map(|cell| plain(&cell)).collect();
            }
            TagEnd::TableRow => self.end_row(),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let text = plain(&std::mem::take(&mut self.line));
        match self.heading.take() {
            Some(HeadingLevel::H2) => self.roff.control("SH", [text.to_uppercase().as_str()]),
            Some(HeadingLevel::H3) => self.roff.control("SS", [text.as_str()]),
            _ => &mut self.roff,
        };
    }

    /// The first cell is the term. With more than two columns, the others are named.
    fn end_row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        self.roff.control("TP", []).text(cells.next().unwrap_or_default());
        let is_pair = self.header.len() == 2;
        for (i, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
            if !is_pair {
                let name = self.header.get(i + 1).map_or("", String::as_str);
                self.line.push(roman(format!("{}{name}: ", if i > 0 { "; " } else { "" })));
            }
            self.line.extend(cell);
        }
        self.flush();
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }
}

fn plain(line: &[Inline]) -> String {
    let text = |inline: &Inline| match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    };
    line.iter().map(text).collect()
}
