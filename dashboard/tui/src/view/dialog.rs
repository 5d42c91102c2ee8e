//! What is asked of the person, over the view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, clear, paint};
use super::{Scene, council};
use crate::look::Tone;
use crate::state::{Dialog, Purpose};
use crate::text::{shown, width};

/// Rows of a dialog: two lines, a field or an answer, and the border.
const ROWS: u16 = 5;

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, body: Rect) {
    let Some(dialog) = &scene.state.dialog else { return };
    let area = Rect { y: body.bottom().saturating_sub(ROWS), height: ROWS.min(body.height), ..body };
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
        Dialog::Confirm { question, .. } => {
            page.heading("Sure?", "y does it, any other key leaves it");
            page.text(question, 0, Tone::Warning);
        }
    }
    paint(buf, area, &page.lines, 0);
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
