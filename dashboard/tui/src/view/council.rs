//! Proposals: what would be done, who voted how, what was found, and the approvals to give.

use loki_engine::CouncilVerdict;
use loki_engine::council::{Ballot, frozen};
use loki_engine::tool::{Fact, Finding, Proposal, Severity};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page::{Page, event_source, money};
use super::{Drawn, Scene, listed, schema};
use crate::data::Loaded;
use crate::look::Tone;
use crate::model::Picture;
use crate::text::{UNKNOWN, short};

pub(super) fn draw(scene: &Scene<'_>, buf: &mut Buffer, area: Rect) -> Drawn {
    let Some(picture) = scene.picture() else { return Drawn::default() };
    let subjects = picture.reviews();
    let entries: Vec<Vec<(String, Tone)>> =
        subjects.iter().map(|subject| entry(scene, picture, subject)).collect();
    listed(scene, buf, area, ("Proposals", "ledger"), &entries, |at, page| match subjects.get(at) {
        Some(subject) => detail(scene, page, picture, subject),
        None => page.line("Nothing was proposed yet that must be approved.", Tone::Faint),
    })
}

/// The proposal that keys act on, by its hash.
pub(crate) fn chosen(picture: &Picture, cursor: usize) -> Option<&str> {
    let subjects = picture.reviews();
    subjects.get(cursor.min(subjects.len().saturating_sub(1))).copied()
}

fn entry(scene: &Scene<'_>, picture: &Picture, subject: &str) -> Vec<(String, Tone)> {
    let (state, tone) = standing(picture, subject);
    let seen = picture.proposal(subject);
    let title =
        seen.and_then(|seen| scene.data.proposal(&seen.proposal)).map(|proposal| proposal.title.as_str());
    let title = title.unwrap_or("").to_owned();
    vec![
        (format!("{} ", subject.get(..8).unwrap_or(subject)), Tone::Plain),
        (format!("{state} "), tone),
        (title, Tone::Faint),
    ]
}

/// How a proposal stands, in a word or two.
fn standing(picture: &Picture, subject: &str) -> (&'static str, Tone) {
    let Some(review) = picture.run.reviews.get(subject) else { return (UNKNOWN, Tone::Faint) };
    match (&review.person, review.approved, &review.council, &review.needs_person) {
        (_, true, ..) => ("approved", Tone::Good),
        (Some((false, ..)), ..) => ("rejected", Tone::Bad),
        (Some((true, ..)), ..) => ("approved, not stored yet", Tone::Warning),
        (None, false, _, Some(_)) => ("needs you", Tone::Warning),
        (None, false, Some((true, ..)), None) => ("council approves", Tone::Good),
        (None, false, Some((false, ..)), None) => ("council refuses", Tone::Bad),
        (None, false, None, None) => ("under review", Tone::Accent),
    }
}

fn detail(scene: &Scene<'_>, page: &mut Page, picture: &Picture, subject: &str) {
    let seen = picture.proposal(subject);
    let source =
        seen.map_or_else(|| UNKNOWN.to_owned(), |seen| event_source(seen.seq, seen.at_ms, scene.now_ms()));
    page.heading("Proposal", &source);
    let (state, tone) = standing(picture, subject);
    page.line("  hash, which an approval is bound to:", Tone::Faint);
    page.text(subject, 0, Tone::Plain);
    page.row("state", state, tone);
    if let Some(review) = picture.run.reviews.get(subject) {
        if let Some(reason) = &review.needs_person {
            page.text(&format!("A person must decide: {reason}"), 2, Tone::Warning);
        }
        if let Some((approved, name, reason)) = &review.person {
            let word = if *approved { "approved" } else { "rejected" };
            page.text(&format!("{word} by {name}: {reason}"), 2, Tone::Plain);
        }
        if picture.waiting().contains(&subject) {
            page.line("  a approves exactly this hash, x rejects it; both ask for a reason.", Tone::Accent);
        }
    }
    votes(scene, page, picture, subject);
    let Some(seen) = seen else { return };
    let proposal = match scene.data.artifacts.get(&seen.proposal) {
        Some(Loaded::Failed { reason, .. }) => {
            page.text(&format!("The proposal is {UNKNOWN}: {reason}"), 0, Tone::Bad);
            None
        }
        Some(_) | None => scene.data.proposal(&seen.proposal),
    };
    let Some(proposal) = proposal else {
        page.line("The proposal is being read.", Tone::Faint);
        return;
    };
    facts(scene, page, proposal);
    findings(page, "Findings of checks", &proposal.findings);
    match scene.data.previews.get(&seen.input) {
        Some(Loaded::Ready { value: (before, after), at_ms }) => {
            schema::compared(scene, page, before, after, *at_ms);
        }
        Some(Loaded::Failed { reason, .. }) => {
            page.heading("Tables before and after", UNKNOWN);
            page.text(reason, 2, Tone::Warning);
        }
        Some(Loaded::Asked | Loaded::Unasked) | None => {
            page.heading("Tables before and after", "being read");
        }
    }
    statements(page, "Would be carried out", &proposal.act);
    statements(page, "Would undo it", &proposal.undo);
}

