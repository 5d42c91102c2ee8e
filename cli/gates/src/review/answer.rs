//! What a reviewer answered, understood or refused: whoever answers something else has cast no vote.

use std::collections::BTreeMap;

use loki_engine::council::Opinion;
use loki_engine::tool::{Area, Finding, Severity};
use serde::Deserialize;

use crate::diff::found::bounded;

/// Findings of one ballot.
const FINDINGS_MAX: usize = 20;
/// Bytes of a text in an answer.
const TEXT_BYTES_MAX: usize = 1000;
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// An answer as it is written.
#[derive(Deserialize)]
struct Answer {
    approves: bool,
    reason: String,
    #[serde(default)]
    findings: Option<Vec<Raised>>,
    #[serde(default)]
    upholds: Option<Vec<usize>>,
}

#[derive(Deserialize)]
struct Raised {
    rule: String,
    severity: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    subject: Option<String>,
    message: String,
    #[serde(default)]
    fix: Option<String>,
}

/// The opinion in a text. `lines` are the files of the change with their lines; `open` the findings to
/// uphold or drop, none in the first round. An error says what is wrong with the answer.
pub(super) fn opinion(
    text: &str,
    area: Area,
    lines: &BTreeMap<String, u32>,
    open: &[Finding],
) -> Result<Opinion, String> {
    let answer = parse(text)?;
    let reason = said(&answer.reason);
    if reason.is_empty() {
        return Err("the answer gives no reason".to_owned());
    }
    let findings = match open.is_empty() {
        true => raised(answer.findings, area, lines)?,
        false => upheld(answer.upholds, open)?,
    };
    // Whoever says that something must not stay as it is, and approves, has not approved.
    let approves = answer.approves && !findings.iter().any(|finding| finding.severity.blocks());
    Ok(Opinion { approves, findings, reason })
}

/// The object in a text, with or without a fence or words around it.
fn parse(text: &str) -> Result<Answer, String> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
    }
    let text = text.trim();
    let whole = serde_json::from_str::<Answer>(text);
    if let Ok(answer) = whole {
        return Ok(answer);
    }
    // An object may begin at any brace; the last that is an answer counts, as thoughts come first.
    let begins = text.match_indices('{').map(|(at, _)| at).take(200);
    let found = begins
        .filter_map(|at| serde_json::Deserializer::from_str(&text[at..]).into_iter::<Answer>().next()?.ok());
    found.last().ok_or_else(|| "the answer is not the JSON object that was asked for".to_owned())
}

fn raised(
    raised: Option<Vec<Raised>>,
    area: Area,
    lines: &BTreeMap<String, u32>,
) -> Result<Vec<Finding>, String> {
    let raised = raised.ok_or("the answer has no list of findings")?;
    if raised.len() > FINDINGS_MAX {
        return Err(format!("the answer has more than {FINDINGS_MAX} findings"));
    }
    raised.into_iter().map(|raised| finding(raised, area, lines)).collect()
}

fn finding(raised: Raised, area: Area, lines: &BTreeMap<String, u32>) -> Result<Finding, String> {
    let rule = raised.rule.trim().to_owned();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if rule.is_empty() || rule.len() > 60 || !rule.chars().all(fine) {
        return Err("a finding has no rule that is a name".to_owned());
    }
    let severity = severity(&raised.severity)?;
    let message = said(&raised.message);
    if message.is_empty() {
        return Err(format!("the finding `{rule}` says nothing"));
    }
    let place = place(raised.file.as_deref(), raised.line, raised.subject.as_deref(), lines);
    // What is about nothing in the change is advice: it can be read, and it holds nothing back.
    let (subject, severity) = match place {
        Some(place) => (place, severity),
        None => {
            let named = raised.file.or(raised.subject).unwrap_or_default();
            (said(bounded(&named, 200)), severity.min(Severity::Low))
        }
    };
    let fix = raised.fix.map(|fix| said(&fix)).unwrap_or_default();
    Ok(Finding { rule, severity, area, subject, message, fix, person: false })
}

fn severity(text: &str) -> Result<Severity, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "low" | "info" => Ok(Severity::Low),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        "critical" => Ok(Severity::Critical),
        _ => Err("a finding has a severity that is none".to_owned()),
    }
}

/// The place in the change that a finding is about: a file of it, and a line that the file has.
fn place(
    file: Option<&str>,
    line: Option<u32>,
    subject: Option<&str>,
    lines: &BTreeMap<String, u32>,
) -> Option<String> {
    let named = file.or(subject)?.trim();
    let (path, line) = match named.rsplit_once(':').and_then(|(path, line)| Some((path, line.parse().ok()?)))
    {
        Some((path, own)) if !lines.contains_key(named) => (path, line.or(Some(own))),
        _ => (named, line),
    };
    let path = ["", "a/", "b/", "./"].iter().find_map(|begin| {
        let path = path.strip_prefix(begin)?;
        lines.contains_key(path).then_some(path)
    })?;
    let last = *lines.get(path)?;
    match line {
        None => Some(path.to_owned()),
        Some(line) => (1..=last).contains(&line).then(|| format!("{path}:{line}")),
    }
}

fn upheld(numbers: Option<Vec<usize>>, open: &[Finding]) -> Result<Vec<Finding>, String> {
    let mut numbers = numbers.ok_or("the answer does not say which findings it upholds")?;
    numbers.sort_unstable();
    numbers.dedup();
    let find = |number: usize| {
        let finding = number.checked_sub(1).and_then(|place| open.get(place)).cloned();
        finding.ok_or_else(|| format!("the answer upholds finding {number}, which there is not"))
    };
    numbers.into_iter().map(find).collect()
}

/// A text on one line, within bounds, without characters that steer a terminal.
fn said(text: &str) -> String {
    let plain: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    bounded(&plain, TEXT_BYTES_MAX).to_owned()
}
