//! Floods, and that they do not tell who is there.

use forge_core::Identity;
use serde_json::{Value, json};

use crate::scene::{Answer, PASSWORD, Scene};

async fn from(scene: &Scene, ip: [u8; 4], path: &str, body: Value) -> Answer {
    scene.ask_as(&Identity::anon(), ip.into(), "POST", path, body).await
}

#[tokio::test]
async fn an_account_is_closed_to_guesses_whether_or_not_it_is_there() {
    let scene = Scene::with(|settings| settings.rates.failures_account = 3);
    scene.person("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        let body = json!({ "email": email, "password": "a wrong guess" });
        for ip in 0..3 {
            let answer = from(&scene, [192, 0, 2, ip], "/token?grant_type=password", body.clone()).await;
            assert_eq!(answer.body["code"], "invalid_credentials", "{email}");
        }
        let answer = from(&scene, [192, 0, 2, 9], "/token?grant_type=password", body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (429, &json!("over_request_rate_limit")));
    }
    let right = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(from(&scene, [192, 0, 2, 9], "/token?grant_type=password", right).await.status, 429);
}

#[tokio::test]
async fn a_password_that_fits_forgives_the_ones_before() {
    let scene = Scene::with(|settings| settings.rates.failures_account = 3);
    scene.person("ada@example.org").await;
    for _ in 0..3 {
        for password in ["wrong one", "wrong two", PASSWORD] {
            let body = json!({ "email": "ada@example.org", "password": password });
            let answer = from(&scene, [192, 0, 2, 1], "/token?grant_type=password", body).await;
            assert_ne!(answer.status, 429);
        }
    }
}

#[tokio::test]
async fn one_address_cannot_try_many_accounts() {
    let scene = Scene::with(|settings| settings.rates.failures_address = 3);
    let mut statuses = Vec::new();
    for n in 0..5 {
        let body = json!({ "email": format!("u{n}@example.org"), "password": "a wrong guess" });
        statuses.push(from(&scene, [192, 0, 2, 1], "/token?grant_type=password", body).await.status.as_u16());
    }
    assert_eq!(statuses, [400, 400, 400, 429, 429]);
    let body = json!({ "email": "u9@example.org", "password": "a wrong guess" });
    assert_eq!(from(&scene, [192, 0, 2, 2], "/token?grant_type=password", body).await.status, 400);
}

#[tokio::test]
async fn mail_to_one_address_is_rare_and_nobody_learns_whose_it_is() {
    let scene = Scene::with(|settings| settings.mail_seconds = 60);
    scene.person("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        for path in ["/recover", "/otp"] {
            let body = json!({ "email": email, "create_user": false });
            assert_eq!(from(&scene, [192, 0, 2, 1], path, body.clone()).await.status, 200, "{email} {path}");
            let soon = from(&scene, [192, 0, 2, 1], path, body).await;
            assert_eq!(
                (soon.status.as_u16(), &soon.body["code"]),
                (429, &json!("over_email_send_rate_limit"))
            );
        }
    }
}

#[tokio::test]
async fn requests_and_strangers_are_counted_by_address() {
    let scene = Scene::with(|settings| {
        settings.rates.requests = 2;
        settings.rates.anonymous = 2;
    });
    for (path, body) in [
        ("/signup", json!({})),
        ("/verify", json!({ "type": "email", "email": "a@example.org", "token": "1" })),
    ] {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(from(&scene, [198, 51, 100, 7], path, body.clone()).await.status.as_u16());
        }
        assert_eq!(statuses[2], 429, "{path} {statuses:?}");
        assert_ne!(from(&scene, [198, 51, 100, 8], path, body.clone()).await.status, 429);
    }
}
