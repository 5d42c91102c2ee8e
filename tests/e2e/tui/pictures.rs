//! The pictures in `docs/pictures`, drawn by the program itself. `LOKI_PICTURES=1` makes them anew; without it,
//! those that are there must show the same views.

use std::fs;
use std::path::Path;

use super::terminal::Terminal;
use super::{finished_with, project_that_loses_a_column};

/// Columns and rows of a picture.
const SIZE: (u16, u16) = (120, 36);

/// A document of some size.
const DOCUMENT: &str = include_str!("../../../templates/forge-saas/PRD.md");

#[test]
fn a_finished_run_is_pictured() {
    let (env, terminal) = finished_with(DOCUMENT, SIZE);
    for (key, name, told) in [
        ("1", "run", &["Iterations", "Checklist", "Output"][..]),
        ("4", "forge", &["Tables: 6", "authenticated"]),
        ("3", "gates", &["served"]),
        ("8", "changes", &["Files changed by the run"]),
        ("7", "log", &["receipt written"]),
    ] {
        terminal.keys(&[key]);
        terminal.until(name, |screen| told.iter().all(|word| screen.contains(word)));
        pictured(&terminal, name, told);
    }
    drop(env);
}

#[test]
fn a_change_that_waits_for_a_person_is_pictured() {
    let env = project_that_loses_a_column();
    let terminal = Terminal::open(&env, &["start", "PRD.md"], (120, 44));
    terminal.until("it waits", |screen| screen.contains("loki  waiting"));
    terminal.keys(&["2"]);
    let told = ["needs you", "- body", "drop_body"];
    terminal.until("it is shown", |screen| told.iter().all(|word| screen.contains(word)));
    pictured(&terminal, "council", &told);
    // The run has a process of its own, which would wait for ever.
    terminal.keys(&["S", "y"]);
    terminal.until("it stops", |screen| screen.contains("stopped on request"));
}

/// Draws what is on the screen, and holds it against the picture that is kept.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says whether pictures are made anew")]
fn pictured(terminal: &Terminal, name: &str, told: &[&str]) {
    let svg = anstyle_svg::Term::new().min_width_px(960).render_svg(&terminal.coloured());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/pictures/tui-{name}.svg"));
    if std::env::var_os("LOKI_PICTURES").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("docs/pictures can be made");
        fs::write(&path, &svg).expect("the picture can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (which, picture) in [("drawn now", &svg), ("kept", &kept)] {
        for word in told {
            assert!(plain(picture).contains(word), "the picture {name}, {which}, does not show {word:?}");
        }
    }
}

/// The text of a picture.
fn plain(svg: &str) -> String {
    let mut text = String::new();
    let mut is_mark = false;
    for c in svg.chars() {
        match c {
            '<' => is_mark = true,
            '>' => is_mark = false,
            _ if !is_mark => text.push(c),
            _ => {}
        }
    }
    text
}
