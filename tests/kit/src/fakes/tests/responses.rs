//! The rules and the bytes of the Responses API.

use serde_json::{Value, json};

use super::super::{Reply, Script, Setup};
use super::{CLIENTS, Client, refuses};

const CLIENT: Client = CLIENTS[2];

fn good() -> Value {
    json!({
        "model": "m",
        "instructions": "Rules",
        "store": false,
        "max_output_tokens": 2000,
        "include": ["reasoning.encrypted_content"],
        "tools": [tool("read_file"), tool("edit_file")],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Repair it"}]},
            {"type": "function_call", "call_id": "a1", "name": "read_file", "arguments": "{\"path\":\"x\"}"},
            {"type": "function_call", "id": "fc_2", "call_id": "a2", "name": "read_file", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a1", "output": "one"},
            {"type": "function_call_output", "call_id": "a2", "output": "two"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "I see."}]},
            {"role": "user", "content": "Go on"},
        ],
    })
}

fn tool(name: &str) -> Value {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    json!({"type": "function", "name": name, "description": "It does.", "parameters": parameters, "strict": false})
}

fn remove(body: &mut Value, index: usize) {
    body["input"].as_array_mut().unwrap().remove(index);
}

fn insert(body: &mut Value, index: usize, item: Value) {
    body["input"].as_array_mut().unwrap().insert(index, item);
}

#[test]
fn what_the_real_server_refuses_is_refused() {
    refuses(
        CLIENT,
        &good(),
        &[
            (|body| drop(body.as_object_mut().unwrap().remove("model")), "parameter: 'model'"),
            (|body| drop(body.as_object_mut().unwrap().remove("input")), "parameter: 'input'"),
            (|body| body["store"] = json!(true), "Store must be set to false"),
            (|body| drop(body.as_object_mut().unwrap().remove("store")), "Store must be set to false"),
            (|body| body["previous_response_id"] = json!("resp_1"), "Zero Data Retention"),
            (|body| body["max_tokens"] = json!(9), "has moved to 'max_output_tokens'"),
            (|body| body["messages"] = json!([]), "Unknown parameter: 'messages'"),
            (|body| body["max_output_tokens"] = json!(15), "Expected a value >= 16"),
            (|body| body["instructions"] = json!(["Rules"]), "Invalid type for 'instructions'"),
            (|body| body["tools"][0] = json!({"type": "function", "function": {}}), "does not match pattern"),
            (|body| body["tools"][1]["name"] = json!("read_file"), "must be unique"),
            (|body| body["tools"][0]["strict"] = json!(true), "'additionalProperties' must be false"),
            (|body| body["input"][0]["content"][0]["type"] = json!("text"), "Invalid value: 'text'"),
            (
                |body| body["input"][5]["content"][0]["type"] = json!("input_text"),
                "Invalid value: 'input_text'",
            ),
            (|body| body["input"][0]["role"] = json!("tool"), "Invalid value: 'tool'"),
            (|body| body["input"][2]["id"] = json!("call_2"), "begins with 'fc'"),
            (|body| body["input"][1]["arguments"] = json!({}), "expected a string"),
            (|body| remove(body, 1), "No tool call found for function call output with call_id a1"),
            (|body| remove(body, 3), "No tool output found for function call a1"),
            (|body| body["input"][4]["call_id"] = json!("a1"), "No tool call found"),
            (|body| body["input"][2]["call_id"] = json!("a1"), "Duplicate function call"),
            (
                |body| insert(body, 1, json!({"type": "item_reference", "id": "rs_1"})),
                "Items are not persisted",
            ),
            (
                |body| insert(body, 1, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
                "Items are not persisted",
            ),
            (|body| insert(body, 1, thought("made-up")), "could not be verified"),
            (
                |body| insert(body, 6, thought(&super::super::wire::seal(""))),
                "without its required following item",
            ),
            (|body| insert(body, 1, json!({"type": "thought"})), "Invalid value: 'thought'"),
            (|body| body["stream"] = json!("yes"), "Invalid type for 'stream'"),
            (|body| drop(body["tools"][0].as_object_mut().unwrap().remove("type")), "'tools[0].type'"),
            (|body| body["tools"][0]["parameters"] = json!({}), "must be a JSON Schema"),
            (|body| body["tools"][0] = json!({"type": "custom"}), "'tools[0].name'"),
            (|body| drop(body["input"][1].as_object_mut().unwrap().remove("call_id")), "'input[1].call_id'"),
            (|body| drop(body["input"][3].as_object_mut().unwrap().remove("output")), "'input[3].output'"),
            (|body| drop(body["input"][0].as_object_mut().unwrap().remove("content")), "'input[0].content'"),
            (|body| insert(body, 1, json!({"type": "reasoning", "id": "rs_1"})), "'input[1].summary'"),
        ],
    );
}

fn thought(sealed: &str) -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed})
}

