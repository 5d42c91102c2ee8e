//! A run as one of its events leaves it: all that screens show of it.

use std::collections::VecDeque;

use loki_ledger::Recorded;
use loki_ledger::event::{ArtifactId, EffectKind, Event, Outcome, RunId, Stop, Verdict};
use loki_ledger::run::{Run, SnapshotTaken};

use super::costs::{Costs, Money};
use super::line::{Line, Mark, Told, line_of, order};
use super::log::Kind;
use super::timeline::Timeline;
use crate::text::{fit, shown};

/// Lines of output kept: the newest.
const OUTPUT_MAX: usize = 200;

/// Verdicts of one gate kept: the newest.
const VERDICTS_MAX: usize = 12;

/// Gates told apart.
const GATES_MAX: usize = 64;

/// Proposals kept: the newest.
const PROPOSALS_MAX: usize = 64;

/// Judgements of the council kept: the newest.
const COUNCILS_MAX: usize = 64;

/// Commands kept that were taken: the newest.
const TAKEN_MAX: usize = 64;

/// Notes whose time is kept: the newest.
const NOTES_MAX: usize = 500;

/// Snapshots whose time is kept: the newest.
const SNAPSHOTS_MAX: usize = 500;

/// Columns of a command that was taken.
const ORDER_COLUMNS_MAX: usize = 200;

/// A run as one of its events leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The run as the engine sees it.
    pub run: Run,
    /// The first event that cannot follow the ones before it; what comes after it is not shown.
    pub disorder: Option<Disorder>,
    /// Its iterations.
    pub timeline: Timeline,
    /// What it has cost.
    pub costs: Costs,
    /// What tools, turns and gates said.
    pub output: VecDeque<Line>,
    /// The gates, by name, in the order in which they first judged.
    pub gates: Vec<GateSeen>,
    /// Proposals, each once, oldest first.
    pub proposals: VecDeque<ProposalSeen>,
    /// What the council judged, oldest first.
    pub councils: VecDeque<CouncilSeen>,
    /// Commands that were taken, oldest first.
    pub taken: VecDeque<Taken>,
    /// When each of the newest notes was written, in milliseconds since the epoch.
    pub notes_ms: VecDeque<i64>,
    /// When each of the newest snapshots was taken, in milliseconds since the epoch.
    pub snapshots_ms: VecDeque<i64>,
    /// When the plan was taken over, in milliseconds since the epoch.
    pub planned_ms: Option<i64>,
    /// When the open effect was begun, in milliseconds since the epoch.
    pub effect_ms: Option<i64>,
    /// Who drives: the process and since when.
    pub driver: Option<(u32, i64)>,
    /// When the provider last claimed to be done.
    pub claimed_ms: Option<i64>,
    /// When the run stopped.
    pub stopped_ms: Option<i64>,
}

/// An event that cannot follow the ones before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disorder {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub reason: String,
}

/// A gate as it was last seen to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSeen {
    /// Its name.
    pub gate: String,
    /// Its verdicts with their iterations, oldest first.
    pub verdicts: VecDeque<(u32, Verdict)>,
    /// One line of the last.
    pub summary: String,
    /// What was still missing.
    pub gaps: Vec<String>,
    /// What is worth a look.
    pub concerns: Vec<String>,
    /// What it saw.
    pub facts: ArtifactId,
    /// What it told whoever must mend it.
    pub report: Option<ArtifactId>,
    /// What judging cost.
    pub money: Money,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The event.
    pub seq: u64,
}

/// A proposal that a tool made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalSeen {
    /// Its hash.
    pub subject: String,
    /// The proposal.
    pub proposal: ArtifactId,
    /// The input of the call that made it.
    pub input: ArtifactId,
    /// When it was made, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The event.
    pub seq: u64,
}

/// A judgement of the council.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouncilSeen {
    /// The proposal's hash.
    pub subject: String,
    /// Whether it approves.
    pub approved: bool,
    /// Votes and findings.
    pub verdict: ArtifactId,
    /// One line.
    pub summary: String,
    /// What the reviewers cost.
    pub money: Money,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The event.
    pub seq: u64,
}

