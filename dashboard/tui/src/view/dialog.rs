//! What is asked of the person, over the view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, clear, paint, tint};
use super::{Scene, council, cut};
use crate::data::{Kept, Loaded};
use crate::look::Tone;
use crate::state::{Dialog, Purpose};
use crate::text::{UNKNOWN, age, short, shown, width};

/// Rows of a dialog: two lines, a field or an answer, and the border.
const ROWS: u16 = 5;

/// The same where one of several is chosen.
const CHOICE_ROWS: u16 = 10;

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, body: Rect) {
    let Some(dialog) = &scene.state.dialog else { return };
    let rows = if matches!(dialog, Dialog::Choose { .. }) { CHOICE_ROWS } else { ROWS }.min(body.height);
    let area = Rect { y: body.bottom().saturating_sub(rows), height: rows, ..body };
    clear(buf, area);
    let mut page = Page::new(scene.look, area.width);
    match dialog {
        Dialog::Write { purpose, text } => {
            let (title, hint) = asked(purpose);
            page.heading(&title, "Enter sends, Esc leaves it");
            page.line(&hint, Tone::Faint);
            page.blank();
            let cursor = scene.look.sign("█", "_");
            // The end is where the person writes, so it is what stays in sight.
            let room = usize::from(area.width).saturating_sub(4);
            page.parts([
                ("> ".to_owned(), Tone::Accent),
                (tail(&shown(text), room), Tone::Plain),
                (cursor.to_owned(), Tone::Accent),
            ]);
        }
        Dialog::Choose { cursor } => {
            page.heading("Put files back to which snapshot?", "Enter chooses, Esc leaves it");
            let (head, list) = cut(area, 1);
            paint(buf, head, &page.lines, 0);
            return choice(scene, buf, list, *cursor);
        }
        Dialog::Confirm { question, .. } => {
            page.heading("Sure?", "y does it, any other key leaves it");
            page.text(question, 0, Tone::Warning);
        }
    }
    paint(buf, area, &page.lines, 0);
}

/// The snapshots, with the chosen one in sight.
fn choice(scene: &Scene<'_>, buf: &mut Buffer, area: Rect, cursor: usize) {
    let mut page = Page::new(scene.look, area.width);
    let kept = match &scene.data.snapshots {
        Loaded::Ready { value, .. } => value.as_slice(),
        Loaded::Failed { reason, .. } => {
            page.line(&format!("  {UNKNOWN}: {reason}"), Tone::Bad);
            return paint(buf, area, &page.lines, 0);
        }
        Loaded::Asked | Loaded::Unasked => {
            page.line("  being read", Tone::Faint);
            return paint(buf, area, &page.lines, 0);
        }
    };
    if kept.is_empty() {
        page.line("  The run has no snapshot yet.", Tone::Plain);
        return paint(buf, area, &page.lines, 0);
    }
    let height = usize::from(area.height);
    let cursor = cursor.min(kept.len() - 1);
    let top = cursor.saturating_sub(height.saturating_sub(1));
    for snapshot in kept.iter().skip(top).take(height) {
        page.parts([
            (format!("  {:>4} {}  ", snapshot.number, short(&snapshot.commit)), Tone::Plain),
            (described(scene, snapshot), Tone::Faint),
        ]);
    }
    paint(buf, area, &page.lines, 0);
    let row = Rect { y: area.y + (cursor - top) as u16, height: area.height.min(1), ..area };
    tint(buf, row, scene.look.style(Tone::Selected));
}

/// When a snapshot was taken, as the run's events say.
fn described(scene: &Scene<'_>, snapshot: &Kept) -> String {
    let taken = scene
        .picture()
        .and_then(|picture| picture.snapshots().find(|(taken, _)| taken.commit == snapshot.commit));
    match taken {
        Some((taken, at_ms)) => {
            let when = at_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(scene.now_ms(), at));
            format!("before iteration {} acted, {when}", taken.iteration)
        }
        None => "no event of the run names it: kept before files were put back".to_owned(),
    }
}

fn asked(purpose: &Purpose) -> (String, String) {
    match purpose {
        Purpose::Search => {
            ("Search".to_owned(), "What is looked for, whatever its case; empty ends it.".to_owned())
        }
        Purpose::Steer => {
            ("Steer".to_owned(), "It becomes part of every prompt from the next step on.".to_owned())
        }
        Purpose::Approve { subject } => (
            format!("Approve {}", council::named(subject)),
            "Bound to this hash: if anything of it changes, this counts for nothing. Why?".to_owned(),
        ),
        Purpose::Reject { subject } => (
            format!("Reject {}", council::named(subject)),
            "The run goes on without it, as far as it can. Why?".to_owned(),
        ),
    }
}

/// The end of `text` that fits so many columns.
fn tail(text: &str, columns: usize) -> String {
    let mut start = 0;
    while width(&text[start..]) > columns {
        start += text[start..].chars().next().map_or(1, char::len_utf8);
    }
    text[start..].to_owned()
}
