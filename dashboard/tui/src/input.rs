//! What keys and the mouse do. Pure: it changes what the screen is at and returns what is asked of others.

mod dialog;
mod mouse;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use loki_ledger::event::RunId;

use crate::control::Order;
use crate::data::Data;
use crate::model::{Kind, Model, Picture};
use crate::state::{Dialog, Fate, Place, Purpose, Replay, SENT_MAX, Sent, State, View};
use crate::view::runs::{Entry, entries};
use crate::view::{changes, council};

pub use mouse::mouse;

/// Events that a large step of a replay goes.
const STEP: u64 = 100;

/// Bytes that may be typed into a field.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 10;

/// What is asked of whoever runs the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Leave. The run goes on.
    Leave,
    /// Suspend the program.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Show another run.
    Open {
        /// Its project.
        project: PathBuf,
        /// Its name.
        run: RunId,
    },
    /// Read the run as an event left it.
    Replay {
        /// The event.
        seq: u64,
    },
    /// Carry an order out.
    Order {
        /// Its number on this screen.
        number: u64,
        /// The order.
        order: Order,
    },
}

/// What keys act on, beside the screen itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The run; `None` where there is none.
    pub model: Option<&'a Model>,
    /// What was read beside its events.
    pub data: &'a Data,
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
}

/// A key was pressed.
pub fn key(state: &mut State, known: Known<'_>, key: KeyEvent) -> Vec<Ask> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if ctrl => return vec![Ask::Leave],
        KeyCode::Char('z') if ctrl => return vec![Ask::Suspend],
        KeyCode::Char('l') if ctrl => return vec![Ask::Redraw],
        _ => {}
    }
    state.notice = None;
    if state.dialog.is_some() {
        return dialog::key(state, known, key);
    }
    match key.code {
        KeyCode::Char('d') if ctrl => scroll(state, half(state)),
        KeyCode::Char('u') if ctrl => scroll(state, -half(state)),
        KeyCode::Char('f') if ctrl => scroll(state, whole(state)),
        KeyCode::Char('b') if ctrl => scroll(state, -whole(state)),
        KeyCode::Char(c) if !ctrl => return letter(state, known, c),
        KeyCode::Down => step(state, 1),
        KeyCode::Up => step(state, -1),
        KeyCode::Right => return replay(state, known, 1),
        KeyCode::Left => return replay(state, known, -1),
        KeyCode::PageDown => scroll(state, whole(state)),
        KeyCode::PageUp => scroll(state, -whole(state)),
        KeyCode::Home => return edge(state, known, Edge::First),
        KeyCode::End => return edge(state, known, Edge::Last),
        KeyCode::Tab => turn(state, 1),
        KeyCode::BackTab => turn(state, View::ALL.len() - 1),
        KeyCode::Enter => return enter(state, known),
        KeyCode::Esc => escape(state),
        _ => {}
    }
    Vec::new()
}

/// Text was pasted: it goes into the field that is open, and is never taken for keys.
pub fn paste(state: &mut State, text: &str) {
    dialog::paste(state, text);
}

fn letter(state: &mut State, known: Known<'_>, c: char) -> Vec<Ask> {
    match c {
        'q' => return vec![Ask::Leave],
        'j' => step(state, 1),
        'k' => step(state, -1),
        'l' => turn(state, 1),
        'h' => turn(state, View::ALL.len() - 1),
        'g' => return edge(state, known, Edge::First),
        'G' => return edge(state, known, Edge::Last),
        '?' => show(state, View::Help),
        '0'..='9' => {
            if let Some(view) = View::ALL.into_iter().find(|view| view.key() == c) {
                show(state, view);
            }
        }
        '/' => {
            let text = if state.view == View::Log { state.filter.text.clone() } else { String::new() };
            state.dialog = Some(Dialog::Write { purpose: Purpose::Search, text });
        }
        'n' => found(state, Edge::Last),
        'N' => found(state, Edge::First),
        'v' | 'V' if state.view == View::Changes => turn_stretch(state, known, c == 'v'),
        'f' if state.view == View::Log => next_kind(state),
        'F' if state.view == View::Log => state.filter.kind = None,
        '[' => return replay(state, known, -1),
        ']' => return replay(state, known, 1),
        '{' => return replay(state, known, -(STEP as i64)),
        '}' => return replay(state, known, STEP as i64),
        'p' | 's' | 'a' | 'x' | 'R' | 'S' => return command(state, known, c),
        _ => {}
    }
    Vec::new()
}

