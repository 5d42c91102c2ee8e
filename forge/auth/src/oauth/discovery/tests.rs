use super::*;
use crate::oauth::tests::issuer::{Issuer, clock, oauth};

#[tokio::test]
async fn many_requests_read_a_document_once() {
    let issuer = Issuer::start().await;
    let (oauth, provider) = (Arc::new(oauth(&clock())), Arc::new(issuer.provider()));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (oauth, provider) = (Arc::clone(&oauth), Arc::clone(&provider));
            tokio::spawn(async move { oauth.metadata(&provider).await.map(|_| ()) })
        })
        .collect();
    for one in asking {
        one.await.unwrap().unwrap();
    }
    assert_eq!(issuer.asked("/.well-known/openid-configuration"), 1);
}

#[test]
fn the_shared_documents_of_microsoft() {
    let issuer = "https://login.microsoftonline.com/common/v2.0";
    let cases = [
        ("https://login.microsoftonline.com/{tenantid}/v2.0", true),
        ("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", true),
        ("https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0", false),
        ("https://evil.example/{tenantid}/v2.0", false),
        ("{tenantid}", false),
    ];
    for (named, is_it) in cases {
        assert_eq!(is_template(named, issuer), is_it, "{named}");
    }
}

#[test]
fn an_issuer_for_many_tenants() {
    let url = Url::parse("https://login.microsoftonline.com/x").unwrap();
    let mut metadata = Metadata {
        issuer: "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(),
        authorization_endpoint: url.clone(),
        token_endpoint: url,
        device_authorization_endpoint: None,
        userinfo_endpoint: None,
        jwks_uri: None,
        names_issuer: false,
        client_auth: ClientAuth::Body,
    };
    let (one, other) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
    let issuer = format!("https://login.microsoftonline.com/{one}/v2.0");
    assert!(metadata.is_issuer(&issuer, None) && metadata.is_issuer(&issuer, Some(one)));
    assert!(!metadata.is_issuer(&issuer, Some(other)) && !metadata.is_issuer(&issuer, Some("")));
    for odd in ["", "x", "{tenantid}", "../../evil", &"a/".repeat(18)] {
        assert!(!metadata.is_issuer(&format!("https://login.microsoftonline.com/{odd}/v2.0"), None), "{odd}");
    }
    metadata.issuer = "https://op.example".to_owned();
    assert!(
        metadata.is_issuer("https://op.example", None) && !metadata.is_issuer("https://op.example/", None)
    );
}
