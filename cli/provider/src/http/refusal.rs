//! What an error of a server means: whether to ask again, and when.

use serde_json::Value;

use super::secret::{Secret, shown};
use super::wait;
use crate::{ProviderError, Refusal};

/// An error as a server told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Its HTTP status, where it has one.
    pub(crate) status: Option<u16>,
    /// Its kinds: types, codes and reasons, as the vendor names them.
    pub(crate) kinds: Vec<String>,
    /// Its words.
    pub(crate) message: String,
    /// How long to wait, where the body or the headers say.
    pub(crate) wait_ms: Option<u64>,
}

/// Kinds that say the account is empty.
const QUOTA: [&str; 6] = [
    "insufficient_quota",
    "billing_error",
    "billing_not_active",
    "billing_hard_limit_reached",
    "insufficient_funds",
    "insufficient_balance",
];
/// Kinds that say the key is wrong.
const KEY: [&str; 5] =
    ["authentication_error", "permission_error", "invalid_api_key", "api_key_invalid", "permission_denied"];
/// Kinds that say there is no such model.
const MODEL: [&str; 6] = [
    "not_found_error",
    "model_not_found",
    "model_not_available",
    "invalid_model",
    "notfounderror",
    "model_decommissioned",
];
/// Kinds that say the request is not understood, or too long.
const REQUEST: [&str; 8] = [
    "invalid_request_error",
    "invalid_prompt",
    "invalid_argument",
    "badrequesterror",
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "string_above_max_length",
];
/// Kinds that say one asks too often.
const RATE: [&str; 3] = ["rate_limit_error", "rate_limit_exceeded", "resource_exhausted"];
/// A model that wrote a call its own vendor could not read: another try may go well.
const GARBLED_CALL: &str = "tool_use_failed";

enum Meaning {
    Later { rate_limited: bool },
    Never(Refusal),
}

impl Complaint {
    /// Reads an error in any of the shapes that vendors give it; `None` where there is none.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let value = value.as_array().map_or(Some(value), |list| list.first())?;
        let inner = match value.get("error") {
            Some(Value::Null) | None => value,
            Some(inner) => inner,
        };
        let mut complaint = Self::default();
        match inner {
            Value::String(message) => complaint.message.clone_from(message),
            Value::Object(_) => complaint.fill(inner),
            _ => return None,
        }
        let empty = complaint.message.is_empty() && complaint.kinds.is_empty();
        (!empty).then_some(complaint)
    }

    /// The error that an answer of `status` carries.
    pub(crate) fn answered(status: u16, body: &[u8]) -> Self {
        let read = serde_json::from_slice(body).ok().as_ref().and_then(Self::read);
        let mut complaint = read.unwrap_or_else(|| Self { message: unreadable(body), ..Self::default() });
        complaint.status = Some(status);
        complaint
    }

    /// As an error for who asked.
    pub(crate) fn into_error(self, key: Option<&Secret>) -> ProviderError {
        let message = self.words(key);
        match self.meaning() {
            Meaning::Later { rate_limited } => {
                ProviderError::Transient { message, retry_after_ms: self.wait_ms, rate_limited, spent: None }
            }
            Meaning::Never(refusal) => ProviderError::permanent(refusal, message),
        }
    }

    fn fill(&mut self, inner: &Value) {
        let text = |name: &str| inner.get(name).and_then(Value::as_str);
        for kind in ["type", "code", "status"].into_iter().filter_map(text) {
            self.kinds.push(kind.to_owned());
        }
        self.status = inner.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        self.status = self.status.filter(|code| (400..600).contains(code));
        self.message = text("message").or_else(|| text("detail")).unwrap_or_default().to_owned();
        if let Some(raw) = inner.pointer("/metadata/raw").and_then(Value::as_str) {
            self.message = format!("{}: {raw}", self.message);
        }
        for detail in
            ["details", "detail"].into_iter().filter_map(|name| inner.get(name)?.as_array()).flatten()
        {
            let text = |name: &str| detail.get(name).and_then(Value::as_str);
            self.kinds.extend(text("reason").map(str::to_owned));
            self.wait_ms = self.wait_ms.or_else(|| text("retryDelay").and_then(wait::span));
            if let (true, Some(message)) = (self.message.is_empty(), text("msg")) {
                message.clone_into(&mut self.message);
            }
        }
    }

    fn words(&self, key: Option<&Secret>) -> String {
        let status = self.status.map(|status| format!("HTTP {status}"));
        let kind = self.kinds.iter().find(|kind| *kind != "error").map(|kind| shown(kind, key));
        let said = Some(shown(&self.message, key)).filter(|said| !said.is_empty());
        let parts: Vec<String> = [status, kind, said].into_iter().flatten().collect();
        parts.join(": ")
    }

    fn is(&self, kinds: &[&str]) -> bool {
        self.kinds.iter().any(|kind| kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)))
    }

    /// What it means. The kinds go first, where they are plain: vendors differ in the status they give.
    fn meaning(&self) -> Meaning {
        let status = self.status.unwrap_or(0);
        let message = self.message.to_ascii_lowercase();
        if status == 402 || self.is(&QUOTA) || message.contains("credit balance is too low") {
            return Meaning::Never(Refusal::Quota);
        }
        if status == 413 {
            // Said of a single request that is larger than what is allowed in a minute: no wait helps.
            return Meaning::Never(Refusal::Request);
        }
        if matches!(status, 408 | 409 | 425 | 429 | 500..) || self.is(&RATE) || self.is(&[GARBLED_CALL]) {
            return Meaning::Later { rate_limited: status == 429 || self.is(&RATE) };
        }
        if matches!(status, 401 | 403) || self.is(&KEY) {
            return Meaning::Never(Refusal::Key);
        }
        if status == 404 || self.is(&MODEL) || message.contains("valid model id") {
            return Meaning::Never(Refusal::Model);
        }
        if matches!(status, 400 | 414 | 422 | 431) || self.is(&REQUEST) {
            return Meaning::Never(Refusal::Request);
        }
        match status {
            0 => Meaning::Later { rate_limited: false },
            _ => Meaning::Never(Refusal::Other),
        }
    }
}

