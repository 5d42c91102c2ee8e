//! The queue of tasks: `loki_task_queue_*` and `loki_complete_task`.

use std::sync::Arc;

use loki_ledger::tasks::{Ended, LEASE_SECONDS_MAX, NewTask, TASKS_PAGE_MAX, Task, TaskError, Tasks};
use loki_ledger::{LedgerError, Reader};
use loki_operation::{Answer, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OperationError, Place, read};

/// Seconds of a lease, where nobody says how many.
const LEASE_SECONDS: u32 = 900;

/// Tasks of one page, where nobody says how many.
const PAGE: u32 = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    priority: i32,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    after: i64,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    worker: Option<String>,
    seconds: Option<u32>,
    renew: Option<Held>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    id: i64,
    lease: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    id: i64,
    lease: Option<u32>,
    #[serde(default)]
    outcome: Outcome,
    summary: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    #[default]
    Done,
    Failed,
}

/// Carries `loki_task_queue_add` out.
pub(super) fn add(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Add { title, detail, priority, key } = read("loki_task_queue_add", input)?;
    let (task, new) = queue(place)?.add(NewTask { key, title, detail, priority })?;
    let summary = format!("task {} {}", task.id, if new { "is added" } else { "is there already" });
    told(summary, &task)
}

/// Carries `loki_task_queue_list` out.
pub(super) fn list(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let List { after, limit } = read("loki_task_queue_list", input)?;
    let limit = limit.unwrap_or(PAGE).clamp(1, TASKS_PAGE_MAX);
    let tasks = match Reader::open(&place.state) {
        // A queue that nobody ever wrote into is empty, and listing it makes nothing.
        Err(LedgerError::Absent { .. }) => Vec::new(),
        Ok(_) => queue(place)?.list(after, limit)?,
        Err(error) => return Err(error.into()),
    };
    let next = tasks.last().filter(|_| tasks.len() == limit as usize).map(|last| last.id);
    let summary = format!("{} tasks", tasks.len());
    let data = json!({ "tasks": tasks, "next": next });
    Ok(Answer::new(summary, data).untrusted())
}

/// Carries `loki_task_queue_take` out.
pub(super) fn take(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Take { worker, seconds, renew } = read("loki_task_queue_take", input)?;
    let queue = queue(place)?;
    if let Some(Held { id, lease }) = renew {
        let task = queue.renew(id, lease, seconds.unwrap_or(LEASE_SECONDS))?;
        return told(format!("lease {lease} of task {id} is renewed"), &task);
    }
    let seconds = seconds.unwrap_or(LEASE_SECONDS).max(1);
    match queue.take(worker.as_deref().unwrap_or("somebody"), seconds)? {
        Some(task) => told(format!("task {} is yours, under lease {}", task.id, task.lease), &task),
        None => Ok(Answer::new("nothing waits", json!({ "task": null }))),
    }
}

/// Carries `loki_complete_task` out.
pub(super) fn complete(place: &Place, input: &Value) -> Result<Answer, OperationError> {
    let Complete { id, lease, outcome, summary } = read("loki_complete_task", input)?;
    let ended = match outcome {
        Outcome::Done => Ended::Done,
        Outcome::Failed => Ended::Failed,
    };
    let task = queue(place)?.end(id, lease, ended, &summary)?;
    told(format!("task {id} is {}", ended.as_str()), &task)
}

fn queue(place: &Place) -> Result<Tasks, TaskError> {
    Ok(Tasks::open(&place.state, Arc::clone(&place.clock))?)
}

/// What is said of a task was written by whoever added it.
fn told(summary: String, task: &Task) -> Result<Answer, OperationError> {
    Ok(Answer::new(summary, json!({ "task": serde_json::to_value(task)? })).untrusted())
}

pub(super) fn add_input() -> Value {
    object(
        json!({
            "title": { "type": "string" },
            "detail": { "type": "string" },
            "priority": { "type": "integer", "description": "Higher goes first" },
            "key": { "type": "string", "description": "Adding under the same key again adds nothing" },
        }),
        &["title"],
    )
}

pub(super) fn list_input() -> Value {
    object(
        json!({
            "after": { "type": "integer", "description": "The `next` of the page before" },
            "limit": { "type": "integer", "minimum": 1, "maximum": TASKS_PAGE_MAX },
        }),
        &[],
    )
}

pub(super) fn take_input() -> Value {
    let held =
        object(json!({ "id": { "type": "integer" }, "lease": { "type": "integer" } }), &["id", "lease"]);
    object(
        json!({
            "worker": { "type": "string" },
            "seconds": { "type": "integer", "minimum": 0, "maximum": LEASE_SECONDS_MAX, "description": "Of the lease; 0 with `renew` gives it back" },
            "renew": held,
        }),
        &[],
    )
}

pub(super) fn complete_input() -> Value {
    object(
        json!({
            "id": { "type": "integer" },
            "lease": { "type": "integer" },
            "outcome": { "type": "string", "enum": ["done", "failed"] },
            "summary": { "type": "string" },
        }),
        &["id", "summary"],
    )
}

pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": { "task": { "type": ["object", "null"] } },
        "required": ["task"],
    })
}

pub(super) fn list_output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "tasks": { "type": "array", "items": { "type": "object" } },
            "next": { "type": ["integer", "null"] },
        },
        "required": ["tasks"],
    })
}
