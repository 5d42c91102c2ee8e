use serde_json::json;

use super::*;

/// RFC 8037, appendix A.
const ED25519: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn keys(keys: Value) -> Jwks {
    Jwks::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn the_example_of_rfc_8037() {
    let jws = Jws::read(ED25519).unwrap();
    let keys = keys(json!([{ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X }]));
    assert!(keys.of(&jws).unwrap().verifies(&jws));
    let changed = ED25519.replacen("RXh", "RXg", 1);
    let jws = Jws::read(&changed).unwrap();
    assert!(!keys.of(&jws).unwrap().verifies(&jws));
}

#[test]
fn keys_of_no_use_are_left_out() {
    let cases = [
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": ED25519_X }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "use": "enc" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "key_ops": ["sign"] }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "alg": "RS256" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "alg": "none" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "alg": "HS256" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "not base64!" }),
        json!({ "kty": "RSA", "n": "AA" }),
        json!(null),
    ];
    for key in cases {
        assert!(!keys(json!([key])).has(None), "{key}");
    }
    assert!(Jwks::read(b"[]").is_err() && Jwks::read(b"{}").is_err());
    let many = vec![json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X }); 100];
    assert_eq!(keys(json!(many)).0.len(), KEYS_MAX);
}

#[test]
fn short_rsa_keys_verify_nothing() {
    // 1,024 bits, where ring wants 2,048.
    let n = BASE64.encode([0xff; 128]);
    let keys = keys(json!([{ "kty": "RSA", "n": n, "e": "AQAB" }]));
    let header = BASE64.encode(r#"{"alg":"RS256"}"#);
    let token = format!("{header}.e30.{}", BASE64.encode([1; 128]));
    assert_eq!(Jws::read(&token).unwrap().claims(&keys), Err(IdTokenError::Signature));
}

#[test]
fn headers_that_want_more_than_is_understood() {
    for header in [
        r#"{"alg":"EdDSA","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","alg":"none"}"#,
        r#"{"alg":["EdDSA"]}"#,
        r#"{"kid":"x"}"#,
        "no json",
    ] {
        let token = format!("{}.e30.AA", BASE64.encode(header));
        assert_eq!(Jws::read(&token).map(|_| ()), Err(IdTokenError::Malformed), "{header}");
    }
    let padded = format!("{}=.e30.AA", BASE64.encode(r#"{"alg":"EdDSA"}"#));
    assert!(Jws::read(&padded).is_err());
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_the_reader(
        token in "[A-Za-z0-9_.=-]{0,80}|\\PC{0,40}",
        header in "\\{(\"(alg|kid|crit)\":(\"(none|HS256|ES256|RS256)?\"|null|\\[\\]|1),?){0,3}\\}",
        keys in "\\{\"keys\":\\[(\\{\"kty\":\"(RSA|EC|OKP|oct)\",\"(n|e|x|k)\":\"[A-Za-z0-9_=-]{0,8}\"\\},?){0,2}\\]\\}|\\PC{0,20}",
    ) {
        let keys = Jwks::read(keys.as_bytes()).unwrap_or_default();
        for token in [token.clone(), format!("{}.{token}.{token}", BASE64.encode(&header))] {
            // Nobody signed it.
            proptest::prop_assert!(Jws::read(&token).and_then(|jws| jws.claims(&keys)).is_err());
        }
    }
}
