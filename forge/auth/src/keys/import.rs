//! Key pairs from elsewhere: private JWKs (RFC 7517) and PEM files.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rsa::BigUint;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use serde::Deserialize;

use super::{Algorithm, KeysError};

/// Bytes of what is imported.
const BYTES_MAX: usize = 32 * 1024;
/// Bits of an RSA key (RFC 7518, 3.3), and what verifying one may cost.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;
/// PKCS#8 of a P-256 key with both halves, up to the private one, and between the two (RFC 5208, RFC 5915).
const P256_HEAD: &[u8] = &[
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,
    0x04, 0x20,
];
const P256_MIDDLE: &[u8] = &[0xa1, 0x44, 0x03, 0x42, 0x00, 0x04];

/// A key pair as it was read.
pub(super) struct Pair {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) pkcs8: Vec<u8>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<String>,
    n: Option<String>,
    e: Option<String>,
    p: Option<String>,
    q: Option<String>,
}

/// Reads a private key: JSON is a JWK, anything else PEM.
pub(super) fn read(text: &str) -> Result<Pair, KeysError> {
    if text.len() > BYTES_MAX {
        return Err(KeysError::Import);
    }
    if text.trim_start().starts_with('{') {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| KeysError::Import)?;
        return jwk.pair();
    }
    let key = rsa::RsaPrivateKey::from_pkcs8_pem(text).ok();
    if let Some(key) = key.or_else(|| rsa::RsaPrivateKey::from_pkcs1_pem(text).ok()) {
        return of_rsa(&key, None);
    }
    let (label, der) = rsa::pkcs8::SecretDocument::from_pem(text).map_err(|_| KeysError::Import)?;
    if label != "PRIVATE KEY" {
        return Err(KeysError::Import);
    }
    Ok(Pair { algorithm: Algorithm::Es256, kid: None, pkcs8: der.as_bytes().to_vec() })
}

impl Jwk {
    fn pair(self) -> Result<Pair, KeysError> {
        let is_of = |alg: &str| self.alg.as_deref().is_none_or(|given| given == alg);
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) if is_of("ES256") => {
                let (x, y, d) = (whole(&self.x)?, whole(&self.y)?, whole(&self.d)?);
                let pkcs8 = [P256_HEAD, &d, P256_MIDDLE, &x, &y].concat();
                Ok(Pair { algorithm: Algorithm::Es256, kid: self.kid, pkcs8 })
            }
            ("RSA", _) if is_of("RS256") => {
                let number = |part: &Option<String>| bytes(part).map(|bytes| BigUint::from_bytes_be(&bytes));
                let (n, e, d) = (number(&self.n)?, number(&self.e)?, number(&self.d)?);
                let primes = vec![number(&self.p)?, number(&self.q)?];
                let key = rsa::RsaPrivateKey::from_components(n, e, d, primes);
                of_rsa(&key.map_err(|_| KeysError::Import)?, self.kid)
            }
            _ => Err(KeysError::Import), // Any other kind of key, which signs nothing here.
        }
    }
}

fn of_rsa(key: &rsa::RsaPrivateKey, kid: Option<String>) -> Result<Pair, KeysError> {
    if !RSA_BITS.contains(&(rsa::traits::PublicKeyParts::size(key) * 8)) {
        return Err(KeysError::Import);
    }
    let der = key.to_pkcs8_der().map_err(|_| KeysError::Import)?;
    Ok(Pair { algorithm: Algorithm::Rs256, kid, pkcs8: der.as_bytes().to_vec() })
}

fn bytes(part: &Option<String>) -> Result<Vec<u8>, KeysError> {
    BASE64.decode(part.as_deref().ok_or(KeysError::Import)?).map_err(|_| KeysError::Import)
}

/// A coordinate or scalar of P-256: 32 bytes.
fn whole(part: &Option<String>) -> Result<Vec<u8>, KeysError> {
    bytes(part).and_then(|bytes| if bytes.len() == 32 { Ok(bytes) } else { Err(KeysError::Import) })
}
