use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::Settings;
use crate::oauth::outbound::Web;
use crate::oauth::tests::issuer::{ACCESS, Issuer};
use crate::scene::{PASSWORD, Scene, access};

/// Appendix B of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=s256";
const APP: &str = "https://app.example.com/welcome";

/// A service, and a provider that it knows as `corporate`.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) issuer: Issuer,
}

/// Somebody on the way back: what the provider sends along, and the browser's cookie.
pub(crate) struct Back {
    pub(crate) state: String,
    pub(crate) cookie: Option<String>,
}

impl Stage {
    pub(crate) async fn new(change: impl FnOnce(&mut Settings)) -> Stage {
        let issuer = Issuer::start().await;
        let scene = Scene::reaching(Arc::new(Web::new().unwrap()), |settings| {
            settings.external_url = "http://127.0.0.1:9999/auth/v1".to_owned();
            settings.site_url = "https://app.example.com".to_owned();
            settings.manual_linking = true;
            settings.providers.insert("corporate".to_owned(), issuer.registration("corporate"));
            change(settings);
        });
        Stage { scene, issuer }
    }

    async fn raw(&self, request: http::request::Builder, body: &str) -> Response<Bytes> {
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        self.scene.auth.answer(&self.scene.who(None), request).await
    }

    /// Off to the provider.
    pub(crate) async fn leave(&self, more: &str) -> Back {
        let path = format!("/authorize?provider=corporate&redirect_to={APP}&{more}");
        let response = self.raw(Request::get(path).header("host", "127.0.0.1:9999"), "").await;
        assert_eq!(response.status(), StatusCode::FOUND, "{response:?}");
        let cookie = response.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        self.arrived_there(&location(&response), cookie)
    }

    pub(crate) fn arrived_there(&self, url: &Url, cookie: Option<String>) -> Back {
        let query = self.issuer.visit(url);
        Back { state: query["state"].as_str().unwrap().to_owned(), cookie }
    }

    /// Back from it, with `more` in the address.
    pub(crate) async fn come(&self, back: &Back, more: &str) -> Url {
        let mut request = Request::get(format!("/callback?state={}&{more}", back.state));
        if let Some(cookie) = &back.cookie {
            request = request.header("cookie", format!("other=1; {}", cookie.split(';').next().unwrap()));
        }
        location(&self.raw(request, "").await)
    }

    /// Whoever the provider says it is now, by PKCE; the session.
    pub(crate) async fn sign_in(&self) -> Value {
        let back = self.leave(CHALLENGE).await;
        let to = self.come(&back, "code=the-code").await;
        self.exchange(&to).await
    }

