use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use loki_store::{FixedClock, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::keys::{KeyRing, Keys};

const NOW: i64 = 1_800_000_000;

fn ring() -> (tempfile::TempDir, KeyRing) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(Timestamp::from_second(NOW).unwrap(), std::time::Duration::ZERO));
    let ring = KeyRing::open(folder.path(), clock).unwrap();
    (folder, ring)
}

fn verify(keys: &Keys, token: &str) -> Result<Claims, TokenError> {
    Verifier::new(keys, Terms::default()).unwrap().verify(token, NOW)
}

fn with_header(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", BASE64.encode(header.to_string()))
}

#[test]
fn every_way_of_signing_verifies() {
    let (_folder, ring) = ring();
    let claims = json!({ "sub": "u", "role": "authenticated", "exp": NOW + 60 });
    let es256 = ring.keys();
    ring.import(include_str!("../../tests/data/rfc7515_a2.json")).unwrap();
    let rs256 = ring.promote("rfc7515-a2").unwrap();
    assert_eq!(rs256.current().unwrap().algorithm, Algorithm::Rs256);
    for keys in [es256, rs256] {
        let token = keys.signer().unwrap().sign(&claims).unwrap();
        assert_eq!(Value::Object(verify(&keys, &token).unwrap()), claims);
        let mut broken = token.clone();
        broken.replace_range(token.len() - 6..token.len() - 2, "AAAA");
        assert_eq!(verify(&keys, &broken), Err(TokenError::Signature));
    }
    let keys = ring.keys();
    let shared = sign_shared(&claims, keys.jwt_secret.as_bytes()).unwrap();
    assert_eq!(Value::Object(verify(&keys, &shared).unwrap()), claims);
}

/// RFC 7515, 4.1.11: who does not understand what is critical refuses the token.
#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let signed = |crit: Option<Vec<String>>| {
        let header = Header { crit, ..Header::new(Jwt::HS256) };
        let key = EncodingKey::from_secret(keys.jwt_secret.as_bytes());
        encode(&header, &json!({ "exp": NOW + 60 }), &key).unwrap()
    };
    assert!(verify(&keys, &signed(None)).is_ok());
    assert_eq!(verify(&keys, &signed(Some(vec!["b64".to_owned()]))), Err(TokenError::Signature));
}

/// RFC 7515, A.1: HS256 with the key given there.
#[test]
fn the_example_of_the_standard_verifies() {
    let key = BASE64
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .unwrap();
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
                 Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let verifier =
        Verifier { shared: DecodingKey::from_secret(&key), pairs: HashMap::new(), terms: Terms::default() };
    let claims = verifier.verify(token, 1_300_819_379).unwrap();
    assert_eq!(claims["http://example.com/is_root"], json!(true));
    assert_eq!(verifier.verify(token, 1_300_819_380 + LEEWAY_SECONDS), Err(TokenError::Expired));
}

/// RFC 7515, A.2 and A.3: RS256 and ES256 with the keys given there. The examples name no key.
#[test]
fn the_examples_with_key_pairs_verify() {
    let (_folder, ring) = ring();
    ring.import(include_str!("../../tests/data/rfc7515_a2.json")).unwrap();
    let keys = ring.import(include_str!("../../tests/data/rfc7515_a3.json")).unwrap();
    let body =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (kid, algorithm, head, signature) in [
        (
            "rfc7515-a2",
            Jwt::RS256,
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb\
             F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383\
             LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy\
             wlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            "rfc7515-a3",
            Jwt::ES256,
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        let key = keys.signing.iter().find(|key| key.kid == kid).unwrap().verifier().unwrap();
        let text = format!("{head}.{body}");
        assert!(jsonwebtoken::crypto::verify(signature, text.as_bytes(), &key, algorithm).unwrap(), "{kid}");
        assert!(!jsonwebtoken::crypto::verify(signature, b"other", &key, algorithm).unwrap(), "{kid}");
    }
}

#[test]
fn an_issuer_is_demanded_where_the_terms_say_so() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let terms = Terms { issuers: vec!["https://one".to_owned()], audiences: vec!["app".to_owned()] };
    let verifier = Verifier::new(&keys, terms).unwrap();
    for (claims, outcome) in [
        (json!({ "iss": "https://one", "aud": "app" }), Ok(())),
        (json!({ "iss": "https://two", "aud": "app" }), Err(TokenError::Issuer)),
        (json!({ "aud": "app" }), Err(TokenError::Issuer)),
        (json!({ "iss": "https://one", "aud": "authenticated" }), Err(TokenError::Audience)),
    ] {
        let token = keys.signer().unwrap().sign(&claims).unwrap();
        assert_eq!(verifier.verify(&token, NOW).map(|_| ()), outcome, "{claims}");
    }
}

