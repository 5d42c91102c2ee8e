//! The proxy against servers on this machine's loopback; names are resolved by script.

mod addresses;
mod headers;
mod limits;
mod load;
mod pinning;
mod plain;
mod secrets;
mod streaming;
mod targets;
mod token;
mod tunnels;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::resolve::ScriptedResolver;
use super::*;
use crate::policy::Origin;

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A rule for a host that may be private.
fn rule(host: &str, ports: &[u16]) -> HostRule {
    HostRule {
        host: host.to_owned(),
        ports: ports.to_vec(),
        private: true,
        headers: BTreeMap::new(),
        reason: "a test".to_owned(),
        origin: Origin::User,
    }
}

fn with_header(mut rule: HostRule, name: &str, value: &str) -> HostRule {
    rule.headers.insert(name.to_owned(), value.to_owned());
    rule
}

/// Egress in which `*.test` is on loopback and the secret `KEY` is `hunter2-hunter2`.
fn egress(rules: &[HostRule]) -> Egress {
    let resolver = ["api", "other", "a", "b"].iter().fold(ScriptedResolver::default(), |resolver, name| {
        resolver.with(&format!("{name}.test"), &[&["127.0.0.1"]])
    });
    let secrets = BTreeMap::from([("KEY".to_owned(), SECRET.to_owned())]);
    Egress { resolver: Arc::new(resolver), ..Egress::new(rules.to_vec(), Arc::new(secrets)) }
}

const SECRET: &str = "hunter2-hunter2";

/// A proxy that serves.
struct Running {
    address: SocketAddr,
    authority_pem: Option<String>,
    handle: Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Report, ProxyError>>,
}

fn start(egress: Egress) -> Running {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(egress).unwrap();
    let (authority_pem, handle) = (proxy.authority_pem().map(str::to_owned), proxy.handle());
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        stopped.await.ok();
    };
    Running { address, authority_pem, handle, stop, task: tokio::spawn(proxy.serve(listener, shutdown)) }
}

impl Running {
    /// Stops the proxy and returns what it did.
    async fn report(self) -> Report {
        self.stop.send(()).unwrap();
        patiently(self.task).await.unwrap().unwrap()
    }

    /// Waits until this many requests are over.
    async fn settled(&self, requests: usize) {
        let over = async {
            while self.handle.report().requests.len() < requests {
                tokio::task::yield_now().await;
            }
        };
        patiently(over).await;
    }

    /// Sends text over a connection of its own and reads until its end.
    async fn exchange(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }

    async fn get(&self, url: &str) -> String {
        let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        self.exchange(&format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    }

    /// Opens a tunnel; the head of the answer comes back with it.
    async fn connect(&self, authority: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let text = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        (stream, head)
    }
}

async fn patiently<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

/// Reads to the end, which may be a reset.
async fn read_all<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    patiently(stream.read_to_end(&mut bytes)).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to the empty line, and not one byte further.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match patiently(stream.read_u8()).await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// The value of a header in a head.
fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// A server that answers every head it reads with the same text, and remembers what it read.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

impl Server {
    async fn new(answer: &'static str) -> Server {
        Server::at("127.0.0.1:0", answer).await
    }

    async fn at(address: &str, answer: &'static str) -> Server {
        Server::serving(address, answer, |stream| Box::pin(async move { Some(stream) })).await
    }

    /// A server that prepares each stream first, for example by a handshake.
    async fn serving<S, P>(address: &str, answer: &'static str, prepare: P) -> Server
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = Option<S>> + Send>> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (prepare, kept) = (Arc::new(prepare), seen.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (prepare, kept) = (prepare.clone(), kept.clone());
                clients.spawn(async move {
                    if let Some(stream) = prepare(stream).await {
                        answer_heads(stream, answer, &kept).await;
                    }
                });
            }
        });
        Server { port, seen, _tasks: tasks }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers whole messages: a head, and a body by its length or up to the last chunk.
async fn answer_heads<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &str,
    seen: &Mutex<Vec<String>>,
) {
    let mut text = String::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let Ok(bytes) = stream.read(&mut buffer).await else { return };
        if bytes == 0 {
            return;
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
        while let Some(end) = message_end(&text) {
            seen.lock().unwrap().push(text.drain(..end).collect());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn message_end(text: &str) -> Option<usize> {
    let body = text.find("\r\n\r\n")? + 4;
    let length = header(text, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    match header(text, "transfer-encoding") {
        Some(_) => text[body..].find("0\r\n\r\n").map(|last| body + last + 5),
        None => (text.len() >= body + length).then_some(body + length),
    }
}

/// A server that sends back what it gets.
async fn echo_server() -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut clients = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            clients.spawn(async move {
                let (mut read, mut write) = stream.split();
                // Ends with an error where the proxy cuts the connection.
                tokio::io::copy(&mut read, &mut write).await.ok();
                write.shutdown().await.ok();
            });
        }
    });
    (port, tasks)
}
