//! The decision, played against worlds that answer at random: whatever happens, the run goes on by
//! events that may follow each other, and ends.

use loki_ledger::event::{
    ArtifactId, CallRef, Command, Cost, EffectKind, Event, Intent, Limits, Outcome, Phase, Recovery, RunId,
    RunStarted, Stop, TurnEnd, Usage, Verdict, Wait, WaitEnd,
};
use loki_ledger::run::{RECOVERIES_SPENT, Run};
use proptest::prelude::*;

use super::{Attended, Next, Step, next};

fn artifact(n: u8) -> ArtifactId {
    ArtifactId::parse(&format!("{n:064x}")).unwrap()
}

fn start(provider: Option<&str>) -> Event {
    Event::RunStarted(RunStarted {
        version: 1,
        document: artifact(1),
        document_name: "prd.md".into(),
        requirements: artifact(2),
        backend: true,
        provider: provider.map(str::to_owned),
        acts: false,
        backend_first: false,
        gates: vec!["forge".into(), "document".into()],
        checklist: Vec::new(),
        limits: Limits { iterations_max: 3, turns_max: 4, recoveries_max: 3, ..Limits::default() },
    })
}

/// A run and the world it is played against: one byte decides each answer.
struct Play {
    run: Run,
    log: Vec<Event>,
    /// A person who answers waits; nobody otherwise.
    attended: Attended,
}

impl Play {
    fn new(provider: Option<&str>, attended: Attended) -> Self {
        let mut play = Self { run: Run::new(RunId::parse("r1").unwrap()), log: Vec::new(), attended };
        play.event(start(provider));
        play
    }

    fn event(&mut self, event: Event) -> u64 {
        let seq = self.run.seq + 1;
        self.run.apply(seq, i64::try_from(seq).unwrap() * 10, &event).unwrap_or_else(|error| {
            panic!("{error}: {event:?} after {:#?}", self.log.last());
        });
        self.log.push(event);
        seq
    }

    /// Makes one move. `dice` decides what the world answers. Returns the stop, once there is one.
    fn step(&mut self, dice: u8) -> Option<Stop> {
        match next(&self.run, self.attended) {
            Next::Stopped(stop) => return Some(stop),
            Next::Stop(stop) => drop(self.event(Event::RunStopped { stop })),
            Next::Begin(iteration) => drop(self.event(Event::IterationStarted { iteration })),
            Next::Open(phase) => drop(self.event(Event::PhaseStarted { phase })),
            Next::End(phase, passed) => drop(self.event(Event::PhaseEnded { phase, passed })),
            Next::Do(step) => {
                let (kind, recovery) = effect(step, dice);
                let effect = self.event(Event::EffectIntended(Intent {
                    kind: kind.clone(),
                    recovery,
                    reserved_micro_usd: 0,
                }));
                // One time in eight the process dies before the outcome is written.
                if dice % 8 != 7 {
                    let outcome = self.answer(&kind, dice);
                    self.event(Event::EffectEnded { effect, outcome });
                }
            }
            Next::Redo(effect) => {
                let kind = self.run.open.clone().unwrap().intent.kind;
                self.event(Event::EffectRetried { effect });
                if dice % 8 != 7 {
                    let outcome = self.answer(&kind, dice);
                    self.event(Event::EffectEnded { effect, outcome });
                }
            }
            Next::GiveUp(effect) => {
                let outcome = crate::effects::failed(RECOVERIES_SPENT, "", false);
                self.event(Event::EffectEnded { effect, outcome });
            }
            Next::CutShort(effect) => {
                let outcome = crate::effects::failed("cut_short", "", false);
                self.event(Event::EffectEnded { effect, outcome });
            }
            Next::RollBack(effect) => {
                let snapshot = self.run.steps.snapshot.clone().unwrap();
                self.event(Event::EffectRolledBack { effect, snapshot });
            }
            Next::Ask(wait) => drop(self.event(Event::WaitOpened(wait))),
            Next::Backoff(_) => {
                let wait = Wait::Timer { until_ms: 0, reason: String::new() };
                self.event(Event::WaitOpened(wait));
            }
            Next::AwaitTime(_) => {
                let wait = self.run.wait.as_ref().unwrap().id;
                self.event(Event::WaitEnded { wait, how: WaitEnd::Elapsed });
            }
            Next::AwaitPerson => {
                let Wait::Approval { subject, .. } = self.run.wait.clone().unwrap().wait else { panic!() };
                let (name, reason) = ("ada".to_owned(), String::new());
                let command = match dice.is_multiple_of(2) {
                    true => Command::Approve { subject, name, reason },
                    false => Command::Reject { subject, name, reason },
                };
                let id = self.run.command_seen + 1;
                self.event(Event::CommandTaken { id, command, iteration: self.run.iteration });
            }
            Next::AwaitCommand => {
                let id = self.run.command_seen + 1;
                self.event(Event::CommandTaken { id, command: Command::Resume, iteration: 0 });
            }
        }
        None
    }

