//! Operations that need the program around the engine: they start processes, ask gates, or put a question to a
//! person.

use std::sync::Arc;

use loki_engine::operations::{RUN, read, run_schema};
use loki_engine::receipt::folder;
use loki_engine::tool::{Judgement, Proposal};
use loki_ledger::journal::Decision;
use loki_mcp::desk::{Call, Question, Said};
use loki_operation::{Access, Answer, Available, Cost, Info, Refusal, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::starting::{driven_output, of_run, resume, start, start_input, stop};
use super::{ProjectDesk, blocking, consent, refusals};
use crate::app::decisions::Waits;
use crate::app::judge::Unjudged;
use crate::app::{App, AppError};

/// Bytes of one gate's report that are passed on.
const REPORT_BYTES_MAX: usize = 4_000;

/// What the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Start a run.
    Start,
    /// Let a run go on.
    Resume,
    /// End a run.
    Stop,
    /// Judge what is there.
    Verify,
    /// Have a person decide.
    Approve,
    /// Remember: there is no memory yet.
    Recall,
}

/// How doors tell of them.
pub(super) static ALL: [(Info, Act); 6] = [
    (
        Info {
            cost: Cost::Run,
            input_schema: start_input,
            ..writes(
                "loki_start_project",
                "Starts a run on a document or brief: builds and proves an application.",
            )
        },
        Act::Start,
    ),
    (
        Info {
            cost: Cost::Run,
            ..writes("loki_resume", "Lets a run that was paused, cut short or stopped go on.")
        },
        Act::Resume,
    ),
    (writes("loki_stop", "Ends a run, with a receipt of what it did."), Act::Stop),
    (
        Info {
            access: Access::Read,
            cost: Cost::Proof,
            input_schema: verify_input,
            output_schema: verify_output,
            ..writes("loki_verify", "Judges the work tree's changes by the gates, or checks the receipt.")
        },
        Act::Verify,
    ),
    (
        Info {
            input_schema: approve_input,
            output_schema: approve_output,
            ..writes("loki_approve", "Asks the person to decide on what waits. Only they can.")
        },
        Act::Approve,
    ),
    (
        Info {
            access: Access::Read,
            input_schema: recall_input,
            available: Available::NotYet {
                service: "memory across runs",
                instead: "Ask `loki_state_get` for a run's notes, or `loki_why` for its evidence.",
            },
            ..writes("loki_memory_retrieve", "Finds what earlier runs have learnt.")
        },
        Act::Recall,
    ),
];

