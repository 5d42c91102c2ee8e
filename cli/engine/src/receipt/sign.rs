//! Signing receipts with a key of this project.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature as Raw, Signer as _, SigningKey, VerifyingKey};
use loki_store::replace_file;
use rand_core::OsRng;

use super::{Receipt, Signature};

/// Holds the key.
pub struct Signer {
    key: SigningKey,
}

/// Why a key could not be had, or a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key could not be read or made.
    #[error("failed to open the signing key `{}`", path.display())]
    Key {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("`{}` holds no signing key", path.display())]
    NoKey {
        /// Where.
        path: PathBuf,
    },
    /// The receipt is not signed, or not in a way known here.
    #[error("the receipt carries no signature that can be checked")]
    Unsigned,
    /// The signature belongs to another text or another key.
    #[error("the signature does not fit the receipt")]
    Forged,
}

impl Signer {
    /// Opens the key at `path`, or makes one there that only its owner can read.
    pub fn open(path: &Path) -> Result<Self, SignError> {
        let error = |source| SignError::Key { path: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => {
                let bytes: [u8; 32] =
                    bytes.try_into().map_err(|_short| SignError::NoKey { path: path.to_owned() })?;
                Ok(Self { key: SigningKey::from_bytes(&bytes) })
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                let key = SigningKey::generate(&mut OsRng);
                replace_file(path, &key.to_bytes(), 0o600).map_err(error)?;
                Ok(Self { key })
            }
            Err(source) => Err(error(source)),
        }
    }

    /// The public key, hex.
    pub fn public(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature {
            algorithm: "ed25519".to_owned(),
            key: self.public(),
            value: hex(&self.key.sign(bytes).to_bytes()),
        }
    }
}

/// Whether the receipt was signed, as it is, by the key `public` (hex).
pub fn verify_signature(receipt: &Receipt, public: &str) -> Result<(), SignError> {
    let signature = receipt.signature.as_ref().ok_or(SignError::Unsigned)?;
    if signature.algorithm != "ed25519" {
        return Err(SignError::Unsigned);
    }
    if signature.key != public {
        return Err(SignError::Forged);
    }
    let unsigned = Receipt { signature: None, ..receipt.clone() };
    let bytes = serde_json::to_vec(&unsigned).map_err(|_unwritable| SignError::Forged)?;
    let key: [u8; 32] = unhex(&signature.key).ok_or(SignError::Forged)?;
    let value: [u8; 64] = unhex(&signature.value).ok_or(SignError::Forged)?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_no_point| SignError::Forged)?;
    key.verify_strict(&bytes, &Raw::from_bytes(&value)).map_err(|_unfit| SignError::Forged)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
