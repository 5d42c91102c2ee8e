pub(crate) mod scene;

use std::path::PathBuf;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::*;
use crate::control::Order;
use crate::look::{Motion, Palette};
use crate::model::tests::{ledger, run_id, spread};
use crate::state::{Dialog, Purpose, Replay};
use scene::{NOW_MS, SUBJECT, data, model};

/// The sizes of pictures.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (250, 80)];

const ASCII: Look = Look { signs: Signs::Ascii, palette: Palette::None, motion: Motion::Reduced };

pub(crate) fn state(view: View) -> State {
    let mut state = State::new(PathBuf::from("/home/ada/cookbook"), Some(run_id()));
    state.view = view;
    state
}

fn drawn(state: &State, look: Look, (columns, rows): (u16, u16)) -> (Buffer, Hits) {
    drawn_of(Some(&model()), &data(), state, look, (columns, rows))
}

fn drawn_of(
    model: Option<&Model>,
    data: &Data,
    state: &State,
    look: Look,
    size: (u16, u16),
) -> (Buffer, Hits) {
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    let scene = Scene { model, data, state, look, now_ms: NOW_MS, step: 0 };
    let hits = draw(&scene, &mut buf);
    (buf, hits)
}

/// The rows of a picture, without blanks at their ends.
pub(crate) fn rows(buf: &Buffer) -> Vec<String> {
    let width = usize::from(buf.area.width);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let mut text = String::new();
        let mut skip = 0;
        for cell in cells {
            if skip == 0 {
                text.push_str(cell.symbol());
                skip = crate::text::width(cell.symbol()).max(1);
            }
            skip -= 1;
        }
        text.trim_end().to_owned()
    };
    buf.content.chunks(width).map(row).collect()
}

/// A picture as text; several empty rows are told as one.
fn told(buf: &Buffer) -> String {
    let mut text = String::new();
    let mut empty = 0;
    for row in rows(buf).iter().chain([&"end".to_owned()]) {
        if row.is_empty() {
            empty += 1;
            continue;
        }
        match empty {
            0 => {}
            1 => text.push('\n'),
            many => text.push_str(&format!("({many} empty rows)\n")),
        }
        empty = 0;
        text.push_str(row);
        text.push('\n');
    }
    text
}

/// Where a picture has a style, row by row: from which column to which, and what.
fn styles(buf: &Buffer) -> String {
    let mut text = String::new();
    let width = usize::from(buf.area.width);
    let plain = Style::new().fg(Color::Reset).bg(Color::Reset);
    for (y, cells) in buf.content.chunks(width).enumerate() {
        let mut runs: Vec<(usize, usize, String)> = Vec::new();
        for (x, cell) in cells.iter().enumerate() {
            let style = cell.style();
            if style.fg == plain.fg && style.add_modifier.is_empty() {
                continue;
            }
            let name = format!(
                "{}{:?}",
                style.fg.filter(|fg| *fg != Color::Reset).map(|fg| format!("{fg} ")).unwrap_or_default(),
                style.add_modifier
            );
            match runs.last_mut() {
                Some((_, end, known)) if *end == x && *known == name => *end = x + 1,
                Some(_) | None => runs.push((x, x + 1, name)),
            }
        }
        let told: Vec<String> =
            runs.iter().map(|(from, to, name)| format!("{from}-{} {name}", to - 1)).collect();
        if !told.is_empty() {
            text.push_str(&format!("{y:>3}: {}\n", told.join("; ")));
        }
    }
    text.replace("Modifier(", "").replace("NONE", "").replace(")", "")
}

/// Everything worth reading of a view: its text in three sizes and in ASCII, and its colours.
fn sheet(state: &State) -> String {
    let mut sheet = String::new();
    for size in SIZES {
        let (buf, _) = drawn(state, Look::default(), size);
        sheet.push_str(&format!("=== {}x{}\n{}\n", size.0, size.1, told(&buf)));
    }
    let (buf, _) = drawn(state, ASCII, SIZES[0]);
    sheet.push_str(&format!("=== 80x24 in ASCII\n{}\n", told(&buf)));
    let (buf, _) = drawn(state, Look::default(), SIZES[0]);
    sheet.push_str(&format!("=== 80x24, its styles\n{}", styles(&buf)));
    sheet
}

#[test]
fn every_view_looks_as_it_should() {
    for view in View::ALL {
        insta::assert_snapshot!(view.name(), sheet(&state(view)));
    }
}

#[test]
fn a_replay_and_dialogs_look_as_they_should() {
    let mut past = state(View::Run);
    let mut picture = crate::model::Picture::new(run_id());
    let events = ledger(&[0, 2, 3, 6, 15]);
    events.iter().for_each(|event| picture.apply(event));
    past.replay = Some(Replay { seq: 4, read: 5, picture: Box::new(picture) });
    let mut asks = state(View::Council);
    let purpose = Purpose::Approve { subject: SUBJECT.to_owned() };
    asks.dialog = Some(Dialog::Write { purpose, text: "it is \u{1b}[1mmeant".to_owned() });
    let mut sure = state(View::Run);
    sure.dialog = Some(Dialog::Confirm {
        order: Order::Stop,
        question: "Stop this run, with a receipt of what it did?".to_owned(),
    });
    let pictures = [past, asks, sure].map(|state| told(&drawn(&state, Look::default(), SIZES[0]).0));
    insta::assert_snapshot!("over_a_view", pictures.join("\n"));
}

