use super::authenticator::Authenticator;
use super::*;

const USER: &str = "7d0c4a6e-1e8f-4c57-9d0a-2f7a3b1c9e55";
const OTHER: &str = "00000000-0000-4000-8000-000000000001";
const ORIGIN: &str = "https://app.example.com";

fn relying() -> Relying {
    Relying {
        id: "example.com".to_owned(),
        name: "Example".to_owned(),
        origins: vec![ORIGIN.to_owned(), "https://example.com:8443".to_owned()],
    }
}

fn ceremonies() -> Ceremonies {
    Ceremonies::new(&relying()).unwrap()
}

fn person() -> Person<'static> {
    Person { id: USER, name: "ada@example.com", shown: "Ada" }
}

fn made(purpose: Purpose) -> (Authenticator, Credential) {
    let mut authenticator = Authenticator::on(ORIGIN);
    let begun = ceremonies().register(purpose, &person(), &[]).unwrap();
    let answer = authenticator.create(&begun.options);
    let credential = ceremonies().registered(&begun.state, &answer).unwrap();
    (authenticator, credential)
}

/// Makes a passkey, and answers a challenge after `change`.
fn signed_in(change: impl FnOnce(&mut Authenticator)) -> Result<Credential, WebauthnError> {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let begun = ceremonies().ask_anyone().unwrap();
    change(&mut authenticator);
    ceremonies().proven(&begun.state, &authenticator.get(&begun.options), &credential, USER)
}

/// Answers the options of a registration after `change`.
fn registered(
    purpose: Purpose,
    change: impl FnOnce(&mut Authenticator),
) -> Result<Credential, WebauthnError> {
    let mut authenticator = Authenticator::on(ORIGIN);
    let begun = ceremonies().register(purpose, &person(), &[]).unwrap();
    change(&mut authenticator);
    ceremonies().registered(&begun.state, &authenticator.create(&begun.options))
}

#[test]
fn a_passkey_signs_in() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    assert_eq!((credential.counter(), credential.backup()), (1, (false, false)));

    // What is kept goes through JSON.
    let text = serde_json::to_string(&credential).unwrap();
    let credential: Credential = serde_json::from_str(&text).unwrap();
    let begun = ceremonies().ask_anyone().unwrap();
    let state: Value = serde_json::from_str(&begun.state.to_string()).unwrap();
    let answer = authenticator.get(&begun.options);
    let who = claimed(&answer).unwrap();
    assert_eq!(who, Claimed { credential_id: credential.id(), user_id: Some(USER.to_owned()) });

    let after = ceremonies().proven(&state, &answer, &credential, USER).unwrap();
    assert_eq!((after.id(), after.counter()), (credential.id(), 2));
}

#[test]
fn asks_for_kept_and_verified_passkeys() {
    let (_, credential) = made(Purpose::Passkey);
    let begun =
        ceremonies().register(Purpose::Passkey, &person(), std::slice::from_ref(&credential)).unwrap();
    let options = begun.options;
    assert_eq!(options["rp"], json!({ "id": "example.com", "name": "Example" }));
    assert_eq!(options["user"]["name"], "ada@example.com");
    assert_eq!(options["user"]["displayName"], "Ada");
    assert_eq!(options["excludeCredentials"][0]["id"], credential.id());
    let selection = &options["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");

    let options = ceremonies().ask_anyone().unwrap().options;
    assert_eq!(options["rpId"], "example.com");
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["allowCredentials"], json!([]));
    assert_eq!(options["timeout"], CEREMONY_SECONDS * 1_000);
}

#[test]
fn gives_every_challenge_once() {
    let one = ceremonies().ask_anyone().unwrap().options;
    let other = ceremonies().ask_anyone().unwrap().options;
    assert_ne!(one["challenge"], other["challenge"]);
}

#[test]
fn a_factor_is_asked_for_by_name() {
    let (mut authenticator, credential) = made(Purpose::Factor);
    let begun = ceremonies().ask(std::slice::from_ref(&credential)).unwrap();
    assert_eq!(begun.options["allowCredentials"][0]["id"], credential.id());
    assert_eq!(begun.options["userVerification"], "preferred");
    authenticator.tells_user = false; // As one does that was asked by name.
    let answer = authenticator.get(&begun.options);
    let after = ceremonies().proven(&begun.state, &answer, &credential, USER).unwrap();
    assert_eq!(after.counter(), 2);
}

#[test]
fn a_factor_may_do_with_a_touch_but_not_forget_to_verify() {
    let touched = registered(Purpose::Factor, |one| one.verifies = false).unwrap();
    assert_eq!(touched.counter(), 1);

    let (mut authenticator, credential) = made(Purpose::Factor);
    let begun = ceremonies().ask(std::slice::from_ref(&credential)).unwrap();
    authenticator.verifies = false;
    let judged = ceremonies().proven(&begun.state, &authenticator.get(&begun.options), &credential, USER);
    assert!(matches!(judged, Err(WebauthnError::Unverified)), "{judged:?}");
}

