//! Status and headers, which differ with what was done.

use http::StatusCode;
use http::header::{CONTENT_LOCATION, CONTENT_RANGE, HeaderName, LOCATION};

use super::{Answer, shape};
use crate::error::RestError;
use crate::parse::percent::encode;
use crate::plan::{Count, Outcome, Plan, Resolution, Shape, Task};
use crate::wire::accept::Media;
use crate::wire::prefer::Preferences;
use crate::wire::range::content_range;
use crate::wire::request::{Action, Request};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The answer to a task that was carried out, without its body.
pub(super) fn of(
    request: &Request,
    task: &Task,
    media: &Media,
    outcome: &Outcome,
) -> Result<Answer, RestError> {
    let answer = match &task.plan {
        Plan::Read(_) => {
            let (status, range) = ranged(request, outcome)?;
            Answer::new(status).with(CONTENT_RANGE, Some(range)).with(CONTENT_LOCATION, place(request))
        }
        Plan::Call(_) => {
            let (status, range) = ranged(request, outcome)?;
            let status = if shape(&task.plan) == Shape::Nothing { StatusCode::NO_CONTENT } else { status };
            Answer::new(status).with(CONTENT_RANGE, Some(range))
        }
        Plan::Insert(insert) if insert.put.is_some() || matches!(request.action, Action::Put(_)) => {
            let status = if outcome.added > 0 { StatusCode::CREATED } else { StatusCode::OK };
            Answer::new(written(task, status))
        }
        Plan::Insert(_) => Answer::new(inserted(request, outcome))
            .with(LOCATION, location(request, outcome))
            .with(CONTENT_RANGE, Some(content_range(0, 0, counted(request, outcome)))),
        Plan::Update(_) => {
            let range = content_range(0, outcome.rows, counted(request, outcome));
            Answer::new(written(task, StatusCode::OK)).with(CONTENT_RANGE, Some(range))
        }
        Plan::Delete(_) => Answer::new(written(task, StatusCode::OK))
            .with(CONTENT_RANGE, Some(content_range(0, 0, counted(request, outcome)))),
    };
    let answer = answer.with(PREFERENCE_APPLIED, applied(request, task).applied());
    let told = shape(&task.plan) != Shape::Nothing;
    Ok(if told { answer.typed(request, media) } else { answer })
}

/// Status and `Content-Range` of rows that were read.
fn ranged(request: &Request, outcome: &Outcome) -> Result<(StatusCode, String), RestError> {
    let (status, range) = request.range.answered(outcome.rows, outcome.total);
    if status != StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok((status, range));
    }
    let error = request.range.beyond(outcome.total.unwrap_or_default());
    Err(match http::HeaderValue::try_from(range) {
        Ok(range) => error.header(CONTENT_RANGE, range),
        Err(_) => error,
    })
}

/// The status of rows that were written: without a body it is another one.
fn written(task: &Task, with_body: StatusCode) -> StatusCode {
    if shape(&task.plan) == Shape::Nothing { StatusCode::NO_CONTENT } else { with_body }
}

/// The status of an insertion. An upsert that found every row there already created none.
fn inserted(request: &Request, outcome: &Outcome) -> StatusCode {
    let merged = request.preferences.resolution == Some(Resolution::Merge);
    if merged && outcome.added == 0 { StatusCode::OK } else { StatusCode::CREATED }
}

/// How many rows were written, if that is asked for.
fn counted(request: &Request, outcome: &Outcome) -> Option<u64> {
    let asked = matches!(request.preferences.count, Some(Count::Exact | Count::Estimated));
    asked.then_some(outcome.rows)
}

/// Where the rows are that were read.
fn place(request: &Request) -> Option<String> {
    let Action::Read { relation, .. } = &request.action else { return None };
    let relation = encode(relation);
    let query = &request.canonical;
    Some(if query.is_empty() { format!("/{relation}") } else { format!("/{relation}?{query}") })
}

/// Where the row is that was written.
fn location(request: &Request, outcome: &Outcome) -> Option<String> {
    let Action::Insert(relation) = &request.action else { return None };
    if outcome.key.is_empty() {
        return None;
    }
    let key: Vec<String> =
        outcome.key.iter().map(|(name, value)| format!("{}=eq.{}", encode(name), encode(value))).collect();
    Some(format!("/{}?{}", encode(relation), key.join("&")))
}

/// The preferences that mattered for this task.
fn applied(request: &Request, task: &Task) -> Preferences {
    let mut applied = request.preferences.clone();
    let (inserts, put) = match &task.plan {
        Plan::Insert(insert) => (true, insert.put.is_some() || matches!(request.action, Action::Put(_))),
        Plan::Read(_) | Plan::Update(_) | Plan::Delete(_) | Plan::Call(_) => (false, false),
    };
    let updates = matches!(task.plan, Plan::Update(_));
    let found_by = matches!(&task.plan, Plan::Insert(insert) if insert.conflict.is_some());
    if !inserts || put || !found_by {
        applied.resolution = None;
    }
    if matches!(task.plan, Plan::Read(_) | Plan::Call(_)) {
        applied.returning = None;
    }
    if put || !(inserts || updates) {
        applied.missing = None;
    }
    if !matches!(task.plan, Plan::Update(_) | Plan::Delete(_) | Plan::Call(_)) {
        applied.max_affected = None;
    }
    applied
}
