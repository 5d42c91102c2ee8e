//! Tests of chat completions as they come.

use super::*;
use crate::testing::{events, read, read_every_way, request};
use crate::vendors::vendor;

fn stream(name: &str) -> Stream {
    Stream::new(vendor(name).unwrap())
}

fn delta(delta: &Value) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn piece(index: &Value, id: &Value, name: &Value, arguments: &Value) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    delta(&json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}))
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": null})
}

fn whole(vendor: &str, parts: &[Value]) -> Stream {
    let text = format!("{}data: [DONE]\n\n", events(parts));
    read(stream(vendor), text.as_bytes(), 0, &Limits::default()).unwrap()
}

/// Ids, inputs and what is malformed of the calls.
fn calls(parts: &[Value]) -> Vec<(String, Value)> {
    let calls = whole("openai-chat", parts).answer().calls(&request(vec![]));
    calls.into_iter().map(|call| (call.id, call.input)).collect()
}

#[test]
fn a_whole_answer_cut_anywhere() {
    let null = Value::Null;
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60}});
    let parts = [
        delta(&json!({"role": "assistant", "content": ""})),
        delta(&json!({"content": "Ich "})),
        delta(&json!({"content": "lese €."})),
        piece(&json!(0), &json!("call_1"), &json!("read"), &json!("")),
        piece(&json!(0), &null, &null, &json!("{\"path\":")),
        piece(&json!(1), &json!("call_2"), &json!("read"), &json!("{}")),
        piece(&json!(0), &null, &null, &json!("\"ä\"}")),
        finish("tool_calls"),
        json!({"choices": [], "usage": usage}),
    ];
    let text = format!(": PROCESSING\n\n{}data: [DONE]\n\n", events(&parts));
    let (answer, stream) = read_every_way(|| stream("openai-chat"), &text);
    assert_eq!(answer.text, "Ich lese €.");
    assert_eq!(answer.end(), TurnEnd::Complete);
    let tokens = Tokens { input: 40, output: 20, cache_read: 60, cache_write: 0 };
    assert_eq!(answer.usage, Usage { tokens: Some(tokens), micro_usd: None });
    let calls = answer.calls(&request(vec![]));
    let inputs: Vec<_> = calls.iter().map(|call| (call.id.as_str(), &call.input)).collect();
    assert_eq!(inputs, [("call_1", &json!({"path": "ä"})), ("call_2", &json!({}))]);
    assert_eq!(stream.raw(&calls), None);
}

#[test]
fn ids_may_come_late_or_never() {
    let null = Value::Null;
    let late = [
        piece(&json!(0), &null, &json!("read"), &json!("{\"path\":\"a\"")),
        piece(&json!(0), &json!("call_1"), &null, &json!("}")),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&late), [("call_1".to_owned(), json!({"path": "a"}))]);
    let never = [
        piece(&json!(0), &null, &json!("read"), &json!("{}")),
        piece(&json!(1), &json!(""), &json!("read"), &json!("{}")),
        finish("stop"),
    ];
    assert_eq!(calls(&never), [("call_0_0".to_owned(), json!({})), ("call_0_1".to_owned(), json!({}))]);
}

#[test]
fn calls_without_an_index_or_all_with_the_same_are_told_apart() {
    let null = Value::Null;
    let unnumbered = [
        piece(&null, &json!("a"), &json!("read"), &json!("{\"path\":")),
        piece(&null, &null, &null, &json!("\"x\"}")),
        piece(&null, &json!("b"), &json!("read"), &json!({"path": "y"})),
        finish("tool_calls"),
    ];
    let expected = [("a".to_owned(), json!({"path": "x"})), ("b".to_owned(), json!({"path": "y"}))];
    assert_eq!(calls(&unnumbered), expected);
    let nameless = [
        piece(&null, &null, &json!("read"), &json!("{}")),
        piece(&null, &null, &json!("read"), &json!("{}")),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&nameless).len(), 2);
    let same = [
        piece(&json!(0), &json!("a"), &json!("read"), &json!("{\"path\":\"x\"}")),
        piece(&json!(0), &json!("b"), &json!("read"), &json!("{\"path\":\"y\"}")),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&same), expected);
}

#[test]
fn a_name_and_an_id_that_are_repeated_with_every_piece_begin_no_call() {
    let parts = [
        piece(&json!(0), &json!("a"), &json!("read"), &json!("{\"path\":")),
        piece(&json!(0), &json!("a"), &json!("read"), &json!("\"x\"}")),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&parts), [("a".to_owned(), json!({"path": "x"}))]);
}

#[test]
fn reasons_to_stop() {
    for (reason, said, end) in [
        ("stop", "Done.", TurnEnd::Complete),
        ("length", "Do", TurnEnd::CutOff),
        ("model_length", "Do", TurnEnd::CutOff),
        ("content_filter", "Do", TurnEnd::Refused),
        ("stop", "", TurnEnd::Empty),
    ] {
        let answer = whole("groq", &[delta(&json!({"content": said})), finish(reason)]).answer();
        assert_eq!(answer.end(), end, "{reason}");
    }
}

#[test]
fn a_refusal_is_one_whatever_the_reason() {
    let parts = [delta(&json!({"refusal": "I will"})), delta(&json!({"refusal": " not."})), finish("stop")];
    let answer = whole("openai-chat", &parts).answer();
    assert_eq!((answer.text.as_str(), answer.end()), ("I will not.", TurnEnd::Refused));
}

#[test]
fn thoughts_among_the_content_are_no_words() {
    let content = json!([{"type": "thinking", "thinking": []}, {"type": "text", "text": "Done."}]);
    let parts = [delta(&json!({"content": content, "reasoning_content": "Hm"})), finish("stop")];
    assert_eq!(whole("mistral", &parts).answer().text, "Done.");
}

