//! A desk that does as it is told, and clients before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use loki_operation::{Access, Allow, Answer, Cost, Refusal, RefusalKind, object};
use serde_json::{Map, Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::desk::{
    Call, Desk, Message, Offer, PromptInfo, Question, ResourceInfo, ResourceText, Said, Speaker,
};
use crate::{McpError, Server, Settings, serve_on};

/// The desk of these tests.
pub(super) struct TestDesk {
    pub(super) changes: watch::Sender<u64>,
    /// Calls of `wait` that have begun, and those that were given up.
    pub(super) begun: Notify,
    pub(super) dropped: Arc<AtomicUsize>,
    pub(super) carried_out: AtomicUsize,
}

impl Default for TestDesk {
    fn default() -> Self {
        Self {
            changes: watch::Sender::new(0),
            begun: Notify::new(),
            dropped: Arc::default(),
            carried_out: AtomicUsize::new(0),
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Desk for TestDesk {
    fn offers(&self) -> Vec<Offer> {
        let names = ["echo", "rows", "long", "wait", "steps", "drop", "wrong", "fail", "panic", "key"];
        names
            .map(|name| offer(name, if name == "drop" { Access::Destructive } else { Access::Read }))
            .to_vec()
    }

    async fn call(&self, name: &str, input: Value, call: &Call<'_>) -> Result<Answer, Refusal> {
        let refuse = |kind, code: &str| {
            Err(Refusal::new(kind, code, format!("`{name}` was refused")).next("Do something else."))
        };
        match name {
            "echo" => Ok(Answer::new("said", json!({ "said": input }))),
            "rows" => Ok(Answer::new("2 rows", json!({"said": [{"id": 1}, {"id": 2}]})).untrusted()),
            "long" => Ok(Answer::new("much", json!({"said": "0123456789\n".repeat(5_000)}))),
            "wait" => {
                let _counted = Counted(Arc::clone(&self.dropped));
                self.begun.notify_one();
                std::future::pending().await
            }
            "steps" => {
                for step in 1..=3 {
                    call.progress.tell(step, Some(3), "a step\nof it");
                    tokio::task::yield_now().await;
                }
                Ok(Answer::new("done", json!({"said": null})))
            }
            "drop" => self.dropping(call).await,
            "wrong" => Ok(Answer::new("odd", json!({"more": 1}))),
            "fail" => refuse(RefusalKind::Failed, "broken"),
            "panic" => panic!("the operation panics"),
            "key" => Ok(Answer::new("key", json!({"said": call.idempotency_key}))),
            _ => refuse(RefusalKind::Unknown, "unknown_operation"),
        }
    }

    async fn resources(&self) -> Vec<ResourceInfo> {
        vec![ResourceInfo {
            uri: "test://a".into(),
            name: "A".into(),
            description: "One".into(),
            mime_type: "text/plain",
        }]
    }

    fn templates(&self) -> Vec<ResourceInfo> {
        Vec::new()
    }

    async fn read(&self, uri: &str) -> Result<ResourceText, Refusal> {
        match uri {
            "test://a" => Ok(ResourceText {
                uri: uri.to_owned(),
                mime_type: "text/plain",
                text: "hello".into(),
                untrusted: true,
            }),
            _ => Err(Refusal::new(RefusalKind::Unknown, "no_resource", "there is nothing")),
        }
    }

    fn prompts(&self) -> Vec<PromptInfo> {
        vec![PromptInfo { name: "p", description: "A prompt", arguments: &[] }]
    }

    async fn prompt(&self, name: &str, _arguments: &Map<String, Value>) -> Result<Vec<Message>, Refusal> {
        match name {
            "p" => Ok(vec![Message { from: Speaker::User, text: "do it".into() }]),
            _ => Err(Refusal::new(RefusalKind::Unknown, "no_prompt", "there is none")),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl TestDesk {
    async fn dropping(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let question =
            Question { subject: "s1".into(), title: "drop a table".into(), details: vec!["3 rows".into()] };
        let said = match call.approve {
            Some(person) => person.ask(&question).await,
            None => Said::Nothing,
        };
        match said {
            Said::Yes { person, reason } => {
                self.carried_out.fetch_add(1, Ordering::SeqCst);
                Ok(Answer::new("dropped", json!({"said": format!("{person}: {reason}")})))
            }
            Said::No { person, .. } => {
                Err(Refusal::new(RefusalKind::Denied, "rejected", format!("{person} said no")))
            }
            Said::Nothing => {
                let kind = RefusalKind::needs_approval(question.subject, question.title);
                Err(Refusal::new(kind, "needs_approval", "a person must decide"))
            }
        }
    }
}

fn offer(name: &str, access: Access) -> Offer {
    Offer {
        name: name.to_owned(),
        group: "test".to_owned(),
        summary: format!("Does {name}."),
        access,
        cost: Cost::Free,
        idempotent: true,
        input_schema: object(json!({}), &[]),
        output_schema: object(json!({"said": {}}), &["said"]),
    }
}

/// A server before such a desk, with everything listed and allowed.
pub(super) fn server(desk: &Arc<TestDesk>) -> Server {
    let settings =
        Settings { shown: crate::Shown::All, allow: Allow::EVERYTHING, with_output_schemas: false };
    Server::new(Arc::clone(desk) as Arc<dyn Desk>, settings)
}

/// A client that writes lines and reads lines.
pub(super) struct Raw {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: Option<WriteHalf<DuplexStream>>,
    pub(super) serving: JoinHandle<Result<(), McpError>>,
    next: u64,
}

impl Raw {
    /// A client of a server that has not begun yet.
    pub(super) fn silent(server: &Server) -> Raw {
        let (here, there) = duplex(1 << 16);
        let (reader, writer) = split(there);
        let serving = tokio::spawn(serve_on(server.session(), reader, writer));
        let (reader, writer) = split(here);
        Raw { lines: BufReader::new(reader).lines(), writer: Some(writer), serving, next: 1 }
    }

    /// The same, with the beginning of the protocol behind it.
    pub(super) async fn begun(server: &Server, capabilities: Value) -> Raw {
        let mut raw = Raw::silent(server);
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "0"}});
        let begun = raw.ask("initialize", params).await;
        assert_eq!(begun["result"]["protocolVersion"], "2025-06-18", "{begun}");
        raw.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        raw
    }

    pub(super) async fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes()).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.writer.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Ends what the client says.
    pub(super) async fn hang_up(&mut self) {
        self.writer.take().unwrap().shutdown().await.unwrap();
    }

    pub(super) async fn hear(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().expect("the server lives")).unwrap()
    }

    /// Sends a call and says its id.
    pub(super) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// The answer to a call, past whatever else is told.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        loop {
            let heard = self.hear().await;
            if heard["id"] == id && heard.get("method").is_none() {
                return heard;
            }
        }
    }

    pub(super) async fn call(&mut self, tool: &str, input: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": input})).await
    }

    /// Whether the server still answers.
    pub(super) async fn lives(&mut self) {
        let answer = self.call("echo", json!({"a": 1})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "said\nsaid: {\"a\":1}");
    }
}
