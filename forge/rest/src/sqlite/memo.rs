//! The texts that policies, views and functions of rows come to, kept as long as the schema they follow from.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use forge_core::Role;

/// The most bytes that are kept; then it begins anew.
const BYTES_MAX: usize = 8 << 20;

/// Texts by what they are made from. It belongs to one schema and is of no use for another.
#[derive(Debug, Default)]
pub struct Memo {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    texts: HashMap<String, Arc<str>>,
    bytes: usize,
}

impl Memo {
    /// The text of a thing called `name`, of which `kind` says what it is, for a role: the one that is kept, or
    /// what `make` gives. An error is not kept.
    pub(super) fn text<E>(
        &self,
        kind: &str,
        role: &Role,
        name: &str,
        make: impl FnOnce() -> Result<String, E>,
    ) -> Result<Arc<str>, E> {
        // The role's debug form tells a role that is called like one of ours from ours.
        let key = format!("{kind}\0{role:?}\0{name}");
        if let Some(text) = self.kept.read().unwrap_or_else(PoisonError::into_inner).texts.get(&key) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = make()?.into();
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += key.len() + text.len();
        if kept.bytes > BYTES_MAX {
            *kept = Kept { bytes: key.len() + text.len(), ..Kept::default() };
        }
        kept.texts.insert(key, Arc::clone(&text));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once_for_each_role_and_thing() {
        let memo = Memo::default();
        let text = |role: &Role, kind: &str, made: &str| {
            memo.text(kind, role, "posts", || Ok::<_, ()>(made.to_owned())).unwrap().to_string()
        };
        assert_eq!(text(&Role::Anon, "read", "a"), "a");
        assert_eq!(text(&Role::Anon, "read", "b"), "a");
        assert_eq!(text(&Role::Anon, "write", "b"), "b");
        assert_eq!(text(&Role::Service, "read", "c"), "c");
        // A custom role that is called like the service is not the service.
        assert_eq!(text(&Role::Custom(Role::Service.as_str().to_owned()), "read", "d"), "d");
    }

    #[test]
    fn an_error_is_not_kept_and_what_is_kept_has_an_end() {
        let memo = Memo::default();
        assert_eq!(memo.text("read", &Role::Anon, "x", || Err::<String, _>(1)).unwrap_err(), 1);
        let long = "x".repeat(BYTES_MAX / 4);
        for at in 0..20 {
            memo.text("read", &Role::Anon, &at.to_string(), || Ok::<_, ()>(long.clone())).unwrap();
        }
        assert!(memo.kept.read().unwrap().texts.len() < 5);
    }
}
