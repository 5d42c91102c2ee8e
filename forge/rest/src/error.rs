//! The one error of the data plane, with the four keys that clients know.

mod raised;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Why a request was not answered as asked. Serialises to `{"code","details","hint","message"}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RestError {
    /// The status of the answer.
    pub status: StatusCode,
    /// A SQLSTATE or a code that begins with `PGRST`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// More about it; text or, for ambiguous relationships, a list.
    pub details: Option<serde_json::Value>,
    /// What would make it work.
    pub hint: Option<Box<str>>,
    /// Headers of the answer beyond the usual ones.
    pub headers: Option<Box<HeaderMap>>,
}

impl RestError {
    /// An error with a code and a message.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> RestError {
        RestError {
            status,
            code: code.into(),
            message: message.into(),
            details: None,
            hint: None,
            headers: None,
        }
    }

    /// The same with details.
    #[must_use]
    pub fn details(mut self, details: impl Into<serde_json::Value>) -> RestError {
        self.details = Some(details.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> RestError {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    /// The same with a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> RestError {
        self.headers.get_or_insert_default().append(name, value);
        self
    }

    /// The error for what a database said: a SQLSTATE with its message, detail and hint. `anonymous` says
    /// whether nobody was signed in: who may not do something is asked to sign in first.
    ///
    /// `PTxyz` is the status `xyz`; `PGRST` takes everything from the JSON in message and detail.
    pub fn from_sqlstate(
        code: &str,
        message: &str,
        details: Option<&str>,
        hint: Option<&str>,
        anonymous: bool,
    ) -> RestError {
        if code == "PGRST" {
            return raised::whole(message, details);
        }
        let status = sqlstate_status(code, message, anonymous);
        let mut error = RestError::new(status, code, message);
        error.details = details.map(Into::into);
        error.hint = hint.map(Into::into);
        if status == StatusCode::UNAUTHORIZED {
            error = error.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        error
    }

    /// Its JSON: always the four keys.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.code,
            "details": self.details,
            "hint": self.hint,
            "message": self.message,
        })
    }
}

/// The status for a SQLSTATE.
fn sqlstate_status(code: &str, message: &str, anonymous: bool) -> StatusCode {
    if let Some(digits) = code.strip_prefix("PT") {
        return own_status(digits);
    }
    match code {
        "23503" | "23505" => StatusCode::CONFLICT,
        "25006" => StatusCode::METHOD_NOT_ALLOWED,
        "21000" if message.ends_with("requires a WHERE clause") => StatusCode::BAD_REQUEST,
        "22023" if message.starts_with("role") && message.ends_with("does not exist") => {
            StatusCode::UNAUTHORIZED
        }
        "42883" | "42P01" => StatusCode::NOT_FOUND,
        "42501" if anonymous => StatusCode::UNAUTHORIZED,
        "42501" => StatusCode::FORBIDDEN,
        "57P01" => StatusCode::SERVICE_UNAVAILABLE,
        "P0001" => StatusCode::BAD_REQUEST,
        "21000" | "42P17" | "53400" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => class_status(code.get(..2).unwrap_or_default()),
    }
}

/// The status for a class of SQLSTATEs: its first two characters.
fn class_status(class: &str) -> StatusCode {
    match class {
        "08" | "53" => StatusCode::SERVICE_UNAVAILABLE,
        "0L" | "0P" | "28" => StatusCode::FORBIDDEN,
        "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "54" | "55" | "57" | "58" | "F0" | "HV" | "P0"
        | "XX" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The status that a function chose by raising `PTxyz`; a failure of the server where it is none.
fn own_status(digits: &str) -> StatusCode {
    digits
        .parse::<u16>()
        .ok()
        .filter(|status| (200..600).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sqlstate_has_the_status_that_clients_know() {
        for (code, message, anonymous, status) in [
            ("23505", "duplicate key", false, 409),
            ("23503", "violates", false, 409),
            ("23514", "violates check", false, 400),
            ("23502", "null value", false, 400),
            ("22P02", "invalid input syntax", false, 400),
            ("42703", "column does not exist", false, 400),
            ("42P01", "relation does not exist", false, 404),
            ("42883", "function does not exist", false, 404),
            ("42501", "permission denied", true, 401),
            ("42501", "permission denied", false, 403),
            ("25006", "read-only", false, 405),
            ("57014", "canceled", false, 500),
            ("57P01", "terminating", false, 503),
            ("XX000", "internal", false, 500),
            ("53300", "too many", false, 503),
            ("53400", "limit", false, 500),
            ("08006", "connection", false, 503),
            ("P0001", "raised", false, 400),
            ("P0002", "no data", false, 500),
            ("PT402", "pay", false, 402),
            ("PT9999", "what", false, 500),
            ("PTabc", "what", false, 500),
            ("21000", "DELETE requires a WHERE clause", false, 400),
            ("21000", "more than one row", false, 500),
            ("22023", "role \"x\" does not exist", false, 401),
            ("0", "odd", false, 400),
            ("\u{e9}\u{e9}", "odd", false, 400),
        ] {
            let error = RestError::from_sqlstate(code, message, None, None, anonymous);
            assert_eq!(error.status.as_u16(), status, "{code} {message}");
            assert_eq!(error.headers.is_none(), status != 401, "{code}");
        }
    }

    #[test]
    fn its_json_has_all_four_keys() {
        let error = RestError::from_sqlstate("23505", "no", Some("Key exists."), None, false);
        assert_eq!(
            error.json(),
            serde_json::json!({"code": "23505", "details": "Key exists.", "hint": null, "message": "no"})
        );
    }

    #[test]
    fn a_raise_of_pgrst_says_everything() {
        let error = RestError::from_sqlstate(
            "PGRST",
            r#"{"code":"123","message":"Payment","details":"D","hint":"H"}"#,
            Some(r#"{"status":402,"headers":{"X-Powered-By":"Nerd"}}"#),
            None,
            false,
        );
        assert_eq!((error.status.as_u16(), error.code.as_str()), (402, "123"));
        assert_eq!(error.headers.unwrap()["x-powered-by"], "Nerd");
        assert_eq!(error.hint.as_deref(), Some("H"));
    }

    #[test]
    fn a_raise_of_pgrst_that_cannot_be_read_is_told() {
        for (message, detail, says) in [
            ("no json", Some("{}"), "Invalid JSON value for MESSAGE: 'no json'"),
            (r#"{"code":"1","message":"m"}"#, None, "DETAIL is missing in the RAISE statement"),
            (r#"{"code":"1","message":"m"}"#, Some("[]"), "Invalid JSON value for DETAIL: '[]'"),
            (
                r#"{"code":"1","message":"m"}"#,
                Some(r#"{"status":99,"headers":{}}"#),
                r#"Invalid JSON value for DETAIL: '{"status":99,"headers":{}}'"#,
            ),
        ] {
            let error = RestError::from_sqlstate("PGRST", message, detail, None, false);
            assert_eq!((error.status.as_u16(), error.code.as_str()), (500, "PGRST121"));
            assert_eq!(error.details, Some(says.into()));
        }
    }
}
