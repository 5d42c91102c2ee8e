//! A migration as data: the typed changes that [`crate::spec`] reads and [`crate::ddl`] renders.

use serde::{Deserialize, Serialize};

use crate::schema::{
    ArgumentType, Check, Column, ColumnGrant, ForeignKey, Function, Index, Rls, Table, View,
};

/// A named list of changes, applied in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its name, in `snake_case`; unique in the database's history.
    pub name: String,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// One change.
#[expect(missing_docs, reason = "the fields' names say what they hold")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Creates a table with everything that belongs to it.
    AddTable(Table),
    /// Drops a table and its rows. Always a loss.
    DropTable { table: String },
    /// Renames a table; keys that point at it follow.
    RenameTable { table: String, to: String },
    /// Adds a column, with its foreign key and whether it is unique.
    AddColumn { table: String, column: Column, foreign_key: Option<ForeignKey>, unique: bool },
    /// Drops a column and its values. Always a loss.
    DropColumn { table: String, column: String },
    /// Renames a column; indices, keys, checks and policies follow.
    RenameColumn { table: String, column: String, to: String },
    /// Changes a column's type, nullability or default to those of `column` (matched by name).
    AlterColumn { table: String, column: Column },
    /// Adds an index.
    AddIndex { table: String, index: Index },
    /// Drops an index.
    DropIndex { table: String, index: String },
    /// Adds a check.
    AddCheck { table: String, check: Check },
    /// Drops a check.
    DropCheck { table: String, check: String },
    /// Makes columns unique together.
    AddUnique { table: String, columns: Vec<String> },
    /// Lifts such a uniqueness.
    DropUnique { table: String, columns: Vec<String> },
    /// Adds a foreign key to existing columns.
    AddForeignKey { table: String, foreign_key: ForeignKey },
    /// Drops a foreign key.
    DropForeignKey { table: String, column: String },
    /// Creates an enum.
    AddEnum { name: String, values: Vec<String> },
    /// Adds values to an enum's end.
    AddEnumValues { name: String, values: Vec<String> },
    /// Drops an enum that no column uses.
    DropEnum { name: String },
    /// Replaces a table's row-level security.
    SetRls { table: String, rls: Rls },
    /// Replaces which columns of a table roles reach.
    SetGrants { table: String, grants: Vec<ColumnGrant> },
    /// Inserts rows. Each row is `(column, value in text form or null)`; a row whose key exists is left alone.
    Seed { table: String, rows: Vec<Vec<(String, Option<String>)>> },
    /// Adds a view.
    AddView(View),
    /// Drops a view that nothing else uses.
    DropView { name: String },
    /// Adds a function, or another one of its name with other arguments.
    AddFunction(Function),
    /// Drops a function that nothing else uses: the one with these arguments, or the only one of its name.
    DropFunction { name: String, arguments: Option<Vec<ArgumentType>> },
}
