use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::api::callback::tests::Stage;
use crate::oauth::device::GRANT;
use crate::oauth::tests::issuer::{ACCESS, NOW};
use crate::scene::{Answer, access};

impl Stage {
    async fn device(&self) -> Value {
        let answer = self.scene.ask("POST", "/device", None, json!({ "provider": "corporate" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn poll(&self, device: &Value) -> Answer {
        let body = json!({ "device_code": device["device_code"] });
        self.scene.ask("POST", &format!("/token?grant_type={GRANT}"), None, body).await
    }

    /// What the provider says to the next question.
    fn says(&self, error: &str) {
        let body = json!({ "error": error }).to_string().into_bytes();
        self.issuer.tell(|script| script.instead = vec![("/token", 400, body)]);
    }

    fn wait(&self, seconds: u64) {
        self.scene.clock.advance(Duration::from_secs(seconds));
    }
}

fn error(answer: &Answer) -> (u16, &str) {
    assert!(answer.body["error_description"].is_string(), "{}", answer.body);
    (answer.status.as_u16(), answer.body["error"].as_str().unwrap())
}

#[tokio::test]
async fn a_device_shows_the_code_of_the_provider() {
    let stage = Stage::new(|_| ()).await;
    let device = stage.device().await;
    assert_eq!((&device["user_code"], &device["interval"]), (&json!("WDJB-MJHT"), &json!(7)));
    assert_eq!(device["expires_in"], 600);
    assert_eq!(device["verification_uri"], format!("{}/enter", stage.issuer.url));
    assert_ne!(device["device_code"], "device-code", "the provider's own code stays here");
    let unknown = stage.scene.ask("POST", "/device", None, json!({ "provider": "nonsense" })).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_device_gets_a_session_once_somebody_has_entered_its_code() {
    let stage = Stage::new(|_| ()).await;
    let device = stage.device().await;
    stage.says("authorization_pending");
    assert_eq!(error(&stage.poll(&device).await), (400, "authorization_pending"));
    // It asks too often, and the provider is left alone.
    for _ in 0..3 {
        assert_eq!(error(&stage.poll(&device).await), (400, "slow_down"));
    }
    assert_eq!(stage.issuer.asked("/token"), 1);
    stage.wait(7);
    stage.claims(json!({ "nonce": null }));
    let session = stage.poll(&device).await;
    assert_eq!(session.status, 200, "{}", session.body);
    assert_eq!(session.body["user"]["email"], "ada@example.org");
    assert_eq!(session.body["provider_token"], ACCESS);
    assert_eq!(stage.scene.ask("GET", "/user", access(&session.body), Value::Null).await.status, 200);
    stage.wait(7);
    assert_eq!(error(&stage.poll(&device).await), (400, "invalid_grant"), "it was used");
}

#[tokio::test]
async fn many_questions_at_once_are_one() {
    let stage = Stage::new(|_| ()).await;
    let device = stage.device().await;
    let all = join_all((0..20).map(|_| stage.poll(&device))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(stage.issuer.asked("/token"), 1);
}

#[tokio::test]
async fn a_device_asks_less_often_where_the_provider_wants_it() {
    let stage = Stage::new(|_| ()).await;
    let device = stage.device().await;
    stage.says("slow_down");
    assert_eq!(error(&stage.poll(&device).await), (400, "slow_down"));
    stage.wait(11);
    assert_eq!(error(&stage.poll(&device).await), (400, "slow_down"), "7 and 5 are 12");
    stage.wait(1);
    assert_eq!(stage.poll(&device).await.status, 200);
}

#[tokio::test]
async fn a_device_that_gets_nothing() {
    let stage = Stage::new(|_| ()).await;
    for (said, told) in [("access_denied", "access_denied"), ("expired_token", "expired_token")] {
        let device = stage.device().await;
        stage.says(said);
        assert_eq!(error(&stage.poll(&device).await), (400, told));
        stage.wait(7);
        assert_eq!(error(&stage.poll(&device).await), (400, "invalid_grant"), "it is over");
    }
    let device = stage.device().await;
    stage.wait(600);
    assert_eq!(error(&stage.poll(&device).await), (400, "expired_token"));
    let nobodys = json!({ "device_code": "nonsense" });
    assert_eq!(error(&stage.poll(&nobodys).await), (400, "invalid_grant"));
    // An answer for another application is no sign-in, on a device either.
    stage.claims(json!({ "aud": "another", "exp": NOW + 9_999 }));
    let device = stage.device().await;
    assert_eq!(stage.poll(&device).await.status, 400);
}
