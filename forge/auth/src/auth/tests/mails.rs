//! Links and codes: what they open, how often, and for whom.

use std::time::Duration;

use serde_json::{Value, json};

use crate::scene::{PASSWORD, Scene, access};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn path_of(link: &str) -> &str {
    link.strip_prefix("http://127.0.0.1:54321/auth/v1").unwrap()
}

#[tokio::test]
async fn a_link_and_a_code_each_sign_in_once() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    scene.ask("POST", "/otp", None, json!({ "email": "ada@example.org" })).await;
    let mail = scene.mail("ada@example.org");
    let body = json!({ "type": "email", "email": "ada@example.org", "token": mail.code() });
    let session = scene.ask("POST", "/verify", None, body.clone()).await;
    assert_eq!(session.status, 200);
    assert_eq!(scene.who(access(&session.body)).claims["amr"][0]["method"], "otp");
    assert_eq!(scene.ask("POST", "/verify", None, body).await.body["code"], "otp_expired");
    // The link was of the same token.
    let to = scene.ask("GET", path_of(&mail.links()[0]), None, Value::Null).await.location.unwrap();
    assert!(to.contains("otp_expired"), "{to}");
}

#[tokio::test]
async fn a_link_makes_somebody_new_where_that_is_wanted() {
    let scene = Scene::with(|_| {});
    let body = json!({ "email": "new@example.org", "create_user": false });
    assert_eq!(scene.ask("POST", "/otp", None, body).await.status, 200);
    assert_eq!(scene.mails(), 0);
    let body = json!({ "email": "new@example.org", "data": { "name": "New" } });
    assert_eq!(scene.ask("POST", "/otp", None, body).await.body, json!({}));
    let body =
        json!({ "type": "email", "email": "new@example.org", "token": scene.mail("new@example.org").code() });
    let session = scene.ask("POST", "/verify", None, body).await.body;
    assert_eq!(session["user"]["user_metadata"]["name"], "New");
    assert!(session["user"]["email_confirmed_at"].is_string());
}

#[tokio::test]
async fn five_wrong_codes_make_the_right_one_wrong() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    scene.ask("POST", "/recover", None, json!({ "email": "ada@example.org" })).await;
    let mail = scene.mail("ada@example.org");
    let right = mail.code().unwrap();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let body = |code: &str| json!({ "type": "recovery", "email": "ada@example.org", "token": code });
    for _ in 0..5 {
        assert_eq!(scene.ask("POST", "/verify", None, body(wrong)).await.body["code"], "otp_expired");
    }
    assert_eq!(scene.ask("POST", "/verify", None, body(right)).await.body["code"], "otp_expired");
    let to = scene.ask("GET", path_of(&mail.links()[0]), None, Value::Null).await.location.unwrap();
    assert!(to.contains("otp_expired"), "the link is spent as well: {to}");
}

#[tokio::test]
async fn tokens_are_for_their_purpose_their_address_and_their_time() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    scene.person("bob@example.org").await;
    scene.ask("POST", "/recover", None, json!({ "email": "ada@example.org" })).await;
    let code = scene.mail("ada@example.org").code().unwrap().to_owned();
    for body in [
        json!({ "type": "magiclink", "email": "ada@example.org", "token": code }),
        json!({ "type": "signup", "email": "ada@example.org", "token": code }),
        json!({ "type": "recovery", "email": "bob@example.org", "token": code }),
        json!({ "type": "recovery", "email": "nobody@example.org", "token": code }),
    ] {
        assert_eq!(
            scene.ask("POST", "/verify", None, body.clone()).await.body["code"],
            "otp_expired",
            "{body}"
        );
    }
    scene.clock.advance(Duration::from_secs(3_601));
    let body = json!({ "type": "recovery", "email": "ada@example.org", "token": code });
    assert_eq!(scene.ask("POST", "/verify", None, body).await.body["code"], "otp_expired");
}

