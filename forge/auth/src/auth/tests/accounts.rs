//! Sign-up, sign-in and what users change of themselves.

use serde_json::{Value, json};

use crate::scene::{PASSWORD, Scene, access};

fn with_password(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn an_address_counts_once_it_is_confirmed() {
    let scene = Scene::with(|_| {});
    let body = json!({ "email": "Ada@Example.org", "password": PASSWORD, "data": { "name": "Ada" } });
    let signed = scene.ask("POST", "/signup", None, body).await;
    assert_eq!(signed.body["user_metadata"]["name"], "Ada");
    assert!(signed.body.get("access_token").is_none());
    let early = scene
        .ask("POST", "/token?grant_type=password", None, with_password("ada@example.org", PASSWORD))
        .await;
    assert_eq!(early.body["code"], "email_not_confirmed");
    let link = scene.mail("ada@example.org").links()[0].clone();
    let path = link.strip_prefix("http://127.0.0.1:54321/auth/v1").unwrap();
    let followed = scene.ask("GET", path, None, Value::Null).await;
    assert_eq!(followed.status, 303);
    let to = followed.location.unwrap();
    assert!(to.starts_with("http://localhost:3000/#access_token="), "{to}");
    let again = scene.ask("GET", path, None, Value::Null).await.location.unwrap();
    assert!(again.contains("error_code=otp_expired"), "{again}");
    let body = with_password("ADA@example.org", PASSWORD);
    let session = scene.ask("POST", "/token?grant_type=password", None, body).await;
    assert_eq!(session.status, 200);
    assert_eq!(session.body["user"]["user_metadata"]["email_verified"], true);
    assert_eq!(session.body["user"]["identities"][0]["identity_data"]["email_verified"], true);
}

/// Nobody learns from a sign-up whether an address is somebody's.
#[tokio::test]
async fn a_taken_address_is_answered_like_a_free_one() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    let mails = scene.mails();
    let mut shapes = Vec::new();
    for email in ["ada@example.org", "new@example.org"] {
        let (first, second) = (
            scene.ask("POST", "/signup", None, with_password(email, PASSWORD)).await,
            scene.ask("POST", "/signup", None, with_password(email, "another password")).await,
        );
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
        assert_eq!(first.body["id"], second.body["id"], "{email}");
        let mut shape = second.body;
        let text = shape.to_string().replace(shape["id"].as_str().unwrap(), "ID").replace(email, "EMAIL");
        shape = serde_json::from_str(&text).unwrap();
        shape["identities"][0]["identity_id"] = Value::Null;
        shapes.push(shape);
    }
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(scene.mails(), mails + 2, "only the free one got mail");
    let body = with_password("ada@example.org", "another password");
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, 400);
}

/// Somebody signs up with an address of somebody else and waits for them to confirm it.
#[tokio::test]
async fn the_last_one_to_sign_up_before_the_confirmation_sets_the_password() {
    let scene = Scene::with(|_| {});
    scene.ask("POST", "/signup", None, with_password("ada@example.org", "of the attacker")).await;
    let old = scene.mail("ada@example.org");
    scene.ask("POST", "/signup", None, with_password("ada@example.org", PASSWORD)).await;
    let verify = |code: String| json!({ "type": "signup", "email": "ada@example.org", "token": code });
    let stale = scene.ask("POST", "/verify", None, verify(old.code().unwrap().to_owned())).await;
    assert_eq!(stale.body["code"], "otp_expired");
    let code = scene.mail("ada@example.org").code().unwrap().to_owned();
    assert_eq!(scene.ask("POST", "/verify", None, verify(code)).await.status, 200);
    for (password, status) in [("of the attacker", 400), (PASSWORD, 200)] {
        let body = with_password("ada@example.org", password);
        assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, status);
    }
}

#[tokio::test]
async fn without_confirmation_a_session_comes_at_once() {
    let scene = Scene::with(|settings| settings.confirm_email = false);
    let session = scene.person("ada@example.org").await;
    assert!(session["access_token"].is_string());
    let again = scene.ask("POST", "/signup", None, with_password("ada@example.org", PASSWORD)).await;
    assert_eq!((again.status.as_u16(), &again.body["code"]), (422, &json!("user_already_exists")));
}

#[tokio::test]
async fn what_is_turned_off_says_so() {
    let scene = Scene::with(|settings| {
        settings.signup = false;
        settings.email = false;
    });
    let code = |answer: crate::scene::Answer| answer.body["code"].clone();
    let body = with_password("ada@example.org", PASSWORD);
    assert_eq!(code(scene.ask("POST", "/signup", None, body.clone()).await), "signup_disabled");
    let answer = scene.ask("POST", "/token?grant_type=password", None, body.clone()).await;
    assert_eq!(code(answer), "email_provider_disabled");
    assert_eq!(code(scene.ask("POST", "/otp", None, body).await), "email_provider_disabled");
    let quiet = Scene::with(|settings| settings.anonymous = false);
    assert_eq!(code(quiet.ask("POST", "/signup", None, json!({})).await), "anonymous_provider_disabled");
    let body = json!({ "phone": "+1555", "password": PASSWORD });
    assert_eq!(code(quiet.ask("POST", "/signup", None, body).await), "phone_provider_disabled");
    assert_eq!(code(quiet.ask("GET", "/nowhere", None, Value::Null).await), "not_found");
    assert_eq!(code(quiet.ask("POST", "/sso", None, json!({})).await), "sso_provider_not_found");
}

