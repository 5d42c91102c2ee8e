//! Whatever a server says, and whatever is kept of an answer, no dialect panics over it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{KEY, answered, call, endpoint, events, raw_assistant, read, request, user};
use crate::Request;
use crate::endpoint::Reading;
use crate::http::{Complaint, Fault, Limits, Secret};
use crate::vendors::{Dialect, VENDORS};

/// Words that mean something to one dialect or another.
const WORDS: &[&str] = &[
    "type",
    "index",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block",
    "delta",
    "message_delta",
    "message_stop",
    "text",
    "text_delta",
    "thinking",
    "thinking_delta",
    "signature",
    "signature_delta",
    "redacted_thinking",
    "tool_use",
    "input_json_delta",
    "partial_json",
    "input",
    "id",
    "name",
    "stop_reason",
    "max_tokens",
    "usage",
    "input_tokens",
    "error",
    "message",
    "code",
    "status",
    "details",
    "choices",
    "content",
    "refusal",
    "reasoning_details",
    "tool_calls",
    "function",
    "arguments",
    "extra_content",
    "finish_reason",
    "stop",
    "prompt_tokens",
    "prompt_tokens_details",
    "cached_tokens",
    "cost",
    "summary",
    "data",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "output_index",
    "item",
    "reasoning",
    "function_call",
    "call_id",
    "response",
    "output",
    "incomplete_details",
    "reason",
    "calls",
    "metadata",
    "raw",
    "{",
    "",
];

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(WORDS).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u64..3).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..6)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// An event that a dialect listens to, with anything in it.
fn event() -> impl Strategy<Value = Value> {
    let kinds = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "message_stop",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.completed",
        "response.incomplete",
    ];
    let fields = [
        "index",
        "output_index",
        "content_block",
        "delta",
        "item",
        "response",
        "choices",
        "usage",
        "message",
    ];
    let block =
        (proptest::sample::select(&["text", "thinking", "tool_use", "function_call", "message"]), value())
            .prop_map(
                |(kind, inner)| json!({"type": kind, "input": inner, "arguments": "{", "content": [inner]}),
            );
    let small = (0_u64..2).prop_map(Value::from);
    let held = prop_oneof![value(), block, small];
    let fields = proptest::collection::vec((proptest::sample::select(fields.to_vec()), held), 0..5);
    (proptest::sample::select(kinds.to_vec()), fields, any::<bool>()).prop_map(|(kind, fields, chat)| {
        let mut event: Map<String, Value> =
            fields.into_iter().map(|(name, held)| (name.to_owned(), held)).collect();
        event.insert("type".to_owned(), json!(kind));
        event.entry("index").or_insert(json!(0));
        event.entry("output_index").or_insert(json!(0));
        if chat {
            let delta = event.get("delta").cloned().unwrap_or_default();
            event.insert("choices".to_owned(), json!([{"delta": delta, "finish_reason": "stop"}]));
        }
        Value::Object(event)
    })
}

/// Reads as far as it goes, and makes of it whatever can be made.
fn read_out<R: Reading>(new: impl Fn() -> R, stream: &str, request: &Request) {
    let limits = Limits { calls_max: 3, arguments_bytes_max: 100, ..Limits::default() };
    match read(new(), stream.as_bytes(), stream.len() / 2, &limits) {
        Ok(reader) => {
            let answer = reader.answer();
            let calls = answer.calls(request);
            drop(reader.raw(&calls));
            drop(reader.raw(&[]));
        }
        Err(Fault::Complaint(complaint)) => drop(complaint.into_error(Some(&Secret::new(KEY)))),
        Err(Fault::Garbled(_) | Fault::TooMuch(_)) => {}
    }
}

proptest! {
    #[test]
    fn any_stream_is_read_or_refused(parts in proptest::collection::vec(event(), 0..8)) {
        let (stream, request) = (events(&parts), request(vec![user("x")]));
        read_out(crate::anthropic::stream::Stream::default, &stream, &request);
        read_out(crate::responses::stream::Stream::default, &stream, &request);
        for vendor in VENDORS {
            read_out(|| crate::chat::stream::Stream::new(vendor), &stream, &request);
        }
    }

    #[test]
    fn any_complaint_is_understood(body in value(), status in 200_u16..600) {
        let complaint = Complaint::answered(status, body.to_string().as_bytes());
        prop_assert!(complaint.into_error(None).to_string().len() < 1200);
    }

    #[test]
    fn any_kept_answer_is_sent_back_or_rebuilt(content in value()) {
        for name in ["anthropic", "openai", "openrouter", "gemini"] {
            let endpoint = endpoint(name, "m");
            let name = format!("{name}:m");
            let kept = raw_assistant("x", vec![call("a", "a")], &name, content.clone());
            let request = request(vec![user("x"), kept, answered("a", true, "A")]);
            let body = match endpoint.vendor.dialect {
                Dialect::Anthropic => crate::anthropic::body::body(&endpoint, &name, &request),
                Dialect::Chat => crate::chat::body::body(&endpoint, &name, &request),
                Dialect::Responses => crate::responses::body::body(&endpoint, &name, &request),
            };
            prop_assert!(body.unwrap().to_string().contains("\"A\""));
        }
    }
}
