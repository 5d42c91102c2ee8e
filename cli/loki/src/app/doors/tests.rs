//! The doors on a real socket.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::app::desk::ProjectDesk;
use crate::context::{Context, Project};
use crate::environment::Environment;

const TOKEN: &str = "a-token-that-nobody-guesses";

struct Bench {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ListenError>>,
    _dir: tempfile::TempDir,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let context = Context {
        environment: Environment::default(),
        current_dir: dir.path().to_owned(),
        project: Project::at(dir.path()),
        named: true,
    };
    let desk = Arc::new(ProjectDesk::new(&context));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let shutdown = async { ended.await.unwrap_or_default() };
    let serving = tokio::spawn(listen(listener, desk, Settings::default(), TOKEN.to_owned(), shutdown));
    Bench { address, end, serving, _dir: dir }
}

/// Sends a request as it is, and reads the answer to its end.
async fn send(address: SocketAddr, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

fn request(method: &str, path: &str, host: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

#[tokio::test]
async fn both_doors_open_to_the_token_and_to_nothing_else() {
    let Bench { address, end, serving, _dir } = bench().await;
    let (host, bearer) = (address.to_string(), format!("authorization: Bearer {TOKEN}\r\n"));
    let begin = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "0" },
        },
    })
    .to_string();
    let paths = [("POST", MCP, begin.as_str()), ("GET", "/api/operations", ""), ("GET", "/elsewhere", "")];
    for (method, path, body) in paths {
        assert_eq!(send(address, &request(method, path, &host, "", body)).await.0, 401, "{path}");
        let wrong = "authorization: Bearer a-token-that-somebody-guessed\r\n";
        assert_eq!(send(address, &request(method, path, &host, wrong, body)).await.0, 401, "{path}");
        assert_eq!(
            send(address, &request(method, path, "evil.example", &bearer, body)).await.0,
            403,
            "{path}"
        );
        let page = format!("{bearer}origin: https://evil.example\r\n");
        assert_eq!(send(address, &request(method, path, &host, &page, body)).await.0, 403, "{path}");
        let expected = if path == "/elsewhere" { 404 } else { 200 };
        let (status, answer) = send(address, &request(method, path, &host, &bearer, body)).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    let call = request("POST", "/api/operations/loki_project_status", &host, &bearer, "{}");
    let (status, body) = send(address, &call).await;
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["data"]["state"]), (200, &json!("no_run")));
    let denied = request("POST", "/api/operations/loki_steer", &host, &bearer, "{\"text\":\"x\"}");
    assert_eq!(send(address, &denied).await.0, 403, "this door was not allowed to write");
    for rubbish in ["GET\r\n\r\n", "GET / HTTP/9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"] {
        let (status, _) = send(address, rubbish).await;
        assert!(matches!(status, 0 | 400), "{rubbish:?}: {status}");
    }
    assert_eq!(send(address, &call).await.0, 200, "it lives");
    end.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_stands_on_the_loopback_alone_and_takes_no_empty_token() {
    let dir = tempfile::tempdir().unwrap();
    let context = Context {
        environment: Environment::default(),
        current_dir: dir.path().to_owned(),
        project: Project::at(dir.path()),
        named: true,
    };
    let desk: Arc<dyn Desk> = Arc::new(ProjectDesk::new(&context));
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = listen(open, Arc::clone(&desk), Settings::default(), TOKEN.to_owned(), async {}).await;
    assert!(matches!(refused, Err(ListenError::NotLoopback { .. })), "{refused:?}");
    let here = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = listen(here, desk, Settings::default(), "short".to_owned(), async {}).await;
    assert!(matches!(refused, Err(ListenError::Token)), "{refused:?}");
}
