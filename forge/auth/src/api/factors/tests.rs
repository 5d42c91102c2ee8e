use super::stage::{ORIGIN, Person, Stage, id_of};
use super::*;
use crate::totp::{STEP_SECONDS, step};
use crate::webauthn::authenticator::Authenticator;

impl Stage {
    /// Enrolls a factor of one-time passwords.
    async fn totp(&self, person: &Person, name: &str) -> (String, Secret) {
        let body = json!({ "factor_type": "totp", "friendly_name": name });
        let (status, made) = self.post(person, "/factors", body).await;
        assert_eq!(status, 200, "{made}");
        (id_of(&made), secret_of(&made))
    }

    async fn challenged(&self, person: &Person, factor: &str) -> Value {
        let (status, challenge) = self.post(person, &format!("/factors/{factor}/challenge"), json!({})).await;
        assert_eq!(status, 200, "{challenge}");
        challenge
    }

    async fn try_code(&self, person: &Person, factor: &str, code: &str) -> (u16, Value) {
        let challenge = self.challenged(person, factor).await;
        let body = json!({ "challenge_id": challenge["id"], "code": code });
        self.post(person, &format!("/factors/{factor}/verify"), body).await
    }

    fn code(&self, secret: &Secret) -> String {
        secret.code(step(self.now().as_second()))
    }

    /// Somebody whose session is of the second level, with their factor.
    async fn proven(&self, email: &str) -> (Person, String, Secret) {
        let person = self.person(email).await;
        let (factor, secret) = self.totp(&person, "phone").await;
        let (status, body) = self.try_code(&person, &factor, &self.code(&secret)).await;
        assert_eq!(status, 200, "{body}");
        self.advance(STEP_SECONDS);
        (Person::of(&body), factor, secret)
    }

    /// The answer of an authenticator to a challenge of its factor.
    async fn answer_key(
        &self,
        person: &Person,
        factor: &str,
        challenge: &Value,
        answer: Value,
    ) -> (u16, Value) {
        let webauthn = json!({ "type": challenge["webauthn"]["type"], "credential_response": answer });
        let body = json!({ "challenge_id": challenge["id"], "webauthn": webauthn });
        self.post(person, &format!("/factors/{factor}/verify"), body).await
    }
}

fn secret_of(made: &Value) -> Secret {
    // Five bits a character, as RFC 4648 has it.
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = 0_u64;
    let mut bytes = Vec::new();
    for (at, character) in made["totp"]["secret"].as_str().unwrap().chars().enumerate() {
        bits = (bits << 5) | ALPHABET.find(character).unwrap() as u64;
        if at % 8 == 7 {
            bytes.extend(&bits.to_be_bytes()[3..]);
            bits = 0;
        }
    }
    Secret::from_bytes(&bytes).unwrap()
}

fn options(challenge: &Value) -> &Value {
    &challenge["webauthn"]["credential_options"]["publicKey"]
}

#[tokio::test]
async fn a_code_makes_a_session_surer_and_ends_the_others() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let elsewhere = scene.sign_in("ada@example.com").await;
    let (status, made) = scene
        .post(&ada, "/factors", json!({ "factor_type": "totp", "friendly_name": "phone", "issuer": "Shop" }))
        .await;
    assert_eq!((status, &made["type"], &made["friendly_name"]), (200, &json!("totp"), &json!("phone")));
    assert!(made["totp"]["qr_code"].as_str().unwrap().contains("<svg"));
    assert!(made["totp"]["uri"].as_str().unwrap().starts_with("otpauth://totp/Shop:ada%40example.com?"));

    let factor = id_of(&made);
    let challenge = scene.challenged(&ada, &factor).await;
    assert_eq!(challenge["type"], "totp");
    assert_eq!(challenge["expires_at"], scene.now().as_second() + 300);
    let body = json!({ "challenge_id": challenge["id"], "code": scene.code(&secret_of(&made)) });
    let (status, session) = scene.post(&ada, &format!("/factors/{factor}/verify"), body).await;
    assert_eq!(status, 200, "{session}");
    let claims = Person::of(&session).claims();
    assert_eq!(claims["aal"], "aal2");
    let methods: Vec<&Value> = claims["amr"].as_array().unwrap().iter().map(|way| &way["method"]).collect();
    assert_eq!(methods, ["totp", "otp"]);
    assert_eq!(session["user"]["factors"][0]["status"], "verified");

    assert_eq!(scene.get(&Person::of(&session), "/user").await.0, 200);
    assert_eq!(scene.get(&elsewhere, "/user").await.0, 403, "the less sure session is over");
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let code = scene.code(&secret);
    let (status, session) = scene.try_code(&ada, &factor, &code).await;
    assert_eq!(status, 200, "{session}");
    let ada = Person::of(&session);
    let (status, body) = scene.try_code(&ada, &factor, &code).await;
    assert_eq!((status, &body["code"]), (422, &json!("mfa_verification_failed")));
    scene.advance(STEP_SECONDS);
    let (status, body) = scene.try_code(&ada, &factor, &code).await;
    assert_eq!(status, 422, "the code of the step before is as used: {body}");
    assert_eq!(scene.try_code(&ada, &factor, &scene.code(&secret)).await.0, 200);
}

