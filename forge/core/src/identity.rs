//! Who asks: a role and, for people, a user id.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an identity may do is decided by policies that name its role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Role {
    /// Nobody signed in.
    Anon,
    /// Somebody signed in.
    Authenticated,
    /// The backend itself: policies do not bind it.
    Service,
    /// A role of the app's own, from the `role` claim.
    Custom(String),
}

impl Role {
    /// Its name, as policies and tokens write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Anon => "anon",
            Self::Authenticated => "authenticated",
            Self::Service => "service_role",
            Self::Custom(name) => name,
        }
    }
}

impl From<String> for Role {
    fn from(name: String) -> Self {
        match name.as_str() {
            "anon" => Self::Anon,
            "authenticated" => Self::Authenticated,
            "service_role" => Self::Service,
            _ => Self::Custom(name),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The role.
    pub role: Role,
    /// The user's id; `None` for nobody and for the service.
    pub subject: Option<String>,
    /// The token's claims, an object; `null` where there is no token.
    #[serde(default)]
    pub claims: serde_json::Value,
}

impl Identity {
    /// Nobody signed in.
    pub fn anon() -> Self {
        Self { role: Role::Anon, subject: None, claims: serde_json::Value::Null }
    }

    /// The user with this id, without claims beyond it.
    pub fn user(id: &str) -> Self {
        Self {
            role: Role::Authenticated,
            subject: Some(id.to_owned()),
            claims: serde_json::json!({ "sub": id, "role": "authenticated" }),
        }
    }

    /// The backend itself.
    pub fn service() -> Self {
        Self { role: Role::Service, subject: None, claims: serde_json::Value::Null }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_round_trip_by_name() {
        for role in [Role::Anon, Role::Authenticated, Role::Service, Role::Custom("editor".to_owned())] {
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role, "{json}");
        }
    }
}
