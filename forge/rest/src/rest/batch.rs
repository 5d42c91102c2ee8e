//! Several requests in one transaction.

use bytes::Bytes;
use forge_core::Identity;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use super::Rest;
use crate::engine::Context;
use crate::error::RestError;
use crate::model::Model;
use crate::parse::percent;
use crate::plan::Task;
use crate::wire::accept::Media;
use crate::wire::answer;
use crate::wire::prefer::{Preferences, Transaction};
use crate::wire::request::{Action, Request};
use crate::wire::{context, json, path};

/// Where batches are sent to.
pub(super) const PATH: &str = "/$batch";

/// The most headers of one of the requests.
const HEADERS_MAX: usize = 32;

/// One of the requests, ready to be carried out.
struct Step {
    request: Request,
    task: Task,
    media: Media,
}

impl Rest {
    /// Carries out a batch.
    pub(super) async fn batch(
        &self,
        who: &Identity,
        request: &http::Request<Bytes>,
    ) -> Result<Response<Bytes>, RestError> {
        if request.method() == Method::OPTIONS {
            return Ok(answer::options("OPTIONS,POST"));
        }
        if request.method() != Method::POST {
            return Err(path::no_such_method(request.method()));
        }
        let preferences = Preferences::read(request.headers(), self.settings.tx_rollback_allowed)?;
        let rollback = preferences.transaction == Some(Transaction::Rollback);
        let model = self.engine.model().await?;
        let steps = self.steps(&model, request.body(), rollback)?;
        let tasks: Vec<Task> = steps.iter().map(|step| step.task.clone()).collect();
        let context: Context = context::context(request.method(), PATH, request.headers());
        let outcomes = match tasks.is_empty() {
            true => Vec::new(),
            false => {
                let done = self.engine.batch(who, &context, &tasks).await;
                done.map_err(|(index, error)| located(index, error))?
            }
        };
        let answers: Vec<String> = steps
            .iter()
            .zip(outcomes)
            .map(|(step, outcome)| {
                let answered = answer::answer(&step.request, &step.task, &step.media, outcome);
                // It is done already: what cannot be shown of it is told in its place.
                let answered =
                    answered.unwrap_or_else(|error| answer::failure(&error, step.request.action.is_head()));
                shown(&answered)
            })
            .collect();
        whole(&answers, &preferences)
    }

    /// Reads and resolves every request, before the first one is carried out.
    fn steps(&self, model: &Model, body: &Bytes, rollback: bool) -> Result<Vec<Step>, RestError> {
        let text = std::str::from_utf8(body).map_err(|_| invalid("Empty or invalid json"))?;
        let Ok(Value::Array(items)) = serde_json::from_str(text) else {
            return Err(invalid("A batch must be a JSON array of requests"));
        };
        if items.len() > self.settings.batch_max {
            let message = format!("Too many requests: at most {} in a batch", self.settings.batch_max);
            return Err(RestError::new(StatusCode::PAYLOAD_TOO_LARGE, "PGRST102", message));
        }
        drop(items);
        json::items(text)
            .enumerate()
            .map(|(index, item)| self.step(model, item, rollback).map_err(|error| located(index, error)))
            .collect()
    }