#[test]
fn nothing_is_shown_where_nothing_is_known() {
    let nothing = Data::default();
    for view in View::ALL {
        let mut state = state(view);
        state.run = None;
        let (buf, _) = drawn_of(None, &nothing, &state, Look::default(), SIZES[0]);
        assert!(rows(&buf)[0].contains("no run yet"), "{view:?}");
        let empty = Model::new(run_id());
        let (buf, _) = drawn_of(Some(&empty), &nothing, &state, Look::default(), SIZES[0]);
        // A driver nobody looked for is unknown, and not absent.
        let head = &rows(&buf)[0];
        assert!(head.contains("unknown") && head.contains("being read"), "{view:?}: {head}");
        assert!(!head.contains('$') && !head.contains("ago"), "{view:?}: {head}");
    }
}

#[test]
fn what_costs_an_unknown_amount_is_never_told_as_a_sum() {
    let (buf, _) = drawn(&state(View::Cost), Look::default(), SIZES[0]);
    let text = rows(&buf).join("\n");
    assert!(text.contains("unknown (at least $0.4120; 1 answers without a price)"), "{text}");
    assert!(text.contains("what is left is unknown"), "{text}");
}

#[test]
fn a_picture_without_colours_has_none_and_says_the_same() {
    for (view, size) in View::ALL.into_iter().flat_map(|view| SIZES.map(|size| (view, size))) {
        let plain = Look { palette: Palette::None, ..Look::default() };
        let (without, _) = drawn(&state(view), plain, size);
        for cell in &without.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{view:?}");
        }
        for palette in [Palette::Dark, Palette::Light] {
            let (with, _) = drawn(&state(view), Look { palette, ..Look::default() }, size);
            assert_eq!(rows(&with), rows(&without), "{view:?}");
            assert!(with.content.iter().any(|cell| cell.fg != Color::Reset), "{view:?}");
        }
    }
}

#[test]
fn nothing_that_acts_on_a_terminal_reaches_a_cell() {
    for view in View::ALL {
        for size in SIZES {
            for look in [Look::default(), ASCII] {
                let (buf, _) = drawn(&state(view), look, size);
                for cell in &buf.content {
                    assert!(!cell.symbol().chars().any(char::is_control), "{view:?}: {:?}", cell.symbol());
                    assert!(!cell.symbol().contains(['\u{202e}', '\u{9b}']), "{view:?}");
                    assert!(
                        look.signs == Signs::Unicode || cell.symbol().is_ascii(),
                        "{view:?}: {:?}",
                        cell.symbol()
                    );
                }
            }
        }
    }
    // Shown, and not left out.
    let (buf, _) = drawn(&state(View::Run), Look::default(), SIZES[1]);
    let text = rows(&buf).join("\n");
    assert!(text.contains("^[[31mPRD<U+202E>.md"), "{text}");
    assert!(text.contains("src/^[]0;evil^Gmain.rs written"), "{text}");
}

#[test]
fn what_lies_where_is_told_for_the_mouse() {
    let (_, hits) = drawn(&state(View::Council), Look::default(), SIZES[1]);
    assert_eq!(hits.tabs.len(), View::ALL.len());
    assert_eq!(hits.entries, 1);
    assert!(hits.lines > 10 && hits.height > 10);
    let (list, first) = hits.list.unwrap();
    assert_eq!((list.y, first), (3, 0));
}

#[test]
fn a_search_marks_the_lines_that_hold_it() {
    let mut state = state(View::Forge);
    state.search = "RECIPES_user".to_owned();
    let (buf, hits) = drawn(&state, Look::default(), SIZES[1]);
    assert_eq!(hits.found.len(), 1);
    let row = hits.found[0] as u16 + 2;
    assert!(buf[(0, row)].style().add_modifier.contains(ratatui::style::Modifier::REVERSED));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long drawing takes is measured with the real clock")]
fn a_large_screen_over_a_long_run_is_drawn_in_time() {
    // Far more than it takes, in a build that is not optimised: a guard against work that grows with the run.
    let mut model = Model::new(run_id());
    model.apply(&ledger(&spread(20_000)));
    let (data, look) = (data(), Look::default());
    for view in View::ALL {
        let state = state(view);
        let began = std::time::Instant::now();
        drawn_of(Some(&model), &data, &state, look, (200, 50));
        assert!(began.elapsed() < std::time::Duration::from_millis(250), "{view:?}: {:?}", began.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_size_can_be_drawn(
        columns in 1u16..260,
        rows in 1u16..90,
        at in 0usize..10,
        choices in prop::collection::vec(any::<u16>(), 0..60),
        top in 0usize..500,
        cursor in 0usize..50,
    ) {
        let mut state = state(View::ALL[at]);
        *state.place_mut() = crate::state::Place { cursor, top, follows: false };
        let purpose = Purpose::Steer;
        let mut asks = state.clone();
        asks.dialog = Some(Dialog::Write { purpose, text: "漢字 \u{1b}".repeat(60) });
        let mut model = Model::new(run_id());
        model.apply(&ledger(&choices));
        for state in [state, asks] {
            drawn_of(Some(&model), &data(), &state, Look::default(), (columns, rows));
            drawn(&state, ASCII, (columns, rows));
        }
    }
}
