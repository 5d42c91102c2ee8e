//! A run for pictures: two iterations, a proposal that waits for a person, hostile text everywhere.

use std::path::PathBuf;

use loki_engine::CouncilVerdict;
use loki_engine::council::{Ballot, Opinion, Round};
use loki_engine::tool::{Area, Fact, Finding, Proposal, Severity};
use loki_ledger::event::{
    ArtifactId, CallRef, Command, Cost, EffectKind, Event, Intent, Limits, Note, NoteKind, Outcome, Phase,
    Recovery, RunStarted, TurnEnd, Usage, Verdict, Wait,
};

use crate::data::{
    Access, Answered, Artifact, Column, Contents, Data, FileChange, ForgeState, Loaded, Migration,
    ProjectRuns, Reach, Resource, RunDigest, RunEnd, Schema, Stretch, Table,
};
use crate::diff::compare;
use crate::model::Model;
use crate::model::tests::{recorded, run_id};

/// The time of the picture.
pub(crate) const NOW_MS: i64 = 1_795_000_100_000;

/// The proposal that waits.
pub(crate) const SUBJECT: &str = "5f1c0ffee5f1c0ffee5f1c0ffee5f1c0ffee5f1c0ffee5f1c0ffee5f1c0ffee0";

fn artifact(word: &str) -> ArtifactId {
    ArtifactId::of(word.as_bytes())
}

/// Writes events down one after the other, two seconds apart.
struct Pen {
    model: Model,
    seq: u64,
}

impl Pen {
    fn write(&mut self, event: Event) {
        self.seq += 1;
        let at_ms = NOW_MS - 100_000 + self.seq as i64 * 2_000;
        self.model.apply(&[recorded(self.seq, at_ms, event)]);
    }

    fn effect(&mut self, kind: EffectKind, reserved_micro_usd: u64, outcome: Outcome) {
        self.write(Event::EffectIntended(Intent { kind, recovery: Recovery::Repeat, reserved_micro_usd }));
        let effect = self.seq;
        self.write(Event::EffectEnded { effect, outcome });
    }
}

fn call(id: &str, tool: &str) -> CallRef {
    CallRef { id: id.to_owned(), tool: tool.to_owned(), input: artifact("input"), malformed: false }
}

fn turn(cost: Cost, model: &str, calls: Vec<CallRef>) -> Outcome {
    let usage = Usage { input: 12_345, output: 678, cache_read: 9_000, cache_write: 100, cost };
    Outcome::Turn {
        turn: artifact("turn"),
        calls,
        usage,
        bytes: 4_000,
        model: model.to_owned(),
        end: TurnEnd::Complete,
    }
}

fn gate(verdict: Verdict, summary: &str, gaps: &[&str]) -> Outcome {
    Outcome::Gate {
        verdict,
        summary: summary.to_owned(),
        facts: artifact("facts"),
        gaps: gaps.iter().map(|gap| (*gap).to_owned()).collect(),
        report: Some(artifact("report")),
        concerns: vec!["`src/a.rs` grew by 900 lines".to_owned()],
        failing: String::new(),
        usage: Usage::FREE,
    }
}

fn begin(pen: &mut Pen) {
    pen.write(Event::RunStarted(RunStarted {
        version: 1,
        document: artifact("document"),
        document_name: "\u{1b}[31mPRD\u{202e}.md".to_owned(),
        requirements: artifact("requirements"),
        backend: true,
        provider: Some("anthropic".to_owned()),
        acts: false,
        backend_first: true,
        gates: ["forge", "tests", "review"].map(str::to_owned).to_vec(),
        checklist: vec![],
        limits: Limits { budget_micro_usd_max: Some(2_000_000), ..Limits::default() },
    }));
    pen.write(Event::Attached { pid: 4711, attended: true });
}

fn first_iteration(pen: &mut Pen) {
    pen.write(Event::IterationStarted { iteration: 1 });
    pen.write(Event::PhaseStarted { phase: Phase::Reason });
    let turned = turn(Cost::Measured { micro_usd: 412_000 }, "large-1", vec![call("c1", "plan")]);
    pen.effect(EffectKind::Turn { request: artifact("request") }, 900_000, turned);
    let items = ["table recipes with own-row policies", "bucket attachments", "sign-in with google"];
    pen.effect(
        EffectKind::Tool { call: call("c1", "plan"), expects: None },
        0,
        Outcome::Planned { items: items.map(str::to_owned).to_vec() },
    );
    pen.write(Event::PhaseEnded { phase: Phase::Reason, passed: true });
    pen.write(Event::PhaseStarted { phase: Phase::Act });
    pen.effect(EffectKind::Snapshot, 0, Outcome::Snapshot { commit: "ab12".repeat(10) });
    pen.effect(
        EffectKind::Tool { call: call("c2", "write_file"), expects: None },
        0,
        Outcome::Tool {
            ok: true,
            summary: "src/\u{1b}]0;evil\u{7}main.rs written".to_owned(),
            output: artifact("output"),
            bytes: 90,
        },
    );
    let note = Note {
        kind: NoteKind::Decision,
        text: "Recipes belong to users, because the document says so.".to_owned(),
    };
    pen.effect(EffectKind::Tool { call: call("c3", "note"), expects: None }, 0, Outcome::Noted { note });
    pen.write(Event::PhaseEnded { phase: Phase::Act, passed: true });
    pen.write(Event::PhaseStarted { phase: Phase::Reflect });
    let compared = Outcome::Compared { tree: "tree".to_owned(), files: 3, diff_sha256: "d".to_owned() };
    pen.effect(EffectKind::Compare, 0, compared);
    pen.write(Event::PhaseEnded { phase: Phase::Reflect, passed: true });
    pen.write(Event::PhaseStarted { phase: Phase::Verify });
    let passed = gate(Verdict::Pass, "6 facts hold", &["bucket attachments: is not served yet"]);
    pen.effect(EffectKind::Gate { gate: "forge".to_owned() }, 0, passed);
    let failed = gate(Verdict::Fail, "2 of 14 tests fail: \u{9b}2Jspoof", &[]);
    pen.effect(EffectKind::Gate { gate: "tests".to_owned() }, 0, failed);
    pen.write(Event::PhaseEnded { phase: Phase::Verify, passed: false });
}

