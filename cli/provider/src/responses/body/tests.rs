//! Tests of requests in the dialect of OpenAI Responses.

use super::*;
use crate::Refusal;
use crate::testing::{answered, assistant, call, endpoint, raw_assistant, request, tool, user};

const NAME: &str = "openai:gpt-5";

fn made(request: &Request) -> Value {
    body(&endpoint("openai", "gpt-5"), NAME, request).unwrap()
}

#[test]
fn a_whole_request() {
    let spec = |name: &str| {
        let (schema, description) = (tool(name).input_schema, format!("{name} a file"));
        json!({"type": "function", "name": name, "description": description, "parameters": schema, "strict": false})
    };
    let called = |id: &str, path: &str| {
        let arguments = json!({"path": path}).to_string();
        json!({"type": "function_call", "call_id": id, "name": "read", "arguments": arguments})
    };
    let request = request(vec![
        user("Fix it."),
        assistant("Reading.", vec![call("call_1", "a"), call("toolu:2", "b")]),
        answered("call_1", true, "A"),
        answered("toolu:2", false, "no such file"),
    ]);
    let expected = json!({
        "model": "gpt-5",
        "instructions": "Be brief.",
        "max_output_tokens": 4096,
        "store": false,
        "stream": true,
        "include": ["reasoning.encrypted_content"],
        "tools": [spec("read"), spec("write")],
        "input": [
            {"role": "user", "content": "Fix it."},
            {"role": "assistant", "content": "Reading."},
            called("call_1", "a"),
            called("c00000001", "b"),
            {"type": "function_call_output", "call_id": "call_1", "output": "A"},
            {"type": "function_call_output", "call_id": "c00000001", "output": "Failed: no such file"},
        ],
    });
    assert_eq!(made(&request), expected);
}

#[test]
fn models_that_do_not_reason_are_not_asked_for_thoughts() {
    let request = request(vec![user("x")]);
    let made = body(&endpoint("openai", "gpt-4.1"), "openai:gpt-4.1", &request).unwrap();
    assert_eq!(made.get("include"), None);
}

#[test]
fn thoughts_go_back_to_their_model_and_to_no_other() {
    let content = json!([
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ZW5j"},
        {"type": "function_call", "id": "fc_1", "call_id": "old", "name": "read", "arguments": "{\"path\":\"a\"}"},
    ]);
    let conversation = |from: &str, content: &Value| {
        let message = raw_assistant("", vec![call("call_1", "a")], from, content.clone());
        request(vec![user("Fix it."), message, answered("call_1", true, "A")])
    };
    let body = made(&conversation(NAME, &content));
    assert_eq!(body["input"][1], content[0]);
    assert_eq!(body["input"][2]["call_id"], "call_1");
    assert_eq!(body["input"][2]["id"], "fc_1");
    let unfitting = json!([content[0], {"type": "web_search_call"}]);
    let open_thought = json!([content[1], content[0]]);
    let wrong =
        [("openai:gpt-6", &content), (NAME, &unfitting), (NAME, &json!([content[0]])), (NAME, &open_thought)];
    for (from, content) in wrong {
        let body = made(&conversation(from, content));
        assert_eq!(body["input"][1]["type"], "function_call", "{from}");
        assert_eq!(body["input"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn orphans_and_empty_conversations_are_refused_here() {
    for messages in [vec![user("x"), answered("a", true, "A")], vec![]] {
        let error = body(&endpoint("openai", "gpt-5"), NAME, &request(messages)).unwrap_err();
        assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Request, .. }), "{error}");
    }
}

#[test]
fn names_that_no_tool_can_have_are_not_sent_back() {
    let named = |id: &str| ToolCall { tool: "functions.read".into(), ..call(id, "a") };
    let content =
        json!([{"type": "function_call", "call_id": "b", "name": "functions.read", "arguments": "{}"}]);
    let body = made(&request(vec![
        user("x"),
        assistant("", vec![named("a")]),
        raw_assistant("", vec![named("b")], NAME, content),
    ]));
    assert_eq!(
        (&body["input"][1]["name"], &body["input"][2]["name"]),
        (&json!("functions_read"), &json!("functions_read"))
    );
}
