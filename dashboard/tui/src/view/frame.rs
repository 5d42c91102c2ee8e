//! What surrounds every view: which run, how it stands, the views, a replay's slider, the last notice.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, paint, tint};
use super::{Scene, cut};
use crate::look::Tone;
use crate::model::{Money, Picture};
use crate::state::{Fate, Hits, View};
use crate::text::{UNKNOWN, age, clock, fit, shown, usd, width};

/// Letters of the names of views: all with room around them, all without, and then few.
const LETTERS_ALL: usize = 32;
const LETTERS_MOST: usize = 16;

/// Draws the frame; returns the area that is left for the view.
pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer) -> (Rect, Hits) {
    let (head, rest) = cut(buf.area, 1);
    let (tabs, rest) = cut(rest, 1);
    let mut hits = Hits { tabs: draw_tabs(scene, buf, tabs), ..Hits::default() };
    draw_head(scene, buf, head);
    let (mut body, foot) = cut(rest, rest.height - 1);
    draw_foot(scene, buf, foot);
    if let Some(replay) = &scene.state.replay {
        let (above, slider) = cut(body, body.height - 1);
        body = above;
        draw_slider(scene, buf, slider, replay.seq);
        hits.slider = Some(slider);
    }
    let disorder = scene.picture().and_then(|picture| picture.disorder.as_ref());
    if let Some(disorder) = disorder {
        let (line, below) = cut(body, 1);
        body = below;
        let text = format!(
            "event {} cannot follow: {}. What comes after it is not shown; `loki ledger verify` says more.",
            disorder.seq, disorder.reason
        );
        let mut page = Page::new(scene.look, line.width);
        page.line(&text, Tone::Bad);
        paint(buf, line, &page.lines, 0);
    }
    (body, hits)
}

fn draw_head(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) {
    let mut page = Page::new(scene.look, area.width);
    let gap = || ("  ".to_owned(), Tone::Plain);
    let mut parts = vec![("loki".to_owned(), Tone::Strong), gap()];
    match scene.picture() {
        None => parts.push(("no run yet".to_owned(), Tone::Faint)),
        Some(picture) => {
            let run = &picture.run;
            let (state, tone) = state(scene, picture);
            parts.extend([(state, tone), gap(), (run.id.to_string(), Tone::Plain), gap()]);
            if let Some(started) = &run.started {
                parts.extend([
                    (
                        fit(&shown(&started.document_name), 24, scene.look.ellipsis()).into_owned(),
                        Tone::Accent,
                    ),
                    gap(),
                ]);
            }
            let phase = run.phase.map(|phase| format!(" {phase}")).unwrap_or_default();
            if run.seq == 0 {
                parts.push(("its events are being read".to_owned(), Tone::Faint));
                page.parts(parts);
                paint(buf, area, &page.lines, 0);
                return;
            }
            let iteration = format!("iteration {}/{}{phase}", run.iteration, run.limits.iterations_max);
            let (cost, tone) = brief(total(picture));
            parts.extend([(iteration, Tone::Plain), gap(), (cost, tone), gap()]);
            parts.push((format!("event {}, {}", run.seq, age(scene.now_ms, run.last_ms)), Tone::Faint));
        }
    }
    page.parts(parts);
    paint(buf, area, &page.lines, 0);
}

/// What everything came to.
pub(super) fn total(picture: &Picture) -> Money {
    let mut all = Money::default();
    for money in picture.costs.kinds.values() {
        all.plus(*money);
    }
    all
}

/// Money in a word; the view of the cost says more.
fn brief(money: Money) -> (String, Tone) {
    match (money.unknown, money.estimated) {
        (0, false) => (usd(money.micro_usd), Tone::Plain),
        (0, true) => (format!("about {}", usd(money.micro_usd)), Tone::Warning),
        (_, _) => (format!("cost {UNKNOWN}"), Tone::Warning),
    }
}

/// How the run stands, in a few words.
fn state(scene: &Scene<'_>, picture: &Picture) -> (String, Tone) {
    use loki_ledger::event::Stop;
    let run = &picture.run;
    if let Some(stop) = &run.stopped {
        let tone = match stop {
            Stop::Verified => Tone::Good,
            Stop::VerifiedWithGaps | Stop::NeedsPerson { .. } | Stop::Requested => Tone::Warning,
            Stop::GateFailed { .. }
            | Stop::NeedsModel
            | Stop::ProviderFailed { .. }
            | Stop::Stuck
            | Stop::EmptyTurn
            | Stop::Refused
            | Stop::RateLimited { .. }
            | Stop::IterationsSpent
            | Stop::TimeSpent
            | Stop::BudgetSpent
            | Stop::OutputSpent
            | Stop::TurnsSpent
            | Stop::RecoveriesSpent => Tone::Bad,
        };
        return (loki_engine::receipt::verdict(stop).replace('_', " "), tone);
    }
    if run.paused {
        return ("paused".to_owned(), Tone::Warning);
    }
    if run.wait.is_some() {
        return ("waiting".to_owned(), Tone::Warning);
    }
    match scene.data.driver.ready() {
        _ if scene.state.replay.is_some() => ("not stopped yet".to_owned(), Tone::Accent),
        Some((Some(_), _)) => ("running".to_owned(), Tone::Accent),
        Some((None, _)) => ("interrupted".to_owned(), Tone::Warning),
        None => (UNKNOWN.to_owned(), Tone::Faint),
    }
}