#[tokio::test]
async fn a_code_is_taken_once_of_many_at_a_time() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let code = scene.code(&secret);
    let tries = (0..12).map(|_| scene.try_code(&ada, &factor, &code));
    let taken = futures::future::join_all(tries).await;
    assert_eq!(taken.iter().filter(|(status, _)| *status == 200).count(), 1, "{taken:?}");
}

#[tokio::test]
async fn five_wrong_codes_lock_a_factor_for_the_rest_of_five_minutes() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let wrong = secret.code(7);
    let tries = (0..12).map(|_| scene.try_code(&ada, &factor, &wrong));
    let taken = futures::future::join_all(tries).await;
    let of = |wanted: u16| taken.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((of(422), of(429)), (5, 7), "{taken:?}");
    let (status, body) = scene.try_code(&ada, &factor, &scene.code(&secret)).await;
    assert_eq!(status, 429, "the right code is not looked at either: {body}");
    scene.advance(300);
    assert_eq!(scene.try_code(&ada, &factor, &scene.code(&secret)).await.0, 200);
}

#[tokio::test]
async fn a_challenge_ends_and_is_for_one_answer_from_one_address() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let path = format!("/factors/{factor}/verify");
    let body = |challenge: &Value| json!({ "challenge_id": challenge["id"], "code": scene.code(&secret) });

    let challenge = scene.challenged(&ada, &factor).await;
    let elsewhere = [192, 0, 2, 7].into();
    let (status, refused) = scene.ask_from(elsewhere, &ada, "POST", &path, body(&challenge)).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_ip_address_mismatch")));
    let other = json!({ "challenge_id": "00000000-0000-4000-8000-000000000000", "code": "123456" });
    assert_eq!(scene.post(&ada, &path, other).await.0, 404);
    for broken in [json!({ "code": "123456" }), json!({ "challenge_id": "x' or 1=1", "code": "123456" })] {
        assert_eq!(scene.post(&ada, &path, broken).await.0, 400);
    }

    scene.advance(300);
    let (status, refused) = scene.post(&ada, &path, body(&challenge)).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_challenge_expired")));

    let challenge = scene.challenged(&ada, &factor).await;
    let (status, session) = scene.post(&ada, &path, body(&challenge)).await;
    assert_eq!(status, 200, "{session}");
    scene.advance(STEP_SECONDS);
    let (status, refused) = scene.post(&Person::of(&session), &path, body(&challenge)).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_challenge_expired")));
}

#[tokio::test]
async fn a_factor_is_its_users_alone() {
    let scene = Stage::new();
    let (ada, eve) = (scene.person("ada@example.com").await, scene.person("eve@example.com").await);
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let challenge = scene.challenged(&ada, &factor).await;
    let body = json!({ "challenge_id": challenge["id"], "code": scene.code(&secret) });
    assert_eq!(scene.post(&eve, &format!("/factors/{factor}/challenge"), json!({})).await.0, 404);
    assert_eq!(scene.post(&eve, &format!("/factors/{factor}/verify"), body.clone()).await.0, 404);
    assert_eq!(scene.delete(&eve, &format!("/factors/{factor}")).await.0, 404);
    // A challenge of one factor does not serve another one.
    let (own, _) = scene.totp(&eve, "phone").await;
    assert_eq!(scene.post(&eve, &format!("/factors/{own}/verify"), body).await.0, 404);
    assert_eq!(scene.post(&eve, "/factors/..%2f/challenge", json!({})).await.0, 404);
}

#[tokio::test]
async fn names_are_replaced_until_they_are_proven() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (first, _) = scene.totp(&ada, "phone").await;
    let (second, secret) = scene.totp(&ada, "phone").await;
    let (_, user) = scene.get(&ada, "/user").await;
    assert_eq!(user["factors"].as_array().unwrap().len(), 1);
    assert_eq!(scene.post(&ada, &format!("/factors/{first}/challenge"), json!({})).await.0, 404);
    let (_, session) = scene.try_code(&ada, &second, &scene.code(&secret)).await;
    let body = json!({ "factor_type": "totp", "friendly_name": "phone" });
    let (status, refused) = scene.post(&Person::of(&session), "/factors", body).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_factor_name_conflict")));
}

