//! Gates: which passed, which did not, over the iterations, and what the chosen one saw.

use loki_ledger::event::{ArtifactId, Verdict};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, event_source, money};
use super::{Drawn, Scene, listed};
use crate::data::{Artifact, Loaded};
use crate::look::{Look, Tone};
use crate::model::{GateSeen, Picture};
use crate::text::UNKNOWN;

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let Some(picture) = scene.picture() else { return Drawn::default() };
    let names = gates(picture);
    let entries: Vec<Vec<(String, Tone)>> = names.iter().map(|name| entry(scene, picture, name)).collect();
    listed(scene, buf, area, ("Gates", "ledger"), &entries, |at, page| match names.get(at) {
        Some(name) => match picture.gates.iter().find(|seen| seen.gate == *name) {
            Some(seen) => detail(scene, page, seen),
            None => page.line("This gate has not judged yet.", Tone::Faint),
        },
        None => page.line("The run has no gates.", Tone::Faint),
    })
}

/// The gate that keys act on, where it has judged.
pub(crate) fn chosen(picture: &Picture, cursor: usize) -> Option<&GateSeen> {
    let names = gates(picture);
    let name = names.get(cursor.min(names.len().saturating_sub(1)))?;
    picture.gates.iter().find(|seen| seen.gate == *name)
}

/// Gates that must pass, in order, then others that judged.
fn gates(picture: &Picture) -> Vec<&str> {
    let asked = picture.run.started.as_ref().map_or(&[][..], |started| &started.gates);
    let mut names: Vec<&str> = asked.iter().map(String::as_str).collect();
    names.extend(
        picture
            .gates
            .iter()
            .map(|seen| seen.gate.as_str())
            .filter(|name| !asked.iter().any(|gate| gate == name)),
    );
    names
}

fn entry(scene: &Scene<'_>, picture: &Picture, name: &str) -> Vec<(String, Tone)> {
    let look = scene.look;
    let Some(seen) = picture.gates.iter().find(|seen| seen.gate == name) else {
        return vec![
            (format!("{} ", look.sign("○", "o")), Tone::Faint),
            (format!("{name:<12} {UNKNOWN}"), Tone::Faint),
        ];
    };
    let last = seen.verdicts.back().map(|(_, verdict)| *verdict);
    let (sign, tone) = sign(look, last);
    let mut parts = vec![(format!("{sign} "), tone), (format!("{name:<12} "), Tone::Plain)];
    parts.extend(seen.verdicts.iter().map(|(_, verdict)| {
        let (sign, tone) = self::sign(look, Some(*verdict));
        (sign.to_owned(), tone)
    }));
    parts
}

fn sign(look: Look, verdict: Option<Verdict>) -> (&'static str, Tone) {
    match verdict {
        Some(Verdict::Pass) => (look.sign("✓", "+"), Tone::Good),
        Some(Verdict::Fail) => (look.sign("✗", "x"), Tone::Bad),
        Some(Verdict::Inconclusive) => (look.sign("?", "?"), Tone::Warning),
        Some(Verdict::NotApplicable) => (look.sign("–", "-"), Tone::Faint),
        None => (look.sign("○", "o"), Tone::Faint),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotApplicable => "not applicable",
    }
}

fn detail(scene: &Scene<'_>, page: &mut Page, seen: &GateSeen) {
    page.heading(&seen.gate, &event_source(seen.seq, seen.at_ms, scene.now_ms()));
    for (iteration, verdict) in seen.verdicts.iter().rev() {
        let (_, tone) = sign(scene.look, Some(*verdict));
        page.row(&format!("iteration {iteration}"), word(*verdict), tone);
    }
    page.text(&seen.summary, 2, Tone::Plain);
    let (cost, tone) = money(seen.money);
    page.row("cost", &cost, tone);
    list(page, "Still missing", &seen.gaps, Tone::Bad);
    list(page, "Worth a look", &seen.concerns, Tone::Warning);
    if let Some(report) = &seen.report {
        artifact(scene, page, "What whoever mends it is told", report);
    }
    artifact(scene, page, "What it saw", &seen.facts);
}

fn list(page: &mut Page, title: &str, items: &[String], tone: Tone) {
    if items.is_empty() {
        return;
    }
    page.heading(title, &items.len().to_string());
    for item in items {
        page.text(&format!("- {item}"), 2, tone);
    }
}

fn artifact(scene: &Scene<'_>, page: &mut Page, title: &str, id: &ArtifactId) {
    page.heading(title, &format!("artifact {}", crate::text::short(id.as_str())));
    match scene.data.artifacts.get(id) {
        Some(Loaded::Ready { value: Artifact::Text(text), .. }) => page.text(text, 2, Tone::Plain),
        Some(Loaded::Failed { reason, .. }) => page.text(&format!("{UNKNOWN}: {reason}"), 2, Tone::Bad),
        Some(Loaded::Ready { .. } | Loaded::Asked | Loaded::Unasked) | None => {
            page.line("  is being read", Tone::Faint)
        }
    }
}
