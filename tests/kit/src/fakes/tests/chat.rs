//! The rules and the bytes of chat completions.

use serde_json::{Value, json};

use super::super::{Reply, Script, Setup};
use super::{CLIENTS, Client, refuses};

const CLIENT: Client = CLIENTS[1];

fn good() -> Value {
    json!({
        "model": "m",
        "max_tokens": 2000,
        "tools": [tool("read_file"), tool("edit_file")],
        "messages": [
            {"role": "system", "content": "Rules"},
            {"role": "user", "content": "Repair it"},
            {"role": "assistant", "content": null, "tool_calls": [call("a1"), call("a2")]},
            {"role": "tool", "tool_call_id": "a2", "content": "two"},
            {"role": "tool", "tool_call_id": "a1", "content": "one"},
            {"role": "user", "content": "Go on"},
        ],
    })
}

fn tool(name: &str) -> Value {
    let parameters = json!({"type": "object", "properties": {}});
    json!({"type": "function", "function": {"name": name, "description": "It does.", "parameters": parameters}})
}

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "read_file", "arguments": "{\"path\":\"x\"}"}})
}

fn remove(body: &mut Value, index: usize) {
    body["messages"].as_array_mut().unwrap().remove(index);
}

fn forget(body: &mut Value, field: &str) {
    body.as_object_mut().unwrap().remove(field);
}

#[test]
fn what_the_real_server_refuses_is_refused() {
    refuses(
        CLIENT,
        &good(),
        &[
            (|body| forget(body, "model"), "you must provide a model"),
            (|body| forget(body, "max_tokens"), "Missing required parameter: 'max_completion_tokens'"),
            (|body| body["max_tokens"] = json!(0), "expected a value >= 1"),
            (|body| body["max_completion_tokens"] = json!(9), "at the same time"),
            (|body| body["model"] = json!("gpt-5"), "'max_tokens' is not supported with this model"),
            (|body| body["max_output_tokens"] = json!(9), "Unrecognized request argument supplied"),
            (|body| body["stream_options"] = json!({"include_usage": true}), "only allowed when 'stream'"),
            (|body| body["tools"] = json!([]), "Invalid 'tools': empty array"),
            (|body| body["tools"][0]["function"]["name"] = json!("read file"), "does not match pattern"),
            (|body| body["tools"][1] = tool("read_file"), "must be unique"),
            (|body| body["tools"][0] = json!({"name": "read_file"}), "'tools[0].function'"),
            (|body| body["messages"] = json!([]), "Invalid 'messages': empty array"),
            (|body| body["messages"][1]["role"] = json!("human"), "Invalid value: 'human'"),
            (|body| body["messages"][1]["content"] = Value::Null, "expected a string, got null"),
            (|body| remove(body, 2), "must be a response to a preceeding message"),
            (|body| remove(body, 3), "did not have response messages: a2"),
            (
                |body| body["messages"].as_array_mut().unwrap().truncate(3),
                "did not have response messages: a1, a2",
            ),
            (|body| body["messages"][4]["tool_call_id"] = json!("a2"), "must be a response"),
            (|body| body["messages"][4]["content"] = Value::Null, "got null"),
            (|body| body["messages"][2]["tool_calls"] = json!([]), "tool_calls': empty array"),
            (|body| forget(&mut body["messages"][2], "tool_calls"), "got null"),
            (|body| forget(&mut body["messages"][2]["tool_calls"][0], "type"), "Missing required parameter"),
            (
                |body| body["messages"][2]["tool_calls"][0]["function"]["arguments"] = json!({}),
                "expected a string",
            ),
            (|body| body["messages"][2]["tool_calls"][1]["id"] = json!("a1"), "Duplicate value"),
            (|body| body["stream"] = json!("yes"), "Invalid type for 'stream'"),
            (|body| body["tools"][0]["function"]["parameters"] = json!({}), "must be a JSON Schema"),
            (
                |body| body["messages"][1]["content"] = json!([{"type": "input_text"}]),
                "an unknown type of part",
            ),
            (|body| body["messages"][2]["content"] = json!(7), "expected a string"),
            (
                |body| body["messages"][2]["tool_calls"][0]["function"]["name"] = json!("a b"),
                "does not match pattern",
            ),
        ],
    );
}

