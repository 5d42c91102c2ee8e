use loki_store::{FixedClock, Timestamp};
use serde_json::json;

use super::*;
use crate::keys::{Algorithm, KeyRing};
use crate::token::sign_shared;

const NOW: i64 = 1_800_000_000;

fn ring() -> (tempfile::TempDir, KeyRing) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(Timestamp::from_second(NOW).unwrap(), std::time::Duration::ZERO));
    let ring = KeyRing::open(folder.path(), clock).unwrap();
    (folder, ring)
}

fn role(callers: &Callers, key: Option<&str>, bearer: Option<&str>) -> Result<String, CallerError> {
    callers.identify(key, bearer, NOW).map(|who| who.role.to_string())
}

#[test]
fn all_forms_of_keys_are_known() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let callers = Callers::new(Arc::clone(&keys), Terms::default()).unwrap();
    let (anon, service) = (keys.anon_jwt().unwrap(), keys.service_jwt().unwrap());
    for (key, expected) in [
        (keys.publishable.as_str(), "anon"),
        (&keys.secret, "service_role"),
        (&anon, "anon"),
        (&service, "service_role"),
    ] {
        for (key, bearer) in [(Some(key), None), (None, Some(key)), (Some(key), Some(key))] {
            assert_eq!(role(&callers, key, bearer).unwrap(), expected);
        }
    }
    assert_eq!(role(&callers, None, None).unwrap(), "anon");
    assert_eq!(role(&callers, Some(""), None).unwrap(), "anon");
    assert_eq!(role(&callers, Some(""), Some("")), Err(TokenError::Empty.into()));
}

#[test]
fn the_token_says_who_it_is_and_the_key_must_be_good_all_the_same() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let callers = Callers::new(Arc::clone(&keys), Terms::default()).unwrap();
    let claims = json!({ "sub": "ada", "role": "authenticated", "team": "red" });
    let token = keys.signer().unwrap().sign(&claims).unwrap();
    for key in [None, Some(keys.publishable.as_str()), Some(keys.secret.as_str())] {
        let who = callers.identify(key, Some(&token), NOW).unwrap();
        assert_eq!((&who.role, who.subject.as_deref()), (&Role::Authenticated, Some("ada")));
        assert_eq!(who.claims, claims);
    }
    assert_eq!(role(&callers, Some("sb_publishable_x"), Some(&token)), Err(CallerError::Key));
    assert_eq!(role(&callers, Some("sb_secret_x"), None), Err(CallerError::Key));
    assert!(role(&callers, Some("nonsense"), Some(&token)).is_err());
    let cut = &keys.secret[..keys.secret.len() - 1];
    assert_eq!(role(&callers, Some(cut), None), Err(CallerError::Key));
}

#[test]
fn a_role_or_subject_that_is_no_text_is_refused() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let callers = Callers::new(Arc::clone(&keys), Terms::default()).unwrap();
    for claims in [json!({ "role": 5 }), json!({ "role": ["service_role"] }), json!({ "sub": {} })] {
        let token = sign_shared(&claims, keys.jwt_secret.as_bytes()).unwrap();
        assert_eq!(role(&callers, None, Some(&token)), Err(TokenError::Claims.into()), "{claims}");
    }
    let without = sign_shared(&json!({ "sub": "x" }), keys.jwt_secret.as_bytes()).unwrap();
    assert_eq!(role(&callers, None, Some(&without)).unwrap(), "anon");
}

#[test]
fn a_remembered_token_still_expires_and_goes_with_its_key() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let callers = Callers::new(Arc::clone(&keys), Terms::default()).unwrap();
    let token = keys.signer().unwrap().sign(&json!({ "sub": "a", "exp": NOW + 10 })).unwrap();
    assert!(callers.identify(None, Some(&token), NOW).is_ok());
    assert!(callers.identify(None, Some(&token), NOW + 5).is_ok());
    let late = callers.identify(None, Some(&token), NOW + 60);
    assert_eq!(late.unwrap_err(), TokenError::Expired.into());
    ring.rotate(Algorithm::Es256).unwrap();
    callers.set_keys(ring.revoke(&keys.current().unwrap().kid).unwrap()).unwrap();
    assert_eq!(callers.identify(None, Some(&token), NOW).unwrap_err(), TokenError::Signature.into());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut remembered = Remembered::default();
    for n in 0..REMEMBERED_MAX + 50 {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_le_bytes());
        remembered.add(hash, &anonymous());
    }
    assert_eq!((remembered.claims.len(), remembered.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
}

#[test]
fn only_bearer_tokens_are_tokens() {
    for (header, token) in [
        ("Bearer a.b.c", Some("a.b.c")),
        ("bearer  a.b.c ", Some("a.b.c")),
        ("Bearer", Some("")),
        ("Bearer ", Some("")),
        ("Basic YTpi", None),
        ("", None),
    ] {
        assert_eq!(bearer(header), token, "{header}");
    }
}
