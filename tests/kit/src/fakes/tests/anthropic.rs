//! The rules and the bytes of the Messages API.

use serde_json::{Value, json};

use super::super::Reply;
use super::{CLIENTS, Client, headers, refuses};

const CLIENT: Client = CLIENTS[0];

/// A conversation with two calls answered, as it must be.
fn good() -> Value {
    json!({
        "model": "m",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral"}}],
        "tools": [tool("read_file"), tool("edit_file")],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Repair it"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "a-1", "name": "read_file", "input": {"path": "x"}},
                {"type": "tool_use", "id": "a_2", "name": "read_file", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a_2", "content": "two", "is_error": true},
                {"type": "tool_result", "tool_use_id": "a-1", "content": [{"type": "text", "text": "one"}]},
                {"type": "text", "text": "Go on"},
            ]},
        ],
    })
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "It does.", "input_schema": {"type": "object", "properties": {}}})
}

fn push(body: &mut Value, at: &str, value: Value) {
    body.pointer_mut(at).unwrap().as_array_mut().unwrap().push(value);
}

fn remove(body: &mut Value, at: &str, index: usize) {
    body.pointer_mut(at).unwrap().as_array_mut().unwrap().remove(index);
}

#[test]
fn what_the_real_server_refuses_is_refused() {
    refuses(
        CLIENT,
        &good(),
        &[
            (|body| drop(body.as_object_mut().unwrap().remove("model")), "model: Field required"),
            (|body| drop(body.as_object_mut().unwrap().remove("max_tokens")), "max_tokens: Field required"),
            (|body| body["max_tokens"] = json!(0), "max_tokens: must be greater"),
            (|body| body["max_tokens"] = json!("many"), "max_tokens: Input should be a valid integer"),
            (
                |body| body["max_output_tokens"] = json!(1),
                "max_output_tokens: Extra inputs are not permitted",
            ),
            (|body| body["messages"] = json!([]), "at least one message is required"),
            (|body| remove(body, "/messages", 0), "first message must use the \"user\" role"),
            (|body| push(body, "/messages", json!({"role": "user", "content": "x"})), "roles must alternate"),
            (|body| body["messages"][0]["role"] = json!("system"), "role: Input should be"),
            (|body| body["messages"][0]["content"] = json!(""), "must have non-empty content"),
            (|body| body["messages"][0]["content"][0]["text"] = json!(""), "must be non-empty"),
            (|body| body["messages"][0]["content"][0]["text"] = json!(" \n"), "non-whitespace"),
            (
                |body| body["messages"][1]["content"][1]["id"] = json!("a.1"),
                "tool_use.id: String should match",
            ),
            (
                |body| body["messages"][1]["content"][1]["input"] = json!("{}"),
                "input: Input should be a valid dictionary",
            ),
            (|body| body["messages"][1]["content"][2]["id"] = json!("a-1"), "`tool_use` ids must be unique"),
            (
                |body| body["messages"][2]["content"][0]["tool_use_id"] = json!("a_3"),
                "unexpected `tool_use_id`",
            ),
            (
                |body| body["messages"][2]["content"][0]["tool_use_id"] = json!("a-1"),
                "must have a single result",
            ),
            (
                |body| remove(body, "/messages/2/content", 0),
                "without `tool_result` blocks immediately after: a_2",
            ),
            (|body| remove(body, "/messages", 2), "without `tool_result` blocks immediately after"),
            (|body| body["messages"][2]["content"] = json!("Go on"), "without `tool_result` blocks"),
            (
                |body| body["messages"][2]["content"].as_array_mut().unwrap().rotate_right(1),
                "must come before all other",
            ),
            (
                |body| body["messages"][2]["content"][1]["content"] = json!([{"type": "text", "text": ""}]),
                "non-empty",
            ),
            (|body| body["messages"][2]["content"][2] = json!({"type": "tool_use"}), "is not expected here"),
            (|body| body["tools"] = json!([]), "must define tools"),
            (
                |body| body["tools"][0]["name"] = json!("read file"),
                "tools.0.custom.name: String should match",
            ),
            (|body| body["tools"][1]["name"] = json!("read_file"), "Tool names must be unique"),
            (
                |body| body["tools"][0]["input_schema"] = json!({}),
                "input_schema.type: Input should be 'object'",
            ),
            (
                |body| push(body, "/messages", json!({"role": "assistant", "content": "So: "})),
                "trailing whitespace",
            ),
            (|body| body["thinking"] = json!({"type": "enabled"}), "budget_tokens: Field required"),
            (
                |body| body["thinking"] = json!({"type": "enabled", "budget_tokens": 100}),
                "greater than or equal to 1024",
            ),
            (
                |body| body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000}),
                "`max_tokens` must be greater",
            ),
            (too_many_marks, "A maximum of 4 blocks"),
            (|body| body["system"][0]["cache_control"] = json!({"type": "forever"}), "cache_control"),
            (strange_thought, "Invalid `signature`"),
            (|body| body["stream"] = json!("yes"), "stream: Input should be a valid boolean"),
            (|body| body["system"] = json!(7), "system: Input should be a valid string or list"),
            (|body| body["system"][0]["type"] = json!("image"), "system.0: Input should be a text block"),
            (|body| body["tools"] = json!({}), "tools: Input should be a valid list"),
            (|body| body["thinking"] = json!({"type": "always"}), "Input tag 'always'"),
            (|body| body["thinking"] = json!({"type": "adaptive", "budget_tokens": 2000}), "not permitted"),
            (|body| thinking_with(body, "temperature", json!(0.5)), "may only be set to 1"),
            (|body| thinking_with(body, "tool_choice", json!({"type": "any"})), "forces tool use"),
            (|body| body["messages"][0]["content"] = json!(7), "messages.0.content: Field required"),
            (|body| body["messages"][1]["content"][1]["name"] = json!("read file"), "tool_use.name: String"),
            (|body| body["messages"][2]["content"][0]["content"] = json!(7), "tool_result.content: Input"),
            (
                |body| body["messages"][2]["content"][1]["content"][0]["type"] = json!("tool"),
                "an unknown type",
            ),
            (
                |body| drop(body["messages"][2]["content"][0].as_object_mut().unwrap().remove("tool_use_id")),
                "Field required",
            ),
        ],
    );
}