    fn step(&self, model: &Model, item: &str, rollback: bool) -> Result<Step, RestError> {
        let inner = inner(item)?;
        let request = self.read(model, &inner)?;
        if !carried_out(&request.action) || inner.uri().path() == PATH {
            return Err(path::no_such_path());
        }
        if request.preferences.transaction == Some(Transaction::Rollback) && !rollback {
            return Err(RestError::new(
                StatusCode::BAD_REQUEST,
                "PGRST122",
                "A request of a batch cannot be undone alone: tx is a preference of the batch",
            ));
        }
        let (mut task, media) = self.resolve(model, &request)?;
        if media == Media::Binary {
            let message = format!("None of these media types are available: {media}");
            return Err(RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST107", message));
        }
        task.terms.rollback = rollback;
        Ok(Step { request, task, media })
    }
}

/// Whether it is a task: descriptions and options are no part of a transaction.
fn carried_out(action: &Action) -> bool {
    match action {
        Action::Read { .. }
        | Action::Insert(_)
        | Action::Put(_)
        | Action::Update(_)
        | Action::Delete(_)
        | Action::Call { .. } => true,
        Action::Describe { .. }
        | Action::RootOptions
        | Action::RelationOptions(_)
        | Action::FunctionOptions(_) => false,
    }
}

/// One item as the request that it stands for. A body keeps its text, and so its numbers their digits.
fn inner(item: &str) -> Result<http::Request<Bytes>, RestError> {
    let (mut method, mut path, mut headers, mut body) = (None, None, HeaderMap::new(), None);
    for (name, value) in json::members(item) {
        match name.as_str() {
            "method" => method = Some(json::unquoted(value)),
            "path" => path = Some(json::unquoted(value)),
            "headers" => headers = inner_headers(value)?,
            "body" if value != "null" => body = Some(value),
            "body" => {}
            other => return Err(invalid(format!("A request of a batch has no \"{other}\""))),
        }
    }
    let (Some(method), Some(path)) = (method, path) else {
        return Err(invalid("A request of a batch must be an object with method and path"));
    };
    let method = Method::try_from(method.as_str())
        .map_err(|_| invalid("The method of a request of a batch must be a verb"))?;
    let uri = plain(&path).parse::<http::uri::PathAndQuery>().ok().filter(|_| path.starts_with('/'));
    let uri = uri.ok_or_else(path::no_such_path)?;
    let bytes = body.map_or_else(Bytes::new, |body| body_bytes(body, &headers));
    let mut request = http::Request::new(bytes);
    *request.method_mut() = method;
    *request.uri_mut() = http::Uri::from(uri);
    *request.headers_mut() = headers;
    Ok(request)
}

/// A path as it would come over the wire: what cannot be in one is encoded.
fn plain(path: &str) -> String {
    path.chars()
        .map(|char| {
            if char.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(char) {
                char.to_string()
            } else {
                percent::encode(&char.to_string())
            }
        })
        .collect()
}

/// The body of a request: JSON as it is written; of other types it is in a string.
fn body_bytes(body: &str, headers: &HeaderMap) -> Bytes {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media.map_or(Media::Json, Media::read) == Media::Json {
        Bytes::from(body.to_owned())
    } else {
        Bytes::from(json::unquoted(body))
    }
}

fn inner_headers(object: &str) -> Result<HeaderMap, RestError> {
    if object == "null" {
        return Ok(HeaderMap::new());
    }
    if !object.starts_with('{') {
        return Err(invalid("The headers of a request of a batch must be an object of texts"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in json::members(object) {
        let header = HeaderName::try_from(name.as_str())
            .ok()
            .zip(HeaderValue::try_from(json::unquoted(value)).ok().filter(|_| value.starts_with('"')));
        let Some((name, value)) = header else {
            return Err(invalid("The headers of a request of a batch must be an object of texts"));
        };
        if headers.len() == HEADERS_MAX {
            return Err(invalid(format!("Too many headers: at most {HEADERS_MAX} in a request of a batch")));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// The error of one of the requests, which says which one it was.
fn located(index: usize, mut error: RestError) -> RestError {
    let place = format!("Request {index} of the batch, counted from 0");
    error.details = Some(match error.details.take() {
        None | Some(Value::Null) => Value::from(place),
        Some(Value::String(details)) => Value::from(format!("{place}: {details}")),
        Some(details) => Value::from(format!("{place}: {details}")),
    });
    error
}

fn invalid(message: impl Into<String>) -> RestError {
    RestError::new(StatusCode::BAD_REQUEST, "PGRST102", message)
}

/// An answer as an item of the batch's.
fn shown(answer: &Response<Bytes>) -> String {
    let headers: Vec<String> = answer
        .headers()
        .keys()
        .map(|name| {
            let values: Vec<_> = answer
                .headers()
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            format!("{}:{}", json::quoted(name.as_str()), json::quoted(&values.join(", ")))
        })
        .collect();
    let media = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(answer.body());
    let body = match media.split(';').next().unwrap_or_default() {
        _ if text.is_empty() => "null".to_owned(),
        essence if essence.ends_with("json") => text.into_owned(),
        _ => json::quoted(&text),
    };
    format!(
        "{{\"status\":{},\"headers\":{{{}}},\"body\":{body}}}",
        answer.status().as_u16(),
        headers.join(",")
    )
}

/// The answer to the whole batch.
fn whole(answers: &[String], preferences: &Preferences) -> Result<Response<Bytes>, RestError> {
    let mut response = Response::new(Bytes::from(format!("[{}]", answers.join(","))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    // Only what binds the batch is heeded here; the rest is each request's own.
    let heeded = Preferences {
        transaction: preferences.transaction,
        handling: preferences.handling,
        ..Preferences::default()
    };
    if let Some(applied) = heeded.applied().and_then(|applied| HeaderValue::try_from(applied).ok()) {
        headers.insert(HeaderName::from_static("preference-applied"), applied);
    }
    Ok(response)
}
