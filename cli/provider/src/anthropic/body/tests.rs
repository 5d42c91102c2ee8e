//! Tests of requests in Anthropic's dialect.

use super::*;
use crate::Refusal;
use crate::testing::{answered, assistant, call, endpoint, raw_assistant, request, tool, user};

const NAME: &str = "anthropic:claude-x";

fn made(request: &Request) -> Value {
    body(&endpoint("anthropic", "claude-x"), NAME, request).unwrap()
}

fn thinking(thinking: Thinking, request: &Request) -> Value {
    let endpoint = Endpoint { thinking, ..endpoint("anthropic", "claude-x") };
    body(&endpoint, NAME, request).unwrap()
}

fn thought() -> Value {
    json!({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"})
}

#[test]
fn a_whole_request() {
    let request = request(vec![
        user("Fix it."),
        assistant("Reading.", vec![call("toolu_1", "a"), call("toolu_2", "b")]),
        answered("toolu_1", true, "A"),
        answered("toolu_2", false, "no such file"),
        user("Go on."),
    ]);
    let mark = json!({"type": "ephemeral"});
    let spec = |name: &str| {
        let schema = tool(name).input_schema;
        json!({"name": name, "description": format!("{name} a file"), "input_schema": schema})
    };
    let mut last = spec("write");
    last["cache_control"] = mark.clone();
    let expected = json!({
        "model": "claude-x",
        "max_tokens": 4096,
        "stream": true,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": mark}],
        "tools": [spec("read"), last],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Fix it."}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Reading."},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
                {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {"path": "b"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "A"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such file", "is_error": true},
                {"type": "text", "text": "Go on.", "cache_control": mark},
            ]},
        ],
    });
    assert_eq!(made(&request), expected);
}

#[test]
fn results_come_first_in_one_message_and_at_most_four_marks_are_set() {
    let request = request(vec![
        user("Fix it."),
        assistant("", vec![call("a", "a"), call("b", "b")]),
        answered("b", true, ""),
        user("In between."),
        answered("a", true, "A"),
    ]);
    let body = made(&request);
    let last = &body["messages"][2]["content"];
    let kinds: Vec<_> =
        last.as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"]);
    assert_eq!(last[0], json!({"type": "tool_result", "tool_use_id": "b"}));
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(body.to_string().matches("cache_control").count(), 3);
}

#[test]
fn what_is_empty_is_left_out() {
    let mut request = request(vec![user("Fix it."), assistant(" ", vec![]), user(" \n"), user("Well?")]);
    request.system = " ".into();
    request.tools.clear();
    let body = made(&request);
    assert_eq!((body.get("system"), body.get("tools")), (None, None));
    let texts: Vec<_> =
        body["messages"][0]["content"].as_array().unwrap().iter().map(|b| &b["text"]).collect();
    assert_eq!(texts, ["Fix it.", "Well?"]);
}

#[test]
fn thoughts_go_back_to_their_model_and_to_no_other() {
    let content = json!([
        thought(),
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "text", "text": "Reading."},
        {"type": "tool_use", "id": "old", "name": "read", "input": {"path": "a"}},
    ]);
    let conversation = |from: &str| {
        request(vec![
            user("Fix it."),
            raw_assistant("Reading.", vec![call("toolu_1", "a")], from, content.clone()),
            answered("toolu_1", true, "A"),
        ])
    };
    let mut kept = content.clone();
    kept[3]["id"] = json!("toolu_1");
    assert_eq!(made(&conversation(NAME))["messages"][1]["content"], kept);
    let rebuilt = json!([
        {"type": "text", "text": "Reading."},
        {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
    ]);
    assert_eq!(made(&conversation("anthropic:claude-y"))["messages"][1]["content"], rebuilt);
}

#[test]
fn what_is_kept_and_does_not_fit_is_rebuilt() {
    for content in [
        json!([thought(), {"type": "text", "text": "x"}]),
        json!([thought(), {"type": "server_tool_use", "id": "a"}]),
        json!([thought(), "text"]),
        json!([{"type": "tool_use", "id": "a", "name": "read", "input": {}}, thought()]),
        json!({"type": "thinking"}),
        json!(null),
    ] {
        let request = request(vec![
            user("Fix it."),
            raw_assistant("", vec![call("a", "a")], NAME, content),
            answered("a", true, "A"),
        ]);
        assert_eq!(made(&request)["messages"][1]["content"][0]["type"], "tool_use");
    }
}

#[test]
fn thinking_is_asked_for_where_it_may_be() {
    let first = request(vec![user("Fix it.")]);
    assert_eq!(thinking(Thinking::Unasked, &first).get("thinking"), None);
    assert_eq!(thinking(Thinking::Adaptive, &first)["thinking"], json!({"type": "adaptive"}));
    let budget = json!({"type": "enabled", "budget_tokens": 2048});
    assert_eq!(thinking(Thinking::Budget(2048), &first)["thinking"], budget);

    let open = |message| request(vec![user("Fix it."), message, answered("a", true, "A")]);
    let foreign = open(assistant("", vec![call("a", "a")]));
    assert_eq!(thinking(Thinking::Budget(2048), &foreign).get("thinking"), None);
    let content = json!([thought(), {"type": "tool_use", "id": "a", "name": "read", "input": {}}]);
    let own = open(raw_assistant("", vec![call("a", "a")], NAME, content));
    assert_eq!(thinking(Thinking::Budget(2048), &own)["thinking"], budget);
}

#[test]
fn malformed_calls_and_foreign_ids_are_made_acceptable() {
    let malformed = ToolCall { input: Value::Null, malformed: Some("{".into()), ..call("call:1", "a") };
    let body = made(&request(vec![
        user("Fix it."),
        assistant("", vec![malformed]),
        answered("call:1", false, "no"),
    ]));
    let block = json!({"type": "tool_use", "id": "c00000001", "name": "read", "input": {}});
    assert_eq!(body["messages"][1]["content"][0], block);
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "c00000001");
}

#[test]
fn orphans_and_empty_conversations_are_refused_here() {
    for messages in [vec![user("x"), answered("a", true, "A")], vec![user(" ")], vec![]] {
        let error = body(&endpoint("anthropic", "claude-x"), NAME, &request(messages)).unwrap_err();
        assert!(matches!(error, ProviderError::Permanent { refusal: Refusal::Request, .. }), "{error}");
    }
}

#[test]
fn a_schema_without_a_type_is_that_of_an_object() {
    let mut request = request(vec![user("x")]);
    request.tools[0].input_schema = json!({});
    assert_eq!(made(&request)["tools"][0]["input_schema"], json!({"type": "object"}));
}

#[test]
fn an_answer_that_was_a_thought_alone_is_left_out() {
    let silent = raw_assistant("", vec![], NAME, json!([thought()]));
    let body = made(&request(vec![user("Fix it."), silent, user("Well?")]));
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn names_that_no_tool_can_have_are_not_sent_back() {
    let named = |tool: &str, id: &str| ToolCall { tool: tool.into(), ..call(id, "a") };
    let calls = vec![named("functions.read €", "a"), named("", "b"), named(&"x".repeat(100), "c")];
    let content = json!([thought(), {"type": "tool_use", "id": "d", "name": "a b", "input": {}}]);
    let body = made(&request(vec![
        user("Fix it."),
        assistant("", calls),
        raw_assistant("", vec![named("a b", "d")], NAME, content),
    ]));
    let names: Vec<_> = (0..3).map(|n| body["messages"][1]["content"][n]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["functions_read__", "_", &"x".repeat(64)]);
    assert_eq!(body["messages"][2]["content"][1]["name"], "a_b");
}