fn second_iteration(pen: &mut Pen) {
    pen.write(Event::IterationStarted { iteration: 2 });
    let command = Command::Steer { text: "Keep \u{202e}titles short".to_owned() };
    pen.write(Event::CommandTaken { id: 7, command, iteration: 2 });
    pen.write(Event::PhaseStarted { phase: Phase::Act });
    pen.effect(
        EffectKind::Turn { request: artifact("request") },
        0,
        turn(Cost::Unknown, "small-2", vec![call("c4", "forge_db_migrate")]),
    );
    pen.effect(
        EffectKind::Tool { call: call("c4", "forge_db_migrate"), expects: None },
        0,
        Outcome::Review {
            subject: SUBJECT.to_owned(),
            proposal: artifact("proposal"),
            needs_person: Some("12 rows of `recipes.body` would be lost".to_owned()),
        },
    );
    pen.effect(
        EffectKind::Council { subject: SUBJECT.to_owned(), proposal: artifact("proposal") },
        0,
        Outcome::Council {
            approved: true,
            verdict: artifact("verdict"),
            summary: "approved by 3 reviewers in 1 round".to_owned(),
            usage: Usage::FREE,
        },
    );
    pen.write(Event::WaitOpened(Wait::Approval {
        subject: SUBJECT.to_owned(),
        proposal: artifact("proposal"),
        reason: "12 rows of `recipes.body` would be lost".to_owned(),
    }));
}

/// The run.
pub(crate) fn model() -> Model {
    let mut pen = Pen { model: Model::new(run_id()), seq: 0 };
    begin(&mut pen);
    first_iteration(&mut pen);
    second_iteration(&mut pen);
    assert_eq!(pen.model.live.disorder, None);
    pen.model
}

fn proposal() -> Proposal {
    Proposal {
        subject: SUBJECT.to_owned(),
        title: "drop_body".to_owned(),
        findings: vec![Finding {
            rule: "MIG001".to_owned(),
            severity: Severity::High,
            area: Area::Safety,
            subject: "recipes.body".to_owned(),
            message: "the column goes with 12 values\u{1b}[8m".to_owned(),
            fix: "keep it until nothing reads it".to_owned(),
            person: true,
        }],
        facts: vec![
            Fact {
                name: "shadow_up_down_up".to_owned(),
                area: Area::Safety,
                passed: Some(true),
                detail: "3 steps held on a copy with the data".to_owned(),
            },
            Fact {
                name: "backup_verified".to_owned(),
                area: Area::Operations,
                passed: None,
                detail: "not taken".to_owned(),
            },
        ],
        needs_person: Some("rows".to_owned()),
        person_alone: false,
        act: vec!["ALTER TABLE recipes DROP COLUMN body;".to_owned()],
        undo: vec!["ALTER TABLE recipes ADD COLUMN body TEXT;".to_owned()],
    }
}

fn verdict() -> CouncilVerdict {
    let ballot = |reviewer: &str, approves: bool| Ballot {
        reviewer: reviewer.to_owned(),
        opinion: Ok(Opinion { approves, findings: vec![], reason: "what was tried held".to_owned() }),
    };
    let silent = Ballot {
        reviewer: "operations".to_owned(),
        opinion: Err("said nothing within 120 seconds".to_owned()),
    };
    CouncilVerdict {
        subject: SUBJECT.to_owned(),
        approved: true,
        reason: "approved".to_owned(),
        rounds: vec![Round {
            ballots: vec![ballot("safety", true), ballot("security", true), silent],
            advocate: Some(ballot("advocate", true)),
        }],
    }
}

