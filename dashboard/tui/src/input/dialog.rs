//! Keys while something is asked of the person.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Ask, Known, TEXT_BYTES_MAX, send};
use crate::control::Order;
use crate::state::{Dialog, Purpose, State, View};

pub(super) fn key(state: &mut State, known: Known<'_>, key: KeyEvent) -> Vec<Ask> {
    let Some(dialog) = state.dialog.take() else { return Vec::new() };
    match dialog {
        Dialog::Confirm { order, .. } => match key.code {
            KeyCode::Char('y' | 'Y') => vec![send(state, known.now_ms, order)],
            _ => Vec::new(),
        },
        Dialog::Write { purpose, text } => write(state, known, key, purpose, text),
    }
}

/// Pasted text, line ends as blanks: a paste never sends.
pub(super) fn paste(state: &mut State, pasted: &str) {
    if let Some(Dialog::Write { text, .. }) = &mut state.dialog {
        for c in pasted.chars() {
            let c = if c.is_whitespace() { ' ' } else { c };
            if text.len() + c.len_utf8() > TEXT_BYTES_MAX {
                break;
            }
            text.push(c);
        }
    }
}

fn write(state: &mut State, known: Known<'_>, key: KeyEvent, purpose: Purpose, mut text: String) -> Vec<Ask> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => return written(state, known, purpose, text),
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char('u') if ctrl => text.clear(),
        KeyCode::Char('w') if ctrl => {
            let kept = text.trim_end().rfind(' ').map_or(0, |at| at + 1);
            text.truncate(kept);
        }
        KeyCode::Char(c) if !ctrl && text.len() + c.len_utf8() <= TEXT_BYTES_MAX => text.push(c),
        _ => {}
    }
    state.dialog = Some(Dialog::Write { purpose, text });
    Vec::new()
}

fn written(state: &mut State, known: Known<'_>, purpose: Purpose, text: String) -> Vec<Ask> {
    let words = text.trim().to_owned();
    let order = match purpose {
        Purpose::Search => {
            search(state, words);
            return Vec::new();
        }
        _ if words.is_empty() => {
            state.complain("Nothing was written, so nothing is sent.");
            return Vec::new();
        }
        Purpose::Steer => Order::Steer { text: words },
        Purpose::Approve { subject } => Order::Approve { subject, reason: words },
        Purpose::Reject { subject } => Order::Reject { subject, reason: words },
    };
    vec![send(state, known.now_ms, order)]
}

fn search(state: &mut State, words: String) {
    if state.view == View::Log {
        state.filter.text = words;
        let place = state.place_mut();
        (place.top, place.follows) = (0, true);
        return;
    }
    state.search = words;
}
