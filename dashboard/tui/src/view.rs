//! Screens, drawn from the model and what a screen is at. Pure: the same scene gives the same picture.

pub(crate) mod changes;
mod cost;
pub(crate) mod council;
mod dialog;
mod forge;
mod frame;
pub(crate) mod gates;
mod help;
mod log;
mod memory;
mod page;
mod run;
pub(crate) mod runs;
mod schema;

#[cfg(test)]
pub(crate) mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::data::Data;
use crate::look::{Look, Signs, Tone};
use crate::model::{Model, Picture, log::holds};
use crate::state::{Hits, State, View};
use page::{paint, tint};

/// The smallest screen on which something is shown.
const COLUMNS_MIN: u16 = 40;
const ROWS_MIN: u16 = 10;

/// All that a screen is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The run; `None` where there is none.
    pub model: Option<&'a Model>,
    /// What was read beside its events.
    pub data: &'a Data,
    /// What the screen is at.
    pub state: &'a State,
    /// How it looks.
    pub look: Look,
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Steps the spinner has made.
    pub step: u64,
}

/// What a view drew, as far as keys and the mouse need it.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    list: Option<(Rect, usize)>,
    entries: usize,
    lines: usize,
    height: usize,
    found: Vec<usize>,
}

impl<'a> Scene<'a> {
    /// The run as it is looked at: now, or at the moment of a replay.
    pub(crate) fn picture(&self) -> Option<&'a Picture> {
        let replayed = self.state.replay.as_ref().map(|replay| &*replay.picture);
        replayed.or_else(|| self.model.map(|model| &model.live))
    }

    /// The time that ages are counted from: now, or the moment of a replay.
    pub(crate) fn now_ms(&self) -> i64 {
        self.state.replay.as_ref().map_or(self.now_ms, |replay| replay.picture.run.last_ms)
    }
}

/// Draws a screen and says what lies where.
pub fn draw(scene: &Scene<'_>, buf: &mut Buffer) -> Hits {
    let area = buf.area;
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        let text = format!("{COLUMNS_MIN}x{ROWS_MIN} are needed");
        buf.set_stringn(area.x, area.y, text, usize::from(area.width), scene.look.style(Tone::Plain));
        return Hits::default();
    }
    let (body, mut hits) = frame::draw(scene, buf);
    let drawn = match scene.state.view {
        View::Runs => runs::draw(scene, buf, body),
        View::Run => run::draw(scene, buf, body),
        View::Council => council::draw(scene, buf, body),
        View::Gates => gates::draw(scene, buf, body),
        View::Forge => forge::draw(scene, buf, body),
        View::Cost => cost::draw(scene, buf, body),
        View::Memory => memory::draw(scene, buf, body),
        View::Log => log::draw(scene, buf, body),
        View::Changes => changes::draw(scene, buf, body),
        View::Help => help::draw(scene, buf, body),
    };
    hits.list = drawn.list;
    hits.entries = drawn.entries;
    hits.lines = drawn.lines;
    hits.height = drawn.height;
    hits.found = drawn.found;
    dialog::draw(scene, buf, body);
    if scene.look.signs == Signs::Ascii {
        keep_ascii(buf);
    }
    hits
}

/// Draws lines to be scrolled through, with what is searched for marked.
pub(crate) fn scrolled(scene: &Scene<'_>, buf: &mut Buffer, area: Rect, lines: &[Line<'static>]) -> Drawn {
    let height = usize::from(area.height);
    let top = scene.state.place().top.min(lines.len().saturating_sub(height));
    paint(buf, area, lines, top);
    let found = find(lines, &scene.state.search);
    for at in found.iter().filter(|at| (top..top + height).contains(*at)) {
        let row = Rect { y: area.y + (at - top) as u16, height: 1, ..area };
        tint(buf, row, scene.look.style(Tone::Selected));
    }
    if lines.len() > height && height > 0 {
        bar(scene.look, buf, area, (top, height, lines.len()));
    }
    Drawn { lines: lines.len(), height, found, ..Drawn::default() }
}

