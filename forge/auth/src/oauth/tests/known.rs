//! The providers whose ways are their own.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::issuer::{CALLBACK, Issuer, NOW, clock, oauth};
use super::serve::Server;
use crate::oauth::flow::{Answered, Wish};
use crate::oauth::provider::{Credential, Provider, Registration};
use crate::oauth::{OauthError, SignedIn};

fn provider(name: &str, issuer: &str, credential: Credential) -> Provider {
    let registration = Registration {
        name: name.to_owned(),
        client_id: "app".to_owned(),
        other_client_ids: Vec::new(),
        credential,
        issuer: Some(issuer.to_owned()),
        scopes: Vec::new(),
    };
    Provider::new(registration).unwrap()
}

async fn sign_in(provider: &Provider, user: Option<&str>) -> Result<SignedIn, OauthError> {
    let oauth = oauth(&clock());
    let wish = Wish { redirect_uri: CALLBACK.to_owned(), ..Wish::default() };
    let (_, pending) = oauth.begin(provider, &wish).await.unwrap();
    let answered = Answered {
        state: pending.state.clone(),
        code: Some("the-code".to_owned()),
        user: user.map(str::to_owned),
        ..Answered::default()
    };
    oauth.finish(provider, &pending, &answered).await
}

/// A server that answers each path by a text, and keeps the bodies that it was sent.
async fn scripted(answers: &'static [(&'static str, &'static str)]) -> (Server, Arc<Mutex<Vec<String>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    let server = Server::start(move |_, request: Request<Bytes>| {
        kept.lock().unwrap().push(String::from_utf8(request.body().to_vec()).unwrap());
        let found = answers.iter().find(|(path, _)| *path == request.uri().path());
        let is_known = request.headers().contains_key("user-agent")
            && (request.uri().path().contains("token")
                || request.headers().get("authorization").is_some_and(|header| header == "Bearer of-ada"));
        match found.filter(|_| is_known) {
            Some((_, body)) => Response::new(Bytes::from_static(body.as_bytes())),
            None => Response::builder().status(404).body(Bytes::new()).unwrap(),
        }
    });
    (server.await, bodies)
}

#[tokio::test]
async fn github() {
    let (server, bodies) = scripted(&[
        ("/login/oauth/access_token", r#"{"access_token":"of-ada","token_type":"bearer","scope":"user:email"}"#),
        (
            "/api/v3/user",
            r#"{"id":583231,"login":"ada","name":null,"email":"public@example.org","avatar_url":"https://b.example/a"}"#,
        ),
        (
            "/api/v3/user/emails",
            r#"[{"email":"other@example.org","primary":false,"verified":true},
                {"email":"Ada@example.org","primary":true,"verified":true}]"#,
        ),
    ])
    .await;
    let provider = provider("github", &server.url, Credential::Secret("s".to_owned()));
    let profile = sign_in(&provider, None).await.unwrap().profile;
    assert_eq!((profile.subject.as_str(), profile.name.as_deref()), ("583231", Some("ada")));
    assert_eq!((profile.email.as_deref(), profile.email_verified), (Some("ada@example.org"), true));
    let form: Vec<(String, String)> =
        form_urlencoded::parse(bodies.lock().unwrap()[0].as_bytes()).into_owned().collect();
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"]);
}

#[tokio::test]
async fn errors_of_github_have_the_status_of_success() {
    let body = r#"{"error":"bad_verification_code","error_description":"The code is incorrect."}"#;
    let (server, _) = scripted(Box::leak(Box::new([("/login/oauth/access_token", body)]))).await;
    let provider = provider("github", &server.url, Credential::Secret("s".to_owned()));
    let result = sign_in(&provider, None).await;
    assert!(
        matches!(&result, Err(OauthError::Refused { error, .. }) if error == "bad_verification_code"),
        "{result:?}"
    );
}

