//! The run: what it does now, its iterations, its checklist, and what tools and gates said.

use loki_ledger::event::{Phase, Wait};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Keeps, Page, event_source, money, panel};
use super::{Drawn, Scene, cut, split};
use crate::look::{Look, Tone};
use crate::model::{Evidence, Iteration, Line as Said, Mark, Picture, effect};
use crate::text::{UNKNOWN, age, clock, span};

/// From this width on, two columns stand side by side.
const TWO_COLUMNS: u16 = 110;

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let Some(picture) = scene.picture() else {
        let mut page = Page::new(scene.look, area.width);
        page.text(
            "This project has no run yet. `loki start PRD.md` starts one; 9 shows those of other projects.",
            0,
            Tone::Plain,
        );
        return super::scrolled(scene, buf, area, &page.lines);
    };
    let (left, right) = if area.width >= TWO_COLUMNS { split(area, area.width / 2) } else { (area, area) };
    let look = scene.look;
    let now = now_lines(scene, picture, left.width);
    let (place, rest) = cut(left, (now.len() as u16 + 1).min(area.height / 3));
    panel(buf, place, look, ("Now", &source(scene, picture)), &now, Keeps::First);
    let times = timeline(scene, picture, left.width);
    let list = checklist(scene, picture, left.width);
    let said = output(scene, picture, right.width);
    let times_head = ("Iterations", timeline_source(scene, picture));
    let list_head = ("Checklist", checklist_source(scene, picture));
    let said_head = ("Output", output_source(scene, picture));
    let rows = share(rest.height, area.width >= TWO_COLUMNS, times.len(), list.len());
    let (place, rest) = cut(rest, rows.0);
    panel(buf, place, look, (times_head.0, &times_head.1), &times, Keeps::Last);
    let (place, below) = cut(rest, rows.1);
    panel(buf, place, look, (list_head.0, &list_head.1), &list, Keeps::First);
    let place = if area.width >= TWO_COLUMNS { right } else { below };
    panel(buf, place, look, (said_head.0, &said_head.1), &said, Keeps::Last);
    Drawn::default()
}

/// Rows of the timeline and of the checklist, headings included; what is left shows the output.
fn share(height: u16, is_wide: bool, iterations: usize, items: usize) -> (u16, u16) {
    let times_max = if is_wide { height / 2 } else { height / 4 };
    let times = (iterations as u16).saturating_add(1).min(times_max.max(2)).min(height);
    let left = height - times;
    let list = (items.max(1) as u16).saturating_add(1).min(if is_wide { left } else { left / 2 });
    (times, list)
}

fn source(scene: &Scene<'_>, picture: &Picture) -> String {
    let driver = match scene.data.driver.ready() {
        Some((Some(pid), at)) => format!("driven by process {pid}, looked {}", age(scene.now_ms, at)),
        Some((None, at)) => format!("driven by nobody, looked {}", age(scene.now_ms, at)),
        None => format!("driver {UNKNOWN}"),
    };
    match scene.state.replay {
        Some(_) => event_source(picture.seq(), picture.run.last_ms, scene.now_ms),
        None => driver,
    }
}

fn now_lines(scene: &Scene<'_>, picture: &Picture, columns: u16) -> Vec<ratatui::text::Line<'static>> {
    let (run, now) = (&picture.run, scene.now_ms());
    let mut page = Page::new(scene.look, columns);
    match (&run.stopped, &run.wait, &run.open) {
        (Some(stop), ..) => {
            let when = picture.stopped_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(scene.now_ms, at));
            let verdict = loki_engine::receipt::verdict(stop).replace('_', " ");
            page.row("stopped", &format!("{verdict}, {when}"), Tone::Strong);
        }
        (None, Some(wait), _) => {
            let reason = match &wait.wait {
                Wait::Approval { reason, .. } => format!("for a person: {reason}"),
                Wait::Timer { reason, until_ms } => format!("until {} UTC: {reason}", clock(*until_ms)),
            };
            page.row("waits", &format!("{reason} (since {})", age(now, wait.since_ms)), Tone::Warning);
        }
        (None, None, Some(open)) => {
            let live = scene.state.replay.is_none() && !matches!(scene.data.driver.ready(), Some((None, _)));
            let sign = if live { scene.look.spinner(scene.step) } else { scene.look.sign("○", "o") };
            let begun = picture.effect_ms.map_or_else(|| UNKNOWN.to_owned(), |at| age(now, at));
            page.row("step", &format!("{sign} {}, begun {begun}", effect(&open.intent.kind)), Tone::Accent);
        }
        (None, None, None) if run.paused => page.row("step", "paused; p goes on", Tone::Warning),
        (None, None, None) => page.row("step", "between two steps", Tone::Plain),
    }
    if let Some(started) = &run.started {
        let by = started.provider.as_deref().unwrap_or("nobody");
        page.row("document", &format!("{}, worked on by {by}", started.document_name), Tone::Plain);
    }
    let spent = span(run.spent.active_ms);
    let limit = span(run.limits.duration_seconds_max.saturating_mul(1000));
    let (cost, tone) = money(super::frame::total(picture));
    let budget = run.limits.budget_micro_usd_max.map(crate::text::usd);
    let budget = budget.map_or_else(|| "no limit set".to_owned(), |max| format!("of at most {max}"));
    page.row("driven for", &format!("{spent} of at most {limit}"), Tone::Plain);
    page.row("cost", &format!("{cost}, {budget}"), tone);
    page.lines
}

