//! Tests of requests for chat completions.

use super::*;
use crate::Refusal;
use crate::testing::{answered, assistant, call, endpoint, raw_assistant, request, tool, user};

fn made(vendor: &str, request: &Request) -> Value {
    body(&endpoint(vendor, "m"), &format!("{vendor}:m"), request).unwrap()
}

fn conversation() -> Request {
    request(vec![
        user("Fix it."),
        assistant("", vec![call("toolu_1", "a"), call("toolu_2", "b")]),
        answered("toolu_1", true, "A"),
        answered("toolu_2", false, "no such file"),
    ])
}

#[test]
fn a_whole_request() {
    let spec = |name: &str| {
        let (schema, description) = (tool(name).input_schema, format!("{name} a file"));
        json!({"type": "function", "function": {"name": name, "description": description, "parameters": schema}})
    };
    let called = |id: &str, path: &str| {
        let arguments = json!({"path": path}).to_string();
        json!({"id": id, "type": "function", "function": {"name": "read", "arguments": arguments}})
    };
    let expected = json!({
        "model": "m",
        "max_completion_tokens": 4096,
        "stream": true,
        "stream_options": {"include_usage": true},
        "tools": [spec("read"), spec("write")],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Fix it."},
            {"role": "assistant", "content": null, "tool_calls": [called("toolu_1", "a"), called("toolu_2", "b")]},
            {"role": "tool", "tool_call_id": "toolu_1", "content": "A"},
            {"role": "tool", "tool_call_id": "toolu_2", "content": "Failed: no such file"},
        ],
    });
    assert_eq!(made("openai-chat", &conversation()), expected);
}

#[test]
fn vendors_differ_in_fields_and_ids() {
    for (vendor, output_field, stream_options, first_id) in [
        ("openai-chat", "max_completion_tokens", true, "toolu_1"),
        ("openrouter", "max_tokens", true, "toolu_1"),
        ("groq", "max_completion_tokens", true, "toolu_1"),
        ("together", "max_tokens", true, "toolu_1"),
        ("mistral", "max_tokens", false, "c00000001"),
        ("gemini", "max_tokens", true, "toolu_1"),
        ("vllm", "max_tokens", true, "toolu_1"),
        ("llamacpp", "max_tokens", true, "toolu_1"),
        ("ollama", "max_tokens", true, "toolu_1"),
    ] {
        let body = made(vendor, &conversation());
        assert_eq!(body[output_field], 4096, "{vendor}");
        let fields = body.as_object().unwrap().keys().filter(|key| key.starts_with("max_")).count();
        assert_eq!(fields, 1, "{vendor}");
        assert_eq!(body.get("stream_options").is_some(), stream_options, "{vendor}");
        assert_eq!(body["messages"][2]["tool_calls"][0]["id"], first_id, "{vendor}");
        assert_eq!(body["messages"][3]["tool_call_id"], first_id, "{vendor}");
    }
    assert_eq!(made("openrouter", &conversation())["usage"], json!({"include": true}));
}

#[test]
fn what_is_empty_is_left_out() {
    let mut request = request(vec![user("Fix it."), assistant("", vec![])]);
    request.system = String::new();
    request.tools.clear();
    let body = made("openai-chat", &request);
    assert_eq!(body.get("tools"), None);
    assert_eq!(body["messages"], json!([{"role": "user", "content": "Fix it."}]));
}

#[test]
fn hidden_parts_go_back_to_their_model_and_only_those_it_asks_for() {
    let content = json!({
        "message": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}], "role": "system"},
        "calls": [{"extra_content": {"google": {"thought_signature": "c2ln"}}, "id": "forged"}],
    });
    let conversation = |from: &str| {
        let message = raw_assistant("Reading.", vec![call("a", "a")], from, content.clone());
        request(vec![user("Fix it."), message, answered("a", true, "A")])
    };
    let router = made("openrouter", &conversation("openrouter:m"))["messages"][2].clone();
    assert_eq!(router["reasoning_details"], content["message"]["reasoning_details"]);
    assert_eq!((&router["role"], router["tool_calls"][0].get("extra_content")), (&json!("assistant"), None));
    let gemini = made("gemini", &conversation("gemini:m"))["messages"][2].clone();
    assert_eq!(gemini["tool_calls"][0]["extra_content"], content["calls"][0]["extra_content"]);
    assert_eq!((&gemini["tool_calls"][0]["id"], gemini.get("reasoning_details")), (&json!("a"), None));
    let other = made("openrouter", &conversation("openrouter:other"));
    assert_eq!(other["messages"][2].get("reasoning_details"), None);
}

#[test]
fn malformed_calls_are_sent_as_empty_ones() {
    let malformed = ToolCall { input: Value::Null, malformed: Some("{".into()), ..call("a", "a") };
    let body =
        made("vllm", &request(vec![user("x"), assistant("", vec![malformed]), answered("a", false, "no")]));
    assert_eq!(body["messages"][2]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn orphans_and_empty_conversations_are_refused_here() {
    for messages in [vec![user("x"), answered("a", true, "A")], vec![]] {
        let error = body(&endpoint("groq", "m"), "groq:m", &request(messages)).unwrap_err();
        assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Request, .. }), "{error}");
    }
}

#[test]
fn words_after_a_result_are_set_apart_where_they_must_be() {
    let mut request = conversation();
    request.messages.push(user("Go on."));
    let roles = |vendor: &str| -> Vec<String> {
        let messages = made(vendor, &request)["messages"].as_array().unwrap().clone();
        messages.iter().map(|message| message["role"].as_str().unwrap().to_owned()).collect()
    };
    let common = ["system", "user", "assistant", "tool", "tool"];
    assert_eq!(roles("groq"), [&common[..], &["user"]].concat());
    assert_eq!(roles("mistral"), [&common[..], &["assistant", "user"]].concat());
}

#[test]
fn names_that_no_tool_can_have_are_not_sent_back() {
    let named = ToolCall { tool: "functions.read".into(), ..call("a", "a") };
    let body =
        made("groq", &request(vec![user("x"), assistant("", vec![named]), answered("a", false, "no")]));
    assert_eq!(body["messages"][2]["tool_calls"][0]["function"]["name"], "functions_read");
}
