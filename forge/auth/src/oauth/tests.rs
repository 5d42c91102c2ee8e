use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::issuer::{ACCESS, CALLBACK, CLIENT, Issuer, NOW, clock, oauth};
use super::device::Poll;
use super::flow::{Answered, Wish};
use super::id_token::{Brought, IdTokenError};
use super::outbound::OutboundError;
use super::provider::{Credential, Provider};
use super::*;

pub(crate) mod issuer;
mod known;
pub(crate) mod serve;

fn wish() -> Wish {
    Wish { redirect_uri: CALLBACK.to_owned(), ..Wish::default() }
}

/// Goes to the provider and comes back, with whatever `change` makes of the answer.
async fn sign_in(issuer: &Issuer, change: impl FnOnce(&mut Answered)) -> Result<SignedIn, OauthError> {
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    let (url, pending) = oauth.begin(&provider, &wish()).await?;
    issuer.visit(&url);
    let code = Some("the-code".to_owned());
    let mut answered = Answered { state: pending.state.clone(), code, ..Answered::default() };
    change(&mut answered);
    oauth.finish(&provider, &pending, &answered).await
}

fn id_token_error(result: Result<SignedIn, OauthError>) -> IdTokenError {
    match result {
        Err(OauthError::IdToken(error)) => error,
        other => panic!("no error of an ID token: {other:?}"),
    }
}

