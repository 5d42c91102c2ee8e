//! Whatever a client sends, and whenever it goes, the program answers the next one.

use serde_json::{Value, json};

use super::bench::{Client, Http, text, with_backend};
use crate::env as loki;

/// What is no message that can be carried out, with the code and the id of its answer.
fn malformed() -> Vec<(String, i64, Value)> {
    let call = |id: u64, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    vec![
        ("{".to_owned(), -32700, json!(null)),
        ("GET / HTTP/1.1".to_owned(), -32700, json!(null)),
        ("\u{0}".to_owned(), -32700, json!(null)),
        ("[".repeat(50_000), -32700, json!(null)),
        ("[]".to_owned(), -32600, json!(null)),
        ("{}".to_owned(), -32600, json!(null)),
        (json!({"jsonrpc": "1.0", "id": 901, "method": "ping"}).to_string(), -32600, json!(901)),
        (json!({"jsonrpc": "2.0", "id": {}, "method": "ping"}).to_string(), -32600, json!(null)),
        (json!({"jsonrpc": "2.0", "id": 902, "method": "no/such"}).to_string(), -32601, json!(902)),
        (call(903, json!({})).to_string(), -32602, json!(903)),
        (call(904, json!({"name": 7})).to_string(), -32602, json!(904)),
        (call(905, json!({"name": "no_such_tool"})).to_string(), -32602, json!(905)),
        (call(906, json!({"name": "loki_project_status", "arguments": []})).to_string(), -32602, json!(906)),
        (call(907, json!({"name": "tools_call", "arguments": {"name": 1}})).to_string(), -32602, json!(907)),
    ]
}

#[test]
fn malformed_input_is_a_protocol_error_over_standard_input() {
    let env = with_backend();
    let mut client = Client::begun(&env, &[]);
    for (line, code, id) in malformed() {
        client.send_bytes(format!("{line}\n").as_bytes());
        let told = client.hear();
        let shown = &line[..line.len().min(80)];
        assert_eq!((&told["error"]["code"], &told["id"]), (&json!(code), &id), "{shown}: {told}");
    }
    client.lives();
    // A wrong type within an input is the operation's to refuse, in the words of every door.
    for (name, input) in [
        ("forge_db_query", json!({"sql": 7})),
        ("forge_db_query", json!({"sql": "select 1", "limit": -1})),
        ("forge_db_query", json!({"no_such": true})),
        ("loki_project_status", json!({"run": []})),
    ] {
        let refused = client.call(name, input.clone());
        assert_eq!(refused["result"]["isError"], true, "{name} {input}: {refused}");
        assert!(text(&refused).contains("next_actions"), "{refused}");
    }
    client.lives();
    assert_eq!(client.end(), Some(0));
}

#[test]
fn malformed_input_is_a_protocol_error_over_http() {
    let env = with_backend();
    let http = Http::start(&env, &[]);
    let session = http.session();
    for (line, code, _) in malformed() {
        let mut request = http.request("POST", "/mcp").header("mcp-session-id", session.as_str());
        request = request.header("mcp-protocol-version", "2025-11-25");
        request.body = line.clone().into_bytes();
        let answer = http.send(&request);
        let told = super::bench::events(&answer.text());
        let found = told.iter().any(|(_, message)| message["error"]["code"] == code);
        assert!(found, "{}: {} {}", &line[..line.len().min(80)], answer.status, answer.text());
    }
    assert_eq!(http.ask(&session, 2, "ping", json!({}))["result"], json!({}));
}

#[test]
fn a_message_that_is_too_long_is_passed_over() {
    let env = loki();
    let mut client = Client::begun(&env, &[]);
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..9 {
        client.send_bytes(&piece);
    }
    client.send_bytes(b"\n");
    assert_eq!(client.hear()["error"]["code"], -32600);
    client.lives();
    env.write(".loki/keep", "");
    let http = Http::start(&env, &[]);
    let mut request = http.request("POST", "/mcp");
    request.headers.push(("content-length", (9_u64 << 20).to_string()));
    request.headers.push(("content-type", "application/json".to_owned()));
    assert_eq!(http.send(&request).status, 413, "it is refused before it is sent");
    http.session();
}

#[test]
fn a_call_that_is_cancelled_or_left_does_no_harm() {
    let env = with_backend();
    let mut client = Client::begun(&env, &[]);
    let slow = json!({"spec": "migration: more\nchanges:\n  - add_table: {name: more, columns: [id pk], rls: none}\n"});
    let id = client.request("tools/call", json!({"name": "forge_db_migrate_dryrun", "arguments": slow}));
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    client.lives();
    for unknown in [json!(999), json!("x"), json!(null)] {
        let params = json!({"requestId": unknown});
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    }
    client.lives();
    // Gone in the middle of a call: the program ends by itself.
    client.request("tools/call", json!({"name": "forge_db_migrate_dryrun", "arguments": slow}));
    assert_eq!(client.end(), Some(0));
    let mut next = Client::begun(&env, &[]);
    next.lives();
    // Over HTTP the server goes on for others.
    let http = Http::start(&env, &[]);
    let session = http.session();
    let call = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": {"name": "forge_db_migrate_dryrun", "arguments": slow}});
    http.leave(&session, &call);
    assert_eq!(http.ask(&session, 6, "ping", json!({}))["result"], json!({}));
    assert_eq!(http.interrupt(), Some(0));
}
