//! A fake of OpenAI's Responses API, for clients that store nothing on the server.

mod check;
mod events;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Frame, Payload};
use super::script::{End, Reply, Script, Seen, ToolResult, Trouble, Usage};
use super::wire::{
    Asked, Endpoint, Issued, Refusal, Thought, Wire, broken_off, list_of, named_event, seal, text_of,
};
use super::{Fake, Setup, openai};
use events::Events;

/// A running fake with the key [`super::KEY`] that knows every model.
pub fn start(script: Script) -> Fake {
    Setup::responses().start(script)
}

pub(crate) struct Responses;

impl Wire for Responses {
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        match path {
            "/v1/responses" => Some(Endpoint::Generate),
            "/v1/models" => Some(Endpoint::Models),
            "/" => Some(Endpoint::Root),
            _ => None,
        }
    }

    fn authorise(&self, headers: &BTreeMap<String, String>, key: &str) -> Result<(), Refusal> {
        openai::authorise(headers, key)
    }

    fn check(&self, asked: &Asked<'_>, issued: &Issued) -> Result<Seen, Refusal> {
        if asked.endpoint == Endpoint::Models {
            return Ok(Seen::default());
        }
        check::check(asked.body, issued)?;
        Ok(seen(asked.body))
    }

    fn answer(&self, reply: &Reply, seen: &Seen, usage: Usage, issued: &mut Issued) -> Payload {
        let id = issued.id("resp_");
        let items = items(reply, seen, issued);
        let (kind, status) = match reply.end {
            End::CutOff => ("response.incomplete", "incomplete"),
            End::Complete | End::Refused => ("response.completed", "completed"),
        };
        let whole = response(&id, seen, status, &json!(items), &usage_json(usage));
        if !seen.stream {
            return Payload::Whole { bytes: whole.to_string().into_bytes(), told: usage };
        }
        let begun = response(&id, seen, "in_progress", &json!([]), &Value::Null);
        let mut events = Events::default();
        events.push("response.created", json!({"response": begun}), None);
        events.push("response.in_progress", json!({"response": begun}), None);
        for (index, item) in items.iter().enumerate() {
            events.item(index, item);
        }
        events.push(kind, json!({"response": whole}), Some(usage));
        let frames = events.into_frames();
        match &reply.error {
            None => Payload::Stream { frames, whole: true },
            Some((after, kind)) => broken_off(frames, *after, failed(&id, seen, *after, kind)),
        }
    }

    fn count(&self, usage: Usage) -> Value {
        json!({"object": "response.input_tokens", "input_tokens": usage.input})
    }

    fn trouble(&self, trouble: &Trouble, seen: &Seen) -> Refusal {
        openai::trouble(trouble, seen)
    }

    fn refusal_body(&self, refusal: &Refusal) -> Value {
        openai::refusal_body(refusal)
    }

    fn models(&self, models: &[String]) -> Value {
        openai::models(models)
    }
}

/// A request in neutral words.
fn seen(body: &Value) -> Seen {
    let items = list_of(body, "input");
    let is = |item: &Value, kinds: [&str; 2]| kinds.contains(&text_of(item, "type"));
    let calls = items.iter().filter(|item| is(item, ["function_call", "custom_tool_call"]));
    let calls: BTreeMap<&str, &Value> = calls.map(|call| (text_of(call, "call_id"), call)).collect();
    let result = |item: &Value| {
        let id = text_of(item, "call_id");
        let call = calls.get(id)?;
        let arguments =
            call.get("arguments").or(call.get("input")).and_then(Value::as_str).unwrap_or_default();
        Some(ToolResult {
            id: id.to_owned(),
            tool: text_of(call, "name").to_owned(),
            input: serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments)),
            failed: None,
            output: words(item.get("output")),
        })
    };
    let outputs = items.iter().filter(|item| is(item, ["function_call_output", "custom_tool_call_output"]));
    let from = |roles: [&str; 2], item: &Value| roles.contains(&text_of(item, "role"));
    let mut system = vec![text_of(body, "instructions").to_owned()];
    let instructions = items.iter().filter(|item| from(["system", "developer"], item));
    system.extend(instructions.map(|item| words(item.get("content"))));
    let by_user = items.iter().rfind(|item| from(["user", "user"], item));
    let tools = list_of(body, "tools").iter();
    Seen {
        model: text_of(body, "model").to_owned(),
        system: system.join("\n"),
        user: by_user.map_or_else(|| text_of(body, "input").to_owned(), |item| words(item.get("content"))),
        tools: tools
            .map(|tool| text_of(tool, "name"))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        results: outputs.filter_map(result).collect(),
        turn: turns(items),
        stream: body.get("stream").and_then(Value::as_bool) == Some(true),
        ..Seen::default()
    }
}