fn table(with_body: bool) -> Table {
    let column = |name: &str, ty: &str, notes: &str| Column {
        name: name.to_owned(),
        ty: ty.to_owned(),
        notes: notes.to_owned(),
    };
    let mut columns = vec![
        column("id", "uuid", "key"),
        column("user_id", "uuid", "not null, references users.id"),
        column("title", "text", "not null"),
    ];
    if with_body {
        columns.push(column("body", "text", ""));
    }
    let own = || Reach::Where("user_id = auth.uid()".to_owned());
    Table {
        name: "recipes".to_owned(),
        columns,
        rules: vec!["index recipes_user_id_idx (user_id)".to_owned()],
        policies: Some("own-row".to_owned()),
        access: vec![
            Access {
                role: "anon".to_owned(),
                commands: [Reach::None, Reach::None, Reach::None, Reach::None],
            },
            Access { role: "authenticated".to_owned(), commands: [Reach::All, own(), own(), Reach::None] },
        ],
    }
}

fn forge() -> ForgeState {
    ForgeState {
        schema: Schema { tables: vec![table(true)] },
        routines: vec!["view titles".to_owned()],
        resources: vec![
            Resource {
                kind: "bucket".to_owned(),
                name: "attachments".to_owned(),
                status: "declared".to_owned(),
                detail: "images".to_owned(),
                next_ms: None,
            },
            Resource {
                kind: "schedule".to_owned(),
                name: "digest".to_owned(),
                status: "made".to_owned(),
                detail: "0 7 * * *".to_owned(),
                next_ms: Some(NOW_MS + 3_600_000),
            },
        ],
        migrations: vec![Migration {
            version: 1,
            name: "initial_schema".to_owned(),
            approved_by: "council".to_owned(),
            applied_at: "2026-11-21T05:31:20Z".to_owned(),
            undone: false,
        }],
        backups: vec!["0001.sqlite, 8192 bytes".to_owned()],
        requests: Some(vec![
            Answered {
                at_ms: NOW_MS - 4_000,
                method: "GET".to_owned(),
                path: "/rest/v1/recipes\u{1b}[2J".to_owned(),
                status: 200,
                took_us: 1_240,
                role: Some("authenticated".to_owned()),
            },
            Answered {
                at_ms: NOW_MS - 5_000,
                method: "POST".to_owned(),
                path: "/rest/v1/recipes".to_owned(),
                status: 401,
                took_us: 90,
                role: None,
            },
        ]),
    }
}

fn projects() -> Vec<ProjectRuns> {
    let run = |id: &str, end, last_ms| RunDigest {
        id: loki_ledger::event::RunId::parse(id).unwrap(),
        started_ms: NOW_MS - 86_400_000,
        events: 1234,
        document: Some("PRD.md".to_owned()),
        end,
        last_ms,
    };
    vec![
        ProjectRuns {
            root: PathBuf::from("/home/ada/cookbook"),
            driver: Some(4711),
            runs: Ok(vec![
                run(run_id().as_str(), Some(RunEnd::Open), Some(NOW_MS - 5_000)),
                run(
                    "20261120-101010-0001",
                    Some(RunEnd::Stopped("verified with gaps".to_owned())),
                    Some(NOW_MS - 86_000_000),
                ),
                run("20261119-101010-0002", None, None),
            ]),
        },
        ProjectRuns {
            root: PathBuf::from("/home/ada/gone\u{1b}[2J"),
            driver: None,
            runs: Err("there is no ledger".to_owned()),
        },
    ]
}

/// Everything that was read beside the events.
pub(crate) fn data() -> Data {
    let ready = |artifact| Loaded::Ready { value: artifact, at_ms: NOW_MS - 4_000 };
    let mut data = Data {
        projects: Loaded::Ready { value: projects(), at_ms: NOW_MS - 1_000 },
        driver: Loaded::Ready { value: Some(4711), at_ms: NOW_MS - 2_000 },
        forge: Loaded::Ready { value: Some(forge()), at_ms: NOW_MS - 3_000 },
        ..Data::default()
    };
    data.keep_artifact(artifact("proposal"), ready(Artifact::Proposal(Box::new(proposal()))));
    data.keep_artifact(artifact("verdict"), ready(Artifact::Verdict(Box::new(verdict()))));
    data.keep_artifact(
        artifact("facts"),
        ready(Artifact::Text("{\n  \"command\": [\"npm\", \"test\"],\n  \"exit_code\": 1\n}".to_owned())),
    );
    data.keep_artifact(
        artifact("report"),
        ready(Artifact::Text("FAIL \u{1b}[31mtitles\u{1b}[0m are short".to_owned())),
    );
    let preview = (Schema { tables: vec![table(true)] }, Schema { tables: vec![table(false)] });
    data.keep_preview(artifact("input"), Loaded::Ready { value: preview, at_ms: NOW_MS - 4_000 });
    let changed = FileChange {
        path: "src/main.rs".to_owned(),
        before: Contents::Text("fn main() {\n    // nothing\n}\n".to_owned()),
        after: Contents::Text("fn main() {\n    let title = \"Soup\u{1b}[5m\"; // 12\n}\n".to_owned()),
    };
    let new =
        FileChange { path: "logo.png".to_owned(), before: Contents::Absent, after: Contents::Bytes(2048) };
    let files = vec![compare(&changed), compare(&new)];
    let stretch = Stretch { from: "ab12".repeat(10), until: None };
    data.changes = Some((stretch, Loaded::Ready { value: files, at_ms: NOW_MS - 9_000 }));
    data
}