    fn answer(&self, kind: &EffectKind, dice: u8) -> Outcome {
        match kind {
            EffectKind::Snapshot => Outcome::Snapshot { commit: format!("c{}", self.run.seq) },
            EffectKind::Turn { .. } if dice.is_multiple_of(5) => {
                crate::effects::failed("provider", "no", dice.is_multiple_of(2))
            }
            EffectKind::Turn { .. } => {
                let names: &[&str] = match (self.run.phase, dice % 3) {
                    (Some(Phase::Reason), 0) => &["look"],
                    (Some(Phase::Reason), 1) => &["finish"],
                    (Some(Phase::Reason), _) => &["look", "plan"],
                    (_, 0) => &[],
                    (_, 1) => &["write", "migrate"],
                    (_, _) => &["migrate", "finish"],
                };
                let call = |(n, tool): (usize, &&str)| CallRef {
                    id: format!("{}-{n}", self.run.seq),
                    tool: (*tool).to_owned(),
                    input: artifact(3),
                    malformed: false,
                };
                Outcome::Turn {
                    turn: artifact(4),
                    calls: names.iter().enumerate().map(call).collect(),
                    usage: Usage { cost: Cost::Measured { micro_usd: 1 }, ..Usage::default() },
                    bytes: 10,
                    model: "m".into(),
                    end: match (names.is_empty(), dice % 4) {
                        (true, 0) => TurnEnd::Empty,
                        (true, 1) => TurnEnd::Refused,
                        (true, 2) => TurnEnd::CutOff,
                        (_, _) => TurnEnd::Complete,
                    },
                }
            }
            EffectKind::Tool { call, .. } if call.tool == "plan" => {
                Outcome::Planned { items: vec!["do".into()] }
            }
            EffectKind::Tool { call, .. } if call.tool == "finish" => Outcome::Claimed {
                summary: String::new(),
                exhausted: dice.is_multiple_of(3),
                evidence: vec![],
            },
            EffectKind::Tool { call, .. } if call.tool == "migrate" && !dice.is_multiple_of(3) => {
                Outcome::Review {
                    subject: format!("s{}", dice % 2),
                    proposal: artifact(5),
                    needs_person: dice.is_multiple_of(2).then(|| "rows would be lost".to_owned()),
                }
            }
            EffectKind::Tool { .. } | EffectKind::Refuse { .. } => Outcome::Tool {
                ok: !dice.is_multiple_of(4),
                summary: String::new(),
                output: artifact(6),
                bytes: 10,
            },
            EffectKind::Council { .. } => Outcome::Council {
                approved: !dice.is_multiple_of(4),
                verdict: artifact(7),
                summary: String::new(),
                usage: Usage::FREE,
            },
            EffectKind::Approve { .. } => Outcome::Approved,
            EffectKind::Compare => {
                Outcome::Compared { tree: format!("t{}", dice % 2), files: 1, diff_sha256: String::new() }
            }
            EffectKind::Gate { .. } => Outcome::Gate {
                verdict: match dice % 6 {
                    0 | 3 => Verdict::Fail,
                    1 => Verdict::NotApplicable,
                    _ => Verdict::Pass,
                },
                summary: format!("{}", dice % 2),
                facts: artifact(8),
                report: None,
                concerns: vec![],
                failing: format!("{}", dice % 2),
                usage: Usage::FREE,
                gaps: if dice.is_multiple_of(2) { vec!["mail".into()] } else { Vec::new() },
            },
            EffectKind::Receipt { .. } => Outcome::Receipt { receipt: artifact(9) },
        }
    }
}