#[test]
fn refuses_a_passkey_of_an_unverified_user() {
    let judged = registered(Purpose::Passkey, |one| one.verifies = false);
    assert!(matches!(judged, Err(WebauthnError::Unverified)), "{judged:?}");
    let judged = signed_in(|one| one.verifies = false);
    assert!(matches!(judged, Err(WebauthnError::Unverified)), "{judged:?}");
}

#[test]
fn refuses_a_passkey_that_is_not_kept() {
    let judged = registered(Purpose::Passkey, |one| one.keeps = Some(false));
    assert!(matches!(judged, Err(WebauthnError::NotKept)), "{judged:?}");
    assert!(registered(Purpose::Passkey, |one| one.keeps = None).is_ok());
    assert!(registered(Purpose::Factor, |one| one.keeps = Some(false)).is_ok());
}

#[test]
fn refuses_other_origins() {
    let others = [
        "https://example.com",          // The domain itself, but not among the origins.
        "https://evil.app.example.com", // Below one of the origins.
        "https://app.example.com.evil.io",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://evil.io",
        "null",
    ];
    for other in others {
        let judged = registered(Purpose::Passkey, |one| one.origin = other.to_owned());
        assert!(judged.is_err(), "registered on {other}");
        let judged = signed_in(|one| one.origin = other.to_owned());
        assert!(
            matches!(judged, Err(WebauthnError::WrongOrigin | WebauthnError::Answer)),
            "{other}: {judged:?}"
        );
    }
    assert!(signed_in(|one| one.origin = "https://example.com:8443".to_owned()).is_ok());
}

#[test]
fn refuses_other_domains() {
    let judged = registered(Purpose::Passkey, |one| one.domain = Some("evil.io".to_owned()));
    assert!(matches!(judged, Err(WebauthnError::WrongDomain)), "{judged:?}");
    let judged = signed_in(|one| one.domain = Some("app.example.com".to_owned()));
    assert!(matches!(judged, Err(WebauthnError::WrongDomain)), "{judged:?}");
}

#[test]
fn refuses_the_answer_to_another_challenge() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let (first, second) = (ceremonies().ask_anyone().unwrap(), ceremonies().ask_anyone().unwrap());
    let answer = authenticator.get(&first.options);
    let judged = ceremonies().proven(&second.state, &answer, &credential, USER);
    assert!(matches!(judged, Err(WebauthnError::WrongChallenge)), "{judged:?}");

    let one = ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap();
    let other = ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap();
    let judged = ceremonies().registered(&other.state, &authenticator.create(&one.options));
    assert!(matches!(judged, Err(WebauthnError::WrongChallenge)), "{judged:?}");
}

/// The state is used once; should it ever be judged twice, the counter tells.
#[test]
fn refuses_a_counter_that_does_not_go_on() {
    // What was kept says 1.
    for (said, is_taken) in [(1, false), (2, true), (9, true)] {
        let judged = signed_in(|one| one.counter = said - 1);
        match judged {
            Ok(after) => assert!(is_taken && after.counter() == said, "{said}"),
            Err(WebauthnError::Counter) => assert!(!is_taken, "{said}"),
            Err(other) => panic!("{said}: {other}"),
        }
    }
    let judged = signed_in(|one| one.counts = false);
    assert!(matches!(judged, Err(WebauthnError::Counter)), "{judged:?}");
}

#[test]
fn refuses_a_factor_whose_counter_was_overtaken_meanwhile() {
    let (mut authenticator, credential) = made(Purpose::Factor);
    let begun = ceremonies().ask(std::slice::from_ref(&credential)).unwrap();
    let early = authenticator.get(&begun.options);
    let again = ceremonies().ask(std::slice::from_ref(&credential)).unwrap();
    let late = authenticator.get(&again.options);
    let now = ceremonies().proven(&again.state, &late, &credential, USER).unwrap();
    let judged = ceremonies().proven(&begun.state, &early, &now, USER);
    assert!(matches!(judged, Err(WebauthnError::Counter)), "{judged:?}");
}

#[test]
fn takes_authenticators_that_do_not_count() {
    let mut authenticator = Authenticator::on(ORIGIN);
    let begun = ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap();
    authenticator.counts = false;
    let credential = ceremonies().registered(&begun.state, &authenticator.create(&begun.options)).unwrap();
    assert_eq!(credential.counter(), 0);
    let begun = ceremonies().ask_anyone().unwrap();
    let answer = authenticator.get(&begun.options);
    assert!(ceremonies().proven(&begun.state, &answer, &credential, USER).is_ok());
}

