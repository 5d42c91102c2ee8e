//! A run as its events tell it: the fold.
//!
//! [`Run::apply`] takes events in order and refuses one that cannot follow. What it keeps is what a
//! decision needs; everything else stays in the ledger and is read from there.

mod account;
mod mark;

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Approver, ArtifactId, CallRef, Command, EffectKind, Event, Intent, Limits, Note, Outcome, Phase, RunId,
    RunStarted, Skill, Stop, TurnEnd, Verdict, Wait, WaitEnd,
};

pub use account::{ModelSpent, Spent};
pub use mark::Mark;

/// Paths of files that others edited that are kept in mind.
const EDITED_MAX: usize = 1000;

/// The code of an outcome that stands for an effect which took its process down too often.
pub const RECOVERIES_SPENT: &str = "recoveries_spent";

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// The last event's number; 0 before the first.
    pub seq: u64,
    /// How it started; `None` before the first event.
    pub started: Option<RunStarted>,
    /// Time of the first event, in milliseconds since the epoch.
    pub started_ms: i64,
    /// Time of the last event, in milliseconds since the epoch.
    pub last_ms: i64,
    /// Why it stopped, if it has.
    pub stopped: Option<Stop>,
    /// The stop that the newest receipt testifies to.
    pub receipt: Option<(Stop, ArtifactId)>,
    /// Limits in force.
    pub limits: Limits,
    /// What has been used up.
    pub spent: Spent,
    /// Drivers so far.
    pub drivers: u32,
    /// The current iteration; 0 before the first.
    pub iteration: u32,
    /// The phase that is open.
    pub phase: Option<Phase>,
    /// The last phase that ended in this iteration, and whether it passed.
    pub last_phase: Option<(Phase, bool)>,
    /// The effect whose outcome is not known.
    pub open: Option<OpenEffect>,
    /// The wait that is open.
    pub wait: Option<OpenWait>,
    /// What the open (or last) phase has done so far.
    pub steps: Steps,
    /// The plan's items.
    pub checklist: Vec<String>,
    /// Gates judged in this iteration, in order.
    pub gates: Vec<GateResult>,
    /// Gates as the iteration before this one left them.
    pub gates_before: Vec<GateResult>,
    /// The work tree's hash after each compared iteration.
    pub trees: Vec<(u32, String)>,
    /// What each finished iteration came to, oldest first.
    pub marks: Vec<Mark>,
    /// Calls of each tool that failed one after the other in this iteration, whatever their input.
    pub streaks: BTreeMap<String, u32>,
    /// What the provider wrote down for every later prompt.
    pub notes: Vec<Note>,
    /// The skills it took up, each as it was the first time, in that order.
    pub skills: Vec<SkillTaken>,
    /// Files that somebody else changed during the run.
    pub edited: BTreeSet<String>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<SnapshotTaken>,
    /// What became of each proposal.
    pub reviews: BTreeMap<String, Review>,
    /// The provider's last claim to be done.
    pub claim: Option<Claim>,
    /// Whether somebody paused the run.
    pub paused: bool,
    /// Whether somebody asked it to stop.
    pub stop_requested: bool,
    /// The newest command taken, by its number in the inbox.
    pub command_seen: i64,
    /// Guidance, oldest first; part of every prompt from then on.
    pub steers: Vec<String>,
    /// The last turn's failure, if the last turn failed.
    pub turn_failed: Option<TurnFailure>,
    /// Turns that failed one after the other.
    pub turn_failures: u32,
    /// Whether an effect took its process down too often.
    pub recoveries_spent: bool,
    /// Whether the next step may cost more than is left of the budget.
    pub overdrawn: bool,
}

/// Why a turn brought no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFailure {
    /// What was said.
    pub message: String,
    /// Whether trying again may help.
    pub transient: bool,
    /// Whether the provider is well, and only refuses to be asked so often.
    pub rate_limited: bool,
    /// When it may be asked again, where that is known, in milliseconds since the epoch.
    pub retry_at_ms: Option<i64>,
}

/// The code of a turn's failure whose provider refuses to be asked so often.
pub const RATE_LIMITED: &str = "rate_limited";

/// An effect whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEffect {
    /// Its intent's number.
    pub id: u64,
    /// The intent.
    pub intent: Intent,
    /// How often it was carried out again after its process died.
    pub recoveries: u32,
}

/// Something the run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWait {
    /// Its number.
    pub id: u64,
    /// When it began, in milliseconds since the epoch.
    pub since_ms: i64,
    /// What for.
    pub wait: Wait,
}

