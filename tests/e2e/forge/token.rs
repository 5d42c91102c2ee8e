//! Tokens signed by hand, as a service of somebody else's would.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A token of the user `sub`, for an hour from 2026 on and far beyond.
pub(super) fn signed(secret: &str, sub: &str) -> String {
    of_claims(
        secret,
        &json!({ "sub": sub, "role": "authenticated", "aud": "authenticated", "exp": 4_102_444_800_u64 }),
    )
}

/// A token with these claims (RFC 7515, HS256).
pub(super) fn of_claims(secret: &str, claims: &Value) -> String {
    let head = BASE64.encode(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
    let signature = BASE64.encode(hmac(secret.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}
