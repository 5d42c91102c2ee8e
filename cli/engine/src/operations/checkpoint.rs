//! `loki_checkpoint_list` and `loki_checkpoint_restore`: the project's files as a run has kept them.

use std::sync::Arc;

use loki_ledger::Ledger;
use loki_ledger::run::Run;
use loki_operation::{Answer, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OfRun, OperationError, Place, read, run_schema};

/// Snapshots that are listed: the newest.
const LISTED_MAX: usize = 100;

/// Files that were put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// The snapshot they were put back to.
    pub to: String,
    /// How many changed.
    pub files: usize,
    /// The snapshot of how they were.
    pub undo: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    to: Option<String>,
    run: Option<String>,
}

/// Carries `loki_checkpoint_list` out.
pub(super) fn list(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let OfRun { run } = read("loki_checkpoint_list", input)?;
    let (_, run) = place.run(run.as_deref())?;
    let kept = place.worktree().kept(&run.id)?;
    let left_out = kept.len().saturating_sub(LISTED_MAX);
    let snapshots: Vec<Value> = kept
        .iter()
        .skip(left_out)
        .map(|(number, commit)| json!({ "number": number, "commit": commit }))
        .collect();
    let summary = format!("{} snapshots of run {}", kept.len(), run.id);
    Ok(Answer::new(summary, json!({ "run": run.id, "snapshots": snapshots, "left_out": left_out })))
}

/// Carries `loki_checkpoint_restore` out.
pub(super) fn restore(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Restore { to, run } = read("loki_checkpoint_restore", input)?;
    let (_, run) = place.run(run.as_deref())?;
    let back = put_back(place, &run, to.as_deref())?;
    let undo = back.undo.get(..12).unwrap_or(&back.undo);
    let summary = format!("{} files put back; `loki rollback --to {undo}` undoes it", back.files);
    let data = json!({ "run": run.id, "to": back.to, "files": back.files, "undo": back.undo });
    Ok(Answer::new(summary, data))
}

/// Puts the project's files back to a snapshot of a run: the one whose commit begins so, else the first. The
/// files as they are now are kept first. Refused while a process drives a run here.
pub fn put_back(place: &Place, run: &Run, to: Option<&str>) -> Result<PutBack, OperationError> {
    let worktree = place.worktree();
    let kept = worktree.kept(&run.id)?;
    let target = match to {
        Some(prefix) => kept.iter().map(|(_, commit)| commit).find(|commit| commit.starts_with(prefix)),
        None => kept.first().map(|(_, commit)| commit),
    };
    let target = target.ok_or_else(|| OperationError::NoSnapshot { run: run.id.clone() })?;
    let _held = Ledger::open(&place.state, Arc::clone(&place.clock))?;
    let next = kept.last().map_or(1, |(number, _)| number + 1);
    let undo = worktree.snapshot(&run.id, next, place.clock.now().as_millisecond())?;
    let files = worktree.restore(target)?;
    Ok(PutBack { to: target.clone(), files, undo: undo.commit })
}

pub(super) fn input() -> Value {
    let to = json!({ "type": "string", "description": "Commit; default: before the run's first act" });
    object(json!({ "to": to, "run": run_schema() }), &[])
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "to": { "type": "string" },
            "files": { "type": "integer" },
            "undo": { "type": "string" },
        },
        "required": ["run", "to", "files", "undo"],
    })
}

pub(super) fn list_output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "snapshots": { "type": "array", "items": { "type": "object" } },
            "left_out": { "type": "integer" },
        },
        "required": ["run", "snapshots"],
    })
}
