//! How the project's files differ from a snapshot: the files, and the lines of the chosen one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::page::heading;
use super::{Drawn, Scene, bar, cut, entry_list, list_columns, split};
use crate::data::{Loaded, Stretch};
use crate::diff::{DiffKind, FileDiff};
use crate::look::{Look, Tone};
use crate::model::Picture;
use crate::syntax::{Language, Token, tokens};
use crate::text::{UNKNOWN, age, fit, short, shown};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let (head, body) = cut(area, 1);
    let chosen = scene.picture().and_then(|picture| chosen(picture, scene.state.stretch));
    let is_of = |stretch: &Stretch| chosen.as_ref().is_some_and(|chosen| chosen.stretch == *stretch);
    let read = scene.data.changes.as_ref().filter(|(stretch, _)| is_of(stretch));
    let (files, source) = match read {
        None if chosen.is_none() => (&[][..], "the run has no snapshot yet".to_owned()),
        None => (&[][..], "being read".to_owned()),
        Some((stretch, Loaded::Ready { value, at_ms })) => {
            let until = match &stretch.until {
                Some(until) => format!("snapshot {}", short(until)),
                None => format!("the files as they were {}", age(scene.now_ms, *at_ms)),
            };
            (value.as_slice(), format!("snapshot {} and {until}", short(&stretch.from)))
        }
        Some((_, Loaded::Failed { reason, .. })) => (&[][..], format!("{UNKNOWN}: {reason}")),
        Some((_, Loaded::Asked | Loaded::Unasked)) => (&[][..], "being read".to_owned()),
    };
    let is_read = matches!(read, Some((_, Loaded::Ready { .. })));
    let count = if is_read { files.len().to_string() } else { UNKNOWN.to_owned() };
    let of = chosen.as_ref().map_or("the run", |chosen| &chosen.title);
    let title = format!("Files changed by {of}: {count}");
    buf.set_line(head.x, head.y, &heading(scene.look, &title, &source, usize::from(head.width)), head.width);
    let entries: Vec<Vec<(String, Tone)>> = files.iter().map(entry).collect();
    let (left, right) = split(body, list_columns(body.width));
    let (mut drawn, cursor) = entry_list(scene, buf, left, &entries);
    if let Some(file) = files.get(cursor) {
        lines(scene, buf, right, file, &mut drawn);
    }
    drawn
}

/// A stretch of the run that changes can be shown of.
pub(crate) struct Chosen {
    pub(crate) stretch: Stretch,
    /// Whose changes these are.
    title: String,
    /// When its first snapshot was taken.
    pub(crate) begins: String,
}

/// How many stretches there are: the whole run, and one from each snapshot on.
pub(crate) fn count(picture: &Picture) -> usize {
    match picture.run.snapshots.len() {
        0 => 0,
        snapshots => snapshots + 1,
    }
}

/// A stretch by its number: 0 is the whole run. `None` where there is no snapshot yet.
pub(crate) fn chosen(picture: &Picture, number: usize) -> Option<Chosen> {
    let snapshots = &picture.run.snapshots;
    let number = number.checked_rem(count(picture))?;
    let from = snapshots.get(number.saturating_sub(1))?;
    let until = if number == 0 { None } else { snapshots.get(number) };
    let later = snapshots[..number.saturating_sub(1)].iter().filter(|one| one.iteration == from.iteration);
    let part = match later.count() {
        0 => String::new(),
        earlier => format!(", part {}", earlier + 1),
    };
    let title =
        if number == 0 { "the run".to_owned() } else { format!("iteration {}{part}", from.iteration) };
    Some(Chosen {
        stretch: Stretch { from: from.commit.clone(), until: until.map(|until| until.commit.clone()) },
        title,
        begins: format!("taken in iteration {}{part}", from.iteration),
    })
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
