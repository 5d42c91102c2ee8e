//! The one shape in which every door reports an error.

use serde::{Deserialize, Serialize};

/// An error as clients, tools and people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// A stable code, such as `name_shape`; programs match on this.
    pub code: String,
    /// What was attempted and why it failed.
    pub message: String,
    /// What would make it work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Commands or calls to try next, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_actions: Vec<String>,
}

/// An error that can be put into an [`Envelope`].
pub trait Explain: std::error::Error {
    /// The stable code.
    fn code(&self) -> &'static str;

    /// What would make it work.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Commands or calls to try next.
    fn next_actions(&self) -> Vec<String> {
        Vec::new()
    }

    /// The envelope. Causes are appended to the message, because beyond this point only text is left.
    fn envelope(&self) -> Envelope {
        let mut message = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Envelope {
            code: self.code().to_owned(),
            message,
            hint: self.hint(),
            next_actions: self.next_actions(),
        }
    }
}

impl Explain for crate::NameError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "name_empty",
            Self::Long { .. } => "name_long",
            Self::Shape { .. } => "name_shape",
            Self::Prefix { .. } => "name_prefix",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;

    #[test]
    fn tells_code_message_and_hint() {
        let envelope = Explain::envelope(&Name::new("BadName").unwrap_err());
        assert_eq!(envelope.code, "name_shape");
        assert_eq!(envelope.hint.as_deref(), Some("write `bad_name`"));
        assert!(envelope.message.contains("BadName"));
    }
}
