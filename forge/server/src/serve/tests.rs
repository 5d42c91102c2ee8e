use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::scene::Scene;
use crate::settings::Settings;

const DRAIN_MAX: Duration = Duration::from_secs(5);

struct Server {
    scene: Scene,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), ServeError>>,
}

async fn server(adjust: impl FnOnce(&mut Settings), tls: Option<TlsAcceptor>, drain_max: Duration) -> Server {
    let scene = Scene::new(adjust);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let ended = tokio::spawn(serve(listener, tls, Arc::clone(&scene.app), shutdown, drain_max));
    Server { scene, address, stop: Some(stop), ended }
}

impl Server {
    async fn start() -> Server {
        server(|_| {}, None, DRAIN_MAX).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// Reads one answer: its head, then as much as its length says.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        if let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if text.len() >= end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()) {
                return String::from_utf8(text).unwrap();
            }
        }
        let mut piece = [0; 4_096];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "ended after {:?}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..count]);
    }
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    answer(stream).await
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let text = ask(&mut stream, "/rest/v1/todos").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("\"uri\":\"/todos\""), "{text}");
    }
    stream.write_all(b"HEAD /rest/v1/big HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("content-length: 16011") && !rest.contains("abc abc"), "no body for HEAD: {rest}");
    assert!(rest.ends_with("{\"status\":\"ok\"}"), "{rest}");
}

#[tokio::test]
async fn a_chunked_body_is_counted() {
    let server = server(|settings| settings.body_bytes_max = 10, None, DRAIN_MAX).await;
    let head = "POST /rest/v1/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (chunks, status) in
        [("5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n", "200"), ("6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n", "413")]
    {
        let mut stream = server.connect().await;
        stream.write_all(format!("{head}{chunks}").as_bytes()).await.unwrap();
        let text = answer(&mut stream).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    }
    // What is announced is refused before it is sent, and the connection with it.
    let mut stream = server.connect().await;
    let head = "POST /rest/v1/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413"));
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn slow_and_silent_peers_are_let_go() {
    let server =
        server(|settings| settings.header_read_max = Duration::from_millis(50), None, DRAIN_MAX).await;
    for beginning in ["", "P", "PR", "GET /healthz HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap_or_default();
        assert!(!told.contains("200 OK"), "{beginning:?}: {told}");
    }
    // One that rests between two requests, too.
    let mut stream = server.connect().await;
    ask(&mut stream, "/healthz").await;
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = server(|settings| settings.headers_max = 20, None, DRAIN_MAX).await;
    let many = "X-A: b\r\n".repeat(30);
    let long = format!("X-A: {}\r\n", "b".repeat(100_000));
    for headers in [many, long] {
        let mut stream = server.connect().await;
        let text = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).await.unwrap_or_default();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told).await;
        let told = String::from_utf8_lossy(&told);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_alone() {
    let server = Server::start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap_or_default();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told).await;
        assert!(!String::from_utf8_lossy(&told).contains("200 OK"));
    }
    assert!(ask(&mut server.connect().await, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let server = server(|settings| settings.connections_max = 1, None, DRAIN_MAX).await;
    let mut first = server.connect().await;
    ask(&mut first, "/healthz").await;
    let mut second = server.connect().await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // The first is still served, and nothing has come to the second.
    ask(&mut first, "/healthz").await;
    assert!(second.try_read(&mut [0; 8]).is_err());
    drop(first);
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_end_lets_work_finish_and_takes_no_more() {
    let mut server = Server::start().await;
    let (mut busy, mut kept) = (server.connect().await, server.connect().await);
    ask(&mut kept, "/healthz").await;
    busy.write_all(b"GET /rest/v1/slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    server.scene.echo.asked.notified().await;
    server.stop();
    while !server.scene.app.drain.has_begun() {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    assert!(ask(&mut kept, "/healthz").await.starts_with("HTTP/1.1 200"), "probes are answered");
    assert!(ask(&mut kept, "/readyz").await.starts_with("HTTP/1.1 503"));
    let refused = ask(&mut kept, "/rest/v1/todos").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    assert!(refused.contains("connection: close") && is_closed(&mut kept).await, "{refused}");
    assert!(!server.ended.is_finished());
    server.scene.echo.go.notify_one();
    assert!(answer(&mut busy).await.starts_with("HTTP/1.1 200"), "what had begun is finished");
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_comes_at_once_where_nothing_is_done() {
    let mut server = server(|_| {}, None, Duration::from_secs(600)).await;
    let mut idle = server.connect().await;
    ask(&mut idle, "/healthz").await;
    server.stop();
    server.ended.await.unwrap().unwrap();
    assert!(is_closed(&mut idle).await);
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let mut server = server(|_| {}, None, Duration::from_millis(10)).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /rest/v1/slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    server.scene.echo.asked.notified().await;
    server.stop();
    let ended = server.ended.await.unwrap();
    assert!(matches!(ended, Err(ServeError::CutShort { connections: 1 })), "{ended:?}");
    assert!(is_closed(&mut busy).await);
}

async fn ask_http2<S>(stream: S, scheme: &str, path: &str) -> (u16, Bytes)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driven = tokio::spawn(connection);
    let uri = format!("{scheme}://localhost{path}");
    let request = Request::post(uri).body(Full::new(Bytes::from_static(b"hello"))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    drop(sender);
    driven.abort();
    (status, body)
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let server = Server::start().await;
    let (status, body) = ask_http2(server.connect().await, "http", "/rest/v1/todos").await;
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("\"body\":\"hello\""), "{body:?}");
}

#[tokio::test]
async fn tls_offers_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = server(|_| {}, Some(crate::tls(&certificate, &key).unwrap()), DRAIN_MAX).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    for protocol in ["h2", "http/1.1"] {
        let mut config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, server.connect().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        if protocol == "h2" {
            assert_eq!(ask_http2(stream, "https", "/rest/v1/todos").await.0, 200);
        } else {
            let text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(text).await.unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).await.unwrap();
            assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        }
    }
    assert!(crate::tls(&key, &certificate).is_err(), "the wrong way round");
    assert!(crate::tls(&folder.path().join("none"), &key).is_err());
}
