use loki_ledger::EventHash;
use loki_ledger::event::ArtifactId;
use loki_ledger::event::{
    Approver, CallRef, Command, Cost, EffectKind, Event, Intent, Limits, Note, NoteKind, Outcome, Phase,
    Recovery, RunStarted, Skill, Stop, TurnEnd, Usage, Verdict, Wait, WaitEnd,
};
use loki_ledger::run::{RECOVERIES_SPENT, Run};
use proptest::prelude::*;

use super::*;

pub(crate) fn run_id() -> RunId {
    RunId::parse("20261121-053112-7f3a").unwrap()
}

pub(crate) fn recorded(seq: u64, at_ms: i64, event: Event) -> Recorded {
    Recorded { run: run_id(), seq, at_ms, event, hash: EventHash::from_bytes(&[0; 32]).unwrap() }
}

fn artifact(word: &str) -> ArtifactId {
    ArtifactId::of(word.as_bytes())
}

fn started() -> Event {
    Event::RunStarted(RunStarted {
        version: 1,
        document: artifact("document"),
        document_name: "PRD.md".to_owned(),
        requirements: artifact("requirements"),
        backend: true,
        provider: Some("blueprint".to_owned()),
        acts: false,
        backend_first: false,
        gates: vec!["forge".to_owned()],
        checklist: vec!["from the document".to_owned()],
        limits: Limits::default(),
    })
}

fn usage(n: u64) -> Usage {
    let cost = match n % 3 {
        0 => Cost::Measured { micro_usd: n },
        1 => Cost::Estimated { micro_usd: n },
        _ => Cost::Unknown,
    };
    Usage { input: n, output: n / 2, cache_read: 1, cache_write: 2, cost }
}

fn call(n: u64) -> CallRef {
    CallRef {
        id: format!("call-{n}"),
        tool: "write_file".to_owned(),
        input: artifact("input"),
        malformed: false,
    }
}

