//! Migrations as people and models write them: YAML to [`Migration`] and back.
//!
//! ```yaml
//! migration: initial_schema
//! changes:
//!   - add_table: {name: posts, columns: [id pk, user_id fk->users.id, title text], rls: own-or-public}
//! ```
//!
//! Every error says where it is, what was expected there, and what to write instead.

mod change;
mod column;
mod error;
mod grants;
mod node;
mod read;
mod rls;
mod routine;
mod table;
mod types;
mod write;

pub use error::SpecError;
pub use write::to_yaml;

use crate::{change::Migration, schema::Schema};

/// The largest text.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Reads a migration. `current` is the schema it will be applied to: it knows the enums and the
/// types of keys that the text refers to without saying them. The text must name the migration.
pub fn parse(text: &str, current: &Schema) -> Result<Migration, SpecError> {
    read::migration(text, None, current)
}

/// Reads a migration that may be a single change without a name of its own; it then gets `name`.
pub fn parse_named(text: &str, name: &str, current: &Schema) -> Result<Migration, SpecError> {
    read::migration(text, Some(name), current)
}

#[cfg(test)]
mod tests;