#[tokio::test]
async fn somebody_signs_in() {
    let issuer = Issuer::start().await;
    let signed_in = sign_in(&issuer, |_| ()).await.unwrap();
    assert_eq!(signed_in.tokens, Tokens { access: ACCESS.to_owned(), refresh: Some("refresh".to_owned()) });
    let profile = signed_in.profile;
    assert_eq!(profile.subject, "ada-1");
    assert_eq!((profile.email.as_deref(), profile.email_verified), (Some("ada@example.org"), true));
    assert_eq!(profile.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(profile.data()["iss"], json!(issuer.url));
    // The token says enough, so nothing more is asked.
    assert_eq!(issuer.asked("/userinfo"), 0);
}

#[tokio::test]
async fn what_is_asked_of_the_provider() {
    let issuer = Issuer::start().await;
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    let parameters = [("prompt", "login"), ("redirect_uri", "https://evil.example"), ("state", "mine")];
    let wish = Wish {
        redirect_uri: CALLBACK.to_owned(),
        scopes: vec!["calendar".to_owned(), "email".to_owned(), "a\"b".to_owned()],
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    };
    let (url, pending) = oauth.begin(&provider, &wish).await.unwrap();
    let mut query = issuer.visit(&url);
    assert!(url.as_str().starts_with(&format!("{}/authorize?", issuer.url)));
    assert_eq!(url.query_pairs().count(), query.len(), "no parameter twice");
    for secret in ["nonce", "code_challenge"] {
        assert_eq!(query.remove(secret).unwrap().as_str().unwrap().len(), 43);
    }
    let expected = json!({
        "response_type": "code", "client_id": CLIENT, "redirect_uri": CALLBACK, "state": pending.state,
        "scope": "openid email profile calendar", "code_challenge_method": "S256", "prompt": "login",
    });
    assert_eq!(Value::Object(query), expected);
    // Nothing of it is the same a second time.
    let (again, _) = oauth.begin(&provider, &wish).await.unwrap();
    assert_ne!(again.query(), url.query());
    assert!(!format!("{pending:?}").contains(&pending.state), "secrets are not shown");
}

#[tokio::test]
async fn an_answer_to_another_request_is_refused() {
    let issuer = Issuer::start().await;
    let result = sign_in(&issuer, |answered| answered.state = "another".to_owned()).await;
    assert!(matches!(result, Err(OauthError::State)), "{result:?}");
    assert_eq!(issuer.asked("/token"), 0);
}

#[tokio::test]
async fn the_code_of_another_browser_is_refused() {
    let issuer = Issuer::start().await;
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    let (theirs, _) = oauth.begin(&provider, &wish()).await.unwrap();
    let (_, mine) = oauth.begin(&provider, &wish()).await.unwrap();
    issuer.visit(&theirs); // Somebody's code is brought to a request of somebody else.
    let code = Some("the-code".to_owned());
    let answered = Answered { state: mine.state.clone(), code, ..Answered::default() };
    let result = oauth.finish(&provider, &mine, &answered).await;
    assert!(
        matches!(&result, Err(OauthError::Refused { error, .. }) if error == "invalid_grant"),
        "{result:?}"
    );
}

#[tokio::test]
async fn answers_of_another_issuer_are_refused() {
    let issuer = Issuer::start().await;
    let elsewhere = |answered: &mut Answered| answered.issuer = Some("https://evil.example".to_owned());
    assert!(matches!(sign_in(&issuer, elsewhere).await, Err(OauthError::MixedUp)));
    // Also an error is taken only from whoever was asked.
    let denied = |answered: &mut Answered| {
        elsewhere(answered);
        answered.error = Some("access_denied".to_owned());
    };
    assert!(matches!(sign_in(&issuer, denied).await, Err(OauthError::MixedUp)));
    // A provider that promises to name itself has to.
    issuer.tell(|script| script.document = json!({ "authorization_response_iss_parameter_supported": true }));
    assert!(matches!(sign_in(&issuer, |_| ()).await, Err(OauthError::MixedUp)));
    let own = issuer.url.clone();
    sign_in(&issuer, |answered| answered.issuer = Some(own)).await.unwrap();
    assert_eq!(issuer.asked("/token"), 1, "no code is shown to anybody else");
}

#[tokio::test]
async fn a_refusal_is_passed_on() {
    let issuer = Issuer::start().await;
    let denied = |answered: &mut Answered| {
        answered.error = Some("access_denied".to_owned());
        answered.error_description = Some("Ada\r\nsaid no".to_owned());
    };
    let Err(OauthError::Refused { error, description }) = sign_in(&issuer, denied).await else { panic!() };
    assert_eq!((error.as_str(), description.as_deref()), ("access_denied", Some("Adasaid no")));
    let odd = |answered: &mut Answered| answered.error = Some("<script>".to_owned());
    let Err(OauthError::Refused { error, .. }) = sign_in(&issuer, odd).await else { panic!() };
    assert_eq!(error, "server_error");
    assert!(matches!(
        sign_in(&issuer, |answered| answered.code = None).await,
        Err(OauthError::Answer { .. })
    ));
}

#[tokio::test]
async fn every_way_of_signing_that_is_accepted() {
    let issuer = Issuer::start().await;
    for (alg, kid) in [("ES256", "ec"), ("RS256", "rsa"), ("PS256", "rsa"), ("EdDSA", "ed")] {
        issuer.tell(|script| (script.alg, script.kid) = (alg, json!(kid)));
        sign_in(&issuer, |_| ()).await.unwrap_or_else(|error| panic!("{alg}: {error:?}"));
    }
    // Without a name there must be one key only that fits.
    for (alg, fits) in [("ES256", true), ("RS256", false)] {
        issuer.tell(|script| (script.alg, script.kid) = (alg, Value::Null));
        let result = sign_in(&issuer, |_| ()).await;
        assert_eq!(result.is_ok(), fits, "{alg}: {result:?}");
    }
}

#[tokio::test]
async fn ways_of_signing_that_are_refused() {
    use IdTokenError::{Algorithm, Key, Signature};
    let issuer = Issuer::start().await;
    let cases = [
        ("none", json!("ec"), Algorithm),
        ("None", json!("ec"), Algorithm),
        ("none", Value::Null, Algorithm),
        ("HS256", json!("ec"), Algorithm),     // A public key as a secret.
        ("HS256", json!("shared"), Algorithm), // A secret that everybody can read.
        ("RS384", json!("rsa"), Algorithm),
        ("RS256", json!("ec"), Algorithm),
        ("ES256", json!("rsa"), Algorithm),
        ("PS256", json!("rsa-for-rs256"), Algorithm),
        ("RS256", json!("for-encryption"), Key),
        ("ES256", json!("unknown"), Key),
        ("PS256 ", json!("rsa"), Algorithm),
    ];
    for (alg, kid, expected) in cases {
        issuer.tell(|script| (script.alg, script.kid) = (alg, kid.clone()));
        assert_eq!(id_token_error(sign_in(&issuer, |_| ()).await), expected, "{alg} by {kid}");
    }
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    issuer.tell(|script| (script.alg, script.kid) = ("ES256", json!("ec")));
    let token = issuer.id_token();
    let (text, _) = token.rsplit_once('.').unwrap();
    for forged in [format!("{text}."), format!("{text}.{}", "A".repeat(86))] {
        let brought = Brought { id_token: &forged, access_token: None, nonce: None };
        let result = oauth.bearer(&provider, &brought).await;
        assert!(matches!(result, Err(OauthError::IdToken(Signature))), "{result:?}");
    }
}

#[tokio::test]
async fn id_tokens_that_do_not_hold() {
    use IdTokenError::{AccessToken, Audience, Claims, Early, Expired, Issuer as Iss, Nonce};
    let issuer = Issuer::start().await;
    let cases = [
        (json!({ "nonce": "of another request" }), Nonce),
        (json!({ "nonce": null }), Nonce),
        (json!({ "iss": "https://evil.example" }), Iss),
        (json!({ "iss": format!("{}/", issuer.url) }), Iss),
        (json!({ "iss": null }), Claims),
        (json!({ "aud": "another app" }), Audience),
        (json!({ "aud": "app-mobile" }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": null }), Audience),
        (json!({ "aud": [CLIENT, "another app"] }), Audience),
        (json!({ "aud": [CLIENT, "another app"], "azp": "another app" }), Audience),
        (json!({ "azp": "another app" }), Audience),
        (json!({ "exp": NOW - 30 }), Expired),
        (json!({ "exp": null }), Claims),
        (json!({ "exp": "later" }), Claims),
        (json!({ "iat": NOW + 31 }), Early),
        (json!({ "iat": null }), Claims),
        (json!({ "nbf": NOW + 31 }), Early),
        (json!({ "at_hash": "of another token" }), AccessToken),
        (json!({ "sub": null }), Claims),
        (json!({ "sub": "" }), Claims),
        (json!({ "sub": "a".repeat(256) }), Claims),
    ];
    for (claims, expected) in cases {
        issuer.tell(|script| script.claims = claims.clone());
        assert_eq!(id_token_error(sign_in(&issuer, |_| ()).await), expected, "{claims}");
    }
    let good = [
        json!({ "aud": [CLIENT], "azp": CLIENT }),
        json!({ "aud": ["another app", CLIENT], "azp": CLIENT }),
        json!({ "exp": NOW - 29 }),
        json!({ "iat": NOW + 30 }),
        json!({ "at_hash": null }),
    ];
    for claims in good {
        issuer.tell(|script| script.claims = claims.clone());
        sign_in(&issuer, |_| ()).await.unwrap_or_else(|error| panic!("{claims}: {error:?}"));
    }
}

#[tokio::test]
async fn what_the_token_does_not_say_is_asked() {
    let issuer = Issuer::start().await;
    let tell = |claims: Value, userinfo: Value| {
        issuer.tell(|script| (script.claims, script.userinfo) = (claims, userinfo));
    };
    let bare = json!({ "email": null, "email_verified": null, "name": null });
    tell(
        bare.clone(),
        json!({ "sub": "ada-1", "email": "ada@example.org", "email_verified": true, "name": "Ada" }),
    );
    let profile = sign_in(&issuer, |_| ()).await.unwrap().profile;
    assert_eq!((profile.email.as_deref(), profile.email_verified), (Some("ada@example.org"), true));
    assert_eq!(profile.name.as_deref(), Some("Ada"));

    tell(bare, json!({ "sub": "bob-2", "email": "ada@example.org", "email_verified": true }));
    let result = sign_in(&issuer, |_| ()).await;
    assert!(matches!(result, Err(OauthError::Answer { .. })), "somebody else's: {result:?}");

    // What one place says of an address does not hold for the address of the other.
    tell(json!({ "email": null, "name": null }), json!({ "sub": "ada-1", "email": "b@example.org" }));
    assert!(!sign_in(&issuer, |_| ()).await.unwrap().profile.email_verified);
    let claims = json!({ "email": "b@example.org", "email_verified": null, "name": null });
    tell(claims, json!({ "sub": "ada-1", "email": "ada@example.org", "email_verified": true }));
    let profile = sign_in(&issuer, |_| ()).await.unwrap().profile;
    assert_eq!((profile.email.as_deref(), profile.email_verified), (Some("b@example.org"), false));
}

#[tokio::test]
async fn a_wrong_secret_opens_nothing() {
    let issuer = Issuer::start().await;
    let mut registration = issuer.registration("corporate");
    registration.credential = Credential::Secret("guessed".to_owned());
    let (oauth, provider) = (oauth(&clock()), Provider::new(registration).unwrap());
    let (url, pending) = oauth.begin(&provider, &wish()).await.unwrap();
    issuer.visit(&url);
    let code = Some("the-code".to_owned());
    let answered = Answered { state: pending.state.clone(), code, ..Answered::default() };
    let result = oauth.finish(&provider, &pending, &answered).await;
    let Err(error @ OauthError::Refused { .. }) = result else { panic!("{result:?}") };
    assert!(!format!("{error:?} {error}").contains("guessed"));
}

#[tokio::test]
async fn answers_that_are_too_long_or_lead_elsewhere() {
    let issuer = Issuer::start().await;
    let long = vec![b' '; outbound::ANSWER_BYTES_MAX + 1];
    for path in ["/.well-known/openid-configuration", "/token", "/jwks"] {
        issuer.tell(|script| script.instead = vec![(path, 200, long.clone())]);
        let result = sign_in(&issuer, |_| ()).await;
        let is_long =
            matches!(result, Err(OauthError::Unreachable { source: OutboundError::Long { .. }, .. }));
        assert!(is_long, "{path}: {result:?}");
        issuer.tell(|script| script.instead = vec![(path, 302, Vec::new())]);
        let result = sign_in(&issuer, |_| ()).await;
        assert!(matches!(result, Err(OauthError::Status { status: 302, .. })), "{path}: {result:?}");
    }
    assert_eq!(issuer.asked("/elsewhere"), 0);
}

#[tokio::test]
async fn documents_of_another_issuer_or_with_addresses_out_of_reach() {
    let issuer = Issuer::start().await;
    let documents = [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": format!("{}/", issuer.url) }),
        json!({ "token_endpoint": "http://169.254.169.254/latest" }),
        json!({ "token_endpoint": "https://evil.example/token" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "userinfo_endpoint": "file:///etc/passwd" }),
        json!({ "jwks_uri": "no address" }),
        json!({ "jwks_uri": null }),
    ];
    for document in documents {
        issuer.tell(|script| script.document = document.clone());
        let result = sign_in(&issuer, |_| ()).await;
        assert!(matches!(result, Err(OauthError::Answer { .. })), "{document}: {result:?}");
    }
}

#[tokio::test]
async fn documents_are_kept_for_a_while() {
    let issuer = Issuer::start().await;
    let clock = clock();
    let (oauth, provider) = (oauth(&clock), issuer.provider());
    let bring = async || {
        let token = issuer.id_token();
        oauth.bearer(&provider, &Brought { id_token: &token, access_token: None, nonce: None }).await
    };
    let asked = || (issuer.asked("/.well-known/openid-configuration"), issuer.asked("/jwks"));
    for _ in 0..3 {
        bring().await.unwrap();
    }
    assert_eq!(asked(), (1, 1));
    // A key that nobody knows makes the keys be read again, once a minute.
    issuer.tell(|script| script.kid = json!("unknown"));
    for _ in 0..3 {
        bring().await.unwrap_err();
    }
    assert_eq!(asked(), (1, 1));
    clock.advance(Duration::from_secs(60));
    for _ in 0..3 {
        bring().await.unwrap_err();
    }
    assert_eq!(asked(), (1, 2));
    // Everything is read again after an hour.
    issuer.tell(|script| (script.kid, script.claims) = (json!("ec"), json!({ "exp": NOW + 9_999 })));
    clock.advance(Duration::from_secs(3_600));
    bring().await.unwrap();
    assert_eq!(asked(), (2, 3));
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_for_a_while() {
    let issuer = Issuer::start().await;
    let clock = clock();
    let (oauth, provider) = (oauth(&clock), issuer.provider());
    let path = "/.well-known/openid-configuration";
    issuer.tell(|script| script.instead = vec![(path, 503, Vec::new())]);
    let result = oauth.begin(&provider, &wish()).await;
    assert!(matches!(result, Err(OauthError::Status { status: 503, .. })), "{result:?}");
    assert!(matches!(oauth.begin(&provider, &wish()).await, Err(OauthError::Resting { .. })));
    assert_eq!(issuer.asked(path), 1);
    clock.advance(Duration::from_secs(5));
    oauth.begin(&provider, &wish()).await.unwrap();
}

#[tokio::test]
async fn somebody_brings_an_id_token() {
    let issuer = Issuer::start().await;
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    let hash: String = Sha256::digest("raw").iter().map(|byte| format!("{byte:02x}")).collect();
    let cases = [
        (json!({}), None, None, None),
        (json!({ "aud": "app-mobile", "azp": "app-ios" }), None, None, None),
        (json!({ "aud": "another app" }), None, None, Some(IdTokenError::Audience)),
        (json!({ "nonce": hash }), Some("raw"), None, None),
        (json!({ "nonce": "raw" }), Some("raw"), None, Some(IdTokenError::Nonce)),
        (json!({ "nonce": hash }), None, None, Some(IdTokenError::Nonce)),
        (json!({}), Some("raw"), None, Some(IdTokenError::Nonce)),
        (json!({}), None, Some(ACCESS), None),
        (json!({}), None, Some("another"), Some(IdTokenError::AccessToken)),
        (json!({ "exp": NOW - 100 }), None, None, Some(IdTokenError::Expired)),
    ];
    for (claims, nonce, access_token, expected) in cases {
        issuer.tell(|script| script.claims = claims.clone());
        let token = issuer.id_token();
        let result = oauth.bearer(&provider, &Brought { id_token: &token, access_token, nonce }).await;
        match (expected, result) {
            (None, Ok(profile)) => assert_eq!(profile.subject, "ada-1"),
            (Some(expected), Err(OauthError::IdToken(error))) => assert_eq!(error, expected, "{claims}"),
            (_, result) => panic!("{claims}: {result:?}"),
        }
    }
    assert_eq!(id_token::issuer(&issuer.id_token()).as_deref(), Some(issuer.url.as_str()));
    for odd in ["", "a.b", "a.b.c", "....", &"a".repeat(20_000)] {
        let result =
            oauth.bearer(&provider, &Brought { id_token: odd, access_token: None, nonce: None }).await;
        assert!(matches!(result, Err(OauthError::IdToken(IdTokenError::Malformed))), "{odd}: {result:?}");
    }
}

#[tokio::test]
async fn a_device_waits_until_somebody_enters_its_code() {
    let issuer = Issuer::start().await;
    let (oauth, provider) = (oauth(&clock()), issuer.provider());
    let device = oauth.begin_device(&provider).await.unwrap();
    assert_eq!((device.user_code.as_str(), device.expires_in, device.interval), ("WDJB-MJHT", 600, 7));
    assert_eq!(device.verification_uri.path(), "/enter");
    assert_eq!(device.verification_uri_complete, None, "no browser is sent to a script");
    let poll = async |error: &str| {
        let body = json!({ "error": error }).to_string().into_bytes();
        issuer.tell(|script| script.instead = vec![("/token", 400, body)]);
        oauth.poll(&provider, &device.code).await
    };
    assert!(matches!(poll("authorization_pending").await, Ok(Poll::Pending)));
    assert!(matches!(poll("slow_down").await, Ok(Poll::SlowDown)));
    assert!(matches!(poll("access_denied").await, Ok(Poll::Denied)));
    assert!(matches!(poll("expired_token").await, Ok(Poll::Expired)));
    assert!(matches!(poll("invalid_grant").await, Err(OauthError::Refused { .. })));
    let Ok(Poll::Done(signed_in)) = oauth.poll(&provider, &device.code).await else { panic!() };
    assert_eq!(signed_in.profile.subject, "ada-1");
    issuer.tell(|script| script.claims = json!({ "aud": "another app" }));
    let result = oauth.poll(&provider, &device.code).await;
    assert!(matches!(result, Err(OauthError::IdToken(IdTokenError::Audience))), "{result:?}");
    assert_eq!((device::slower(7), device::slower(58)), (12, 60));
}
