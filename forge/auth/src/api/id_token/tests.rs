use futures::future::join_all;
use serde_json::{Value, json};

use crate::api::callback::tests::Stage;
use crate::oauth::tests::issuer::ACCESS;
use crate::scene::{Answer, access};

impl Stage {
    /// Brings an ID token of the provider, with `more` in the body.
    async fn bring(&self, token: Option<&str>, more: Value) -> Answer {
        let mut body = json!({ "provider": "corporate", "id_token": self.issuer.id_token() });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.scene.ask("POST", "/token?grant_type=id_token", token, body).await
    }
}

#[tokio::test]
async fn an_id_token_is_good_for_a_session() {
    let stage = Stage::new(|_| ()).await;
    let first = stage.bring(None, json!({ "access_token": ACCESS })).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.body["user"]["email"], "ada@example.org");
    // By the name of the issuer, or by the token's own.
    for named in [json!({ "provider": null, "issuer": stage.issuer.url }), json!({ "provider": null })] {
        assert_eq!(stage.bring(None, named).await.body["user"]["id"], first.body["user"]["id"]);
    }
    // One that says less takes nothing back.
    stage.claims(json!({ "email": null, "email_verified": null, "name": null }));
    let bare = stage.bring(None, json!({})).await;
    let (identity, data) =
        (&bare.body["user"]["identities"][0], &first.body["user"]["identities"][0]["identity_data"]);
    assert_eq!((&identity["identity_data"], &identity["email"]), (data, &json!("ada@example.org")));
    stage.claims(json!({}));
    // And by the way of the browser it is the same person.
    assert_eq!(stage.sign_in().await["user"]["id"], first.body["user"]["id"]);
}

#[tokio::test]
async fn fifty_at_once_are_one_user() {
    let stage = Stage::new(|_| ()).await;
    let all = join_all((0..50).map(|_| stage.bring(None, json!({})))).await;
    for answer in &all {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["user"]["id"], all[0].body["user"]["id"]);
    }
}

#[tokio::test]
async fn what_is_no_id_token_for_this_application() {
    let stage = Stage::new(|_| ()).await;
    let cases = [
        (json!({ "id_token": null }), 400, "validation_failed"),
        (json!({ "id_token": 7 }), 400, "validation_failed"),
        (json!({ "id_token": "x".repeat(20_000) }), 400, "validation_failed"),
        (json!({ "provider": "nonsense" }), 400, "validation_failed"),
        (json!({ "provider": null, "issuer": "https://evil.example" }), 400, "validation_failed"),
        (json!({ "id_token": "a.b.c" }), 400, "invalid_credentials"),
        (json!({ "nonce": "one that the token has not" }), 400, "invalid_credentials"),
        (json!({ "access_token": "another" }), 400, "invalid_credentials"),
        (json!({ "link_identity": "yes" }), 400, "validation_failed"),
        (json!({ "link_identity": true }), 401, "no_authorization"),
    ];
    for (more, status, code) in cases {
        let answer = stage.bring(None, more.clone()).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &json!(code)), "{more}");
    }
    for claims in [json!({ "aud": "another" }), json!({ "exp": 1 }), json!({ "iss": "https://evil.example" })]
    {
        stage.claims(claims.clone());
        let answer = stage.bring(None, json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (400, &json!("invalid_credentials")),
            "{claims}"
        );
    }
}

#[tokio::test]
async fn an_id_token_links_its_provider() {
    let stage = Stage::new(|_| ()).await;
    let ada = stage.scene.person("other@example.org").await;
    let linked = stage.bring(access(&ada), json!({ "link_identity": true })).await;
    assert_eq!(linked.status, 200, "{}", linked.body);
    assert_eq!(linked.body["user"]["id"], ada["user"]["id"]);
    assert_eq!(linked.body["user"]["email"], "other@example.org");
    assert_eq!(linked.body["user"]["app_metadata"]["providers"], json!(["email", "corporate"]));
    let eve = stage.scene.person("eve@example.org").await;
    let again = stage.bring(access(&eve), json!({ "link_identity": true })).await;
    assert_eq!((again.status.as_u16(), &again.body["code"]), (422, &json!("identity_already_exists")));
}
