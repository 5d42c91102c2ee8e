//! What is served: relations, keys and functions, as both engines describe them.
//!
//! For SQLite it follows from the logical schema ([`from_schema`]), for Postgres from its catalogs.

mod logical;

use std::collections::BTreeMap;

use forge_database::schema::{Type, Volatility};

pub use logical::from_schema;

/// Everything that requests can name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The exposed schemas, the first one for requests that name none.
    pub schemas: Vec<String>,
    /// The relations of each schema by name; keys are `(schema, name)`.
    pub relations: BTreeMap<(String, String), Relation>,
    /// The foreign keys, those traced through views included.
    pub keys: Vec<ForeignKey>,
    /// The functions of each schema by name.
    pub functions: BTreeMap<(String, String), Vec<Function>>,
}

/// A table or a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key (of a view: those traced to one).
    pub primary_key: Vec<String>,
    /// Groups of columns that are unique together, besides the key.
    pub uniques: Vec<Vec<String>>,
    /// What is said about it.
    pub comment: Option<String>,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// A table.
    Table,
    /// A view; whether rows can be added, changed and removed through it.
    View {
        /// It can be written.
        writable: bool,
    },
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether a row need not say it.
    pub has_default: bool,
    /// What is said about it.
    pub comment: Option<String>,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// Its name as Postgres prints it: `timestamp with time zone`, `integer[]`, `mood`.
    pub name: String,
    /// The logical type, where it is one of those; always there on SQLite.
    pub ty: Option<Type>,
    /// The values of an enum, in order.
    pub values: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name: `posts_user_id_fkey`.
    pub name: String,
    /// The referring relation: schema and name.
    pub from: (String, String),
    /// Its columns.
    pub columns: Vec<String>,
    /// The relation referred to.
    pub to: (String, String),
    /// Its columns, in the same order.
    pub to_columns: Vec<String>,
    /// Whether at most one row refers to each: the columns are unique or the key.
    pub one_to_one: bool,
}

/// A function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it takes, in order.
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub returns: Returns,
    /// What it may do.
    pub volatility: Volatility,
    /// Whether it says itself that it gives at most one row (`ROWS 1`).
    pub one_row: bool,
    /// What is said about it.
    pub comment: Option<String>,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name; empty where it has none.
    pub name: String,
    /// Its type; the row type of a relation has that relation's name.
    pub ty: ColumnType,
    /// The relation whose row it is.
    pub row_of: Option<(String, String)>,
    /// Whether a call must say it.
    pub required: bool,
    /// Whether it takes all further values.
    pub variadic: bool,
}

/// What a function gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Returns {
    /// Nothing.
    Void,
    /// One value.
    Value(ColumnType),
    /// Any number of values.
    Values(ColumnType),
    /// One row of a relation.
    Row(String, String),
    /// Any number of rows of a relation.
    Rows(String, String),
    /// Any number of rows of these columns.
    Table(Vec<Column>),
    /// One row of these columns (out arguments).
    Record(Vec<Column>),
}

impl Relation {
    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Model {
    /// The relation called `name` in `schema`.
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.get(&(schema.to_owned(), name.to_owned()))
    }
}