/// What one phase has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// The newest snapshot of the work tree in the phase.
    pub snapshot: Option<String>,
    /// Turns that had been taken when it was made.
    pub snapshot_turns: usize,
    /// Turns, with the calls each asked for.
    pub turns: Vec<TurnTaken>,
    /// Calls asked for and not answered yet, in order.
    pub pending: Vec<CallRef>,
    /// The proposal that the first pending call waits for, by its hash.
    pub review: Option<String>,
    /// Proposals that the first pending call has made.
    pub reviews: u32,
    /// How often the phase was rolled back.
    pub rollbacks: u32,
    /// Whether the provider said that it is done.
    pub claimed: bool,
    /// Whether the work tree was compared.
    pub compared: bool,
    /// The skills that were taken up in it, each with the number of turns by then.
    pub skills: Vec<(usize, String)>,
}

/// A skill that was taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillTaken {
    /// The skill, as it was then.
    pub skill: Skill,
    /// Whether a phase in which it was taken up has ended: every prompt holds its text since.
    pub standing: bool,
}

/// A turn and the answers to its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnTaken {
    /// The answer.
    pub turn: ArtifactId,
    /// How it ended.
    pub end: TurnEnd,
    /// Its calls and their answers so far.
    pub calls: Vec<(CallRef, Option<CallAnswer>)>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// Whether it did what was asked.
    pub ok: bool,
    /// One line for people.
    pub summary: String,
    /// The whole answer, where there is one.
    pub output: Option<ArtifactId>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// The iteration it was taken in.
    pub iteration: u32,
    /// Its commit.
    pub commit: String,
}

/// A gate's judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateResult {
    /// Which gate.
    pub gate: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// One line for people.
    pub summary: String,
    /// What it saw.
    pub facts: ArtifactId,
    /// What is still missing.
    pub gaps: Vec<String>,
    /// What whoever must mend it is told.
    pub report: Option<ArtifactId>,
    /// Hash over what fails; empty where nothing does.
    pub failing: String,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The proposal.
    pub proposal: ArtifactId,
    /// Why a person must decide, where one must.
    pub needs_person: Option<String>,
    /// The council's verdict, and whether it approves.
    pub council: Option<(bool, ArtifactId, String)>,
    /// The person's decision: approved, name, reason.
    pub person: Option<(bool, String, String)>,
    /// Whether an approval is stored.
    pub approved: bool,
}

/// The provider's claim to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it says.
    pub summary: String,
    /// Whether it has nothing more to offer.
    pub exhausted: bool,
    /// What it names as evidence.
    pub evidence: Vec<String>,
}

/// An event that cannot follow the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} cannot follow: {reason}")]
pub struct FoldError {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub reason: &'static str,
}

impl Steps {
    /// Forgets the newest turns that brought nothing, so that the provider is asked again.
    fn forgive(&mut self) {
        let barren = |turn: &TurnTaken| turn.calls.is_empty() && turn.end != TurnEnd::Complete;
        while self.turns.last().is_some_and(barren) {
            self.turns.pop();
        }
        self.snapshot_turns = self.snapshot_turns.min(self.turns.len());
    }

    /// Back to the newest snapshot: what came after it is as if it had not been.
    fn roll_back(&mut self) {
        let turns = self.snapshot_turns.min(self.turns.len());
        *self = Self {
            snapshot: self.snapshot.take(),
            snapshot_turns: turns,
            turns: self.turns.drain(..turns).collect(),
            skills: self.skills.drain(..).filter(|(taken, _)| *taken <= turns).collect(),
            rollbacks: self.rollbacks + 1,
            ..Self::default()
        };
    }
}

impl Run {
    /// A run before its first event.
    pub fn new(id: RunId) -> Self {
        Self {
            id,
            seq: 0,
            started: None,
            started_ms: 0,
            last_ms: 0,
            stopped: None,
            receipt: None,
            limits: Limits::default(),
            spent: Spent::default(),
            drivers: 0,
            iteration: 0,
            phase: None,
            last_phase: None,
            open: None,
            wait: None,
            steps: Steps::default(),
            checklist: Vec::new(),
            gates: Vec::new(),
            gates_before: Vec::new(),
            trees: Vec::new(),
            marks: Vec::new(),
            streaks: BTreeMap::new(),
            notes: Vec::new(),
            skills: Vec::new(),
            edited: BTreeSet::new(),
            snapshots: Vec::new(),
            reviews: BTreeMap::new(),
            claim: None,
            paused: false,
            stop_requested: false,
            command_seen: 0,
            steers: Vec::new(),
            turn_failed: None,
            turn_failures: 0,
            recoveries_spent: false,
            overdrawn: false,
        }
    }