#[tokio::test]
async fn discord() {
    let (server, _) = scripted(&[
        ("/api/oauth2/token", r#"{"access_token":"of-ada","token_type":"Bearer"}"#),
        (
            "/api/users/@me",
            r#"{"id":"80351110224678912","username":"ada","global_name":"Ada L","avatar":"8342729096ea3675442027381ff50dfe",
                "verified":false,"email":"ada@example.org"}"#,
        ),
    ])
    .await;
    let provider = provider("discord", &server.url, Credential::Secret("s".to_owned()));
    let profile = sign_in(&provider, None).await.unwrap().profile;
    assert_eq!((profile.subject.as_str(), profile.name.as_deref()), ("80351110224678912", Some("Ada L")));
    assert_eq!((profile.email.as_deref(), profile.email_verified), (Some("ada@example.org"), false));
    let picture = "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png";
    assert_eq!(profile.avatar_url.as_deref(), Some(picture));
}

/// A private key as Apple gives it, and what verifies what it signs.
fn apple_key() -> (String, DecodingKey) {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let pem = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
    (pem, DecodingKey::from_ec_components(&BASE64.encode(x), &BASE64.encode(y)).unwrap())
}

#[test]
fn the_secret_of_apple_is_signed() {
    let (pem, public) = apple_key();
    let now = loki_store::Timestamp::from_second(NOW).unwrap();
    let secret = crate::oauth::apple::client_secret("TEAM", "KEY", &pem, "app", now).unwrap();
    assert_eq!(jsonwebtoken::decode_header(&secret).unwrap().kid.as_deref(), Some("KEY"));
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&["https://appleid.apple.com"]);
    let claims = jsonwebtoken::decode::<Value>(&secret, &public, &validation).unwrap().claims;
    let expected = json!({
        "iss": "TEAM", "iat": NOW, "exp": NOW + 300, "aud": "https://appleid.apple.com", "sub": "app",
    });
    assert_eq!(claims, expected);
    let broken = crate::oauth::apple::client_secret("TEAM", "KEY", "no key", "app", now);
    assert!(matches!(broken, Err(OauthError::Key)));
}

#[tokio::test]
async fn apple_answers_by_a_form() {
    let issuer = Issuer::start().await;
    let credential = Credential::Apple {
        team_id: "TEAM".to_owned(),
        key_id: "KEY".to_owned(),
        private_key: apple_key().0,
    };
    let provider = provider("apple", &issuer.url, credential);
    let wish = Wish { redirect_uri: CALLBACK.to_owned(), ..Wish::default() };
    let (url, _) = oauth(&clock()).begin(&provider, &wish).await.unwrap();
    let query = issuer.visit(&url);
    assert_eq!(query["response_mode"], "form_post");
    assert!(!query.contains_key("code_challenge") && query.contains_key("nonce"));
}

#[tokio::test]
async fn tenants_of_microsoft_are_told_apart() {
    let issuer = Issuer::start().await;
    let (one, other) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
    let mut registration = issuer.registration("azure");
    registration.issuer = Some(format!("{}/common/v2.0", issuer.url));
    let provider = Provider::new(registration).unwrap();
    let document = json!({ "issuer": format!("{}/{{tenantid}}/v2.0", issuer.url) });
    issuer.tell(|script| script.document = document);
    let path = "/common/v2.0/.well-known/openid-configuration";
    for (issued_by, tenant, holds) in [(one, one, true), (one, other, false), (other, other, true)] {
        let claims =
            json!({ "iss": format!("{}/{issued_by}/v2.0", issuer.url), "tid": tenant, "nonce": null });
        issuer.tell(|script| script.claims = claims);
        let token = issuer.id_token();
        let brought = crate::oauth::id_token::Brought { id_token: &token, access_token: None, nonce: None };
        let result = oauth(&clock()).bearer(&provider, &brought).await;
        assert_eq!(result.is_ok(), holds, "{issued_by} {tenant}: {result:?}");
        assert!(result.is_err() || !result.unwrap().email_verified);
    }
    assert_eq!(issuer.asked(path), 3);
}