fn effect(step: Step, dice: u8) -> (EffectKind, Recovery) {
    let kind = match step {
        Step::Snapshot => EffectKind::Snapshot,
        Step::Turn => EffectKind::Turn { request: artifact(3) },
        Step::Tool(call) => {
            let recovery = [Recovery::RollBack, Recovery::Repeat, Recovery::Report][usize::from(dice % 3)];
            // Only an act has a snapshot to go back to; planning only reads.
            let recovery =
                if call.tool == "look" || call.tool == "plan" { Recovery::Repeat } else { recovery };
            return (EffectKind::Tool { call, expects: None }, recovery);
        }
        Step::Council(subject) => EffectKind::Council { subject, proposal: artifact(5) },
        Step::Approve(subject, by) => EffectKind::Approve { subject, by },
        Step::Refuse(call, subject) => EffectKind::Refuse { call, subject },
        Step::Compare => EffectKind::Compare,
        Step::Gate(gate) => EffectKind::Gate { gate },
        Step::Receipt(stop) => EffectKind::Receipt { stop },
    };
    (kind, Recovery::Repeat)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Every run ends, by events that may follow each other, with a receipt for its stop, and nothing is
    /// called verified unless every gate of the last verify phase passed.
    #[test]
    fn every_run_ends(dice in proptest::collection::vec(any::<u8>(), 4000), attended: bool) {
        let attended = if attended { Attended::Yes } else { Attended::No };
        let mut play = Play::new(Some("script"), attended);
        let stop = dice.iter().find_map(|dice| play.step(*dice));
        let stop = stop.expect("a run ends");
        prop_assert_eq!(play.run.receipt.as_ref().map(|(stop, _)| stop), Some(&stop));
        if matches!(stop, Stop::Verified | Stop::VerifiedWithGaps) {
            prop_assert_eq!(play.run.gates.len(), 2);
            let content = |verdict| matches!(verdict, Verdict::Pass | Verdict::NotApplicable);
            prop_assert!(play.run.gates.iter().all(|gate| content(gate.verdict)));
            prop_assert!(play.run.gates.iter().any(|gate| gate.verdict == Verdict::Pass));
            let gaps = play.run.gates.iter().any(|gate| !gate.gaps.is_empty());
            prop_assert_eq!(gaps, stop == Stop::VerifiedWithGaps);
        }
        if attended == Attended::Yes {
            prop_assert!(!matches!(stop, Stop::NeedsPerson { .. }), "somebody could answer");
        }
    }

    /// A call whose proposal was not approved never reaches its tool a second time.
    #[test]
    fn nothing_acts_unapproved(dice in proptest::collection::vec(any::<u8>(), 4000)) {
        let mut play = Play::new(Some("script"), Attended::Yes);
        for dice in dice {
            if let Next::Do(Step::Tool(call)) = next(&play.run, play.attended)
                && let Some(subject) = &play.run.steps.review
            {
                let review = &play.run.reviews[subject];
                prop_assert!(review.approved, "{} acts unapproved", call.id);
                prop_assert!(review.council.as_ref().is_some_and(|(approved, ..)| *approved));
                let asked = review.needs_person.is_none() || review.person.as_ref().is_some_and(|(yes, ..)| *yes);
                prop_assert!(asked, "{} acts although a person must decide", call.id);
            }
            if play.step(dice).is_some() {
                break;
            }
        }
    }
}

#[test]
fn without_a_provider_it_stops_at_once_and_says_so() {
    let mut play = Play::new(None, Attended::No);
    let stop = (0..10).find_map(|_| play.step(1)).unwrap();
    assert_eq!(stop, Stop::NeedsModel);
    assert_eq!(play.run.iteration, 0);
}

#[test]
fn limits_stop_before_money_is_spent() {
    let mut play = Play::new(Some("script"), Attended::No);
    play.run.limits.budget_micro_usd_max = Some(1);
    let stop = (0..200).find_map(|_| play.step(11)).unwrap();
    assert_eq!(stop, Stop::BudgetSpent);
    assert_eq!(play.run.spent.turns, 1, "the first turn spent it all");
}

#[test]
fn a_turn_of_unknown_cost_is_over_any_budget() {
    let mut play = Play::new(Some("script"), Attended::No);
    play.run.limits.budget_micro_usd_max = Some(1_000_000);
    play.run.spent.turns_unknown = 1;
    let stop = (0..10).find_map(|_| play.step(11)).unwrap();
    assert_eq!(stop, Stop::BudgetSpent);
}

#[test]
fn a_stop_command_ends_the_run_wherever_it_is() {
    for at in 1..30 {
        let mut play = Play::new(Some("script"), Attended::No);
        for _ in 0..at {
            play.step(11);
        }
        if play.run.stopped.is_some() {
            break;
        }
        play.event(Event::CommandTaken { id: 1, command: Command::Stop, iteration: 0 });
        let stop = (0..4).find_map(|_| play.step(11)).unwrap();
        assert_eq!(stop, Stop::Requested, "after {at} moves");
    }
}

#[test]
fn a_provider_that_finishes_instead_of_planning_is_not_asked_again() {
    let mut play = Play::new(Some("script"), Attended::No);
    while play.run.phase != Some(Phase::Reason) || play.run.steps.turns.is_empty() {
        play.step(1);
    }
    assert_eq!(play.run.steps.pending[0].tool, "finish");
    play.step(1);
    assert_eq!(next(&play.run, play.attended), Next::End(Phase::Reason, true));
}
