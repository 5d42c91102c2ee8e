//! Whatever bytes come, the server lives.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{Raw, TestDesk, server};
use crate::server::stream::{MESSAGE_BYTES_MAX, OPEN_MAX, parse};

#[tokio::test]
async fn what_is_no_message_is_an_error_and_the_next_one_is_answered() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    for (line, code, id) in [
        ("{", -32700, json!(null)),
        ("GET / HTTP/1.1\r", -32700, json!(null)),
        ("\u{0}\u{1}", -32700, json!(null)),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"", -32700, json!(null)),
        ("[]", -32600, json!(null)),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32600, json!(null)),
        ("42", -32600, json!(null)),
        ("null", -32600, json!(null)),
        ("{}", -32600, json!(null)),
        ("{\"jsonrpc\":\"1.0\",\"id\":901,\"method\":\"ping\"}", -32600, json!(901)),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, json!(null)),
        ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600, json!(null)),
        ("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600, json!(null)),
        ("{\"jsonrpc\":\"2.0\",\"id\":902,\"method\":7}", -32600, json!(902)),
        ("{\"jsonrpc\":\"2.0\",\"id\":903,\"method\":\"no/such\"}", -32601, json!(903)),
        ("{\"jsonrpc\":\"2.0\",\"id\":904,\"method\":\"tools/call\"}", -32602, json!(904)),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":905,\"method\":\"tools/call\",\"params\":{\"name\":7}}",
            -32602,
            json!(905),
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":906,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":[]}}",
            -32602,
            json!(906),
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":907,\"method\":\"tools/call\",\"params\":{\"name\":\"none\"}}",
            -32602,
            json!(907),
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"resources/read\",\"params\":{\"uri\":\"test://b\"}}",
            -32602,
            json!("a"),
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":908,\"method\":\"prompts/get\",\"params\":{\"name\":\"x\"}}",
            -32602,
            json!(908),
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":909,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"loud\"}}",
            -32602,
            json!(909),
        ),
    ] {
        client.send_bytes(format!("{line}\n").as_bytes()).await;
        let told = client.hear().await;
        assert_eq!((&told["error"]["code"], &told["id"]), (&json!(code), &id), "{line}: {told}");
        assert!(told["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
    }
    client.lives().await;
}

#[tokio::test]
async fn deep_and_strange_json_is_an_error_too() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    for text in ["[".repeat(100_000), format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000))] {
        client.send_bytes(format!("{text}\n").as_bytes()).await;
        assert_eq!(client.hear().await["error"]["code"], -32700);
    }
    client.send_bytes(b"\xff\xfe\n").await;
    assert_eq!(client.hear().await["error"]["code"], -32700);
    client
        .send_bytes("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":\"bom\",\"method\":\"ping\"}\r\n\r\n \n".as_bytes())
        .await;
    assert_eq!(client.hear().await, json!({"jsonrpc": "2.0", "id": "bom", "result": {}}));
    client.lives().await;
}

#[tokio::test]
async fn before_it_has_begun_rubbish_does_no_harm_either() {
    let mut client = Raw::silent(&server(&Arc::default()));
    for line in [
        "rubbish",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":6,\"error\":{\"code\":1,\"message\":\"x\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"initialize\",\"params\":{\"protocolVersion\":7}}",
    ] {
        client.send_bytes(format!("{line}\n").as_bytes()).await;
    }
    for expected in [json!(null), json!(7), json!(8)] {
        let told = client.hear().await;
        assert!(told["error"]["code"].is_i64() && told["id"] == expected, "{told}");
    }
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
    assert_eq!(client.ask("initialize", params).await["result"]["serverInfo"]["name"], "loki");
    client.lives().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_is_told_of_and_the_next_is_answered() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..=MESSAGE_BYTES_MAX / piece.len() {
        client.send_bytes(&piece).await;
    }
    client.send_bytes(b"\n").await;
    let told = client.hear().await;
    assert_eq!((&told["error"]["code"], &told["id"]), (&json!(-32600), &json!(null)), "{told}");
    client.lives().await;
}

#[tokio::test]
async fn calls_by_the_hundred_are_refused_beyond_a_limit_and_each_is_answered() {
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::begun(&server(&desk), json!({})).await;
    for id in 0..OPEN_MAX + 20 {
        let params = json!({"name": "wait", "arguments": {}});
        client
            .send(
                &json!({"jsonrpc": "2.0", "id": format!("w{id}"), "method": "tools/call", "params": params}),
            )
            .await;
    }
    let mut refused = 0;
    // Half of those that are open wait, the other half had no place at the desk; the rest was not taken in.
    while refused < 20 + OPEN_MAX / 2 {
        let told = client.hear().await;
        let is_limit = told["error"]["code"] == -32000;
        let is_full =
            told["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("too_many_calls"));
        assert!(is_limit || is_full, "{told}");
        refused += 1;
    }
    for id in 0..OPEN_MAX / 2 + 1 {
        let params = json!({"requestId": format!("w{id}")});
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})).await;
    }
    while desk.dropped.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    client.lives().await;
}

#[tokio::test]
async fn an_id_that_is_in_use_is_refused() {
    let desk = Arc::new(TestDesk::default());
    let mut client = Raw::begun(&server(&desk), json!({})).await;
    let call = |name: &str| json!({"jsonrpc": "2.0", "id": "same", "method": "tools/call", "params": {"name": name, "arguments": {}}});
    client.send(&call("wait")).await;
    desk.begun.notified().await;
    client.send(&call("echo")).await;
    let told = client.hear().await;
    assert_eq!((&told["error"]["code"], &told["id"]), (&json!(-32600), &json!(null)));
    client.lives().await;
}

#[tokio::test]
async fn the_last_line_needs_no_end_and_what_was_asked_is_answered_before_the_end() {
    let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
    client
        .send_bytes(
            b"{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}",
        )
        .await;
    client.hang_up().await;
    assert_eq!(client.hear().await["id"], "last");
    client.serving.await.unwrap().unwrap();
}

/// Something like a message: parts that belong there, in any order, with rubbish between.
fn almost_messages() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\n",
        "\\u0000",
        "\"jsonrpc\":\"2.0\"",
        "\"id\":1",
        "\"id\":null",
        "\"method\":\"tools/call\"",
        "\"method\":\"notifications/cancelled\"",
        "\"params\":{\"requestId\":1}",
        "\"params\":{\"name\":\"echo\",\"arguments\":{}}",
        "\"result\":{}",
        "\"error\":{\"code\":1,\"message\":\"\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}\n",
        "1e999",
        "-",
        "nul",
        "\u{feff}",
    ]);
    let piece = prop_oneof![
        4 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in almost_messages()) {
        if let Err((error, _)) = parse(&bytes) {
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn after_any_bytes_the_server_lives(bytes in almost_messages()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Raw::begun(&server(&Arc::default()), json!({})).await;
            client.send_bytes(&bytes).await;
            client.send_bytes(b"\n").await;
            let id: Value = json!("alive");
            client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo", "arguments": {}}})).await;
            while client.hear().await["id"] != id {}
        });
    }
}
