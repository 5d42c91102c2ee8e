//! A policy as written: the tree that [`super::parse()`] returns.
//!
//! Names are not looked up yet and nothing has a type; [`super::resolve()`] does that. The tree knows no
//! engine.

use super::error::Position;
use crate::schema::Type;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it starts.
    pub at: Position,
    /// How many levels it has, itself included.
    pub(super) height: usize,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A column, perhaps with its table (or the table's alias).
    Column {
        /// The table or alias before the dot.
        table: Option<String>,
        /// The column.
        name: String,
    },
    /// `'text'`: of the type that its surroundings want.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, as written.
    Decimal(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// `auth.uid()`: who asks; null for a visitor.
    Uid,
    /// `auth.role()`.
    Role,
    /// `auth.jwt()`: the claims.
    Jwt,
    /// `now()`.
    Now,
    /// `auth.can(resource, access)`: whether the claim `grants` allows it.
    Can(Box<Expr>, Access),
    /// `json -> 'key'` and `json ->> 'key'`.
    Get {
        /// The JSON value.
        from: Box<Expr>,
        /// The member or element.
        key: Key,
        /// What comes out.
        yields: Yields,
    },
    /// `not x`, `- x`.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `x is null`, `x is not true`, ...
    Is {
        /// The operand.
        of: Box<Expr>,
        /// What it is compared with.
        what: Is,
        /// Whether there was a `not`.
        negated: bool,
    },
    /// `x in (a, b)`.
    In {
        /// The operand.
        of: Box<Expr>,
        /// The values.
        list: Vec<Expr>,
        /// Whether there was a `not`.
        negated: bool,
    },
    /// `x in (select ...)`.
    InSelect {
        /// The operand.
        of: Box<Expr>,
        /// The values.
        select: Box<Select>,
        /// Whether there was a `not`.
        negated: bool,
    },
    /// `exists (select ...)`.
    Exists(Box<Select>),
    /// `x like 'a%'`.
    Like {
        /// The operand.
        of: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// Whether upper and lower case differ.
        case: Case,
        /// Whether there was a `not`.
        negated: bool,
    },
    /// `x between a and b`.
    Between {
        /// The operand.
        of: Box<Expr>,
        /// The lowest value.
        low: Box<Expr>,
        /// The highest value.
        high: Box<Expr>,
        /// Whether there was a `not`.
        negated: bool,
    },
    /// A function of its arguments.
    Call(Function, Vec<Expr>),
    /// `x::type`.
    Cast(Box<Expr>, Type),
}

/// A member of an object or an element of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By name.
    Name(String),
    /// By number, from 0.
    Index(u32),
}

/// What a JSON operator yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// `->`: JSON.
    Json,
    /// `->>`: text.
    Text,
}

/// Operators of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `not`
    Not,
    /// `-`
    Negate,
}

/// Operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum Binary {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `is distinct from`: like `<>`, with null a value like others.
    Distinct,
    /// `is not distinct from`.
    NotDistinct,
}

/// What `is` compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// `is null`, and `is unknown`.
    Null,
    /// `is true`
    True,
    /// `is false`
    False,
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They do: `like`.
    Sensitive,
    /// They do not: `ilike`.
    Insensitive,
}

/// What a grant allows on a resource. Each holds those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Looking.
    Read,
    /// Changing.
    Write,
    /// Ruling over it: who else may.
    Control,
    /// Everything there is and will be.
    All,
}

impl Access {
    const EVERY: [Access; 4] = [Access::Read, Access::Write, Access::Control, Access::All];

    /// The access of that name.
    pub fn named(name: &str) -> Option<Access> {
        Access::EVERY.into_iter().find(|access| access.name() == name)
    }

    /// Its name in a grant, behind the resource and a colon.
    pub fn name(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Control => "control",
            Access::All => "*",
        }
    }

    /// What a grant may say to allow it: itself, and what holds it.
    pub fn allowed_by(self) -> impl Iterator<Item = Access> {
        Access::EVERY.into_iter().filter(move |access| *access >= self)
    }
}

/// The functions that policies may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The first argument that is not null.
    Coalesce,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// The number of characters.
    Length,
}

/// A subquery: which rows of other tables it looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// What it selects; `None` in `exists (select 1 ...)`.
    pub column: Option<Expr>,
    /// The tables, the first one after `from`, the others joined.
    pub from: Vec<From>,
    /// `where`.
    pub filter: Option<Expr>,
    /// Where it starts.
    pub at: Position,
}

/// A table in a subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct From {
    /// The table.
    pub table: String,
    /// The name it goes by.
    pub alias: String,
    /// `on`, for all but the first.
    pub on: Option<Expr>,
    /// Where it is named.
    pub at: Position,
}

impl Select {
    /// The expressions in it.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Expr> {
        self.column.iter().chain(self.from.iter().filter_map(|from| from.on.as_ref())).chain(&self.filter)
    }
}

impl Expr {
    /// The expressions directly in it, those of a subquery included.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Column { .. }
            | ExprKind::Text(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Uid
            | ExprKind::Role
            | ExprKind::Jwt
            | ExprKind::Now => Vec::new(),
            ExprKind::Can(of, _)
            | ExprKind::Get { from: of, .. }
            | ExprKind::Unary(_, of)
            | ExprKind::Is { of, .. }
            | ExprKind::Cast(of, _) => vec![of],
            ExprKind::Binary(_, left, right) => vec![left, right],
            ExprKind::In { of, list, .. } => std::iter::once(&**of).chain(list).collect(),
            ExprKind::InSelect { of, select, .. } => std::iter::once(&**of).chain(select.parts()).collect(),
            ExprKind::Exists(select) => select.parts().collect(),
            ExprKind::Like { of, pattern, .. } => vec![of, pattern],
            ExprKind::Between { of, low, high, .. } => vec![of, low, high],
            ExprKind::Call(_, arguments) => arguments.iter().collect(),
        }
    }

    /// The subquery that it is, if it is one.
    pub(crate) fn select(&self) -> Option<&Select> {
        match &self.kind {
            ExprKind::InSelect { select, .. } | ExprKind::Exists(select) => Some(select),
            _ => None,
        }
    }
}
