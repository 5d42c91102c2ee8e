//! Signatures of others: tokens (RFC 7515) and the keys that verify them (RFC 7517).
//!
//! What a token says of its algorithm is believed only where a key of the issuer's fits it: `none` and shared
//! secrets are no algorithms here, so a public key can never be taken for a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::id_token::IdTokenError;

/// Keys of one issuer that are looked at.
const KEYS_MAX: usize = 64;
/// Bytes of a token.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

/// The public keys of an issuer.
#[derive(Debug, Clone, Default)]
pub(super) struct Jwks(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where that is said.
    algorithm: Option<Algorithm>,
    public: Public,
}

#[derive(Debug, Clone)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A token whose signature was not looked at.
pub(super) struct Jws<'a> {
    /// The key that it names.
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct JwksText {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Algorithm {
    fn named(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" | "Ed25519" => Some(Algorithm::EdDsa),
            _ => None, // Names are text: whatever else it is, it is not verified.
        }
    }
}

impl Jwks {
    /// Reads a set of keys. Keys that are of no use here are left out.
    pub(super) fn read(text: &[u8]) -> Result<Jwks, &'static str> {
        let set: JwksText = serde_json::from_slice(text).map_err(|_| "its keys cannot be read")?;
        let keys = set.keys.into_iter().take(KEYS_MAX);
        Ok(Jwks(keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key()).collect()))
    }

    /// Whether one of them may be the one that a token names.
    pub(super) fn has(&self, kid: Option<&str>) -> bool {
        match kid {
            Some(kid) => self.0.iter().any(|key| key.kid.as_deref() == Some(kid)),
            None => !self.0.is_empty(),
        }
    }

    /// The key of a token: the one it names, or the only one that fits (OpenID Connect Core 1.0, 10.1).
    fn of(&self, jws: &Jws<'_>) -> Result<&Key, IdTokenError> {
        let is_named = |key: &&Key| jws.kid.is_none() || key.kid == jws.kid;
        let mut fitting = self.0.iter().filter(is_named).filter(|key| key.fits(jws.algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) if self.0.iter().any(|key| jws.kid.is_some() && key.kid == jws.kid) => {
                Err(IdTokenError::Algorithm)
            }
            _ => Err(IdTokenError::Key),
        }
    }
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let is_for_signing = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !is_for_signing {
            return None;
        }
        let algorithm = match &self.alg {
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let bytes = |text: &Option<String>| BASE64.decode(text.as_deref()?).ok();
        let public = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: bytes(&self.n)?, e: bytes(&self.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                (x.len() == 32 && y.len() == 32).then(|| Public::P256([&[4][..], &x, &y].concat()))?
            }
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(&self.x)?),
            _ => return None, // Shared secrets (`oct`) among them.
        };
        let key = Key { kid: self.kid, algorithm: None, public };
        // A key that says it is for an algorithm of another kind is for nothing.
        algorithm.is_none_or(|algorithm| key.fits(algorithm)).then_some(Key { algorithm, ..key })
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match (&self.public, algorithm) {
            (Public::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
            | (Public::P256(_), Algorithm::Es256)
            | (Public::Ed25519(_), Algorithm::EdDsa) => true,
            (Public::Rsa { .. } | Public::P256(_) | Public::Ed25519(_), _) => false,
        };
        is_of_kind && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, jws: &Jws<'_>) -> bool {
        let (text, signature) = (jws.signed.as_bytes(), jws.signature.as_slice());
        let verified = match &self.public {
            Public::Rsa { n, e } => {
                let parameters = match jws.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => &RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, text, signature)
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature)
            }
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(text, signature),
        };
        verified.is_ok()
    }
}

impl<'a> Jws<'a> {
    /// Reads a token in its compact form.
    pub(super) fn read(token: &'a str) -> Result<Jws<'a>, IdTokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(IdTokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(IdTokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(IdTokenError::Malformed)?;
        let bytes = |part: &str| BASE64.decode(part).map_err(|_| IdTokenError::Malformed);
        let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| IdTokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(IdTokenError::Malformed); // It wants something understood that is not.
        }
        Ok(Jws {
            algorithm: Algorithm::named(&header.alg).ok_or(IdTokenError::Algorithm)?,
            kid: header.kid,
            signed,
            payload: bytes(payload)?,
            signature: bytes(signature)?,
        })
    }

    /// What it claims, if one of `keys` signed it.
    pub(super) fn claims(&self, keys: &Jwks) -> Result<Map<String, Value>, IdTokenError> {
        if !keys.of(self)?.verifies(self) {
            return Err(IdTokenError::Signature);
        }
        serde_json::from_slice(&self.payload).map_err(|_| IdTokenError::Malformed)
    }
}

#[cfg(test)]
mod tests;