    async fn exchange(&self, to: &Url) -> Value {
        let code = parameter(to.query(), "code").unwrap_or_else(|| panic!("no code: {to}"));
        let body = json!({ "auth_code": code, "code_verifier": VERIFIER });
        let answer = self.scene.ask("POST", "/token?grant_type=pkce", None, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) fn claims(&self, claims: Value) {
        self.issuer.tell(|script| script.claims = claims);
    }
}

fn location(response: &Response<Bytes>) -> Url {
    let to = response.headers().get("location").unwrap_or_else(|| panic!("{response:?}"));
    Url::parse(to.to_str().unwrap()).unwrap()
}

fn parameter(pairs: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(pairs?.as_bytes());
    pairs.find(|(named, _)| named == name).map(|(_, value)| value.into_owned())
}

/// The two names of an error, which are told twice.
fn error(to: &Url) -> (String, String) {
    let read = |pairs| parameter(pairs, "error").zip(parameter(pairs, "error_code"));
    let told = read(to.query()).unwrap_or_else(|| panic!("no error: {to}"));
    assert_eq!(read(to.fragment()), Some(told.clone()), "{to}");
    told
}

fn named(error: &str, code: &str) -> (String, String) {
    (error.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_client_with_a_verifier_exchanges_a_code() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave(CHALLENGE).await;
    assert_eq!(back.cookie, None, "the verifier binds the client");
    let to = stage.come(&back, "code=the-code").await;
    assert!(to.as_str().starts_with(&format!("{APP}?code=")), "{to}");
    let session = stage.exchange(&to).await;
    assert_eq!(
        (&session["provider_token"], &session["provider_refresh_token"]),
        (&json!(ACCESS), &json!("refresh"))
    );
    let user = &session["user"];
    assert_eq!(user["email"], "ada@example.org");
    assert!(user["email_confirmed_at"].is_string());
    assert_eq!(user["app_metadata"], json!({ "provider": "corporate", "providers": ["corporate"] }));
    assert_eq!(user["user_metadata"]["full_name"], "Ada Lovelace");
    let identity = &user["identities"][0];
    assert_eq!((&identity["id"], &identity["provider"]), (&json!("ada-1"), &json!("corporate")));
    assert_eq!(identity["identity_data"]["email_verified"], true);
    let me = stage.scene.ask("GET", "/user", access(&session), Value::Null).await;
    assert_eq!((me.status.as_u16(), &me.body["id"]), (200, &user["id"]));
    // The same person is the same user, whatever they are called now.
    stage.claims(json!({ "email": "new@example.org", "name": "Countess" }));
    let again = stage.sign_in().await;
    assert_eq!(again["user"]["id"], user["id"]);
    assert_eq!(again["user"]["email"], "ada@example.org", "their address is theirs to change");
    assert_eq!(again["user"]["identities"][0]["identity_data"]["email"], "new@example.org");
}

#[tokio::test]
async fn a_client_without_one_gets_the_session_in_the_browser_that_left() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave("").await;
    let cookie = back.cookie.clone().unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/auth/v1/callback", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let to = stage.come(&back, "code=the-code").await;
    assert_eq!(to.query(), None);
    let read = |name| parameter(to.fragment(), name);
    assert_eq!(read("token_type").as_deref(), Some("bearer"));
    assert_eq!(read("provider_token").as_deref(), Some(ACCESS));
    assert!(read("refresh_token").is_some() && read("expires_at").is_some());
    let token = read("access_token");
    assert_eq!(stage.scene.ask("GET", "/user", token.as_deref(), Value::Null).await.status, 200);

    // Somebody is sent through the end of a sign-in that somebody else began.
    for cookie in
        [None, Some("sb-flow-x=y".to_owned()), Some(format!("{}x", cookie.split(';').next().unwrap()))]
    {
        let mut theirs = stage.leave("").await;
        theirs.cookie = cookie;
        let to = stage.come(&theirs, "code=the-code").await;
        assert_eq!(error(&to), named("invalid_request", "bad_oauth_state"));
    }
    assert_eq!(stage.issuer.asked("/token"), 1, "nobody's code is shown to the provider");
}

#[tokio::test]
async fn a_browser_at_another_address_of_the_server_is_sent_home_first() {
    let stage = Stage::new(|_| ()).await;
    let begin = async |path: &str, host: &str| {
        let path = format!("/authorize?provider=corporate&{path}");
        location(&stage.raw(Request::get(path).header("host", host), "").await)
    };
    let home = begin("scopes=a+b", "localhost:9999").await;
    assert_eq!(
        home.as_str(),
        "http://127.0.0.1:9999/auth/v1/authorize?provider=corporate&scopes=a+b&at_home=1"
    );
    // Once: behind a proxy the server may never see its own name.
    assert!(begin("at_home=1", "localhost:9999").await.as_str().starts_with(&stage.issuer.url));
    assert!(begin(CHALLENGE, "localhost:9999").await.as_str().starts_with(&stage.issuer.url));
}

#[tokio::test]
async fn a_state_is_good_once_and_for_ten_minutes() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave(CHALLENGE).await;
    // Fifty answers at once: one is taken.
    let all = join_all((0..50).map(|_| stage.come(&back, "code=the-code"))).await;
    assert_eq!(all.iter().filter(|to| parameter(to.query(), "code").is_some()).count(), 1);
    let again = stage.come(&back, "code=the-code").await;
    assert_eq!(error(&again), named("invalid_request", "bad_oauth_state"));
    assert_eq!(again.host_str(), Some("app.example.com"));
    assert_eq!(stage.issuer.asked("/token"), 1);

