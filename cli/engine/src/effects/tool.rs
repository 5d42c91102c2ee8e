//! A call: of a tool that was handed to the engine, or of one of the engine's own (`plan`, `note`,
//! `finish`, `read_output`, `skill`), which change nothing but what the ledger holds.

use loki_ledger::event::{CallRef, EffectKind, Note, NoteKind, Outcome, Recovery};
use loki_ledger::run::Run;
use serde_json::Value;

use super::{answered, explain, head, skill};
use crate::engine::{Engine, EngineError};
use crate::prompt::MODEL_OUTPUT_BYTES_MAX;
use crate::skills;
use crate::tool::{Answer, DISK_FULL};

/// Items a plan may have, and bytes each.
const PLAN_ITEMS_MAX: usize = 200;
const PLAN_ITEM_BYTES_MAX: usize = 500;
/// Notes a run may hold, and bytes each: they are part of every prompt.
const NOTES_MAX: usize = 60;
const NOTE_BYTES_MAX: usize = 500;
/// Pieces of evidence a claim may name, and bytes each.
const EVIDENCE_MAX: usize = 20;
const EVIDENCE_BYTES_MAX: usize = 500;
/// Bytes of a claim.
const CLAIM_BYTES_MAX: usize = 4000;
/// Bytes of what a tool found before it acted.
const EXPECTS_BYTES_MAX: usize = 4096;

/// The effect that a call is, and what to do should its process die.
pub(super) async fn intend(
    engine: &Engine,
    run: &Run,
    call: CallRef,
) -> Result<(EffectKind, Recovery), EngineError> {
    let Some(tool) = engine.tool(&call.tool).filter(|_| !call.malformed) else {
        return Ok((EffectKind::Tool { call, expects: None }, Recovery::Repeat));
    };
    let input: Value = engine.read("a call's input", &call.input)?;
    // Providers name calls within a phase.
    let name = format!("{}/{}/{:?}/{}", run.id, run.iteration, run.phase, call.id);
    let expects = tool.prepare_call(&name, &input).await.filter(|found| found.len() <= EXPECTS_BYTES_MAX);
    Ok((EffectKind::Tool { call, expects }, tool.recovery()))
}

/// Carries the call out.
pub(super) async fn call(
    engine: &Engine,
    run: &Run,
    call: &CallRef,
    expects: Option<&str>,
) -> Result<Outcome, EngineError> {
    let input: Value = engine.read("a call's input", &call.input)?;
    if call.malformed {
        let written = head(input.as_str().unwrap_or_default(), 200).to_owned();
        let message = format!("the input of `{}` is no JSON: {written}", call.tool);
        let output = format!("error bad_input: {message}\nhint: make the call again with valid JSON");
        return answered(engine, false, &message, &output);
    }
    match call.tool.as_str() {
        "plan" => return plan(engine, &input),
        "note" => return note(engine, run, &input),
        "finish" => return Ok(claim(engine, &input)),
        "read_output" => return read_output(engine, run, &input),
        "skill" => return skill::skill(engine, run, &input),
        _ => {}
    }
    if let Some(refusal) = skills::refusal(run, &call.tool, &input) {
        return answered(engine, false, &refusal.summary, &refusal.output);
    }
    let Some(tool) = engine.tool(&call.tool) else {
        let message = format!("there is no tool called `{}`", call.tool);
        return answered(engine, false, &message, &message);
    };
    match tool.call(&input, expects).await {
        Ok(Answer::Done { summary, output }) => answered(engine, true, &summary, &output),
        Ok(Answer::Review(proposal)) => Ok(Outcome::Review {
            subject: proposal.subject.clone(),
            needs_person: proposal.needs_person.clone(),
            proposal: engine.keep("a proposal", &proposal)?.id,
        }),
        Err(error) if error.code == DISK_FULL => Err(EngineError::NoRoom { tool: call.tool.clone() }),
        Err(error) => {
            // The first line is for people; what a command printed may follow it.
            let summary = error.message.lines().next().unwrap_or_default();
            answered(engine, false, summary, &explain(&error))
        }
    }
}

fn plan(engine: &Engine, input: &Value) -> Result<Outcome, EngineError> {
    let Some(items) = input["items"].as_array() else {
        let message = "`plan` takes `items`, a list of sentences";
        return answered(engine, false, message, message);
    };
    Ok(Outcome::Planned { items: texts(items, PLAN_ITEMS_MAX, PLAN_ITEM_BYTES_MAX) })
}

fn note(engine: &Engine, run: &Run, input: &Value) -> Result<Outcome, EngineError> {
    let kind = match input["kind"].as_str() {
        Some("decision") => Some(NoteKind::Decision),
        Some("constraint") => Some(NoteKind::Constraint),
        Some("finding") => Some(NoteKind::Finding),
        Some(_) | None => None,
    };
    let text = input["text"].as_str().map(str::trim).filter(|text| !text.is_empty());
    let (Some(kind), Some(text)) = (kind, text) else {
        let message = "`note` takes `kind` (decision, constraint or finding) and `text`";
        return answered(engine, false, message, message);
    };
    if run.notes.len() >= NOTES_MAX {
        let message = format!("there are {NOTES_MAX} notes already, and no more are kept");
        return answered(engine, false, &message, &message);
    }
    Ok(Outcome::Noted { note: Note { kind, text: head(text, NOTE_BYTES_MAX).to_owned() } })
}

/// A claim is never more than that. Only who always answers alike can say that asking again is no use.
fn claim(engine: &Engine, input: &Value) -> Outcome {
    let alike = engine.provider.as_ref().is_some_and(|provider| provider.deterministic());
    let evidence = input["evidence"].as_array().map_or(&[][..], Vec::as_slice);
    Outcome::Claimed {
        summary: head(input["summary"].as_str().unwrap_or("no summary"), CLAIM_BYTES_MAX).to_owned(),
        exhausted: alike && input["nothing_more_to_offer"].as_bool().unwrap_or(false),
        evidence: texts(evidence, EVIDENCE_MAX, EVIDENCE_BYTES_MAX),
    }
}

/// A part of an answer that was too long to be shown whole.
fn read_output(engine: &Engine, run: &Run, input: &Value) -> Result<Outcome, EngineError> {
    let id = input["call"].as_str().unwrap_or_default();
    let mut calls = run.steps.turns.iter().rev().flat_map(|turn| &turn.calls);
    let found =
        calls.find(|(call, _)| call.id == id).and_then(|(_, answer)| answer.as_ref()?.output.as_ref());
    let Some(found) = found else {
        let message = format!("no call of this phase is named `{id}` and has such an answer");
        return answered(engine, false, &message, &message);
    };
    let whole: String = engine.read("a tool's answer", found)?;
    let mut from =
        usize::try_from(input["offset"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX).min(whole.len());
    while !whole.is_char_boundary(from) {
        from += 1;
    }
    let shown = head(&whole[from..], MODEL_OUTPUT_BYTES_MAX - 200);
    let left = whole.len() - from - shown.len();
    let more = if left > 0 {
        format!("\n[{left} more bytes from offset {}]", from + shown.len())
    } else {
        String::new()
    };
    let summary = format!("{} bytes of the answer to {id} from offset {from}", shown.len());
    answered(engine, true, &summary, &format!("{shown}{more}"))
}

/// The texts among the values, so many and so long at the most.
fn texts(values: &[Value], count_max: usize, bytes_max: usize) -> Vec<String> {
    values
        .iter()
        .filter_map(Value::as_str)
        .take(count_max)
        .map(|text| head(text, bytes_max).to_owned())
        .collect()
}
