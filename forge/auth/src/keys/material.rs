//! Random text and key pairs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::DecodingKey;
use loki_store::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use rsa::pkcs8::EncodePrivateKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KeysError, import};
use crate::token::{Pen, Signer, TokenError};

/// Bits of a new RSA key (NIST SP 800-57: good through 2030). ES256 is what lasts longer, and the default.
const RSA_BITS: usize = 2048;

/// How a key pair signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

/// What a key pair is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It verifies, and may become the current one: others have time to learn of it.
    Standby,
    /// It signs and verifies.
    Current,
    /// It verifies.
    Previous,
    /// It does nothing any more.
    Revoked,
}

/// A key pair. Its private half is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// Its name in tokens.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What it is used for.
    pub state: State,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// The private half, PKCS#8 in base64url.
    private: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key pair.
    pub(super) fn make(algorithm: Algorithm, state: State, now: Timestamp) -> Result<SigningKey, KeysError> {
        let private = match algorithm {
            Algorithm::Es256 => {
                let made =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
                BASE64.encode(made.map_err(|_| KeysError::Make)?.as_ref())
            }
            Algorithm::Rs256 => {
                let made = rsa::RsaPrivateKey::new(&mut rand_core::OsRng, RSA_BITS);
                let der = made.map_err(|_| KeysError::Make)?.to_pkcs8_der().map_err(|_| KeysError::Make)?;
                BASE64.encode(der.as_bytes())
            }
        };
        Ok(SigningKey { kid: random(12)?, algorithm, state, created_at: now.as_second(), private })
    }

    /// A key pair from elsewhere.
    pub(super) fn import(
        pair: import::Pair,
        kid: String,
        state: State,
        now: Timestamp,
    ) -> Result<SigningKey, KeysError> {
        let private = BASE64.encode(&pair.pkcs8);
        let key = SigningKey { kid, algorithm: pair.algorithm, state, created_at: now.as_second(), private };
        // What does not sign is no key.
        key.signer().map_err(|_| KeysError::Import)?;
        key.verifier().map_err(|_| KeysError::Import)?;
        Ok(key)
    }

    fn pkcs8(&self) -> Result<Vec<u8>, TokenError> {
        BASE64.decode(&self.private).map_err(|_| TokenError::Key)
    }

    /// What signs with it.
    pub(super) fn signer(&self) -> Result<Signer, TokenError> {
        let der = self.pkcs8()?;
        let pen = match self.algorithm {
            Algorithm::Es256 => {
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random);
                Pen::Ec(pair.map_err(|_| TokenError::Key)?)
            }
            Algorithm::Rs256 => Pen::Rsa(ring::rsa::KeyPair::from_pkcs8(&der).map_err(|_| TokenError::Key)?),
        };
        Ok(Signer { pen, kid: self.kid.clone(), algorithm: self.algorithm })
    }

    /// What verifies what it signed.
    pub(crate) fn verifier(&self) -> Result<DecodingKey, TokenError> {
        let parts = self.public()?;
        match parts {
            Public::Ec { x, y } => DecodingKey::from_ec_components(&x, &y).map_err(|_| TokenError::Key),
            Public::Rsa { n, e } => DecodingKey::from_rsa_components(&n, &e).map_err(|_| TokenError::Key),
        }
    }

    /// Its public half (RFC 7517, RFC 7518).
    pub(super) fn public_jwk(&self) -> Value {
        let usual = |more: Value| {
            let mut jwk = json!({ "kid": self.kid, "use": "sig", "key_ops": ["verify"] });
            if let (Some(jwk), Some(more)) = (jwk.as_object_mut(), more.as_object()) {
                jwk.extend(more.clone());
            }
            jwk
        };
        match self.public() {
            Ok(Public::Ec { x, y }) => {
                usual(json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y }))
            }
            Ok(Public::Rsa { n, e }) => usual(json!({ "kty": "RSA", "alg": "RS256", "n": n, "e": e })),
            Err(_) => Value::Null, // A damaged key verifies nothing, so nothing is told of it.
        }
    }

    fn public(&self) -> Result<Public, TokenError> {
        let der = self.pkcs8()?;
        match self.algorithm {
            Algorithm::Es256 => {
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
                        .map_err(|_| TokenError::Key)?;
                // An uncompressed point: 4, then the two coordinates (SEC 1, 2.3.3).
                let point = pair.public_key().as_ref();
                let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64);
                let (x, y) = coordinates.ok_or(TokenError::Key)?.split_at(32);
                Ok(Public::Ec { x: BASE64.encode(x), y: BASE64.encode(y) })
            }
            Algorithm::Rs256 => {
                let pair = ring::rsa::KeyPair::from_pkcs8(&der).map_err(|_| TokenError::Key)?;
                let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
                Ok(Public::Rsa { n: BASE64.encode(parts.n), e: BASE64.encode(parts.e) })
            }
        }
    }
}

enum Public {
    Ec { x: String, y: String },
    Rsa { n: String, e: String },
}

/// So many random bytes, as text.
pub(super) fn random(bytes: usize) -> Result<String, KeysError> {
    let mut random = vec![0; bytes];
    SystemRandom::new().fill(&mut random).map_err(|_| KeysError::Make)?;
    Ok(BASE64.encode(random))
}