const fn writes(name: &'static str, summary: &'static str) -> Info {
    Info {
        name,
        group: RUN,
        summary,
        access: Access::Write,
        cost: Cost::Instant,
        idempotent: true,
        input_schema: of_run,
        output_schema: driven_output,
        available: Available::Here,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    base: Option<String>,
    #[serde(default)]
    gates: Vec<String>,
    #[serde(default)]
    receipt: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    subject: Option<String>,
    run: Option<String>,
}

impl ProjectDesk {
    /// Carries out an operation of the program.
    pub(super) async fn act(&self, act: Act, input: &Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let (context, drivers, input) = (self.context.clone(), Arc::clone(&self.drivers), input.clone());
        match act {
            Act::Start => blocking(move || start(&context, &drivers, &input)).await,
            Act::Resume => blocking(move || resume(&context, &drivers, &input)).await,
            Act::Stop => blocking(move || stop(&context, &drivers, &input)).await,
            Act::Verify => self.verify(&input, call).await,
            Act::Approve => self.decide(&input, call).await,
            Act::Recall => Err(recall_info().not_available().unwrap_or_else(|| refusals::no_backend(""))),
        }
    }

    async fn verify(&self, input: &Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let Verify { base, gates, receipt } = read("loki_verify", input)?;
        let app = App::to_judge(&self.context).map_err(refusals::of_command)?;
        if receipt {
            return check_receipt(&app).await;
        }
        let base = base.unwrap_or_else(|| "HEAD".to_owned());
        let mut judged_so_far = 0;
        let mut told = |gate: &str, judgement: &Judgement| {
            judged_so_far += 1;
            call.progress.tell(judged_so_far, None, &format!("gate {gate}: {}", judgement.summary));
        };
        let judged = match app.judge(&base, &gates, &mut told).await {
            Ok(judged) => judged,
            Err(Unjudged::Unchecked(why)) => {
                let data = json!({ "verdict": "could_not_check", "base": base, "why": why, "gates": [] });
                return Ok(Answer::new(format!("not checked: {why}"), data));
            }
            Err(error) => return Err(refusals::of_unjudged(&info(Act::Verify), error)),
        };
        let shown: Vec<Value> = judged.gates.iter().map(|(gate, said)| shown(gate, said)).collect();
        let word = judged.opinion.word();
        let data = json!({
            "verdict": word,
            "base": base,
            "commit": judged.commit,
            "tree": judged.tree,
            "gates": shown,
        });
        // Reports cite the project's own output.
        Ok(Answer::new(format!("{}: what changed since {base}", word.replace('_', " ")), data).untrusted())
    }

    /// Has a person decide on what waits. Whoever calls cannot.
    async fn decide(&self, input: &Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let Approve { subject, run } = read("loki_approve", input)?;
        let context = self.context.clone();
        let (waits, question) = blocking(move || {
            let app = App::of(&context);
            let waits = app.waiting(run.as_deref(), subject.as_deref()).map_err(refusals::of_app)?;
            let question = question(&app, &waits).map_err(refusals::of_app)?;
            Ok((waits, question))
        })
        .await?;
        let said = match call.approve {
            Some(ask) => ask.ask(&question).await,
            None => Said::Nothing,
        };
        let decision = match said {
            Said::Yes { person, reason } => Decision { approved: true, person, reason },
            Said::No { person, reason } => Decision { approved: false, person, reason },
            Said::Nothing => return Err(consent::waits(&question)),
        };
        let context = self.context.clone();
        let (approved, person) = (decision.approved, decision.person.clone());
        let command =
            blocking(move || App::of(&context).decide(&waits, decision).map_err(refusals::of_app)).await?;
        let word = if approved { "approved" } else { "rejected" };
        let data = json!({
            "subject": question.subject,
            "approved": approved,
            "person": person,
            "command": command,
        });
        Ok(Answer::new(format!("{person} {word} it: {}", question.title), data))
    }
}

/// How doors tell of one of them.
pub(super) fn info(act: Act) -> Info {
    ALL.iter().find(|(_, known)| *known == act).map_or(ALL[0].0, |(info, _)| *info)
}

fn recall_info() -> Info {
    info(Act::Recall)
}

async fn check_receipt(app: &App) -> Result<Answer, Refusal> {
    let (_, run) = app.run(None).map_err(refusals::of_app)?;
    let path = folder(app.state(), run.id.as_str()).join("receipt.json");
    let (receipt, checks) = app.check_receipt(&path).await.map_err(refusals::of_app)?;
    let holds = checks.iter().all(|check| check.holds);
    let verdict = if holds { "receipt_holds" } else { "receipt_does_not_hold" };
    let data = json!({ "verdict": verdict, "run": receipt.run, "checks": checks, "gates": [] });
    Ok(Answer::new(format!("run {}: {}", receipt.run, verdict.replace('_', " ")), data).untrusted())
}

/// What a person is asked about something that waits.
fn question(app: &App, waits: &Waits) -> Result<Question, AppError> {
    match waits {
        Waits::AtDesk(proposed) => Ok(Question {
            subject: proposed.subject.clone(),
            title: proposed.title.clone(),
            details: vec![format!("asked for by `{}`", proposed.operation)],
        }),
        Waits::OfRun { run, subject } => {
            let (reader, run) = app.run(Some(run.id.as_str()))?;
            let review = run.reviews.get(subject);
            let proposal = match review {
                Some(review) => serde_json::from_slice::<Proposal>(&reader.artifact(&review.proposal)?).ok(),
                None => None,
            };
            let why = review.and_then(|review| review.needs_person.clone());
            let (title, act) = proposal.map(|proposal| (proposal.title, proposal.act)).unwrap_or_default();
            let details = why.into_iter().chain(act.into_iter().take(20)).collect();
            let title = if title.is_empty() { format!("what run {} proposes", run.id) } else { title };
            Ok(Question { subject: subject.clone(), title, details })
        }
    }
}

fn shown(gate: &str, judgement: &Judgement) -> Value {
    json!({
        "gate": gate,
        "verdict": judgement.verdict,
        "summary": judgement.summary,
        "concerns": judgement.concerns,
        "failing": judgement.failing,
        "report": cut(&judgement.report, REPORT_BYTES_MAX),
    })
}

/// A text, shortened to so many bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

fn verify_input() -> Value {
    object(
        json!({
            "base": { "type": "string", "description": "Commit to compare with; default HEAD" },
            "gates": { "type": "array", "items": { "type": "string" } },
            "receipt": { "type": "boolean", "description": "Check the newest receipt instead" },
        }),
        &[],
    )
}

fn verify_output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "verdict": { "type": "string" },
            "gates": { "type": "array", "items": { "type": "object" } },
            "checks": { "type": "array", "items": { "type": "object" } },
            "why": { "type": "string" },
        },
        "required": ["verdict", "gates"],
    })
}

fn approve_input() -> Value {
    let subject =
        json!({ "type": "string", "description": "First digits of its hash; default: the only one" });
    object(json!({ "subject": subject, "run": run_schema() }), &[])
}

fn approve_output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "subject": { "type": "string" },
            "approved": { "type": "boolean" },
            "person": { "type": "string" },
            "command": { "type": ["integer", "null"] },
        },
        "required": ["subject", "approved", "person"],
    })
}

fn recall_input() -> Value {
    object(json!({ "query": { "type": "string" } }), &["query"])
}
