//! A fake of Anthropic's Messages API.

mod check;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Frame, Payload};
use super::script::{End, Reply, Script, Seen, ToolResult, Trouble, Usage};
use super::wire::{
    Asked, Endpoint, Issued, Refusal, Thought, Wire, broken_off, list_of, named_event, parts, seal, text_of,
};
use super::{Fake, Setup};

/// Versions of the API that exist.
const VERSIONS: [&str; 2] = ["2023-06-01", "2023-01-01"];
/// Output tokens that the first event of a stream reports, before there are any words.
const FIRST_OUTPUT_TOKENS: u64 = 1;

/// A running fake with the key [`super::KEY`] that knows every model.
pub fn start(script: Script) -> Fake {
    Setup::anthropic().start(script)
}

pub(crate) struct Messages;

impl Wire for Messages {
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        match path {
            "/v1/messages" => Some(Endpoint::Generate),
            "/v1/messages/count_tokens" => Some(Endpoint::Count),
            "/v1/models" => Some(Endpoint::Models),
            "/" => Some(Endpoint::Root),
            _ => None,
        }
    }

    fn authorise(&self, headers: &BTreeMap<String, String>, key: &str) -> Result<(), Refusal> {
        let wrong = |message| Err(Refusal::new(401, "authentication_error", message));
        let bearer =
            headers.get("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or_default());
        match headers.get("x-api-key").map(String::as_str).or(bearer) {
            None => wrong("x-api-key header is required"),
            Some(given) if given != key => wrong("invalid x-api-key"),
            Some(_) => Ok(()),
        }
    }

    fn check(&self, asked: &Asked<'_>, issued: &Issued) -> Result<Seen, Refusal> {
        match asked.headers.get("anthropic-version").map(String::as_str) {
            None => return Err(Refusal::invalid("anthropic-version: header is required")),
            Some(version) if !VERSIONS.contains(&version) => {
                return Err(Refusal::invalid(format!(
                    "anthropic-version: \"{version}\" is not a valid version"
                )));
            }
            Some(_) => {}
        }
        if asked.endpoint == Endpoint::Models {
            return Ok(Seen::default());
        }
        check::check(asked, issued)?;
        Ok(seen(asked.body))
    }

    fn answer(&self, reply: &Reply, seen: &Seen, usage: Usage, issued: &mut Issued) -> Payload {
        let blocks = blocks(reply, seen, issued);
        let id = issued.id("msg_");
        let stop = stop_reason(reply);
        if !seen.stream {
            let message = message(&id, seen, &json!(blocks), &json!(stop), &usage_json(usage));
            return Payload::Whole { bytes: message.to_string().into_bytes(), told: usage };
        }
        let frames = frames(&id, reply, seen, &blocks, usage);
        match &reply.error {
            None => Payload::Stream { frames, whole: true },
            Some((after, kind)) => broken_off(frames, *after, vec![error_frame(kind)]),
        }
    }

    fn count(&self, usage: Usage) -> Value {
        json!({"input_tokens": usage.input})
    }

    fn trouble(&self, trouble: &Trouble, seen: &Seen) -> Refusal {
        match trouble {
            Trouble::RateLimited => Refusal::new(
                429,
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute.",
            ),
            Trouble::Overloaded => Refusal::new(529, "overloaded_error", "Overloaded"),
            Trouble::Internal => Refusal::new(500, "api_error", "Internal server error"),
            Trouble::WrongKey => Refusal::new(401, "authentication_error", "invalid x-api-key"),
            Trouble::NoSuchModel => Refusal::new(404, "not_found_error", format!("model: {}", seen.model)),
            Trouble::QuotaSpent => Refusal::invalid(
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            ),
            Trouble::TooLong => Refusal::invalid("prompt is too long: 212018 tokens > 200000 maximum"),
            Trouble::Raw { status, body } => Refusal::new(*status, "api_error", body.clone()),
        }
    }

    fn refusal_body(&self, refusal: &Refusal) -> Value {
        error(refusal.kind, &refusal.message)
    }

    fn models(&self, models: &[String]) -> Value {
        let entry = |id: &String| json!({"type": "model", "id": id, "display_name": id, "created_at": "2025-08-05T00:00:00Z"});
        let data: Vec<Value> = models.iter().map(entry).collect();
        json!({"data": data, "has_more": false, "first_id": models.first(), "last_id": models.last()})
    }
}

fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"})
}

fn error_frame(kind: &str) -> Frame {
    let message = if kind == "overloaded_error" { "Overloaded" } else { "The stream cannot go on" };
    named_event(&error(kind, message), None)
}

