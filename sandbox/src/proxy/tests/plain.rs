//! Plain HTTP through the proxy: what passes, what is refused, and in which words.

use super::*;

#[tokio::test]
async fn an_allowed_request_reaches_its_host() {
    let server = Server::new(OK).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let url = format!("http://api.test:{}/path?q=1", server.port);
    let answer = proxy.get(&url).await;
    assert_eq!((status(&answer), answer.ends_with("\r\n\r\nhello")), (200, true));

    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{seen:?}");
    assert_eq!(header(&seen[0], "host"), Some(format!("api.test:{}", server.port).as_str()));

    let report = proxy.report().await;
    let [request] = &report.requests[..] else { panic!("{report:?}") };
    let facts =
        (request.host.as_str(), request.port, request.method.as_str(), request.verdict, request.status);
    assert_eq!(facts, ("api.test", server.port, "GET", Verdict::Allowed, 200));
    assert_eq!((request.bytes_up, request.bytes_down), (seen[0].len() as u64, super::OK.len() as u64));
    assert_eq!((report.connections, report.transfer_bytes), (1, request.bytes_up + request.bytes_down));
}

#[tokio::test]
async fn connections_are_kept_alive_on_both_sides() {
    let server = Server::new(OK).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..3 {
        let text = format!("GET http://api.test:{0}/ HTTP/1.1\r\nHost: api.test:{0}\r\n\r\n", server.port);
        stream.write_all(text.as_bytes()).await.unwrap();
        assert_eq!(status(&read_head(&mut stream).await), 200);
        let mut body = [0; 5];
        stream.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"hello");
    }
    let report = proxy.report().await;
    assert_eq!((report.requests.len(), report.connections), (3, 1));
    let up: Vec<u64> = report.requests.iter().map(|request| request.bytes_up).collect();
    assert_eq!(up, vec![server.seen()[0].len() as u64; 3]);
}

#[tokio::test]
async fn one_connection_may_go_to_several_hosts_each_by_its_rule() {
    let (one, two) = (Server::new(OK).await, Server::new(OK).await);
    let proxy = start(egress(&[rule("a.test", &[one.port]), rule("b.test", &[two.port])]));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for (authority, expected) in [
        (format!("a.test:{}", one.port), 200),
        (format!("b.test:{}", two.port), 200),
        (format!("a.test:{}", two.port), 403),
        (format!("other.test:{}", two.port), 403),
    ] {
        let text = format!("GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(status(&head), expected, "{authority}");
        let mut body = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
    }
    assert_eq!((one.seen().len(), two.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_host_that_closed_in_between_is_connected_anew() {
    const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::new(LAST).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..3 {
        let text = format!("GET http://api.test:{0}/ HTTP/1.1\r\nHost: api.test:{0}\r\n\r\n", server.port);
        stream.write_all(text.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        // What the host says about its own connection is not for the client.
        assert_eq!((status(&head), header(&head, "connection")), (200, None));
    }
    assert_eq!(proxy.report().await.connections, 3);
}

#[tokio::test]
async fn denials_name_the_rule_that_would_allow() {
    let proxy = start(egress(&[rule("api.test", &[443])]));
    let answer = proxy.get("http://other.test/").await;
    assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (403, Some("host")));
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        "loki: no rule allows other.test:80.\n\nThis rule would allow it:\n\n[[network]]\nhost = \"other.test\"\n\
         ports = [80]\nreason = \"...\"\n"
    );
    // The rule is one that works, and where none can, none is named.
    assert!(proxy.get("http://10.0.0.1/").await.contains("ports = [80]\nprivate = true\n"));
    assert!(!proxy.get("http://169.254.169.254/").await.contains("[[network]]"));
    let answer = proxy.get("http://api.test:80/").await;
    assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (403, Some("port")));

    let verdicts: Vec<Verdict> =
        proxy.report().await.requests.iter().map(|request| request.verdict).collect();
    let expected = [DenyReason::Host, DenyReason::Host, DenyReason::Host, DenyReason::Port];
    assert_eq!(verdicts, expected.map(Verdict::Denied));
}

#[tokio::test]
async fn requests_that_are_not_for_a_proxy_are_refused() {
    let server = Server::new(OK).await;
    let port = server.port;
    let proxy = start(egress(&[rule("api.test", &[port]), rule("127.0.0.1", &[port])]));
    let host = format!("Host: api.test:{port}\r\n");
    for (head, expected, code) in [
        (format!("GET / HTTP/1.1\r\n{host}"), 400, "malformed"),
        (format!("GET https://api.test:{port}/ HTTP/1.1\r\n{host}"), 400, "malformed"),
        (format!("GET ftp://api.test:{port}/ HTTP/1.1\r\n{host}"), 400, "malformed"),
        (format!("GET http://api.test:{port}/ HTTP/1.1\r\nHost: other.test\r\n"), 421, "misdirected"),
        (format!("GET http://api.test:{port}/ HTTP/1.1\r\n{host}{host}"), 421, "misdirected"),
        (format!("GET http://api.test:{port}/ HTTP/1.1\r\n"), 421, "misdirected"),
        (format!("GET http://api.test:{port}/ HTTP/1.1\r\nHost: api.test:1\r\n"), 421, "misdirected"),
        (format!("GET http://u:p@api.test:{port}/ HTTP/1.1\r\n{host}"), 403, "target"),
        (format!("GET http://127.1:{port}/ HTTP/1.1\r\nHost: 127.1:{port}\r\n"), 403, "target"),
        (format!("GET http://2130706433:{port}/ HTTP/1.1\r\nHost: 2130706433:{port}\r\n"), 403, "target"),
    ] {
        let answer = proxy.exchange(&format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (expected, Some(code)), "{head}");
    }
    assert_eq!(server.seen(), Vec::<String>::new());
    // The control: the same rules let the plain form through.
    assert_eq!(status(&proxy.get(&format!("http://127.0.0.1:{port}/")).await), 200);
    assert_eq!(proxy.report().await.requests.len(), 11);
}

#[tokio::test]
async fn unreachable_hosts_are_told_apart_from_denied_ones() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let garbage = Server::new("SSH-2.0-OpenSSH_9.2\r\n").await;
    let switching =
        Server::new("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
    let ports = [free, garbage.port, switching.port];
    let proxy = start(egress(&[rule("api.test", &ports), rule("nowhere.test", &ports)]));
    for (url, code) in [
        (format!("http://api.test:{free}/"), "connect"),
        (format!("http://nowhere.test:{free}/"), "resolve"),
        (format!("http://api.test:{}/", garbage.port), "upstream"),
        (format!("http://api.test:{}/", switching.port), "upstream"),
    ] {
        let answer = proxy.get(&url).await;
        assert_eq!((status(&answer), header(&answer, "x-loki-failed")), (502, Some(code)), "{url}: {answer}");
        assert_eq!(header(&answer, "x-loki-denied"), None);
    }
}

#[tokio::test]
async fn an_older_client_is_served_too() {
    let server = Server::new(OK).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let answer = proxy.exchange(&format!("GET http://api.test:{}/ HTTP/1.0\r\n\r\n", server.port)).await;
    assert_eq!((status(&answer), answer.ends_with("hello")), (200, true));
}
