//! What the mouse does.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{Ask, Known, enter, jump, scroll, show};
use crate::state::State;

/// Lines that one step of the wheel goes.
const WHEEL: isize = 3;

/// The mouse did something.
pub fn mouse(state: &mut State, known: Known<'_>, event: MouseEvent) -> Vec<Ask> {
    if state.dialog.is_some() {
        return Vec::new();
    }
    let at = Position { x: event.column, y: event.row };
    match event.kind {
        MouseEventKind::ScrollDown => scroll(state, WHEEL),
        MouseEventKind::ScrollUp => scroll(state, -WHEEL),
        MouseEventKind::Down(MouseButton::Left) => return click(state, known, at),
        MouseEventKind::Drag(MouseButton::Left) => return slide(state, known, at),
        _ => {}
    }
    Vec::new()
}

fn click(state: &mut State, known: Known<'_>, at: Position) -> Vec<Ask> {
    if let Some(view) = state.hits.tabs.iter().find(|(place, _)| place.contains(at)).map(|(_, view)| *view) {
        show(state, view);
        return Vec::new();
    }
    if let Some((list, first)) = state.hits.list
        && list.contains(at)
    {
        let entry = first + usize::from(at.y - list.y);
        if entry >= state.hits.entries {
            return Vec::new();
        }
        // A second click on the same entry opens it.
        let again = state.place().cursor == entry;
        let place = state.place_mut();
        (place.cursor, place.top) = (entry, 0);
        return if again { enter(state, known) } else { Vec::new() };
    }
    slide(state, known, at)
}

/// To the event that lies under the mouse on the slider.
fn slide(state: &mut State, known: Known<'_>, at: Position) -> Vec<Ask> {
    let Some(slider) = state.hits.slider.filter(|slider: &Rect| slider.contains(at)) else {
        return Vec::new();
    };
    let last = known.model.map_or(0, |model| model.log.last());
    let columns = u64::from(slider.width.max(2) - 1);
    jump(state, known, (u64::from(at.x - slider.x) * last / columns).clamp(1, last.max(1)))
}
