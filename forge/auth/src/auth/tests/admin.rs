//! What only the application's backend may do.

use serde_json::{Value, json};

use crate::scene::{PASSWORD, Scene, access};

#[tokio::test]
async fn users_are_made_listed_changed_and_removed() {
    let scene = Scene::with(|_| {});
    let body = json!({
        "email": "ada@example.org", "password": PASSWORD, "email_confirm": true,
        "user_metadata": { "name": "Ada" }, "app_metadata": { "roles": ["editor"] },
    });
    let made = scene.ask_as_service("POST", "/admin/users", body.clone()).await;
    assert_eq!(
        made.body["app_metadata"],
        json!({ "provider": "email", "providers": ["email"], "roles": ["editor"] })
    );
    assert_eq!(scene.ask_as_service("POST", "/admin/users", body).await.body["code"], "email_exists");
    for n in 0..3 {
        let body = json!({ "email": format!("u{n}@example.org") });
        assert_eq!(scene.ask_as_service("POST", "/admin/users", body).await.status, 200);
    }
    let page = scene.ask_as_service("GET", "/admin/users?page=2&per_page=3", Value::Null).await.body;
    assert_eq!((page["users"].as_array().unwrap().len(), &page["aud"]), (1, &json!("authenticated")));
    let id = made.body["id"].as_str().unwrap();
    let path = format!("/admin/users/{id}");
    assert_eq!(scene.ask_as_service("GET", &path, Value::Null).await.body["email"], "ada@example.org");
    let body = json!({ "email": "lovelace@example.org", "app_metadata": { "roles": null, "plan": "pro" }, "ban_duration": "24h" });
    let changed = scene.ask_as_service("PUT", &path, body).await.body;
    assert_eq!(
        (&changed["email"], &changed["app_metadata"]["plan"]),
        (&json!("lovelace@example.org"), &json!("pro"))
    );
    assert!(changed["banned_until"].is_string() && changed["app_metadata"].get("roles").is_none());
    let sign_in = json!({ "email": "lovelace@example.org", "password": PASSWORD });
    let banned = scene.ask("POST", "/token?grant_type=password", None, sign_in.clone()).await;
    assert_eq!(banned.body["code"], "user_banned");
    assert_eq!(scene.ask_as_service("PUT", &path, json!({ "ban_duration": "none" })).await.status, 200);
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, sign_in.clone()).await.status, 200);
    assert_eq!(
        scene.ask_as_service("DELETE", &path, json!({ "should_soft_delete": true })).await.status,
        200
    );
    let gone = scene.ask("POST", "/token?grant_type=password", None, sign_in).await;
    assert_eq!(gone.body["code"], "invalid_credentials");
    assert_eq!(scene.ask_as_service("DELETE", &path, Value::Null).await.status, 200);
    assert_eq!(scene.ask_as_service("GET", &path, Value::Null).await.body["code"], "user_not_found");
}

#[tokio::test]
async fn nobody_else_may() {
    let scene = Scene::with(|_| {});
    let session = scene.person("ada@example.org").await;
    let id = session["user"]["id"].as_str().unwrap();
    let one = format!("/admin/users/{id}");
    for (method, path) in [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", one.as_str()),
        ("PUT", one.as_str()),
        ("DELETE", one.as_str()),
        ("POST", "/admin/generate_link"),
        ("GET", "/admin/audit"),
        ("POST", "/invite"),
    ] {
        let nobody = scene.ask(method, path, None, json!({})).await;
        assert_eq!(
            (nobody.status.as_u16(), &nobody.body["code"]),
            (401, &json!("no_authorization")),
            "{path}"
        );
        let user = scene.ask(method, path, access(&session), json!({})).await;
        assert_eq!((user.status.as_u16(), &user.body["code"]), (403, &json!("not_admin")), "{path}");
    }
}

#[tokio::test]
async fn roles_that_bind_nothing_are_nobodys() {
    let scene = Scene::with(|_| {});
    for role in ["service_role", "none", "pg_read_all_data", "", "a b", "x'"] {
        let body = json!({ "email": "a@example.org", "role": role, "email_confirm": true });
        let answer = scene.ask_as_service("POST", "/admin/users", body).await;
        // An empty role is none at all.
        assert_eq!(answer.status == 200, role.is_empty(), "{role}: {}", answer.body);
    }
}

