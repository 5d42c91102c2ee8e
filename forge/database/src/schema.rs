//! The logical schema: what both engines agree on, in types of neither.
//!
//! SQLite and Postgres render it differently (`uuid` is `TEXT` with a check here, native there), so
//! everything that reasons about a schema (linter, policies, summary, proof) reasons about this.
//! The whole model is plain data: it is stored as JSON in the database it describes
//! (table `_loki_schema`), written in the same transaction as the DDL.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The format's version, raised when a reader of the old one would misread the new one.
pub const VERSION: u32 = 1;

/// Every table and enum of one database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Enums by name, values in order.
    #[serde(default)]
    pub enums: BTreeMap<String, Vec<String>>,
    /// Views by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, View>,
    /// Functions by name; those of one name differ in their arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, Vec<Function>>,
}

/// A query that is read like a table. It sees what the one who asks may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The query, in the grammar of Postgres.
    pub query: String,
}

/// A query that is called by name. It runs with the rights of the one who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it takes, in order.
    #[serde(default)]
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub returns: Returns,
    /// Statements, in the grammar of Postgres (`LANGUAGE sql`); the last one gives the result.
    pub body: String,
    /// What it may do.
    #[serde(default)]
    pub volatility: Volatility,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name; empty where callers cannot name it.
    pub name: String,
    /// Its type.
    pub ty: ArgumentType,
    /// The value where the caller gives none, as an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether it takes all further values, as a list.
    #[serde(default)]
    pub variadic: bool,
}

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentType {
    /// A value.
    Value(Type),
    /// A row of a table or view: such a function is a column that is computed, or a relationship.
    Row(String),
}

/// What a function gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// Nothing.
    Void,
    /// One value.
    Value(Type),
    /// Any number of values.
    Values(Type),
    /// One row of a table or view.
    Row(String),
    /// Any number of rows of a table or view.
    Rows(String),
    /// Any number of rows of these columns.
    Table(Vec<(String, Type)>),
}

/// What a function may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volatility {
    /// Nothing but compute from its arguments.
    Immutable,
    /// Read.
    Stable,
    /// Read and write.
    #[default]
    Volatile,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Columns of the primary key, in order; empty when there is none.
    pub primary_key: Vec<String>,
    /// Foreign keys.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// Groups of columns that are unique together (single columns included).
    #[serde(default)]
    pub uniques: Vec<Vec<String>>,
    /// Check constraints.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Indices beyond those that keys and uniques bring.
    #[serde(default)]
    pub indices: Vec<Index>,
    /// Row-level security; `None` until a migration says something, which the linter refuses.
    #[serde(default)]
    pub rls: Option<Rls>,
    /// Which columns roles reach, where it is not all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<ColumnGrant>,
}

/// The columns that one command of one role reaches. Where there is none for a command and a role, it
/// reaches all; policies decide on rows in either case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnGrant {
    /// The role; one of the app's own has those of `authenticated` as well.
    pub role: String,
    /// The command: select, insert or update.
    pub command: Command,
    /// The columns; none at all closes the command.
    pub columns: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it may be null. Key columns never are.
    pub nullable: bool,
    /// What it holds when a row does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ColumnDefault>,
}

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text of any length.
    Text,
    /// Text of at most so many characters.
    Varchar(u32),
    /// 16-bit whole number.
    Smallint,
    /// 32-bit whole number.
    Integer,
    /// 64-bit whole number.
    Bigint,
    /// 64-bit floating point.
    Double,
    /// Exact decimal: precision and scale.
    Numeric(u32, u32),
    /// True or false.
    Boolean,
    /// RFC 9562 identifier.
    Uuid,
    /// Point in time, stored in UTC.
    Timestamptz,
    /// Day.
    Date,
    /// Time of day.
    Time,
    /// JSON value.
    Jsonb,
    /// Bytes.
    Bytea,
    /// Embedding of so many dimensions.
    Vector(u32),
    /// One of an enum's values.
    Enum(String),
    /// List of the inner type (stored as JSON on SQLite).
    Array(Box<Type>),
    /// Everything from one value to another (stored as text on SQLite).
    Range(RangeOf),
    /// Text prepared for searching (stored as text on SQLite).
    Tsvector,
}

/// What a range is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeOf {
    /// `int4range`
    Integer,
    /// `int8range`
    Bigint,
    /// `numrange`
    Numeric,
    /// `daterange`
    Date,
    /// `tstzrange`
    Timestamptz,
}

impl RangeOf {
    /// The range's name in Postgres.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "int4range",
            Self::Bigint => "int8range",
            Self::Numeric => "numrange",
            Self::Date => "daterange",
            Self::Timestamptz => "tstzrange",
        }
    }
}

/// A column's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnDefault {
    /// The time of the insert.
    Now,
    /// A new random identifier.
    RandomUuid,
    /// The next whole number (an identity column; only on an integer key).
    Identity,
    /// The id of the user who inserts (`auth.uid()`).
    CurrentUser,
    /// A literal, in its text form; the column's type decides how it is written.
    Literal(String),
}

