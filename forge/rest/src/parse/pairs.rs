//! The parameters of a query string, in order.

use http::StatusCode;

use super::percent::{Plus, decode, encode};
use super::{PARAMETERS_MAX, QUERY_BYTES_MAX, unreadable};
use crate::error::RestError;

/// A name with its value; no value where there is no `=`.
pub(super) type Pair = (String, Option<String>);

/// The parameters, decoded.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, RestError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(RestError::new(
            StatusCode::URI_TOO_LONG,
            "PGRST100",
            format!("The query string has {} bytes, at most {QUERY_BYTES_MAX} are read", text.len()),
        ));
    }
    let mut pairs = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        if pairs.len() == PARAMETERS_MAX {
            return Err(unreadable(
                "failed to parse query string".to_owned(),
                format!("It has more than {PARAMETERS_MAX} parameters"),
            ));
        }
        pairs.push(match part.split_once('=') {
            Some((name, value)) => (decoded(name)?, Some(decoded(value)?)),
            None => (decoded(part)?, None),
        });
    }
    Ok(pairs)
}

/// The query string with its parameters sorted by name and encoded anew.
///
/// Fails as [`super::query`] does where it cannot be read.
pub fn canonical(text: &str) -> Result<String, RestError> {
    let mut pairs = pairs(text)?;
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    let parts: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value.as_deref().unwrap_or_default())))
        .collect();
    Ok(parts.join("&"))
}

/// The text of one part. No database keeps the character zero in a text.
fn decoded(text: &str) -> Result<String, RestError> {
    let invalid = |bytes: &str| {
        RestError::new(
            StatusCode::BAD_REQUEST,
            "22021",
            format!("invalid byte sequence for encoding \"UTF8\"{bytes}"),
        )
    };
    let text = decode(text, Plus::Space).ok_or_else(|| invalid(""))?;
    if text.contains('\0') { Err(invalid(": 0x00")) } else { Ok(text) }
}
