//! The endpoints, one file a group, and which request goes where.

mod admin;
mod arrival;
mod authorize;
mod callback;
mod device;
pub(crate) mod factors;
mod id_token;
mod identities;
mod logout;
mod otp;
pub(crate) mod passkeys;
mod public;
mod signup;
mod token;
mod user;
pub(crate) mod verify;

use crate::auth::Auth;
use crate::call::{Call, Reply};
use crate::error::{AuthError, Code};

/// Answers a request.
pub(crate) async fn answer(auth: &Auth, call: &Call) -> Result<Reply, AuthError> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET" | "HEAD", ["health"]) => Ok(public::health()),
        ("GET" | "HEAD", ["settings"]) => Ok(public::settings(auth)),
        ("GET" | "HEAD", [".well-known", "openid-configuration"]) => Ok(public::discovery(auth)),
        ("POST", ["signup"]) => signup::signup(auth, call).await,
        ("POST", ["token"]) => token::token(auth, call).await,
        ("POST", ["otp" | "magiclink"]) => otp::otp(auth, call).await,
        ("POST", ["recover"]) => otp::recover(auth, call).await,
        ("POST", ["resend"]) => otp::resend(auth, call).await,
        ("GET" | "POST", ["reauthenticate"]) => otp::reauthenticate(auth, call).await,
        ("POST", ["verify"]) => verify::post(auth, call).await,
        ("GET", ["verify"]) => verify::get(auth, call).await,
        ("GET", ["user"]) => user::get(auth, call).await,
        ("PUT", ["user"]) => user::put(auth, call).await,
        ("GET", ["authorize"]) => authorize::authorize(auth, call).await,
        ("GET" | "POST", ["callback"]) => callback::callback(auth, call).await,
        ("POST", ["device"]) => device::begin(auth, call).await,
        ("GET", ["user", "identities", "authorize"]) => identities::authorize(auth, call).await,
        ("DELETE", ["user", "identities", _]) => identities::remove(auth, call).await,
        ("POST", ["logout"]) => logout::logout(auth, call).await,
        ("POST", ["invite"]) => admin::invite(auth, call).await,
        ("POST", ["sso"]) => Err(AuthError::new(Code::SsoProviderNotFound)),
        (_, ["admin", rest @ ..]) => admin::admin(auth, call, rest).await,
        (_, ["factors", ..]) => factor(auth, call, &path).await,
        (_, ["passkeys", ..]) => passkey(auth, call, &path).await,
        _ => Err(AuthError::new(Code::NotFound)),
    }
}

async fn factor(auth: &Auth, call: &Call, path: &[&str]) -> Result<Reply, AuthError> {
    match (call.method.as_str(), path) {
        ("POST", [_]) => factors::enroll(auth, call).await,
        ("POST", [_, _, "challenge"]) => factors::challenge(auth, call).await,
        ("POST", [_, _, "verify"]) => factors::verify(auth, call).await,
        ("DELETE", [_, _]) => factors::unenroll(auth, call).await,
        _ => Err(AuthError::new(Code::NotFound)),
    }
}

async fn passkey(auth: &Auth, call: &Call, path: &[&str]) -> Result<Reply, AuthError> {
    match (call.method.as_str(), path) {
        ("GET", [_]) => passkeys::list(auth, call).await,
        ("POST", [_, "registration", "options"]) => passkeys::registration_options(auth, call).await,
        ("POST", [_, "registration", "verify"]) => passkeys::registration_verify(auth, call).await,
        ("POST", [_, "authentication", "options"]) => passkeys::authentication_options(auth, call).await,
        ("POST", [_, "authentication", "verify"]) => passkeys::authentication_verify(auth, call).await,
        ("PATCH", [_, _]) => passkeys::rename(auth, call).await,
        ("DELETE", [_, _]) => passkeys::delete(auth, call).await,
        _ => Err(AuthError::new(Code::NotFound)),
    }
}
