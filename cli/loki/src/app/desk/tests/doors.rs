//! Every operation through every door: the same answer, the same refusal, and nothing without permission. The
//! operations are taken from the registry, not listed here.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use loki_engine::tool::{Answer as ToolAnswer, Tool};
use loki_mcp::{Server, Settings, Shown, serve_on};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};

use super::*;
use crate::app::doors::http::{Door, Guard};
use crate::app::forge;

/// Inputs to try an operation with: what it does not know, what it does not take, and where one is known here,
/// something that it carries out.
fn inputs(name: &str) -> Vec<Value> {
    let good = match name {
        // One that is applied already: what is new is a proposal for the engine in the loop, and not for the desk.
        "forge_db_migrate" | "forge_db_migrate_dryrun" => Some(json!({ "spec": NOTES })),
        "forge_db_migrate_rollback" => Some(json!({ "version": 1 })),
        "forge_db_rls_set" => Some(json!({ "table": "notes", "rls": "public" })),
        "forge_db_index_create" => Some(json!({ "table": "notes", "columns": ["body"] })),
        "forge_db_query" => {
            Some(json!({ "sql": "select count(*) from notes where body <> $1", "params": ["x"] }))
        }
        "forge_db_import" => {
            let row = json!({ "id": "11111111-1111-4111-8111-111111111111", "body": "a" });
            Some(json!({ "table": "notes", "rows": [row] }))
        }
        "forge_db_export" => Some(json!({ "table": "notes", "format": "csv", "inline": true })),
        "forge_db_rpc_call" => Some(json!({ "function": "nothing" })),
        "forge_apply" => Some(json!({ "document": "buckets: {albums: {public: true}}" })),
        "forge_declare" => Some(json!({ "kind": "bucket", "name": "photos" })),
        "forge_auth_provider_add" | "forge_auth_provider_remove" => Some(json!({ "name": "github" })),
        "loki_steer" => Some(json!({ "text": "use tabs" })),
        "loki_state_get" => Some(json!({ "part": "limits" })),
        "loki_task_queue_add" => Some(json!({ "title": "write docs" })),
        "loki_complete_task" => Some(json!({ "id": 1, "summary": "written" })),
        _ => None,
    };
    [json!({ "no_such_field": 1 }), json!({})].into_iter().chain(good).collect()
}

/// What would start a process of the program itself, which a test of its parts is not.
fn starts_a_process(name: &str, input: &Value) -> bool {
    matches!(name, "loki_resume" | "loki_stop") && *input == json!({})
}

/// What a door gave, in one form.
type Given = Result<(String, Value), Value>;

async fn at_the_desk(bench: &Bench, name: &str, input: &Value) -> Given {
    match bench.ask(name, input.clone()).await {
        Ok(answer) => Ok((answer.summary, answer.data)),
        Err(refusal) => Err(refusal.to_json()),
    }
}

async fn over_http(bench: &Bench, name: &str, input: &Value) -> Given {
    let guard = Arc::new(Guard::new("token".to_owned(), 80));
    let door = Door::new(bench.desk.clone(), Allow::EVERYTHING, guard);
    let request = Request::post(format!("/api/operations/{name}"))
        .header("host", "127.0.0.1:80")
        .header("authorization", "Bearer token")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(input.to_string())))
        .unwrap();
    let response = door.answer(request).await;
    let done = response.status().is_success();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    match done {
        true => Ok((body["summary"].as_str().unwrap().to_owned(), body["data"].clone())),
        false => Err(body),
    }
}

/// A client of the protocol, on a stream to a server before the desk.
struct McpClient {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    asked: u64,
}

impl McpClient {
    async fn of(bench: &Bench) -> McpClient {
        let settings = Settings { shown: Shown::All, allow: Allow::EVERYTHING, with_output_schemas: true };
        let session = Server::new(bench.desk.clone(), settings).session();
        let (here, there) = duplex(1 << 20);
        let (reader, writer) = split(there);
        tokio::spawn(async move { serve_on(session, reader, writer).await });
        let (reader, writer) = split(here);
        let mut client = McpClient { lines: BufReader::new(reader).lines(), writer, asked: 0 };
        let begin = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "0" },
        });
        client.ask("initialize", begin).await;
        client.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    async fn send(&mut self, message: Value) {
        self.writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        loop {
            let line = self.lines.next_line().await.unwrap().expect("the server is there");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message;
            }
        }
    }

    async fn call(&mut self, name: &str, input: &Value) -> Given {
        let answer = self.ask("tools/call", json!({ "name": name, "arguments": input })).await;
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
        match (&answer["error"], &answer["result"]["isError"]) {
            (Value::Null, Value::Bool(true)) => Err(serde_json::from_str(text).unwrap()),
            (Value::Null, _) => {
                let summary = text.lines().next().unwrap_or_default().to_owned();
                Ok((summary, answer["result"]["structuredContent"].clone()))
            }
            // What is not there, or cannot be, is an error of the protocol; it carries the refusal all the same.
            (error, _) => Err(error["data"].clone()),
        }
    }
}

/// What the loop's tool of that name gives; a proposal goes to the engine, so it is none of the desk's.
async fn in_the_loop(tools: &[Arc<dyn Tool>], name: &str, input: &Value) -> Option<Given> {
    let tool = tools.iter().find(|tool| tool.spec().name == name)?;
    Some(match tool.call(input, None).await {
        Ok(ToolAnswer::Done { summary, output }) => Ok((summary, serde_json::from_str(&output).unwrap())),
        Ok(ToolAnswer::Review(_)) => return None,
        Err(error) => Err(json!({ "code": error.code, "message": error.message })),
    })
}

