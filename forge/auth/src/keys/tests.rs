use loki_store::FixedClock;

use super::*;

const RS256: &str = include_str!("../../tests/data/rfc7515_a2.json");
const ES256: &str = include_str!("../../tests/data/rfc7515_a3.json");

fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock::new(Timestamp::from_second(1_800_000_000).unwrap(), std::time::Duration::ZERO))
}

fn ring(dir: &Path) -> KeyRing {
    KeyRing::open(dir, clock()).unwrap()
}

#[test]
fn keys_are_made_once_and_only_their_owner_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    let made = ring(&dir).keys();
    assert!(made.publishable.starts_with("sb_publishable_") && made.secret.starts_with("sb_secret_"));
    assert_eq!(ring(&dir).keys(), made);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(FILE))), (0o700, 0o600));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    ring(folder.path());
    let path = folder.path().join(FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(KeyRing::open(folder.path(), clock()), Err(KeysError::Open { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "{}").unwrap();
    assert!(matches!(KeyRing::open(folder.path(), clock()), Err(KeysError::Damaged { .. })));
}

#[test]
fn nothing_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    ring.import(RS256).unwrap();
    let keys = ring.promote("rfc7515-a2").unwrap();
    let shown = format!("{keys:?} {:?} {}", keys.signing, keys.jwks());
    let stored = fs::read_to_string(folder.path().join(FILE)).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let private = stored["signing"].as_array().unwrap().iter().map(|key| key["private"].as_str().unwrap());
    for secret in [keys.secret.as_str(), keys.jwt_secret.as_str()].into_iter().chain(private) {
        assert!(!shown.contains(secret) && stored.to_string().contains(secret));
    }
}

#[test]
fn rotation_keeps_the_key_before_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let first = ring.keys().current().unwrap().kid.clone();
    let other = KeyRing::open(folder.path(), clock()).unwrap();
    let second = ring.rotate(Algorithm::Es256).unwrap().current().unwrap().kid.clone();
    assert_ne!(first, second);
    assert!(other.refresh().unwrap() && !other.refresh().unwrap(), "another process sees it once");
    assert_eq!(other.keys(), ring.keys());
    let kids = |keys: &Keys| -> Vec<String> {
        let set = keys.jwks();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kids(&ring.keys()), [second.clone(), first.clone()]);
    assert!(matches!(ring.revoke(&second), Err(KeysError::Current { .. })));
    assert!(matches!(ring.revoke("x"), Err(KeysError::Unknown { .. })));
    assert_eq!(kids(&ring.revoke(&first).unwrap()), [second]);
}

#[test]
fn a_short_secret_is_refused_and_a_long_one_taken() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    assert!(matches!(ring.set_jwt_secret("short"), Err(KeysError::Short)));
    let demo = "super-secret-jwt-token-with-at-least-32-characters-long";
    assert_eq!(ring.set_jwt_secret(demo).unwrap().jwt_secret, demo);
    let before = ring.keys();
    let after = ring.renew().unwrap();
    assert!(before.secret != after.secret && before.jwt_secret == after.jwt_secret);
}

#[test]
fn a_key_from_elsewhere_waits_until_it_is_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let own = ring.keys().current().unwrap().kid.clone();
    for (jwk, kid) in [(RS256, "rfc7515-a2"), (ES256, "rfc7515-a3")] {
        let keys = ring.import(jwk).unwrap();
        assert_eq!((keys.signing[0].kid.as_str(), keys.signing[0].state), (kid, State::Standby));
        assert!(matches!(ring.import(jwk), Err(KeysError::Taken { .. })));
    }
    assert_eq!(ring.keys().current().unwrap().kid, own);
    let published = ring.keys().jwks();
    let given: Value = serde_json::from_str(ES256).unwrap();
    assert_eq!((&published["keys"][0]["x"], &published["keys"][0]["y"]), (&given["x"], &given["y"]));
    let given: Value = serde_json::from_str(RS256).unwrap();
    assert_eq!((&published["keys"][1]["n"], &published["keys"][1]["e"]), (&given["n"], &given["e"]));
    assert!(published["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
    let keys = ring.promote("rfc7515-a3").unwrap();
    assert_eq!(keys.current().unwrap().kid, "rfc7515-a3");
    assert_eq!(keys.signing.iter().filter(|key| key.state == State::Current).count(), 1);
    ring.revoke("rfc7515-a2").unwrap();
    assert!(matches!(ring.promote("rfc7515-a2"), Err(KeysError::Unknown { .. })), "it is revoked");
}

#[test]
fn pem_is_taken_and_what_is_no_private_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let made = ring.keys();
    let private = serde_json::to_value(&made.signing[0]).unwrap()["private"].as_str().unwrap().to_owned();
    let der = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, private).unwrap();
    let lines = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let lines: Vec<&str> =
        lines.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = |label: &str| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    let keys = ring.import(&pem("PRIVATE KEY")).unwrap();
    assert_eq!(keys.signing[0].public_jwk()["x"], keys.signing[1].public_jwk()["x"]);
    let mut public: Value = serde_json::from_str(ES256).unwrap();
    public.as_object_mut().unwrap().remove("d");
    let mut other: Value = serde_json::from_str(ES256).unwrap();
    other["y"] = other["x"].clone();
    let hs = r#"{"kty":"oct","k":"AAAA"}"#;
    let long = format!("{{\"kty\":\"{}\"}}", "x".repeat(40_000));
    for text in ["", "{}", hs, &long, &public.to_string(), &other.to_string(), &pem("PUBLIC KEY")] {
        assert!(matches!(ring.import(text), Err(KeysError::Import)), "{text:.80}");
    }
}

#[test]
fn a_full_ring_drops_revoked_keys_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let first = ring.keys().current().unwrap().kid.clone();
    while ring.keys().signing.len() < SIGNING_MAX {
        ring.stand_by(Algorithm::Es256).unwrap();
    }
    assert!(matches!(ring.rotate(Algorithm::Es256), Err(KeysError::Full)));
    let idle = ring.keys().signing[3].kid.clone();
    ring.revoke(&idle).unwrap();
    let keys = ring.rotate(Algorithm::Es256).unwrap();
    assert_eq!(keys.signing.len(), SIGNING_MAX);
    assert!(
        keys.signing.iter().any(|key| key.kid == first) && !keys.signing.iter().any(|key| key.kid == idle)
    );
}

#[test]
fn two_changes_at_once_do_not_lose_one() {
    let folder = tempfile::tempdir().unwrap();
    let ring = ring(folder.path());
    let lock = ProcessLock::acquire(&folder.path().join(LOCK), clock().as_ref()).unwrap();
    let before = ring.keys();
    assert!(matches!(ring.renew(), Err(KeysError::Busy(_))));
    assert_eq!(ring.keys(), before);
    drop(lock);
    assert_ne!(ring.renew().unwrap(), before);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ring.stand_by(Algorithm::Es256).unwrap());
        }
    });
    assert_eq!(ring.keys().signing.len(), 5);
}
