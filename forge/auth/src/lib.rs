//! Who asks: the keys of a project, and the tokens that they sign and verify.
//!
//! [`keys::KeyRing`] is what is kept in a folder, [`caller::Callers`] turns the headers of a request into an
//! [`forge_core::Identity`]. Users and their sessions are not here yet.

pub mod caller;
pub mod keys;
pub mod token;
