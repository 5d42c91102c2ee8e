//! CONNECT to hosts without headers: bytes pass as they are.

use super::*;

#[tokio::test]
async fn bytes_pass_both_ways_until_the_end() {
    let (port, _server) = echo_server().await;
    let proxy = start(egress(&[rule("api.test", &[port])]));
    let (mut stream, head) = proxy.connect(&format!("api.test:{port}")).await;
    assert_eq!(
        (status(&head), header(&head, "transfer-encoding"), header(&head, "content-length")),
        (200, None, None)
    );
    stream.write_all(b"ping").await.unwrap();
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"ping");
    // One direction ends, and the other still delivers.
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await, "last words");

    let report = proxy.report().await;
    let [request] = &report.requests[..] else { panic!("{report:?}") };
    let facts =
        (request.host.as_str(), request.port, request.method.as_str(), request.verdict, request.status);
    assert_eq!(facts, ("api.test", port, "CONNECT", Verdict::Allowed, 200));
    assert_eq!((request.bytes_up, request.bytes_down, report.transfer_bytes), (14, 14, 28));
}

#[tokio::test]
async fn bytes_that_come_with_the_request_are_not_lost() {
    let (port, _server) = echo_server().await;
    let proxy = start(egress(&[rule("api.test", &[port])]));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(format!("CONNECT api.test:{port} HTTP/1.0\r\n\r\nearly").as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), 200);
    let mut early = [0; 5];
    patiently(stream.read_exact(&mut early)).await.unwrap();
    assert_eq!(&early, b"early");
}

#[tokio::test]
async fn tunnels_that_no_rule_allows_are_refused() {
    let (port, _server) = echo_server().await;
    let public = HostRule { private: false, ..rule("other.test", &[port]) };
    let proxy = start(egress(&[rule("api.test", &[port]), public]));
    for (authority, host, expected, code) in [
        (format!("a.test:{port}"), "a.test", 403, "host"),
        ("api.test:1".to_owned(), "api.test", 403, "port"),
        (format!("other.test:{port}"), "other.test", 403, "private-address"),
        (format!("127.0.0.1:{port}"), "127.0.0.1", 403, "host"),
        (format!("127.1:{port}"), "127.1", 403, "target"),
        (format!("u@api.test:{port}"), "api.test", 403, "target"),
        (format!("api.test:{port}"), "a.test", 421, "misdirected"),
    ] {
        let text = format!("CONNECT {authority} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = proxy.exchange(&text).await;
        assert_eq!(
            (status(&answer), header(&answer, "x-loki-denied")),
            (expected, Some(code)),
            "{authority}"
        );
    }
    let with_body =
        format!("CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(status(&proxy.exchange(&format!("{with_body}\r\n")).await), 400);
    assert_eq!(proxy.handle.report().connections, 1, "only the one whose name had to be looked up first");
}

#[tokio::test]
async fn dropping_the_proxy_closes_everything() {
    let (port, _server) = echo_server().await;
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(egress(&[rule("api.test", &[port])])).unwrap();
    let handle = proxy.handle();
    let serving = tokio::spawn(proxy.serve(listener, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("CONNECT api.test:{port} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), 200);
    serving.abort();
    assert_eq!(read_all(&mut stream).await, "");
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(handle.report().connections, 1);
}