/// How many times the model had its turn: unbroken rows of its items.
fn turns(items: &[Value]) -> usize {
    let by_model = |item: &Value| {
        matches!(text_of(item, "type"), "function_call" | "custom_tool_call" | "reasoning")
            || text_of(item, "role") == "assistant"
    };
    let starts = |at: &usize| by_model(&items[*at]) && (*at == 0 || !by_model(&items[*at - 1]));
    (0..items.len()).filter(starts).count()
}

fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().map(|part| text_of(part, "text")).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// The whole output of an answer.
fn items(reply: &Reply, seen: &Seen, issued: &mut Issued) -> Vec<Value> {
    let mut items = Vec::new();
    let sealed = check::wants_reasoning(&seen.body);
    let thought = reply.thinking.as_ref().map(|text| Thought { id: issued.id("rs_"), text: text.clone() });
    if let Some(thought) = &thought {
        let mut item = json!({
            "id": thought.id,
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": thought.text}],
        });
        if sealed {
            item["encrypted_content"] = json!(seal(&thought.text));
        }
        items.push(item);
    }
    let status = if reply.end == End::CutOff { "incomplete" } else { "completed" };
    if !reply.text.is_empty() {
        let part = match reply.end {
            End::Refused => json!({"type": "refusal", "refusal": reply.text}),
            End::Complete | End::CutOff => {
                json!({"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []})
            }
        };
        let id = issued.id("msg_");
        items.push(
            json!({"id": id, "type": "message", "role": "assistant", "status": status, "content": [part]}),
        );
    }
    let mut calls = Vec::new();
    for call in &reply.calls {
        let (id, call_id) = (issued.id("fc_"), issued.id("call_"));
        items.push(json!({
            "id": id,
            "type": "function_call",
            "call_id": call_id,
            "name": call.tool,
            "arguments": call.arguments,
            "status": status,
        }));
        calls.push(call_id);
    }
    if let Some(thought) = thought.filter(|_| sealed) {
        issued.remember(&calls, &thought);
    }
    items
}

fn usage_json(usage: Usage) -> Value {
    let input = usage.whole_input();
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + usage.output,
    })
}

fn response(id: &str, seen: &Seen, status: &str, output: &Value, usage: &Value) -> Value {
    let incomplete = (status == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    json!({
        "id": id,
        "object": "response",
        "created_at": 1_754_524_800,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": incomplete,
        "instructions": null,
        "model": seen.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "store": false,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
        "metadata": {},
    })
}

/// How a stream says that it cannot go on: once for whoever reads errors, once for whoever reads
/// responses.
fn failed(id: &str, seen: &Seen, after: usize, kind: &str) -> Vec<Frame> {
    let message = "The server had an error while processing your request.";
    let mut response = response(id, seen, "failed", &json!([]), &Value::Null);
    response["error"] = json!({"code": kind, "message": message});
    let error = json!({
        "type": "error",
        "sequence_number": after,
        "code": kind,
        "message": message,
        "param": null,
    });
    let failed = json!({"type": "response.failed", "sequence_number": after + 1, "response": response});
    vec![named_event(&error, None), named_event(&failed, None)]
}
