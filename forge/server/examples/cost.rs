//! What the server costs by itself: CPU time for one small request to a service that does nothing.
//!
//! The server runs on one thread, whose time the kernel counts; callers on other threads keep eight
//! connections busy. `cargo run --release -p forge-server --example cost`

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forge_auth::keys::KeyRing;
use forge_auth::token::Terms;
use forge_core::Identity;
use forge_server::{App, Parts, Service, Settings, serve};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use loki_store::{Clock, SystemClock};
use serde_json::json;

const CONNECTIONS: usize = 8;
const REQUESTS_EACH: usize = 10_000;

struct Nothing;

#[async_trait]
impl Service for Nothing {
    async fn answer(&self, _: &Identity, _: Request<Bytes>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(b"[{\"id\":1,\"title\":\"milk\"}]"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[expect(clippy::print_stdout, reason = "an example tells its figures")]
fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ring = Arc::new(KeyRing::open(folder.path(), Arc::clone(&clock)).expect("keys"));
    let keys = ring.keys();
    let claims = json!({ "sub": "8d2c9a6e-6d3e-4a51-9d53-0a5f0e4f7a11", "role": "authenticated" });
    let token = keys.signer().and_then(|signer| Ok(signer.sign(&claims)?)).expect("a token");
    let as_user = format!("apikey: {}\r\nauthorization: Bearer {token}\r\n", keys.publishable);
    for (name, headers) in [("nobody", String::new()), ("a user", as_user)] {
        for with_log in [false, true] {
            let parts = Parts {
                settings: Settings { rates: None, ..Settings::default() },
                ring: Arc::clone(&ring),
                terms: Terms::default(),
                clock: Arc::clone(&clock),
                sink: with_log
                    .then(|| Arc::new(|line: &str| assert!(!line.is_empty())) as forge_server::Sink),
                version: "0".to_owned(),
            };
            let us = cost(parts, &headers);
            println!("asked by {name}, log {with_log}: {us:.1} us of CPU a request");
        }
    }
}

/// Microseconds of the server's thread for one request.
fn cost(parts: Parts, headers: &str) -> f64 {
    let app = Arc::new(App::new(parts).expect("an app").mount("/rest/v1", Arc::new(Nothing)));
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("someone who asks");
            let before = thread_us();
            let shutdown = async { stopped.await.unwrap_or_default() };
            serve(listener, None, app, shutdown, Duration::from_secs(1)).await.expect("an end");
            thread_us() - before
        })
    });
    let address = told.recv().expect("an address");
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let headers = headers.to_owned();
            thread::spawn(move || call(address, &headers))
        })
        .collect();
    for caller in callers {
        caller.join().expect("a caller");
    }
    stop.send(()).expect("a server");
    server.join().expect("a server") / (CONNECTIONS * REQUESTS_EACH) as f64
}

fn call(address: SocketAddr, headers: &str) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("GET /rest/v1/todos?select=*&limit=1 HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let mut answer = [0; 4_096];
    for _ in 0..REQUESTS_EACH {
        stream.write_all(request.as_bytes()).expect("room");
        let count = stream.read(&mut answer).expect("an answer");
        assert!(
            answer[..count].starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..count])
        );
    }
}

/// Microseconds this thread has run.
fn thread_us() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel's count");
    let ns = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("a number");
    ns / 1_000.0
}
