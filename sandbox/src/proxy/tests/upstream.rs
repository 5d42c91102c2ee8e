//! Going through a proxy that the machine prescribes. Another proxy of ours stands in for it.

use super::super::record::DenyReason;
use super::*;

/// A proxy that wants a password, and knows where `api.test` is.
fn corporate(rules: &[HostRule]) -> Running {
    start(Egress { token: Some("p@ss".to_owned()), ..egress(rules) })
}

/// Egress through it, where nothing is resolved here but its own name.
fn through(proxy: &Running, credentials: &str, rules: &[HostRule]) -> Egress {
    let resolver = ScriptedResolver::default().with("corporate.test", &[&["127.0.0.1"]]);
    let url = format!("http://{credentials}corporate.test:{}/", proxy.address.port());
    let upstream_proxy = Some(UpstreamProxy::parse(&url).unwrap());
    Egress { upstream_proxy, resolver: Arc::new(resolver), ..egress(rules) }
}

fn public(host: &str, ports: &[u16]) -> HostRule {
    HostRule { private: false, ..rule(host, ports) }
}

#[tokio::test]
async fn plain_requests_and_tunnels_go_through_it() {
    let server = Server::new(OK).await;
    let port = server.port;
    let corporate = corporate(&[rule("api.test", &[port])]);
    let proxy = start(through(&corporate, "user:p%40ss@", &[public("api.test", &[port])]));
    assert_eq!(status(&proxy.get(&format!("http://api.test:{port}/plain")).await), 200);
    let (mut stream, head) = proxy.connect(&format!("api.test:{port}")).await;
    assert_eq!(status(&head), 200);
    stream.write_all(b"GET /tunnel HTTP/1.1\r\nHost: api.test\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), 200);

    let seen = server.seen();
    assert!(seen[0].starts_with("GET /plain ") && seen[1].starts_with("GET /tunnel "), "{seen:?}");
    assert_eq!(header(&seen[0], "proxy-authorization"), None);
    drop(stream);
    let methods: Vec<String> =
        corporate.report().await.requests.into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["GET", "CONNECT"]);
}

#[tokio::test]
async fn rules_and_addresses_hold_on_this_side() {
    let server = Server::new(OK).await;
    let port = server.port;
    let corporate = corporate(&[rule("api.test", &[port]), rule("127.0.0.1", &[port])]);
    let rules = [public("api.test", &[port]), public("127.0.0.1", &[port])];
    let proxy = start(through(&corporate, "user:p%40ss@", &rules));
    for (host, reason) in [("other.test", DenyReason::Host), ("127.0.0.1", DenyReason::PrivateAddress)] {
        let answer = proxy.get(&format!("http://{host}:{port}/")).await;
        assert_eq!((status(&answer), header(&answer, "x-loki-denied")), (403, Some(reason.code())));
        let (_, head) = proxy.connect(&format!("{host}:{port}")).await;
        assert_eq!(header(&head, "x-loki-denied"), Some(reason.code()));
    }
    assert_eq!((server.seen(), corporate.report().await.requests), (vec![], vec![]));
}

#[tokio::test]
async fn its_refusals_are_told_as_its_own() {
    let corporate = corporate(&[]);
    for credentials in ["user:p%40ss@", "user:wrong@", ""] {
        let proxy = start(through(&corporate, credentials, &[public("api.test", &[443])]));
        let (_, head) = proxy.connect("api.test:443").await;
        assert_eq!(
            (status(&head), header(&head, "x-loki-failed")),
            (502, Some("upstream-proxy")),
            "{credentials}"
        );
    }
}

#[tokio::test]
async fn private_hosts_are_reached_directly() {
    let server = Server::new(OK).await;
    let corporate = corporate(&[]);
    let proxy = start(through(&corporate, "", &[rule("127.0.0.1", &[server.port])]));
    assert_eq!(status(&proxy.get(&format!("http://127.0.0.1:{}/", server.port)).await), 200);
    assert_eq!(corporate.report().await.requests, vec![]);
}

/// Port 443 in the clear towards the proxy is TLS towards the host. The stand-in takes it to another port.
#[tokio::test]
async fn port_443_is_tls_upstream() {
    let (server, bundle) = super::secrets::tls_server(OK).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let corporate = listener.local_addr().unwrap();
    let port = server.port;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        assert!(read_head(&mut client).await.starts_with("CONNECT api.test:443 HTTP/1.1\r\n"));
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut host = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut host).await.ok();
    });
    let upstream_proxy = Some(UpstreamProxy::parse(&format!("http://{corporate}")).unwrap());
    let keyed = with_header(public("api.test", &[443]), "x-key", "secret:KEY");
    let ca_bundle = Some(bundle.path().to_owned());
    let proxy = start(Egress { upstream_proxy, ca_bundle, ..egress(&[keyed]) });
    assert_eq!(status(&proxy.get("http://api.test:443/over-tls").await), 200);
    let seen = server.seen();
    assert!(seen[0].starts_with("GET /over-tls HTTP/1.1\r\n"), "{seen:?}");
    assert_eq!((header(&seen[0], "host"), header(&seen[0], "x-key")), (Some("api.test"), Some(SECRET)));
}

#[test]
fn its_address_is_read() {
    let host = |url: &str| UpstreamProxy::parse(url).map(|proxy| proxy.target.to_string()).ok();
    for (url, expected) in [
        ("http://proxy.test:3128", Some("proxy.test:3128")),
        ("http://proxy.test/", Some("proxy.test:80")),
        ("http://u:p@[::1]:8080", Some("[::1]:8080")),
        ("http://u%zz:p@proxy.test", None),
        ("https://proxy.test", None),
        ("proxy.test:3128", None),
        ("http://", None),
        ("http://proxy.test/path", None),
    ] {
        assert_eq!(host(url).as_deref(), expected, "{url}");
    }
    let proxy = UpstreamProxy::parse("http://us%65r:p%40%3A@proxy.test").unwrap();
    assert_eq!(proxy.authorization.unwrap(), "Basic dXNlcjpwQDo=");
}