/// The same without what differs between two projects and two moments.
fn alike(given: &Given, root: &Path) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| {
                    !name.ends_with("_ms")
                        && !name.ends_with("_at")
                        && !["commit", "undo", "to", "hash"].contains(&name.as_str())
                });
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut given = given.clone();
    match &mut given {
        Ok((_, data)) => strip(data),
        Err(refusal) => strip(refusal),
    }
    let at = root.display().to_string();
    format!("{given:?}").replace(&at, "ROOT")
}

#[tokio::test]
async fn every_operation_gives_the_same_through_every_door() {
    let (desk, http, mcp, looped) = (
        Bench::with_forge().await,
        Bench::with_forge().await,
        Bench::with_forge().await,
        Bench::with_forge().await,
    );
    let mut client = McpClient::of(&mcp).await;
    let tools = forge::tools(&looped.desk.forge);
    let (mut tried, mut in_loop) = (0, 0);
    for entry in registry::all() {
        let name = entry.info.name;
        for input in inputs(name) {
            if starts_a_process(name, &input) {
                continue;
            }
            let one = at_the_desk(&desk, name, &input).await;
            let other = over_http(&http, name, &input).await;
            assert_eq!(alike(&one, desk.root()), alike(&other, http.root()), "{name} {input}");
            let third = client.call(name, &input).await;
            assert_eq!(alike(&one, desk.root()), alike(&third, mcp.root()), "{name} {input}");
            tried += 1;
            if !entry.info.is_here() {
                assert_eq!(one.unwrap_err()["error"]["code"], "not_available", "{name}");
                continue;
            }
            if input.get("no_such_field").is_some() {
                let refusal = one.as_ref().expect_err(name);
                let code = refusal["error"]["code"].as_str().unwrap();
                assert!(matches!(code, "invalid_input" | "FRG041" | "needs_approval"), "{name}: {refusal}");
            }
            let Some(in_tool) = in_the_loop(&tools, name, &input).await else {
                // The engine would have it judged and call again: the same is done, so that all go on alike.
                assert!(looped.ask(name, input).await.is_ok() == one.is_ok(), "{name}");
                continue;
            };
            in_loop += 1;
            match (&one, &in_tool) {
                (Ok(_), Ok(_)) => {
                    assert_eq!(alike(&one, desk.root()), alike(&in_tool, looped.root()), "{name} {input}");
                }
                (Err(one), Err(tool)) => {
                    let same = |field: &str| one["error"][field] == tool[field];
                    assert!(same("code") && same("message"), "{name} {input}: {one} {tool}");
                }
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("{name} {input}: {one:?} {in_tool:?}"),
            }
        }
    }
    assert!(tried > 50 && in_loop > 20, "{tried} calls, {in_loop} of them in the loop");
    // The loop has all of Forge's that can be carried out, and they say what the others say.
    let offered: Vec<Offer> =
        desk.desk.offers().into_iter().filter(|offer| offer.name.starts_with("forge_")).collect();
    assert_eq!(tools.len(), offered.len());
    for (tool, offer) in tools.iter().zip(&offered) {
        let spec = tool.spec();
        assert_eq!(
            (&spec.name, &spec.description, &spec.input_schema),
            (&offer.name, &offer.summary, &offer.input_schema)
        );
        assert_eq!(tool.reads_only(), offer.access == Access::Read);
    }
}

#[tokio::test]
async fn nothing_that_changes_anything_is_carried_out_without_permission() {
    let bench = Bench::with_forge().await;
    let before = bench.desk.app.journal().unwrap().calls(0).unwrap().len();
    let reading = Allow::default();
    let writing = Allow { write: true, ..Allow::default() };
    let other = Allow { groups: Some(vec!["none".to_owned()]), ..Allow::EVERYTHING };
    let mut denied = 0;
    for entry in registry::all().iter().filter(|entry| entry.info.is_here()) {
        let info = &entry.info;
        let mut closed = vec![&other];
        match info.access {
            Access::Read => {}
            Access::Write => closed.push(&reading),
            Access::Destructive => closed.extend([&reading, &writing]),
        }
        for allow in closed {
            for input in inputs(info.name) {
                let answer = bench.desk.call(info.name, input, &Call::new("test", allow)).await;
                assert_eq!(refused(answer, "permission_denied").kind, RefusalKind::Denied, "{}", info.name);
                denied += 1;
            }
        }
    }
    assert!(denied > 40, "{denied} calls");
    assert_eq!(bench.desk.app.journal().unwrap().calls(0).unwrap().len(), before, "nothing was begun");
    assert_eq!(bench.file(), "two");
}

#[test]
fn what_is_told_of_an_operation_is_short_and_whole() {
    let mut names = std::collections::BTreeSet::new();
    for Entry { info, .. } in registry::all() {
        assert!(names.insert(info.name), "{} is there twice", info.name);
        assert!(info.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && info.name.len() <= 64);
        assert!(
            info.summary.len() <= loki_operation::SUMMARY_BYTES_MAX,
            "{}: {}",
            info.name,
            info.summary.len()
        );
        let (input, output) = ((info.input_schema)(), (info.output_schema)());
        assert_eq!(input["additionalProperties"], json!(false), "{}", info.name);
        assert_eq!((&input["type"], &output["type"]), (&json!("object"), &json!("object")), "{}", info.name);
    }
}