#[test]
fn a_script_sees_the_request_in_neutral_words() {
    let fake = Setup::chat().start(Script::new(|seen| {
        assert_eq!((seen.system.as_str(), seen.user.as_str(), seen.turn), ("Rules", "Go on", 1));
        assert_eq!(seen.tools, ["read_file", "edit_file"]);
        assert_eq!(seen.last_result("read_file").unwrap().output, "one");
        assert_eq!(seen.results[0].input, json!({"path": "x"}));
        Reply::say("Yes.")
    }));
    let answer = CLIENT.post(&fake, &good()).json();
    assert_eq!(fake.complaints(), Vec::<String>::new());
    assert_eq!(answer["choices"][0]["message"]["content"], "Yes.");
}

#[test]
fn a_stream_has_the_chunks_of_the_real_one() {
    let calls = [("read_file", json!({"path": "x"})), ("read_file", json!({"path": "y"}))];
    let fake = CLIENT.start([Reply::call(calls).with_text("I look.")]);
    let mut body = CLIENT.body(true);
    body["stream_options"] = json!({"include_usage": true});
    let answer = CLIENT.post(&fake, &body);
    let events = answer.events();
    assert_eq!(events.last().unwrap(), &json!("[DONE]"));
    let usage = &events[events.len() - 2];
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["prompt_tokens"].as_u64() > Some(0));
    let finish = &events[events.len() - 3];
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert!(events[..events.len() - 2].iter().all(|event| event["usage"].is_null()));
    let mut arguments = [String::new(), String::new()];
    for delta in events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0")) {
        let part = delta["function"]["arguments"].as_str().unwrap();
        arguments[delta["index"].as_u64().unwrap() as usize].push_str(part);
    }
    assert_eq!(arguments, ["{\"path\":\"x\"}", "{\"path\":\"y\"}"]);
}

#[test]
fn without_being_asked_a_stream_says_nothing_of_tokens() {
    let fake = CLIENT.start([Reply::say("Yes.")]);
    let answer = CLIENT.post(&fake, &CLIENT.body(true));
    assert!(!answer.text().contains("usage"));
    assert_eq!((fake.reported().answers, fake.reported().total()), (1, super::super::Usage::default()));
}

#[test]
fn each_end_has_its_reason() {
    let cases = [
        (Reply::say("Done."), "stop"),
        (Reply::cut_off("Half a"), "length"),
        (Reply::refuse(), "stop"),
        (Reply::empty(), "stop"),
        (Reply::malformed_arguments("read_file", "{\"path\": "), "tool_calls"),
    ];
    let fake = CLIENT.start(cases.iter().chain(&cases).map(|(reply, _)| reply.clone()));
    for (index, (_, reason)) in cases.iter().enumerate() {
        let events = CLIENT.post(&fake, &CLIENT.body(true)).events();
        assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], *reason);
        let refused = events
            .iter()
            .any(|event| event.pointer("/choices/0/delta/refusal").is_some_and(Value::is_string));
        assert_eq!(refused, index == 2);
    }
    for (index, (_, reason)) in cases.iter().enumerate() {
        let choice = CLIENT.post(&fake, &CLIENT.body(false)).json()["choices"][0].clone();
        assert_eq!(choice["finish_reason"], *reason);
        assert_eq!(choice["message"]["refusal"].is_string(), index == 2);
        assert_eq!(choice["message"]["content"].is_string(), index < 2);
    }
}

#[test]
fn a_choice_among_no_tools_is_refused() {
    refuses(
        CLIENT,
        &CLIENT.body(false),
        &[
            (|body| body["tool_choice"] = json!("auto"), "only allowed when 'tools' are specified"),
            (|body| body["parallel_tool_calls"] = json!(true), "only allowed when 'tools' are specified"),
        ],
    );
}