fn too_many_marks(body: &mut Value) {
    let mark = json!({"type": "ephemeral"});
    for at in ["/tools/0", "/tools/1", "/messages/0/content/0", "/messages/2/content/1"] {
        body.pointer_mut(at).unwrap()["cache_control"] = mark.clone();
    }
}

fn thinking_with(body: &mut Value, field: &str, value: Value) {
    body["thinking"] = json!({"type": "adaptive"});
    body[field] = value;
}

fn strange_thought(body: &mut Value) {
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "made-up"});
    body["messages"][1]["content"].as_array_mut().unwrap().insert(0, thought);
}

#[test]
fn the_version_is_required() {
    let fake = CLIENT.start([]);
    let mut headers: Vec<(&str, String)> = headers();
    headers.retain(|(name, _)| *name != "anthropic-version");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = super::ask(&fake, "POST", CLIENT.path, &headers, &good().to_string());
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["error"],
        json!({"type": "invalid_request_error", "message": "anthropic-version: header is required"})
    );
}

#[test]
fn thinking_must_come_back_as_it_was() {
    let call = Reply::call([("read_file", json!({"path": "y"}))]).with_thinking("Let me see.");
    let fake = CLIENT.start([call, Reply::say("Done."), Reply::say("Done.")]);
    let mut body = good();
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    let content = CLIENT.post(&fake, &body).json()["content"].clone();
    assert_eq!(content[0]["thinking"], "Let me see.");
    let id = content[1]["id"].clone();
    push(&mut body, "/messages", json!({"role": "assistant", "content": content}));
    let result = json!([{"type": "tool_result", "tool_use_id": id, "content": "ok"}]);
    push(&mut body, "/messages", json!({"role": "user", "content": result}));
    assert_eq!(CLIENT.post(&fake, &body).status, 200, "{:?}", fake.complaints());
    let mut without = body.clone();
    remove(&mut without, "/messages/3/content", 0);
    let refused = CLIENT.post(&fake, &without);
    assert!(refused.text().contains("Expected `thinking`"), "{}", refused.text());
    let mut changed = body.clone();
    changed["messages"][3]["content"][0]["thinking"] = json!("Let me not see.");
    assert!(CLIENT.post(&fake, &changed).text().contains("Invalid `signature`"));
    // With a thought that is signed, but not the one of this turn.
    let seal = super::super::wire::seal("Let me not see.");
    changed["messages"][3]["content"][0]["signature"] = json!(seal);
    assert!(CLIENT.post(&fake, &changed).text().contains("cannot be modified"));
    // Without thinking nothing of it is asked for.
    without.as_object_mut().unwrap().remove("thinking");
    assert_eq!(CLIENT.post(&fake, &without).status, 200);
    assert_eq!(fake.complaints().len(), 3);
}