/// Lines that hold what is searched for.
fn find(lines: &[Line<'static>], search: &str) -> Vec<usize> {
    if search.is_empty() {
        return Vec::new();
    }
    let wanted = search.to_lowercase();
    let hit = |line: &Line<'_>| holds(&line.to_string(), &wanted);
    lines.iter().enumerate().filter(|(_, line)| hit(line)).map(|(at, _)| at).collect()
}

/// A bar at the right edge: where the part in sight lies in the whole.
pub(crate) fn bar(look: Look, buf: &mut Buffer, area: Rect, (top, height, lines): (usize, usize, usize)) {
    let x = area.right().saturating_sub(1);
    let length = (height * height / lines.max(1)).max(1);
    let room = height.saturating_sub(length);
    let from = top * room / (lines - height).max(1);
    for row in from..(from + length).min(height) {
        let y = area.y + row as u16;
        buf.set_stringn(x, y, look.sign("▐", "|"), 1, look.style(Tone::Faint));
    }
}

/// Keeps what is no ASCII from the screen, whoever wrote it.
fn keep_ascii(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol("?");
        }
    }
}

/// Splits an area into a left part of so many columns and the rest, one column apart.
pub(crate) fn split(area: Rect, columns: u16) -> (Rect, Rect) {
    let left = columns.min(area.width);
    let right = (left + 1).min(area.width);
    (Rect { width: left, ..area }, Rect { x: area.x + right, width: area.width - right, ..area })
}

/// Splits an area into an upper part of so many rows and the rest.
pub(crate) fn cut(area: Rect, rows: u16) -> (Rect, Rect) {
    let upper = rows.min(area.height);
    (Rect { height: upper, ..area }, Rect { y: area.y + upper, height: area.height - upper, ..area })
}

/// Columns of a list beside what is scrolled.
pub(crate) fn list_columns(width: u16) -> u16 {
    (width / 3).clamp(24, 48).min(width)
}

/// Draws a list with a cursor; returns what was drawn and the entry that keys act on.
pub(crate) fn entry_list(
    scene: &Scene<'_>,
    buf: &mut Buffer,
    area: Rect,
    entries: &[Vec<(String, Tone)>],
) -> (Drawn, usize) {
    let height = usize::from(area.height);
    let cursor = scene.state.place().cursor.min(entries.len().saturating_sub(1));
    let top = cursor.saturating_sub(height.saturating_sub(1));
    let mut page = page::Page::new(scene.look, area.width);
    for entry in entries.iter().skip(top).take(height) {
        page.parts(entry.iter().map(|(text, tone)| (text.as_str(), *tone)));
    }
    paint(buf, area, &page.lines, 0);
    if !entries.is_empty() && height > 0 {
        let row = Rect { y: area.y + (cursor - top) as u16, height: 1, ..area };
        tint(buf, row, scene.look.style(Tone::Selected));
    }
    (Drawn { list: Some((area, top)), entries: entries.len(), ..Drawn::default() }, cursor)
}

/// Draws a list, and beside it (below it, where it is narrow) what `detail` says of the chosen entry.
pub(crate) fn listed(
    scene: &Scene<'_>,
    buf: &mut Buffer,
    area: Rect,
    (title, source): (&str, &str),
    entries: &[Vec<(String, Tone)>],
    detail: impl FnOnce(usize, &mut page::Page),
) -> Drawn {
    let (list, beside) = match area.width {
        ..100 => cut(area, (entries.len() as u16).saturating_add(1).clamp(2, area.height / 3)),
        width => split(area, list_columns(width)),
    };
    let (head, list) = cut(list, 1);
    buf.set_line(
        head.x,
        head.y,
        &page::heading(scene.look, title, source, usize::from(head.width)),
        head.width,
    );
    let (mut drawn, cursor) = entry_list(scene, buf, list, entries);
    let mut page = page::Page::new(scene.look, beside.width.saturating_sub(1));
    detail(cursor, &mut page);
    let scroll = scrolled(scene, buf, beside, &page.lines);
    drawn.lines = scroll.lines;
    drawn.height = scroll.height;
    drawn.found = scroll.found;
    drawn
}
