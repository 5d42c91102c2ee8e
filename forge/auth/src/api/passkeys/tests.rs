use super::*;
use crate::api::factors::stage::{ORIGIN, Person as Who, Stage, id_of};
use crate::webauthn::authenticator::Authenticator;

impl Stage {
    async fn begin_passkey(&self, who: &Who) -> Value {
        let (status, begun) = self.post(who, "/passkeys/registration/options", json!({})).await;
        assert_eq!(status, 200, "{begun}");
        begun
    }

    async fn finish_passkey(&self, who: &Who, begun: &Value, credential: Value) -> (u16, Value) {
        let body = json!({ "challenge_id": begun["challenge_id"], "credential": credential });
        self.post(who, "/passkeys/registration/verify", body).await
    }

    /// Makes a passkey.
    async fn passkey(&self, who: &Who) -> (Authenticator, String) {
        let mut authenticator = Authenticator::on(ORIGIN);
        let begun = self.begin_passkey(who).await;
        let (status, made) = self.finish_passkey(who, &begun, authenticator.create(&begun["options"])).await;
        assert_eq!(status, 200, "{made}");
        (authenticator, id_of(&made))
    }

    async fn ask_passkey(&self) -> Value {
        let (status, begun) = self.post(&Who::Anon, "/passkeys/authentication/options", json!({})).await;
        assert_eq!(status, 200, "{begun}");
        begun
    }

    async fn answer_passkey(&self, begun: &Value, credential: Value) -> (u16, Value) {
        let body = json!({ "challenge_id": begun["challenge_id"], "credential": credential });
        self.post(&Who::Anon, "/passkeys/authentication/verify", body).await
    }
}

#[tokio::test]
async fn a_passkey_is_made_listed_renamed_used_and_removed() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let begun = scene.begin_passkey(&ada).await;
    assert_eq!(begun["expires_at"], scene.now().as_second() + 300);
    assert_eq!(begun["options"]["rp"]["id"], "localhost");
    let mut authenticator = Authenticator::on(ORIGIN);
    let (status, made) = scene.finish_passkey(&ada, &begun, authenticator.create(&begun["options"])).await;
    assert_eq!((status, &made["backed_up"]), (200, &json!(false)), "{made}");
    assert!(made["created_at"].is_string());

    let path = format!("/passkeys/{}", id_of(&made));
    let (status, renamed) = scene.patch(&ada, &path, json!({ "friendly_name": "laptop" })).await;
    assert_eq!((status, &renamed["friendly_name"]), (200, &json!("laptop")));
    assert_eq!(scene.patch(&ada, &path, json!({ "friendly_name": "" })).await.0, 400);
    assert_eq!(scene.patch(&ada, &path, json!({ "friendly_name": "x".repeat(121) })).await.0, 400);

    let asked = scene.ask_passkey().await;
    assert_eq!(asked["options"]["allowCredentials"], json!([]));
    let (status, session) = scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await;
    assert_eq!((status, &session["user"]["email"]), (200, &json!("ada@example.com")), "{session}");
    let signed_in = Who::of(&session);
    assert_eq!(signed_in.claims()["amr"][0]["method"], "passkey");
    assert_eq!(signed_in.claims()["aal"], "aal1");

    let (_, list) = scene.get(&signed_in, "/passkeys").await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["id"], &list[0]["friendly_name"]), (&made["id"], &json!("laptop")));
    assert!(list[0]["last_used_at"].is_string());
    assert!(!list.to_string().contains("credential"), "{list}");

    assert_eq!(scene.delete(&signed_in, &path).await.0, 204);
    assert_eq!(scene.delete(&signed_in, &path).await.0, 404);
    let asked = scene.ask_passkey().await;
    let (status, refused) = scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await;
    assert_eq!((status, &refused["code"]), (400, &json!("webauthn_verification_failed")));
}

