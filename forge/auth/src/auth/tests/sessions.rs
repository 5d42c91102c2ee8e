//! Sessions: refresh, replay, races, ends.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::scene::{Answer, PASSWORD, Scene, access};

async fn refresh(scene: &Scene, token: &Value) -> Answer {
    let body = json!({ "refresh_token": token });
    scene.ask("POST", "/token?grant_type=refresh_token", None, body).await
}

fn token(session: &Value) -> &Value {
    assert!(session["refresh_token"].is_string(), "{session}");
    &session["refresh_token"]
}

#[tokio::test]
async fn a_refresh_goes_one_on_and_the_one_before_leads_there() {
    let scene = Scene::with(|_| {});
    let first = scene.person("ada@example.org").await;
    let second = refresh(&scene, token(&first)).await.body;
    assert_ne!(token(&first), token(&second));
    // The answer was lost: whoever asks again gets the same.
    scene.clock.advance(Duration::from_secs(3_600));
    let again = refresh(&scene, token(&first)).await;
    assert_eq!((again.status.as_u16(), token(&again.body)), (200, token(&second)));
    let third = refresh(&scene, token(&second)).await.body;
    assert_ne!(token(&second), token(&third));
}

#[tokio::test]
async fn an_old_token_ends_the_family() {
    let scene = Scene::with(|_| {});
    let first = scene.person("ada@example.org").await;
    let second = refresh(&scene, token(&first)).await.body;
    let third = refresh(&scene, token(&second)).await.body;
    // Within seconds it may be a client that is late.
    assert_eq!(refresh(&scene, token(&first)).await.status, 200);
    scene.clock.advance(Duration::from_secs(11));
    let replayed = refresh(&scene, token(&first)).await;
    assert_eq!(replayed.status, 400);
    assert_eq!(replayed.body["code"], "refresh_token_already_used");
    let after = refresh(&scene, token(&third)).await;
    assert_eq!((after.status.as_u16(), &after.body["code"]), (400, &json!("refresh_token_not_found")));
    let user = scene.ask("GET", "/user", access(&third), Value::Null).await;
    assert_eq!((user.status.as_u16(), &user.body["code"]), (403, &json!("session_not_found")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_log_nobody_out_and_leave_one_family() {
    let scene = Scene::with(|_| {});
    let first = scene.person("ada@example.org").await;
    let answers = join_all((0..50).map(|_| refresh(&scene, token(&first)))).await;
    let mut tokens: Vec<&Value> = answers.iter().map(|answer| token(&answer.body)).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "all of them got the same token");
    assert_eq!(refresh(&scene, tokens[0]).await.status, 200);
    let user = first["user"]["id"].as_str().unwrap();
    assert_eq!(scene.auth.sessions(user).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tokens_that_nobody_made_are_unknown() {
    let scene = Scene::with(|_| {});
    let session = scene.person("ada@example.org").await;
    let good = token(&session).as_str().unwrap();
    for bad in ["x", &good[1..], &format!("{good}A"), &good.to_uppercase()] {
        let answer = refresh(&scene, &json!(bad)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("refresh_token_not_found")));
    }
    assert_eq!(refresh(&scene, &json!("")).await.body["code"], "validation_failed");
    assert_eq!(refresh(&scene, &json!(7)).await.body["code"], "validation_failed");
}

#[tokio::test]
async fn sessions_end_by_scope() {
    let scene = Scene::with(|_| {});
    let one = scene.person("ada@example.org").await;
    let sign_in = || async {
        let body = json!({ "email": "ada@example.org", "password": PASSWORD });
        scene.ask("POST", "/token?grant_type=password", None, body).await.body
    };
    let (two, three) = (sign_in().await, sign_in().await);
    assert_eq!(scene.ask("POST", "/logout?scope=local", access(&one), Value::Null).await.status, 204);
    assert_eq!(scene.ask("GET", "/user", access(&one), Value::Null).await.status, 403);
    assert_eq!(scene.ask("POST", "/logout?scope=others", access(&two), Value::Null).await.status, 204);
    assert_eq!(refresh(&scene, token(&three)).await.status, 400);
    assert_eq!(refresh(&scene, token(&two)).await.status, 200);
    assert_eq!(scene.ask("POST", "/logout?scope=nowhere", access(&two), Value::Null).await.status, 400);
    assert_eq!(scene.ask("POST", "/logout", access(&two), Value::Null).await.status, 204);
    assert_eq!(refresh(&scene, token(&two)).await.status, 400);
}

#[tokio::test]
async fn sessions_end_by_time() {
    let scene = Scene::with(|settings| {
        settings.session_seconds = 1_000;
        settings.idle_seconds = 300;
    });
    let first = scene.person("ada@example.org").await;
    scene.clock.advance(Duration::from_secs(299));
    let second = refresh(&scene, token(&first)).await.body;
    scene.clock.advance(Duration::from_secs(301));
    let idle = refresh(&scene, token(&second)).await;
    assert_eq!(idle.body["code"], "session_expired");
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let mut session = scene.ask("POST", "/token?grant_type=password", None, body).await.body;
    for _ in 0..4 {
        scene.clock.advance(Duration::from_secs(240));
        session = refresh(&scene, token(&session)).await.body;
    }
    scene.clock.advance(Duration::from_secs(100));
    assert_eq!(refresh(&scene, token(&session)).await.body["code"], "session_expired");
}

#[tokio::test]
async fn one_session_at_a_time_where_the_settings_say_so() {
    let scene = Scene::with(|settings| settings.single_session = true);
    let first = scene.person("ada@example.org").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let second = scene.ask("POST", "/token?grant_type=password", None, body).await.body;
    assert_eq!(refresh(&scene, token(&first)).await.status, 400);
    assert_eq!(refresh(&scene, token(&second)).await.status, 200);
}

#[tokio::test]
async fn claims_are_those_that_clients_and_policies_read() {
    let scene = Scene::with(|_| {});
    let session = scene.person("ada@example.org").await;
    let who = scene.who(access(&session));
    let claims = &who.claims;
    assert_eq!(who.subject.as_deref(), session["user"]["id"].as_str());
    assert_eq!((&claims["role"], &claims["aud"]), (&json!("authenticated"), &json!("authenticated")));
    assert_eq!((&claims["email"], &claims["aal"]), (&json!("ada@example.org"), &json!("aal1")));
    assert_eq!(claims["amr"][0]["method"], "otp");
    assert_eq!(claims["is_anonymous"], false);
    assert_eq!(claims["app_metadata"]["provider"], "email");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);
    assert_eq!(session["expires_at"], claims["exp"]);
}