#[tokio::test]
async fn there_are_ten_factors_at_most() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    for number in 0..FACTORS_MAX {
        scene.totp(&ada, &format!("app {number}")).await;
    }
    let body = json!({ "factor_type": "totp", "friendly_name": "one more" });
    let (status, refused) = scene.post(&ada, "/factors", body).await;
    assert_eq!((status, &refused["code"]), (422, &json!("too_many_enrolled_mfa_factors")));
    scene.totp(&ada, "app 3").await;
}

#[tokio::test]
async fn a_factor_is_asked_for_so_often_and_then_waits() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (factor, _) = scene.totp(&ada, "phone").await;
    for _ in 0..32 {
        scene.challenged(&ada, &factor).await;
    }
    let path = format!("/factors/{factor}/challenge");
    let (status, refused) = scene.post(&ada, &path, json!({})).await;
    assert_eq!((status, &refused["code"]), (429, &json!("over_request_rate_limit")));
    scene.advance(301);
    assert_eq!(scene.post(&ada, &path, json!({})).await.0, 200);
}

#[tokio::test]
async fn what_there_is_not_is_refused() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let cases = [
        (json!({ "factor_type": "phone", "phone": "+15550100" }), 422, "mfa_phone_enroll_not_enabled"),
        (json!({ "factor_type": "blood" }), 400, "validation_failed"),
        (json!({}), 400, "validation_failed"),
        (json!({ "factor_type": "totp", "friendly_name": "x".repeat(121) }), 400, "validation_failed"),
        (json!({ "factor_type": "totp", "friendly_name": 7 }), 400, "validation_failed"),
        (json!({ "factor_type": "totp", "issuer": "a\u{0}b" }), 400, "validation_failed"),
    ];
    for (body, wanted, code) in cases {
        let (status, refused) = scene.post(&ada, "/factors", body.clone()).await;
        assert_eq!((status, &refused["code"]), (wanted, &json!(code)), "{body}");
    }
    let nobody = scene.anonymous().await;
    assert_eq!(scene.post(&nobody, "/factors", json!({ "factor_type": "totp" })).await.0, 401);
}

/// Otherwise whoever knows the password alone would make themselves a second factor.
#[tokio::test]
async fn a_new_factor_needs_the_old_one() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (status, key) = scene.post(&ada, "/factors", json!({ "factor_type": "webauthn" })).await;
    assert_eq!(status, 200, "{key}");
    let begun = scene.challenged(&ada, &id_of(&key)).await;
    let (factor, secret) = scene.totp(&ada, "phone").await;
    let (status, session) = scene.try_code(&ada, &factor, &scene.code(&secret)).await;
    assert_eq!(status, 200, "{session}");

    let thief = scene.sign_in("ada@example.com").await;
    let body = json!({ "factor_type": "totp", "friendly_name": "mine" });
    let (status, refused) = scene.post(&thief, "/factors", body).await;
    assert_eq!((status, &refused["code"]), (401, &json!("insufficient_aal")));
    // Neither does one do that was begun before.
    let answer = Authenticator::on(ORIGIN).create(options(&begun));
    let (status, refused) = scene.answer_key(&thief, &id_of(&key), &begun, answer.clone()).await;
    assert_eq!((status, &refused["code"]), (401, &json!("insufficient_aal")));
    let (status, session) = scene.answer_key(&Person::of(&session), &id_of(&key), &begun, answer).await;
    assert_eq!(status, 200, "{session}");
}

#[tokio::test]
async fn a_proven_factor_goes_only_from_a_sure_session_and_takes_its_level_along() {
    let scene = Stage::new();
    let (ada, factor, _) = scene.proven("ada@example.com").await;
    let unsure = scene.sign_in("ada@example.com").await;
    let path = format!("/factors/{factor}");
    let (status, refused) = scene.delete(&unsure, &path).await;
    assert_eq!((status, &refused["code"]), (401, &json!("insufficient_aal")));
    let (status, gone) = scene.delete(&ada, &path).await;
    assert_eq!((status, id_of(&gone)), (200, factor));
    let (status, session) = scene.refresh(&ada).await;
    assert_eq!(status, 200, "{session}");
    assert_eq!(Person::of(&session).claims()["aal"], "aal1");

    let (unproven, _) = scene.totp(&unsure, "tablet").await;
    assert_eq!(scene.delete(&unsure, &format!("/factors/{unproven}")).await.0, 200);
}

