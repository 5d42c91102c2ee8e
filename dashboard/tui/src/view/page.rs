//! The parts that views are made of: headings with their source, rows, wrapped text, panels.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::look::{Look, Tone};
use crate::model::Money;
use crate::text::{UNKNOWN, age, fit, shown, usd, width, wrap};

/// Lines of one text that are shown; the rest is counted.
const TEXT_LINES_MAX: usize = 2000;

/// Lines to be scrolled through. Whatever is added passes [`shown`].
#[derive(Debug)]
pub(crate) struct Page {
    /// The lines so far.
    pub(crate) lines: Vec<Line<'static>>,
    look: Look,
    columns: usize,
}

impl Page {
    /// An empty page of so many columns.
    pub(crate) fn new(look: Look, columns: u16) -> Self {
        Self { lines: Vec::new(), look, columns: usize::from(columns) }
    }

    /// Columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// A heading, and where what is below it comes from.
    pub(crate) fn heading(&mut self, title: &str, source: &str) {
        if !self.lines.is_empty() {
            self.blank();
        }
        self.lines.push(heading(self.look, title, source, self.columns));
    }

    /// A line without words.
    pub(crate) fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    /// A line of several parts, cut where it is too long.
    pub(crate) fn parts<T: AsRef<str>>(&mut self, parts: impl IntoIterator<Item = (T, Tone)>) {
        let mut left = self.columns;
        let mut spans = Vec::new();
        for (text, tone) in parts {
            let safe = shown(text.as_ref());
            let cut = fit(&safe, left, self.look.ellipsis());
            left -= width(&cut);
            spans.push(Span::styled(cut.into_owned(), self.look.style(tone)));
            if left == 0 {
                break;
            }
        }
        self.lines.push(Line::from(spans));
    }

    /// A line in one tone, cut where it is too long.
    pub(crate) fn line(&mut self, text: &str, tone: Tone) {
        self.parts([(text, tone)]);
    }

    /// A name and its value.
    pub(crate) fn row(&mut self, name: &str, value: &str, tone: Tone) {
        self.parts([(format!("  {name:<18}"), Tone::Faint), (value.to_owned(), tone)]);
    }

    /// A label and a text: on one line where they fit, else the text wrapped below the label.
    pub(crate) fn labelled<const N: usize>(&mut self, label: [(String, Tone); N], text: (&str, Tone)) {
        const INDENT: usize = 6;
        let taken: usize = label.iter().map(|(part, _)| width(&shown(part))).sum();
        let (text, tone) = text;
        if !text.contains('\n') && taken + width(&shown(text)) <= self.columns {
            self.parts(label.into_iter().chain([(text.to_owned(), tone)]));
        } else {
            self.parts(label);
            self.text(text, INDENT, tone);
        }
    }

    /// A text of any length, wrapped, behind `indent` blanks.
    pub(crate) fn text(&mut self, text: &str, indent: usize, tone: Tone) {
        let columns = self.columns.saturating_sub(indent).max(8);
        let blanks = " ".repeat(indent);
        let all = text.lines().count();
        for line in text.lines().take(TEXT_LINES_MAX) {
            for part in wrap(&shown(line), columns) {
                let line = vec![Span::raw(blanks.clone()), Span::styled(part, self.look.style(tone))];
                self.lines.push(Line::from(line));
            }
        }
        if all > TEXT_LINES_MAX {
            self.line(&format!("{blanks}{} more lines", all - TEXT_LINES_MAX), Tone::Faint);
        }
    }
}

/// A heading across `columns`, its source at the right where there is room.
pub(crate) fn heading(look: Look, title: &str, source: &str, columns: usize) -> Line<'static> {
    let rule = look.sign("─", "-");
    let title = fit(&shown(title), columns, look.ellipsis()).into_owned();
    let room = columns.saturating_sub(width(&title) + 4);
    let source = fit(&shown(source), room, look.ellipsis()).into_owned();
    let fill = columns.saturating_sub(width(&title) + width(&source) + 2);
    let faint = look.style(Tone::Faint);
    Line::from(vec![
        Span::styled(title, look.style(Tone::Strong)),
        Span::styled(format!(" {} ", rule.repeat(fill)), faint),
        Span::styled(source, faint),
    ])
}

/// Draws lines from `top` on, and returns nothing: what does not fit is not drawn.
pub(crate) fn paint(buf: &mut Buffer, area: Rect, lines: &[Line<'static>], top: usize) {
    for (row, line) in lines.iter().skip(top).take(usize::from(area.height)).enumerate() {
        buf.set_line(area.x, area.y + row as u16, line, area.width);
    }
}

/// Draws a heading and lines below it into a panel; of too many lines the first, or the last.
pub(crate) fn panel(
    buf: &mut Buffer,
    area: Rect,
    look: Look,
    (title, source): (&str, &str),
    lines: &[Line<'static>],
    keeps: Keeps,
) {
    if area.height == 0 {
        return;
    }
    let head = heading(look, title, source, usize::from(area.width));
    buf.set_line(area.x, area.y, &head, area.width);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let fits = usize::from(body.height);
    let top = match keeps {
        Keeps::First => 0,
        Keeps::Last => lines.len().saturating_sub(fits),
    };
    paint(buf, body, lines, top);
    let hidden = lines.len().saturating_sub(fits);
    if keeps == Keeps::First && hidden > 0 && fits > 0 {
        let y = body.y + body.height - 1;
        let text = format!("  {} {} more", look.sign("…", "..."), hidden + 1);
        clear(buf, Rect { y, height: 1, ..body });
        buf.set_stringn(body.x, y, text, usize::from(body.width), look.style(Tone::Faint));
    }
}

/// Which lines a panel keeps where there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// The first.
    First,
    /// The last.
    Last,
}

/// Empties a part of the screen.
pub(crate) fn clear(buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
        }
    }
}

/// Gives a part of the screen a style.
pub(crate) fn tint(buf: &mut Buffer, area: Rect, style: Style) {
    buf.set_style(area, style);
}

/// Money with how well it is known: unknown is said, and never 0.
pub(crate) fn money(money: Money) -> (String, Tone) {
    let known = usd(money.micro_usd);
    match (money.unknown, money.estimated) {
        (0, false) => (known, Tone::Plain),
        (0, true) => (format!("{known} in part estimated"), Tone::Warning),
        (unknown, _) if money.micro_usd > 0 => {
            (format!("{UNKNOWN} (at least {known}; {unknown} answers without a price)"), Tone::Warning)
        }
        (unknown, _) => (format!("{UNKNOWN} ({unknown} answers without a price)"), Tone::Warning),
    }
}

/// Where something in the ledger was read, and how old it is.
pub(crate) fn event_source(seq: u64, at_ms: i64, now_ms: i64) -> String {
    format!("event {seq}, {}", age(now_ms, at_ms))
}