/// The keys that tell the run something.
fn command(state: &mut State, known: Known<'_>, c: char) -> Vec<Ask> {
    let Some(model) = known.model else {
        state.complain("There is no run on this screen.");
        return Vec::new();
    };
    if state.replay.is_some() {
        state.complain("This is the past. Esc goes back to now.");
        return Vec::new();
    }
    let live = &model.live;
    match c {
        'p' if live.run.stopped.is_some() => {
            let question = "The run has stopped. Let a process of its own go on with it, as far as it can?";
            state.dialog = Some(Dialog::Confirm { order: Order::Resume, question: question.to_owned() });
        }
        'p' if is_driven(known) == Some(false) => {
            let question = "No process drives the run. Let one of its own go on with it?".to_owned();
            state.dialog = Some(Dialog::Confirm { order: Order::Resume, question });
        }
        'p' => {
            let order = if live.run.paused { Order::Resume } else { Order::Pause };
            return vec![send(state, known.now_ms, order)];
        }
        's' => state.dialog = Some(Dialog::Write { purpose: Purpose::Steer, text: String::new() }),
        'a' | 'x' => decide(state, live, c == 'a'),
        'R' => put_back(state, live),
        'S' if live.run.stopped.is_some() => state.complain("The run has stopped already."),
        'S' => {
            let question = "Stop this run, with a receipt of what it did?".to_owned();
            state.dialog = Some(Dialog::Confirm { order: Order::Stop, question });
        }
        _ => {}
    }
    Vec::new()
}

/// Asks whether files are to be put back: to where the stretch on the screen begins, else to the first snapshot.
fn put_back(state: &mut State, live: &Picture) {
    let number = if state.view == View::Changes { state.stretch } else { 0 };
    let Some(chosen) = changes::chosen(live, number) else {
        state.complain("The run has no snapshot to put files back to.");
        return;
    };
    let question = format!(
        "Put the project's files back to the snapshot {}, {}? They are kept as they are first, so that this can \
         be undone. The database is not touched.",
        crate::text::short(&chosen.stretch.from),
        chosen.begins,
    );
    let order = Order::Rollback { to: chosen.stretch.from };
    state.dialog = Some(Dialog::Confirm { order, question });
}

/// The next stretch of changes, or the one before.
fn turn_stretch(state: &mut State, known: Known<'_>, forward: bool) {
    let Some(picture) = known.model.map(|model| &model.live) else { return };
    let stretches = changes::count(picture);
    state.stretch = (state.stretch + if forward { 1 } else { stretches.saturating_sub(1) })
        .checked_rem(stretches)
        .unwrap_or(0);
    *state.place_mut() = Place::default();
}

/// Whether a process drives the run; `None`: not known.
fn is_driven(known: Known<'_>) -> Option<bool> {
    known.data.driver.ready().map(|(driver, _)| driver.is_some())
}

/// Asks for the reason of a decision on the chosen proposal. The hash is the one on the screen.
fn decide(state: &mut State, live: &Picture, approves: bool) {
    if state.view != View::Council {
        show(state, View::Council);
        state.say("Read the proposal first; then a approves it and x rejects it.");
        return;
    }
    let Some(subject) = council::chosen(live, state.place().cursor).map(str::to_owned) else {
        state.complain("There is nothing to decide.");
        return;
    };
    if !live.waiting().contains(&subject.as_str()) {
        state.complain("This proposal does not wait for a person.");
        return;
    }
    let purpose = if approves { Purpose::Approve { subject } } else { Purpose::Reject { subject } };
    state.dialog = Some(Dialog::Write { purpose, text: String::new() });
}

/// Notes an order as given and asks for it to be carried out.
pub(crate) fn send(state: &mut State, now_ms: i64, order: Order) -> Ask {
    let number = state.sent.back().map_or(1, |sent| sent.number + 1);
    let text = match &order {
        Order::Pause => "pause".to_owned(),
        Order::Resume => "go on".to_owned(),
        Order::Stop => "stop".to_owned(),
        Order::Steer { text } => format!("guidance \"{text}\""),
        Order::Approve { subject, .. } => format!("approval of {}", crate::text::short(subject)),
        Order::Reject { subject, .. } => format!("refusal of {}", crate::text::short(subject)),
        Order::Rollback { .. } => "rollback".to_owned(),
    };
    if state.sent.len() == SENT_MAX {
        state.sent.pop_front();
    }
    state.sent.push_back(Sent { number, text, at_ms: now_ms, fate: Fate::Sending });
    Ask::Order { number, order }
}

/// Shows a view.
pub(crate) fn show(state: &mut State, view: View) {
    state.view = view;
}

