//! What a user may do with resources of the application, as their token says it.
//!
//! `control` includes `write`, `write` includes `read`, `*` is everything; a resource may be `*` as well. Policies
//! ask by `auth.can('invoices', 'write')`.

use crate::model::User;
use crate::tables::grants::{Grant, Subject};

/// The accesses, each including those before it.
pub const ACCESSES: [&str; 4] = ["read", "write", "control", "*"];

/// Grants in a token at most; a token has to fit into a header.
const CLAIMED_MAX: usize = 64;

/// What is granted to a user, by themselves or by their roles, as `resource:access`.
pub(crate) fn of(user: &User, all: &[Grant]) -> Vec<String> {
    let roles = user.roles();
    let concerns = |grant: &&Grant| match &grant.subject {
        Subject::Role(role) => *role == user.role || roles.contains(&role.as_str()),
        Subject::User(id) => *id == user.id,
    };
    let mut out: Vec<String> =
        all.iter().filter(concerns).map(|grant| format!("{}:{}", grant.resource, grant.access)).collect();
    out.sort();
    out.dedup();
    out.truncate(CLAIMED_MAX);
    out
}

/// Whether one of `grants` (`resource:access`) lets its holder do `access` to `resource`.
pub fn allow(grants: &[String], resource: &str, access: &str) -> bool {
    let level = |access: &str| ACCESSES.iter().position(|known| *known == access);
    let Some(wanted) = level(access) else { return false };
    grants.iter().any(|grant| {
        let Some((of, held)) = grant.rsplit_once(':') else { return false };
        (of == resource || of == "*") && level(held).is_some_and(|held| held >= wanted)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_includes_less_and_nothing_else() {
        let grants = ["invoices:write".to_owned(), "a:b:read".to_owned(), "*:read".to_owned()];
        for (resource, access, allowed) in [
            ("invoices", "read", true),
            ("invoices", "write", true),
            ("invoices", "control", false),
            ("other", "read", true),
            ("other", "write", false),
            ("a:b", "read", true),
            ("invoices", "own", false),
        ] {
            assert_eq!(allow(&grants, resource, access), allowed, "{resource} {access}");
        }
        assert!(allow(&["*:*".to_owned()], "x", "control"));
        assert!(!allow(&[], "x", "read"));
        assert!(!allow(&["x".to_owned(), "x:".to_owned()], "x", "read"));
    }

    #[test]
    fn roles_bring_their_grants() {
        let mut user = User::new("u".to_owned(), "2026-01-01T00:00:00Z".parse().unwrap());
        user.app_metadata = json!({ "roles": ["editor"], "role": "staff" });
        let grant = |subject: Subject, resource: &str| Grant {
            subject,
            resource: resource.to_owned(),
            access: "read".to_owned(),
        };
        let all = [
            grant(Subject::Role("editor".to_owned()), "pages"),
            grant(Subject::Role("staff".to_owned()), "rooms"),
            grant(Subject::Role("admin".to_owned()), "all"),
            grant(Subject::User("u".to_owned()), "mine"),
            grant(Subject::User("v".to_owned()), "theirs"),
        ];
        assert_eq!(of(&user, &all), ["mine:read", "pages:read", "rooms:read"]);
    }
}
