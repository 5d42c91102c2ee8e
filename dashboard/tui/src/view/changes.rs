//! How the project's files differ from a snapshot: the files, and the lines of the chosen one.

use loki_ledger::run::SnapshotTaken;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::page::heading;
use super::{Drawn, Scene, bar, cut, entry_list, list_columns, split};
use crate::data::Loaded;
use crate::diff::{DiffKind, FileDiff};
use crate::look::{Look, Tone};
use crate::model::Picture;
use crate::syntax::{Language, Token, tokens};
use crate::text::{UNKNOWN, age, fit, short, shown};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let (head, body) = cut(area, 1);
    let (files, source) = match &scene.data.changes {
        None if scene.picture().is_none_or(|picture| picture.run.snapshots.is_empty()) => {
            (&[][..], "the run has no snapshot yet".to_owned())
        }
        None => (&[][..], "being read".to_owned()),
        Some((snapshot, Loaded::Ready { value, at_ms })) => {
            let when = age(scene.now_ms, *at_ms);
            (value.as_slice(), format!("snapshot {} and the files as they were {when}", short(snapshot)))
        }
        Some((_, Loaded::Failed { reason, .. })) => (&[][..], format!("{UNKNOWN}: {reason}")),
        Some((_, Loaded::Asked | Loaded::Unasked)) => (&[][..], "being read".to_owned()),
    };
    let is_read = matches!(&scene.data.changes, Some((_, Loaded::Ready { .. })));
    let count = if is_read { files.len().to_string() } else { UNKNOWN.to_owned() };
    let since = match scene.picture().and_then(|picture| base(picture, scene.state.base)) {
        Some(base) => format!("the snapshot of iteration {}", base.iteration),
        None => "a snapshot".to_owned(),
    };
    let title = format!("Files that differ from {since}: {count}");
    buf.set_line(head.x, head.y, &heading(scene.look, &title, &source, usize::from(head.width)), head.width);
    let entries: Vec<Vec<(String, Tone)>> = files.iter().map(entry).collect();
    let (left, right) = split(body, list_columns(body.width));
    let (mut drawn, cursor) = entry_list(scene, buf, left, &entries);
    if let Some(file) = files.get(cursor) {
        lines(scene, buf, right, file, &mut drawn);
    }
    drawn
}

/// The snapshot that files are compared with.
pub(crate) fn base(picture: &Picture, number: usize) -> Option<&SnapshotTaken> {
    let snapshots = &picture.run.snapshots;
    snapshots.get(number.checked_rem(snapshots.len())?)
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
