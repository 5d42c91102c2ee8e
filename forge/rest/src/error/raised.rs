//! `RAISE SQLSTATE 'PGRST'`: an error whose message and detail are JSON and say the whole answer.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::RestError;

/// The message of such a raise.
#[derive(Deserialize)]
struct Message {
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
}

/// The detail of such a raise. Its text of the status is of no use: HTTP/2 has none.
#[derive(Deserialize)]
struct Detail {
    status: u16,
    headers: BTreeMap<String, String>,
}

/// The error that a raise describes.
pub(super) fn whole(message: &str, detail: Option<&str>) -> RestError {
    let Ok(said) = serde_json::from_str::<Message>(message) else {
        return unreadable(
            format!("Invalid JSON value for MESSAGE: '{message}'"),
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
        );
    };
    let Some(detail) = detail else {
        return unreadable("DETAIL is missing in the RAISE statement".to_owned(), DETAIL_HINT);
    };
    let answer = serde_json::from_str::<Detail>(detail).ok().and_then(|detail| {
        let status = StatusCode::from_u16(detail.status).ok().filter(|status| status.as_u16() >= 200)?;
        Some((status, headers(detail.headers)?))
    });
    let Some((status, headers)) = answer else {
        return unreadable(format!("Invalid JSON value for DETAIL: '{detail}'"), DETAIL_HINT);
    };
    RestError {
        status,
        code: said.code,
        message: said.message,
        details: said.details.map(Into::into),
        hint: said.hint.map(String::into_boxed_str),
        headers: Some(Box::new(headers)),
    }
}

const DETAIL_HINT: &str =
    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";

/// The headers, if each can be one.
fn headers(named: BTreeMap<String, String>) -> Option<HeaderMap> {
    named
        .into_iter()
        .map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)))
        .collect()
}

/// The error for a raise that says nothing that can be read.
fn unreadable(details: String, hint: &str) -> RestError {
    RestError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "PGRST121",
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
    )
    .details(details)
    .hint(hint)
}
