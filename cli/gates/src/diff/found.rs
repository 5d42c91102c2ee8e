//! What the gates over a difference find, and the judgement that it comes to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use loki_engine::tool::{Judgement, REPORT_BYTES_MAX};
use loki_ledger::event::Verdict;
use serde::Serialize;
use serde_json::json;

use super::scope::Edit;

/// Findings that are shown; of more the number is.
const FOUND_MAX: usize = 50;
/// Bytes of one finding's line.
const LINE_BYTES_MAX: usize = 600;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Weight {
    /// It fails the gate.
    Fails,
    /// It is worth a look.
    Concern,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// The rule's id.
    pub(crate) rule: &'static str,
    /// How much it weighs.
    pub(crate) weight: Weight,
    /// The file.
    pub(crate) path: String,
    /// The line in it, from 1, where there is one.
    pub(crate) line: Option<u32>,
    /// What in the file it is about: a test's name, a value that is cut short. Empty where that is the file.
    pub(crate) subject: String,
    /// What was found.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) fix: String,
}

impl Found {
    /// It on one line.
    pub(crate) fn line(&self) -> String {
        let place = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let subject = match self.subject.is_empty() {
            true => String::new(),
            false => format!(" `{}`", self.subject),
        };
        let line = format!("{}{place}{subject}: {} [{}]", self.path, self.message, self.rule);
        bounded(&line, LINE_BYTES_MAX).replace(['\n', '\r'], " ")
    }

    /// A name that stays the same as long as the failure does: lines move, rules and names do not.
    fn stable(&self) -> String {
        let name = format!("{} {}", self.rule, self.path);
        bounded(&if self.subject.is_empty() { name } else { format!("{name} {}", self.subject) }, 300)
            .to_owned()
    }
}

/// The head of a text, cut where a character begins.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The judgement over what was found: one finding that fails, fails the gate.
pub(crate) fn judgement(id: &str, edits: &[Edit], mut found: Vec<Found>) -> Judgement {
    found.sort_by(|a, b| (a.weight, &a.path, a.line, a.rule).cmp(&(b.weight, &b.path, b.line, b.rule)));
    let (failing, concerns): (Vec<&Found>, Vec<&Found>) =
        found.iter().partition(|found| found.weight == Weight::Fails);
    let verdict = if failing.is_empty() { Verdict::Pass } else { Verdict::Fail };
    let mut judgement = Judgement::new(verdict, summary(edits.len(), &failing, concerns.len()));
    judgement.report = report(&failing, &concerns);
    judgement.concerns = shortened(&concerns);
    let names: BTreeSet<String> = failing.iter().map(|found| found.stable()).collect();
    judgement.failing = names.into_iter().take(FOUND_MAX).collect();
    let count = |of: fn(&Edit) -> bool| edits.iter().filter(|edit| of(edit)).count();
    judgement.facts = json!({
        "gate": id,
        "files": { "differ": edits.len(), "added": count(Edit::is_added), "deleted": count(Edit::is_deleted) },
        "findings": found.iter().take(FOUND_MAX).collect::<Vec<_>>(),
        "findings_in_all": found.len(),
    });
    judgement
}

fn summary(files: usize, failing: &[&Found], concerns: usize) -> String {
    let files = plural(files, "file differs", "files differ");
    let worth = match concerns {
        0 => String::new(),
        n => format!(", {} worth a look", plural(n, "finding is", "findings are")),
    };
    match failing {
        [] => format!("{files}: nothing speaks against it{worth}"),
        [only] => format!("{}{worth}", only.line()),
        [first, ..] => format!("{} findings{worth}; the first: {}", failing.len(), first.line()),
    }
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn shortened(found: &[&Found]) -> Vec<String> {
    let mut lines: Vec<String> = found.iter().take(FOUND_MAX).map(|found| found.line()).collect();
    if found.len() > FOUND_MAX {
        lines.push(format!("and {} more", found.len() - FOUND_MAX));
    }
    lines
}

fn report(failing: &[&Found], concerns: &[&Found]) -> String {
    let mut report = String::new();
    for (kind, found) in [("must be mended", failing), ("worth a look", concerns)] {
        for finding in found.iter().take(FOUND_MAX) {
            let line = format!("- {kind}: {}\n  {}\n", finding.line(), bounded(&finding.fix, LINE_BYTES_MAX));
            if report.len() + line.len() > REPORT_BYTES_MAX - 64 {
                return report + "[the rest is left out]\n";
            }
            report.push_str(&line);
        }
        if found.len() > FOUND_MAX {
            let _ = writeln!(report, "and {} more of them", found.len() - FOUND_MAX);
        }
    }
    report
}