/// Everything that might happen next, of which some can follow and some cannot.
fn candidates(run: &Run, n: u64) -> Vec<Event> {
    let open = run.open.as_ref().map_or(0, |open| open.id);
    let text = |word: &str| format!("{word} {n}");
    let subject = format!("{:064x}", n % 3);
    let intent =
        |kind| Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd: n % 7 });
    let ended = |outcome| Event::EffectEnded { effect: open, outcome };
    vec![
        started(),
        Event::Attached { pid: n as u32, attended: n.is_multiple_of(2) },
        Event::IterationStarted { iteration: run.iteration + 1 },
        Event::PhaseStarted {
            phase: [Phase::Reason, Phase::Act, Phase::Reflect, Phase::Verify][n as usize % 4],
        },
        Event::PhaseEnded { phase: run.phase.unwrap_or(Phase::Act), passed: n.is_multiple_of(2) },
        intent(EffectKind::Snapshot),
        intent(EffectKind::Turn { request: artifact("request") }),
        intent(EffectKind::Tool { call: call(n), expects: None }),
        intent(EffectKind::Council { subject: subject.clone(), proposal: artifact("proposal") }),
        intent(EffectKind::Approve {
            subject: subject.clone(),
            by: Approver::Council { verdict: artifact("verdict") },
        }),
        intent(EffectKind::Compare),
        intent(EffectKind::Gate { gate: format!("gate {}", n % 3) }),
        Event::EffectRetried { effect: open },
        Event::EffectRolledBack { effect: open, snapshot: text("snapshot") },
        ended(Outcome::Snapshot { commit: text("commit") }),
        ended(Outcome::Turn {
            turn: artifact("turn"),
            calls: vec![call(n)],
            usage: usage(n),
            bytes: n,
            model: format!("model {}", n % 100),
            end: TurnEnd::Complete,
        }),
        ended(Outcome::Tool {
            ok: n.is_multiple_of(2),
            summary: text("tool"),
            output: artifact("output"),
            bytes: n,
        }),
        ended(Outcome::Planned { items: vec![text("item"), text("other")] }),
        ended(Outcome::Claimed { summary: text("claim"), exhausted: false, evidence: vec![] }),
        ended(Outcome::Noted { note: Note { kind: NoteKind::Finding, text: text("note") } }),
        ended(Outcome::Activated {
            skill: Skill {
                name: text("skill"),
                place: text("place"),
                hash: text("hash"),
                snapshot: artifact("snapshot"),
                allowed_tools: None,
            },
            output: artifact("output"),
            bytes: n,
        }),
        ended(Outcome::Review {
            subject: subject.clone(),
            proposal: artifact("proposal"),
            needs_person: Some(text("rows")),
        }),
        ended(Outcome::Council {
            approved: true,
            verdict: artifact("verdict"),
            summary: text("council"),
            usage: usage(n),
        }),
        ended(Outcome::Approved),
        ended(Outcome::Compared { tree: text("tree"), files: n as u32, diff_sha256: text("diff") }),
        ended(Outcome::Gate {
            verdict: [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::NotApplicable]
                [n as usize % 4],
            summary: text("gate"),
            facts: artifact("facts"),
            gaps: vec![text("item")],
            report: None,
            concerns: vec![],
            failing: String::new(),
            usage: usage(n),
        }),
        ended(Outcome::Failed {
            code: if n.is_multiple_of(5) { RECOVERIES_SPENT.to_owned() } else { "failed".to_owned() },
            message: text("failure"),
            transient: true,
            retry_at_ms: None,
            usage: n.is_multiple_of(2).then(|| usage(n)),
        }),
        Event::WaitOpened(Wait::Timer { until_ms: 5, reason: text("busy") }),
        Event::WaitEnded { wait: run.wait.as_ref().map_or(0, |wait| wait.id), how: WaitEnd::Elapsed },
        Event::CommandTaken {
            id: n as i64,
            command: Command::Steer { text: text("guide") },
            iteration: run.iteration,
        },
        Event::CommandTaken {
            id: n as i64,
            command: Command::Reject { subject, name: "ada".to_owned(), reason: text("no") },
            iteration: run.iteration,
        },
        Event::FilesEdited { paths: vec![text("path")], more: 1 },
        Event::Overdrawn { needed_micro_usd: None },
        Event::Reopened { limits: Limits::default() },
        Event::RunStopped { stop: Stop::Requested },
    ]
}

/// A ledger that could have been written: each choice takes the next event that can follow.
pub(crate) fn ledger(choices: &[u16]) -> Vec<Recorded> {
    let mut run = Run::new(run_id());
    let mut events: Vec<Recorded> = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        let (seq, at_ms) = (at as u64 + 1, 1_000_000 + at as i64 * 700);
        let all = candidates(&run, u64::from(*choice));
        let from = usize::from(*choice) % all.len();
        let next = all[from..].iter().chain(&all[..from]).find(|event| run.admits(event).is_ok()).unwrap();
        run.apply(seq, at_ms, next).unwrap();
        events.push(recorded(seq, at_ms, next.clone()));
    }
    events
}

/// Choices spread evenly, always the same.
pub(crate) fn spread(count: u32) -> Vec<u16> {
    (0..count).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as u16).collect()
}