#[test]
fn a_script_sees_the_request_in_neutral_words() {
    let fake = super::Setup::anthropic().start(super::Script::new(|seen| {
        assert_eq!((seen.model.as_str(), seen.system.as_str(), seen.turn), ("m", "Rules", 1));
        assert_eq!(seen.user, "one\nGo on".strip_prefix("one\n").unwrap());
        assert_eq!(seen.tools, ["read_file", "edit_file"]);
        let results: Vec<_> =
            seen.results.iter().map(|result| (result.output.as_str(), result.failed)).collect();
        assert_eq!(results, [("one", Some(false)), ("two", Some(true))]);
        assert_eq!(seen.results[0].input, json!({"path": "x"}));
        Reply::empty()
    }));
    let answer = CLIENT.post(&fake, &good());
    assert_eq!(fake.complaints(), Vec::<String>::new());
    assert_eq!(answer.json()["content"], json!([]));
}

#[test]
fn a_stream_has_the_events_of_the_real_one() {
    let calls = [("read_file", json!({"path": "src/lib.rs"})), ("plan", json!({}))];
    let fake = CLIENT.start([Reply::call(calls).with_text("I look at it.").with_thinking("Hm.")]);
    let mut body = CLIENT.body(true);
    body["thinking"] = json!({"type": "adaptive"});
    body["tools"] = json!([tool("read_file"), tool("plan")]);
    let answer = CLIENT.post(&fake, &body);
    let delta = "content_block_delta";
    let (start, stop) = ("content_block_start", "content_block_stop");
    assert_eq!(
        answer.kinds(),
        [
            "message_start",
            start,
            delta,
            delta,
            stop,
            "ping",
            start,
            delta,
            delta,
            stop,
            start,
            delta,
            delta,
            delta,
            stop,
            start,
            delta,
            stop,
            "message_delta",
            "message_stop",
        ]
    );
    assert!(answer.text().starts_with("event: message_start\ndata: {"));
    let events = answer.events();
    assert_eq!(events[3]["delta"]["type"], "signature_delta");
    assert_eq!(events[10]["content_block"]["input"], json!({}));
    let written: Vec<_> =
        events[11..14].iter().map(|event| event["delta"]["partial_json"].as_str().unwrap()).collect();
    assert_eq!(written.concat(), "{\"path\":\"src/lib.rs\"}");
    assert_eq!(events[16]["delta"]["partial_json"], "", "a call without arguments writes nothing");
    assert_eq!(events[18]["delta"]["stop_reason"], "tool_use");
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
}

#[test]
fn each_end_has_its_reason() {
    let cases = [
        (Reply::say("Done."), "end_turn"),
        (Reply::cut_off("Half a"), "max_tokens"),
        (Reply::cut_off_call("read_file", "{\"pa"), "max_tokens"),
        (Reply::refuse(), "refusal"),
        (Reply::empty(), "end_turn"),
        (Reply::malformed_arguments("read_file", "{\"path\": "), "tool_use"),
    ];
    let fake = CLIENT.start(cases.iter().map(|(reply, _)| reply.clone()));
    for (index, (_, reason)) in cases.iter().enumerate() {
        let events = CLIENT.post(&fake, &CLIENT.body(true)).events();
        let last = &events[events.len() - 2];
        assert_eq!(last["delta"]["stop_reason"], *reason, "case {index}");
        assert_eq!(events.len() == 3, index == 4, "only an empty turn has no block");
        if index == 5 {
            let written = events.iter().filter_map(|event| event.pointer("/delta/partial_json")?.as_str());
            assert_eq!(written.collect::<String>(), "{\"path\": ");
        }
    }
}

#[test]
fn a_choice_among_no_tools_is_refused() {
    refuses(
        CLIENT,
        &CLIENT.body(false),
        &[(
            |body| body["tool_choice"] = json!({"type": "auto"}),
            "may only be specified while providing tools",
        )],
    );
}

#[test]
fn tokens_are_counted_without_an_answer() {
    let fake = CLIENT.start([]);
    let headers = headers();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut body = good();
    body.as_object_mut().unwrap().remove("max_tokens");
    let counted = super::ask(&fake, "POST", "/v1/messages/count_tokens", &headers, &body.to_string());
    assert!(counted.json()["input_tokens"].as_u64() > Some(0));
    assert_eq!((fake.complaints().len(), fake.reported().answers), (0, 0));
}
