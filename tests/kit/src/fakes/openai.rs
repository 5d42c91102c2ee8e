//! What the two APIs of OpenAI's making share: keys, the shape of errors, troubles and models.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::script::{Seen, Trouble};
use super::wire::Refusal;

/// Refuses a request without the key as bearer.
pub(crate) fn authorise(headers: &BTreeMap<String, String>, key: &str) -> Result<(), Refusal> {
    let wrong =
        |message: &str| Refusal::new(401, "invalid_request_error", message).with_code("invalid_api_key");
    let Some(given) = headers.get("authorization") else {
        return Err(wrong("You didn't provide an API key."));
    };
    match given.strip_prefix("Bearer ") {
        Some(given) if given == key => Ok(()),
        _ => Err(wrong("Incorrect API key provided.")),
    }
}

/// Status and words of a trouble.
pub(crate) fn trouble(trouble: &Trouble, seen: &Seen) -> Refusal {
    match trouble {
        Trouble::RateLimited => {
            Refusal::new(429, "requests", "Rate limit reached for requests. Please try again later.")
                .with_code("rate_limit_exceeded")
        }
        Trouble::Overloaded => Refusal::new(503, "server_error", "The engine is currently overloaded, please try again later"),
        Trouble::Internal => {
            Refusal::new(500, "server_error", "The server had an error while processing your request.")
        }
        Trouble::WrongKey => {
            Refusal::new(401, "invalid_request_error", "Incorrect API key provided.").with_code("invalid_api_key")
        }
        Trouble::NoSuchModel => Refusal::new(
            404,
            "invalid_request_error",
            format!("The model `{}` does not exist or you do not have access to it.", seen.model),
        )
        .with_code("model_not_found"),
        Trouble::QuotaSpent => Refusal::new(
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        )
        .with_code("insufficient_quota"),
        Trouble::TooLong => Refusal::invalid(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 212018 tokens.",
        )
        .with_param("messages")
        .with_code("context_length_exceeded"),
        Trouble::Raw { status, body } => Refusal::new(*status, "server_error", body.clone()),
    }
}

/// The body of a refusal.
pub(crate) fn refusal_body(refusal: &Refusal) -> Value {
    json!({
        "error": {
            "message": refusal.message,
            "type": refusal.kind,
            "param": refusal.param,
            "code": refusal.code,
        }
    })
}

/// The list of models.
pub(crate) fn models(models: &[String]) -> Value {
    let entry =
        |id: &String| json!({"id": id, "object": "model", "created": 1_754_524_800, "owned_by": "fake"});
    let data: Vec<Value> = models.iter().map(entry).collect();
    json!({"object": "list", "data": data})
}
