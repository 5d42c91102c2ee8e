//! Every run of every project of this user.

use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, heading, paint, tint};
use super::{Drawn, Scene, bar, cut};
use crate::data::{Loaded, ProjectRuns, RunDigest, RunEnd};
use crate::look::Tone;
use crate::text::{UNKNOWN, age, moment, number};

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    /// A project.
    Project(&'a ProjectRuns),
    /// A run of the project above it.
    Run(&'a Path, &'a RunDigest),
}

/// The list, line by line.
pub(crate) fn entries(projects: &[ProjectRuns]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for project in projects {
        entries.push(Entry::Project(project));
        if let Ok(runs) = &project.runs {
            entries.extend(runs.iter().map(|run| Entry::Run(&project.root, run)));
        }
    }
    entries
}

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let (head, body) = cut(area, 1);
    let source = match (&scene.data.projects, scene.data.projects.at_ms()) {
        (Loaded::Failed { reason, .. }, _) => format!("{UNKNOWN}: {reason}"),
        (_, Some(at)) => format!("ledgers, read {}", age(scene.now_ms, at)),
        (_, None) => "being read".to_owned(),
    };
    let projects = scene.data.projects.ready().map_or(&[][..], |(projects, _)| projects);
    let title = format!("Runs of {} projects", projects.len());
    buf.set_line(head.x, head.y, &heading(scene.look, &title, &source, usize::from(head.width)), head.width);
    let entries = entries(projects);
    let height = usize::from(body.height);
    let cursor = scene.state.place().cursor.min(entries.len().saturating_sub(1));
    let top = cursor.saturating_sub(height.saturating_sub(1));
    let mut page = Page::new(scene.look, body.width.saturating_sub(1));
    for entry in entries.iter().skip(top).take(height) {
        match entry {
            Entry::Project(project) => project_line(&mut page, project),
            Entry::Run(_, run) => run_line(scene, &mut page, run),
        }
    }
    paint(buf, body, &page.lines, 0);
    if !entries.is_empty() {
        let row = Rect { y: body.y + (cursor - top) as u16, height: 1, ..body };
        tint(buf, row, scene.look.style(Tone::Selected));
    }
    if entries.len() > height && height > 0 {
        bar(scene.look, buf, body, (top, height, entries.len()));
    }
    Drawn { list: Some((body, top)), entries: entries.len(), ..Drawn::default() }
}

fn project_line(page: &mut Page, project: &ProjectRuns) {
    let (told, tone) = match (&project.runs, project.driver) {
        (Err(reason), _) => (format!("{UNKNOWN}: {reason}"), Tone::Bad),
        (Ok(runs), Some(pid)) => (format!("{} runs, process {pid} drives", runs.len()), Tone::Accent),
        (Ok(runs), None) => (format!("{} runs", runs.len()), Tone::Faint),
    };
    page.parts([(format!("{}  ", project.root.display()), Tone::Strong), (told, tone)]);
}

fn run_line(scene: &Scene<'_>, page: &mut Page, run: &RunDigest) {
    let (state, tone) = match &run.end {
        Some(RunEnd::Stopped(verdict)) if verdict.starts_with("verified") => (verdict.as_str(), Tone::Good),
        Some(RunEnd::Stopped(verdict)) => (verdict.as_str(), Tone::Warning),
        Some(RunEnd::Open) => ("not stopped", Tone::Accent),
        None => (UNKNOWN, Tone::Faint),
    };
    let here = scene.state.run.as_ref() == Some(&run.id);
    let sign = if here { scene.look.sign("▸", ">") } else { " " };
    let last = run.last_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(scene.now_ms, at));
    page.parts([
        (format!(" {sign} {:<22} ", run.id.to_string()), Tone::Plain),
        (format!("{state:<20} "), tone),
        (format!("{:<20} ", run.document.as_deref().unwrap_or(UNKNOWN)), Tone::Plain),
        (
            format!("{} events, started {}, last {last}", number(run.events), moment(run.started_ms)),
            Tone::Faint,
        ),
    ]);
}
