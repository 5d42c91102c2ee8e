//! What the tests of the dialects share: requests, models, and servers that play a part.

mod hostile;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::answer::Answer;
use crate::endpoint::{Endpoint, Reading, Thinking};
use crate::http::{Fault, Limits, Progress, Secret};
use crate::prices::{Price, Rates};
use crate::sse::Parser;
use crate::vendors::vendor;
use crate::{Message, Raw, Request, ToolCall, ToolSpec};

/// The key of every endpoint here.
pub(crate) const KEY: &str = "sk-test-0123456789";

/// One, two, three and four micro-dollars a token.
pub(crate) const PRICE: Price =
    Price::flat(Rates { input: 1_000_000, output: 2_000_000, cache_read: 3_000_000, cache_write: 4_000_000 });

pub(crate) fn endpoint(name: &str, model: &str) -> Endpoint {
    Endpoint {
        vendor: vendor(name).unwrap(),
        base_url: None,
        key: Some(Secret::new(KEY)),
        model: model.into(),
        output_tokens_max: 4096,
        thinking: Thinking::Unasked,
        price: Some(PRICE),
    }
}

pub(crate) fn request(messages: Vec<Message>) -> Request {
    Request {
        phase: "act".into(),
        iteration: 1,
        system: "Be brief.".into(),
        messages,
        tools: vec![tool("read"), tool("write")],
        allowance_micro_usd: None,
    }
}

pub(crate) fn tool(name: &str) -> ToolSpec {
    let input_schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    ToolSpec { name: name.into(), description: format!("{name} a file"), input_schema }
}

pub(crate) fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

pub(crate) fn assistant(text: &str, calls: Vec<ToolCall>) -> Message {
    Message::Assistant { text: text.into(), calls, raw: None }
}

pub(crate) fn raw_assistant(text: &str, calls: Vec<ToolCall>, from: &str, content: Value) -> Message {
    Message::Assistant { text: text.into(), calls, raw: Some(Raw { from: from.into(), content }) }
}

pub(crate) fn answered(id: &str, ok: bool, output: &str) -> Message {
    Message::Tool { id: id.into(), ok, output: output.into() }
}

pub(crate) fn call(id: &str, path: &str) -> ToolCall {
    ToolCall { id: id.into(), tool: "read".into(), input: json!({"path": path}), malformed: None }
}

/// The bytes of a stream of events with such data.
pub(crate) fn events(data: &[Value]) -> String {
    data.iter().map(|value| format!("data: {value}\n\n")).collect()
}

/// Feeds a stream in two pieces to a reader, and gives the reader as it is then, or why it stopped.
pub(crate) fn read<R: Reading>(mut reader: R, bytes: &[u8], cut: usize, limits: &Limits) -> Result<R, Fault> {
    let mut parser = Parser::new(limits.event_bytes_max);
    let mut events = Vec::new();
    for piece in [&bytes[..cut], &bytes[cut..]] {
        parser.feed(piece, &mut events).unwrap();
        for event in events.drain(..) {
            if reader.event(&event, limits)? == Progress::Done {
                return Ok(reader);
            }
        }
    }
    Ok(reader)
}

/// Reads a stream cut at every place, which must make no difference.
pub(crate) fn read_every_way<R: Reading>(new: impl Fn() -> R, stream: &str) -> (Answer, R) {
    let bytes = stream.as_bytes();
    let whole = read(new(), bytes, 0, &Limits::default()).unwrap();
    assert!(whole.complete());
    for cut in 1..bytes.len() {
        let cut_up = read(new(), bytes, cut, &Limits::default()).unwrap();
        assert_eq!(cut_up.answer(), whole.answer(), "cut at {cut}");
    }
    (whole.answer(), whole)
}

/// The present of every test.
pub(crate) fn now_ms() -> crate::NowMs {
    Arc::new(|| 1_761_031_680_000)
}

/// What a server does with one connection, once it has read a request.
pub(crate) enum Act {
    /// Sends this and closes.
    Say(String),
    /// Sends this and then nothing more, until the client goes away.
    Hold(String),
    /// Sends this, and then a comment every ten seconds.
    Trickle(String),
}

/// A server on this machine that does one thing for each connection, and keeps the requests.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// Tells that a client went away while its answer was held.
    pub(crate) left: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, left) = (Arc::default(), Arc::new(tokio::sync::Notify::new()));
        let task = tokio::spawn(serve(listener, acts, Arc::clone(&requests), Arc::clone(&left)));
        Self { url, requests, left, task }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    acts: Vec<Act>,
    requests: Arc<Mutex<Vec<String>>>,
    left: Arc<tokio::sync::Notify>,
) {
    for act in acts {
        let (mut client, _) = listener.accept().await.unwrap();
        let request = read_request(&mut client).await;
        requests.lock().unwrap().push(request);
        // A client that has heard enough may be gone.
        match act {
            Act::Say(answer) => drop(client.write_all(answer.as_bytes()).await),
            Act::Hold(answer) => {
                client.write_all(answer.as_bytes()).await.unwrap();
                drop(client.read(&mut [0]).await);
                left.notify_one();
            }
            Act::Trickle(answer) => {
                client.write_all(answer.as_bytes()).await.unwrap();
                while client.write_all(b": wait\n\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
            }
        }
    }
}

/// One request: its head, an empty line, its body.
pub(crate) async fn read_request(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        let mut piece = [0; 4096];
        let count = client.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request breaks off: {text}");
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// The head of an answer that is a stream of events, up to the connection's end.
pub(crate) const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";

/// A whole answer of another kind.
pub(crate) fn plain(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
