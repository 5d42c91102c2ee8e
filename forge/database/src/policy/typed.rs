//! A policy with its names looked up and its types known: what the compilers read.
//!
//! It knows no engine. Every literal has the type its surroundings want and is in one canonical form;
//! every column says which table of which `from` it belongs to.

use std::collections::BTreeSet;

pub use super::expr::{Access, Binary, Case, Function, Is, Key, Unary, Yields};
use crate::schema::Type;

/// A policy's condition, ready to be compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The table whose rows it judges.
    pub table: String,
    /// The condition.
    pub root: Node,
    /// The tables that its subqueries read.
    pub reads: BTreeSet<String>,
}

/// A typed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its type.
    pub ty: Ty,
}

/// The kinds of typed expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A column of a source.
    Column {
        /// The source: [`ROW`], or the number of a `from`.
        source: u32,
        /// The column.
        name: String,
    },
    /// A value.
    Literal(Literal),
    /// `auth.uid()`
    Uid,
    /// `auth.role()`
    Role,
    /// `auth.jwt()`
    Jwt,
    /// `now()`
    Now,
    /// `auth.can(resource, access)`
    Can(Box<Node>, Access),
    /// A member of a JSON value, by its path.
    Get(Box<Node>, Vec<Key>, Yields),
    /// One operand.
    Unary(Unary, Box<Node>),
    /// Two operands of types that go together.
    Binary(Binary, Box<Node>, Box<Node>),
    /// `is null`, `is true`, `is false`.
    Is(Box<Node>, Is),
    /// One of several values.
    In(Box<Node>, Vec<Node>),
    /// One of the values that a query yields.
    InQuery(Box<Node>, Box<Query>),
    /// Whether a query yields a row.
    Exists(Box<Query>),
    /// Whether a text has a form.
    Like(Box<Node>, Vec<Wild>, Case),
    /// A function.
    Call(Function, Vec<Node>),
    /// A conversion to the node's type. What does not convert is null.
    Cast(Box<Node>),
}

/// The number of the source that is the judged row itself.
pub const ROW: u32 = 0;

/// A part of a `like` pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wild {
    /// These characters.
    Text(String),
    /// Any one character: `_`.
    One,
    /// Any characters: `%`.
    Many,
}

/// A value, in its canonical form.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal number, as written.
    Decimal(String),
    /// Text, and what is held as text: a lower-case UUID, an enum's value, a day, a time of day, a point
    /// in time in UTC. The node's type says which.
    Text(String),
}

/// A subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What it yields; `None` when only whether there is a row matters.
    pub column: Option<Node>,
    /// The tables.
    pub from: Vec<Source>,
    /// Which rows.
    pub filter: Option<Node>,
}

/// A table in a subquery. Its own policies for reading apply to it; of [`crate::people::USERS`] there is the
/// row of the one who asks, alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its number, unique in the policy.
    pub number: u32,
    /// The table.
    pub table: String,
    /// The condition it is joined by.
    pub on: Option<Node>,
}

/// A type, as far as policies tell types apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the types")]
pub enum Ty {
    /// Null, which goes with every type.
    Unknown,
    Bool,
    /// Whole numbers of every size.
    Int,
    Double,
    Numeric,
    /// Text of every length.
    Text,
    Uuid,
    Timestamptz,
    Date,
    Time,
    Json,
    Enum(String),
    /// Types that policies only compare with null: bytes, vectors, lists.
    Opaque(String),
}

impl Ty {
    /// The type of a column.
    pub fn of(ty: &Type) -> Ty {
        match ty {
            Type::Text | Type::Varchar(_) => Ty::Text,
            Type::Smallint | Type::Integer | Type::Bigint => Ty::Int,
            Type::Double => Ty::Double,
            Type::Numeric(..) => Ty::Numeric,
            Type::Boolean => Ty::Bool,
            Type::Uuid => Ty::Uuid,
            Type::Timestamptz => Ty::Timestamptz,
            Type::Date => Ty::Date,
            Type::Time => Ty::Time,
            Type::Jsonb => Ty::Json,
            Type::Enum(name) => Ty::Enum(name.clone()),
            Type::Bytea => Ty::Opaque("bytea".to_owned()),
            Type::Vector(_) => Ty::Opaque("vector".to_owned()),
            Type::Array(_) => Ty::Opaque("list".to_owned()),
            Type::Range(of) => Ty::Opaque(of.name().to_owned()),
            Type::Tsvector => Ty::Opaque("tsvector".to_owned()),
        }
    }

    /// Its name, as shown to people.
    pub fn name(&self) -> &str {
        match self {
            Ty::Unknown => "null",
            Ty::Bool => "boolean",
            Ty::Int => "integer",
            Ty::Double => "double precision",
            Ty::Numeric => "numeric",
            Ty::Text => "text",
            Ty::Uuid => "uuid",
            Ty::Timestamptz => "timestamptz",
            Ty::Date => "date",
            Ty::Time => "time",
            Ty::Json => "jsonb",
            Ty::Enum(name) | Ty::Opaque(name) => name,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Ty::Int | Ty::Double | Ty::Numeric)
    }
}