fn folded(events: &[Recorded]) -> Model {
    let mut model = Model::new(run_id());
    model.apply(events);
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn portions_do_not_matter(choices in prop::collection::vec(any::<u16>(), 1..300), cut in 1usize..50) {
        let events = ledger(&choices);
        let whole = folded(&events);
        prop_assert_eq!(&whole.live.disorder, &None);
        let mut one_by_one = Model::new(run_id());
        for event in &events {
            one_by_one.apply(std::slice::from_ref(event));
        }
        let mut portions = Model::new(run_id());
        events.chunks(cut).for_each(|portion| portions.apply(portion));
        prop_assert_eq!(&one_by_one, &whole);
        prop_assert_eq!(&portions, &whole);
    }

    #[test]
    fn a_replay_of_every_moment_equals_having_been_there(choices in prop::collection::vec(any::<u16>(), 1..120)) {
        let events = ledger(&choices);
        let mut model = Model::new(run_id());
        // Close together, so that replays begin at many of them.
        model.checkpoint_every = 4;
        model.apply(&events);
        let mut live = Picture::new(run_id());
        for event in &events {
            live.apply(event);
            let mut replayed = model.base(event.seq);
            prop_assert!(replayed.seq() <= event.seq);
            for later in events.iter().filter(|later| later.seq > replayed.seq()).take_while(|later| later.seq <= event.seq).cloned().collect::<Vec<_>>() {
                replayed.apply(&later);
            }
            prop_assert_eq!(&replayed, &live);
        }
        prop_assert!(model.checkpoints.len() <= CHECKPOINTS_MAX);
    }

    #[test]
    fn the_account_agrees_with_the_engine(choices in prop::collection::vec(any::<u16>(), 1..300)) {
        let events = ledger(&choices);
        let model = folded(&events);
        let (run, costs) = (&model.live.run, &model.live.costs);
        let mut all = Money::default();
        costs.kinds.values().for_each(|money| all.plus(*money));
        prop_assert_eq!(all.micro_usd, run.spent.micro_usd);
        prop_assert_eq!(all.unknown, run.spent.turns_unknown);
        prop_assert_eq!(all.estimated, run.spent.estimated);
        prop_assert_eq!(costs.models.values().map(|model| model.turns).sum::<u32>(), run.spent.turns);
        if model.live.timeline.dropped == 0 {
            let mut by_iteration = Money::default();
            model.live.timeline.iterations.iter().for_each(|iteration| by_iteration.plus(iteration.money));
            prop_assert_eq!(by_iteration, all);
        }
    }

    #[test]
    fn whatever_comes_nothing_breaks(choices in prop::collection::vec((any::<u16>(), 0u64..40), 1..100)) {
        let run = Run::new(run_id());
        let mut model = Model::new(run_id());
        for (choice, seq) in choices {
            let all = candidates(&run, u64::from(choice));
            model.apply(&[recorded(seq, i64::from(choice), all[usize::from(choice) % all.len()].clone())]);
        }
        prop_assert!(model.live.seq() <= model.log.last());
    }
}

#[test]
fn an_event_that_cannot_follow_is_told_and_ends_what_is_shown() {
    let mut model = Model::new(run_id());
    model.apply(&[recorded(1, 1, started()), recorded(2, 2, Event::EffectRetried { effect: 9 })]);
    model.apply(&[recorded(3, 3, Event::IterationStarted { iteration: 1 })]);
    let disorder = model.live.disorder.as_ref().unwrap();
    assert_eq!((disorder.seq, disorder.reason.as_str()), (2, "that effect is not open"));
    assert_eq!((model.live.seq(), model.log.last()), (1, 3));
    let mut gap = Model::new(run_id());
    gap.apply(&[recorded(1, 1, started()), recorded(3, 3, Event::IterationStarted { iteration: 1 })]);
    assert_eq!(gap.live.disorder.unwrap().reason, "an event is missing before it");
}

#[test]
fn events_that_are_read_twice_count_once() {
    let events = ledger(&(0..200).collect::<Vec<u16>>());
    let mut model = folded(&events);
    let before = model.clone();
    model.apply(&events[50..]);
    assert_eq!(model, before);
}

