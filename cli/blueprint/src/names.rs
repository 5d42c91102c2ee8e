//! Names that both engines take unquoted.

use forge_core::{is_reserved, to_snake_case};
use forge_database::lint::is_system;

/// A table's name: `snake_case`, and no word that SQL reserves or that names a service.
pub(crate) fn table_name(name: &str) -> String {
    let name = identifier(name);
    if is_system(&name) {
        return format!("app_{name}");
    }
    if !is_reserved(&name) {
        return name;
    }
    let plural = format!("{name}s");
    if is_reserved(&plural) { format!("{name}_records") } else { plural }
}

/// A column's name. A password is only ever kept as a hash.
pub(crate) fn column_name(name: &str) -> String {
    let name = identifier(name);
    match name.as_str() {
        "password" | "passwd" | "pwd" | "pass" => "password_hash".to_owned(),
        _ if is_reserved(&name) => format!("{name}_value"),
        _ => name,
    }
}

/// A name that fits everywhere: `snake_case`, begins with a letter, at most 48 bytes (so that names made
/// from it fit too).
fn identifier(name: &str) -> String {
    let mut name = to_snake_case(name);
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name = format!("t_{name}");
    }
    // Indices are called after their table, so `pg` alone would make names that begin with `pg_`.
    let first = name.split('_').next().unwrap_or_default();
    if first == "sqlite" || first == "pg" {
        name = format!("t_{name}");
    }
    name.truncate(48);
    name.trim_end_matches('_').to_owned()
}
