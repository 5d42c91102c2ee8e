use std::time::Duration;

use super::*;
use crate::oauth::tests::serve::Server;

fn request(url: &str, reach: Reach) -> Outgoing {
    let url = Url::parse(url).unwrap();
    Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new(), reach }
}

#[test]
fn addresses_within_reach() {
    let public = ["1.1.1.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::101:101"];
    let refused = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];
    let loopback = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"];
    for (addresses, is_public, is_loopback) in
        [(&public[..], true, false), (&refused[..], false, false), (&loopback[..], false, true)]
    {
        for text in addresses {
            let ip = text.parse().unwrap();
            assert_eq!(address::is_within(Reach::Public, ip), is_public, "{text}");
            assert_eq!(address::is_within(Reach::Loopback, ip), is_loopback, "{text}");
        }
    }
}

#[test]
fn addresses_by_their_form() {
    let cases = [
        ("https://accounts.example", true, false),
        ("http://accounts.example", false, false),
        ("ftp://accounts.example", false, false),
        ("javascript:alert(1)", false, false),
        ("http://localhost:8080", false, true),
        ("https://localhost", false, true),
        ("http://op.localhost", false, true),
        ("http://127.0.0.1", false, true),
        ("http://[::1]", false, true),
        ("http://localhost.example", false, false),
    ];
    for (text, is_public, is_loopback) in cases {
        let url = Url::parse(text).unwrap();
        assert_eq!(Reach::Public.admits(&url), is_public, "{text}");
        assert_eq!(Reach::Loopback.admits(&url), is_loopback, "{text}");
    }
}

#[tokio::test]
async fn what_is_out_of_reach_is_not_spoken_to() {
    let server = Server::start(|_, _| http::Response::new(Bytes::from_static(b"here"))).await;
    let web = Web::new().unwrap();
    let port = Url::parse(&server.url).unwrap().port().unwrap();
    // The name is resolved, and what it resolves to is refused.
    let by_name = web.send(request(&format!("https://localhost:{port}"), Reach::Public)).await;
    assert!(matches!(by_name, Err(OutboundError::Address { .. })), "{by_name:?}");
    let by_number = web.send(request(&format!("https://127.0.0.1:{port}"), Reach::Public)).await;
    assert!(matches!(by_number, Err(OutboundError::Address { .. })), "{by_number:?}");
    let other_spelling = web.send(request(&format!("https://0x7f.1:{port}"), Reach::Public)).await;
    assert!(matches!(other_spelling, Err(OutboundError::Address { .. })), "{other_spelling:?}");
    let plain = web.send(request(&server.url, Reach::Public)).await;
    assert!(matches!(plain, Err(OutboundError::Scheme)), "{plain:?}");
    let outside = web.send(request("http://192.0.2.1/", Reach::Loopback)).await;
    assert!(matches!(outside, Err(OutboundError::Address { .. })), "{outside:?}");
    for url in [server.url.clone(), format!("http://localhost:{port}")] {
        assert_eq!(web.send(request(&url, Reach::Loopback)).await.unwrap().body, "here");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come() {
    let (listener, web) = (
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
        web::Web::bounded(Duration::from_millis(50)).unwrap(),
    );
    let url = format!("http://{}/?secret", listener.local_addr().unwrap());
    let Err(error) = web.send(request(&url, Reach::Loopback)).await else { panic!() };
    assert!(matches!(error, OutboundError::Late { .. }), "{error:?}");
    drop(listener);
    let Err(error) = web.send(request(&url, Reach::Loopback)).await else { panic!() };
    assert!(matches!(error, OutboundError::Failed { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("secret"));
}
