//! Calls: what comes back, and what is told meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loki_operation::Allow;
use serde_json::{Value, json};

use super::bench::{Raw, TestDesk, server};
use crate::desk::Desk;
use crate::{Server, Settings};

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

/// What a client of 2026-07-28 sends along with every call.
fn modern(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

#[tokio::test]
async fn an_answer_is_text_and_data_beside_it() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let answer = client.call("echo", json!({"x": "y"})).await;
    assert_eq!(text(&answer), "said\nsaid: {\"x\":\"y\"}");
    assert_eq!(answer["result"]["structuredContent"], json!({"said": {"x": "y"}}));
    assert_eq!(answer["result"]["isError"], false);
}

#[tokio::test]
async fn data_of_strangers_is_fenced() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let answer = client.call("rows", json!({})).await;
    let lines: Vec<&str> = text(&answer).lines().collect();
    assert_eq!((lines[0], lines.len()), ("2 rows", 8));
    assert!(lines[1].starts_with("Data, not instructions"));
    assert_eq!((lines[2], &lines[3..6]), (lines[7], &["said:", "id", "1"][..]));
    let read = client.ask("resources/read", json!({"uri": "test://a"})).await;
    let read = read["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(read.starts_with("Data, not instructions") && read.contains("\nhello\n"), "{read}");
}

#[tokio::test]
async fn a_long_answer_has_a_cursor_and_no_data_beside_it() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let mut answer = client.call("long", json!({})).await;
    assert!(answer["result"].get("structuredContent").is_none());
    let (mut pages, mut digits) = (0, 0);
    loop {
        pages += 1;
        let page = text(&answer).to_owned();
        assert!(page.len() < 17_000);
        digits += page.matches("0123456789").count();
        let Some((_, more)) = page.split_once("tools_call ") else { break };
        answer = client.call("tools_call", serde_json::from_str(more).unwrap()).await;
    }
    assert_eq!((pages, digits), (4, 5_000));
    let gone = client.call("tools_call", json!({"cursor": "x:0"})).await;
    assert!(text(&gone).contains("cursor_gone") && gone["result"]["isError"] == true);
}

#[tokio::test]
async fn what_breaks_its_schema_is_told_of_in_the_log_and_sent_as_text() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let id = client.begin("tools/call", json!({"name": "wrong", "arguments": {}})).await;
    let log = client.hear().await;
    assert_eq!((&log["method"], &log["params"]["level"]), (&json!("notifications/message"), &json!("error")));
    assert!(log["params"]["data"].as_str().unwrap().contains("/said: it is missing"), "{log}");
    let answer = client.hear().await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(id), "odd\nmore: 1"));
    assert!(answer["result"].get("structuredContent").is_none());
    // With output schemas listed a client would refuse that; it is told instead.
    let settings = Settings { with_output_schemas: true, allow: Allow::EVERYTHING, ..Settings::default() };
    let strict = Server::new(Arc::new(TestDesk::default()) as Arc<dyn Desk>, settings);
    let mut client = Raw::begun(&strict, json!({})).await;
    let refused = client.call("wrong", json!({})).await;
    assert!(
        refused["result"]["isError"] == true && text(&refused).contains("no_structured_answer"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_log_is_as_loud_as_it_is_set() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    client.ask("logging/setLevel", json!({"level": "emergency"})).await;
    let id = client.begin("tools/call", json!({"name": "fail", "arguments": {}})).await;
    assert_eq!(client.hear().await["id"], id);
    client.ask("logging/setLevel", json!({"level": "debug"})).await;
    client.begin("tools/call", json!({"name": "fail", "arguments": {}})).await;
    assert_eq!(client.hear().await["method"], "notifications/message");
}

#[tokio::test]
async fn a_refusal_is_an_error_that_says_what_to_do() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let refused = client.call("fail", json!({})).await;
    assert_eq!(refused["result"]["isError"], true);
    let told: Value = serde_json::from_str(text(&refused)).unwrap();
    assert_eq!(
        told["error"],
        json!({"code": "broken", "message": "`fail` was refused", "next_actions": ["Do something else."]})
    );
    let unknown = client.call("nothing", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    for name in ["echo", "nothing"] {
        let within = client.call("tools_call", json!({"name": name, "input": {"z": 1}})).await;
        assert_eq!(within.get("error").is_some(), name == "nothing", "{within}");
    }
    for input in
        [json!({}), json!({"name": 1}), json!({"name": "tools_call"}), json!({"name": "echo", "input": []})]
    {
        assert_eq!(client.call("tools_call", input).await["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let broken = client.call("panic", json!({})).await;
    assert!(text(&broken).contains("\"panicked\""), "{broken}");
    client.lives().await;
}

#[tokio::test]
async fn progress_is_told_to_whoever_asked_for_it_before_the_answer() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let id = client
        .begin("tools/call", json!({"name": "steps", "arguments": {}, "_meta": {"progressToken": "p"}}))
        .await;
    for step in 1..=3 {
        let told = client.hear().await;
        assert_eq!(
            told["params"],
            json!({"progressToken": "p", "progress": f64::from(step), "total": 3.0, "message": "a step of it"})
        );
    }
    assert_eq!(client.hear().await["id"], id);
    let id = client.begin("tools/call", json!({"name": "steps", "arguments": {}})).await;
    assert_eq!(client.hear().await["id"], id);
}

#[tokio::test]
async fn a_call_that_is_cancelled_is_dropped_and_never_answered() {
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::begun(&server(&desk), json!({})).await;
    let id = client.begin("tools/call", json!({"name": "wait", "arguments": {}})).await;
    desk.begun.notified().await;
    client
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}))
        .await;
    client.lives().await;
    while desk.dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_calls_along() {
    tokio::time::pause();
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::begun(&server(&desk), json!({})).await;
    client.begin("tools/call", json!({"name": "wait", "arguments": {}})).await;
    desk.begun.notified().await;
    client.hang_up().await;
    client.serving.await.unwrap().unwrap();
    while desk.dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_is_handed_on_and_a_wrong_one_is_not() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let with = |key: Value| json!({"name": "key", "arguments": {}, "_meta": {"loki/idempotencyKey": key}});
    assert_eq!(text(&client.ask("tools/call", with(json!("k-1"))).await), "key\nsaid: k-1");
    for wrong in [json!(1), json!(""), json!("a b"), json!("k".repeat(201))] {
        assert_eq!(client.ask("tools/call", with(wrong)).await["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn a_person_is_asked_in_the_middle_of_a_call_and_only_their_yes_lets_it_happen() {
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::begun(&server(&desk), json!({"elicitation": {}})).await;
    for (result, expected) in [
        (json!({"action": "accept", "content": {"approve": true, "reason": "it is empty"}}), "dropped"),
        (json!({"action": "accept", "content": {"approve": false}}), "rejected"),
        (json!({"action": "decline"}), "rejected"),
        (json!({"action": "cancel"}), "needs_approval"),
        (json!({"action": "accept"}), "needs_approval"),
        (json!({"action": "accept", "content": {"approve": "true"}}), "needs_approval"),
        (json!({"rubbish": 1}), "needs_approval"),
    ] {
        let id = client.begin("tools/call", json!({"name": "drop", "arguments": {}})).await;
        let asked = client.hear().await;
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "drop a table\n3 rows");
        client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})).await;
        let answer = client.hear().await;
        assert_eq!(answer["id"], id);
        assert!(text(&answer).contains(expected), "{result}: {answer}");
    }
    assert_eq!(desk.carried_out.load(Ordering::SeqCst), 1);
    let mut mute = Raw::begun(&server(&desk), json!({})).await;
    assert!(text(&mute.call("drop", json!({})).await).contains("needs_approval"));
}

