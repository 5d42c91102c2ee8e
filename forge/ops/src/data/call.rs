//! `forge_db_rpc_call`: a function of the database, called as an application would.

use bytes::Bytes;
use forge_rest::RestError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::query::BYTES_MAX;
use super::{SCHEMA, counted, encoded, refused, who};
use crate::operations::read;
use crate::{Forge, OpError, Outcome};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    function: String,
    #[serde(default)]
    args: Map<String, Value>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

pub(crate) fn call(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Called { function, args, role, user } = read(operation, input)?;
    let plane = forge.data.plane()?;
    let model = plane.model()?;
    if !model.functions.contains_key(&(SCHEMA.to_owned(), function.clone())) {
        let known: Vec<&str> = model.functions.keys().map(|(_, name)| name.as_str()).collect();
        let why = match known.is_empty() {
            true => "the database has no functions; `add_function` of a migration makes one".to_owned(),
            false => format!("there is no function `{function}`; there are {}", known.join(", ")),
        };
        return Err(OpError::Input { operation, why });
    }
    let failed = refused("call the function");
    let request = http::Request::post(format!("/rpc/{}", encoded(&function)))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(Value::Object(args).to_string()))
        .map_err(|_| {
            failed(RestError::new(http::StatusCode::BAD_REQUEST, "PGRST202", "it cannot be named"))
        })?;
    let body = plane.ask(&who(role, user), request).map_err(&failed)?;
    let given: Value =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or_default() };
    let (result, truncated) = bounded(given);
    let summary = match (&result, truncated) {
        (Value::Array(rows), true) => format!("`{function}` gave more than the {} rows shown", rows.len()),
        (Value::Array(rows), false) => format!("`{function}` gave {}", counted(rows.len())),
        _ => format!("`{function}` was called"),
    };
    Ok(Outcome::Done { summary, data: json!({ "result": result, "truncated": truncated }) })
}

/// As much of a result as an answer holds; whether that is less than there is.
fn bounded(given: Value) -> (Value, bool) {
    let Value::Array(items) = given else {
        let long = given.to_string().len() > BYTES_MAX;
        return if long { (Value::Null, true) } else { (given, false) };
    };
    let (count, mut bytes) = (items.len(), 0);
    let fits = |item: &Value| {
        bytes += item.to_string().len() + 1;
        bytes <= BYTES_MAX
    };
    let kept: Vec<Value> = items.into_iter().take_while(fits).collect();
    let truncated = kept.len() < count;
    (Value::Array(kept), truncated)
}
