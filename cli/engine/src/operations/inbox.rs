//! What is said to a run, through its inbox. A process that drives it takes it before its next step; otherwise
//! the next one does.

use loki_ledger::event::Command;
use loki_ledger::run::Run;
use loki_operation::{Answer, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OfRun, OperationError, Place, read, run_schema};

/// Bytes of one word of guidance.
pub const GUIDANCE_BYTES_MAX: usize = 64 * 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steer {
    text: String,
    run: Option<String>,
}

/// Carries `loki_steer` out.
pub(super) fn steer(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Steer { text, run } = read("loki_steer", input)?;
    if text.trim().is_empty() || text.len() > GUIDANCE_BYTES_MAX {
        let why = format!("`text` takes 1 to {GUIDANCE_BYTES_MAX} bytes");
        return Err(OperationError::Input { operation: "loki_steer", why });
    }
    deliver(
        place,
        run.as_deref(),
        &Command::Steer { text },
        "it is part of every prompt from the next step on",
    )
}

/// Carries `loki_pause` out.
pub(super) fn pause(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let OfRun { run } = read("loki_pause", input)?;
    deliver(place, run.as_deref(), &Command::Pause, "it pauses before its next step")
}

/// Puts a command into the inbox of the run, and returns its number there.
pub fn tell(place: &Place, run: &Run, command: &Command) -> Result<i64, OperationError> {
    let late = matches!(command, Command::Approve { .. } | Command::Reject { .. } | Command::Steer { .. });
    if run.stopped.is_some() && !late {
        return Err(OperationError::Stopped { run: run.id.clone() });
    }
    let reader = place.reader()?.ok_or(OperationError::NoRun)?;
    Ok(reader.send(&run.id, command)?)
}

/// The proposals of a run that only a person may approve, and that none has, by their hashes.
pub fn undecided(run: &Run) -> Vec<&str> {
    let waits = run.reviews.iter().filter(|(_, review)| review.needs_person.is_some() && !review.approved);
    waits.map(|(subject, _)| subject.as_str()).collect()
}

/// The one of `open` that is meant: whose hash begins so, or the only one.
pub fn meant<'a>(open: &[&'a str], prefix: Option<&str>) -> Result<&'a str, OperationError> {
    let mut fitting = open.iter().filter(|subject| prefix.is_none_or(|prefix| subject.starts_with(prefix)));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(OperationError::NothingWaits),
        (Some(_), Some(_)) => Err(OperationError::Ambiguous),
    }
}

fn deliver(
    place: &Place,
    named: Option<&str>,
    command: &Command,
    then: &str,
) -> Result<Answer, OperationError> {
    let (_, run) = place.run(named)?;
    let id = tell(place, &run, command)?;
    let summary = format!("told run {}: {then}", run.id);
    Ok(Answer::new(summary, json!({ "run": run.id, "command": id })))
}

pub(super) fn input() -> Value {
    object(json!({ "text": { "type": "string" }, "run": run_schema() }), &["text"])
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": { "run": { "type": "string" }, "command": { "type": "integer" } },
        "required": ["run", "command"],
    })
}
