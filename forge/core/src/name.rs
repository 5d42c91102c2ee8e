//! Names of tables, columns, buckets and the like: one rule for all of them.
//!
//! A name that passes here is safe in every place it will be put: quoted or not, in both engines,
//! in a URL and in a file name.

use std::fmt;

/// The longest name, in bytes: what Postgres keeps of an identifier.
pub const NAME_BYTES_MAX: usize = 63;

/// Prefixes that belong to the engines and to loki itself.
const PREFIXES: [&str; 3] = ["_loki", "sqlite_", "pg_"];

/// Words that Postgres or SQLite give a meaning of their own.
const RESERVED: [&str; 121] = [
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "view",
    "when",
    "where",
    "window",
    "with",
    "xor",
    "oid",
    "ctid",
    "xmin",
];

/// A checked `snake_case` name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name is missing")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("the name `{name}` is {bytes} bytes long, {NAME_BYTES_MAX} are allowed")]
    Long {
        /// The name, shortened.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// Not lower-case letters, digits and underscores after a letter.
    #[error("the name `{name}` is not in snake_case")]
    Shape {
        /// The name.
        name: String,
        /// One that would pass.
        suggestion: String,
    },
    /// It starts with what belongs to an engine or to loki.
    #[error("the name `{name}` starts with `{prefix}`, which is kept for the engine's own tables")]
    Prefix {
        /// The name.
        name: String,
        /// The prefix.
        prefix: &'static str,
    },
}

impl Name {
    /// Checks `text`: a lower-case letter or underscore first, then lower-case letters, digits and
    /// underscores, at most [`NAME_BYTES_MAX`] bytes, none of the engines' prefixes.
    ///
    /// Reserved words pass, because every name is quoted where it is used; see [`is_reserved`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            let name = text.chars().take(20).chain(['…']).collect();
            return Err(NameError::Long { name, bytes: text.len() });
        }
        if let Some(prefix) = PREFIXES.into_iter().find(|prefix| text.starts_with(prefix)) {
            return Err(NameError::Prefix { name: text.to_owned(), prefix });
        }
        let first = text.as_bytes()[0];
        let shaped = (first.is_ascii_lowercase() || first == b'_')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && text.bytes().any(|b| b != b'_');
        if !shaped {
            return Err(NameError::Shape { name: text.to_owned(), suggestion: to_snake_case(text) });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NameError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => "write a name in snake_case".to_owned(),
            Self::Long { .. } => "shorten it".to_owned(),
            Self::Shape { suggestion, .. } if suggestion.is_empty() => {
                "use lower-case letters, digits and underscores".to_owned()
            }
            Self::Shape { suggestion, .. } => format!("write `{suggestion}`"),
            Self::Prefix { name, prefix } => {
                format!("call it `app_{}`", name.trim_start_matches(prefix).trim_start_matches('_'))
            }
        }
    }
}

/// Whether an engine gives `name` a meaning of its own. It still works, quoted; but whoever writes
/// SQL by hand will trip over it.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// `text` as a name: `FirstName`, `first-name` and `First name` become `first_name`. Empty where
/// nothing usable is left.
pub fn to_snake_case(text: &str) -> String {
    let mut out = String::new();
    let mut previous_lower = false;
    for c in text.chars() {
        if out.len() >= NAME_BYTES_MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && previous_lower {
                out.push('_');
            }
            previous_lower = !c.is_ascii_uppercase();
            out.push(c.to_ascii_lowercase());
        } else {
            previous_lower = false;
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
        }
    }
    let trimmed = out.trim_matches('_').to_owned();
    match trimmed.bytes().next() {
        Some(b) if b.is_ascii_digit() => format!("n_{trimmed}"),
        _ => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_and_refuses_the_rest() {
        for name in ["posts", "user_id", "a", "_x1", "order", &"a".repeat(63)] {
            assert_eq!(Name::new(name).map(Name::into_string), Ok(name.to_owned()));
        }
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert!(matches!(Name::new(&"a".repeat(64)), Err(NameError::Long { bytes: 64, .. })));
        for name in ["Posts", "1st", "a-b", "a b", "ä", "a\"b", "a;b", "___", "a\0"] {
            assert!(matches!(Name::new(name), Err(NameError::Shape { .. })), "{name}");
        }
        for name in ["_loki_schema", "_lokix", "sqlite_schema", "pg_class"] {
            assert!(matches!(Name::new(name), Err(NameError::Prefix { .. })), "{name}");
        }
    }

    #[test]
    fn suggests_a_name_that_passes() {
        for (given, wanted) in [
            ("FirstName", "first_name"),
            ("first-name", "first_name"),
            ("2fa", "n_2fa"),
            ("userID", "user_id"),
        ] {
            let NameError::Shape { suggestion, .. } = Name::new(given).unwrap_err() else {
                panic!("{given}")
            };
            assert_eq!(suggestion, wanted);
            assert!(Name::new(&suggestion).is_ok());
        }
    }

    #[test]
    fn knows_reserved_words() {
        assert!(is_reserved("order") && is_reserved("user") && is_reserved("table"));
        assert!(!is_reserved("orders") && !is_reserved("title"));
    }
}
