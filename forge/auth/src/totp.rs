//! Time-based one-time passwords (RFC 6238 over RFC 4226): six digits by HMAC-SHA1, one every 30 seconds, which
//! is what authenticator apps take for granted.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

/// Seconds for which one code is shown.
pub const STEP_SECONDS: i64 = 30;
/// Steps on each side of now whose codes are taken as well, since clocks differ.
pub const STEPS_ASIDE: u64 = 1;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Bytes of a secret: the length of what HMAC-SHA1 gives, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
/// Bytes of an issuer or an account in an address, as they are written there; what is longer is cut off, so that
/// every address fits into a picture.
pub const LABEL_BYTES_MAX: usize = 400;

/// Pixels of a side of the picture of an address, at least.
const PICTURE_PIXELS: u32 = 200;

/// Why there is no secret, or no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotpError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// What was kept is no secret.
    #[error("what was kept is no secret of one-time passwords")]
    Secret,
    /// The address does not fit into a picture.
    #[error("the address does not fit into a QR code")]
    Picture,
    /// The code is not one of now.
    #[error("the code is wrong")]
    Wrong,
    /// The code, or a later one, was used before.
    #[error("the code was used before")]
    Used,
}

/// What an authenticator app and we share. Neither shown nor logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one from the system's random numbers.
    pub fn new() -> Result<Secret, TotpError> {
        let mut bytes = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| TotpError::Random)?;
        Ok(Secret(bytes))
    }

    /// The secret with these bytes, which must be [`SECRET_BYTES`] many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Secret, TotpError> {
        bytes.try_into().map(Secret).map_err(|_| TotpError::Secret)
    }

    /// Its bytes, to be kept sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a person types into an app: base32 (RFC 4648) without padding, 32 characters.
    pub fn base32(&self) -> String {
        base32(&self.0)
    }

    /// The address (`otpauth://totp/..`) that an app reads from a picture. Issuer and account are shown there;
    /// of each at most [`LABEL_BYTES_MAX`] bytes.
    pub fn address(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (escaped(issuer), escaped(account));
        format!(
            "otpauth://totp/{issuer}:{account}?algorithm=SHA1&digits={DIGITS}&issuer={issuer}\
             &period={STEP_SECONDS}&secret={}",
            self.base32()
        )
    }

    /// The step whose code was given, at a time in seconds since 1970. `used` is the step of the last code that
    /// was taken for this secret: it and all before it are refused, whoever brings their codes.
    pub fn verify(&self, code: &str, now: i64, used: Option<u64>) -> Result<u64, TotpError> {
        let is_readable = code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit());
        if !is_readable {
            return Err(TotpError::Wrong);
        }
        let current = step(now);
        let near = current.saturating_sub(STEPS_ASIDE)..=current.saturating_add(STEPS_ASIDE);
        // Every step is compared, so that the time taken does not tell which one it was.
        let mut found = None;
        for step in near {
            if bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        match (found, used) {
            (None, _) => Err(TotpError::Wrong),
            (Some(step), Some(used)) if step <= used => Err(TotpError::Used),
            (Some(step), _) => Ok(step),
        }
    }

    /// The code of a step: HOTP of RFC 4226 with the step as its counter.
    pub fn code(&self, step: u64) -> String {
        let number = truncated(&self.0, step) % 10_u32.pow(DIGITS as u32);
        format!("{number:0width$}", width = DIGITS)
    }
}

/// The step of a time in seconds since 1970; that of 1970 for times before.
pub fn step(now: i64) -> u64 {
    u64::try_from(now.div_euclid(STEP_SECONDS)).unwrap_or(0)
}

/// A picture of `address` as SVG: black on white with a quiet zone. Its colours are words, since a `#` would end
/// the data URI that clients make of it.
pub fn picture(address: &str) -> Result<String, TotpError> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).map_err(|_| TotpError::Picture)?;
    Ok(code
        .render::<svg::Color<'_>>()
        .min_dimensions(PICTURE_PIXELS, PICTURE_PIXELS)
        .dark_color(svg::Color("black"))
        .light_color(svg::Color("white"))
        .build())
}

/// Dynamic truncation of RFC 4226, 5.3: 31 bits of the HMAC, from where its last byte points.
fn truncated(secret: &[u8], counter: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or(0) & 0x0f);
    let four = bytes.iter().skip(offset).take(4);
    four.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let characters = (chunk.len() * 8).div_ceil(5);
        for place in 0..characters {
            let index = (bits >> (35 - 5 * place)) & 31;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

/// Percent-encoded, everything but RFC 3986's unreserved characters: apps split labels at `:` and addresses at
/// `?`, `&` and `=`. Control characters are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        let is_plain = character.is_ascii_alphanumeric() || "-._~".contains(character);
        let bytes = if is_plain { 1 } else { 3 * character.len_utf8() };
        if escaped.len() + bytes > LABEL_BYTES_MAX {
            break;
        }
        if is_plain {
            escaped.push(character);
            continue;
        }
        let mut buffer = [0; 4];
        for byte in character.encode_utf8(&mut buffer).bytes() {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
