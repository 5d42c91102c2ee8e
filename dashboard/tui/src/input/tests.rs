use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use loki_ledger::run::SnapshotTaken;

use super::*;
use crate::data::{Loaded, Stretch};
use crate::look::Look;
use crate::state::Place;
use crate::view::tests::scene::{self, NOW_MS, SUBJECT};
use crate::view::{Scene, draw};
use crate::wants::{Want, wants};

/// A screen that is drawn after every key, as the program does it.
struct Desk {
    state: State,
    model: Model,
    data: Data,
}

impl Desk {
    fn new(view: View) -> Self {
        let mut desk =
            Self { state: crate::view::tests::state(view), model: scene::model(), data: scene::data() };
        desk.draw();
        desk
    }

    fn draw(&mut self) {
        let mut buf = Buffer::empty(Rect::new(0, 0, 100, 30));
        let (model, data, state) = (Some(&self.model), &self.data, &self.state);
        let scene = Scene { model, data, state, look: Look::default(), now_ms: NOW_MS, step: 0 };
        self.state.hits = draw(&scene, &mut buf);
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<Ask> {
        let known = Known { model: Some(&self.model), data: &self.data, now_ms: NOW_MS };
        let asks = key(&mut self.state, known, KeyEvent::new(code, modifiers));
        self.draw();
        asks
    }

    fn code(&mut self, code: KeyCode) -> Vec<Ask> {
        self.press(code, KeyModifiers::NONE)
    }

    fn types(&mut self, text: &str) -> Vec<Ask> {
        text.chars().flat_map(|c| self.code(KeyCode::Char(c))).collect()
    }

    fn click(&mut self, column: u16, row: u16, kind: MouseEventKind) -> Vec<Ask> {
        let known = Known { model: Some(&self.model), data: &self.data, now_ms: NOW_MS };
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        let asks = mouse(&mut self.state, known, event);
        self.draw();
        asks
    }
}

fn orders(asks: Vec<Ask>) -> Vec<Order> {
    asks.into_iter()
        .map(|ask| match ask {
            Ask::Order { order, .. } => order,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn views_are_reached_by_number_letter_tab_and_mouse() {
    let mut desk = Desk::new(View::Run);
    desk.types("5");
    assert_eq!(desk.state.view, View::Cost);
    desk.code(KeyCode::Tab);
    assert_eq!(desk.state.view, View::Memory);
    desk.code(KeyCode::BackTab);
    desk.types("h");
    assert_eq!(desk.state.view, View::Forge);
    desk.types("?");
    assert_eq!(desk.state.view, View::Help);
    let place = desk.state.hits.tabs.iter().find(|(_, view)| *view == View::Log).unwrap().0;
    desk.click(place.x, place.y, MouseEventKind::Down(MouseButton::Left));
    assert_eq!(desk.state.view, View::Log);
}

#[test]
fn an_approval_carries_the_hash_on_the_screen_and_a_reason() {
    let mut desk = Desk::new(View::Run);
    // From another view the proposal is shown first, and nothing is decided.
    assert!(desk.types("a").is_empty());
    assert_eq!((desk.state.view, &desk.state.dialog), (View::Council, &None));
    assert!(desk.types("a").is_empty());
    assert!(desk.code(KeyCode::Enter).is_empty(), "without a reason nothing is sent");
    assert!(desk.types("aseen").is_empty());
    let sent = orders(desk.code(KeyCode::Enter));
    assert_eq!(sent, [Order::Approve { subject: SUBJECT.to_owned(), reason: "seen".to_owned() }]);
    desk.types("xstill needed");
    let sent = orders(desk.code(KeyCode::Enter));
    assert_eq!(sent, [Order::Reject { subject: SUBJECT.to_owned(), reason: "still needed".to_owned() }]);
    assert_eq!(desk.state.sent.len(), 2);
}

#[test]
fn a_proposal_that_waits_for_nobody_cannot_be_decided() {
    let mut desk = Desk::new(View::Council);
    desk.model.live.run.reviews.get_mut(SUBJECT).unwrap().approved = true;
    desk.types("a");
    assert_eq!(desk.state.dialog, None);
    assert!(desk.state.notice.as_ref().unwrap().is_bad);
}

#[test]
fn what_cannot_be_undone_is_asked_for_twice() {
    let mut desk = Desk::new(View::Run);
    assert!(desk.types("S").is_empty());
    assert!(desk.types("n").is_empty(), "any other key leaves it");
    assert_eq!(orders(desk.types("Sy")), [Order::Stop]);
    assert_eq!(orders(desk.types("Ry")), [Order::Rollback { to: "ab12".repeat(10) }]);
    assert_eq!(orders(desk.types("p")), [Order::Pause]);
    // Where nobody drives, a process is started, and not unasked.
    desk.data.driver = crate::data::Loaded::of(Ok(None), NOW_MS);
    assert!(desk.types("p").is_empty());
    assert_eq!(orders(desk.types("y")), [Order::Resume]);
}

#[test]
fn letters_in_a_field_are_text_and_a_paste_never_sends() {
    let mut desk = Desk::new(View::Run);
    desk.types("sqS5");
    paste(&mut desk.state, "one\ntwo\u{1b}[A");
    assert_eq!(desk.state.view, View::Run);
    let words = "qS5one two\u{1b}[A".to_owned();
    assert_eq!(orders(desk.code(KeyCode::Enter)), [Order::Steer { text: words }]);
    desk.types("sabc def");
    desk.press(KeyCode::Char('w'), KeyModifiers::CONTROL);
    desk.code(KeyCode::Backspace);
    assert_eq!(orders(desk.code(KeyCode::Enter)), [Order::Steer { text: "abc".to_owned() }]);
    desk.types("sabc");
    desk.code(KeyCode::Esc);
    assert_eq!(desk.state.dialog, None);
    paste(&mut desk.state, &"x".repeat(100));
    desk.types("s");
    paste(&mut desk.state, &"x".repeat(TEXT_BYTES_MAX * 2));
    let Some(Dialog::Write { text, .. }) = &desk.state.dialog else { panic!("a field") };
    assert_eq!(text.len(), TEXT_BYTES_MAX);
}

#[test]
fn the_past_is_looked_at_and_not_told_anything() {
    let mut desk = Desk::new(View::Run);
    let last = desk.model.log.last();
    assert_eq!(desk.types("["), [Ask::Replay { seq: last - 1 }]);
    assert_eq!(desk.types("{"), [Ask::Replay { seq: 1 }]);
    assert_eq!(desk.types("]"), [Ask::Replay { seq: 2 }]);
    for key in ["p", "s", "S", "R"] {
        assert!(desk.types(key).is_empty() && desk.state.dialog.is_none(), "{key}");
    }
    let slider = desk.state.hits.slider.unwrap();
    let asks = desk.click(slider.right() - 1, slider.y, MouseEventKind::Down(MouseButton::Left));
    assert_eq!(asks, [Ask::Replay { seq: last }]);
    desk.code(KeyCode::Esc);
    assert_eq!(desk.state.replay, None);
}

#[test]
fn the_log_is_searched_filtered_and_followed() {
    let mut desk = Desk::new(View::Log);
    assert!(desk.state.place().follows);
    desk.types("k");
    assert!(!desk.state.place().follows);
    desk.types("G");
    assert!(desk.state.place().follows);
    desk.types("/GATE TESTS");
    desk.code(KeyCode::Enter);
    assert_eq!(desk.state.hits.lines, 2);
    desk.types("f");
    assert_eq!((desk.state.filter.kind, desk.state.hits.lines), (Some(Kind::Run), 0));
    desk.types("F");
    desk.code(KeyCode::Esc);
    assert_eq!(desk.state.hits.lines, desk.model.log.len());
}

#[test]
fn lists_keep_their_cursor_and_a_run_is_opened() {
    let mut desk = Desk::new(View::Runs);
    desk.types("kjj");
    let asks = desk.code(KeyCode::Enter);
    let [Ask::Open { project, run }] = asks.as_slice() else { panic!("{asks:?}") };
    assert_eq!((project.to_str().unwrap(), run.as_str()), ("/home/ada/cookbook", "20261120-101010-0001"));
    desk.types("jjjjjjjj");
    assert_eq!(desk.state.place().cursor, desk.state.hits.entries - 1);
    desk.types("g");
    let (list, _) = desk.state.hits.list.unwrap();
    desk.click(list.x, list.y + 1, MouseEventKind::Down(MouseButton::Left));
    assert_eq!(desk.state.place().cursor, 1);
    assert_eq!(desk.click(list.x, list.y + 1, MouseEventKind::Down(MouseButton::Left)).len(), 1);
}

#[test]
fn what_is_scrolled_begins_at_its_beginning() {
    for view in [View::Council, View::Forge, View::Help] {
        let mut desk = Desk::new(view);
        desk.code(KeyCode::PageUp);
        assert_eq!(desk.state.place().top, 0, "{view:?}");
        desk.code(KeyCode::PageDown);
        let end = desk.state.hits.lines.saturating_sub(desk.state.hits.height);
        assert!(desk.state.place().top > 0 && desk.state.place().top <= end, "{view:?}");
        desk.types("g");
        assert_eq!(desk.state.place().top, 0, "{view:?}");
    }
}

#[test]
fn a_search_goes_from_place_to_place() {
    let mut desk = Desk::new(View::Council);
    desk.types("/body");
    desk.code(KeyCode::Enter);
    assert!(desk.state.hits.found.len() > 2, "{:?}", desk.state.hits.found);
    desk.types("n");
    let first = desk.state.place().top;
    desk.types("n");
    assert!(desk.state.place().top > first);
    desk.types("N");
    assert_eq!(desk.state.place().top, first);
}

#[test]
fn changes_are_of_the_whole_run_or_of_one_iteration() {
    let mut desk = Desk::new(View::Changes);
    let (first, second) = ("ab12".repeat(10), "cd34".repeat(10));
    desk.model.live.run.snapshots.push(SnapshotTaken { iteration: 2, commit: second.clone() });
    let stretch =
        |from: &String, until: Option<&String>| Stretch { from: from.clone(), until: until.cloned() };
    let stretches = [
        stretch(&first, None),
        stretch(&first, Some(&second)),
        stretch(&second, None),
        stretch(&first, None),
    ];
    for (at, stretch) in stretches.iter().enumerate() {
        desk.data.changes = None;
        let wanted = wants(&desk.state, Some(&desk.model.live), &desk.data, NOW_MS);
        assert!(wanted.contains(&Want::Changes { stretch: stretch.clone() }), "{at}: {wanted:?}");
        // Between two snapshots nothing changes any more.
        desk.data.changes = Some((stretch.clone(), Loaded::Ready { value: Vec::new(), at_ms: 0 }));
        let wanted = wants(&desk.state, Some(&desk.model.live), &desk.data, NOW_MS);
        assert_eq!(wanted.iter().any(|want| matches!(want, Want::Changes { .. })), stretch.until.is_none());
        desk.types("v");
    }
    desk.types("VV");
    let back = crate::view::changes::chosen(&desk.model.live, desk.state.stretch).unwrap();
    assert_eq!(back.stretch, stretches[2], "the last one but one");
}

#[test]
fn files_are_put_back_to_the_chosen_snapshot() {
    let mut desk = Desk::new(View::Run);
    let (first, second) = ("ab12".repeat(10), "cd34".repeat(10));
    desk.model.live.run.snapshots.push(SnapshotTaken { iteration: 2, commit: second.clone() });
    let to = |desk: &Desk| match &desk.state.dialog {
        Some(Dialog::Confirm { order: Order::Rollback { to }, question }) => (to.clone(), question.clone()),
        other => panic!("{other:?}"),
    };
    desk.types("R");
    assert_eq!(to(&desk).0, first);
    desk.code(KeyCode::Esc);
    desk.types("8vvR");
    let (commit, question) = to(&desk);
    assert_eq!(commit, second);
    assert!(question.contains("cd34cd34") && question.contains("iteration 2"), "{question}");
    desk.code(KeyCode::Esc);
    desk.model.live.run.snapshots.clear();
    desk.types("R");
    assert_eq!(desk.state.dialog, None, "there is nothing to put back");
}

#[test]
fn leaving_suspending_and_drawing_anew() {
    let mut desk = Desk::new(View::Run);
    assert_eq!(desk.types("q"), [Ask::Leave]);
    assert_eq!(desk.press(KeyCode::Char('z'), KeyModifiers::CONTROL), [Ask::Suspend]);
    assert_eq!(desk.press(KeyCode::Char('l'), KeyModifiers::CONTROL), [Ask::Redraw]);
    desk.types("s");
    assert_eq!(desk.press(KeyCode::Char('c'), KeyModifiers::CONTROL), [Ask::Leave]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_keys_lead_out_of_bounds(keys in prop::collection::vec((0u8..40, any::<char>()), 1..80)) {
        let mut desk = Desk::new(View::Run);
        for (which, c) in keys {
            let code = match which {
                0 => KeyCode::Up,
                1 => KeyCode::Down,
                2 => KeyCode::PageDown,
                3 => KeyCode::PageUp,
                4 => KeyCode::Home,
                5 => KeyCode::End,
                6 => KeyCode::Tab,
                7 => KeyCode::Enter,
                8 => KeyCode::Esc,
                9 => KeyCode::Left,
                10 => KeyCode::Right,
                11..30 => KeyCode::Char(char::from(b' ' + (c as u32 % 95) as u8)),
                _ => KeyCode::Char(c),
            };
            desk.code(code);
            let Place { top, .. } = desk.state.place();
            prop_assert!(top <= desk.state.hits.lines.max(desk.state.hits.height) || !desk.state.view.has_list());
        }
    }
}
