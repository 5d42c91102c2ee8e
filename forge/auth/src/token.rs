//! Tokens: JSON web tokens (RFC 7519) signed by the keys of a project, or by whoever has its secret.
//!
//! How a token is verified follows from the key that it names, never from what it says of itself: a token
//! without a name is one of HS256, a named one is of its key's algorithm.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{
    Algorithm as Jwt, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, RSA_PKCS1_SHA256};
use serde_json::{Map, Value};

use crate::keys::{Algorithm, Keys, State};

/// Bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Seconds that clocks may differ, as PostgREST has it.
pub const LEEWAY_SECONDS: i64 = 30;
/// The audience of tokens of an application's users.
pub const AUDIENCE: &str = "authenticated";

/// The claims of a token that holds.
pub type Claims = Map<String, Value>;

/// Why a token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing where a token should be.
    #[error("Empty JWT is sent in Authorization header")]
    Empty,
    /// It has another number of parts than a token.
    #[error("Expected 3 parts in JWT; got {0}")]
    Parts(usize),
    /// It cannot be read.
    #[error("JWT couldn't be decoded")]
    Malformed,
    /// It is too long.
    #[error("JWT is longer than {TOKEN_BYTES_MAX} bytes")]
    Long,
    /// Nobody here signed it, or it names another algorithm than its key's.
    #[error("No suitable key or wrong key type")]
    Signature,
    /// Its time is over.
    #[error("JWT expired")]
    Expired,
    /// Its time has not come.
    #[error("JWT not yet valid")]
    Early,
    /// It was issued later than now.
    #[error("JWT issued at future")]
    Future,
    /// It is meant for somebody else.
    #[error("JWT not in audience")]
    Audience,
    /// Somebody issued it who may not.
    #[error("JWT issuer is not accepted")]
    Issuer,
    /// Its claims are no claims.
    #[error("Parsing claims failed")]
    Claims,
    /// The key cannot be used.
    #[error("the key cannot be used")]
    Key,
}

/// What a token has to be beyond being signed and in time. The default takes any issuer, and tokens that are
/// meant for nobody in particular or for [`AUDIENCE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Who may have issued it; empty for anybody, also for nobody.
    pub issuers: Vec<String>,
    /// For whom it may be meant.
    pub audiences: Vec<String>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { issuers: Vec::new(), audiences: vec![AUDIENCE.to_owned()] }
    }
}

/// Signs tokens with one key pair.
pub struct Signer {
    pub(crate) pen: Pen,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
}

/// The private half that signs.
pub(crate) enum Pen {
    Ec(EcdsaKeyPair),
    /// In constant time, which other implementations in Rust are not (RUSTSEC-2023-0071).
    Rsa(ring::rsa::KeyPair),
}

impl Signer {
    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String, TokenError> {
        let mut header = Header::new(jwt(self.algorithm));
        header.kid = Some(self.kid.clone());
        let header = serde_json::to_vec(&header).map_err(|_| TokenError::Key)?;
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match &self.pen {
            Pen::Ec(pair) => {
                let signature = pair.sign(&random, text.as_bytes()).map_err(|_| TokenError::Key)?;
                BASE64.encode(signature)
            }
            Pen::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .map_err(|_| TokenError::Key)?;
                BASE64.encode(signature)
            }
        };
        Ok(format!("{text}.{signature}"))
    }
}

/// A token with these claims, signed by HS256.
pub fn sign_shared(claims: &Value, secret: &[u8]) -> Result<String, TokenError> {
    encode(&Header::new(Jwt::HS256), claims, &EncodingKey::from_secret(secret)).map_err(|_| TokenError::Key)
}

/// Verifies tokens with the keys of a project.
pub struct Verifier {
    shared: DecodingKey,
    pairs: HashMap<String, (DecodingKey, Algorithm)>,
    terms: Terms,
}

impl Verifier {
    /// A verifier with every key that is not revoked.
    pub fn new(keys: &Keys, terms: Terms) -> Result<Verifier, TokenError> {
        let live = keys.signing.iter().filter(|key| key.state != State::Revoked);
        let pairs = live.map(|key| Ok((key.kid.clone(), (key.verifier()?, key.algorithm))));
        Ok(Verifier {
            shared: DecodingKey::from_secret(keys.jwt_secret.as_bytes()),
            pairs: pairs.collect::<Result<_, TokenError>>()?,
            terms,
        })
    }

