//! Structures that a secret's form has: checksums, encodings, parts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The signature of the token that manuals show.
const MANUAL_SIGNATURE: &str = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

/// Whether the last six characters are the CRC-32 of the others, in base 62.
pub(super) fn has_base62_crc(body: &str) -> bool {
    let Some((random, checksum)) = body.split_at_checked(body.len().saturating_sub(6)) else { return false };
    base62(crc32(random.as_bytes())) == checksum
}

/// Whether a Grafana token's last eight characters are the CRC-32 of the rest, in hex.
pub(super) fn has_hex_crc(prefix: &str, body: &str) -> bool {
    let Some((random, checksum)) = body.rsplit_once('_') else { return false };
    format!("{:08x}", crc32(format!("{prefix}{random}").as_bytes())) == checksum
}

fn base62(mut number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text.iter().map(|byte| char::from(*byte)).collect()
}

/// CRC-32 as in zlib.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// Whether a text is a JSON web token that somebody signed and that is no public one.
pub(super) fn is_signed_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts[..] else { return false };
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    };
    let (Some(header), Some(payload)) = (object(header), object(payload)) else { return false };
    let signed = header["alg"].as_str().is_some_and(|alg| !alg.eq_ignore_ascii_case("none"));
    // An anonymous role's token is meant to be handed to everyone, and `1234567890` is a manual's user.
    let public = payload["role"] == "anon" || payload["sub"] == "1234567890";
    signed && !public && signature.len() >= 32 && signature != MANUAL_SIGNATURE
}