#[test]
fn a_token_cannot_choose_how_it_is_verified() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let current = keys.current().unwrap();
    let claims = json!({ "role": "service_role" });
    let good = keys.signer().unwrap().sign(&claims).unwrap();
    // `none`, with and without a signature.
    for alg in ["none", "None", "NONE", ""] {
        let head = BASE64.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
        let body = BASE64.encode(claims.to_string());
        for token in [
            format!("{head}.{body}."),
            format!("{head}.{body}.AAAA"),
            with_header(&good, &json!({ "alg": alg })),
        ] {
            assert!(verify(&keys, &token).is_err(), "{alg}");
        }
    }
    // The public key as the secret of HS256: everybody knows it.
    let public = keys.jwks();
    for secret in [
        public.to_string(),
        public["keys"][0].to_string(),
        public["keys"][0]["x"].as_str().unwrap().to_owned(),
    ] {
        let mut header = Header::new(Jwt::HS256);
        header.kid = Some(current.kid.clone());
        let forged = encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        assert_eq!(verify(&keys, &forged), Err(TokenError::Signature));
    }
    // A right signature under a wrong name, and a name without its algorithm.
    let shared = sign_shared(&claims, keys.jwt_secret.as_bytes()).unwrap();
    assert!(verify(&keys, &with_header(&shared, &json!({ "alg": "HS256", "kid": current.kid }))).is_err());
    assert!(verify(&keys, &with_header(&good, &json!({ "alg": "ES256", "kid": "another" }))).is_err());
    assert!(verify(&keys, &with_header(&good, &json!({ "alg": "RS256", "kid": current.kid }))).is_err());
    // Keys of another project.
    let (_other_folder, other) = self::ring();
    assert!(verify(&other.keys(), &good).is_err() && verify(&other.keys(), &shared).is_err());
}

#[test]
fn time_and_audience_are_judged() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    for (claims, outcome) in [
        (json!({}), Ok(())),
        (json!({ "exp": NOW - LEEWAY_SECONDS + 1 }), Ok(())),
        (json!({ "exp": NOW - LEEWAY_SECONDS }), Err(TokenError::Expired)),
        (json!({ "exp": 0 }), Err(TokenError::Expired)),
        (json!({ "exp": "soon" }), Err(TokenError::Claims)),
        (json!({ "exp": 1.8e18 }), Ok(())),
        (json!({ "nbf": NOW + LEEWAY_SECONDS }), Ok(())),
        (json!({ "nbf": NOW + LEEWAY_SECONDS + 1 }), Err(TokenError::Early)),
        (json!({ "iat": NOW + LEEWAY_SECONDS + 1 }), Err(TokenError::Future)),
        (json!({ "aud": "authenticated" }), Ok(())),
        (json!({ "aud": ["x", "authenticated"] }), Ok(())),
        (json!({ "aud": "x" }), Err(TokenError::Audience)),
        (json!({ "aud": ["x"] }), Err(TokenError::Audience)),
        (json!({ "aud": 5 }), Err(TokenError::Claims)),
        (json!(["no", "claims"]), Err(TokenError::Claims)),
    ] {
        let token = sign_shared(&claims, keys.jwt_secret.as_bytes()).unwrap();
        assert_eq!(verify(&keys, &token).map(|_| ()), outcome, "{claims}");
    }
}

#[test]
fn what_a_revoked_key_signed_does_not_hold() {
    let (_folder, ring) = ring();
    let before = ring.keys();
    let token = before.signer().unwrap().sign(&json!({ "sub": "u" })).unwrap();
    let rotated = ring.rotate(Algorithm::Es256).unwrap();
    assert!(verify(&rotated, &token).is_ok());
    let revoked = ring.revoke(&before.current().unwrap().kid).unwrap();
    assert_eq!(verify(&revoked, &token), Err(TokenError::Signature));
}

#[test]
fn what_is_too_long_or_no_token_is_refused() {
    let (_folder, ring) = ring();
    let keys = ring.keys();
    let long = sign_shared(&json!({ "x": "y".repeat(TOKEN_BYTES_MAX) }), keys.jwt_secret.as_bytes()).unwrap();
    assert_eq!(verify(&keys, &long), Err(TokenError::Long));
    for text in ["", ".", "..", "...", "a.b.c", "a.b", "eyJhbGciOiJIUzI1NiJ9..", "\u{0}.\u{0}.\u{0}"] {
        assert!(verify(&keys, text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn garbage_never_holds(parts in prop::collection::vec(".{0,40}", 0..5), flip in 0usize..400, with in any::<u8>()) {
        let (_folder, ring) = ring();
        let keys = ring.keys();
        prop_assert!(verify(&keys, &parts.join(".")).is_err());
        // One byte of a good token changed.
        let token = sign_shared(&json!({ "sub": "u", "role": "authenticated" }), keys.jwt_secret.as_bytes()).unwrap();
        let mut bytes = token.clone().into_bytes();
        let at = flip % bytes.len();
        bytes[at] = b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_"[usize::from(with) % 44];
        let changed = String::from_utf8(bytes).unwrap();
        // The last character holds bits that do not count.
        if changed != token && at + 1 < token.len() {
            prop_assert!(verify(&keys, &changed).is_err(), "{changed}");
        }
    }
}
