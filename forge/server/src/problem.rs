//! What is told where no service could answer: the four keys that every client knows.

use bytes::Bytes;
use forge_auth::caller::CallerError;
use forge_auth::token::TokenError;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// An error of the server itself. Serialises to `{"code","details","hint","message"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// A stable code; programs match on this.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// More about it.
    pub details: Option<&'static str>,
    /// What would make it work.
    pub hint: Option<&'static str>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The challenge of a 401.
    pub challenge: Option<String>,
    /// Whether the connection ends with this answer.
    pub closes: bool,
}

#[derive(Serialize)]
struct Wire<'a> {
    code: &'a str,
    details: Option<&'a str>,
    hint: Option<&'a str>,
    message: &'a str,
}

impl Problem {
    /// A problem with a code and a message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            message: message.into(),
            details: None,
            hint: None,
            retry_after: None,
            challenge: None,
            closes: false,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Problem {
        self.hint = Some(hint);
        self
    }

    /// The same, to be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// The same, as the last answer on its connection.
    #[must_use]
    pub fn closing(mut self) -> Problem {
        self.closes = true;
        self
    }

    /// The answer.
    pub fn response(&self) -> Response<Bytes> {
        let wire = Wire { code: self.code, details: self.details, hint: self.hint, message: &self.message };
        // Text and nothing else: there is nothing that could fail.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// PostgREST's codes: 301 for what cannot be read or was not signed here, 303 for claims that do not hold.
impl From<CallerError> for Problem {
    fn from(error: CallerError) -> Problem {
        let code = match error {
            CallerError::Token(
                TokenError::Expired
                | TokenError::Early
                | TokenError::Future
                | TokenError::Audience
                | TokenError::Issuer
                | TokenError::Claims,
            ) => "PGRST303",
            CallerError::Key | CallerError::Token(_) => "PGRST301",
        };
        let mut problem = Problem::new(StatusCode::UNAUTHORIZED, code, error.to_string());
        match error {
            CallerError::Key => {
                problem.hint = Some("send one of the project's keys, or a token that one of them signed");
            }
            CallerError::Token(TokenError::Signature) => {
                problem.details = Some("None of the keys was able to decode the JWT");
            }
            CallerError::Token(_) => {}
        }
        problem.challenge =
            Some(format!("Bearer error=\"invalid_token\", error_description=\"{}\"", problem.message));
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn always_has_the_four_keys() {
        let response = Problem::new(StatusCode::NOT_FOUND, "x", "y").response();
        assert_eq!(response.body(), r#"{"code":"x","details":null,"hint":null,"message":"y"}"#);
    }

    #[test]
    fn tokens_are_refused_with_the_codes_that_clients_know() {
        for (error, code) in [
            (CallerError::Key, "PGRST301"),
            (TokenError::Signature.into(), "PGRST301"),
            (TokenError::Malformed.into(), "PGRST301"),
            (TokenError::Expired.into(), "PGRST303"),
            (TokenError::Audience.into(), "PGRST303"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status, problem.code), (StatusCode::UNAUTHORIZED, code));
            let challenge = problem.response().headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        }
    }
}
