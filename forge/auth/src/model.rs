//! The people of an application, as services and clients see them.

pub mod factor;
pub mod identity;
pub mod user;

pub use factor::{Factor, FactorKind};
pub use identity::Identity;
pub use user::User;

use forge_core::sql::time_text;
use loki_store::Timestamp;
use serde_json::Value;

/// How sure it is that a session is its user's (NIST SP 800-63B, as GoTrue counts it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aal {
    /// One factor.
    One,
    /// A second factor as well.
    Two,
}

impl Aal {
    /// Its name in tokens and rows.
    pub fn name(self) -> &'static str {
        match self {
            Aal::One => "aal1",
            Aal::Two => "aal2",
        }
    }

    /// The level of this name; an unknown one is the lowest.
    pub(crate) fn of(name: &str) -> Aal {
        if name == "aal2" { Aal::Two } else { Aal::One }
    }
}

/// A time as answers have it; null where there is none.
pub(crate) fn wire_time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::String(time_text(time).replace("+00:00", "Z")))
}