    let late = stage.leave(CHALLENGE).await;
    stage.scene.clock.advance(Duration::from_secs(600));
    let to = stage.come(&late, "code=the-code").await;
    assert_eq!(error(&to), named("access_denied", "flow_state_expired"));
    for state in ["", "nonsense", "%00", &"x".repeat(5_000)] {
        let back = Back { state: state.to_owned(), cookie: None };
        assert_eq!(error(&stage.come(&back, "code=the-code").await).0, "invalid_request", "{state}");
    }
    assert_eq!(stage.issuer.asked("/token"), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told_to_the_application() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave(CHALLENGE).await;
    let to = stage.come(&back, "error=access_denied&error_description=Ada+said+no").await;
    assert!(to.as_str().starts_with(APP));
    assert_eq!(error(&to), named("access_denied", "bad_oauth_callback"));
    assert_eq!(parameter(to.query(), "error_description").as_deref(), Some("Ada said no"));
    let cases = [
        ("code=another", named("invalid_request", "bad_oauth_callback")),
        ("code=the-code&iss=https://evil.example", named("invalid_request", "bad_oauth_callback")),
        ("", named("invalid_request", "bad_oauth_callback")),
        ("error=%3Cscript%3E", named("server_error", "bad_oauth_callback")),
    ];
    for (answer, expected) in cases {
        let back = stage.leave(CHALLENGE).await;
        assert_eq!(error(&stage.come(&back, answer).await), expected, "{answer}");
    }
    stage.claims(json!({ "nonce": "of another" }));
    let back = stage.leave(CHALLENGE).await;
    let to = stage.come(&back, "code=the-code").await;
    assert_eq!(error(&to), named("invalid_request", "bad_oauth_callback"));
    stage.issuer.tell(|script| script.instead = vec![("/token", 500, Vec::new())]);
    let back = stage.leave(CHALLENGE).await;
    let to = stage.come(&back, "code=the-code").await;
    assert_eq!(error(&to), named("temporarily_unavailable", "unavailable"));
}

#[tokio::test]
async fn nobody_is_sent_where_nobody_may_be_sent() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave("").await;
    for wanted in [
        "https://evil.example",
        "javascript:alert(1)",
        "//evil.example",
        "https://app.example.com@evil.example",
    ] {
        let path = format!("/authorize?provider=corporate&{CHALLENGE}&redirect_to={wanted}");
        let response = stage.raw(Request::get(path), "").await;
        let back = stage.arrived_there(&location(&response), None);
        assert_eq!(stage.come(&back, "code=the-code").await.host_str(), Some("app.example.com"), "{wanted}");
    }
    // The provider cannot choose either.
    let to = stage.come(&back, "code=the-code&redirect_to=https://evil.example").await;
    assert!(to.as_str().starts_with(APP));
    for provider in ["", "nonsense", "corporate%00"] {
        let answer =
            stage.scene.ask("GET", &format!("/authorize?provider={provider}"), None, Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("validation_failed")));
    }
}

#[tokio::test]
async fn a_provider_may_answer_by_a_form() {
    let stage = Stage::new(|_| ()).await;
    let back = stage.leave(CHALLENGE).await;
    let request = Request::post("/callback").header("content-type", "application/x-www-form-urlencoded");
    let response = stage.raw(request, &format!("state={}&code=the-code", back.state)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "the form is not sent on");
    stage.exchange(&location(&response)).await;
}

#[tokio::test]
async fn an_account_is_linked_where_both_sides_have_checked_the_address() {
    let stage = Stage::new(|_| ()).await;
    let ada = stage.scene.person("ada@example.org").await;
    let session = stage.sign_in().await;
    assert_eq!(session["user"]["id"], ada["user"]["id"]);
    assert_eq!(session["user"]["app_metadata"]["providers"], json!(["email", "corporate"]));
    // Nothing is taken from them.
    assert_eq!(stage.scene.ask("GET", "/user", access(&ada), Value::Null).await.status, 200);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(stage.scene.ask("POST", "/token?grant_type=password", None, body).await.status, 200);
}

