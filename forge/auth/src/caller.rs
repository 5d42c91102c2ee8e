//! From the headers of a request to who asks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use forge_core::{Identity, Role};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::keys::Keys;
use crate::token::{Claims, Terms, TokenError, Verifier};

/// Tokens that are remembered once they were verified.
const REMEMBERED_MAX: usize = 4_096;

/// Why a request is from nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// A key that is none of the project's.
    #[error("Invalid API key")]
    Key,
    /// A token that does not hold.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Knows who is behind the headers of a request. Cheap to ask again for the same token.
pub struct Callers {
    known: RwLock<Arc<Known>>,
    terms: Terms,
}

/// What follows from one state of the keys.
struct Known {
    keys: Arc<Keys>,
    jwks: String,
    verifier: Verifier,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    claims: HashMap<[u8; 32], Arc<Identity>>,
    order: VecDeque<[u8; 32]>,
}

impl Callers {
    /// Knows who holds these keys, and who comes with a token that keeps to `terms`.
    pub fn new(keys: Arc<Keys>, terms: Terms) -> Result<Callers, TokenError> {
        let known = Known::new(keys, terms.clone())?;
        Ok(Callers { known: RwLock::new(Arc::new(known)), terms })
    }

    /// From now on these keys count, and what was remembered does not.
    pub fn set_keys(&self, keys: Arc<Keys>) -> Result<(), TokenError> {
        let known = Arc::new(Known::new(keys, self.terms.clone())?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// The public halves of the key pairs, as the text of a JWK set.
    pub fn jwks(&self) -> String {
        self.known().jwks.clone()
    }

    /// The keys that count.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.known().keys)
    }

    /// Who asks, from the key (`apikey`) and the bearer token (`Authorization`) of a request, at a time in
    /// seconds since 1970. The token says who it is; without one, the key does; without either it is nobody in
    /// particular. A key that is there must be one of the project's, whoever the token names. An empty key is
    /// none; an empty token is an error, as in PostgREST.
    pub fn identify(
        &self,
        key: Option<&str>,
        bearer: Option<&str>,
        now: i64,
    ) -> Result<Arc<Identity>, CallerError> {
        let known = self.known();
        let by_key = key.filter(|key| !key.is_empty()).map(|key| known.of(key, now)).transpose()?;
        match bearer {
            Some("") => Err(TokenError::Empty.into()),
            Some(bearer) if key == Some(bearer) => Ok(by_key.unwrap_or_else(anonymous)),
            Some(bearer) => known.of(bearer, now),
            None => Ok(by_key.unwrap_or_else(anonymous)),
        }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn new(keys: Arc<Keys>, terms: Terms) -> Result<Known, TokenError> {
        let verifier = Verifier::new(&keys, terms)?;
        let jwks = keys.jwks().to_string();
        Ok(Known { keys, jwks, verifier, remembered: Mutex::default() })
    }

    fn of(&self, text: &str, now: i64) -> Result<Arc<Identity>, CallerError> {
        if text.starts_with("sb_") {
            if same(text, &self.keys.secret) {
                return Ok(Arc::new(Identity::service()));
            }
            return if same(text, &self.keys.publishable) { Ok(anonymous()) } else { Err(CallerError::Key) };
        }
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let remembered = |remembered: &Mutex<Remembered>| {
            remembered.lock().unwrap_or_else(PoisonError::into_inner).claims.get(&hash).cloned()
        };
        if let Some(identity) = remembered(&self.remembered) {
            // The signature was right; the time is judged anew.
            let Value::Object(claims) = &identity.claims else { return Err(TokenError::Claims.into()) };
            self.verifier.judge(claims, now)?;
            return Ok(identity);
        }
        let identity = Arc::new(identity(self.verifier.verify(text, now)?)?);
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).add(hash, &identity);
        Ok(identity)
    }
}

impl Remembered {
    fn add(&mut self, hash: [u8; 32], identity: &Arc<Identity>) {
        if self.claims.insert(hash, Arc::clone(identity)).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.claims.remove(&oldest);
        }
    }
}

/// The token in a header `Authorization`; `None` where it is of another scheme, which says nothing here.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn anonymous() -> Arc<Identity> {
    Arc::new(Identity::anon())
}

/// The identity that claims make.
fn identity(claims: Claims) -> Result<Identity, TokenError> {
    let text = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::Claims),
    };
    let role = text("role")?.filter(|role| !role.is_empty()).map_or(Role::Anon, Role::from);
    let subject = text("sub")?.filter(|subject| !subject.is_empty());
    Ok(Identity { role, subject, claims: Value::Object(claims) })
}

/// Whether two keys are the same, in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests;