/// A client that shows a challenge gets a code that only it can exchange.
#[tokio::test]
async fn a_code_is_exchanged_by_who_asked_for_it_and_once() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    let body = json!({
        "email": "ada@example.org", "code_challenge": CHALLENGE, "code_challenge_method": "s256",
    });
    assert_eq!(scene.ask("POST", "/otp", None, body).await.status, 200);
    let link = scene.mail("ada@example.org").links()[0].clone();
    assert!(link.contains("token=pkce_"), "{link}");
    let to = scene.ask("GET", path_of(&link), None, Value::Null).await.location.unwrap();
    let code = to.split_once("?code=").unwrap_or_else(|| panic!("{to}")).1.to_owned();
    let exchange = |code: &str, verifier: &str| json!({ "auth_code": code, "code_verifier": verifier });
    let path = "/token?grant_type=pkce";
    let wrong = scene.ask("POST", path, None, exchange(&code, &"x".repeat(43))).await;
    assert_eq!(wrong.body["code"], "bad_code_verifier");
    let session = scene.ask("POST", path, None, exchange(&code, VERIFIER)).await;
    assert_eq!(session.body["user"]["email"], "ada@example.org");
    let again = scene.ask("POST", path, None, exchange(&code, VERIFIER)).await;
    assert_eq!((again.status.as_u16(), &again.body["code"]), (404, &json!("flow_state_not_found")));
    for (challenge, method) in [("short", "s256"), (CHALLENGE, "s512"), (&"é".repeat(50), "plain")] {
        let body =
            json!({ "email": "a@example.org", "code_challenge": challenge, "code_challenge_method": method });
        assert_eq!(scene.ask("POST", "/otp", None, body).await.body["code"], "validation_failed");
    }
}

#[tokio::test]
async fn both_addresses_agree_to_a_change_in_either_order() {
    for order in [["ada@example.org", "new@example.org"], ["new@example.org", "ada@example.org"]] {
        let scene = Scene::with(|_| {});
        let session = scene.person("ada@example.org").await;
        let changed =
            scene.ask("PUT", "/user", access(&session), json!({ "email": "new@example.org" })).await;
        assert_eq!(
            (&changed.body["email"], &changed.body["new_email"]),
            (&json!("ada@example.org"), &json!("new@example.org"))
        );
        let half = scene.ask("GET", path_of(&scene.mail(order[0]).links()[0]), None, Value::Null).await;
        assert!(half.location.unwrap().contains("message=Confirmation+link+accepted"));
        let user = scene.ask("GET", "/user", access(&session), Value::Null).await.body;
        assert_eq!(user["email"], "ada@example.org");
        let body = json!({ "type": "email_change", "email": order[1], "token": scene.mail(order[1]).code() });
        let done = scene.ask("POST", "/verify", None, body).await;
        assert_eq!(done.body["user"]["email"], "new@example.org", "{}", done.body);
        assert_eq!(done.body["user"]["identities"][0]["email"], "new@example.org");
    }
}

/// Somebody wants the address that another user has, or takes it while the change waits.
#[tokio::test]
async fn an_address_of_somebody_else_cannot_be_taken() {
    let scene = Scene::with(|settings| settings.secure_email_change = false);
    scene.person("victim@example.org").await;
    let session = scene.person("eve@example.org").await;
    let mails = scene.mails();
    let taken = scene.ask("PUT", "/user", access(&session), json!({ "email": "victim@example.org" })).await;
    assert_eq!(taken.status, 200, "nothing is told");
    assert_eq!(scene.mails(), mails, "and nobody is written to");
    let free = scene.ask("PUT", "/user", access(&session), json!({ "email": "free@example.org" })).await;
    assert_eq!(free.status, 200);
    let code = scene.mail("free@example.org").code().unwrap().to_owned();
    scene.person("free2@example.org").await;
    let body = json!({ "email": "free@example.org", "email_confirm": true });
    assert_eq!(scene.ask_as_service("POST", "/admin/users", body).await.status, 200);
    let body = json!({ "type": "email_change", "email": "free@example.org", "token": code });
    assert_eq!(scene.ask("POST", "/verify", None, body).await.body["code"], "otp_expired");
    let user = scene.ask("GET", "/user", access(&session), Value::Null).await.body;
    assert_eq!(user["email"], "eve@example.org");
}