#[tokio::test]
async fn an_address_that_the_provider_has_not_checked_opens_no_account() {
    let stage = Stage::new(|_| ()).await;
    let ada = stage.scene.person("ada@example.org").await;
    for claims in [json!({ "email_verified": false }), json!({ "email_verified": null, "sub": "eve" })] {
        stage.claims(claims);
        let session = stage.sign_in().await;
        assert_ne!(session["user"]["id"], ada["user"]["id"]);
        assert_eq!(session["user"]["email"], "");
    }
    // Once it has, and nobody else has the address, it is theirs.
    stage.claims(json!({ "sub": "eve", "email": "eve@example.org", "email_verified": true }));
    assert_eq!(stage.sign_in().await["user"]["email"], "eve@example.org");
    stage.claims(json!({ "email_verified": true }));
    assert_eq!(stage.sign_in().await["user"]["email"], "", "somebody else has it");
}

#[tokio::test]
async fn whoever_sat_on_an_address_loses_it_to_its_owner() {
    let stage = Stage::new(|settings| settings.confirm_email = false).await;
    let scene = &stage.scene;
    let squatter = scene.person("ada@example.org").await;
    scene.ask("POST", "/recover", None, json!({ "email": "ada@example.org" })).await;
    let link = scene.mail("ada@example.org");
    let session = stage.sign_in().await;
    let user = &session["user"];
    assert_eq!(user["id"], squatter["user"]["id"]);
    assert_eq!(user["app_metadata"], json!({ "provider": "corporate", "providers": ["corporate"] }));
    assert_eq!(user["identities"].as_array().unwrap().len(), 1);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, 400);
    assert_eq!(scene.ask("GET", "/user", access(&squatter), Value::Null).await.status, 403);
    let body = json!({ "refresh_token": squatter["refresh_token"] });
    assert_eq!(scene.ask("POST", "/token?grant_type=refresh_token", None, body).await.status, 400);
    let body = json!({ "type": "recovery", "email": "ada@example.org", "token": link.code() });
    assert_eq!(scene.ask("POST", "/verify", None, body).await.status, 403);
    // From now on the address is known to be theirs.
    let other = stage.sign_in().await;
    assert_eq!(scene.ask("GET", "/user", access(&session), Value::Null).await.status, 200);
    assert_eq!(other["user"]["id"], user["id"]);
}

#[tokio::test]
async fn an_address_that_was_never_confirmed_is_its_owners() {
    let stage = Stage::new(|_| ()).await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "data": { "name": "Eve" } });
    assert_eq!(stage.scene.ask("POST", "/signup", None, body).await.status, 200);
    let link = stage.scene.mail("ada@example.org");
    let session = stage.sign_in().await;
    assert_eq!(session["user"]["user_metadata"]["name"], "Ada Lovelace");
    let body = json!({ "type": "signup", "email": "ada@example.org", "token": link.code() });
    assert_eq!(stage.scene.ask("POST", "/verify", None, body).await.status, 403);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(stage.scene.ask("POST", "/token?grant_type=password", None, body).await.status, 400);
}

#[tokio::test]
async fn who_may_not_come_does_not() {
    let stage = Stage::new(|settings| settings.signup = false).await;
    let back = stage.leave(CHALLENGE).await;
    let to = stage.come(&back, "code=the-code").await;
    assert_eq!(error(&to), named("access_denied", "signup_disabled"));
    let body = json!({ "email": "ada@example.org", "email_confirm": true });
    let made = stage.scene.ask_as_service("POST", "/admin/users", body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(stage.sign_in().await["user"]["id"], made.body["id"]);
    let path = format!("/admin/users/{}", made.body["id"].as_str().unwrap());
    stage.scene.ask_as_service("PUT", &path, json!({ "ban_duration": "1h" })).await;
    for more in [CHALLENGE, ""] {
        let back = stage.leave(more).await;
        let to = stage.come(&back, "code=the-code").await;
        assert_eq!(error(&to), named("access_denied", "user_banned"));
    }
}