fn turn(state: &mut State, by: usize) {
    let at = View::ALL.iter().position(|view| *view == state.view).unwrap_or(0);
    show(state, View::ALL[(at + by) % View::ALL.len()]);
}

fn escape(state: &mut State) {
    if state.replay.take().is_some() {
        state.say("Back to now.");
        return;
    }
    state.search.clear();
    state.filter.text.clear();
    state.sent.retain(|sent| sent.fate == Fate::Sending);
}

/// One entry or one line further.
fn step(state: &mut State, by: isize) {
    if !state.view.has_list() {
        return scroll(state, by);
    }
    let last = state.hits.entries.saturating_sub(1);
    let place = state.place_mut();
    let cursor = place.cursor.min(last).saturating_add_signed(by).min(last);
    if cursor != place.cursor {
        place.cursor = cursor;
        place.top = 0;
    }
}

/// So many lines further.
pub(crate) fn scroll(state: &mut State, by: isize) {
    let end = state.hits.lines.saturating_sub(state.hits.height);
    // Only the log stays at its end by itself.
    let follows = state.view == View::Log && state.place().follows;
    let place = state.place_mut();
    let top = if follows { end } else { place.top.min(end) };
    place.top = top.saturating_add_signed(by).min(end);
    place.follows = place.top == end && by > 0;
}

fn half(state: &State) -> isize {
    (state.hits.height / 2).max(1) as isize
}

fn whole(state: &State) -> isize {
    state.hits.height.saturating_sub(1).max(1) as isize
}

/// The first or the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

fn edge(state: &mut State, known: Known<'_>, edge: Edge) -> Vec<Ask> {
    if state.replay.is_some() && state.view != View::Log {
        let last = known.model.map_or(1, |model| model.log.last());
        return jump(state, known, if edge == Edge::First { 1 } else { last });
    }
    let (end, last) =
        (state.hits.lines.saturating_sub(state.hits.height), state.hits.entries.saturating_sub(1));
    let has_list = state.view.has_list();
    let place = state.place_mut();
    match edge {
        Edge::First => (place.top, place.cursor, place.follows) = (0, 0, false),
        Edge::Last if has_list => (place.top, place.cursor) = (0, last),
        Edge::Last => (place.top, place.follows) = (end, true),
    }
    Vec::new()
}

/// To the next place found, or to the one before.
fn found(state: &mut State, edge: Edge) {
    let top = state.place().top;
    let next = match edge {
        Edge::Last => state.hits.found.iter().find(|at| **at > top).or(state.hits.found.first()),
        Edge::First => state.hits.found.iter().rev().find(|at| **at < top).or(state.hits.found.last()),
    };
    match next.copied() {
        Some(at) => state.place_mut().top = at,
        None => state.complain("Nothing was found."),
    }
}

fn next_kind(state: &mut State) {
    let at = state.filter.kind.and_then(|kind| Kind::ALL.iter().position(|one| *one == kind));
    state.filter.kind = match at {
        None => Kind::ALL.first().copied(),
        Some(at) => Kind::ALL.get(at + 1).copied(),
    };
    let place = state.place_mut();
    (place.top, place.follows) = (0, true);
}

/// So many events back or on.
fn replay(state: &mut State, known: Known<'_>, by: i64) -> Vec<Ask> {
    let last = known.model.map_or(0, |model| model.log.last());
    let at = state.replay.as_ref().map_or(last, |replay| replay.seq);
    jump(state, known, at.saturating_add_signed(by).clamp(1, last.max(1)))
}

/// To an event.
pub(crate) fn jump(state: &mut State, known: Known<'_>, seq: u64) -> Vec<Ask> {
    let Some(model) = known.model.filter(|model| model.log.last() > 0) else { return Vec::new() };
    match &mut state.replay {
        Some(replay) => replay.seq = seq,
        None => {
            let picture = Box::new(model.live.clone());
            state.replay = Some(Replay { seq, read: picture.seq(), picture });
        }
    }
    vec![Ask::Replay { seq }]
}

fn enter(state: &mut State, known: Known<'_>) -> Vec<Ask> {
    if state.view != View::Runs {
        return Vec::new();
    }
    let projects = known.data.projects.ready().map_or(&[][..], |(projects, _)| projects);
    match entries(projects).get(state.place().cursor) {
        Some(Entry::Run(project, run)) => {
            vec![Ask::Open { project: project.to_path_buf(), run: run.id.clone() }]
        }
        Some(Entry::Project(_)) => {
            step(state, 1);
            Vec::new()
        }
        None => Vec::new(),
    }
}