#[test]
fn a_hundred_thousand_events_stay_within_bounds() {
    let mut model = Model::new(run_id());
    let mut events = vec![recorded(1, 1, started())];
    let take = |id: u64| Event::CommandTaken {
        id: id as i64,
        command: Command::Approve {
            subject: "s".to_owned(),
            name: "ada".to_owned(),
            reason: "x".repeat(100),
        },
        iteration: 0,
    };
    events.extend((2..=100_400).map(|seq| recorded(seq, seq as i64, take(seq))));
    events.chunks(1000).for_each(|page| model.apply(page));
    assert_eq!(model.log.len(), 100_000);
    assert_eq!(model.log.dropped, 400);
    assert!(model.checkpoints.len() <= CHECKPOINTS_MAX);
    assert!(model.live.output.len() <= 200 && model.live.taken.len() <= 64);
    let filter = Filter { text: "COMMAND 100399".to_owned(), ..Filter::default() };
    assert_eq!(model.log.window(&filter, 9, |_| 0).0, 1);
}

#[test]
fn the_log_is_filtered_by_kind_text_and_moment() {
    let model = folded(&ledger(&spread(400)));
    let rows = |filter: Filter| {
        let (count, _, rows) = model.log.window(&filter, usize::MAX, |_| 0);
        assert_eq!(count, rows.len());
        rows.into_iter().map(|row| row.line.seq).collect::<Vec<_>>()
    };
    let tools = rows(Filter { kind: Some(Kind::Tool), ..Filter::default() });
    assert!(!tools.is_empty() && tools.len() < 400);
    let early = rows(Filter { until: Some(10), ..Filter::default() });
    assert_eq!(early, (1..=10).collect::<Vec<_>>());
    assert_eq!(rows(Filter { text: "Run On prd".to_owned(), ..Filter::default() }), [1]);
}

#[test]
fn an_item_is_proven_by_gates_and_not_by_claims() {
    let mut events = vec![started(), Event::IterationStarted { iteration: 1 }];
    let evidence = |events: &[Event]| {
        let mut model = Model::new(run_id());
        for (at, event) in events.iter().enumerate() {
            model.apply(&[recorded(at as u64 + 1, at as i64, event.clone())]);
        }
        assert_eq!(model.live.disorder, None);
        model.live.items().iter().map(|item| (item.text.to_owned(), item.evidence)).collect::<Vec<_>>()
    };
    assert_eq!(evidence(&events), [("from the document".to_owned(), Evidence::Nothing)]);
    let tool = |n| {
        Event::EffectIntended(Intent {
            kind: EffectKind::Tool { call: call(n), expects: None },
            recovery: Recovery::Repeat,
            reserved_micro_usd: 0,
        })
    };
    events.extend([
        Event::PhaseStarted { phase: Phase::Act },
        tool(1),
        Event::EffectEnded {
            effect: 4,
            outcome: Outcome::Planned { items: vec!["posts".into(), "files".into()] },
        },
        tool(2),
        Event::EffectEnded {
            effect: 6,
            outcome: Outcome::Claimed { summary: "done".into(), exhausted: false, evidence: vec![] },
        },
    ]);
    let told =
        |list: Vec<(String, Evidence)>| list.into_iter().map(|(_, evidence)| evidence).collect::<Vec<_>>();
    assert_eq!(told(evidence(&events)), [Evidence::Claim, Evidence::Claim]);
    events.extend([
        Event::PhaseEnded { phase: Phase::Act, passed: true },
        Event::PhaseStarted { phase: Phase::Verify },
        Event::EffectIntended(Intent {
            kind: EffectKind::Gate { gate: "forge".into() },
            recovery: Recovery::Repeat,
            reserved_micro_usd: 0,
        }),
        Event::EffectEnded {
            effect: 10,
            outcome: Outcome::Gate {
                verdict: Verdict::Pass,
                summary: "holds".into(),
                facts: artifact("facts"),
                gaps: vec!["files: are not served yet".into()],
                report: None,
                concerns: vec![],
                failing: String::new(),
                usage: Usage::FREE,
            },
        },
        Event::PhaseEnded { phase: Phase::Verify, passed: true },
    ]);
    assert_eq!(told(evidence(&events)), [Evidence::Gates, Evidence::Gap]);
}
