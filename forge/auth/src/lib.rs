//! Who asks: the keys of a project, the tokens that they sign and verify, and the people of an application.
//!
//! [`keys::KeyRing`] is what is kept in a folder, [`caller::Callers`] turns the headers of a request into an
//! [`forge_core::Identity`]. [`Auth`] is the service: people sign up and in by e-mail, by providers ([`oauth`]) and
//! by passkeys ([`webauthn`]); their sessions go on by refresh tokens; operators look after them ([`admin`]).

pub mod admin;
mod api;
mod auth;
mod call;
pub mod caller;
pub mod error;
pub mod grants;
mod hooks;
pub mod keys;
mod letters;
mod limits;
pub mod mail;
pub mod model;
pub mod oauth;
mod password;
mod pkce;
mod random;
mod redirect;
#[cfg(test)]
mod scene;
mod seal;
mod session;
pub mod settings;
mod tables;
pub mod token;
pub mod totp;
pub mod webauthn;

pub use auth::{Actor, Auth, Parts, SetupError};
pub use error::{AuthError, Code};
pub use settings::Settings;
