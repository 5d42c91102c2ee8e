//! The pipeline: an HTTP request in, an HTTP response out.

mod batch;
#[cfg(test)]
mod tests;
mod verbs;

use std::sync::Arc;

use bytes::Bytes;
use forge_core::Identity;
use http::{Method, Response, StatusCode};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::RestError;
use crate::model::Model;
use crate::plan::Task;
use crate::wire::answer;
use crate::wire::request::{Action, Exposed};
use crate::wire::{Media, Request, accept, prefer};

/// How requests are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most rows that an answer has, at every level of embedding; `None` for no bound.
    pub max_rows: Option<u64>,
    /// Whether a request may ask that it be undone (`Prefer: tx=rollback`).
    pub tx_rollback_allowed: bool,
    /// Whether aggregate functions may be used.
    pub aggregates: bool,
    /// Whether the engine's plan may be asked for.
    pub plans: bool,
    /// The most requests in a batch.
    pub batch_max: usize,
    /// The most rows in a body.
    pub rows_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_rows: Some(1_000),
            tx_rollback_allowed: false,
            aggregates: true,
            plans: false,
            batch_max: 100,
            rows_max: 100_000,
        }
    }
}

/// The REST dialect on one engine.
#[derive(Clone)]
pub struct Rest {
    engine: Arc<dyn Engine>,
    settings: Settings,
    names: Names,
}

/// What looks names up in the model.
#[derive(Clone, Copy)]
struct Names {
    /// What a request comes to.
    task: fn(&Model, &Request, &Settings) -> Result<Task, RestError>,
    /// The description of the interface for a schema; without one the root is disabled (PGRST126).
    description: Option<fn(&Model, &str) -> Value>,
    /// The error for a relation that there is not, in a schema.
    no_relation: fn(&Model, &str, &str) -> RestError,
}

impl Rest {
    /// Serves `engine`.
    pub fn new(engine: Arc<dyn Engine>, settings: Settings) -> Rest {
        let names = Names {
            task: crate::resolve::task,
            description: Some(crate::openapi::swagger2),
            no_relation: crate::resolve::no_relation,
        };
        Rest { engine, settings, names }
    }

    /// Answers a request of `who`. Its path has nothing in front of the relation: `/todos`, `/rpc/f`, `/`.
    ///
    /// `POST /$batch` carries out several requests in one transaction: a JSON array of
    /// `{"method", "path", "headers", "body"}`, answered by an array of `{"status", "headers", "body"}`.
    /// Where one of them fails, none has happened, and the answer is that one's error.
    pub async fn answer(&self, who: &Identity, request: http::Request<Bytes>) -> Response<Bytes> {
        let is_head = request.method() == Method::HEAD;
        let answered = if request.uri().path() == batch::PATH {
            self.batch(who, &request).await
        } else {
            self.one(who, &request).await
        };
        answered.unwrap_or_else(|error| answer::failure(&error, is_head))
    }

    /// Answers one request.
    async fn one(
        &self,
        who: &Identity,
        request: &http::Request<Bytes>,
    ) -> Result<Response<Bytes>, RestError> {
        let model = self.engine.model().await?;
        let request = self.read(&model, request)?;
        match &request.action {
            Action::Describe { .. } => {
                let description = self.names.description.ok_or_else(undescribed)?;
                accept::describable(&request.accept)?;
                return answer::description(&request, &description(&model, &request.schema));
            }
            Action::RootOptions => return Ok(answer::options(verbs::ROOT)),
            Action::RelationOptions(name) => {
                let relation = model.relation(&request.schema, name);
                let relation =
                    relation.ok_or_else(|| (self.names.no_relation)(&model, &request.schema, name))?;
                return Ok(answer::options(&verbs::of_relation(relation)));
            }
            Action::FunctionOptions(name) => {
                return Ok(answer::options(verbs::of_function(&model, &request.schema, name)?));
            }
            Action::Read { .. }
            | Action::Insert(_)
            | Action::Put(_)
            | Action::Update(_)
            | Action::Delete(_)
            | Action::Call { .. } => {}
        }
        let (task, media) = self.resolve(&model, &request)?;
        let outcome = self.engine.run(who, &request.context, &task).await?;
        answer::answer(&request, &task, &media, outcome)
    }

    /// Reads a request.
    fn read(&self, model: &Model, request: &http::Request<Bytes>) -> Result<Request, RestError> {
        let exposed = Exposed {
            schemas: &model.schemas,
            tx_rollback_allowed: self.settings.tx_rollback_allowed,
            rows_max: self.settings.rows_max,
        };
        Request::read(request, exposed)
    }

    /// What a request comes to, and the type of its answer, on which some of its terms depend.
    fn resolve(&self, model: &Model, request: &Request) -> Result<(Task, Media), RestError> {
        let mut task = (self.names.task)(model, request, &self.settings)?;
        let media = answer::media(request, &task, self.settings.plans)?;
        task.terms.single = media.is_single();
        task.terms.rollback = request.preferences.transaction == Some(prefer::Transaction::Rollback);
        task.terms.timezone = request.preferences.timezone.clone();
        task.explain = media.explain().cloned();
        Ok((task, media))
    }
}

/// The error for the root where nothing is told about the interface.
fn undescribed() -> RestError {
    RestError::new(StatusCode::NOT_FOUND, "PGRST126", "Root endpoint metadata is disabled")
}