    /// The same, with another secret for HS256. It may be of any bytes, while that of a key ring is text.
    #[must_use]
    pub fn sharing(mut self, secret: &[u8]) -> Verifier {
        self.shared = DecodingKey::from_secret(secret);
        self
    }

    /// The claims of `token`, if one of the keys signed it and its time (in seconds since 1970) is now. A token
    /// that does not say when it ends (`exp`) does not end, as in PostgREST.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let claims = self.signed(token)?;
        self.judge(&claims, now)?;
        Ok(claims)
    }

    /// Whether what is claimed holds now.
    pub(crate) fn judge(&self, claims: &Claims, now: i64) -> Result<(), TokenError> {
        timely(claims, now)?;
        self.terms.admit(claims)
    }

    /// The claims of a token that was signed here, whatever its time.
    fn signed(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Long);
        }
        let parts = token.split('.').count();
        if parts != 3 {
            return Err(TokenError::Parts(parts));
        }
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        // What must be understood (RFC 7515, 4.1.11) is not.
        if header.crit.is_some() {
            return Err(TokenError::Signature);
        }
        let (key, algorithm) = match &header.kid {
            None => (&self.shared, Jwt::HS256),
            Some(kid) => match self.pairs.get(kid) {
                Some((key, algorithm)) => (key, jwt(*algorithm)),
                // Services that sign by the secret may name a key as well.
                None if header.alg == Jwt::HS256 => (&self.shared, Jwt::HS256),
                None => return Err(TokenError::Signature),
            },
        };
        if header.alg != algorithm {
            return Err(TokenError::Signature);
        }
        // Times and audience are judged here, with PostgREST's words and on the caller's clock.
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let decoded = decode::<Value>(token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::Json(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Utf8(_) => TokenError::Claims,
            _ => TokenError::Signature, // The library's enum, which grows: what is not known does not hold.
        })?;
        match decoded.claims {
            Value::Object(claims) => Ok(claims),
            _ => Err(TokenError::Claims),
        }
    }
}

fn timely(claims: &Claims, now: i64) -> Result<(), TokenError> {
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        // A fraction of a second is cut off.
        Some(value) => {
            value.as_i64().or_else(|| value.as_f64().map(|n| n as i64)).map(Some).ok_or(TokenError::Claims)
        }
    };
    if time("exp")?.is_some_and(|exp| now.saturating_sub(LEEWAY_SECONDS) >= exp) {
        return Err(TokenError::Expired);
    }
    if time("nbf")?.is_some_and(|nbf| now.saturating_add(LEEWAY_SECONDS) < nbf) {
        return Err(TokenError::Early);
    }
    if time("iat")?.is_some_and(|iat| now.saturating_add(LEEWAY_SECONDS) < iat) {
        return Err(TokenError::Future);
    }
    Ok(())
}

impl Terms {
    fn admit(&self, claims: &Claims) -> Result<(), TokenError> {
        let is_meant = |audience: &str| self.audiences.iter().any(|one| one == audience);
        let is_for_us = match claims.get("aud") {
            None | Some(Value::Null) => true,
            Some(Value::String(audience)) => is_meant(audience),
            Some(Value::Array(all)) => all.is_empty() || all.iter().filter_map(Value::as_str).any(is_meant),
            Some(_) => return Err(TokenError::Claims),
        };
        if !is_for_us {
            return Err(TokenError::Audience);
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        let is_by_one = |issuer: &str| self.issuers.iter().any(|one| one == issuer);
        if self.issuers.is_empty() || issuer.is_some_and(is_by_one) {
            Ok(())
        } else {
            Err(TokenError::Issuer)
        }
    }
}

fn jwt(algorithm: Algorithm) -> Jwt {
    match algorithm {
        Algorithm::Es256 => Jwt::ES256,
        Algorithm::Rs256 => Jwt::RS256,
    }
}

#[cfg(test)]
mod tests;
