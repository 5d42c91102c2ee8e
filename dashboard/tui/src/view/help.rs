//! Keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::Page;
use super::{Drawn, Scene, scrolled};
use crate::look::Tone;

/// Keys and what they do, in groups.
const KEYS: [(&str, &[(&str, &str)]); 4] = [
    (
        "Views",
        &[
            ("1 .. 9, 0", "run, council, gates, forge, cost, memory, log, changes, runs, this page"),
            ("Tab  Shift-Tab", "the next view, the one before"),
            ("j k, arrows", "the next or last entry, or one line down or up"),
            ("PgDn PgUp, Ctrl-D Ctrl-U", "a screen down or up"),
            ("g G, Home End", "to the beginning, to the end"),
            ("/  n N", "search; the next or last place found"),
            ("v  V", "changes: of the whole run, of one iteration after the other; back"),
            ("f  F", "log: the next kind of event; all kinds"),
            ("Enter", "runs: open the run"),
            ("mouse", "views, entries and the slider can be clicked; the wheel scrolls"),
        ],
    ),
    (
        "The run",
        &[
            ("p", "pause, or go on"),
            ("s", "steer: a word of guidance for every later prompt"),
            ("a", "council: approve the chosen proposal, bound to its hash"),
            ("x", "council: reject it, with a reason"),
            ("R", "put the files back to the first snapshot; in changes, to the chosen one"),
            ("S", "stop the run, with a receipt"),
        ],
    ),
    (
        "Replay",
        &[("[ ]", "one event back, one on"), ("{ }", "a hundred back, a hundred on"), ("Esc", "back to now")],
    ),
    (
        "Leaving",
        &[
            ("q, Ctrl-C", "leave; the run goes on"),
            ("Ctrl-Z", "suspend; `fg` comes back"),
            ("Ctrl-L", "draw anew"),
        ],
    ),
];

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let mut page = Page::new(scene.look, area.width.saturating_sub(1));
    for (group, keys) in KEYS {
        page.heading(group, "");
        for (key, what) in keys {
            page.parts([(format!("  {key:<26}"), Tone::Accent), ((*what).to_owned(), Tone::Plain)]);
        }
    }
    scrolled(scene, buf, area, &page.lines)
}