#[test]
fn refuses_the_key_of_somebody_else() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let begun = ceremonies().ask_anyone().unwrap();
    let answer = authenticator.get(&begun.options);
    let judged = ceremonies().proven(&begun.state, &answer, &credential, OTHER);
    assert!(matches!(judged, Err(WebauthnError::WrongCredential)), "{judged:?}");

    // Another key that claims this one's name.
    let mut thief = Authenticator::on(ORIGIN);
    thief.create(&ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap().options);
    thief.counter = 10;
    let mut forged = thief.get(&begun.options);
    let judged = ceremonies().proven(&begun.state, &forged, &credential, USER);
    assert!(matches!(judged, Err(WebauthnError::WrongCredential)), "{judged:?}");
    forged["id"] = answer["id"].clone();
    forged["rawId"] = answer["rawId"].clone();
    let judged = ceremonies().proven(&begun.state, &forged, &credential, USER);
    assert!(matches!(judged, Err(WebauthnError::Refused(_))), "{judged:?}");
}

#[test]
fn refuses_a_passkey_that_does_not_tell_its_user() {
    let judged = signed_in(|one| one.tells_user = false);
    assert!(matches!(judged, Err(WebauthnError::WrongCredential)), "{judged:?}");
}

#[test]
fn refuses_a_registration_under_another_name() {
    let begun = ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap();
    let mut answer = Authenticator::on(ORIGIN).create(&begun.options);
    answer["rawId"] = json!("AAAA");
    let judged = ceremonies().registered(&begun.state, &answer);
    assert!(matches!(judged, Err(WebauthnError::Answer)), "{judged:?}");
}

#[test]
fn refuses_a_known_credential() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let begun = ceremonies().register(Purpose::Passkey, &person(), &[credential]).unwrap();
    let judged = ceremonies().registered(&begun.state, &authenticator.create(&begun.options));
    assert!(judged.is_err(), "{judged:?}");
}

#[test]
fn refuses_the_state_of_another_ceremony() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let asked = ceremonies().ask_anyone().unwrap();
    let begun = ceremonies().register(Purpose::Passkey, &person(), &[]).unwrap();
    let made = authenticator.create(&begun.options);
    let judged = ceremonies().registered(&asked.state, &made);
    assert!(matches!(judged, Err(WebauthnError::State)), "{judged:?}");
    let answer = authenticator.get(&asked.options);
    for state in [begun.state, json!({}), json!({ "passkey": {} }), Value::Null] {
        let judged = ceremonies().proven(&state, &answer, &credential, USER);
        assert!(matches!(judged, Err(WebauthnError::State)), "{judged:?}");
    }
}

#[test]
fn refuses_what_no_client_sends() {
    let (mut authenticator, credential) = made(Purpose::Passkey);
    let begun = ceremonies().ask_anyone().unwrap();
    let answer = authenticator.get(&begun.options);
    let broken = |path: &str, value: Value| {
        let mut broken = answer.clone();
        *broken.pointer_mut(path).unwrap() = value;
        broken
    };
    let answers = [
        Value::Null,
        json!([]),
        broken("/rawId", json!("not base64!")),
        broken("/response/clientDataJSON", json!("AAAA")),
        broken("/response/authenticatorData", json!("AAAA")),
        broken("/response/signature", json!(7)),
        broken("/type", json!("x".repeat(ANSWER_BYTES_MAX))),
    ];
    for answer in answers {
        let judged = ceremonies().proven(&begun.state, &answer, &credential, USER);
        assert!(matches!(judged, Err(WebauthnError::Answer)), "{answer}: {judged:?}");
    }
    let judged =
        ceremonies().proven(&begun.state, &broken("/response/signature", json!("AAAA")), &credential, USER);
    assert!(matches!(judged, Err(WebauthnError::Refused(_))), "{judged:?}");
}

#[test]
fn takes_secure_origins_of_the_domain_only() {
    let with = |id: &str, origins: &[&str]| {
        Ceremonies::new(&Relying {
            id: id.to_owned(),
            name: String::new(),
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        })
    };
    assert!(with("example.com", &["https://example.com", "https://a.b.example.com:8443/"]).is_ok());
    assert!(with("localhost", &["http://localhost:5173"]).is_ok());
    let refused: [(&str, &[&str]); 11] = [
        ("example.com", &[]),
        ("example.com", &["http://example.com"]),
        ("example.com", &["https://example.com", "https://notexample.com"]),
        ("example.com", &["https://example.com", "https://example.com.evil.io"]),
        ("example.com", &["https://example.com/path"]),
        ("example.com", &["https://example.com?query"]),
        ("example.com", &["https://ada@example.com"]),
        ("example.com", &["https://127.0.0.1"]),
        ("example.com", &["app:example.com"]),
        ("127.0.0.1", &["http://127.0.0.1:3000"]),
        ("", &["https://example.com"]),
    ];
    for (id, origins) in refused {
        assert!(with(id, origins).is_err(), "{id}: {origins:?}");
    }
    assert!(with("example.com", &["https://example.com"; ORIGINS_MAX + 1]).is_err());
}