/// A command that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its number in the inbox.
    pub id: i64,
    /// What it says, fit to be shown.
    pub text: String,
    /// The iteration that took it; 0 before the first.
    pub iteration: u32,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// An item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// What is to be done.
    pub text: &'a str,
    /// What speaks for its being done.
    pub evidence: Evidence,
}

/// What speaks for an item's being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A gate names it as missing.
    Gap,
    /// Every gate passed, and none names it as missing.
    Gates,
    /// The provider says that it is done, and no gate has judged since.
    Claim,
    /// Nothing yet.
    Nothing,
}

impl Picture {
    /// A run before its first event.
    pub fn new(id: RunId) -> Self {
        Self {
            run: Run::new(id),
            disorder: None,
            timeline: Timeline::default(),
            costs: Costs::default(),
            output: VecDeque::new(),
            gates: Vec::new(),
            proposals: VecDeque::new(),
            councils: VecDeque::new(),
            taken: VecDeque::new(),
            notes_ms: VecDeque::new(),
            snapshots_ms: VecDeque::new(),
            planned_ms: None,
            effect_ms: None,
            driver: None,
            claimed_ms: None,
            stopped_ms: None,
        }
    }

    /// The newest event it knows; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.run.seq
    }

    /// Takes over one event. One that cannot follow is remembered, and nothing after it is taken over.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.take(recorded, None);
    }

    /// The same for an event that was told in a line already.
    pub(super) fn take(&mut self, recorded: &Recorded, told: Option<&Told>) {
        let (seq, at_ms, event) = (recorded.seq, recorded.at_ms, &recorded.event);
        if self.disorder.is_some() {
            return;
        }
        let fits = if seq == self.run.seq + 1 {
            self.run.admits(event).map_err(|error| error.reason)
        } else {
            Err("an event is missing before it")
        };
        if let Err(reason) = fits {
            self.disorder = Some(Disorder { seq, reason: reason.to_owned() });
            return;
        }
        let cost = self.costs.take(&self.run, at_ms, event);
        self.timeline.take(at_ms, event, cost);
        self.say(recorded, told);
        self.see(seq, at_ms, event);
        if let Err(error) = self.run.apply(seq, at_ms, event) {
            self.disorder = Some(Disorder { seq, reason: error.reason.to_owned() });
        }
    }

    /// The checklist with what speaks for each item. In place of a plan, what the document lists.
    pub fn items(&self) -> Vec<Item<'_>> {
        let listed = self.run.started.as_ref().map_or(&[][..], |started| &started.checklist);
        let items = if self.run.checklist.is_empty() { listed } else { &self.run.checklist };
        let gates = &self.run.gates;
        let holds = |verdict: Verdict| matches!(verdict, Verdict::Pass | Verdict::NotApplicable);
        let judged = !gates.is_empty() && gates.iter().all(|gate| holds(gate.verdict));
        let complete = judged && (self.run.last_phase.is_some() || self.run.stopped.is_some());
        // What was missing stays missing until it is judged anew; what held before need not hold any more.
        let last = if gates.is_empty() { &self.run.gates_before } else { gates };
        let of = |text: &str| {
            if last.iter().flat_map(|gate| &gate.gaps).any(|gap| names(gap, text)) {
                Evidence::Gap
            } else if complete {
                Evidence::Gates
            } else if self.run.claim.is_some() && gates.is_empty() {
                Evidence::Claim
            } else {
                Evidence::Nothing
            }
        };
        items.iter().map(|text| Item { text, evidence: of(text) }).collect()
    }

    /// Proposals that wait for a person, by hash: those that are waited for now, or were when it stopped.
    pub fn waiting(&self) -> Vec<&str> {
        let run = &self.run;
        let stopped_for = match &run.stopped {
            Some(Stop::NeedsPerson { subject }) => Some(subject.as_str()),
            Some(_) | None => None,
        };
        let open = run.reviews.iter().filter(|(_, review)| {
            review.needs_person.is_some() && !review.approved && review.person.is_none()
        });
        let mut subjects: Vec<&str> = open.map(|(subject, _)| subject.as_str()).collect();
        // What is waited for right now comes first.
        subjects.sort_by_key(|subject| {
            Some(*subject) != stopped_for && run.steps.review.as_deref() != Some(*subject)
        });
        subjects
    }

    /// Bytes of the texts that its run has gathered, roughly: what grows with what a provider writes.
    pub(super) fn weight(&self) -> usize {
        let run = &self.run;
        let notes = run.notes.iter().map(|note| note.text.len()).sum::<usize>();
        let steers = run.steers.iter().map(String::len).sum::<usize>();
        let items = run.checklist.iter().map(String::len).sum::<usize>();
        let answers = run.steps.turns.iter().flat_map(|turn| &turn.calls);
        let answers = answers.filter_map(|(_, answer)| answer.as_ref()).map(|answer| answer.summary.len());
        notes + steers + items + answers.sum::<usize>()
    }

    fn say(&mut self, recorded: &Recorded, told: Option<&Told>) {
        let event = &recorded.event;
        if !matches!(
            event,
            Event::EffectEnded { .. }
                | Event::EffectRetried { .. }
                | Event::EffectRolledBack { .. }
                | Event::FilesEdited { .. }
                | Event::WaitOpened(_)
                | Event::CommandTaken { .. }
                | Event::RunStopped { .. }
        ) {
            return;
        }
        let Told { kind, mark, text } = told.cloned().unwrap_or_else(|| line_of(&self.run, event));
        if kind == Kind::Effect && mark == Mark::Note {
            return; // Snapshots and comparisons are in the log.
        }
        let line = Line { seq: recorded.seq, at_ms: recorded.at_ms, mark, text };
        bounded(&mut self.output, OUTPUT_MAX, line);
    }

    fn see(&mut self, seq: u64, at_ms: i64, event: &Event) {
        match event {
            Event::Attached { pid, .. } => self.driver = Some((*pid, at_ms)),
            Event::EffectIntended(_) | Event::EffectRetried { .. } => self.effect_ms = Some(at_ms),
            Event::EffectRolledBack { .. } => self.effect_ms = None,
            Event::EffectEnded { outcome, .. } => {
                self.effect_ms = None;
                self.see_outcome(seq, at_ms, outcome);
            }
            Event::CommandTaken { id, command, iteration } => {
                let said = order(command);
                let text = fit(&shown(&said), ORDER_COLUMNS_MAX, "~").into_owned();
                let taken = Taken { id: *id, text, iteration: *iteration, at_ms };
                bounded(&mut self.taken, TAKEN_MAX, taken);
            }
            Event::RunStopped { .. } => self.stopped_ms = Some(at_ms),
            Event::Reopened { .. } => self.stopped_ms = None,
            Event::RunStarted(_)
            | Event::IterationStarted { .. }
            | Event::PhaseStarted { .. }
            | Event::PhaseEnded { .. }
            | Event::WaitOpened(_)
            | Event::WaitEnded { .. }
            | Event::FilesEdited { .. }
            | Event::Overdrawn { .. } => {}
        }
    }

    fn see_outcome(&mut self, seq: u64, at_ms: i64, outcome: &Outcome) {
        let kind = self.run.open.as_ref().map(|open| &open.intent.kind);
        match (kind, outcome) {
            (_, Outcome::Planned { .. }) => self.planned_ms = Some(at_ms),
            (Some(EffectKind::Snapshot), Outcome::Snapshot { .. }) => {
                bounded(&mut self.snapshots_ms, SNAPSHOTS_MAX, at_ms);
            }
            (_, Outcome::Claimed { .. }) => self.claimed_ms = Some(at_ms),
            (Some(EffectKind::Tool { call, .. }), Outcome::Review { subject, proposal, .. }) => {
                self.proposals.retain(|seen| seen.subject != *subject);
                let (subject, proposal) = (subject.clone(), proposal.clone());
                let seen = ProposalSeen { subject, proposal, input: call.input.clone(), at_ms, seq };
                bounded(&mut self.proposals, PROPOSALS_MAX, seen);
            }
            (_, Outcome::Noted { note }) if !self.run.notes.contains(note) => {
                bounded(&mut self.notes_ms, NOTES_MAX, at_ms);
            }
            (
                Some(EffectKind::Council { subject, .. }),
                Outcome::Council { approved, verdict, summary, usage },
            ) => {
                let mut money = Money::default();
                money.add(usage.cost);
                let seen = CouncilSeen {
                    subject: subject.clone(),
                    approved: *approved,
                    verdict: verdict.clone(),
                    summary: summary.clone(),
                    money,
                    at_ms,
                    seq,
                };
                bounded(&mut self.councils, COUNCILS_MAX, seen);
            }
            (Some(EffectKind::Gate { gate }), Outcome::Gate { .. }) => {
                let gate = gate.clone();
                self.judged(&gate, seq, at_ms, outcome);
            }
            (_, _) => {}
        }
    }

    fn judged(&mut self, gate: &str, seq: u64, at_ms: i64, outcome: &Outcome) {
        let Outcome::Gate { verdict, summary, facts, gaps, report, concerns, usage, .. } = outcome else {
            return;
        };
        let mut money = Money::default();
        money.add(usage.cost);
        let at = self.gates.iter().position(|seen| seen.gate == gate);
        let mut verdicts = match at {
            Some(at) => std::mem::take(&mut self.gates[at].verdicts),
            None => VecDeque::new(),
        };
        bounded(&mut verdicts, VERDICTS_MAX, (self.run.iteration, *verdict));
        let seen = GateSeen {
            gate: gate.to_owned(),
            verdicts,
            summary: summary.clone(),
            gaps: gaps.clone(),
            concerns: concerns.clone(),
            facts: facts.clone(),
            report: report.clone(),
            money,
            at_ms,
            seq,
        };
        match at {
            Some(at) => self.gates[at] = seen,
            None if self.gates.len() < GATES_MAX => self.gates.push(seen),
            None => {}
        }
    }

    /// Proposals by hash: those that wait for a person, then the others, newest first.
    pub fn reviews(&self) -> Vec<&str> {
        let mut subjects = self.waiting();
        for seen in self.proposals.iter().rev() {
            if !subjects.contains(&seen.subject.as_str()) {
                subjects.push(&seen.subject);
            }
        }
        subjects
    }

    /// A proposal as it was last made.
    pub fn proposal(&self, subject: &str) -> Option<&ProposalSeen> {
        self.proposals.iter().rev().find(|seen| seen.subject == subject)
    }

    /// The run's snapshots, oldest first, with when each was taken, where that is known.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = (&SnapshotTaken, Option<i64>)> {
        let snapshots = &self.run.snapshots;
        let skip = snapshots.len().saturating_sub(self.snapshots_ms.len());
        let at_ms = move |at: usize| at.checked_sub(skip).and_then(|at| self.snapshots_ms.get(at)).copied();
        snapshots.iter().enumerate().map(move |(at, snapshot)| (snapshot, at_ms(at)))
    }

    /// The council's newest judgement of a proposal.
    pub fn council(&self, subject: &str) -> Option<&CouncilSeen> {
        self.councils.iter().rev().find(|seen| seen.subject == subject)
    }
}

/// Whether a gap is about an item: it begins with it, or the other way round.
fn names(gap: &str, item: &str) -> bool {
    !gap.is_empty() && !item.is_empty() && (gap.starts_with(item) || item.starts_with(gap))
}

fn bounded<T>(kept: &mut VecDeque<T>, kept_max: usize, new: T) {
    if kept.len() == kept_max {
        kept.pop_front();
    }
    kept.push_back(new);
}
