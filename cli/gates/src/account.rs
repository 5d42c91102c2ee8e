//! What a gate saw, brought into the shape of a judgement.

use std::path::Path;

use loki_engine::tool::{Judgement, REPORT_BYTES_MAX};
use loki_ledger::event::Verdict;
use serde_json::{Value, json};

use crate::bench::{not_run, said};
use crate::confined::{Ran, Unable};
use crate::project::Step;
use crate::runner::{Count, plain, readable};

/// Characters of a summary.
const SUMMARY_CHARS_MAX: usize = 300;

/// Bytes of a report that names of failing tests take at the most.
const NAMES_BYTES_MAX: usize = 4 * 1024;

/// A command that was run, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The part it belongs to, for people.
    pub(crate) part: String,
    /// The command.
    pub(crate) step: Step,
    /// What came of it.
    pub(crate) said: Said,
    /// What it printed as its results.
    pub(crate) stdout: String,
    /// What it printed beside them.
    pub(crate) stderr: String,
    /// Both as they came.
    pub(crate) output: String,
    /// Milliseconds it took.
    pub(crate) wall_ms: u64,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It ended with this exit code.
    Ended(i32),
    /// It went on until it was ended, as it should.
    WentOn,
    /// It says nothing about the project, for this reason.
    Unable(String),
}

/// What a gate saw, one command after the other.
#[derive(Debug)]
pub(crate) struct Account {
    gate: &'static str,
    verdict: Verdict,
    /// What is said of each command, with the verdict it speaks for.
    lines: Vec<(Verdict, String)>,
    sections: Vec<Section>,
    runs: Vec<Value>,
    /// The run that decides, which receipts show.
    decisive: Option<Value>,
    failing: Vec<String>,
    pub(crate) concerns: Vec<String>,
    total: Option<Count>,
}

/// What is told of a command that did not do well.
#[derive(Debug)]
struct Section {
    title: String,
    names: Vec<String>,
    output: String,
}

impl Run {
    /// A command and what came of it.
    pub(crate) fn of(part: &str, step: &Step, seconds_max: u64, ran: Result<Ran, Unable>) -> Run {
        let nothing = |said| Run {
            part: part.to_owned(),
            step: step.clone(),
            said,
            stdout: String::new(),
            stderr: String::new(),
            output: String::new(),
            wall_ms: 0,
        };
        match ran {
            Err(unable) => nothing(not_run(&unable)),
            Ok(ran) => Run {
                stdout: ran.stdout,
                stderr: ran.stderr,
                output: ran.both,
                wall_ms: ran.wall_ms,
                ..nothing(said(step, ran.end, seconds_max))
            },
        }
    }

    /// The same without the name of the copy it ran in, which is never the same twice: paths are told as they
    /// are below the project.
    pub(crate) fn at_home_in(mut self, copy: &Path) -> Run {
        let copy = copy.display().to_string();
        for text in [&mut self.stdout, &mut self.stderr, &mut self.output] {
            if text.contains(&copy) {
                *text = text.replace(&format!("{copy}/"), "").replace(&copy, ".");
            }
        }
        self
    }

    /// The command and its part, for people.
    pub(crate) fn title(&self) -> String {
        format!("{}: `{}`", self.part, self.step.shown())
    }

    fn facts(&self) -> Value {
        let mut facts = json!({
            "part": self.part,
            "command": self.step.command,
            "duration_ms": self.wall_ms,
        });
        if let Some(declared) = &self.step.declared {
            facts["declared"] = json!(cut(declared, SUMMARY_CHARS_MAX));
        }
        match &self.said {
            Said::Ended(code) => facts["exit_code"] = json!(code),
            Said::WentOn => {}
            Said::Unable(why) => facts["unable"] = json!(why),
        }
        facts
    }
}

impl Account {
    /// Nothing seen yet, which is no pass.
    pub(crate) fn new(gate: &'static str) -> Account {
        Account {
            gate,
            verdict: Verdict::NotApplicable,
            lines: Vec::new(),
            sections: Vec::new(),
            runs: Vec::new(),
            decisive: None,
            failing: Vec::new(),
            concerns: Vec::new(),
            total: None,
        }
    }

    /// A command did what it should.
    pub(crate) fn passed(&mut self, run: &Run, line: String) {
        self.add(Verdict::Pass, run, line);
    }

