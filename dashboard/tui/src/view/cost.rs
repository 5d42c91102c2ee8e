//! Money: how much, on what, by whom, and how well it is known.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, money};
use super::{Drawn, Scene, scrolled};
use crate::look::Tone;
use crate::model::Picture;
use crate::text::{UNKNOWN, age, number, span, usd};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let mut page = Page::new(scene.look, area.width.saturating_sub(1));
    if let Some(picture) = scene.picture() {
        whole(scene, &mut page, picture);
        kinds(scene, &mut page, picture);
        models(&mut page, picture);
        iterations(scene, &mut page, picture);
    }
    scrolled(scene, buf, area, &page.lines)
}

fn whole(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    let (run, spent) = (&picture.run, &picture.run.spent);
    let source = match picture.costs.last_ms {
        Some(at) => format!("ledger, last spent {}", age(scene.now_ms(), at)),
        None => "ledger, nothing was spent yet".to_owned(),
    };
    page.heading("Cost", &source);
    let (cost, tone) = money(super::frame::total(picture));
    page.row("money", &cost, tone);
    match run.limits.budget_micro_usd_max {
        None => page.row("budget", "no limit set", Tone::Plain),
        Some(max) if spent.turns_unknown > 0 => {
            page.row("budget", &format!("{}; what is left is {UNKNOWN}", usd(max)), Tone::Warning);
        }
        Some(max) => {
            let left = max.saturating_sub(spent.micro_usd);
            let low = loki_engine::limits::is_low(run);
            let bar = scene.look.bar(spent.micro_usd, max, 20);
            let tone = if low { Tone::Warning } else { Tone::Plain };
            page.row("budget", &format!("{bar} {} left of {}", usd(left), usd(max)), tone);
        }
    }
    if spent.micro_usd_lost > 0 {
        let lost = format!("{} are what calls reserved whose process died", usd(spent.micro_usd_lost));
        page.row("of these", &lost, Tone::Warning);
    }
    let limit = span(run.limits.duration_seconds_max.saturating_mul(1000));
    page.row("driven for", &format!("{} of at most {limit}", span(spent.active_ms)), Tone::Plain);
    let tokens = format!(
        "{} in, {} out, {} from a cache, {} into it",
        number(spent.input),
        number(spent.output),
        number(spent.cache_read),
        number(spent.cache_write)
    );
    page.row("tokens reported", &tokens, Tone::Plain);
    if spent.tokens_estimated > 0 {
        page.row(
            "tokens counted",
            &format!("{} that nobody reported", number(spent.tokens_estimated)),
            Tone::Warning,
        );
    }
    let kept =
        format!("{} of at most {} bytes", number(spent.output_bytes), number(run.limits.output_bytes_max));
    page.row("output kept", &kept, Tone::Plain);
}

fn kinds(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    page.heading("By kind", "ledger");
    let all = super::frame::total(picture);
    if picture.costs.kinds.is_empty() {
        page.line("  nothing yet", Tone::Faint);
    }
    for (kind, spent) in &picture.costs.kinds {
        let (cost, tone) = money(*spent);
        // A share of a sum that is not known is not known.
        let share =
            if all.unknown == 0 { scene.look.bar(spent.micro_usd, all.micro_usd, 10) } else { String::new() };
        page.parts([
            (format!("  {:<28}", kind.name()), Tone::Faint),
            (format!("{share} "), Tone::Accent),
            (cost, tone),
        ]);
    }
}

fn models(page: &mut Page, picture: &Picture) {
    page.heading("By model", "ledger, turns as their providers report them");
    if picture.costs.models.is_empty() {
        page.line("  no turns yet", Tone::Faint);
    }
    for (name, spent) in &picture.costs.models {
        let name = if name.is_empty() { "without a model" } else { name };
        let (cost, tone) = money(spent.money);
        let tokens = format!(
            "{} turns, {} in, {} out  ",
            spent.turns,
            number(spent.tokens_in),
            number(spent.tokens_out)
        );
        page.parts([(format!("  {name:<28}"), Tone::Plain), (tokens, Tone::Faint), (cost, tone)]);
    }
}

fn iterations(scene: &Scene<'_>, page: &mut Page, picture: &Picture) {
    page.heading("By iteration", "ledger");
    if picture.timeline.dropped > 0 {
        page.line(&format!("  {} older ones are not kept here", picture.timeline.dropped), Tone::Faint);
    }
    let most = picture.timeline.iterations.iter().map(|one| one.money.micro_usd).max().unwrap_or(0);
    for iteration in picture.timeline.iterations.iter().rev() {
        let (cost, tone) = money(iteration.money);
        let name = match iteration.number {
            0 => "before the first".to_owned(),
            number => format!("iteration {number}"),
        };
        let bar = scene.look.bar(iteration.money.micro_usd, most, 20);
        page.parts([
            (format!("  {name:<18}"), Tone::Plain),
            (format!("{bar} "), Tone::Accent),
            (cost, tone),
            (format!("  {} turns", iteration.turns), Tone::Faint),
        ]);
    }
}