    /// Whether the event may come next.
    pub fn admits(&self, event: &Event) -> Result<(), FoldError> {
        let refuse = |reason| Err(FoldError { seq: self.seq + 1, reason });
        if self.started.is_none() != matches!(event, Event::RunStarted(_)) {
            return refuse("a run starts once, with its first event");
        }
        if self.stopped.is_some()
            && !matches!(event, Event::Reopened { .. } | Event::CommandTaken { .. } | Event::Attached { .. })
        {
            return refuse("the run has stopped");
        }
        self.check(event).or_else(refuse)
    }

    /// Takes over one event: its number, its time in milliseconds since the epoch, and itself.
    /// A refused event leaves the run as it was.
    pub fn apply(&mut self, seq: u64, at_ms: i64, event: &Event) -> Result<(), FoldError> {
        if seq != self.seq + 1 {
            return Err(FoldError { seq, reason: "its number is not the next one" });
        }
        self.admits(event)?;
        self.account(at_ms, event);
        self.take(seq, at_ms, event);
        self.seq = seq;
        self.last_ms = at_ms;
        Ok(())
    }

    /// The checks of what may follow what.
    fn check(&self, event: &Event) -> Result<(), &'static str> {
        let open = self.open.as_ref().map(|open| open.id);
        match event {
            Event::RunStarted(_)
            | Event::Attached { .. }
            | Event::CommandTaken { .. }
            | Event::FilesEdited { .. }
            | Event::Overdrawn { .. } => Ok(()),
            Event::IterationStarted { iteration } => ensure(
                *iteration == self.iteration + 1 && self.phase.is_none() && open.is_none(),
                "an iteration starts after the one before it",
            ),
            Event::PhaseStarted { .. } => ensure(
                self.iteration > 0 && self.phase.is_none() && open.is_none(),
                "a phase starts within an iteration, after the phase before it",
            ),
            Event::EffectIntended(_) => ensure(open.is_none(), "one effect at a time"),
            Event::EffectRetried { effect } | Event::EffectRolledBack { effect, .. } => {
                ensure(open == Some(*effect), "that effect is not open")
            }
            Event::EffectEnded { effect, outcome } => match &self.open {
                Some(open) if open.id == *effect => {
                    ensure(belongs(&open.intent.kind, outcome), "that is no outcome of such an effect")
                }
                Some(_) | None => Err("that effect is not open"),
            },
            Event::PhaseEnded { phase, .. } => {
                ensure(self.phase == Some(*phase) && open.is_none(), "that phase is not open")
            }
            Event::WaitOpened(_) => ensure(self.wait.is_none() && open.is_none(), "one wait at a time"),
            Event::WaitEnded { wait, .. } => {
                ensure(self.wait.as_ref().is_some_and(|open| open.id == *wait), "that wait is not open")
            }
            Event::Reopened { .. } => ensure(self.stopped.is_some(), "the run has not stopped"),
            Event::RunStopped { .. } => ensure(open.is_none(), "an effect is open"),
        }
    }

    /// Takes over an event that was found to fit.
    fn take(&mut self, seq: u64, at_ms: i64, event: &Event) {
        match event {
            Event::RunStarted(started) => {
                self.limits = started.limits.clone();
                self.started = Some(started.clone());
                self.started_ms = at_ms;
            }
            Event::Attached { .. } => self.drivers += 1,
            Event::IterationStarted { iteration } => {
                self.iteration = *iteration;
                self.last_phase = None;
                self.claim = None;
                self.streaks.clear();
                self.gates_before = std::mem::take(&mut self.gates);
            }
            Event::PhaseStarted { phase } => {
                self.phase = Some(*phase);
                self.steps = Steps::default();
                if *phase == Phase::Verify {
                    self.gates.clear();
                }
            }
            Event::EffectIntended(intent) => {
                self.open = Some(OpenEffect { id: seq, intent: intent.clone(), recoveries: 0 });
            }
            Event::EffectRetried { .. } => {
                if let Some(open) = &mut self.open {
                    open.recoveries += 1;
                }
            }
            Event::EffectRolledBack { .. } => {
                self.open = None;
                self.steps.roll_back();
            }
            Event::EffectEnded { outcome, .. } => {
                if let Some(open) = self.open.take() {
                    self.end(&open.intent.kind, outcome);
                }
            }
            Event::PhaseEnded { phase, passed } => {
                self.phase = None;
                self.last_phase = Some((*phase, *passed));
                let taken = std::mem::take(&mut self.steps.skills);
                for known in self
                    .skills
                    .iter_mut()
                    .filter(|known| taken.iter().any(|(_, name)| *name == known.skill.name))
                {
                    known.standing = true;
                }
                if *phase == Phase::Verify {
                    self.marks.push(Mark::of(self));
                }
            }
            Event::WaitOpened(wait) => {
                self.wait = Some(OpenWait { id: seq, since_ms: at_ms, wait: wait.clone() });
            }
            Event::WaitEnded { how, .. } => self.end_wait(how),
            Event::FilesEdited { paths, .. } => {
                let room = EDITED_MAX.saturating_sub(self.edited.len());
                self.edited.extend(paths.iter().take(room).cloned());
            }
            Event::CommandTaken { id, command, .. } => {
                self.command_seen = self.command_seen.max(*id);
                self.command(command);
            }
            Event::Overdrawn { .. } => self.overdrawn = true,
            Event::Reopened { limits } => {
                self.overdrawn = false;
                self.steps.forgive();
                self.stopped = None;
                self.stop_requested = false;
                self.receipt = None;
                self.turn_failed = None;
                self.turn_failures = 0;
                self.recoveries_spent = false;
                self.limits = limits.clone();
            }
            Event::RunStopped { stop } => self.stopped = Some(stop.clone()),
        }
    }

    fn end(&mut self, kind: &EffectKind, outcome: &Outcome) {
        match (kind, outcome) {
            (_, Outcome::Snapshot { commit }) => {
                self.steps.snapshot = Some(commit.clone());
                self.steps.snapshot_turns = self.steps.turns.len();
                self.snapshots.push(SnapshotTaken { iteration: self.iteration, commit: commit.clone() });
            }
            (_, Outcome::Turn { turn, calls, end, .. }) => {
                self.turn_failed = None;
                self.turn_failures = 0;
                self.steps.pending = calls.clone();
                let calls = calls.iter().map(|call| (call.clone(), None)).collect();
                self.steps.turns.push(TurnTaken { turn: turn.clone(), end: *end, calls });
            }
            (
                EffectKind::Tool { call, .. } | EffectKind::Refuse { call, .. },
                Outcome::Tool { ok, summary, output, .. },
            ) => {
                self.streak(&call.tool, *ok);
                self.answer(call, *ok, summary, Some(output));
            }
            (EffectKind::Tool { call, .. }, Outcome::Planned { items }) => {
                self.checklist = items.clone();
                self.answer(call, true, "the plan is taken over", None);
            }
            (EffectKind::Tool { call, .. }, Outcome::Noted { note }) => {
                if !self.notes.contains(note) {
                    self.notes.push(note.clone());
                }
                self.answer(call, true, "noted", None);
            }
            (EffectKind::Tool { call, .. }, Outcome::Activated { skill, output, .. }) => {
                self.take_up(skill);
                self.streak(&call.tool, true);
                self.answer(call, true, &format!("the skill `{}` is taken up", skill.name), Some(output));
            }
            (EffectKind::Tool { call, .. }, Outcome::Claimed { summary, exhausted, evidence }) => {
                self.claim = Some(Claim {
                    summary: summary.clone(),
                    exhausted: *exhausted,
                    evidence: evidence.clone(),
                });
                self.steps.claimed = true;
                self.answer(call, true, "noted; the gates decide", None);
            }
            (EffectKind::Tool { .. }, Outcome::Review { subject, proposal, needs_person }) => {
                let review = self.reviews.entry(subject.clone()).or_insert_with(|| Review {
                    proposal: proposal.clone(),
                    needs_person: needs_person.clone(),
                    council: None,
                    person: None,
                    approved: false,
                });
                review.approved = false; // The tool asks, so it holds no approval (any more).
                self.steps.review = Some(subject.clone());
                self.steps.reviews += 1;
            }
            (EffectKind::Council { subject, .. }, Outcome::Council { approved, verdict, summary, .. }) => {
                if let Some(review) = self.reviews.get_mut(subject) {
                    review.council = Some((*approved, verdict.clone(), summary.clone()));
                }
            }
            (EffectKind::Approve { subject, by }, Outcome::Approved) => {
                if let Some(review) = self.reviews.get_mut(subject) {
                    review.approved = true;
                    if let Approver::Person { name, reason } = by {
                        review.person = Some((true, name.clone(), reason.clone()));
                    }
                }
            }
            (_, Outcome::Compared { tree, .. }) => {
                self.steps.compared = true;
                self.trees.push((self.iteration, tree.clone()));
            }
            (
                EffectKind::Gate { gate },
                Outcome::Gate { verdict, summary, facts, gaps, report, failing, .. },
            ) => {
                self.gates.push(GateResult {
                    gate: gate.clone(),
                    verdict: *verdict,
                    summary: summary.clone(),
                    facts: facts.clone(),
                    gaps: gaps.clone(),
                    report: report.clone(),
                    failing: failing.clone(),
                });
            }
            (EffectKind::Receipt { stop }, Outcome::Receipt { receipt }) => {
                self.receipt = Some((stop.clone(), receipt.clone()));
            }
            (_, Outcome::Failed { code, .. }) if code == RECOVERIES_SPENT => self.recoveries_spent = true,
            (EffectKind::Tool { call, .. }, Outcome::Failed { message, .. }) => {
                self.streak(&call.tool, false);
                self.answer(call, false, message, None);
            }
            (EffectKind::Turn { .. }, Outcome::Failed { code, message, transient, retry_at_ms, .. }) => {
                self.turn_failed = Some(TurnFailure {
                    message: message.clone(),
                    transient: *transient,
                    rate_limited: code == RATE_LIMITED,
                    retry_at_ms: *retry_at_ms,
                });
                self.turn_failures += 1;
            }
            (_, _) => {}
        }
    }

    /// The first text of a skill is the one that counts: a later one of that name changes nothing.
    fn take_up(&mut self, skill: &Skill) {
        if !self.skills.iter().any(|known| known.skill.name == skill.name) {
            self.skills.push(SkillTaken { skill: skill.clone(), standing: false });
        }
        if !self.steps.skills.iter().any(|(_, name)| *name == skill.name) {
            self.steps.skills.push((self.steps.turns.len(), skill.name.clone()));
        }
    }

    /// Writes the answer to the first pending call.
    fn answer(&mut self, call: &CallRef, ok: bool, summary: &str, output: Option<&ArtifactId>) {
        let steps = &mut self.steps;
        steps.pending.retain(|pending| pending.id != call.id);
        steps.review = None;
        steps.reviews = 0;
        let asked =
            steps.turns.last_mut().and_then(|turn| turn.calls.iter_mut().find(|(c, _)| c.id == call.id));
        if let Some((_, answer)) = asked {
            *answer = Some(CallAnswer { ok, summary: summary.to_owned(), output: output.cloned() });
        }
    }

    fn streak(&mut self, tool: &str, ok: bool) {
        if ok {
            self.streaks.remove(tool);
        } else {
            *self.streaks.entry(tool.to_owned()).or_default() += 1;
        }
    }

    fn end_wait(&mut self, how: &WaitEnd) {
        match how {
            WaitEnd::Elapsed => {
                self.wait = None;
                self.turn_failed = None; // It may be asked again.
            }
        }
    }

    fn decide(&mut self, subject: &str, decision: (bool, &str, &str)) {
        let (approved, name, reason) = decision;
        if let Some(review) = self.reviews.get_mut(subject) {
            review.person = Some((approved, name.to_owned(), reason.to_owned()));
        }
        let answers =
            |open: &OpenWait| matches!(&open.wait, Wait::Approval { subject: s, .. } if s == subject);
        if self.wait.as_ref().is_some_and(answers) {
            self.wait = None;
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Pause => self.paused = true,
            Command::Resume => self.paused = false,
            Command::Stop => self.stop_requested = true,
            Command::Steer { text } => self.steers.push(text.clone()),
            Command::Approve { subject, name, reason } => self.decide(subject, (true, name, reason)),
            Command::Reject { subject, name, reason } => self.decide(subject, (false, name, reason)),
        }
    }
}

/// Whether an effect of that kind can end so.
fn belongs(kind: &EffectKind, outcome: &Outcome) -> bool {
    match (kind, outcome) {
        (_, Outcome::Failed { .. })
        | (EffectKind::Snapshot, Outcome::Snapshot { .. })
        | (EffectKind::Turn { .. }, Outcome::Turn { .. })
        | (
            EffectKind::Tool { .. },
            Outcome::Tool { .. }
            | Outcome::Planned { .. }
            | Outcome::Claimed { .. }
            | Outcome::Noted { .. }
            | Outcome::Activated { .. }
            | Outcome::Review { .. },
        )
        | (EffectKind::Refuse { .. }, Outcome::Tool { .. })
        | (EffectKind::Council { .. }, Outcome::Council { .. })
        | (EffectKind::Approve { .. }, Outcome::Approved)
        | (EffectKind::Compare, Outcome::Compared { .. })
        | (EffectKind::Gate { .. }, Outcome::Gate { .. })
        | (EffectKind::Receipt { .. }, Outcome::Receipt { .. }) => true,
        (_, _) => false,
    }
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
