//! What a request costs through the egress proxy, beside what it costs without.
//!
//! `cargo run --release -p loki-sandbox --example egress_latency`

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use loki_sandbox::policy::{HostRule, Origin};
use loki_sandbox::proxy::{Egress, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const REQUESTS: u32 = 5000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let host = TcpListener::bind("127.0.0.1:0").await?;
    let host_address = host.local_addr()?;
    tokio::spawn(answer(host));

    let rule = HostRule {
        host: "127.0.0.1".to_owned(),
        ports: vec![host_address.port()],
        private: true,
        headers: BTreeMap::new(),
        reason: "the host of this measurement".to_owned(),
        origin: Origin::User,
    };
    let egress = Egress {
        connections_max: u64::MAX,
        ..Egress::new(vec![rule], Arc::new(BTreeMap::<String, String>::new()))
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let proxy_address = listener.local_addr()?;
    let proxy = Proxy::new(egress).map_err(std::io::Error::other)?;
    tokio::spawn(proxy.serve(listener, std::future::pending()));

    let plain = format!("GET / HTTP/1.1\r\nHost: {host_address}\r\n\r\n");
    let absolute = format!("GET http://{host_address}/ HTTP/1.1\r\nHost: {host_address}\r\n\r\n");
    let tunnel = format!("CONNECT {host_address} HTTP/1.1\r\nHost: {host_address}\r\n\r\n");
    let mut out = std::io::stdout();
    for (what, address, opening, request) in [
        ("direct", host_address, None, &plain),
        ("through the proxy", proxy_address, None, &absolute),
        ("through a tunnel", proxy_address, Some(&tunnel), &plain),
    ] {
        let kept = kept_alive(address, opening, request).await?;
        let anew = anew(address, opening, request).await?;
        writeln!(out, "{what}: {kept:?} a request, {anew:?} with a connection of its own")?;
    }
    Ok(())
}

async fn answer(host: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = host.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                if stream.write_all(ANSWER).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn kept_alive(
    address: SocketAddr,
    opening: Option<&String>,
    request: &str,
) -> std::io::Result<Duration> {
    let mut stream = open(address, opening).await?;
    for _ in 0..REQUESTS / 10 {
        exchange(&mut stream, request, b"hello").await?;
    }
    let began = Instant::now();
    for _ in 0..REQUESTS {
        exchange(&mut stream, request, b"hello").await?;
    }
    Ok(began.elapsed() / REQUESTS)
}

async fn anew(address: SocketAddr, opening: Option<&String>, request: &str) -> std::io::Result<Duration> {
    let began = Instant::now();
    for _ in 0..REQUESTS / 10 {
        exchange(&mut open(address, opening).await?, request, b"hello").await?;
    }
    Ok(began.elapsed() / (REQUESTS / 10))
}

async fn open(address: SocketAddr, opening: Option<&String>) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if let Some(opening) = opening {
        exchange(&mut stream, opening, b"\r\n\r\n").await?;
    }
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, request: &str, end: &[u8]) -> std::io::Result<()> {
    let (mut buffer, mut got) = ([0; 4096], 0);
    stream.write_all(request.as_bytes()).await?;
    while !buffer[..got].ends_with(end) {
        match stream.read(&mut buffer[got..]).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            bytes => got += bytes,
        }
    }
    Ok(())
}
