use serde_json::{Value, json};
use url::Url;

use crate::api::callback::tests::{Back, Stage};
use crate::scene::{Answer, PASSWORD, access};

const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=s256";

impl Stage {
    async fn link(&self, session: &Value) -> Answer {
        let path =
            format!("/user/identities/authorize?provider=corporate&skip_http_redirect=true&{CHALLENGE}");
        self.scene.ask("GET", &path, access(session), Value::Null).await
    }

    /// Off to the provider with the wish to link it, and on the way back.
    async fn linking(&self, session: &Value) -> Back {
        let answer = self.link(session).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.arrived_there(&Url::parse(answer.body["url"].as_str().unwrap()).unwrap(), None)
    }

    async fn me(&self, session: &Value) -> Value {
        self.scene.ask("GET", "/user", access(session), Value::Null).await.body
    }

    async fn unlink(&self, session: &Value, id: &Value) -> Answer {
        let path = format!("/user/identities/{}", id.as_str().unwrap());
        self.scene.ask("DELETE", &path, access(session), Value::Null).await
    }
}

#[tokio::test]
async fn somebody_anonymous_becomes_somebody() {
    let stage = Stage::new(|_| ()).await;
    let somebody = stage.scene.ask("POST", "/signup", None, json!({ "data": { "cart": 7 } })).await.body;
    let back = stage.linking(&somebody).await;
    let to = stage.come(&back, "code=the-code").await;
    assert!(to.query().unwrap().starts_with("code="), "{to}");
    let user = stage.me(&somebody).await;
    assert_eq!((&user["id"], &user["is_anonymous"]), (&somebody["user"]["id"], &json!(false)));
    assert_eq!((&user["email"], &user["user_metadata"]["cart"]), (&json!("ada@example.org"), &json!(7)));
    assert_eq!(stage.sign_in().await["user"]["id"], user["id"]);
}

#[tokio::test]
async fn an_identity_is_one_users() {
    let stage = Stage::new(|_| ()).await;
    let ada = stage.sign_in().await;
    let eve = stage.scene.person("eve@example.org").await;
    let back = stage.linking(&eve).await;
    let to = stage.come(&back, "code=the-code").await;
    assert!(to.query().unwrap().contains("error_code=identity_already_exists"), "{to}");
    assert_eq!(stage.me(&eve).await["identities"].as_array().unwrap().len(), 1);
    assert_eq!(stage.me(&ada).await["identities"].as_array().unwrap().len(), 1);
    // An address that somebody has is not taken from them by linking.
    stage.claims(json!({ "sub": "eve-2", "email": "ada@example.org" }));
    let back = stage.linking(&eve).await;
    stage.come(&back, "code=the-code").await;
    let user = stage.me(&eve).await;
    assert_eq!(
        (&user["email"], user["identities"].as_array().unwrap().len()),
        (&json!("eve@example.org"), 2)
    );
}

#[tokio::test]
async fn an_identity_is_taken_off_unless_it_is_the_last() {
    let stage = Stage::new(|_| ()).await;
    let ada = stage.scene.person("ada@example.org").await;
    let eve = stage.scene.person("eve@example.org").await;
    let session = stage.sign_in().await;
    let all = stage.me(&session).await["identities"].as_array().unwrap().clone();
    let of =
        |provider: &str| all.iter().find(|one| one["provider"] == provider).unwrap()["identity_id"].clone();
    let answer = stage.unlink(&eve, &of("corporate")).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (422, &json!("identity_not_found")));
    let answer = stage.unlink(&session, &of("email")).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &json!({})));
    let user = stage.me(&ada).await;
    assert_eq!(user["app_metadata"], json!({ "provider": "corporate", "providers": ["corporate"] }));
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(stage.scene.ask("POST", "/token?grant_type=password", None, body).await.status, 400);
    let answer = stage.unlink(&session, &of("corporate")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (422, &json!("single_identity_not_deletable"))
    );
}

#[tokio::test]
async fn two_at_once_do_not_take_both() {
    let stage = Stage::new(|_| ()).await;
    stage.scene.person("ada@example.org").await;
    let session = stage.sign_in().await;
    let all = stage.me(&session).await["identities"].as_array().unwrap().clone();
    let (one, other) = (&all[0]["identity_id"], &all[1]["identity_id"]);
    let (first, second) = tokio::join!(stage.unlink(&session, one), stage.unlink(&session, other));
    assert_ne!(first.status == 200, second.status == 200, "{first:?} {second:?}");
    assert_eq!(stage.me(&session).await["identities"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_who_is_signed_in_links_and_only_where_it_is_on() {
    let stage = Stage::new(|_| ()).await;
    assert_eq!(stage.link(&Value::Null).await.status, 401);
    let stage = Stage::new(|settings| settings.manual_linking = false).await;
    let ada = stage.scene.person("ada@example.org").await;
    let answer = stage.link(&ada).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (404, &json!("manual_linking_disabled")));
    let id = ada["user"]["identities"][0]["identity_id"].clone();
    assert_eq!(stage.unlink(&ada, &id).await.status, 404);
}