/// What is said of an answer that is no JSON.
fn unreadable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match text.trim_start() {
        "" => "no explanation".to_owned(),
        page if page.starts_with('<') => {
            "a web page in place of an answer; is the base URL right?".to_owned()
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The meaning in a word.
    fn meaning(status: u16, body: &Value) -> &'static str {
        word(Complaint::answered(status, body.to_string().as_bytes()).into_error(None))
    }

    fn word(error: ProviderError) -> &'static str {
        match error {
            ProviderError::Transient { rate_limited: true, .. } => "rate",
            ProviderError::Transient { .. } => "later",
            ProviderError::Permanent { refusal, .. } => refusal.as_str(),
        }
    }

    fn openai(kind: &str, code: &str) -> Value {
        json!({"error": {"message": "m", "type": kind, "param": null, "code": code}})
    }

    #[test]
    fn statuses_alone_have_a_meaning() {
        for (status, expected) in [
            (301, "other"),
            (400, "request"),
            (401, "key"),
            (402, "quota"),
            (403, "key"),
            (404, "model"),
            (405, "other"),
            (408, "later"),
            (409, "later"),
            (413, "request"),
            (422, "request"),
            (429, "rate"),
            (500, "later"),
            (503, "later"),
            (529, "later"),
        ] {
            assert_eq!(word(Complaint::answered(status, b"").into_error(None)), expected, "{status}");
        }
    }

    #[test]
    fn vendors_kinds_are_understood() {
        let balance = "Your credit balance is too low to access the Anthropic API.";
        for (status, body, expected) in [
            (429, openai("insufficient_quota", "insufficient_quota"), "quota"),
            (429, openai("tokens", "rate_limit_exceeded"), "rate"),
            (413, openai("tokens", "rate_limit_exceeded"), "request"),
            (400, openai("invalid_request_error", "context_length_exceeded"), "request"),
            (400, openai("invalid_request_error", "model_not_found"), "model"),
            (400, openai("invalid_request_error", "tool_use_failed"), "later"),
            (
                400,
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": balance}}),
                "quota",
            ),
            (
                529,
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
                "later",
            ),
            (
                400,
                json!({"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}),
                "model",
            ),
            (400, json!({"error": {"message": "x is not a valid model ID", "code": 400}}), "model"),
            (404, json!({"error": "model 'x' not found"}), "model"),
            (
                400,
                json!([{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}]}}]),
                "key",
            ),
            (429, json!([{"error": {"code": 429, "message": "q", "status": "RESOURCE_EXHAUSTED"}}]), "rate"),
        ] {
            assert_eq!(meaning(status, &body), expected, "{body}");
        }
    }

    #[test]
    fn errors_within_a_stream_are_judged_by_their_kind() {
        for (kind, expected) in [
            ("overloaded_error", "later"),
            ("api_error", "later"),
            ("rate_limit_error", "rate"),
            ("invalid_request_error", "request"),
            ("authentication_error", "key"),
            ("billing_error", "quota"),
            ("not_found_error", "model"),
            ("never heard of", "later"),
        ] {
            let body = json!({"type": "error", "error": {"type": kind, "message": "m"}});
            let complaint = Complaint::read(&body).unwrap();
            assert_eq!(word(complaint.into_error(None)), expected, "{kind}");
        }
        let upstream = Complaint::read(&json!({"error": {"code": 502, "message": "gone"}})).unwrap();
        assert_eq!(upstream.status, Some(502));
        assert_eq!(Complaint::read(&json!({"choices": []})), None);
        assert_eq!(Complaint::read(&json!({"error": null})), None);
    }

    #[test]
    fn the_words_are_short_plain_and_without_the_key() {
        let key = Secret::new("sk-secret-123");
        let body = json!({"error": {"type": "authentication_error", "message": "no\u{7} sk-secret-123"}});
        let error = Complaint::answered(401, body.to_string().as_bytes()).into_error(Some(&key));
        assert_eq!(error.to_string(), "the provider refuses (key): HTTP 401: authentication_error: no [key]");
        let page = Complaint::answered(502, b"<html><body>Bad gateway</body></html>").into_error(None);
        assert!(
            page.to_string().ends_with("HTTP 502: a web page in place of an answer; is the base URL right?")
        );
        let flood = Complaint::answered(500, "x".repeat(10_000).as_bytes()).into_error(None);
        assert!(flood.to_string().len() < 600);
    }

    #[test]
    fn a_wait_may_stand_in_the_body() {
        let body = json!([{"error": {"code": 429, "message": "m", "details": [{"retryDelay": "34s"}]}}]);
        assert_eq!(Complaint::answered(429, body.to_string().as_bytes()).wait_ms, Some(34_000));
    }

    #[test]
    fn complaints_of_validators_are_read() {
        let body = json!({"detail": [{"loc": ["body", "x"], "msg": "extra fields not permitted"}]});
        assert_eq!(
            Complaint::answered(422, body.to_string().as_bytes()).message,
            "extra fields not permitted"
        );
        assert_eq!(Complaint::answered(401, br#"{"detail":"Unauthorized"}"#).message, "Unauthorized");
    }
}
