//! SHA-256 over lists of strings.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The hash of `parts` as lower-case hex. Each part is preceded by its length, so that no two
/// lists share a preimage.
pub fn sha256_hex(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a String cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}
