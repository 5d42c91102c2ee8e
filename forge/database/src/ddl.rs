//! Turns typed changes into SQL: pure, the same input gives the same text.
//!
//! [`resolve`] works out the target schema and knows no engine. An engine's renderer ([`sqlite`])
//! compares the schema before with the one after, along the [`lineage`] of tables and columns, and
//! writes the statements from one to the other. The way down is the same comparison the other way
//! round, so it is the inverse by construction.

mod expr;
mod lineage;
mod loss;
pub mod postgres;
mod problem;
mod rename;
mod resolve;
mod routine;
pub mod sqlite;
mod validate;

pub use lineage::{Lineage, Origin};
pub(crate) use loss::narrows;
pub use loss::{Loss, LossKind};
pub use problem::closest;
pub use problem::{PlanError, Problem};
pub(crate) use resolve::Outline;
pub(crate) use validate::enum_of;

use crate::{change::Migration, schema::Schema};

/// Most tables a schema may have.
pub const TABLES_MAX: usize = 1_000;
/// Most views a schema may have.
pub const VIEWS_MAX: usize = 500;
/// Most functions a schema may have.
pub const FUNCTIONS_MAX: usize = 500;
/// Most columns a table may have.
pub const COLUMNS_MAX: usize = 300;
/// Most changes a migration may have.
pub const CHANGES_MAX: usize = 500;
/// Most values an enum may have.
pub const ENUM_VALUES_MAX: usize = 1_000;
/// Most rows one migration may seed.
pub const SEED_ROWS_MAX: usize = 10_000;

/// A migration, worked out against one schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The migration's name.
    pub name: String,
    /// The schema it starts from.
    pub before: Schema,
    /// The schema it ends in.
    pub target: Schema,
    /// Statements from `before` to `target`, the stored schema included. To be run by [`crate::execute`].
    pub up: Vec<String>,
    /// Statements back. Seeded rows stay, and what `losses` names comes back empty.
    pub down: Vec<String>,
    /// Data that `up` gives up.
    pub losses: Vec<Loss>,
    /// Data that `down` gives up.
    pub down_losses: Vec<Loss>,
    /// Where the target's tables and columns come from.
    pub lineage: Lineage,
}

impl Plan {
    /// The statements for people to read: `up` without what keeps loki's own books.
    pub fn review(&self) -> Vec<&str> {
        self.up.iter().map(String::as_str).filter(|sql| !sqlite::is_bookkeeping(sql)).collect()
    }

    /// The hash of `up`. Also covers the whole target schema, policies included, because `up` stores it.
    pub fn hash(&self) -> String {
        let parts: Vec<&str> = self.up.iter().map(String::as_str).collect();
        forge_core::sha256_hex(&parts)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.before == self.target && self.review().is_empty()
    }
}

/// Works out `migration` against `current`, for SQLite.
pub fn plan(current: &Schema, migration: &Migration) -> Result<Plan, PlanError> {
    let segments = resolve::resolve(current, migration)?;
    let mut lineage = Lineage::identity(current);
    let mut up = sqlite::open_books();
    let mut down = Vec::new();
    let mut before = current;
    for segment in &segments {
        up.extend(sqlite::steps(before, &segment.target, &segment.lineage)?);
        up.extend(sqlite::seed_rows(&segment.target, &segment.seeds)?);
        let mut back = sqlite::steps(&segment.target, before, &segment.lineage.inverse())?;
        back.append(&mut down);
        down = back;
        lineage = lineage.then(&segment.lineage);
        before = &segment.target;
    }
    let target = before.clone();
    up.push(sqlite::store_schema(&target));
    let mut back = sqlite::open_books();
    back.append(&mut down);
    back.push(sqlite::store_schema(current));
    Ok(Plan {
        name: migration.name.clone(),
        losses: loss::losses(current, &target, &lineage),
        down_losses: loss::losses(&target, current, &lineage.inverse()),
        before: current.clone(),
        target,
        up,
        down: back,
        lineage,
    })
}

#[cfg(test)]
pub(crate) mod tests;