#[tokio::test]
async fn a_key_is_made_and_asked_for() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (_, key) =
        scene.post(&ada, "/factors", json!({ "factor_type": "webauthn", "friendly_name": "key" })).await;
    assert_eq!((&key["type"], &key["friendly_name"]), (&json!("webauthn"), &json!("key")));
    let factor = id_of(&key);
    let mut authenticator = Authenticator::on(ORIGIN);

    let begun = scene.challenged(&ada, &factor).await;
    assert_eq!((&begun["type"], &begun["webauthn"]["type"]), (&json!("webauthn"), &json!("create")));
    assert_eq!(options(&begun)["user"]["name"], "ada@example.com");
    let made = authenticator.create(options(&begun));
    let (status, session) = scene.answer_key(&ada, &factor, &begun, made.clone()).await;
    assert_eq!(status, 200, "{session}");
    let ada = Person::of(&session);
    assert_eq!(ada.claims()["aal"], "aal2");
    assert_eq!(ada.claims()["amr"][0]["method"], "mfa/webauthn");
    let (status, refused) = scene.answer_key(&ada, &factor, &begun, made).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_challenge_expired")));

    let ada = scene.sign_in("ada@example.com").await;
    let asked = scene.challenged(&ada, &factor).await;
    assert_eq!(asked["webauthn"]["type"], "request");
    assert_eq!(options(&asked)["allowCredentials"].as_array().unwrap().len(), 1);
    let answer = authenticator.get(options(&asked));
    let (status, session) = scene.answer_key(&ada, &factor, &asked, answer.clone()).await;
    assert_eq!(status, 200, "{session}");
    let ada = Person::of(&session);
    assert_eq!(ada.claims()["aal"], "aal2");
    // The same answer to the next challenge, and an answer that the counter does not allow.
    let again = scene.challenged(&ada, &factor).await;
    let (status, refused) = scene.answer_key(&ada, &factor, &again, answer).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_verification_failed")));
    authenticator.counter = 1;
    let again = scene.challenged(&ada, &factor).await;
    let answer = authenticator.get(options(&again));
    let (status, refused) = scene.answer_key(&ada, &factor, &again, answer).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_verification_failed")));
}

#[tokio::test]
async fn a_wrong_answer_of_a_key_uses_the_challenge_up() {
    let scene = Stage::new();
    let ada = scene.person("ada@example.com").await;
    let (_, key) = scene.post(&ada, "/factors", json!({ "factor_type": "webauthn" })).await;
    let begun = scene.challenged(&ada, &id_of(&key)).await;
    let wrong = Authenticator::on("https://evil.example").create(options(&begun));
    let (status, refused) = scene.answer_key(&ada, &id_of(&key), &begun, wrong).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_verification_failed")));
    let right = Authenticator::on(ORIGIN).create(options(&begun));
    let (status, refused) = scene.answer_key(&ada, &id_of(&key), &begun, right).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mfa_challenge_expired")));
}

#[tokio::test]
async fn operators_see_and_remove_factors_and_nobody_else_does() {
    let scene = Stage::new();
    let (ada, factor, _) = scene.proven("ada@example.com").await;
    let path = format!("/admin/users/{}/factors", ada.id());
    assert_eq!(scene.get(&ada, &path).await.0, 403);
    assert_eq!(scene.delete(&ada, &format!("{path}/{factor}")).await.0, 403);
    let admin = Person::Service;
    let (status, list) = scene.get(&admin, &path).await;
    assert_eq!((status, &list[0]["id"], &list[0]["status"]), (200, &json!(factor), &json!("verified")));
    assert!(!list.to_string().contains("secret"));
    assert_eq!(scene.delete(&admin, &format!("{path}/{factor}")).await.0, 200);
    assert_eq!(scene.get(&admin, &path).await.1, json!([]));
    assert_eq!(scene.get(&admin, "/admin/users/x/factors").await.0, 404);
    let (_, session) = scene.refresh(&ada).await;
    assert_eq!(Person::of(&session).claims()["aal"], "aal1");
}

#[test]
fn room_is_made_by_namesakes_that_nobody_has_proven() {
    let factor = |id: &str, name: Option<&str>, kind, verified| Factor {
        id: id.to_owned(),
        friendly_name: name.map(str::to_owned),
        kind,
        verified,
        phone: None,
        last_challenged_at: None,
        created_at: loki_store::Timestamp::UNIX_EPOCH,
        updated_at: loki_store::Timestamp::UNIX_EPOCH,
    };
    let all = [
        factor("a", Some("phone"), FactorKind::Totp, false),
        factor("b", Some("key"), FactorKind::Webauthn, true),
        factor("c", None, FactorKind::Totp, false),
        factor("d", None, FactorKind::Totp, true),
        factor("e", None, FactorKind::Webauthn, false),
    ];
    let of = |name, kind| replaced(&all, name, kind).map_err(|error| error.code);
    assert_eq!(of(Some("phone"), FactorKind::Webauthn), Ok(vec!["a".to_owned()]));
    assert_eq!(of(Some("key"), FactorKind::Totp), Err(Code::MfaFactorNameConflict));
    assert_eq!(of(Some("new"), FactorKind::Totp), Ok(Vec::new()));
    assert_eq!(of(None, FactorKind::Totp), Ok(vec!["c".to_owned()]));
    assert_eq!(of(None, FactorKind::Webauthn), Ok(vec!["e".to_owned()]));
}
