//! Percent-encoding.

use std::fmt::Write;

/// What `+` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// A space, as in query strings and forms.
    Space,
    /// Itself, as in paths.
    Itself,
}

/// The text; nothing where it is no UTF-8. A `%` without two hexadecimal digits stands for itself.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2)).and_then(|(high, low)| {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        });
        match (byte, pair) {
            (b'%', Some(value)) => {
                decoded.push(value);
                at += 3;
                continue;
            }
            (b'+', _) if plus == Plus::Space => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).ok()
}

/// The text with everything encoded but letters, digits and `-_.~`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_written() {
        for (text, decoded) in [
            ("a%20b+c", Some("a b c")),
            ("%C3%A9", Some("\u{e9}")),
            ("100%", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            ("%+1", Some("% 1")),
            ("%ff", None),
        ] {
            assert_eq!(decode(text, Plus::Space).as_deref(), decoded, "{text}");
        }
        assert_eq!(decode("a+b", Plus::Itself).as_deref(), Some("a+b"));
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = "a b+c&d=\u{e9}%\"*";
        assert_eq!(encode(text), "a%20b%2Bc%26d%3D%C3%A9%25%22%2A");
        assert_eq!(decode(&encode(text), Plus::Space).as_deref(), Some(text));
    }
}