#[tokio::test]
async fn a_challenge_is_for_one_answer() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (mut authenticator, _) = scene.passkey(&ada).await;
    let asked = scene.ask_passkey().await;
    let answer = authenticator.get(&asked["options"]);
    let expired = |body: &Value| body["code"] == "webauthn_challenge_expired";
    // At the same time, and afterwards.
    let both = tokio::join!(
        scene.answer_passkey(&asked, answer.clone()),
        scene.answer_passkey(&asked, answer.clone())
    );
    let taken = [&both.0, &both.1].into_iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(taken, 1, "{both:?}");
    let (status, refused) = scene.answer_passkey(&asked, answer).await;
    assert!(status == 400 && expired(&refused), "{refused}");
    // What was given for one ceremony does not serve the other.
    let begun = scene.begin_passkey(&ada).await;
    let (status, refused) =
        scene.answer_passkey(&begun, authenticator.get(&scene.ask_passkey().await["options"])).await;
    assert!(status == 400 && expired(&refused), "{refused}");
    // Nor after its time.
    let asked = scene.ask_passkey().await;
    scene.advance(300);
    let (status, refused) = scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await;
    assert!(status == 400 && expired(&refused), "{refused}");
}

#[tokio::test]
async fn whatever_does_not_hold_is_refused_in_the_same_words() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (mut authenticator, _) = scene.passkey(&ada).await;
    let (mut stranger, _) = (Authenticator::on(ORIGIN), ());
    stranger.create(&scene.begin_passkey(&ada).await["options"]);
    let mut refusals = Vec::new();
    let mut refuse = |(status, body): (u16, Value)| {
        assert_eq!(status, 400, "{body}");
        refusals.push(body);
    };

    let asked = scene.ask_passkey().await;
    refuse(scene.answer_passkey(&asked, stranger.get(&asked["options"])).await);
    let asked = scene.ask_passkey().await;
    authenticator.origin = "https://evil.example".to_owned();
    refuse(scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await);
    authenticator.origin = ORIGIN.to_owned();
    let asked = scene.ask_passkey().await;
    authenticator.domain = Some("evil.example".to_owned());
    refuse(scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await);
    authenticator.domain = None;
    let asked = scene.ask_passkey().await;
    authenticator.verifies = false;
    refuse(scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await);
    authenticator.verifies = true;
    let asked = scene.ask_passkey().await;
    authenticator.counter = 0;
    refuse(scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await);
    let asked = scene.ask_passkey().await;
    let mut answer = authenticator.get(&asked["options"]);
    answer["response"]["signature"] = json!("AAAA");
    refuse(scene.answer_passkey(&asked, answer).await);
    let asked = scene.ask_passkey().await;
    refuse(scene.answer_passkey(&asked, json!({ "id": "' or 1=1 --" })).await);
    assert!(refusals.iter().all(|body| *body == refusals[0]), "{refusals:?}");

    let asked = scene.ask_passkey().await;
    assert_eq!(scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await.0, 200);
}

#[tokio::test]
async fn a_registration_is_its_users_alone_and_new() {
    let scene = Stage::new();
    let (ada, eve) = (scene.person("ada@example.com").await, scene.person("eve@example.com").await);
    let begun = scene.begin_passkey(&ada).await;
    let mut authenticator = Authenticator::on(ORIGIN);
    let made = authenticator.create(&begun["options"]);
    let (status, refused) = scene.finish_passkey(&eve, &begun, made.clone()).await;
    assert_eq!((status, &refused["code"]), (400, &json!("webauthn_challenge_expired")));
    let (status, ours) = scene.finish_passkey(&ada, &begun, made.clone()).await;
    assert_eq!(status, 200, "{ours}");
    let (status, _) = scene.finish_passkey(&ada, &begun, made).await;
    assert_eq!(status, 400, "the challenge was used");

    // The same credential again, of the same user and of another one.
    let begun = scene.begin_passkey(&ada).await;
    assert_eq!(begun["options"]["excludeCredentials"].as_array().unwrap().len(), 1);
    let (status, _) = scene.finish_passkey(&ada, &begun, authenticator.create(&begun["options"])).await;
    assert_eq!(status, 400);
    let begun = scene.begin_passkey(&eve).await;
    let (status, refused) = scene.finish_passkey(&eve, &begun, authenticator.create(&begun["options"])).await;
    assert_eq!(status, 422, "{refused}");

    let path = format!("/passkeys/{}", id_of(&ours));
    assert_eq!(scene.patch(&eve, &path, json!({ "friendly_name": "mine" })).await.0, 404);
    assert_eq!(scene.delete(&eve, &path).await.0, 404);
    assert_eq!(scene.get(&eve, "/passkeys").await.1, json!([]));
}

