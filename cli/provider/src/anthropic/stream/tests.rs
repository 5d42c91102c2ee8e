//! Tests of answers in Anthropic's dialect.

use super::*;
use crate::testing::{events, read, read_every_way, request};

fn start(usage: &Value) -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": usage}})
}

fn begin(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn close(reason: &str, usage: &Value) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

fn tool_use(index: u64, id: &str, pieces: &[&str]) -> Vec<Value> {
    let block = json!({"type": "tool_use", "id": id, "name": "read", "input": {}});
    let pieces =
        pieces.iter().map(|piece| delta(index, &json!({"type": "input_json_delta", "partial_json": piece})));
    let stop = json!({"type": "content_block_stop", "index": index});
    std::iter::once(begin(index, &block)).chain(pieces).chain([stop]).collect()
}

fn words(index: u64, pieces: &[&str]) -> Vec<Value> {
    let pieces = pieces.iter().map(|piece| delta(index, &json!({"type": "text_delta", "text": piece})));
    std::iter::once(begin(index, &json!({"type": "text", "text": ""}))).chain(pieces).collect()
}

fn usage() -> Value {
    json!({"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30, "output_tokens": 1})
}

fn answer(parts: Vec<Value>) -> Answer {
    read(Stream::default(), events(&parts).as_bytes(), 0, &Limits::default()).unwrap().answer()
}

#[test]
fn a_whole_answer_cut_anywhere() {
    let mut parts = vec![start(&usage()), json!({"type": "ping"})];
    parts.push(begin(0, &json!({"type": "thinking", "thinking": "", "signature": ""})));
    parts.push(delta(0, &json!({"type": "thinking_delta", "thinking": "Hm"})));
    parts.push(delta(0, &json!({"type": "thinking_delta", "thinking": " …"})));
    parts.push(delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})));
    parts.push(begin(1, &json!({"type": "redacted_thinking", "data": "ZW5j"})));
    parts.extend(words(2, &["Ich ", "lese €."]));
    parts.extend(tool_use(3, "toolu_1", &["", "{\"pa", "th\": \"ä\"}"]));
    parts.extend(close("tool_use", &json!({"output_tokens": 40})));

    let (answer, stream) = read_every_way(Stream::default, &events(&parts));
    assert_eq!(answer.text, "Ich lese €.");
    assert_eq!(answer.end(), TurnEnd::Complete);
    let tokens = Tokens { input: 10, output: 40, cache_read: 30, cache_write: 20 };
    assert_eq!(answer.usage.tokens, Some(tokens));
    let calls = answer.calls(&request(vec![]));
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].id.as_str(), &calls[0].input), ("toolu_1", &json!({"path": "ä"})));
    let raw = json!([
        {"type": "thinking", "thinking": "Hm …", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "text", "text": "Ich lese €."},
        {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "ä"}},
    ]);
    assert_eq!(stream.raw(&calls), Some(raw));
}

#[test]
fn reasons_to_stop() {
    for (reason, said, end) in [
        ("end_turn", "Done.", TurnEnd::Complete),
        ("stop_sequence", "Done.", TurnEnd::Complete),
        ("max_tokens", "Do", TurnEnd::CutOff),
        ("model_context_window_exceeded", "Do", TurnEnd::CutOff),
        ("pause_turn", "Do", TurnEnd::CutOff),
        ("refusal", "I will not.", TurnEnd::Refused),
        ("end_turn", "", TurnEnd::Empty),
    ] {
        let mut parts = vec![start(&usage())];
        parts.extend(words(0, &[said]));
        parts.extend(close(reason, &json!({"output_tokens": 2})));
        assert_eq!(answer(parts).end(), end, "{reason}");
    }
}