#[test]
fn reasoning_must_come_back_as_it_was() {
    let call = Reply::call([("read_file", json!({"path": "y"}))]).with_thinking("Let me see.");
    let fake = CLIENT.start([call, Reply::say("Done.")]);
    let mut body = good();
    let output = CLIENT.post(&fake, &body).json()["output"].clone();
    assert_eq!(
        (output[0]["type"].as_str(), output[1]["type"].as_str()),
        (Some("reasoning"), Some("function_call"))
    );
    let answer = json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "ok"});
    for item in [output[0].clone(), output[1].clone(), answer] {
        body["input"].as_array_mut().unwrap().push(item);
    }
    assert_eq!(CLIENT.post(&fake, &body).status, 200, "{:?}", fake.complaints());
    let mut without = body.clone();
    remove(&mut without, 7);
    assert!(CLIENT.post(&fake, &without).text().contains("without its required 'reasoning' item"));
    let mut changed = body;
    changed["input"][7]["summary"] = json!([]);
    assert!(CLIENT.post(&fake, &changed).text().contains("could not be verified"));
}

#[test]
fn a_script_sees_the_request_in_neutral_words() {
    let fake = Setup::responses().start(Script::new(|seen| {
        assert_eq!((seen.system.as_str(), seen.user.as_str(), seen.turn), ("Rules", "Go on", 2));
        assert_eq!(seen.tools, ["read_file", "edit_file"]);
        assert_eq!(seen.results[0].input, json!({"path": "x"}));
        assert_eq!(seen.last_result("read_file").unwrap().output, "two");
        Reply::say("Yes.")
    }));
    let answer = CLIENT.post(&fake, &good()).json();
    assert_eq!(fake.complaints(), Vec::<String>::new());
    assert_eq!(answer["output"][0]["content"][0]["text"], "Yes.");
}

#[test]
fn a_stream_has_the_events_of_the_real_one() {
    let reply = Reply::call([("read_file", json!({"path": "x"}))]).with_text("I look.").with_thinking("Hm.");
    let fake = CLIENT.start([reply]);
    let mut body = good();
    body["stream"] = json!(true);
    let answer = CLIENT.post(&fake, &body);
    let kinds: Vec<String> = answer.kinds().iter().map(|kind| kind.replace("response.", "")).collect();
    assert_eq!(
        kinds,
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let events = answer.events();
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..19).collect::<Vec<_>>());
    assert!(answer.text().starts_with("event: response.created\ndata: {"));
    assert_eq!(events[14]["item"]["arguments"], "", "an item begins without its arguments");
    assert_eq!(events[17]["item"], events[18]["response"]["output"][2]);
    assert!(events[7]["item"]["encrypted_content"].is_string());
}

#[test]
fn each_end_has_its_event() {
    let cases = [
        (Reply::say("Done."), "response.completed"),
        (Reply::cut_off("Half a"), "response.incomplete"),
        (Reply::refuse(), "response.completed"),
        (Reply::empty(), "response.completed"),
        (Reply::malformed_arguments("read_file", "{\"path\": "), "response.completed"),
    ];
    let fake = CLIENT.start(cases.iter().map(|(reply, _)| reply.clone()));
    for (index, (_, kind)) in cases.iter().enumerate() {
        let answer = CLIENT.post(&fake, &CLIENT.body(true));
        let last = answer.events().pop().unwrap();
        assert_eq!(last["type"], *kind);
        let output = &last["response"]["output"];
        match index {
            1 => assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens"),
            2 => assert!(answer.kinds().contains(&"response.refusal.delta".to_owned())),
            3 => assert_eq!(*output, json!([])),
            4 => assert_eq!(output[0]["arguments"], "{\"path\": "),
            _ => assert_eq!(output[0]["status"], "completed"),
        }
    }
}