fn timeline_source(scene: &Scene<'_>, picture: &Picture) -> String {
    match picture.timeline.last() {
        Some(last) => age(scene.now_ms(), last.last_ms),
        None => "none yet".to_owned(),
    }
}

/// A line for each iteration: its phases, how long each took, and what it came to.
fn timeline(scene: &Scene<'_>, picture: &Picture, columns: u16) -> Vec<ratatui::text::Line<'static>> {
    let mut page = Page::new(scene.look, columns);
    let timeline = &picture.timeline;
    if timeline.dropped > 0 {
        page.line(&format!("  {} older ones are not kept here", timeline.dropped), Tone::Faint);
    }
    let last = timeline.iterations.len().saturating_sub(1);
    for (at, iteration) in timeline.iterations.iter().enumerate() {
        page.parts(iteration_parts(scene, iteration, at == last && picture.run.stopped.is_none()));
    }
    page.lines
}

fn iteration_parts(scene: &Scene<'_>, iteration: &Iteration, is_open: bool) -> Vec<(String, Tone)> {
    let look = scene.look;
    let sign = if is_open { look.sign("▸", ">") } else { " " };
    let mut parts = vec![(format!("{sign}{:>3} ", iteration.number), Tone::Strong)];
    for phase in [Phase::Reason, Phase::Act, Phase::Reflect, Phase::Verify] {
        let span_of = iteration.phases.iter().rev().find(|span| span.phase == phase);
        let (mark, tone, took) = match span_of {
            None => (look.sign("·", "."), Tone::Faint, String::new()),
            Some(open) => match open.ended {
                None => (
                    if is_open { look.spinner(scene.step) } else { look.sign("○", "o") },
                    Tone::Accent,
                    span(scene.now_ms().saturating_sub(open.started_ms).max(0).unsigned_abs()),
                ),
                Some((end, passed)) => {
                    let (mark, tone) = mark(look, if passed { Mark::Good } else { Mark::Bad });
                    (mark, tone, span(end.saturating_sub(open.started_ms).max(0).unsigned_abs()))
                }
            },
        };
        parts.push((format!("{phase} {mark} {took:<7}"), tone));
    }
    let (calls, failed) = iteration.calls;
    let gates = match iteration.gates {
        (_, 0) => String::new(),
        (passed, all) => format!("  gates {passed}/{all}"),
    };
    let files = iteration.files.map_or_else(String::new, |files| format!("  {files} files"));
    let failed = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
    let (cost, _) = money(iteration.money);
    parts.push((
        format!(" {} turns {calls} calls{failed}{gates}{files}  {cost}", iteration.turns),
        Tone::Faint,
    ));
    parts
}

fn checklist_source(scene: &Scene<'_>, picture: &Picture) -> String {
    let items = picture.items();
    let proven = items.iter().filter(|item| item.evidence == Evidence::Gates).count();
    let count = format!("{proven}/{} proven", items.len());
    match (picture.gates.last(), picture.planned_ms) {
        _ if items.is_empty() => "none yet".to_owned(),
        (Some(gate), _) => format!("{count}, gates {}", age(scene.now_ms(), gate.at_ms)),
        (None, Some(at)) => format!("{count}, plan {}", age(scene.now_ms(), at)),
        (None, None) => format!("{count}, from the document"),
    }
}

fn checklist(scene: &Scene<'_>, picture: &Picture, columns: u16) -> Vec<ratatui::text::Line<'static>> {
    let look = scene.look;
    let mut page = Page::new(look, columns);
    for item in picture.items() {
        let (sign, tone) = match item.evidence {
            Evidence::Gates => (look.sign("✓", "+"), Tone::Good),
            Evidence::Gap => (look.sign("✗", "x"), Tone::Bad),
            Evidence::Claim => (look.sign("~", "~"), Tone::Warning),
            Evidence::Nothing => (look.sign("·", "."), Tone::Faint),
        };
        page.parts([(format!("  {sign} "), tone), (item.text.to_owned(), Tone::Plain)]);
    }
    page.lines
}

fn output_source(scene: &Scene<'_>, picture: &Picture) -> String {
    match picture.output.back() {
        Some(last) => event_source(last.seq, last.at_ms, scene.now_ms()),
        None => "none yet".to_owned(),
    }
}

fn output(scene: &Scene<'_>, picture: &Picture, columns: u16) -> Vec<ratatui::text::Line<'static>> {
    let mut page = Page::new(scene.look, columns);
    for line in &picture.output {
        page.parts(said_parts(scene.look, line));
    }
    page.lines
}

/// A line of what happened: time, mark, words.
pub(super) fn said_parts(look: Look, line: &Said) -> Vec<(String, Tone)> {
    let (sign, tone) = mark(look, line.mark);
    let tone_of_text = if line.mark == Mark::Note { Tone::Plain } else { tone };
    vec![
        (format!("{} ", clock(line.at_ms)), Tone::Faint),
        (format!("{sign} "), tone),
        (line.text.to_string(), tone_of_text),
    ]
}

/// The sign of a mark.
pub(super) fn mark(look: Look, mark: Mark) -> (&'static str, Tone) {
    match mark {
        Mark::Good => (look.sign("✓", "+"), Tone::Good),
        Mark::Bad => (look.sign("✗", "x"), Tone::Bad),
        Mark::Warning => (look.sign("▲", "!"), Tone::Warning),
        Mark::Note => (look.sign("·", "."), Tone::Faint),
    }
}
