//! `loki_state_get`: the folded state of a run, one part at a time.

use loki_ledger::run::Run;
use loki_operation::{Answer, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OperationError, Place, read, run_schema};

/// Entries of one page.
const PAGE: usize = 50;

/// Bytes of one text in it.
const TEXT_BYTES_MAX: usize = 2_000;

/// The parts, as doors call them.
const PARTS: [&str; 10] = [
    "limits",
    "spent",
    "checklist",
    "gates",
    "iterations",
    "snapshots",
    "proposals",
    "notes",
    "guidance",
    "edited_by_others",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    part: Part,
    run: Option<String>,
    #[serde(default)]
    after: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Limits,
    Spent,
    Checklist,
    Gates,
    Iterations,
    Snapshots,
    Proposals,
    Notes,
    Guidance,
    EditedByOthers,
}

/// Carries `loki_state_get` out.
pub(super) fn operation(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Get { part, run, after } = read("loki_state_get", input)?;
    let (_, run) = place.run(run.as_deref())?;
    let all = entries(&run, part)?;
    let (total, items): (usize, Vec<Value>) = (all.len(), all.into_iter().skip(after).take(PAGE).collect());
    let end = after.saturating_add(items.len());
    let next = (end < total).then_some(end);
    let summary = format!("run {}: {} of {total}", run.id, items.len());
    let data = json!({ "run": run.id, "items": items, "total": total, "next": next });
    Ok(Answer::new(summary, data).untrusted())
}

fn entries(run: &Run, part: Part) -> Result<Vec<Value>, OperationError> {
    Ok(match part {
        Part::Limits => vec![serde_json::to_value(&run.limits)?],
        Part::Spent => vec![spent(run)],
        Part::Checklist => run.checklist.iter().map(|item| json!(cut(item))).collect(),
        Part::Gates => run.gates.iter().map(gate).collect(),
        Part::Iterations => {
            run.trees.iter().map(|(number, tree)| json!({ "iteration": number, "tree": tree })).collect()
        }
        Part::Snapshots => run
            .snapshots
            .iter()
            .map(|snapshot| json!({ "iteration": snapshot.iteration, "commit": snapshot.commit }))
            .collect(),
        Part::Proposals => run
            .reviews
            .iter()
            .map(|(subject, review)| {
                json!({
                    "subject": subject,
                    "needs_person": review.needs_person,
                    "council": review.council.as_ref().map(|(approves, _, summary)| json!({ "approves": approves, "summary": summary })),
                    "person": review.person.as_ref().map(|(approves, name, reason)| json!({ "approves": approves, "name": name, "reason": reason })),
                    "approved": review.approved,
                })
            })
            .collect(),
        Part::Notes => {
            let note = |note| serde_json::to_value(note);
            run.notes.iter().map(note).collect::<Result<_, _>>()?
        }
        Part::Guidance => run.steers.iter().map(|text| json!(cut(text))).collect(),
        Part::EditedByOthers => run.edited.iter().map(|path| json!(path)).collect(),
    })
}

fn gate(gate: &loki_ledger::run::GateResult) -> Value {
    json!({ "gate": gate.gate, "verdict": gate.verdict, "summary": cut(&gate.summary), "gaps": gate.gaps })
}

fn spent(run: &Run) -> Value {
    let spent = &run.spent;
    json!({
        "turns": spent.turns,
        "calls": spent.calls,
        "active_ms": spent.active_ms,
        "input": spent.input,
        "output": spent.output,
        "cache_read": spent.cache_read,
        "cache_write": spent.cache_write,
        "micro_usd": (spent.turns_unknown == 0).then_some(spent.micro_usd),
        "estimated": spent.estimated,
    })
}

/// A text, shortened where it is very long.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… ({} bytes in all)", &text[..end], text.len())
}

pub(super) fn input() -> Value {
    object(
        json!({
            "part": { "type": "string", "enum": PARTS },
            "run": run_schema(),
            "after": { "type": "integer", "minimum": 0, "description": "The `next` of the page before" },
        }),
        &["part"],
    )
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "items": { "type": "array" },
            "total": { "type": "integer" },
            "next": { "type": ["integer", "null"] },
        },
        "required": ["run", "items", "total"],
    })
}
