//! Proofs on a copy: that a migration works, can be undone, and keeps people's rows apart.

pub mod rls;
pub mod shadow;
