//! Limits: each is reached, and what happens then.

use super::super::record::Failure;
use super::*;

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn connections_are_counted_towards_hosts() {
    let server = Server::new(OK).await;
    let proxy = start(Egress { connections_max: 2, ..egress(&[rule("api.test", &[server.port])]) });
    let url = format!("http://api.test:{}/", server.port);
    proxy.get("http://nobody.test/").await;
    let statuses = [status(&proxy.get(&url).await), status(&proxy.get(&url).await)];
    assert_eq!((statuses, proxy.handle.report().connections_reached), ([200, 200], false));
    let answer = proxy.get(&url).await;
    assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (403, Some("connections-limit")));
    let (_, head) = proxy.connect(&format!("api.test:{}", server.port)).await;
    assert_eq!(status(&head), 403);
    let report = proxy.report().await;
    assert_eq!((report.connections, report.connections_reached, report.transfer_reached), (2, true, false));
}

#[tokio::test]
async fn reaching_the_transfer_limit_ends_every_connection() {
    let (port, _server) = echo_server().await;
    let proxy = start(Egress { transfer_bytes_max: 1000, ..egress(&[rule("api.test", &[port])]) });
    let authority = format!("api.test:{port}");
    let (mut idle, _) = proxy.connect(&authority).await;
    let (mut busy, _) = proxy.connect(&authority).await;
    // Within the limit to the last byte.
    busy.write_all(&[b'x'; 500]).await.unwrap();
    let mut back = vec![0; 500];
    patiently(busy.read_exact(&mut back)).await.unwrap();
    assert!(!proxy.handle.report().transfer_reached);
    // And one more.
    busy.write_all(b"x").await.unwrap();
    assert_eq!((read_all(&mut busy).await, read_all(&mut idle).await), (String::new(), String::new()));
    patiently(proxy.handle.transfer_reached()).await;

    for answer in [proxy.get(&format!("http://{authority}/")).await, proxy.connect(&authority).await.1] {
        assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (403, Some("transfer-limit")));
    }
    let report = proxy.report().await;
    assert_eq!((report.transfer_bytes, report.transfer_reached, report.connections), (1000, true, 2));
    assert_eq!(
        report.requests.iter().map(|request| request.bytes_up + request.bytes_down).sum::<u64>(),
        1000
    );
}

/// Far more than fits: no byte beyond the limit arrives, in either direction.
#[tokio::test]
async fn big_transfers_stop_exactly_at_the_limit() {
    const MAX: u64 = 3_000_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = start(Egress { transfer_bytes_max: MAX, ..egress(&[rule("api.test", &[port])]) });
    let flood = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Ends when the proxy closes the connection.
        while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    };
    let drink = async {
        let (mut stream, head) = proxy.connect(&format!("api.test:{port}")).await;
        assert_eq!(status(&head), 200);
        read_all(&mut stream).await.len() as u64
    };
    let (_, received) = patiently(async { tokio::join!(flood, drink) }).await;
    assert!(received <= MAX, "{received}");
    let report = proxy.report().await;
    assert!(report.transfer_reached);
    assert!(
        report.transfer_bytes <= MAX && report.transfer_bytes > MAX - 200_000,
        "{}",
        report.transfer_bytes
    );
}

#[tokio::test]
async fn uploads_stop_exactly_at_the_limit() {
    const MAX: u64 = 1_000_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = start(Egress { transfer_bytes_max: MAX, ..egress(&[rule("api.test", &[port])]) });
    let drink = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_all(&mut stream).await.len() as u64
    };
    let flood = async {
        let (mut stream, _) = proxy.connect(&format!("api.test:{port}")).await;
        while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    };
    let (received, _) = patiently(async { tokio::join!(drink, flood) }).await;
    assert_eq!((received, proxy.report().await.transfer_bytes), (MAX, MAX));
}

#[tokio::test]
async fn more_clients_than_are_served_at_once_wait() {
    let server = Server::new(OK).await;
    let proxy =
        start(Egress { concurrent_connections_max: 1, ..egress(&[rule("api.test", &[server.port])]) });
    let url = format!("http://api.test:{}/", server.port);
    // Served, and in nobody's way once it has gone.
    let first = TcpStream::connect(proxy.address).await.unwrap();
    let second = proxy.get(&url);
    tokio::pin!(second);
    let head_start = tokio::time::timeout(SOON, &mut second).await;
    assert!(head_start.is_err(), "it was served beside the first");
    drop(first);
    assert_eq!(status(&patiently(second).await), 200);
}

#[tokio::test]
async fn heads_have_a_size() {
    let server = Server::new(OK).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let head = |bytes: usize| {
        let filler = "x".repeat(bytes);
        format!(
            "GET http://api.test:{0}/ HTTP/1.1\r\nHost: api.test:{0}\r\nConnection: close\r\nX: {filler}\r\n\r\n",
            server.port
        )
    };
    assert_eq!(status(&proxy.exchange(&head(60_000)).await), 200);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    // The proxy may stop reading in the middle.
    stream.write_all(head(70_000).as_bytes()).await.ok();
    assert_eq!(status(&read_head(&mut stream).await), 431);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let timeouts = Timeouts { head: SOON, ..Timeouts::default() };
    let proxy = start(Egress { timeouts, ..egress(&[]) });
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"GET http://api.test/ HTTP/1.1\r\nX-Slow: ").await.unwrap();
    assert_ne!(status(&read_all(&mut stream).await), 200);
    let mut silent = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(read_all(&mut silent).await, "");
}

#[tokio::test]
async fn silence_ends_tunnels() {
    let (port, _server) = echo_server().await;
    let timeouts = Timeouts { idle: SOON, connect: Duration::from_secs(1), ..Timeouts::default() };
    let proxy = start(Egress { timeouts, ..egress(&[rule("api.test", &[port])]) });
    let (mut stream, head) = proxy.connect(&format!("api.test:{port}")).await;
    assert_eq!(status(&head), 200);
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn silent_hosts_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let timeouts = Timeouts { idle: SOON, ..Timeouts::default() };
    let proxy = start(Egress { timeouts, ..egress(&[rule("api.test", &[port])]) });
    let answer = proxy.get(&format!("http://api.test:{port}/")).await;
    assert_eq!((status(&answer), header(&answer, "x-loki-failed")), (504, Some("idle")));
    assert_eq!(proxy.report().await.requests[0].verdict, Verdict::Failed(Failure::Idle));
}

/// A resolver that never answers stands for everything that makes connecting slow.
struct Never;

impl Resolver for Never {
    fn lookup<'a>(&'a self, _: &'a str) -> Lookup<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn connecting_takes_no_longer_than_it_may() {
    let timeouts = Timeouts { connect: SOON, ..Timeouts::default() };
    let proxy = start(Egress { timeouts, resolver: Arc::new(Never), ..egress(&[rule("api.test", &[80])]) });
    let answer = proxy.get("http://api.test/").await;
    assert_eq!((status(&answer), header(&answer, "x-loki-failed")), (504, Some("connect-timeout")));
}

#[tokio::test]
async fn records_are_bounded() {
    let proxy = start(Egress { requests_max: 2, ..egress(&[]) });
    for _ in 0..5 {
        proxy.get("http://api.test/").await;
    }
    let report = proxy.report().await;
    assert_eq!((report.requests.len(), report.requests_dropped), (2, 3));
}
