//! Every event, one line each, filtered and searched.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, heading, paint};
use super::{Drawn, Scene, bar, cut, run};
use crate::look::Tone;
use crate::model::Filter;
use crate::text::age;

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let (head, body) = cut(area, 1);
    let Some(model) = scene.model else { return Drawn::default() };
    let until = scene.state.replay.as_ref().map(|replay| replay.seq);
    let filter = Filter { until, ..scene.state.filter.clone() };
    let height = usize::from(body.height);
    let place = scene.state.place();
    let (count, top, rows) = model.log.window(&filter, height, |count| {
        let end = count.saturating_sub(height);
        if place.follows { end } else { place.top.min(end) }
    });

    let of = filter.kind.map_or("all events", |kind| kind.name());
    let text = match filter.text.as_str() {
        "" => String::new(),
        text => format!(" with \"{text}\""),
    };
    let follows = if place.follows { ", following" } else { "" };
    let dropped = match model.log.dropped {
        0 => String::new(),
        dropped => format!(", {dropped} older ones are not kept here"),
    };
    let title = format!("Log: {of}{text}: {count} of {}{follows}", model.log.last());
    let newest = format!("ledger, {}{dropped}", age(scene.now_ms(), model.live.run.last_ms));
    buf.set_line(head.x, head.y, &heading(scene.look, &title, &newest, usize::from(head.width)), head.width);

    let mut page = Page::new(scene.look, body.width.saturating_sub(1));
    for row in rows {
        let mut parts = vec![(format!("{:>6} {:<8}", row.line.seq, row.kind.name()), Tone::Faint)];
        parts.extend(run::said_parts(scene.look, &row.line));
        page.parts(parts);
    }
    paint(buf, body, &page.lines, 0);
    if count > height && height > 0 {
        bar(scene.look, buf, body, (top, height, count));
    }
    Drawn { lines: count, height, ..Drawn::default() }
}
