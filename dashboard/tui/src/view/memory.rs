//! What every prompt of the run holds: notes, guidance, the claim, what others changed.

use loki_ledger::event::NoteKind;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::Page;
use super::{Drawn, Scene, scrolled};
use crate::look::Tone;
use crate::model::Picture;
use crate::text::{UNKNOWN, age, short};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let mut page = Page::new(scene.look, area.width.saturating_sub(1));
    if let Some(picture) = scene.picture() {
        notes(scene, &mut page, picture);
        guidance(scene, &mut page, picture);
        claim(scene, &mut page, picture);
        snapshots(scene, &mut page, picture);
        edits(&mut page, picture);
    }
    scrolled(scene, buf, area, &page.lines)
}

fn notes(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    let notes = &picture.run.notes;
    page.heading("Notes", "ledger, what the provider wrote down for every later prompt");
    if notes.is_empty() {
        page.line("  none yet", Tone::Faint);
    }
    // Times are kept of the newest.
    let skip = notes.len().saturating_sub(picture.notes_ms.len());
    for (at, note) in notes.iter().enumerate() {
        let kind = match note.kind {
            NoteKind::Decision => "decision",
            NoteKind::Constraint => "constraint",
            NoteKind::Finding => "finding",
        };
        let when = at.checked_sub(skip).and_then(|at| picture.notes_ms.get(at));
        let when = when.map_or_else(|| UNKNOWN.to_owned(), |ms| age(scene.now_ms(), *ms));
        page.parts([(format!("  {kind:<12}"), Tone::Accent), (when, Tone::Faint)]);
        page.text(&note.text, 4, Tone::Plain);
    }
}

fn guidance(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    page.heading("Guidance and commands", "ledger, as the run took them");
    if picture.taken.is_empty() {
        page.line("  none yet", Tone::Faint);
    }
    for taken in &picture.taken {
        let by = match taken.iteration {
            0 => "before the first iteration".to_owned(),
            iteration => format!("by iteration {iteration}"),
        };
        page.parts([
            (format!("  {:>4} ", taken.id), Tone::Faint),
            (format!("{}  ", taken.text), Tone::Plain),
            (format!("taken {by}, {}", age(scene.now_ms(), taken.at_ms)), Tone::Faint),
        ]);
    }
}

fn claim(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    let Some(claim) = &picture.run.claim else { return };
    let when = picture.claimed_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(scene.now_ms(), at));
    page.heading("What the provider claims", &format!("a claim, not a fact; {when}"));
    page.text(&claim.summary, 2, Tone::Plain);
    for evidence in &claim.evidence {
        page.text(&format!("names as evidence: {evidence}"), 4, Tone::Faint);
    }
}

fn snapshots(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    page.heading("Snapshots", "ledger; R puts the files back to one");
    if picture.run.snapshots.is_empty() {
        page.line("  none yet", Tone::Faint);
    }
    for (snapshot, at_ms) in picture.snapshots().rev().take(50) {
        let when = at_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(scene.now_ms(), at));
        let value = format!("{}, {when}", short(&snapshot.commit));
        page.row(&format!("iteration {}", snapshot.iteration), &value, Tone::Plain);
    }
}

fn edits(page: &mut Page, picture: &Picture) {
    if picture.run.edited.is_empty() {
        return;
    }
    page.heading("Changed by somebody else", "ledger");
    for path in picture.run.edited.iter().take(200) {
        page.line(&format!("  {path}"), Tone::Warning);
    }
}