/// A link to the old address must not open the account once it has another one.
#[tokio::test]
async fn links_to_an_address_end_with_it() {
    let scene = Scene::with(|settings| settings.secure_email_change = false);
    let session = scene.person("old@example.org").await;
    scene.ask("POST", "/recover", None, json!({ "email": "old@example.org" })).await;
    let old = scene.mail("old@example.org");
    scene.ask("PUT", "/user", access(&session), json!({ "email": "new@example.org" })).await;
    let body = json!({ "type": "email_change", "email": "new@example.org", "token": scene.mail("new@example.org").code() });
    assert_eq!(scene.ask("POST", "/verify", None, body).await.status, 200);
    let to = scene.ask("GET", path_of(&old.links()[0]), None, Value::Null).await.location.unwrap();
    assert!(to.contains("otp_expired"), "{to}");
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    let body = json!({ "email": "ada@example.org" });
    assert_eq!(
        scene.ask("POST", "/recover?redirect_to=https%3A%2F%2Fevil.example", None, body).await.body,
        json!({})
    );
    let link = scene.mail("ada@example.org").links()[0].clone();
    assert!(!link.contains("evil"), "{link}");
    let to = scene.ask("GET", path_of(&link), None, Value::Null).await.location.unwrap();
    assert!(to.contains("type=recovery"), "{to}");
    let token = to.split_once("access_token=").unwrap().1.split('&').next().unwrap();
    assert_eq!(scene.ask("PUT", "/user", Some(token), json!({ "password": "a new one" })).await.status, 200);
    for (password, status) in [(PASSWORD, 400), ("a new one", 200)] {
        let body = json!({ "email": "ada@example.org", "password": password });
        assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, status);
    }
}

#[tokio::test]
async fn what_was_sent_is_sent_again() {
    let scene = Scene::with(|_| {});
    scene.ask("POST", "/signup", None, json!({ "email": "ada@example.org", "password": PASSWORD })).await;
    let first = scene.mail("ada@example.org");
    let body = json!({ "type": "signup", "email": "ada@example.org" });
    assert_eq!(scene.ask("POST", "/resend", None, body.clone()).await.status, 200);
    assert_eq!(scene.mails(), 2);
    let old = json!({ "type": "signup", "email": "ada@example.org", "token": first.code() });
    assert_eq!(scene.ask("POST", "/verify", None, old).await.body["code"], "otp_expired");
    let new = json!({ "type": "signup", "email": "ada@example.org", "token": scene.mail("ada@example.org").code() });
    assert_eq!(scene.ask("POST", "/verify", None, new).await.status, 200);
    // Confirmed: there is nothing to send, and nothing is told.
    assert_eq!(scene.ask("POST", "/resend", None, body).await.status, 200);
    assert_eq!(scene.mails(), 2);
}

/// Somebody signs up with an address of somebody else, and its owner then comes by a link.
#[tokio::test]
async fn a_password_from_before_the_first_mail_opens_nothing() {
    for path in ["/otp", "/recover"] {
        let scene = Scene::with(|_| {});
        let body = json!({ "email": "ada@example.org", "password": "of the attacker" });
        scene.ask("POST", "/signup", None, body.clone()).await;
        scene.ask("POST", path, None, json!({ "email": "ada@example.org" })).await;
        let link = scene.mail("ada@example.org").links()[0].clone();
        let to = scene.ask("GET", path_of(&link), None, Value::Null).await.location.unwrap();
        assert!(to.contains("access_token="), "{path} {to}");
        let guess = scene.ask("POST", "/token?grant_type=password", None, body).await;
        assert_eq!(guess.body["code"], "invalid_credentials", "{path}");
    }
}

/// The old address alone never moves an account to one that nobody has confirmed.
#[tokio::test]
async fn the_new_address_always_has_to_agree() {
    let scene = Scene::with(|settings| settings.secure_email_change = false);
    scene.person("old@example.org").await;
    let body =
        json!({ "type": "email_change_current", "email": "old@example.org", "new_email": "new@example.org" });
    let made = scene.ask_as_service("POST", "/admin/generate_link", body).await.body;
    let body = json!({ "type": "email_change", "token_hash": made["hashed_token"] });
    let half = scene.ask("POST", "/verify", None, body).await;
    assert_eq!((half.status.as_u16(), &half.body["code"]), (200, &json!("200")));
    let body = json!({ "email": "old@example.org", "password": PASSWORD });
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, 200);
}
