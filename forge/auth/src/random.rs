//! Randomness: identifiers, tokens and codes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{AuthError, Code};

/// Digits of a code that people type.
const CODE_DIGITS: u32 = 6;

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| AuthError::new(Code::UnexpectedFailure))?;
    Ok(bytes)
}

/// A token that nobody guesses: 32 bytes as base64url.
pub(crate) fn token() -> Result<String, AuthError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}

/// Six digits, each combination as likely as any other.
pub(crate) fn code() -> Result<String, AuthError> {
    let modulus = 10_u64.pow(CODE_DIGITS);
    loop {
        let number = u64::from(u32::from_be_bytes(bytes()?));
        // What is above the last whole multiple would make small numbers likelier.
        if number < u64::from(u32::MAX) / modulus * modulus {
            return Ok(format!("{:06}", number % modulus));
        }
    }
}

/// A random identifier (RFC 9562, version 4).
pub(crate) fn uuid() -> Result<String, AuthError> {
    let mut bytes = bytes::<16>()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(uuid_text(&bytes))
}

/// The text form of an identifier.
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The bytes of an identifier in its text form, in either case.
pub(crate) fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let shape = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if !shape || digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; 16];
    for (at, pair) in digits.chunks(2).enumerate() {
        out[at] = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_back_and_nothing_else_is() {
        let id = uuid().unwrap();
        assert_eq!(uuid_text(&uuid_bytes(&id).unwrap()), id);
        assert_eq!(id.as_bytes()[14], b'4');
        for text in ["", "not", &id[1..], &id.replace('-', "0"), &format!("{id}0"), &id.replace('4', "g")] {
            assert_eq!(uuid_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn codes_have_six_digits() {
        for _ in 0..1_000 {
            let code = code().unwrap();
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
    }
}
