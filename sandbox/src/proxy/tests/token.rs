//! The token: without it, nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

#[tokio::test]
async fn every_request_needs_the_token() {
    let server = Server::new(OK).await;
    let egress =
        Egress { token: Some("s3cr3t:t0ken".to_owned()), ..egress(&[rule("api.test", &[server.port])]) };
    let proxy = start(egress);
    let authority = format!("api.test:{}", server.port);
    let basic = |plain: &str| format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(plain));
    for (credentials, expected) in [
        (String::new(), 407),
        (basic("loki:wrong"), 407),
        (basic("loki:"), 407),
        (basic("loki:s3cr3t:t0keN"), 407),
        (basic("s3cr3t:t0ken"), 407),
        ("Proxy-Authorization: Bearer s3cr3t:t0ken\r\n".to_owned(), 407),
        ("Proxy-Authorization: Basic %%%\r\n".to_owned(), 407),
        (basic("loki:s3cr3t:t0ken").replace("Proxy-", ""), 407),
        (basic("loki:s3cr3t:t0ken"), 200),
        (basic(":s3cr3t:t0ken"), 200),
        (basic("loki:s3cr3t:t0ken").replace("Basic", "bAsIc"), 200),
    ] {
        let head = format!("Host: {authority}\r\nConnection: close\r\n{credentials}\r\n");
        let answer = proxy.exchange(&format!("GET http://{authority}/ HTTP/1.1\r\n{head}")).await;
        assert_eq!(status(&answer), expected, "{credentials}");
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
        let answer = read_head(&mut stream).await;
        assert_eq!(status(&answer), expected, "CONNECT {credentials}");
        if expected == 407 {
            assert_eq!(header(&answer, "proxy-authenticate"), Some("Basic realm=\"loki\""));
        }
    }
    assert!(server.seen().iter().all(|head| header(head, "proxy-authorization").is_none()));
    let report = proxy.report().await;
    let denied =
        report.requests.iter().filter(|request| request.verdict == Verdict::Denied(DenyReason::Token));
    assert_eq!(denied.count(), 16);
}