#[tokio::test]
async fn there_are_ten_passkeys_at_most() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    for _ in 0..PASSKEYS_MAX {
        scene.passkey(&ada).await;
    }
    let (status, refused) = scene.post(&ada, "/passkeys/registration/options", json!({})).await;
    assert_eq!(status, 422, "{refused}");
}

#[tokio::test]
async fn only_people_make_passkeys_and_nobody_without_settings() {
    let scene = Stage::new();
    let nobody = scene.anonymous().await;
    for who in [&nobody, &Who::Anon] {
        assert_eq!(scene.post(who, "/passkeys/registration/options", json!({})).await.0, 401);
        assert_eq!(scene.post(who, "/passkeys/registration/verify", json!({})).await.0, 401);
    }
    let scene = Stage::with(|settings| settings.relying = None);
    let (status, refused) = scene.post(&Who::Anon, "/passkeys/authentication/options", json!({})).await;
    assert_eq!((status, &refused["code"]), (404, &json!("passkey_disabled")));
    let ada = scene.person("ada@example.com").await;
    let (status, _) = scene.post(&ada, "/passkeys/registration/options", json!({})).await;
    assert_eq!(status, 404);
    let (status, _) = scene.post(&ada, "/factors", json!({ "factor_type": "webauthn" })).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn operators_see_and_remove_passkeys_and_nobody_else_does() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (_, passkey) = scene.passkey(&ada).await;
    let path = format!("/admin/users/{}/passkeys", ada.id());
    assert_eq!(scene.get(&ada, &path).await.0, 403);
    assert_eq!(scene.delete(&ada, &format!("{path}/{passkey}")).await.0, 403);
    let admin = Who::Service;
    assert_eq!(scene.get(&admin, &path).await.1[0]["id"], json!(passkey));
    assert_eq!(scene.delete(&admin, &format!("{path}/{passkey}")).await.0, 204);
    assert_eq!(scene.get(&admin, &path).await.1, json!([]));
}

#[tokio::test]
async fn whoever_is_banned_has_no_use_of_a_passkey() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (mut authenticator, _) = scene.passkey(&ada).await;
    let body = json!({ "ban_duration": "24h" });
    let (status, banned) = scene.put(&Who::Service, &format!("/admin/users/{}", ada.id()), body).await;
    assert_eq!(status, 200, "{banned}");
    let asked = scene.ask_passkey().await;
    let (status, refused) = scene.answer_passkey(&asked, authenticator.get(&asked["options"])).await;
    assert_eq!((status, &refused["code"]), (400, &json!("user_banned")));
}

#[tokio::test]
async fn so_many_ceremonies_are_open_and_no_more() {
    use forge_core::sql::Sql;

    let scene = Stage::new();
    let now = scene.now();
    let open = |id: u8| {
        let challenge = Challenge {
            id: format!("00000000-0000-4000-8000-0000000000{id:02}"),
            user_id: None,
            ceremony: Ceremony::Authentication,
            state: json!({}),
            created_at: now,
            expires_at: now,
        };
        passkeys::begin(&challenge, 2)
    };
    let sql = &scene.scene.sql;
    sql.write(&[open(1), open(2)]).await.unwrap();
    assert_eq!(sql.write(&[open(3)]).await, Err(SqlError::Unmet { at: 0 }));
    scene.advance(1);
    sql.write(&[passkeys::sweep(scene.now()), open(3)]).await.unwrap();
}
