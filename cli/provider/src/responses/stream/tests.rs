//! Tests of answers in the dialect of OpenAI Responses.

use super::*;
use crate::testing::{events, read, read_every_way, request};

fn item(kind: &str, place: u64, item: &Value) -> Value {
    json!({"type": format!("response.output_item.{kind}"), "output_index": place, "item": item})
}

fn delta(kind: &str, place: u64, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": place, "content_index": 0, "delta": delta})
}

fn reasoning() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ZW5j"})
}

fn message(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
}

fn function_call(id: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": "read", "arguments": arguments})
}

fn closed(kind: &str, response: &Value) -> Value {
    let mut response = response.clone();
    response["status"] = json!(kind);
    response["usage"] = json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 8}, "total_tokens": 120});
    json!({"type": format!("response.{kind}"), "response": response})
}

fn whole(parts: &[Value]) -> Stream {
    read(Stream::default(), events(parts).as_bytes(), 0, &Limits::default()).unwrap()
}

#[test]
fn a_whole_answer_cut_anywhere() {
    let call = function_call("call_1", "{\"path\":\"ä\"}");
    let parts = [
        json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}),
        item("added", 0, &json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        item("done", 0, &reasoning()),
        item("added", 1, &json!({"type": "message", "id": "msg_1", "content": []})),
        delta("output_text", 1, "Ich "),
        delta("output_text", 1, "lese €."),
        item("done", 1, &message("Ich lese €.")),
        item("added", 2, &function_call("call_1", "")),
        delta("function_call_arguments", 2, "{\"path\":"),
        delta("function_call_arguments", 2, "\"ä\"}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"path\":\"ä\"}"}),
        item("done", 2, &call),
        closed("completed", &json!({})),
    ];
    let (answer, stream) = read_every_way(Stream::default, &events(&parts));
    assert_eq!(answer.text, "Ich lese €.");
    assert_eq!(answer.end(), TurnEnd::Complete);
    let tokens = Tokens { input: 40, output: 20, cache_read: 60, cache_write: 0 };
    assert_eq!(answer.usage.tokens, Some(tokens));
    let calls = answer.calls(&request(vec![]));
    assert_eq!((calls[0].id.as_str(), &calls[0].input), ("call_1", &json!({"path": "ä"})));
    assert_eq!(stream.raw(&calls), Some(json!([reasoning(), message("Ich lese €."), call])));
}

#[test]
fn pieces_alone_will_do_and_so_will_the_whole_alone() {
    let pieces = [
        item("added", 0, &function_call("call_1", "")),
        delta("function_call_arguments", 0, "{\"path\":\"x\"}"),
        item("added", 1, &json!({"type": "message"})),
        delta("output_text", 1, "Done."),
        closed("completed", &json!({})),
    ];
    let output = json!([function_call("call_1", "{\"path\":\"x\"}"), message("Done.")]);
    for parts in [&pieces[..], &[closed("completed", &json!({"output": output}))]] {
        let answer = whole(parts).answer();
        let calls = answer.calls(&request(vec![]));
        assert_eq!((answer.text.as_str(), &calls[0].input), ("Done.", &json!({"path": "x"})));
    }
}

#[test]
fn reasons_to_stop() {
    let because = |reason: &str| json!({"incomplete_details": {"reason": reason}});
    let refusal = json!({"type": "message", "content": [{"type": "refusal", "refusal": "I will not."}]});
    for (item_done, close, end) in [
        (
            message("Done."),
            closed("completed", &json!({"incomplete_details": null, "error": null})),
            TurnEnd::Complete,
        ),
        (message("Do"), closed("incomplete", &because("max_output_tokens")), TurnEnd::CutOff),
        (message("Do"), closed("incomplete", &because("content_filter")), TurnEnd::Refused),
        (refusal, closed("completed", &json!({})), TurnEnd::Refused),
        (reasoning(), closed("completed", &json!({})), TurnEnd::Empty),
    ] {
        let stream = whole(&[item("done", 0, &item_done), close.clone()]);
        assert_eq!(stream.answer().end(), end, "{close}");
        assert_eq!(stream.raw(&[]), None);
    }
}

#[test]
fn malformed_inputs_and_equal_ids_are_put_right_in_what_is_sent_back_too() {
    let stream = whole(&[
        item("done", 0, &reasoning()),
        item("done", 1, &function_call("a", "{\"path\":")),
        item("done", 2, &function_call("a", "{}")),
        closed("completed", &json!({})),
    ]);
    let calls = stream.answer().calls(&request(vec![]));
    assert_eq!(calls[0].malformed.as_deref(), Some("{\"path\":"));
    let raw = stream.raw(&calls).unwrap();
    assert_eq!((&raw[1]["arguments"], &raw[2]["call_id"]), (&json!("{}"), &json!("a_2")));
}

#[test]
fn what_was_cut_off_is_not_sent_back() {
    let stream = whole(&[
        item("done", 0, &reasoning()),
        item("added", 1, &function_call("a", "")),
        closed("incomplete", &json!({"incomplete_details": {"reason": "max_output_tokens"}})),
    ]);
    let calls = stream.answer().calls(&request(vec![]));
    assert_eq!(calls[0].malformed.as_deref(), Some(""));
    assert_eq!(stream.raw(&calls), None);
}

fn fault(parts: &[Value], limits: &Limits) -> Fault {
    match read(Stream::default(), events(parts).as_bytes(), 0, limits) {
        Ok(_) => panic!("the stream should not have been read"),
        Err(fault) => fault,
    }
}

#[test]
fn failures_end_the_stream() {
    let error = json!({"code": "rate_limit_exceeded", "message": "slower"});
    for event in [
        closed("failed", &json!({"error": error})),
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slower", "param": null}),
        json!({"type": "error", "error": error}),
    ] {
        let Fault::Complaint(complaint) = fault(std::slice::from_ref(&event), &Limits::default()) else {
            panic!("{event}")
        };
        assert_eq!(complaint.message, "slower");
        assert!(complaint.kinds.contains(&"rate_limit_exceeded".to_owned()));
    }
}

#[test]
fn what_the_dialect_does_not_allow_is_garbled() {
    for event in [
        delta("output_text", 0, "x"),
        item("done", 0, &json!("x")),
        json!({"type": "response.output_item.done"}),
    ] {
        assert!(
            matches!(fault(std::slice::from_ref(&event), &Limits::default()), Fault::Garbled(_)),
            "{event}"
        );
    }
}

#[test]
fn calls_and_their_inputs_are_bounded() {
    let limits = Limits { calls_max: 1, arguments_bytes_max: 4, ..Limits::default() };
    let long = [item("added", 0, &function_call("a", "{   ")), delta("function_call_arguments", 0, "}")];
    assert_eq!(fault(&long, &limits), Fault::TooMuch("bytes in the input of a call"));
    let two = [item("done", 0, &function_call("a", "{}")), item("done", 1, &function_call("b", "{}"))];
    assert_eq!(fault(&two, &limits), Fault::TooMuch("calls"));
}
