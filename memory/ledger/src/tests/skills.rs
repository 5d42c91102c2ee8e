//! Skills that a run takes up: the first text counts, limits go with the phase, texts stay.

use super::id;
use crate::event::{
    ArtifactId, CallRef, EffectKind, Event, Intent, Limits, Outcome, Phase, Recovery, RunStarted, Skill,
    TurnEnd, Usage, VERSION,
};
use crate::run::Run;

/// A run whose phase has begun, and the next event's number.
struct Play {
    run: Run,
}

impl Play {
    fn new() -> Play {
        let mut play = Play { run: Run::new(id("a")) };
        let started = RunStarted {
            version: VERSION,
            document: ArtifactId::of(b"d"),
            document_name: "-".into(),
            requirements: ArtifactId::of(b"r"),
            backend: false,
            provider: Some("scripted".into()),
            acts: true,
            backend_first: false,
            gates: Vec::new(),
            checklist: Vec::new(),
            limits: Limits::default(),
        };
        play.happens(Event::RunStarted(started));
        play.happens(Event::IterationStarted { iteration: 1 });
        play
    }

    fn happens(&mut self, event: Event) {
        self.run.apply(self.run.seq + 1, 1, &event).unwrap();
    }

    fn effect(&mut self, kind: EffectKind, outcome: Outcome) {
        self.happens(Event::EffectIntended(Intent {
            kind,
            recovery: Recovery::Repeat,
            reserved_micro_usd: 0,
        }));
        let effect = self.run.seq;
        self.happens(Event::EffectEnded { effect, outcome });
    }

    fn call(number: usize) -> CallRef {
        let input = ArtifactId::of(b"input");
        CallRef { id: format!("c{number}"), tool: "skill".into(), input, malformed: false }
    }

    /// A turn whose only call takes a skill up.
    fn take_up(&mut self, number: usize, name: &str, text: &[u8]) {
        let turn = Outcome::Turn {
            turn: ArtifactId::of(b"turn"),
            calls: vec![Self::call(number)],
            usage: Usage::FREE,
            bytes: 1,
            model: String::new(),
            end: TurnEnd::Complete,
        };
        self.effect(EffectKind::Turn { request: ArtifactId::of(b"request") }, turn);
        let skill = Skill {
            name: name.into(),
            place: "built in".into(),
            hash: "h".into(),
            snapshot: ArtifactId::of(text),
            allowed_tools: Some("Read".into()),
        };
        let taken = Outcome::Activated { skill, output: ArtifactId::of(b"output"), bytes: 7 };
        self.effect(EffectKind::Tool { call: Self::call(number), expects: None }, taken);
    }

    fn in_phase(&self) -> Vec<&str> {
        self.run.steps.skills.iter().map(|(_, name)| name.as_str()).collect()
    }
}

#[test]
fn the_first_text_counts_and_stands_once_its_phase_has_ended() {
    let mut play = Play::new();
    play.happens(Event::PhaseStarted { phase: Phase::Reason });
    play.take_up(1, "a", b"first");
    assert!(play.run.steps.pending.is_empty(), "the call is answered");
    assert_eq!((play.in_phase(), play.run.skills[0].standing), (vec!["a"], false));
    assert_eq!((play.run.spent.calls, play.run.spent.output_bytes), (1, 8));
    play.happens(Event::PhaseEnded { phase: Phase::Reason, passed: true });
    assert!(play.run.steps.skills.is_empty() && play.run.skills[0].standing);
    play.happens(Event::PhaseStarted { phase: Phase::Act });
    play.take_up(2, "a", b"second");
    play.take_up(3, "a", b"third");
    assert_eq!(play.in_phase(), ["a"]);
    assert_eq!(play.run.skills.len(), 1);
    assert_eq!(play.run.skills[0].skill.snapshot, ArtifactId::of(b"first"));
}

#[test]
fn a_roll_back_takes_the_limits_back_and_keeps_the_text() {
    let mut play = Play::new();
    play.happens(Event::PhaseStarted { phase: Phase::Act });
    play.take_up(1, "a", b"a");
    play.effect(EffectKind::Snapshot, Outcome::Snapshot { commit: "s".into() });
    play.take_up(2, "b", b"b");
    play.happens(Event::EffectIntended(Intent {
        kind: EffectKind::Turn { request: ArtifactId::of(b"request") },
        recovery: Recovery::RollBack,
        reserved_micro_usd: 0,
    }));
    let effect = play.run.seq;
    play.happens(Event::EffectRolledBack { effect, snapshot: "s".into() });
    assert_eq!(play.in_phase(), ["a"], "what the phase forgot, it does not go by");
    assert_eq!(play.run.skills.len(), 2, "a text that was taken up once is the one that counts");
}

#[test]
fn only_a_tool_ends_so() {
    let mut play = Play::new();
    play.happens(Event::PhaseStarted { phase: Phase::Reason });
    play.happens(Event::EffectIntended(Intent {
        kind: EffectKind::Compare,
        recovery: Recovery::Repeat,
        reserved_micro_usd: 0,
    }));
    let skill = Skill {
        name: "a".into(),
        place: String::new(),
        hash: String::new(),
        snapshot: ArtifactId::of(b""),
        allowed_tools: None,
    };
    let outcome = Outcome::Activated { skill, output: ArtifactId::of(b""), bytes: 0 };
    let effect = play.run.seq;
    assert!(play.run.admits(&Event::EffectEnded { effect, outcome }).is_err());
}
