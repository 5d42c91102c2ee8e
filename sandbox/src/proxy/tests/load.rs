//! Many requests at once, big ones, and how soon one is passed on.

use tokio::time::Instant;

use super::*;

const CLIENTS: usize = 400;
const REQUESTS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_requests_at_once_all_get_through() {
    let server = Server::new(OK).await;
    let (echo, _echo) = echo_server().await;
    let proxy = Arc::new(start(egress(&[rule("api.test", &[server.port]), rule("other.test", &[echo])])));
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        let (proxy, url) = (proxy.clone(), format!("http://api.test:{}/{client}", server.port));
        let authority = format!("other.test:{echo}");
        tasks.spawn(async move {
            if client % 2 == 0 {
                return status(&proxy.get(&url).await) == 200;
            }
            let (mut stream, _) = proxy.connect(&authority).await;
            stream.write_all(url.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            read_all(&mut stream).await == url
        });
    }
    let got = patiently(tasks.join_all()).await;
    assert_eq!(got.iter().filter(|got| **got).count(), CLIENTS);
    assert_eq!(server.seen().len(), CLIENTS / 2);
    let report = Arc::into_inner(proxy).unwrap().report().await;
    assert_eq!((report.requests.len(), report.connections), (CLIENTS, CLIENTS as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_body_arrives_whole() {
    const BYTES: usize = 32 << 20;
    let (port, _server) = echo_server().await;
    let proxy = start(egress(&[rule("api.test", &[port])]));
    let (stream, _) = proxy.connect(&format!("api.test:{port}")).await;
    let (mut read, mut write) = stream.into_split();
    let send = async {
        let block = vec![7; 1 << 20];
        for _ in 0..BYTES / block.len() {
            write.write_all(&block).await.unwrap();
        }
        write.shutdown().await.unwrap();
    };
    let receive = async {
        let mut bytes = Vec::new();
        read.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let (_, bytes) = patiently(async { tokio::join!(send, receive) }).await;
    assert!(bytes.len() == BYTES && bytes.iter().all(|byte| *byte == 7));
    assert_eq!(proxy.report().await.transfer_bytes, 2 * BYTES as u64);
}

/// Median time of a request over a connection that is kept alive.
async fn median(address: SocketAddr, request: &str) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let (began, mut got) = (Instant::now(), 0);
        stream.write_all(request.as_bytes()).await.unwrap();
        while !buffer[..got].ends_with(b"hello") {
            got += stream.read(&mut buffer[got..]).await.unwrap();
        }
        times.push(began.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// A request waits for no timer of the network on its way (those take 40 ms); the example
/// `egress_latency` measures what it really takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_passed_on_at_once() {
    let server = Server::new(OK).await;
    let authority = format!("api.test:{}", server.port);
    let proxy = start(egress(&[rule("api.test", &[server.port])]));
    let direct = SocketAddr::from(([127, 0, 0, 1], server.port));
    let plain = median(direct, &format!("GET / HTTP/1.1\r\nHost: {authority}\r\n\r\n")).await;
    let through = format!("GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let through = median(proxy.address, &through).await;
    assert!(through < plain + Duration::from_millis(30), "{through:?} {plain:?}");
}