fn draw_tabs(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Vec<(Rect, View)> {
    let waiting = scene.picture().is_some_and(|picture| !picture.waiting().is_empty());
    let label = |view: View, letters: usize| {
        let alert = if view == View::Council && waiting { "!" } else { "" };
        let name = &view.name()[..view.name().len().min(letters)];
        match letters {
            LETTERS_ALL => format!(" {} {name}{alert} ", view.key()),
            _ => format!("{}{name}{alert} ", view.key()),
        }
    };
    // The first form that fits; where none does, the last views are left to their keys.
    let fits = |letters: &usize| {
        View::ALL.iter().map(|view| width(&label(*view, *letters))).sum::<usize>() <= usize::from(area.width)
    };
    let letters = [LETTERS_ALL, LETTERS_MOST, 3].into_iter().find(fits).unwrap_or(3);
    let mut x = area.x;
    let mut tabs = Vec::new();
    for view in View::ALL {
        let text = label(view, letters);
        let columns = (width(&text) as u16).min(area.right().saturating_sub(x));
        if columns == 0 {
            break;
        }
        let place = Rect { x, width: columns, ..area };
        let tone = match view == scene.state.view {
            true => Tone::Selected,
            false if view == View::Council && waiting => Tone::Warning,
            false => Tone::Faint,
        };
        buf.set_stringn(x, area.y, &text, usize::from(columns), scene.look.style(tone));
        tabs.push((place, view));
        x += columns;
    }
    tabs
}

fn draw_slider(scene: &Scene<'_>, buf: &mut Buffer, area: Rect, seq: u64) {
    let last = scene.model.map_or(0, |model| model.log.last());
    let at = scene.picture().map(|picture| picture.run.last_ms);
    let is_read = scene.state.replay.as_ref().is_some_and(|replay| replay.read == seq);
    let reading = if is_read { "" } else { " (reading)" };
    let label =
        format!(" event {seq} of {last}, {} UTC{reading}", at.map_or_else(|| UNKNOWN.to_owned(), clock));
    let name = "replay ";
    let columns = usize::from(area.width).saturating_sub(width(&label) + name.len());
    let mut page = Page::new(scene.look, area.width);
    page.parts([
        (name.to_owned(), Tone::Warning),
        (scene.look.bar(seq, last, columns), Tone::Accent),
        (label, Tone::Plain),
    ]);
    paint(buf, area, &page.lines, 0);
}

fn draw_foot(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) {
    let mut page = Page::new(scene.look, area.width);
    let state = scene.state;
    let newest = state.sent.back();
    let taken = newest.and_then(|sent| match sent.fate {
        Fate::Told(id) => scene.model.and_then(|model| model.live.taken.iter().find(|taken| taken.id == id)),
        Fate::Sending | Fate::Done(_) | Fate::Failed(_) => None,
    });
    match (&state.notice, newest) {
        (Some(notice), _) => page.line(&notice.text, if notice.is_bad { Tone::Bad } else { Tone::Accent }),
        (None, Some(sent)) => {
            let (what, tone) = match (&sent.fate, taken) {
                (Fate::Sending, _) => ("is being sent".to_owned(), Tone::Faint),
                (Fate::Told(_), Some(taken)) => {
                    (format!("was taken by iteration {}", taken.iteration), Tone::Good)
                }
                (Fate::Told(id), None) => (format!("lies in the inbox as command {id}"), Tone::Warning),
                (Fate::Done(done), _) => (done.clone(), Tone::Good),
                (Fate::Failed(why), _) => (format!("was refused: {why}"), Tone::Bad),
            };
            page.parts([
                (format!("{} ", sent.text), Tone::Plain),
                (what, tone),
                (format!(", {}", age(scene.now_ms, sent.at_ms)), Tone::Faint),
            ]);
        }
        (None, None) => page.line(keys(state.view, state.replay.is_some()), Tone::Faint),
    }
    tint(buf, area, scene.look.style(Tone::Plain));
    paint(buf, area, &page.lines, 0);
}

/// The keys most worth knowing in a view.
fn keys(view: View, replays: bool) -> &'static str {
    if replays {
        return "[ ] one event  { } a hundred  Home End  Esc back to now  0 keys  q leave";
    }
    match view {
        View::Runs => "j k choose  Enter open  / search  0 keys  q leave",
        View::Run => "p pause  s steer  S stop  [ replay  / search  0 keys  q leave (the run goes on)",
        View::Council => "j k choose  PgDn PgUp read  a approve  x reject  0 keys  q leave",
        View::Gates => "j k choose  PgDn PgUp read  / search  0 keys  q leave",
        View::Changes => "j k choose  PgDn PgUp read  v one iteration  0 keys  q leave",
        View::Log => "j k scroll  G follow  f filter  / search  0 keys  q leave",
        View::Forge | View::Cost | View::Memory | View::Help => "j k scroll  / search  0 keys  q leave",
    }
}
