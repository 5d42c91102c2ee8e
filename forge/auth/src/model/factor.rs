//! A second factor.

use loki_store::Timestamp;
use serde_json::{Value, json};

use super::wire_time;

/// What a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// Codes of an app, by time.
    Totp,
    /// Codes to a phone.
    Phone,
    /// A security key or passkey.
    Webauthn,
}

impl FactorKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            FactorKind::Totp => "totp",
            FactorKind::Phone => "phone",
            FactorKind::Webauthn => "webauthn",
        }
    }

    /// The kind of this name.
    pub(crate) fn of(name: &str) -> Option<FactorKind> {
        [FactorKind::Totp, FactorKind::Phone, FactorKind::Webauthn]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A factor, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Its identifier.
    pub id: String,
    /// What the user calls it.
    pub friendly_name: Option<String>,
    /// What it is.
    pub kind: FactorKind,
    /// Whether its user has shown that they have it.
    pub verified: bool,
    /// The number, of a phone.
    pub phone: Option<String>,
    /// When it was asked last.
    pub last_challenged_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Factor {
    /// As answers have it.
    pub fn wire(&self) -> Value {
        let mut out = json!({
            "id": self.id,
            "factor_type": self.kind.name(),
            "status": if self.verified { "verified" } else { "unverified" },
            "created_at": wire_time(Some(self.created_at)),
            "updated_at": wire_time(Some(self.updated_at)),
        });
        if let Some(name) = &self.friendly_name {
            out["friendly_name"] = name.as_str().into();
        }
        if let Some(phone) = &self.phone {
            out["phone"] = phone.as_str().into();
        }
        if self.last_challenged_at.is_some() {
            out["last_challenged_at"] = wire_time(self.last_challenged_at);
        }
        out
    }
}
