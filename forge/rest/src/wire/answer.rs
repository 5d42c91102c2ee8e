//! What came of a task, as an HTTP response.

mod body;
mod csv;
mod geojson;
mod head;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::error::RestError;
use crate::model::Returns;
use crate::plan::{Outcome, Plan, Returning, Shape, Task};
use crate::wire::accept::{Media, Offer, negotiate};
use crate::wire::request::Request;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The type in which a task will be answered: the best of those that the client accepts.
///
/// Fails with PGRST107 where there is none. To be asked before the task is carried out.
pub fn media(request: &Request, task: &Task, plans: bool) -> Result<Media, RestError> {
    negotiate(&request.accept, Offer { bare: body::is_bare(&task.plan), plans })
}

/// The answer to `request`, which was resolved to `task`, in the type `media`.
///
/// Fails with 416 PGRST103 where the range begins behind the last row, and with 500 PGRST111 or PGRST112
/// where a function set a header or a status that there cannot be.
pub fn answer(
    request: &Request,
    task: &Task,
    media: &Media,
    mut outcome: Outcome,
) -> Result<Response<Bytes>, RestError> {
    let body = std::mem::take(&mut outcome.body);
    let mut answer = if media.explain().is_some() {
        Answer::new(StatusCode::OK).typed(request, media).with_body(Bytes::from(body))
    } else {
        let answer = head::of(request, task, media, &outcome)?;
        match shape(&task.plan) {
            Shape::Nothing => answer,
            shape => answer.with_body(body::render(media, &task.plan, shape, body)),
        }
    };
    if request.action.is_head() {
        answer.body = Bytes::new();
    }
    answer.heed(&outcome)?;
    answer.into_response()
}

/// The answer that tells an error. The answer to a HEAD has no body.
pub fn failure(error: &RestError, is_head: bool) -> Response<Bytes> {
    let body = if is_head { Bytes::new() } else { Bytes::from(error.json().to_string()) };
    let mut response = Response::new(body);
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Ok(status) = HeaderValue::try_from(format!("PostgREST; error={}", error.code)) {
        headers.insert(PROXY_STATUS, status);
    }
    for (name, value) in error.headers.iter().flat_map(|headers| headers.iter()) {
        if !is_framing(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    response
}

/// The answer to OPTIONS: which verbs there are.
pub fn options(verbs: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    if let Ok(verbs) = HeaderValue::try_from(verbs) {
        response.headers_mut().insert(ALLOW, verbs);
    }
    response
}

/// The answer that describes the interface.
pub fn description(request: &Request, document: &serde_json::Value) -> Result<Response<Bytes>, RestError> {
    let mut answer = Answer::new(StatusCode::OK).typed(request, &Media::OpenApi);
    if !request.action.is_head() {
        answer.body = Bytes::from(document.to_string());
    }
    answer.into_response()
}

/// An answer that is being made.
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Answer {
    fn new(status: StatusCode) -> Answer {
        Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    fn with(mut self, name: HeaderName, value: Option<String>) -> Answer {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    fn with_body(mut self, body: Bytes) -> Answer {
        self.body = body;
        self
    }

    /// Says of which type the body is, and of which schema.
    fn typed(self, request: &Request, media: &Media) -> Answer {
        let schema = request.schema_told.then(|| request.schema.clone());
        self.with(CONTENT_TYPE, Some(media.content_type()))
            .with(HeaderName::from_static("content-profile"), schema)
    }

    /// Takes the status and the headers that a function set. They stand above the others.
    fn heed(&mut self, outcome: &Outcome) -> Result<(), RestError> {
        if let Some(status) = outcome.status {
            let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
            self.status = status.ok_or_else(|| {
                let message = "response.status guc must be a valid status code";
                RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRST112", message)
            })?;
        }
        let mut own = Vec::new();
        for (name, value) in &outcome.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| bad_headers())?;
            if !is_framing(&name) {
                own.push((name, value.clone()));
            }
        }
        self.headers.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
        self.headers.extend(own);
        Ok(())
    }

    fn into_response(self) -> Result<Response<Bytes>, RestError> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in self.headers {
            headers.append(name, HeaderValue::try_from(value).map_err(|_| bad_headers())?);
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn bad_headers() -> RestError {
    RestError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and a string value",
    )
}

/// Headers that say where a message ends: they are the server's alone.
fn is_framing(name: &HeaderName) -> bool {
    ["content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te"].contains(&name.as_str())
}

/// The form of what comes back.
fn shape(plan: &Plan) -> Shape {
    let returning = match plan {
        Plan::Read(_) => return Shape::Rows,
        Plan::Call(call) => {
            return match call.function.returns {
                Returns::Void => Shape::Nothing,
                Returns::Value(_) => Shape::Value,
                Returns::Values(_) => Shape::Values,
                Returns::Row(..) | Returns::Record(_) => Shape::Row,
                Returns::Rows(..) | Returns::Table(_) => Shape::Rows,
            };
        }
        Plan::Insert(insert) => &insert.returning,
        Plan::Update(update) => &update.returning,
        Plan::Delete(delete) => &delete.returning,
    };
    match returning {
        Returning::Rows(_) => Shape::Rows,
        Returning::Nothing | Returning::Key(_) => Shape::Nothing,
    }
}
