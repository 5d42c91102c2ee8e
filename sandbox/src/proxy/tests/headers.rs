//! Framing and hop-by-hop headers: what one side says of its own connection never reaches the other.

use super::*;

async fn sent(head: &str, body: &str) -> (String, Vec<String>) {
    let server = Server::new(OK).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let (verb, rest) = head.split_once(' ').unwrap();
    let text = format!(
        "{verb} http://api.test:{0}/ HTTP/1.1\r\nHost: api.test:{0}\r\n{rest}\r\n{body}",
        server.port
    );
    let answer = proxy.exchange(&text).await;
    proxy.report().await;
    (answer, server.seen())
}

#[tokio::test]
async fn hop_by_hop_headers_stay_behind() {
    let head = "GET Connection: close, X-Named, Cookie\r\nX-Named: 1\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n\
                Proxy-Authorization: Basic eDp5\r\nTE: trailers\r\nUpgrade: websocket\r\nCookie: c\r\nX-Stays: 1\r\n";
    let (answer, seen) = sent(head, "").await;
    assert_eq!(status(&answer), 200);
    for name in [
        "connection",
        "x-named",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "cookie",
    ] {
        assert_eq!(header(&seen[0], name), None, "{name}");
    }
    assert_eq!(header(&seen[0], "x-stays"), Some("1"));
}

#[tokio::test]
async fn the_case_of_names_is_kept() {
    let (_, seen) = sent("GET X-CamelCase: 1\r\nConnection: close\r\n", "").await;
    assert!(seen[0].contains("X-CamelCase: 1\r\n"), "{seen:?}");
}

#[tokio::test]
async fn bodies_are_framed_anew() {
    let (answer, seen) = sent("POST Content-Length: 4\r\nConnection: close\r\n", "body").await;
    assert_eq!((status(&answer), seen[0].ends_with("\r\n\r\nbody")), (200, true));
    // A GET may have a body, and keeps it.
    let (answer, seen) =
        sent("GET Transfer-Encoding: chunked\r\nConnection: close\r\n", "4\r\nbody\r\n0\r\n\r\n").await;
    assert_eq!((status(&answer), header(&seen[0], "transfer-encoding")), (200, Some("chunked")));
    assert!(seen[0].ends_with("4\r\nbody\r\n0\r\n\r\n"), "{seen:?}");
}

/// Whatever the head says about the body, the host sees one request or none, never a second one inside.
#[tokio::test]
async fn nothing_is_smuggled() {
    let inner = "GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n";
    let length = inner.len();
    for (framing, passes) in [
        (format!("Content-Length: 3\r\nContent-Length: {length}\r\n"), false),
        (format!("Content-Length: 3, {length}\r\n"), false),
        ("Content-Length: +3\r\n".to_owned(), false),
        ("Content-Length: 0x3\r\n".to_owned(), false),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), false),
        ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), false),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(), false),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), false),
        ("Transfer-Encoding : chunked\r\n".to_owned(), false),
        (" Transfer-Encoding: chunked\r\n".to_owned(), false),
        ("X: y\r\n Transfer-Encoding: chunked\r\n".to_owned(), false),
        ("Transfer-Encoding:\u{b}chunked\r\n".to_owned(), false),
        // Chunked stands over a length, which is not passed on, and the connection ends after it.
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), true),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), true),
    ] {
        let (answer, seen) = sent(&format!("POST {framing}"), &format!("0\r\n\r\n{inner}")).await;
        assert_eq!(status(&answer) == 200, passes, "{framing}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{framing}: {answer}");
        if !passes {
            assert_eq!((status(&answer), seen), (400, vec![]), "{framing}");
            continue;
        }
        let [only] = &seen[..] else { panic!("{framing}: {seen:?}") };
        assert!(only.starts_with("POST / ") && only.ends_with("\r\n\r\n0\r\n\r\n"), "{framing}: {only}");
        assert_eq!(header(only, "content-length"), None, "{framing}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_on_record() {
    let proxy = start(egress(&[]));
    let answer = proxy.exchange("NONSENSE\r\n\r\n").await;
    assert_eq!(status(&answer), 400);
    let report = proxy.report().await;
    let verdicts: Vec<_> = report.requests.iter().map(|request| (request.verdict, request.status)).collect();
    assert_eq!(verdicts, [(Verdict::Denied(DenyReason::Malformed), 400)]);
}

#[tokio::test]
async fn a_response_is_framed_anew_as_well() {
    const BOTH: &str = "HTTP/1.1 200 Something Of Its Own\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\
                        Connection: X-Named\r\nX-Named: 1\r\nProxy-Authenticate: Basic\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let server = Server::new(BOTH).await;
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let answer = proxy.get(&format!("http://api.test:{}/", server.port)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{answer}");
    for name in ["content-length", "x-named", "proxy-authenticate"] {
        assert_eq!(header(&answer, name), None, "{name}");
    }
}
