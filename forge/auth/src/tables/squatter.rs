//! What somebody leaves behind who had an address that is somebody else's. Every other table that may let them in
//! has a statement of its own for it.

use forge_core::sql::Statement;

/// Removes the second factors and passkeys of a user.
pub(crate) fn keys(user: &str) -> [Statement; 2] {
    [
        Statement::new("delete from {auth.mfa_factors} where user_id = $1", [user.into()]),
        Statement::new("delete from {auth.webauthn_credentials} where user_id = $1", [user.into()]),
    ]
}
