use rmcp::ServiceExt;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};

use super::*;

struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn call(&self, tool: &str, input: Value) -> Result<String, String> {
        if tool == "echo" { Ok(input.to_string()) } else { Err(format!("no `{tool}`")) }
    }
}

fn specs() -> Vec<ToolSpec> {
    let schema = json!({"properties": {"a": {"type": "integer"}}});
    vec![ToolSpec { name: "echo".into(), description: "Says it again.".into(), input_schema: schema }]
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

fn asking(tool: &'static str, input: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool).with_arguments(input.as_object().unwrap().clone())
}

#[tokio::test]
async fn a_client_finds_the_tools_and_calls_them() {
    let (here, there) = duplex(1 << 16);
    let (reader, writer) = split(there);
    let server = tokio::spawn(async move { serve(reader, writer, &specs(), Arc::new(Echo)).await });
    let client = ().serve(here).await.unwrap();
    assert_eq!(client.peer_info().unwrap().server_info.as_ref().unwrap().name, "loki");
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!((tools.len(), tools[0].name.as_ref()), (1, "echo"));
    assert_eq!(tools[0].input_schema["type"], "object");
    let said = client.call_tool(asking("echo", json!({"a": 1}))).await.unwrap();
    assert_eq!((said.is_error, text(&said)), (Some(false), "{\"a\":1}"));
    let refused = client.call_tool(asking("rm", json!({}))).await.unwrap();
    assert_eq!((refused.is_error, text(&refused)), (Some(true), "no `rm`"));
    client.cancel().await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_at_once_is_no_error_and_one_that_talks_rubbish_does_no_harm() {
    for rubbish in ["", "GET / HTTP/1.1\r\n\r\n", "{}\n", "[[[[\n", "\u{0}\n"] {
        let (mut here, there) = duplex(1 << 16);
        let (reader, writer) = split(there);
        here.write_all(rubbish.as_bytes()).await.unwrap();
        here.shutdown().await.unwrap();
        let drain = tokio::spawn(async move {
            tokio::io::copy(&mut here, &mut tokio::io::sink()).await.unwrap();
        });
        // Either is an end, and it comes.
        let _ended = serve(reader, writer, &specs(), Arc::new(Echo)).await;
        drain.await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_passed_over_and_the_next_is_answered() {
    let (here, there) = duplex(1 << 16);
    let (reader, writer) = split(there);
    let server = tokio::spawn(async move { serve(reader, writer, &specs(), Arc::new(Echo)).await });
    let (answers, mut questions) = split(here);
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"},
    }});
    let call = |id: u64, text: &str| {
        let params = json!({"name": "echo", "arguments": {"text": text}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let long = call(1, &"x".repeat(crate::server::stream::MESSAGE_BYTES_MAX));
    let asked = tokio::spawn(async move {
        for message in [begin, ready, long, call(2, "y")] {
            questions.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        }
        questions
    });
    let mut lines = BufReader::new(answers).lines();
    let mut found = false;
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_ne!(answer["id"], 1);
        if answer["id"] == 2 {
            found = answer["result"]["content"][0]["text"] == "{\"text\":\"y\"}";
            break;
        }
    }
    assert!(found);
    drop((lines, asked.await.unwrap()));
    server.await.unwrap().unwrap();
}
