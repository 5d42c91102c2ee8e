//! How the project's files differ since the run began, or by an iteration: the files, and the lines of the chosen one.

use loki_ledger::run::SnapshotTaken;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::page::heading;
use super::{Drawn, Scene, bar, cut, entry_list, list_columns, split};
use crate::data::{Loaded, Moments};
use crate::diff::{DiffKind, FileDiff};
use crate::look::{Look, Tone};
use crate::model::Picture;
use crate::syntax::{Language, Token, tokens};
use crate::text::{UNKNOWN, age, fit, short, shown};

/// Moments of a run whose files are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Them.
    pub(crate) moments: Moments,
    /// The iteration between them; `None`: the whole run.
    pub(crate) iteration: Option<u32>,
}

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let (head, body) = cut(area, 1);
    // Files are as they are, also while the past is looked at: what the run has taken by now counts.
    let picture = scene.model.map(|model| &model.live);
    let spans = picture.map(spans).unwrap_or_default();
    let chosen = scene.state.base.checked_rem(spans.len()).and_then(|at| spans.get(at));
    let read = scene
        .data
        .changes
        .as_ref()
        .filter(|(moments, _)| chosen.is_some_and(|span| span.moments == *moments));
    let (files, source) = match read.map(|(moments, changes)| (moments, changes)) {
        None if chosen.is_none() => (None, "the run has no snapshot yet".to_owned()),
        None | Some((_, Loaded::Asked | Loaded::Unasked)) => (None, "being read".to_owned()),
        Some((_, Loaded::Failed { reason, .. })) => (None, format!("{UNKNOWN}: {reason}")),
        Some((moments, Loaded::Ready { value, at_ms })) => {
            let when = age(scene.now_ms, *at_ms);
            let until = match &moments.to {
                Some(commit) => format!("{}, read {when}", short(commit)),
                None => format!("the files as they were {when}"),
            };
            (Some(value.as_slice()), format!("snapshot {} and {until}", short(&moments.from)))
        }
    };
    let count = files.map_or_else(|| UNKNOWN.to_owned(), |files| files.len().to_string());
    let title = match chosen.map(|span| (span.iteration, &span.moments.to)) {
        Some((Some(iteration), Some(_))) => format!("Files that iteration {iteration} changed: {count}"),
        Some((Some(iteration), None)) => {
            format!("Files that differ since iteration {iteration} began: {count}")
        }
        Some((None, _)) => format!("Files that differ since the run began: {count}"),
        None => format!("Files that differ since a snapshot: {count}"),
    };
    buf.set_line(head.x, head.y, &heading(scene.look, &title, &source, usize::from(head.width)), head.width);
    let files = files.unwrap_or_default();
    let entries: Vec<Vec<(String, Tone)>> = files.iter().map(entry).collect();
    let (left, right) = split(body, list_columns(body.width));
    let (mut drawn, cursor) = entry_list(scene, buf, left, &entries);
    if let Some(file) = files.get(cursor) {
        lines(scene, buf, right, file, &mut drawn);
    }
    drawn
}

/// What can be compared: the whole run, and where there are several each of its iterations, from its first snapshot
/// to that of the next one.
pub(crate) fn spans(picture: &Picture) -> Vec<Span> {
    let mut begins: Vec<&SnapshotTaken> = Vec::new();
    for snapshot in &picture.run.snapshots {
        if begins.last().is_none_or(|last| last.iteration != snapshot.iteration) {
            begins.push(snapshot);
        }
    }
    let Some(first) = begins.first() else { return Vec::new() };
    let span = |from: &SnapshotTaken, to: Option<&&SnapshotTaken>, iteration| Span {
        moments: Moments { from: from.commit.clone(), to: to.map(|to| to.commit.clone()) },
        iteration,
    };
    let mut spans = vec![span(first, None, None)];
    if begins.len() > 1 {
        let each = begins.iter().enumerate();
        spans.extend(each.map(|(at, from)| span(from, begins.get(at + 1), Some(from.iteration))));
    }
    spans
}

/// What is compared.
pub(crate) fn chosen(picture: &Picture, number: usize) -> Option<Span> {
    let mut spans = spans(picture);
    let at = number.checked_rem(spans.len())?;
    Some(spans.swap_remove(at))
}

fn entry(file: &FileDiff) -> Vec<(String, Tone)> {
    vec![
        (format!("{:>+5} ", file.added), Tone::Good),
        (format!("{:>5} ", -(file.removed as i64)), Tone::Bad),
        (file.path.clone(), Tone::Plain),
    ]
}

/// The lines in sight, and nothing beside them: a difference may be megabytes long.
fn lines(scene: &Scene<'_>, buf: &mut Buffer, area: Rect, file: &FileDiff, drawn: &mut Drawn) {
    let height = usize::from(area.height);
    let top = scene.state.place().top.min(file.lines.len().saturating_sub(height));
    let language = Language::of(&file.path);
    let columns = usize::from(area.width.saturating_sub(1));
    for (row, line) in file.lines.iter().skip(top).take(height).enumerate() {
        let (sign, tone) = match line.kind {
            DiffKind::Same => (" ", Tone::Plain),
            DiffKind::Added => ("+", Tone::Good),
            DiffKind::Removed => ("-", Tone::Bad),
            DiffKind::Note => (" ", Tone::Faint),
        };
        let at = line.number.map_or_else(String::new, |at| at.to_string());
        let mut spans = vec![Span::styled(
            format!("{at:>6} {sign} "),
            scene.look.style(if tone == Tone::Plain { Tone::Faint } else { tone }),
        )];
        let safe = shown(&line.text);
        let text = fit(&safe, columns.saturating_sub(9), scene.look.ellipsis());
        match line.kind {
            DiffKind::Note => spans.push(Span::styled(text.into_owned(), scene.look.style(tone))),
            DiffKind::Same | DiffKind::Added | DiffKind::Removed => {
                spans.extend(coloured(scene.look, language, &text, tone))
            }
        }
        buf.set_line(area.x, area.y + row as u16, &Line::from(spans), area.width);
    }
    if file.lines.len() > height && height > 0 {
        bar(scene.look, buf, area, (top, height, file.lines.len()));
    }
    drawn.lines = file.lines.len();
    drawn.height = height;
}

/// A line of code in its colours; what was added or removed keeps its own where nothing else is said.
fn coloured(look: Look, language: Language, text: &str, tone: Tone) -> Vec<Span<'static>> {
    let style = |token: Token| match token {
        Token::Plain => look.style(tone),
        Token::Keyword => look.style(Tone::Accent),
        Token::String => look.style(Tone::Warning),
        Token::Comment => look.style(Tone::Faint),
        Token::Number => look.style(Tone::Strong),
    };
    tokens(language, text)
        .into_iter()
        .map(|(token, part)| Span::styled(part.to_owned(), style(token)))
        .collect()
}