/// A foreign key of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The referring column.
    pub column: String,
    /// The table referred to.
    pub table: String,
    /// The column referred to.
    pub references: String,
    /// What happens to the row when the one referred to goes.
    pub on_delete: OnDelete,
}

/// What happens to a referring row when the one referred to goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The delete is refused.
    #[default]
    Restrict,
    /// It goes too.
    Cascade,
    /// Its column becomes null.
    SetNull,
}

/// A named check constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, unique in the table.
    pub name: String,
    /// The condition, in the policy language (columns, literals, comparisons), so that it is the
    /// same on both engines.
    pub expr: String,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name, unique in the schema.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<IndexColumn>,
    /// Whether equal keys are refused.
    #[serde(default)]
    pub unique: bool,
}

/// A column in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexColumn {
    /// The column.
    pub name: String,
    /// Whether it is sorted from high to low.
    #[serde(default)]
    pub descending: bool,
}

/// Row-level security of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rls {
    /// What the migration said (`own-row`, `own-or-public`, `public`, `none`, `custom`), shown to
    /// people; what counts are the policies.
    pub label: String,
    /// The policies, as text; [`crate::policy`] parses and compiles them. No policy for a command and
    /// role means: denied.
    pub policies: Vec<Policy>,
}

/// One policy, in text form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name, unique in the table.
    pub name: String,
    /// The commands it speaks about.
    pub commands: Vec<Command>,
    /// The roles it speaks about: `anon`, `authenticated`, or a role from the `role` claim.
    pub roles: Vec<String>,
    /// Permissive policies are joined by OR, restrictive ones by AND.
    #[serde(default)]
    pub restrictive: bool,
    /// Which existing rows the command sees (select, update, delete); `None`: as `check` says, or all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// Which new rows the command may leave (insert, update); `None`: as `using` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// A command that policies speak about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Reading.
    Select,
    /// Adding.
    Insert,
    /// Changing.
    Update,
    /// Removing.
    Delete,
}

impl Schema {
    /// The table called `name`.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// As JSON, the form in which it is stored and hashed; the same schema gives the same bytes.
    pub fn to_json(&self) -> String {
        // Maps with string keys and plain data always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Table {
    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The foreign key of the column called `name`.
    pub fn foreign_key(&self, name: &str) -> Option<&ForeignKey> {
        self.foreign_keys.iter().find(|key| key.column == name)
    }

    /// Whether no two rows agree in exactly these columns (in any order): the key or a unique group.
    pub fn is_unique(&self, columns: &[&str]) -> bool {
        let same = |group: &[String]| {
            group.len() == columns.len() && group.iter().all(|name| columns.contains(&name.as_str()))
        };
        same(&self.primary_key) || self.uniques.iter().any(|group| same(group))
    }
}

impl Index {
    /// The name an index gets when nobody gives it one: `posts_user_id_created_at_idx`.
    pub fn default_name(table: &str, columns: &[IndexColumn]) -> String {
        derived_name(table, columns.iter().map(|column| column.name.as_str()), "idx")
    }
}

/// The name of the index behind a unique group: `posts_user_id_title_key`.
pub fn unique_name(table: &str, columns: &[String]) -> String {
    derived_name(table, columns.iter().map(String::as_str), "key")
}

/// The name of the constraint behind a foreign key: `posts_user_id_fkey`.
pub fn foreign_key_name(table: &str, column: &str) -> String {
    derived_name(table, std::iter::once(column), "fkey")
}

/// Joins the parts to a name of at most [`forge_core::NAME_BYTES_MAX`] bytes; a longer one is cut
/// and told apart by a hash of the whole.
pub(crate) fn derived_name<'a>(table: &str, columns: impl Iterator<Item = &'a str>, suffix: &str) -> String {
    let mut name = table.to_owned();
    for column in columns {
        name.push('_');
        name.push_str(column);
    }
    if name.len() + 1 + suffix.len() > forge_core::NAME_BYTES_MAX {
        let hash = forge_core::sha256_hex(&[&name]);
        name.truncate(forge_core::NAME_BYTES_MAX - suffix.len() - 10);
        name = format!("{name}_{}", &hash[..8]);
    }
    format!("{name}_{suffix}")
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Smallint => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::Bigint => f.write_str("bigint"),
            Self::Double => f.write_str("double"),
            Self::Numeric(precision, scale) => write!(f, "numeric({precision},{scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Uuid => f.write_str("uuid"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
            Self::Vector(dimensions) => write!(f, "vector({dimensions})"),
            Self::Enum(name) => f.write_str(name),
            Self::Array(inner) => write!(f, "{inner}[]"),
            Self::Range(of) => f.write_str(of.name()),
            Self::Tsvector => f.write_str("tsvector"),
        }
    }
}

impl fmt::Display for OnDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restrict => "restrict",
            Self::Cascade => "cascade",
            Self::SetNull => "set null",
        })
    }
}