fn usage(vendor: &str, usage: &Value) -> Usage {
    whole(vendor, &[finish("stop"), json!({"choices": [], "usage": usage})]).answer().usage
}

#[test]
fn thoughts_that_only_the_total_counts_are_paid_for() {
    let reported = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40});
    assert_eq!(
        usage("gemini", &reported).tokens,
        Some(Tokens { input: 10, output: 30, ..Tokens::default() })
    );
}

#[test]
fn cached_tokens_are_never_more_than_there_are() {
    let details = json!({"cached_tokens": 99, "cache_write_tokens": 99});
    let tokens = usage("openrouter", &json!({"prompt_tokens": 10, "prompt_tokens_details": details})).tokens;
    assert_eq!(tokens, Some(Tokens { cache_read: 10, ..Tokens::default() }));
}

#[test]
fn money_is_taken_from_those_who_report_it() {
    let reported = json!({"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0123,
        "cost_details": {"upstream_inference_cost": 0.000_000_5}});
    assert_eq!(usage("openrouter", &reported).micro_usd, Some(12_301));
    assert_eq!(usage("groq", &reported).micro_usd, None);
    let exact =
        json!({"prompt_tokens": 10, "cost": 0.000_007, "cost_details": {"upstream_inference_cost": null}});
    assert_eq!(usage("openrouter", &exact).micro_usd, Some(7));
    assert_eq!(usage("openrouter", &json!({"prompt_tokens": 10, "cost": -1.0})).micro_usd, None);
}

#[test]
fn groq_reports_usage_in_a_place_of_its_own_too() {
    let chunk = json!({"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}});
    let tokens = whole("groq", &[finish("stop"), chunk]).answer().usage.tokens;
    assert_eq!(tokens, Some(Tokens { input: 3, output: 4, ..Tokens::default() }));
}

#[test]
fn hidden_parts_are_kept_where_the_vendor_wants_them_back() {
    let details = |fields: &Value| delta(&json!({"reasoning_details": [fields]}));
    let kind = "reasoning.text";
    let parts = [
        details(&json!({"type": kind, "index": 0, "text": "Hm", "format": "f"})),
        details(&json!({"type": kind, "index": 0, "text": " ..."})),
        details(&json!({"type": kind, "index": 0, "signature": "c2ln"})),
        details(&json!({"type": "reasoning.encrypted", "index": 1, "data": "x"})),
        details(&json!("hostile")),
        details(&json!({"text": "loose"})),
        delta(&json!({"content": "Done."})),
        finish("stop"),
    ];
    let kept = json!([
        {"type": kind, "index": 0, "text": "Hm ...", "format": "f", "signature": "c2ln"},
        {"type": "reasoning.encrypted", "index": 1, "data": "x"},
        "hostile",
        {"text": "loose"},
    ]);
    let raw = json!({"message": {"reasoning_details": kept}, "calls": []});
    assert_eq!(whole("openrouter", &parts).raw(&[]), Some(raw));
    assert_eq!(whole("groq", &parts).raw(&[]), None);

    let signed = json!({"google": {"thought_signature": "c2ln"}});
    let call = json!({"id": "a", "function": {"name": "read", "arguments": "{}"}, "extra_content": signed});
    let stream = whole("gemini", &[delta(&json!({"tool_calls": [call]})), finish("stop")]);
    let calls = stream.answer().calls(&request(vec![]));
    assert_eq!(stream.raw(&calls), Some(json!({"message": {}, "calls": [{"extra_content": signed}]})));
}

fn fault(text: &str, limits: &Limits) -> Fault {
    match read(stream("groq"), text.as_bytes(), 0, limits) {
        Ok(_) => panic!("the stream should not have been read"),
        Err(fault) => fault,
    }
}

#[test]
fn errors_within_the_stream_end_it() {
    for chunk in [
        json!({"error": {"code": 502, "message": "gone"}, "choices": []}),
        json!({"error": "gone"}),
        json!({"object": "error", "message": "gone", "type": "InternalServerError", "code": 500}),
    ] {
        let Fault::Complaint(complaint) = fault(&events(std::slice::from_ref(&chunk)), &Limits::default())
        else {
            panic!("{chunk}")
        };
        assert_eq!(complaint.message, "gone");
    }
}

#[test]
fn an_end_by_error_is_one_and_an_empty_reason_is_none() {
    let end = |reason: &str| events(&[delta(&json!({"content": "Do"})), finish(reason)]);
    assert!(matches!(fault(&end("error"), &Limits::default()), Fault::Complaint(_)));
    let open = read(stream("groq"), end("").as_bytes(), 0, &Limits::default()).unwrap();
    assert!(!open.complete());
}

#[test]
fn an_end_without_a_reason_and_junk_are_garbled() {
    for text in ["data: [DONE]\n\n", "data: {\n\n", "data: \n\n"] {
        assert!(matches!(fault(text, &Limits::default()), Fault::Garbled(_)), "{text}");
    }
}

#[test]
fn calls_and_their_inputs_are_bounded() {
    let limits = Limits { calls_max: 1, arguments_bytes_max: 4, ..Limits::default() };
    let null = Value::Null;
    let long = [piece(&json!(0), &null, &null, &json!("{   ")), piece(&json!(0), &null, &null, &json!("}"))];
    assert_eq!(fault(&events(&long), &limits), Fault::TooMuch("bytes in the input of a call"));
    let two = [piece(&json!(0), &null, &null, &null), piece(&json!(1), &null, &null, &null)];
    assert_eq!(fault(&events(&two), &limits), Fault::TooMuch("calls"));
}