/// A request in neutral words.
fn seen(body: &Value) -> Seen {
    let messages = list_of(body, "messages");
    let mut results = Vec::new();
    for pair in messages.windows(2) {
        for call in list_of(&pair[0], "content").iter().filter(|block| text_of(block, "type") == "tool_use") {
            let id = text_of(call, "id");
            let answers = list_of(&pair[1], "content").iter();
            results.extend(answers.filter(|block| text_of(block, "tool_use_id") == id).map(|answer| {
                ToolResult {
                    id: id.to_owned(),
                    tool: text_of(call, "name").to_owned(),
                    input: call.get("input").cloned().unwrap_or_default(),
                    failed: Some(answer.get("is_error").and_then(Value::as_bool) == Some(true)),
                    output: words(answer.get("content").unwrap_or(&Value::Null)),
                }
            }));
        }
    }
    let from = |role: &'static str| messages.iter().filter(move |message| text_of(message, "role") == role);
    let said = |message: &Value| words(message.get("content").unwrap_or(&Value::Null));
    Seen {
        model: text_of(body, "model").to_owned(),
        system: words(body.get("system").unwrap_or(&Value::Null)),
        user: from("user").rev().map(said).find(|text| !text.is_empty()).unwrap_or_default(),
        tools: list_of(body, "tools").iter().map(|tool| text_of(tool, "name").to_owned()).collect(),
        results,
        turn: from("assistant").count(),
        stream: body.get("stream").and_then(Value::as_bool) == Some(true),
        ..Seen::default()
    }
}

/// The text blocks of a content.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn stop_reason(reply: &Reply) -> &'static str {
    match reply.end {
        End::CutOff => "max_tokens",
        End::Refused => "refusal",
        End::Complete if reply.calls.is_empty() => "end_turn",
        End::Complete => "tool_use",
    }
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": usage.output,
        "service_tier": "standard",
    })
}

fn message(id: &str, seen: &Seen, content: &Value, stop: &Value, usage: &Value) -> Value {
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": seen.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// The whole content of an answer.
fn blocks(reply: &Reply, seen: &Seen, issued: &mut Issued) -> Vec<Value> {
    let mut blocks = Vec::new();
    let thinking = reply.thinking.as_ref().filter(|_| check::thinks(&seen.body));
    if let Some(thinking) = thinking {
        blocks.push(json!({"type": "thinking", "thinking": thinking, "signature": seal(thinking)}));
    }
    if !reply.text.is_empty() {
        blocks.push(json!({"type": "text", "text": reply.text}));
    }
    let mut ids = Vec::new();
    for call in &reply.calls {
        let id = issued.id("toolu_");
        // What is no JSON is wrapped, as the real server recommends to its clients.
        let input =
            serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({"INVALID_JSON": call.arguments}));
        blocks.push(json!({"type": "tool_use", "id": id, "name": call.tool, "input": input}));
        ids.push(id);
    }
    if let Some(thinking) = thinking {
        issued.remember(&ids, &Thought { id: String::new(), text: thinking.clone() });
    }
    blocks
}

fn frames(id: &str, reply: &Reply, seen: &Seen, blocks: &[Value], usage: Usage) -> Vec<Frame> {
    let first = Usage { output: FIRST_OUTPUT_TOKENS.min(usage.output), ..usage };
    let begun = message(id, seen, &json!([]), &Value::Null, &usage_json(first));
    let mut frames = vec![named_event(&json!({"type": "message_start", "message": begun}), Some(first))];
    let calls_from = blocks.len() - reply.calls.len();
    for (index, block) in blocks.iter().enumerate() {
        let raw = index.checked_sub(calls_from).map(|call| reply.calls[call].arguments.as_str());
        block_frames(index, block, raw, &mut frames);
        if index == 0 {
            frames.push(named_event(&json!({"type": "ping"}), None));
        }
    }
    // The counts of the last event are those of the whole message, not what came since the first.
    let delta = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
        "usage": {
            "input_tokens": usage.input,
            "cache_creation_input_tokens": usage.cache_write,
            "cache_read_input_tokens": usage.cache_read,
            "output_tokens": usage.output,
        },
    });
    frames.push(named_event(&delta, Some(usage)));
    frames.push(named_event(&json!({"type": "message_stop"}), None));
    frames
}

fn block_frames(index: usize, block: &Value, arguments: Option<&str>, frames: &mut Vec<Frame>) {
    let (start, deltas) = match text_of(block, "type") {
        "thinking" => {
            let mut deltas: Vec<Value> = parts(text_of(block, "thinking"))
                .into_iter()
                .map(|part| json!({"type": "thinking_delta", "thinking": part}))
                .collect();
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        "text" => {
            let delta = |part: String| json!({"type": "text_delta", "text": part});
            let deltas = parts(text_of(block, "text")).into_iter().map(delta).collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
        _ => {
            let delta = |part: String| json!({"type": "input_json_delta", "partial_json": part});
            // The first delta is always empty, and it is the only one of a call without arguments.
            let written = arguments.filter(|arguments| *arguments != "{}").unwrap_or_default();
            let deltas = [String::new()].into_iter().chain(parts(written)).map(delta).collect();
            let start = json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}});
            (start, deltas)
        }
    };
    let start = json!({"type": "content_block_start", "index": index, "content_block": start});
    frames.push(named_event(&start, None));
    frames.extend(deltas.into_iter().map(|delta| {
        named_event(&json!({"type": "content_block_delta", "index": index, "delta": delta}), None)
    }));
    frames.push(named_event(&json!({"type": "content_block_stop", "index": index}), None));
}
