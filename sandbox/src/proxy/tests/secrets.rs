//! Secrets: put in on the way out, in the clear and inside TLS, and nowhere else.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::record::Failure;
use super::*;

/// A server that speaks TLS for `api.test`, and the bundle with its authority.
pub(super) async fn tls_server(answer: &'static str) -> (Server, tempfile::NamedTempFile) {
    let (acceptor, file) = tls_streams();
    let server = Server::serving("127.0.0.1:0", answer, move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move { acceptor.accept(stream).await.ok() })
    });
    (server.await, file)
}

/// What makes streams speak TLS for `api.test`, and the bundle with its authority.
pub(super) fn tls_streams() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

/// Does as a confined client would that trusts the authority of the call.
pub(super) async fn inside(
    proxy: &Running,
    authority: &str,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    trusting(proxy.authority_pem.as_deref().unwrap(), proxy, authority, name).await
}

async fn trusting(
    pem: &str,
    proxy: &Running,
    authority: &str,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let (stream, head) = proxy.connect(authority).await;
    assert_eq!(status(&head), 200);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    patiently(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

pub(super) fn keyed(host: &str, port: u16) -> HostRule {
    with_header(rule(host, &[port]), "authorization", "Bearer secret:KEY")
}

/// The proxy's own traces of a run, in which no secret may be.
fn traces(proxy: &Running) -> String {
    format!("{:?} {}", proxy.handle.report(), serde_json::to_string(&proxy.handle.report()).unwrap())
}

#[tokio::test]
async fn a_secret_is_put_into_plain_requests_to_its_host() {
    let server = Server::new(OK).await;
    let port = server.port;
    let proxy = start(egress(&[keyed("api.test", port), rule("other.test", &[port])]));
    assert_eq!(status(&proxy.get(&format!("http://api.test:{port}/")).await), 200);
    assert_eq!(status(&proxy.get(&format!("http://other.test:{port}/")).await), 200);
    let seen = server.seen();
    assert_eq!(header(&seen[0], "authorization"), Some("Bearer hunter2-hunter2"));
    assert_eq!(header(&seen[1], "authorization"), None);
    assert!(!traces(&proxy).contains(SECRET));
}

#[tokio::test]
async fn what_the_client_sends_under_that_name_gives_way() {
    let server = Server::new(OK).await;
    let port = server.port;
    let proxy = start(egress(&[keyed("api.test", port), rule("other.test", &[port])]));
    for host in ["api.test", "other.test"] {
        let head =
            format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n");
        let own = "Authorization: token secret:KEY\r\nAuthorization: second\r\nX-Other: secret:KEY\r\n\r\n";
        assert_eq!(status(&proxy.exchange(&format!("{head}{own}")).await), 200);
    }
    let seen = server.seen();
    assert_eq!(seen[0].matches("uthorization: ").count(), 1);
    assert_eq!(header(&seen[0], "authorization"), Some("Bearer hunter2-hunter2"));
    // A placeholder where the rule has none stays one.
    assert_eq!(header(&seen[0], "x-other"), Some("secret:KEY"));
    assert!(!seen[1].contains(SECRET));
}

#[tokio::test]
async fn a_secret_that_is_not_there_stops_the_request() {
    let server = Server::new(OK).await;
    let port = server.port;
    let missing = with_header(rule("a.test", &[port]), "x-key", "secret:ABSENT");
    let empty = with_header(rule("b.test", &[port]), "x-key", "secret:EMPTY");
    let unusable = with_header(rule("other.test", &[port]), "x-key", "secret:LINES");
    let secrets = [("EMPTY", ""), ("LINES", "one\r\nX-Injected: two")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let secrets = Arc::new(BTreeMap::from(secrets));
    let proxy = start(Egress { secrets, ..egress(&[missing, empty, unusable]) });
    for (host, code) in
        [("a.test", "secret-missing"), ("b.test", "secret-missing"), ("other.test", "secret-unusable")]
    {
        let answer = proxy.get(&format!("http://{host}:{port}/")).await;
        assert_eq!((status(&answer), header(&answer, "x-loki-failed")), (502, Some(code)));
        assert!(!answer.contains("Injected"), "{answer}");
    }
    assert_eq!((server.seen(), proxy.handle.report().connections), (vec![], 0));
}

#[tokio::test]
async fn a_secret_that_comes_back_is_taken_out() {
    const ECHO: &str = "HTTP/1.1 200 hunter2-hunter2\r\nX-Echo: <hunter2-hunter2,hunter2-hunter2>\r\nX-Plain: hunter2\r\n\
                        Trailer: X-Trailer\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: hunter2-hunter2\r\n\r\n";
    let server = Server::new(ECHO).await;
    let proxy = start(egress(&[keyed("api.test", server.port)]));
    let url = format!("http://api.test:{0}/ HTTP/1.1\r\nHost: api.test:{0}\r\n", server.port);
    let answer = proxy.exchange(&format!("GET {url}TE: trailers\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(header(&answer, "x-echo"), Some("<[redacted],[redacted]>"));
    assert_eq!(header(&answer, "x-plain"), Some("hunter2"));
    assert!(!answer.contains(SECRET), "{answer}");
    let trace = proxy.exchange(&format!("TRACE {url}Connection: close\r\n\r\n")).await;
    assert_eq!((status(&trace), header(&trace, "x-loki-denied")), (403, Some("method")));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn tls_is_looked_into_where_a_rule_sets_headers() {
    let (server, bundle) = tls_server(OK).await;
    let port = server.port;
    let proxy =
        start(Egress { ca_bundle: Some(bundle.path().to_owned()), ..egress(&[keyed("api.test", port)]) });
    let mut stream = inside(&proxy, &format!("api.test:{port}"), "api.test").await.unwrap();
    for path in ["/one", "/two"] {
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: api.test:{port}\r\nAuthorization: secret:KEY\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        assert_eq!(status(&read_head(&mut stream).await), 200);
        let mut body = [0; 5];
        stream.read_exact(&mut body).await.unwrap();
    }
    // The tunnel is for one host, whatever the requests in it say.
    for (target, host) in [("/", "other.test"), ("/", "api.test:1"), ("http://other.test/", "api.test")] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(
            (status(&head), header(&head, "x-loki-denied")),
            (421, Some("misdirected")),
            "{target} {host}"
        );
        let mut body = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
    }
    drop(stream);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].starts_with("GET /one HTTP/1.1\r\n"), "{seen:?}");
    assert_eq!(header(&seen[1], "authorization"), Some("Bearer hunter2-hunter2"));

    assert!(!traces(&proxy).contains(SECRET));
    let report = proxy.report().await;
    let count = |method: &str| report.requests.iter().filter(|request| request.method == method).count();
    assert_eq!((count("GET"), count("CONNECT"), report.connections), (5, 1, 1));
    assert!(
        report.requests.iter().all(|request| (request.host.as_str(), request.port) == ("api.test", port))
    );
}

#[tokio::test]
async fn a_host_without_a_trusted_certificate_gets_nothing() {
    let (server, _) = tls_server(OK).await;
    let (_, bundle) = tls_server(OK).await;
    let port = server.port;
    let rules = [keyed("api.test", port)];
    let proxy = start(Egress { ca_bundle: Some(bundle.path().to_owned()), ..egress(&rules) });
    let mut stream = inside(&proxy, &format!("api.test:{port}"), "api.test").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert_eq!((status(&answer), header(&answer, "x-loki-failed")), (502, Some("tls")));
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let (server, bundle) = tls_server(OK).await;
    let port = server.port;
    let proxy =
        start(Egress { ca_bundle: Some(bundle.path().to_owned()), ..egress(&[keyed("other.test", port)]) });
    let mut stream = inside(&proxy, &format!("other.test:{port}"), "other.test").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(header(&read_all(&mut stream).await, "x-loki-failed"), Some("tls"));
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn the_proxy_answers_as_no_other_host() {
    let (server, bundle) = tls_server(OK).await;
    let rules = [keyed("api.test", server.port), keyed("other.test", server.port)];
    let proxy = start(Egress { ca_bundle: Some(bundle.path().to_owned()), ..egress(&rules) });
    assert!(inside(&proxy, &format!("api.test:{}", server.port), "other.test").await.is_err());
    proxy.settled(1).await;
    let report = proxy.report().await;
    assert_eq!(report.requests[0].verdict, Verdict::Denied(DenyReason::Misdirected));
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_call_is_on_record() {
    let proxy = start(egress(&[keyed("api.test", 443)]));
    let another = start(egress(&[keyed("api.test", 443)])).authority_pem.unwrap();
    assert!(trusting(&another, &proxy, "api.test:443", "api.test").await.is_err());
    proxy.settled(1).await;
    assert_eq!(proxy.report().await.requests[0].verdict, Verdict::Failed(Failure::ClientTls));
}

#[tokio::test]
async fn a_tunnel_may_hold_plain_http() {
    let server = Server::new(OK).await;
    let port = server.port;
    let proxy = start(egress(&[keyed("api.test", port)]));
    let (mut stream, _) = proxy.connect(&format!("api.test:{port}")).await;
    let text = format!("GET /x HTTP/1.1\r\nHost: api.test:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), 200);
    assert_eq!(header(&server.seen()[0], "authorization"), Some("Bearer hunter2-hunter2"));
}

#[tokio::test]
async fn inspected_tunnels_hold_to_addresses_and_limits() {
    let (server, bundle) = tls_server(OK).await;
    let authority = format!("api.test:{}", server.port);
    let public = HostRule { private: false, ..keyed("api.test", server.port) };
    let ca_bundle = Some(bundle.path().to_owned());
    let proxies = [
        (Egress { ca_bundle: ca_bundle.clone(), ..egress(&[public]) }, "private-address"),
        (
            Egress {
                ca_bundle: ca_bundle.clone(),
                connections_max: 0,
                ..egress(&[keyed("api.test", server.port)])
            },
            "connections-limit",
        ),
        (Egress { ca_bundle, transfer_bytes_max: 100, ..egress(&[keyed("api.test", server.port)]) }, ""),
    ];
    for (egress, code) in proxies {
        let proxy = start(egress);
        let mut stream = inside(&proxy, &authority, "api.test").await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = read_all(&mut stream).await;
        assert_ne!(status(&answer), 200);
        assert_eq!(header(&answer, "x-loki-denied").unwrap_or_default(), code);
        assert_eq!(proxy.report().await.transfer_reached, code.is_empty());
    }
    assert_eq!(server.seen(), Vec::<String>::new());
}

/// Verifiers that are strict about RFC 5280 want to know whose key signed, and a number for each leaf.
#[tokio::test]
async fn leaves_satisfy_strict_verifiers() {
    const AUTHORITY_KEY_IDENTIFIER: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x23];
    let proxy = start(egress(&[keyed("a.test", 443), keyed("b.test", 443), keyed("127.0.0.1", 443)]));
    let mut leaves = Vec::new();
    for host in ["a.test", "b.test", "127.0.0.1"] {
        let stream = inside(&proxy, &format!("{host}:443"), host).await.unwrap();
        leaves.push(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec());
    }
    // Version, then the number, which is of the same length for all.
    let numbers: Vec<&[u8]> = leaves.iter().map(|leaf| &leaf[..40]).collect();
    assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2], "{numbers:?}");
    for leaf in &leaves {
        assert!(leaf.windows(5).any(|window| window == AUTHORITY_KEY_IDENTIFIER));
    }
}

#[test]
fn only_rules_with_headers_need_an_authority() {
    assert_eq!(Proxy::new(egress(&[rule("a.test", &[443])])).unwrap().authority_pem(), None);
    let (one, two) =
        (Proxy::new(egress(&[keyed("a.test", 443)])), Proxy::new(egress(&[keyed("a.test", 443)])));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.authority_pem().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!one.authority_pem().unwrap().contains("PRIVATE"));
    assert_ne!(one.authority_pem(), two.authority_pem());
}

#[test]
fn headers_that_frame_messages_cannot_be_set() {
    for name in
        ["Host", "content-length", "Transfer-Encoding", "connection", "proxy-authorization", "bad name", ""]
    {
        let proxy = Proxy::new(egress(&[with_header(rule("a.test", &[443]), name, "1")]));
        assert!(matches!(proxy.err(), Some(ProxyError::Header { .. })), "{name}");
    }
}

#[test]
fn bundles_have_to_be_of_use() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let of = |path: &std::path::Path, rules: &[HostRule]| {
        Proxy::new(Egress { ca_bundle: Some(path.to_owned()), ..egress(rules) }).err()
    };
    let with = |path: &std::path::Path| of(path, &[keyed("a.test", 443)]);
    assert!(of(empty.path(), &[]).is_none(), "nothing will need it");
    assert!(matches!(with(empty.path()), Some(ProxyError::BundleEmpty { .. })));
    assert!(matches!(with(&empty.path().with_extension("absent")), Some(ProxyError::Bundle { .. })));
}

#[test]
fn nothing_secret_is_printed() {
    let upstream_proxy = Some(UpstreamProxy::parse("http://user:hunter2-hunter2@proxy.test:3128").unwrap());
    let token = Some(SECRET.to_owned());
    let shown = format!("{:?}", Egress { upstream_proxy, token, ..egress(&[keyed("a.test", 443)]) });
    assert!(shown.contains("proxy.test:3128") && !shown.contains(SECRET), "{shown}");
}