#[tokio::test]
async fn links_do_what_a_mail_would() {
    let scene = Scene::with(|_| {});
    scene.person("ada@example.org").await;
    for (body, kind) in [
        (json!({ "type": "signup", "email": "s@example.org", "password": PASSWORD }), "signup"),
        (json!({ "type": "invite", "email": "i@example.org" }), "invite"),
        (json!({ "type": "magiclink", "email": "ada@example.org" }), "magiclink"),
        (json!({ "type": "magiclink", "email": "m@example.org" }), "email"),
        (json!({ "type": "recovery", "email": "ada@example.org" }), "recovery"),
    ] {
        let mails = scene.mails();
        let made = scene.ask_as_service("POST", "/admin/generate_link", body.clone()).await;
        assert_eq!(made.status, 200, "{body} {}", made.body);
        assert_eq!(scene.mails(), mails, "whoever asked sends it");
        assert!(
            made.body["action_link"].as_str().unwrap().contains(made.body["hashed_token"].as_str().unwrap())
        );
        let body = json!({ "type": kind, "token_hash": made.body["hashed_token"] });
        let session = scene.ask("POST", "/verify", None, body.clone()).await;
        assert_eq!(session.status, 200, "{body} {}", session.body);
    }
    for (body, code) in [
        (json!({ "type": "signup", "email": "ada@example.org", "password": PASSWORD }), "email_exists"),
        (json!({ "type": "recovery", "email": "nobody@example.org" }), "user_not_found"),
        (json!({ "type": "other", "email": "ada@example.org" }), "validation_failed"),
    ] {
        assert_eq!(scene.ask_as_service("POST", "/admin/generate_link", body).await.body["code"], code);
    }
}

#[tokio::test]
async fn an_invitation_is_accepted_and_then_a_password_is_set() {
    let scene = Scene::with(|settings| settings.signup = false);
    let body = json!({ "email": "guest@example.org", "data": { "team": 7 } });
    assert_eq!(scene.ask_as_service("POST", "/invite", body).await.status, 200);
    let link = scene.mail("guest@example.org").links()[0].clone();
    let path = link.strip_prefix("http://127.0.0.1:54321/auth/v1").unwrap();
    let to = scene.ask("GET", path, None, Value::Null).await.location.unwrap();
    let token = to.split_once("access_token=").unwrap().1.split('&').next().unwrap();
    let user = scene.ask("PUT", "/user", Some(token), json!({ "password": PASSWORD })).await.body;
    assert_eq!(user["user_metadata"]["team"], 7);
    let body = json!({ "email": "guest@example.org", "password": PASSWORD });
    assert_eq!(scene.ask("POST", "/token?grant_type=password", None, body).await.status, 200);
}

#[tokio::test]
async fn grants_are_in_tokens_and_changes_in_the_audit() {
    use crate::Actor;
    use crate::admin::{Grant, Subject};

    let scene = Scene::with(|_| {});
    let session = scene.person("ada@example.org").await;
    let id = session["user"]["id"].as_str().unwrap();
    let body = json!({ "app_metadata": { "roles": ["editor"] } });
    scene.ask_as_service("PUT", &format!("/admin/users/{id}"), body).await;
    let grant = Grant {
        subject: Subject::Role("editor".to_owned()),
        resource: "pages".to_owned(),
        access: "write".to_owned(),
    };
    scene.auth.grant(&Actor::operator(), &grant).await.unwrap();
    scene.auth.grant(&Actor::operator(), &grant).await.unwrap();
    assert_eq!(scene.auth.grants().await.unwrap(), std::slice::from_ref(&grant));
    let body = json!({ "refresh_token": session["refresh_token"] });
    let session = scene.ask("POST", "/token?grant_type=refresh_token", None, body).await.body;
    assert_eq!(scene.who(access(&session)).claims["grants"], json!(["pages:write"]));
    let bad = Grant { access: "own".to_owned(), ..grant.clone() };
    assert!(scene.auth.grant(&Actor::operator(), &bad).await.is_err());
    scene.clock.advance(std::time::Duration::from_secs(1));
    scene.auth.revoke_grant(&Actor::operator(), &grant).await.unwrap();
    assert!(scene.auth.revoke_grant(&Actor::operator(), &grant).await.is_err());
    let audit = scene.ask_as_service("GET", "/admin/audit?per_page=2", Value::Null).await.body;
    assert_eq!(audit[0]["payload"]["action"], "grant_revoked");
    assert_eq!(audit[0]["payload"]["actor_id"], "operator");
}
