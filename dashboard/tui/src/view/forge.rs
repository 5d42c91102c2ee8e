//! The backend: tables with their policies, routines, what was declared, migrations, backups, requests.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::Page;
use super::{Drawn, Scene, schema, scrolled};
use crate::data::{ForgeState, Loaded};
use crate::look::Tone;
use crate::text::{UNKNOWN, age, moment};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let mut page = Page::new(scene.look, area.width.saturating_sub(1));
    match &scene.data.forge {
        Loaded::Ready { value: Some(state), at_ms } => {
            let source = format!("backend as it is now, read {}", age(scene.now_ms, *at_ms));
            backend(&mut page, state, &source);
        }
        Loaded::Ready { value: None, at_ms } => {
            page.heading("Backend", &format!("looked {}", age(scene.now_ms, *at_ms)));
            page.line("  This project has no backend.", Tone::Plain);
        }
        Loaded::Failed { reason, at_ms } => {
            page.heading("Backend", &format!("looked {}", age(scene.now_ms, *at_ms)));
            page.text(&format!("{UNKNOWN}: {reason}"), 2, Tone::Bad);
        }
        Loaded::Asked | Loaded::Unasked => page.heading("Backend", "being read"),
    }
    scrolled(scene, buf, area, &page.lines)
}

fn backend(page: &mut Page, state: &ForgeState, source: &str) {
    page.heading(&format!("Tables: {}", state.schema.tables.len()), source);
    for table in &state.schema.tables {
        schema::table(page, table);
        page.blank();
    }
    page.heading(&format!("Views and functions: {}", state.routines.len()), source);
    for routine in &state.routines {
        page.line(&format!("  {routine}"), Tone::Plain);
    }
    page.heading(&format!("Declared: {}", state.resources.len()), source);
    for resource in &state.resources {
        let tone = if resource.status == "declared" { Tone::Warning } else { Tone::Good };
        let next = match (resource.kind.as_str(), resource.next_ms) {
            (_, Some(at)) => format!(", next run {} UTC", moment(at)),
            ("schedule", None) => format!(", next run {UNKNOWN}"),
            (_, None) => String::new(),
        };
        page.parts([
            (format!("  {:<14} ", resource.kind), Tone::Faint),
            (format!("{:<20} ", resource.name), Tone::Plain),
            (format!("{:<10} ", resource.status), tone),
            (format!("{}{next}", resource.detail), Tone::Faint),
        ]);
    }
    page.heading(&format!("Migrations: {}", state.migrations.len()), source);
    for migration in state.migrations.iter().rev() {
        let (word, tone) = if migration.undone { ("undone", Tone::Warning) } else { ("holds", Tone::Good) };
        page.parts([
            (format!("  {:>4} ", migration.version), Tone::Faint),
            (format!("{:<28} ", migration.name), Tone::Plain),
            (format!("{word:<8}"), tone),
            (format!("{}, approved by {}", migration.applied_at, migration.approved_by), Tone::Faint),
        ]);
    }
    page.heading(&format!("Backups: {}", state.backups.len()), source);
    for backup in &state.backups {
        page.line(&format!("  {backup}"), Tone::Plain);
    }
    requests(page, state, source);
}

fn requests(page: &mut Page, state: &ForgeState, source: &str) {
    let Some(requests) = &state.requests else {
        page.heading(&format!("Recent requests: {UNKNOWN}"), source);
        page.line("  No server has written any down: `loki forge serve` does.", Tone::Faint);
        return;
    };
    page.heading(&format!("Recent requests: {}", requests.len()), source);
    for request in requests {
        let tone = match request.status {
            ..400 => Tone::Good,
            400..500 => Tone::Warning,
            500.. => Tone::Bad,
        };
        page.parts([
            (format!("  {} ", moment(request.at_ms)), Tone::Faint),
            (format!("{} ", request.status), tone),
            (format!("{:<7}", request.method), Tone::Plain),
            (format!("{} ", request.path), Tone::Plain),
            (
                format!(
                    "{:.1} ms, {}",
                    request.took_us as f64 / 1e3,
                    request.role.as_deref().unwrap_or("nobody known")
                ),
                Tone::Faint,
            ),
        ]);
    }
}