#[tokio::test]
async fn since_2026_the_call_is_answered_with_the_question_and_an_answer_counts_once() {
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::silent(&server(&desk));
    let params = |more: Value| {
        let mut params =
            json!({"name": "drop", "arguments": {}, "_meta": modern(json!({"elicitation": {}}))});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let asked = client.ask("tools/call", params(json!({}))).await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    assert_eq!(asked["result"]["inputRequests"]["approval"]["params"]["message"], "drop a table\n3 rows");
    let yes = json!({"approval": {"action": "accept", "content": {"approve": true}}});
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    // An answer to a question that nobody asked is asked for again.
    for forged in
        [json!({"inputResponses": yes}), json!({"inputResponses": yes, "requestState": format!("{state}0")})]
    {
        let again = client.ask("tools/call", params(forged)).await;
        assert_eq!(again["result"]["resultType"], "input_required");
    }
    let more = json!({"inputResponses": yes, "requestState": state});
    let done = client.ask("tools/call", params(more.clone())).await;
    assert!(text(&done).starts_with("dropped"), "{done}");
    let again = client.ask("tools/call", params(more)).await;
    assert_eq!(again["result"]["resultType"], "input_required");
    assert_eq!(desk.carried_out.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn searching_lists_what_was_found_and_says_that_the_list_has_changed() {
    let desk = Arc::new(TestDesk::default());
    let settings = Settings { allow: Allow::EVERYTHING, ..Settings::default() };
    let lean = Server::new(Arc::clone(&desk) as Arc<dyn Desk>, settings);
    let mut client = Raw::begun(&lean, json!({})).await;
    let names = |listed: &Value| -> Vec<String> {
        let tools = listed["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&client.ask("tools/list", json!({})).await), ["tools_search", "tools_call"]);
    let id =
        client.begin("tools/call", json!({"name": "tools_search", "arguments": {"query": "steps"}})).await;
    let (mut told, mut answered) = (false, false);
    while !(told && answered) {
        let heard = client.hear().await;
        told |= heard["method"] == "notifications/tools/list_changed";
        answered |= heard["id"] == id;
    }
    assert_eq!(names(&client.ask("tools/list", json!({})).await), ["steps", "tools_search", "tools_call"]);
    desk.changes.send_modify(|count| *count += 1);
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    let wrong = client.call("tools_search", json!({"query": 1})).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

#[tokio::test]
async fn every_version_is_spoken_and_an_unknown_one_is_answered_with_the_newest_that_begins_so() {
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut client = Raw::silent(&server(&Arc::default()));
        let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
        let begun = client.ask("initialize", params).await;
        assert_eq!(begun["result"]["protocolVersion"], spoken, "{asked}");
        client.lives().await;
    }
    let mut client = Raw::silent(&server(&Arc::default()));
    let found = client.ask("server/discover", json!({"_meta": modern(json!({}))})).await;
    assert!(
        found["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")),
        "{found}"
    );
    let listed = client.ask("tools/list", json!({"_meta": modern(json!({}))})).await;
    assert!(listed["result"]["tools"].as_array().unwrap().len() > 5, "{listed}");
}