    /// A command shows that something is wrong. `failing` names what, where its output tells; else the
    /// command is what fails.
    pub(crate) fn failed(&mut self, run: &Run, line: String, failing: Vec<String>) {
        self.add(Verdict::Fail, run, line);
        let prefix = format!("{}: {}", self.gate, run.part);
        if failing.is_empty() {
            self.failing.push(format!("{prefix}: {}", run.step.shown()));
        } else {
            self.failing.extend(failing.iter().map(|name| format!("{prefix}: {name}")));
        }
        self.section(run, failing);
    }

    /// Nothing could be found out by a command.
    pub(crate) fn unclear(&mut self, run: &Run, line: String) {
        self.add(Verdict::Inconclusive, run, line);
        self.section(run, Vec::new());
    }

    /// A command that had to be run first did not do well.
    pub(crate) fn not_installed(&mut self, run: &Run) {
        match &run.said {
            Said::Ended(code) => {
                let line = format!("{} failed with exit code {code}", run.title());
                self.failed(run, line, Vec::new());
            }
            Said::WentOn => self.unclear(run, format!("{} did not end", run.title())),
            Said::Unable(why) => self.unclear(run, format!("{}: {why}", run.title())),
        }
    }

    /// Adds what was counted.
    pub(crate) fn count(&mut self, count: &Count) {
        self.total.get_or_insert_with(Count::default).add(count.clone());
    }

    fn add(&mut self, verdict: Verdict, run: &Run, line: String) {
        let facts = run.facts();
        if self.decisive.is_none() || rank(verdict) > rank(self.verdict) {
            self.decisive = Some(facts.clone());
        }
        self.runs.push(facts);
        self.lines.push((verdict, line));
        if rank(verdict) > rank(self.verdict) {
            self.verdict = verdict;
        }
    }

    fn section(&mut self, run: &Run, names: Vec<String>) {
        let output = readable(&run.stdout).unwrap_or_else(|| plain(&run.output));
        let why = match &run.said {
            Said::Ended(code) => format!("exit code {code}"),
            Said::WentOn => "under way".to_owned(),
            Said::Unable(why) => why.clone(),
        };
        self.sections.push(Section { title: format!("{} ({why})", run.title()), names, output });
    }

    /// The judgement. `tree` is the hash of the files that were judged.
    pub(crate) fn judgement(self, tree: &str) -> Judgement {
        let lines =
            self.lines.iter().filter(|(verdict, _)| *verdict == self.verdict).map(|(_, line)| line.as_str());
        let summary = cut(&lines.collect::<Vec<_>>().join("; "), SUMMARY_CHARS_MAX);
        let mut facts = json!({ "tree": tree, "runs": self.runs });
        if let Some(decisive) = &self.decisive {
            for key in ["command", "exit_code", "duration_ms"] {
                if let Some(value) = decisive.get(key) {
                    facts[key] = value.clone();
                }
            }
        }
        if let Some(Count { passed, failed, skipped, .. }) = &self.total {
            facts["tests"] = json!({ "passed": passed, "failed": failed, "skipped": skipped });
        }
        let report = report(&self.sections);
        let mut failing = self.failing;
        failing.sort();
        failing.dedup();
        Judgement { report, facts, concerns: self.concerns, failing, ..Judgement::new(self.verdict, summary) }
    }
}

/// How much a verdict weighs against the others.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotApplicable => 0,
        Verdict::Pass => 1,
        Verdict::Inconclusive => 2,
        Verdict::Fail => 3,
    }
}

fn report(sections: &[Section]) -> String {
    let Some(share) = REPORT_BYTES_MAX.checked_div(sections.len()) else { return String::new() };
    let mut report = String::new();
    for section in sections {
        let mut text = format!("{}\n", cut(&section.title, SUMMARY_CHARS_MAX));
        let names_max = NAMES_BYTES_MAX.min(share / 3);
        for (at, name) in section.names.iter().enumerate() {
            if text.len() + name.len() > names_max {
                text.push_str(&format!("- and {} more\n", section.names.len() - at));
                break;
            }
            text.push_str(&format!("- {name}\n"));
        }
        let room = share.saturating_sub(text.len() + 64);
        text.push_str(&tail(section.output.trim_end(), room));
        text.push('\n');
        report.push_str(&text);
    }
    cut_bytes(&report, REPORT_BYTES_MAX).to_owned()
}

/// The end of a text, from the beginning of a line on where there is one.
fn tail(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut from = text.len() - bytes_max;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let end = &text[from..];
    let end = end.split_once('\n').map_or(end, |(_, rest)| rest);
    format!("[{} bytes left out]\n{end}", text.len() - end.len())
}

fn cut(text: &str, chars_max: usize) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some((end, _)) => format!("{}...", &line[..end]),
    }
}

fn cut_bytes(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
