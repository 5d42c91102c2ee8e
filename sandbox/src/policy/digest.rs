//! A policy's digest: equal exactly where every rule, reason and limit is equal and in the same order.

use std::io::BufWriter;

use sha2::{Digest, Sha256};

use super::Policy;

impl Policy {
    /// SHA-256, in hexadecimal, over the policy as JSON without blanks, its fields in the order of their
    /// declaration. It is made before every call, so it takes the shortest way.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        serde_json::to_writer(BufWriter::with_capacity(4096, &mut hash), self)
            .expect("a policy is maps, lists, texts and numbers");
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