#[test]
fn a_thought_alone_is_no_answer_and_one_without_a_signature_is_not_sent_back() {
    let mut parts = vec![start(&usage()), begin(0, &json!({"type": "thinking", "thinking": "Hm"}))];
    parts.extend(close("end_turn", &json!({"output_tokens": 2})));
    let stream = read(Stream::default(), events(&parts).as_bytes(), 0, &Limits::default()).unwrap();
    assert_eq!(stream.answer().end(), TurnEnd::Empty);
    assert_eq!(stream.raw(&[]), None);
}

#[test]
fn usage_may_be_corrected_at_the_end() {
    let mut parts =
        vec![start(&json!({"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": null}))];
    parts.extend(words(0, &["x"]));
    let late = json!({"input_tokens": 6, "cache_read_input_tokens": 7, "output_tokens": 8});
    parts.extend(close("end_turn", &late));
    let tokens = Tokens { input: 6, output: 8, cache_read: 7, cache_write: 0 };
    assert_eq!(answer(parts).usage.tokens, Some(tokens));
}

#[test]
fn malformed_inputs_and_equal_ids_are_put_right_in_what_is_sent_back_too() {
    let mut parts = vec![start(&usage())];
    parts.push(begin(0, &json!({"type": "redacted_thinking", "data": "ZW5j"})));
    parts.extend(tool_use(1, "a", &["{\"path\": "]));
    parts.extend(tool_use(2, "a", &[]));
    parts.extend(close("tool_use", &json!({"output_tokens": 2})));
    let stream = read(Stream::default(), events(&parts).as_bytes(), 0, &Limits::default()).unwrap();
    let calls = stream.answer().calls(&request(vec![]));
    assert_eq!(calls[0].malformed.as_deref(), Some("{\"path\": "));
    assert_eq!((calls[1].id.as_str(), &calls[1].input), ("a_2", &json!({})));
    let raw = stream.raw(&calls).unwrap();
    assert_eq!(raw[1], json!({"type": "tool_use", "id": "a", "name": "read", "input": {}}));
    assert_eq!(raw[2]["id"], "a_2");
}

#[test]
fn an_input_may_come_whole() {
    let block = json!({"type": "tool_use", "id": "a", "name": "read", "input": {"path": "x"}});
    let mut parts = vec![start(&usage()), begin(0, &block)];
    parts.extend(close("tool_use", &json!({"output_tokens": 2})));
    assert_eq!(answer(parts).calls(&request(vec![]))[0].input, json!({"path": "x"}));
}

fn fault(parts: &[Value], limits: &Limits) -> Fault {
    match read(Stream::default(), events(parts).as_bytes(), 0, limits) {
        Ok(_) => panic!("the stream should not have been read"),
        Err(fault) => fault,
    }
}

#[test]
fn an_error_within_the_stream_ends_it() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let Fault::Complaint(complaint) = fault(&[start(&usage()), error], &Limits::default()) else {
        panic!("no complaint")
    };
    assert_eq!(complaint.message, "Overloaded");
}

#[test]
fn what_the_dialect_does_not_allow_is_garbled() {
    for parts in [
        vec![delta(0, &json!({"type": "text_delta", "text": "x"}))],
        vec![json!({"type": "content_block_start"})],
        vec![start(&usage()), json!({"type": "message_stop"})],
    ] {
        assert!(matches!(fault(&parts, &Limits::default()), Fault::Garbled(_)), "{parts:?}");
    }
    let junk = read(Stream::default(), b"data: {\"type\":\n\n", 0, &Limits::default());
    assert!(matches!(junk.err(), Some(Fault::Garbled(_))));
}

#[test]
fn calls_and_their_inputs_are_bounded() {
    let limits = Limits { calls_max: 1, arguments_bytes_max: 4, ..Limits::default() };
    assert_eq!(
        fault(&tool_use(0, "a", &["{   ", "}"]), &limits),
        Fault::TooMuch("bytes in the input of a call")
    );
    let two = [tool_use(0, "a", &["{  }"]), tool_use(1, "b", &[])].concat();
    assert_eq!(fault(&two, &limits), Fault::TooMuch("calls"));
}
