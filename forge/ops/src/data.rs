//! The rows of the application, on the engine that serves them.
//!
//! The operations here take the same way as requests over HTTP: through the REST dialect and its policies. On
//! SQLite nothing need be handed in; where the application is on a Postgres, whoever opens Forge hands that in.

mod call;
mod csv;
mod export;
mod import;
mod query;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use forge_core::{Identity, Role};
use forge_rest::engine::Engine;
use forge_rest::model::Model;
use forge_rest::query::{Found, Queries, Query};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{Settings, Sqlite};
use forge_rest::{Rest, RestError};
use futures::executor::block_on;
use serde_json::{Value, json};
use tokio::runtime::Handle;

pub(crate) use call::call;
pub(crate) use export::export;
pub(crate) use import::import;
pub(crate) use query::{LIMIT_MAX, query};

use crate::OpError;

/// The most rows that are added at once, or exported of one table.
const ROWS_MAX: usize = 100_000;
/// Connections that read: operations come one after another.
const READERS: usize = 1;
/// The schema whose tables are meant.
pub(crate) const SCHEMA: &str = "public";

/// Opens the engine.
type Open = Box<dyn Fn() -> Result<Plane, String> + Send + Sync>;

/// The rows, opened when they are first asked for.
pub struct Data {
    open: Open,
    opened: Mutex<Option<Arc<Plane>>>,
}

/// An engine with everything that goes through it.
pub struct Plane {
    rest: Rest,
    engine: Arc<dyn Engine>,
    queries: Arc<dyn Queries>,
    runtime: Option<Handle>,
}

impl Data {
    /// The rows of what `open` gives. It says in a sentence why it cannot.
    pub fn new(open: impl Fn() -> Result<Plane, String> + Send + Sync + 'static) -> Data {
        Data { open: Box::new(open), opened: Mutex::new(None) }
    }

    /// The rows in the file `path`.
    pub(crate) fn of_file(path: &Path) -> Data {
        let path = path.to_owned();
        Data::new(move || {
            let settings = Settings { readers: READERS, ..Settings::default() };
            let sqlite =
                Sqlite::open(&path, settings, Arc::new(Compiler)).map_err(|error| error.to_string())?;
            Ok(Plane::new(Arc::new(sqlite), None))
        })
    }

    pub(crate) fn plane(&self) -> Result<Arc<Plane>, OpError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plane) = &*opened {
            return Ok(Arc::clone(plane));
        }
        let plane = (self.open)().map_err(|why| OpError::Unserved { why })?;
        Ok(Arc::clone(opened.insert(Arc::new(plane))))
    }
}

impl Plane {
    /// The rows on `engine`. One that waits for the network needs the runtime in which it was made; operations are
    /// then not called from that runtime's own threads.
    pub fn new<E: Engine + Queries>(engine: Arc<E>, runtime: Option<Handle>) -> Plane {
        let settings = forge_rest::Settings {
            max_rows: None,
            tx_rollback_allowed: true,
            rows_max: ROWS_MAX,
            ..forge_rest::Settings::default()
        };
        let rest = Rest::new(Arc::clone(&engine) as Arc<dyn Engine>, settings);
        Plane { rest, engine: Arc::clone(&engine) as Arc<dyn Engine>, queries: engine, runtime }
    }

    pub(crate) fn model(&self) -> Result<Arc<Model>, OpError> {
        self.wait(self.engine.model()).map_err(refused("read the schema"))
    }

    pub(crate) fn found(&self, who: &Identity, queries: &[Query]) -> Result<Vec<Found>, RestError> {
        self.wait(self.queries.queries(who, queries))
    }

    /// A request in the dialect, and the body of its answer.
    fn ask(&self, who: &Identity, request: http::Request<bytes::Bytes>) -> Result<bytes::Bytes, RestError> {
        let answer = self.wait(self.rest.answer(who, request));
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
        let mut error = RestError::new(head.status, text("code"), text("message"));
        error.details = told.get("details").filter(|details| !details.is_null()).cloned();
        error.hint = told["hint"].as_str().map(Into::into);
        Err(error)
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => block_on(future),
        }
    }
}

/// In whose name: the backend itself, unless a role or a user is named.
pub(crate) fn who(role: Option<String>, user: Option<String>) -> Identity {
    match (role, user) {
        (None, None) => Identity::service(),
        (None, Some(user)) => Identity::user(&user),
        (Some(role), user) => {
            let claims = json!({ "sub": user, "role": role });
            Identity { role: Role::from(role), subject: user, claims }
        }
    }
}

/// The error for what the database said about an attempt.
pub(crate) fn refused(attempt: &'static str) -> impl Fn(RestError) -> OpError {
    move |source| OpError::Rows { attempt, source: Box::new(source) }
}

/// The properties by which an input says in whose name.
pub(crate) fn who_schema() -> (Value, Value) {
    (
        json!({ "type": "string", "description": "Act as: anon, authenticated, a role; default: past policies" }),
        json!({ "type": "string", "description": "Act as the user with this id" }),
    )
}

/// So many rows, in words.
fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// A name as part of a path.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