fn votes(scene: &Scene<'_>, page: &mut Page, picture: &Picture, subject: &str) {
    let Some(seen) = picture.council(subject) else {
        page.heading("Council", "it has not judged yet");
        return;
    };
    page.heading("Council", &event_source(seen.seq, seen.at_ms, scene.now_ms()));
    page.text(&seen.summary, 2, if seen.approved { Tone::Good } else { Tone::Bad });
    let (cost, tone) = money(seen.money);
    page.row("cost", &cost, tone);
    match scene.data.verdict(&seen.verdict) {
        Some(verdict) => rounds(scene, page, verdict),
        None => page.line("  the votes are being read", Tone::Faint),
    }
}

fn rounds(scene: &Scene<'_>, page: &mut Page, verdict: &CouncilVerdict) {
    for (at, round) in verdict.rounds.iter().enumerate() {
        page.line(&format!("  round {}", at + 1), Tone::Strong);
        for ballot in &round.ballots {
            vote(scene, page, ballot, "");
        }
        if let Some(advocate) = &round.advocate {
            vote(scene, page, advocate, " (argues the other side)");
        }
    }
    if let Some(first) = verdict.rounds.first() {
        findings(page, "Findings of reviewers", &frozen(first));
    }
}

fn vote(scene: &Scene<'_>, page: &mut Page, ballot: &Ballot, role: &str) {
    let look = scene.look;
    let (sign, tone, reason) = match &ballot.opinion {
        Ok(opinion) if opinion.approves => (look.sign("✓", "+"), Tone::Good, opinion.reason.as_str()),
        Ok(opinion) => (look.sign("✗", "x"), Tone::Bad, opinion.reason.as_str()),
        Err(silence) => (look.sign("?", "?"), Tone::Warning, silence.as_str()),
    };
    let label = [(format!("    {sign} "), tone), (format!("{}{role}: ", ballot.reviewer), Tone::Strong)];
    page.labelled(label, (reason, Tone::Plain));
}

fn findings(page: &mut Page, title: &str, findings: &[Finding]) {
    page.heading(title, &findings.len().to_string());
    for finding in findings {
        let (word, tone) = match finding.severity {
            Severity::Low => ("low", Tone::Faint),
            Severity::Medium => ("medium", Tone::Warning),
            Severity::High => ("high", Tone::Bad),
            Severity::Critical => ("critical", Tone::Bad),
        };
        page.parts([
            (format!("  {word:<9}"), tone),
            (format!("{} {}", finding.rule, finding.subject), Tone::Strong),
        ]);
        page.text(&finding.message, 4, Tone::Plain);
        if !finding.fix.is_empty() {
            page.text(&format!("to mend it: {}", finding.fix), 4, Tone::Faint);
        }
    }
}

fn facts(scene: &Scene<'_>, page: &mut Page, proposal: &Proposal) {
    page.heading(&format!("Evidence: {}", proposal.title), "what was tried, and what came of it");
    let look = scene.look;
    for Fact { name, passed, detail, .. } in &proposal.facts {
        let (sign, tone) = match passed {
            Some(true) => (look.sign("✓", "+"), Tone::Good),
            Some(false) => (look.sign("✗", "x"), Tone::Bad),
            None => (look.sign("?", "?"), Tone::Warning),
        };
        let unknown = if passed.is_none() { "unknown: " } else { "" };
        let label = [(format!("  {sign} "), tone), (format!("{name:<22} "), Tone::Plain)];
        page.labelled(label, (&format!("{unknown}{detail}"), Tone::Faint));
    }
}

fn statements(page: &mut Page, title: &str, statements: &[String]) {
    page.heading(title, &format!("{} statements", statements.len()));
    for statement in statements {
        page.text(statement, 2, Tone::Plain);
    }
    if statements.is_empty() {
        page.line("  nothing", Tone::Warning);
    }
}

/// A proposal's hash as a question names it.
pub(crate) fn named(subject: &str) -> String {
    format!("proposal {}", short(subject))
}
