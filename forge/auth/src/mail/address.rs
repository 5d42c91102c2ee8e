//! An e-mail address, read in one place and by one rule.
//!
//! What is accepted is what a plain `RCPT TO:<…>` can carry: a dot-atom, an at sign, and a host name of ASCII
//! letters. Quoted names, comments, address literals and characters that are not ASCII are refused, so an address
//! can neither break a header nor look like another one. International host names are written as `xn--…`.

use std::fmt;

/// The bytes of a whole address (RFC 5321, 4.5.3.1.3, without the angle brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// The bytes before the at sign (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// The bytes of a label of a host name (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// An address that mail can be sent to, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(String);

/// Why a text is no address. The text is not repeated: whoever gave it knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It, or the part before the at sign, has too many bytes.
    #[error(
        "an e-mail address has at most {ADDRESS_BYTES_MAX} bytes, {LOCAL_BYTES_MAX} of them before the `@`"
    )]
    Long,
    /// The part before the at sign is none, or has characters that are not taken.
    #[error("what stands before the `@` of the e-mail address is not accepted")]
    Local,
    /// What follows the at sign is no host name.
    #[error("what follows the `@` of the e-mail address is no host name")]
    Domain,
}

impl Address {
    /// Reads an address of at most [`ADDRESS_BYTES_MAX`] bytes. It is put in lower case as a whole: no provider
    /// tells `Ann@` from `ann@`, and two accounts that differ in nothing else would be one person's, or a trap.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError::Long);
        }
        let (local, domain) = text.split_once('@').ok_or(AddressError::Domain)?;
        if local.len() > LOCAL_BYTES_MAX {
            return Err(AddressError::Long);
        }
        if !local.split('.').all(is_atom) {
            return Err(AddressError::Local);
        }
        if !is_host(domain) {
            return Err(AddressError::Domain);
        }
        Ok(Address(text.to_ascii_lowercase()))
    }

    /// The address, such as `ann@example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the at sign.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One part of a dot-atom (RFC 5322, 3.2.3).
fn is_atom(text: &str) -> bool {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(taken)
}

/// Whether it is a host name that is no number: the last label of an IPv4 address is digits alone.
fn is_host(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(taken)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        for (text, kept) in [
            ("ann@example.org", "ann@example.org"),
            ("Ann.Lee+news@Example.ORG", "ann.lee+news@example.org"),
            ("o'neil/x=y@a-b.example", "o'neil/x=y@a-b.example"),
            ("root@localhost", "root@localhost"),
            ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.as_str(), kept);
            assert_eq!(format!("x@{}", address.domain()), format!("x@{}", kept.split_once('@').unwrap().1));
        }
    }

    #[test]
    fn what_could_break_a_header_or_deceive_is_no_address() {
        use AddressError::{Domain, Local};
        for (text, why) in [
            ("", Domain),
            ("ann", Domain),
            ("@example.org", Local),
            ("ann@", Domain),
            ("ann@example.org\r\nBcc: eve@example.org", Domain),
            ("ann\r\nBcc: eve@example.org", Local),
            ("ann\0@example.org", Local),
            ("ann@exa\nmple.org", Domain),
            (" ann@example.org", Local),
            ("ann@example.org ", Domain),
            ("\"ann\"@example.org", Local),
            ("ann(note)@example.org", Local),
            ("ann@(note)example.org", Domain),
            ("Ann <ann@example.org>", Local),
            ("<ann@example.org>", Local),
            ("ann,eve@example.org", Local),
            ("ann@eve@example.org", Domain),
            ("ann..lee@example.org", Local),
            (".ann@example.org", Local),
            ("ann.@example.org", Local),
            ("ann@example..org", Domain),
            ("ann@.example.org", Domain),
            ("ann@example.org.", Domain),
            ("ann@-example.org", Domain),
            ("ann@example-.org", Domain),
            ("ann@exa_mple.org", Domain),
            ("ann@127.0.0.1", Domain),
            ("ann@[127.0.0.1]", Domain),
            ("ann@example.org:25", Domain),
            ("\u{430}nn@example.org", Local),
            ("ann@ex\u{e4}mple.org", Domain),
            ("ann@example\u{3002}org", Domain),
        ] {
            assert_eq!(Address::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_a_length() {
        let local = "a".repeat(64);
        assert!(Address::parse(&format!("{local}@example.org")).is_ok());
        assert_eq!(Address::parse(&format!("a{local}@example.org")), Err(AddressError::Long));
        let host =
            |bytes: usize| format!("{}.{}", format!("{}.", "b".repeat(49)).repeat(3), "c".repeat(bytes));
        assert_eq!(Address::parse(&format!("ann@{}", host(10))), Err(AddressError::Domain), "an empty label");
        let host = |last: usize| format!("{}{}", format!("{}.", "b".repeat(49)).repeat(4), "c".repeat(last));
        assert!(Address::parse(&format!("ann@{}", host(50))).is_ok());
        assert_eq!(Address::parse(&format!("ann@{}", host(51))), Err(AddressError::Long));
        assert_eq!(Address::parse(&format!("ann@{}.org", "d".repeat(64))), Err(AddressError::Domain));
    }

    proptest::proptest! {
        /// Whatever is accepted is one token of a header.
        #[test]
        fn nothing_accepted_has_room_for_more(text in "[ -~\\r\\n\\t\\x00]{0,20}@[ -~\\r\\n]{0,20}") {
            if let Ok(address) = Address::parse(&text) {
                let kept = address.as_str();
                proptest::prop_assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()));
                proptest::prop_assert!(!kept.contains(['<', '>', '"', '(', ')', ',', ';', ':', '\\']));
                proptest::prop_assert_eq!(kept.matches('@').count(), 1);
            }
        }
    }
}
