//! A fake of chat completions, as OpenAI's server and those like it speak them.

mod check;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Frame, Payload};
use super::script::{End, Reply, Script, Seen, ToolResult, Trouble, Usage};
use super::wire::{Asked, Endpoint, Issued, Refusal, Wire, broken_off, list_of, parts, plain_event, text_of};
use super::{Fake, Setup, openai};

/// A running fake with the key [`super::KEY`] that knows every model.
pub fn start(script: Script) -> Fake {
    Setup::chat().start(script)
}

pub(crate) struct Completions;

impl Wire for Completions {
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        match path {
            "/v1/chat/completions" => Some(Endpoint::Generate),
            "/v1/models" => Some(Endpoint::Models),
            "/" => Some(Endpoint::Root),
            _ => None,
        }
    }

    fn authorise(&self, headers: &BTreeMap<String, String>, key: &str) -> Result<(), Refusal> {
        openai::authorise(headers, key)
    }

    fn check(&self, asked: &Asked<'_>, _issued: &Issued) -> Result<Seen, Refusal> {
        if asked.endpoint == Endpoint::Models {
            return Ok(Seen::default());
        }
        check::check(asked.body)?;
        Ok(seen(asked.body))
    }

    fn answer(&self, reply: &Reply, seen: &Seen, usage: Usage, issued: &mut Issued) -> Payload {
        let id = issued.id("chatcmpl-");
        let calls: Vec<Value> = reply
            .calls
            .iter()
            .map(|call| {
                let function = json!({"name": call.tool, "arguments": call.arguments});
                json!({"id": issued.id("call_"), "type": "function", "function": function})
            })
            .collect();
        if !seen.stream {
            let answer = completion(&id, reply, seen, &calls, usage);
            return Payload::Whole { bytes: answer.to_string().into_bytes(), told: usage };
        }
        let frames = frames(&id, reply, seen, &calls, usage);
        match &reply.error {
            None => Payload::Stream { frames, whole: true },
            Some((after, kind)) => broken_off(frames, *after, vec![error_frame(kind)]),
        }
    }

    fn count(&self, usage: Usage) -> Value {
        json!({"input_tokens": usage.input})
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
    let messages = list_of(body, "messages");
    let role = |message: &Value, role: &str| text_of(message, "role") == role;
    let calls = messages.iter().flat_map(|message| list_of(message, "tool_calls"));
    let calls: BTreeMap<&str, &Value> = calls.map(|call| (text_of(call, "id"), &call["function"])).collect();
    let result = |message: &Value| {
        let id = text_of(message, "tool_call_id");
        let call = calls.get(id)?;
        let arguments = text_of(call, "arguments");
        Some(ToolResult {
            id: id.to_owned(),
            tool: text_of(call, "name").to_owned(),
            input: serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments)),
            failed: None,
            output: words(message),
        })
    };
    let instructions =
        messages.iter().filter(|message| role(message, "system") || role(message, "developer"));
    let tools = list_of(body, "tools").iter();
    Seen {
        model: text_of(body, "model").to_owned(),
        system: instructions.map(words).collect::<Vec<_>>().join("\n"),
        user: messages.iter().rfind(|message| role(message, "user")).map(words).unwrap_or_default(),
        tools: tools.map(|tool| text_of(&tool["function"], "name").to_owned()).collect(),
        results: messages.iter().filter(|message| role(message, "tool")).filter_map(result).collect(),
        turn: messages.iter().filter(|message| role(message, "assistant")).count(),
        stream: body.get("stream").and_then(Value::as_bool) == Some(true),
        ..Seen::default()
    }
}

fn words(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().map(|part| text_of(part, "text")).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn finish_reason(reply: &Reply) -> &'static str {
    match reply.end {
        End::CutOff => "length",
        End::Complete if !reply.calls.is_empty() => "tool_calls",
        // A refusal ends like any other words; only its field tells.
        End::Complete | End::Refused => "stop",
    }
}

fn usage_json(usage: Usage) -> Value {
    let prompt = usage.whole_input();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn completion(id: &str, reply: &Reply, seen: &Seen, calls: &[Value], usage: Usage) -> Value {
    let refused = reply.end == End::Refused;
    let spoken = !reply.text.is_empty() && !refused;
    let mut message = json!({
        "role": "assistant",
        "content": spoken.then_some(&reply.text),
        "refusal": refused.then_some(&reply.text),
    });
    if let Some(thinking) = &reply.thinking {
        message["reasoning_content"] = json!(thinking);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": id,
        "object": "chat.completion",
        "created": 1_754_524_800,
        "model": seen.model,
        "choices": [
            {"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reply)}
        ],
        "usage": usage_json(usage),
    })
}

fn frames(id: &str, reply: &Reply, seen: &Seen, calls: &[Value], usage: Usage) -> Vec<Frame> {
    let counts = seen.body.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true);
    let chunk = |choices: Value, tokens: Option<Usage>| {
        let mut chunk = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": 1_754_524_800,
            "model": seen.model,
            "system_fingerprint": "fp_fake",
            "choices": choices,
        });
        if counts {
            // Null in every chunk but the last.
            chunk["usage"] = tokens.map_or(Value::Null, usage_json);
        }
        plain_event(&chunk.to_string(), tokens)
    };
    let said = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), None);
    let mut frames = vec![said(json!({"role": "assistant", "content": "", "refusal": null}))];
    frames.extend(deltas(reply, calls).into_iter().map(said));
    frames.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(reply)}]), None));
    if counts {
        frames.push(chunk(json!([]), Some(usage)));
    }
    frames.push(plain_event("[DONE]", None));
    frames
}

fn deltas(reply: &Reply, calls: &[Value]) -> Vec<Value> {
    let mut deltas = Vec::new();
    for part in reply.thinking.as_deref().map(parts).unwrap_or_default() {
        deltas.push(json!({"reasoning_content": part}));
    }
    let field = if reply.end == End::Refused { "refusal" } else { "content" };
    deltas.extend(parts(&reply.text).into_iter().map(|part| json!({field: part})));
    for (index, call) in calls.iter().enumerate() {
        let function = json!({"name": call["function"]["name"], "arguments": ""});
        let begun = json!({"index": index, "id": call["id"], "type": "function", "function": function});
        deltas.push(json!({"tool_calls": [begun]}));
        for part in parts(text_of(&call["function"], "arguments")) {
            deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}));
        }
    }
    deltas
}

fn error_frame(kind: &str) -> Frame {
    let error =
        json!({"error": {"message": "The stream cannot go on", "type": kind, "param": null, "code": kind}});
    plain_event(&error.to_string(), None)
}
