//! Codes that only the client that asked can exchange (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forge_core::sql::Statement;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::auth::Auth;
use crate::call::Call;
use crate::error::AuthError;
use crate::random;
use crate::tables::flows::{self, Flow};

/// Seconds in which a code can be exchanged.
const CODE_SECONDS: i64 = 300;

/// What a client keeps to itself, as it shows it first: the challenge and its method.
pub(crate) type Challenge = (String, String);

/// The challenge of a request, if it has one.
pub(crate) fn challenge(call: &Call) -> Result<Option<Challenge>, AuthError> {
    let Some(challenge) = call.parameter("code_challenge")? else { return Ok(None) };
    let method =
        call.parameter("code_challenge_method")?.unwrap_or_else(|| "plain".to_owned()).to_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    if !(43..=128).contains(&challenge.len()) || !challenge.chars().all(is_plain) {
        return Err(AuthError::invalid("code challenge has to be between 43 and 128 plain characters"));
    }
    if !matches!(method.as_str(), "s256" | "plain") {
        return Err(AuthError::invalid("`code_challenge_method` is `s256` or `plain`"));
    }
    Ok(Some((challenge, method)))
}

/// Whether a verifier is what a challenge was made from.
pub(crate) fn fits((challenge, method): &Challenge, verifier: &str) -> bool {
    let made = match method.as_str() {
        "s256" => URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())),
        "plain" => verifier.to_owned(),
        _ => return false, // Only these two are ever kept.
    };
    made.as_bytes().ct_eq(challenge.as_bytes()).into()
}

impl Auth {
    /// A code for a user who signed in by `method` of `provider`, which the holder of the challenge exchanges for
    /// a session. `secrets` is what the session's answer has besides, such as the provider's tokens.
    pub(crate) fn code(
        &self,
        user: &str,
        challenge: Challenge,
        provider: &str,
        method: &str,
        secrets: Option<&Value>,
    ) -> Result<(String, [Statement; 2]), AuthError> {
        let (now, code) = (self.now(), random::uuid()?);
        let sealed = |secrets: &Value| self.seal.close("flow", secrets.to_string().as_bytes());
        let flow = Flow {
            id: random::uuid()?,
            user_id: Some(user.to_owned()),
            link_user_id: None,
            state_hash: None,
            auth_code_hash: Some(self.seal.digest(&code)),
            challenge: Some(challenge),
            provider: provider.to_owned(),
            authentication_method: method.to_owned(),
            secrets: secrets.map(sealed).transpose()?,
            redirect_to: None,
            created_at: now,
            expires_at: self.after(now, CODE_SECONDS),
        };
        Ok((code, flows::insert(&flow, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn a_verifier_fits_its_challenge() {
        let challenge = ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(), "s256".to_owned());
        assert!(fits(&challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!fits(&challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
        assert!(!fits(&challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        let plain = ("a".repeat(43), "plain".to_owned());
        assert!(fits(&plain, &"a".repeat(43)) && !fits(&plain, &"a".repeat(42)));
    }
}
