//! Answers that come in pieces, such as server-sent events: each passes when it comes.

use super::secrets::{inside, keyed, tls_streams};
use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Answers the first request, and sends each event only once the client has the one before.
async fn events<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, received: Arc<tokio::sync::Semaphore>) {
    read_head(&mut stream).await;
    stream.write_all(HEAD.as_bytes()).await.unwrap();
    for event in EVENTS {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        received.acquire().await.unwrap().forget();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    received.acquire().await.unwrap().forget();
}

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

/// Reads the events, and lets the server go on after each.
async fn read_events<S: AsyncRead + Unpin>(stream: &mut S, received: &tokio::sync::Semaphore) {
    let head = read_head(stream).await;
    assert_eq!((status(&head), header(&head, "content-type")), (200, Some("text/event-stream")));
    let mut text = String::new();
    for event in EVENTS {
        while !text.contains(event) {
            let mut buffer = [0; 1024];
            let bytes = patiently(stream.read(&mut buffer)).await.unwrap();
            assert!(bytes > 0, "it ended after {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
        }
        received.add_permits(1);
    }
}

#[tokio::test]
async fn events_of_a_plain_answer_pass_as_they_come() {
    let received = Arc::new(tokio::sync::Semaphore::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = start(egress(&[keyed("api.test", port)]));
    let server = tokio::spawn({
        let received = received.clone();
        async move { events(listener.accept().await.unwrap().0, received).await }
    });
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let request = format!("GET http://api.test:{port}/ HTTP/1.1\r\nHost: api.test:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_events(&mut stream, &received).await;
    received.add_permits(1);
    patiently(server).await.unwrap();
}

#[tokio::test]
async fn events_inside_tls_pass_as_they_come() {
    let received = Arc::new(tokio::sync::Semaphore::new(0));
    let (acceptor, bundle) = tls_streams();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let egress = egress(&[keyed("api.test", port)]);
    let proxy = start(Egress { ca_bundle: Some(bundle.path().to_owned()), ..egress });
    let server = tokio::spawn({
        let received = received.clone();
        async move {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            events(stream, received).await;
        }
    });
    let mut stream = inside(&proxy, &format!("api.test:{port}"), "api.test").await.unwrap();
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: api.test:{port}\r\n\r\n").as_bytes()).await.unwrap();
    read_events(&mut stream, &received).await;
    received.add_permits(1);
    patiently(server).await.unwrap();
}
