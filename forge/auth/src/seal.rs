//! What is kept closed: secrets in rows, and what is only compared.
//!
//! Secrets that are needed again (of factors, of providers) are sealed by AES-256-GCM; what is only compared
//! (tokens, codes) is kept as a keyed digest, so that a copy of the database opens nothing. Keys are derived by
//! HKDF (RFC 5869) from the seal of the key ring, one for each use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use crate::error::{AuthError, Code};
use crate::random;

/// Closes and opens secrets.
pub(crate) struct Seal {
    closing: LessSafeKey,
    digest: hmac::Key,
    refresh: hmac::Key,
    names: hmac::Key,
}

impl Seal {
    /// From the seal of a key ring.
    pub(crate) fn new(secret: &str) -> Result<Seal, AuthError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"loki forge auth");
        let root = salt.extract(secret.as_bytes());
        let derive = |purpose: &'static [u8]| {
            let mut out = [0; 32];
            let info = [purpose];
            let filled = root.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut out));
            filled.map(|()| out).map_err(|_| AuthError::new(Code::UnexpectedFailure))
        };
        let closing = UnboundKey::new(&AES_256_GCM, &derive(b"secrets")?);
        let hmac_of = |purpose| Ok::<_, AuthError>(hmac::Key::new(hmac::HMAC_SHA256, &derive(purpose)?));
        Ok(Seal {
            closing: LessSafeKey::new(closing.map_err(|_| AuthError::new(Code::UnexpectedFailure))?),
            digest: hmac_of(b"digests")?,
            refresh: hmac_of(b"refresh tokens")?,
            names: hmac_of(b"names")?,
        })
    }

    /// Closes `secret` for `purpose`, which has to be named again to open it.
    pub(crate) fn close(&self, purpose: &str, secret: &[u8]) -> Result<String, AuthError> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut sealed = secret.to_vec();
        self.closing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what was closed for `purpose`.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, AuthError> {
        let broken = || AuthError::new(Code::UnexpectedFailure);
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| broken())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut sealed = sealed.to_vec();
        let opened = self.closing.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut sealed);
        opened.map(|secret| secret.to_vec()).map_err(|_| broken())
    }

    /// What is kept of a token or a code: the same for the same text, of use to nobody.
    pub(crate) fn digest(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.digest, text.as_bytes()))
    }

    /// The name under which an address or account is counted, in memory.
    pub(crate) fn name(&self, text: &str) -> u64 {
        let tag = hmac::sign(&self.names, text.as_bytes());
        tag.as_ref().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// An identifier that stands in for somebody who is not told of: the same for the same text.
    pub(crate) fn stand_in(&self, text: &str) -> String {
        let tag = hmac::sign(&self.names, format!("stand-in {text}").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag.as_ref()[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        random::uuid_text(&bytes)
    }

    /// The nth refresh token of a session: the session, the number, and a mark that only this seal makes.
    pub(crate) fn refresh_token(&self, session: &[u8; 16], counter: u64) -> String {
        let mut bytes = [session.as_slice(), &counter.to_be_bytes()].concat();
        let mark = hmac::sign(&self.refresh, &bytes);
        bytes.extend_from_slice(&mark.as_ref()[..16]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The session and the number of a refresh token that was made here.
    pub(crate) fn read_refresh_token(&self, token: &str) -> Option<([u8; 16], u64)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let session: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
        let counter = u64::from_be_bytes(bytes.get(16..24)?.try_into().ok()?);
        let ours = self.refresh_token(&session, counter);
        let same: bool = subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), token.as_bytes()).into();
        same.then_some((session, counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_opens_for_its_purpose_only() {
        let seal = Seal::new("one").unwrap();
        let closed = seal.close("totp", b"secret").unwrap();
        assert!(!closed.contains("secret"));
        assert_eq!(seal.open("totp", &closed).unwrap(), b"secret");
        assert!(seal.open("provider", &closed).is_err());
        assert!(Seal::new("other").unwrap().open("totp", &closed).is_err());
        for broken in ["", "AAAA", &closed[1..], &format!("{closed}A")] {
            assert!(seal.open("totp", broken).is_err(), "{broken}");
        }
        assert_ne!(closed, seal.close("totp", b"secret").unwrap());
    }

    #[test]
    fn refresh_tokens_are_made_by_one_seal_only() {
        let seal = Seal::new("one").unwrap();
        let session = [7; 16];
        let token = seal.refresh_token(&session, 41);
        assert_eq!(seal.read_refresh_token(&token), Some((session, 41)));
        assert_eq!(Seal::new("other").unwrap().read_refresh_token(&token), None);
        let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(seal.read_refresh_token(&URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {at}");
            bytes[at] ^= 1;
        }
        for broken in ["", "x", &token[1..], &format!("{token}AA")] {
            assert_eq!(seal.read_refresh_token(broken), None);
        }
    }
}