#[tokio::test]
async fn somebody_unknown_becomes_somebody() {
    let scene = Scene::with(|_| {});
    let session = scene.ask("POST", "/signup", None, json!({ "data": { "theme": "dark" } })).await.body;
    assert_eq!(session["user"]["is_anonymous"], true);
    let token = access(&session);
    assert_eq!(scene.who(token).claims["is_anonymous"], true);
    let changed = scene.ask("PUT", "/user", token, json!({ "email": "ada@example.org" })).await;
    assert_eq!(changed.body["new_email"], "ada@example.org");
    let code = scene.mail("ada@example.org").code().unwrap().to_owned();
    let body = json!({ "type": "email_change", "email": "ada@example.org", "token": code });
    let known = scene.ask("POST", "/verify", None, body).await;
    assert_eq!(known.status, 200, "{}", known.body);
    let user = &known.body["user"];
    assert_eq!((&user["is_anonymous"], &user["email"]), (&json!(false), &json!("ada@example.org")));
    assert_eq!(user["id"], session["user"]["id"]);
    assert_eq!(user["identities"][0]["provider"], "email");
    assert_eq!(user["user_metadata"]["theme"], "dark");
    let body = json!({ "password": PASSWORD });
    assert_eq!(scene.ask("PUT", "/user", access(&known.body), body).await.status, 200);
    let body = with_password("ada@example.org", PASSWORD);
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, 200);
}

#[tokio::test]
async fn users_change_what_is_theirs_and_nothing_else() {
    let scene = Scene::with(|_| {});
    let session = scene.person("ada@example.org").await;
    let token = access(&session);
    let body = json!({
        "data": { "name": "Ada", "sub": null }, "role": "service_role", "app_metadata": { "roles": ["admin"] },
        "email_confirmed_at": null, "id": "0", "is_anonymous": true, "banned_until": null,
    });
    let changed = scene.ask("PUT", "/user", token, body).await.body;
    assert_eq!(changed["user_metadata"]["name"], "Ada");
    assert!(changed["user_metadata"].get("sub").is_none(), "null removes");
    assert_eq!((&changed["role"], &changed["id"]), (&json!("authenticated"), &session["user"]["id"]));
    assert_eq!(changed["app_metadata"], json!({ "provider": "email", "providers": ["email"] }));
    assert_eq!(changed["is_anonymous"], false);
    for (body, code) in [
        (json!({ "data": [] }), "validation_failed"),
        (json!({ "data": { "x": "a\0b" } }), "validation_failed"),
        (json!({ "data": { "x": "y".repeat(70_000) } }), "validation_failed"),
        (json!({ "email": "no address" }), "validation_failed"),
        (json!({ "password": "short" }), "weak_password"),
        (json!({ "password": PASSWORD }), "same_password"),
        (json!({ "phone": "+1555" }), "phone_provider_disabled"),
    ] {
        assert_eq!(scene.ask("PUT", "/user", token, body.clone()).await.body["code"], code, "{body}");
    }
    assert_eq!(scene.ask("PUT", "/user", None, json!({ "data": {} })).await.status, 401);
    assert_eq!(scene.ask_as_service("PUT", "/user", json!({ "data": {} })).await.status, 403);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions() {
    let scene = Scene::with(|_| {});
    let one = scene.person("ada@example.org").await;
    let body = with_password("ada@example.org", PASSWORD);
    let two = scene.ask("POST", "/token?grant_type=password", None, body).await.body;
    let body = json!({ "password": "something new" });
    assert_eq!(scene.ask("PUT", "/user", access(&one), body).await.status, 200);
    assert_eq!(scene.ask("GET", "/user", access(&one), Value::Null).await.status, 200);
    assert_eq!(scene.ask("GET", "/user", access(&two), Value::Null).await.status, 403);
}

#[tokio::test]
async fn a_code_from_a_mail_shows_that_it_is_still_them() {
    let scene = Scene::with(|settings| settings.reauthentication = true);
    let session = scene.person("ada@example.org").await;
    let token = access(&session);
    scene.clock.advance(std::time::Duration::from_secs(3_000));
    // The session is young enough.
    assert_eq!(scene.ask("PUT", "/user", token, json!({ "password": "number two" })).await.status, 200);
    scene.clock.advance(std::time::Duration::from_secs(86_400));
    let body = json!({ "refresh_token": session["refresh_token"] });
    let session = scene.ask("POST", "/token?grant_type=refresh_token", None, body).await.body;
    let token = access(&session);
    let refused = scene.ask("PUT", "/user", token, json!({ "password": "number three" })).await;
    assert_eq!(refused.body["code"], "reauthentication_needed");
    assert_eq!(scene.ask("GET", "/reauthenticate", token, Value::Null).await.status, 200);
    let code = scene.mail("ada@example.org").code().unwrap().to_owned();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let body = json!({ "password": "number three", "nonce": wrong });
    assert_eq!(scene.ask("PUT", "/user", token, body).await.body["code"], "reauthentication_not_valid");
    let body = json!({ "password": "number three", "nonce": code });
    assert_eq!(scene.ask("PUT", "/user", token, body.clone()).await.status, 200);
    let body = json!({ "password": "number four", "nonce": code });
    assert_eq!(scene.ask("PUT", "/user", token, body).await.body["code"], "reauthentication_not_valid");
}
