//! A way by which a user is known.

use loki_store::Timestamp;
use serde_json::{Value, json};

use super::wire_time;

/// What a provider, or e-mail, says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its identifier.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// `email`, or the provider's name.
    pub provider: String,
    /// Who it is there: the user's identifier for `email`.
    pub provider_id: String,
    /// What is said there: an object.
    pub data: Value,
    /// The address in it.
    pub email: Option<String>,
    /// When it was used last.
    pub last_sign_in_at: Option<Timestamp>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Identity {
    /// The identity of somebody who signs in by e-mail.
    pub(crate) fn of_email(id: String, user: &str, email: &str, verified: bool, now: Timestamp) -> Identity {
        Identity {
            id,
            user_id: user.to_owned(),
            provider: "email".to_owned(),
            provider_id: user.to_owned(),
            data: json!({
                "sub": user, "email": email, "email_verified": verified, "phone_verified": false,
            }),
            email: Some(email.to_owned()),
            last_sign_in_at: Some(now),
            created_at: now,
            updated_at: now,
        }
    }

    /// As answers have it.
    pub fn wire(&self) -> Value {
        json!({
            "identity_id": self.id,
            "id": self.provider_id,
            "user_id": self.user_id,
            "identity_data": self.data,
            "provider": self.provider,
            "last_sign_in_at": wire_time(self.last_sign_in_at),
            "created_at": wire_time(Some(self.created_at)),
            "updated_at": wire_time(Some(self.updated_at)),
            "email": self.email,
        })
    }
}
