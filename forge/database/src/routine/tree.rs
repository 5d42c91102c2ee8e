//! Queries and statements with their names looked up and their types known: what the compiler reads.
//!
//! Every source of rows has a number of its own in the whole statement, so that an expression can be
//! moved into another query without meaning something else there.

use super::builtin::{Aggregate, Builtin};
use super::types::Ty;
use crate::policy::Access as Grants;
use crate::policy::sqlite::Param;
use crate::schema::Command;

/// A typed expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) ty: Ty,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    /// A number with a fraction or an exponent, as written.
    Decimal(String),
    /// Text, and what is held as text, in the form in which it is stored.
    Text(String),
    Blob(Vec<u8>),
    Column {
        source: u32,
        name: String,
    },
    /// A whole row: the values of its columns by name.
    Row(Vec<(String, Expr)>),
    /// A value that the caller gives.
    Argument(String),
    /// Who asks.
    Who(Param),
    /// `auth.jwt() ->> 'claim'` by the old name of the setting.
    Claim(String),
    /// `auth.can(resource, access)`
    Can(Box<Expr>, Grants),
    /// What is asked.
    Request(Request),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Is(Box<Expr>, Is),
    In {
        of: Box<Expr>,
        list: Vec<Expr>,
    },
    InQuery {
        of: Box<Expr>,
        query: Box<Query>,
    },
    /// Whether a list holds a value: `= any (list)`.
    InArray {
        of: Box<Expr>,
        array: Box<Expr>,
    },
    Exists(Box<Query>),
    /// The one value of a query, or null.
    Scalar(Box<Query>),
    /// All values of a query, as a list.
    ArrayOf(Box<Query>),
    /// A list.
    Array(Vec<Expr>),
    /// JSON of names and values by turns.
    Object(Vec<(Expr, Expr)>),
    /// JSON of values.
    Elements(Vec<Expr>),
    /// Any value as JSON.
    ToJson(Box<Expr>),
    Case {
        of: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Call(&'static Builtin, Vec<Expr>),
    Aggregate(Box<Aggregated>),
    Window(Box<Windowed>),
    Cast(Box<Expr>),
}

/// What is known about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// `request.method`, such as `GET`.
    Method,
    /// `request.path`.
    Path,
    /// `request.headers`: JSON, names in lower case.
    Headers,
    /// `request.cookies`: JSON.
    Cookies,
}

/// An aggregate of the rows of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregated {
    pub(crate) function: &'static Aggregate,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) distinct: bool,
    pub(crate) order: Vec<Order>,
    pub(crate) filter: Option<Expr>,
}

/// A function of the rows around a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Windowed {
    pub(crate) call: Expr,
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<Order>,
    /// The frame as SQL has it on both engines; made of keywords and whole numbers alone.
    pub(crate) frame: Option<String>,
}

/// Operators of two operands that need no more than to be written between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
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
    Concat,
    Distinct,
    NotDistinct,
}

/// What `is` asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    True,
    False,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) with: Vec<Cte>,
    pub(crate) body: Body,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
    pub(crate) columns: Vec<Output>,
}

/// A column that a query gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    /// The column of a table that it shows unchanged.
    pub(crate) origin: Option<(String, String)>,
    pub(crate) nullable: bool,
}

/// `with name as (query)`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cte {
    pub(crate) number: u32,
    pub(crate) recursive: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) query: Query,
}

/// What a query is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Nested(Box<Query>),
    Set { op: SetOp, left: Box<Body>, right: Box<Body> },
}

/// How two queries are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOp {
    Union,
    UnionAll,
    Intersect,
    Except,
}

/// `select ... from ... where ...`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<(String, Expr)>,
    pub(crate) from: Option<From>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Expr>,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum From {
    /// A table, as far as the caller may.
    Table {
        source: u32,
        table: String,
        access: Access,
    },
    /// The row of the one who asks among the people who sign in.
    Person {
        source: u32,
    },
    /// The rows that a statement has set aside under this name, as rows of the table.
    Staged {
        source: u32,
        stage: u32,
        table: String,
    },
    Query {
        source: u32,
        query: Box<Query>,
    },
    Cte {
        source: u32,
        number: u32,
    },
    /// The values of a list or of JSON.
    Each {
        source: u32,
        of: Expr,
        what: Each,
    },
    /// From one value to another by steps.
    Series {
        source: u32,
        from: Expr,
        to: Expr,
        step: Expr,
    },
    Join {
        kind: Join,
        left: Box<From>,
        right: Box<From>,
        on: Option<Expr>,
    },
}

/// What a table's rows are wanted for: which policies decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To be read.
    Read,
    /// To be changed or removed by this command, and whether their columns are looked at as well. The rows
    /// come with their numbers.
    Reach { command: Command, reads: bool },
    /// All of them, with their numbers; a check follows.
    Bare,
}

/// The column that holds a row's number where rows come with it.
pub(crate) const ROW_NUMBER: &str = "_loki_row";

/// What a list is taken apart into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    /// The values of a list.
    Element,
    /// Elements of a JSON list, as JSON.
    Json,
    /// Elements of a JSON list, as text.
    JsonText,
    /// Members of a JSON object: key, and value as JSON.
    Member,
    /// Members of a JSON object: key, and value as text.
    MemberText,
}

/// How sources are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

/// What to sort by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) by: By,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// An expression to sort by, or the number of a column, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum By {
    Column(usize),
    Expr(Expr),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    Query(Box<Query>),
    Write(Box<Write>),
}

/// A statement that changes rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) table: String,
    pub(crate) act: Act,
    /// What it gives back, of the rows set aside under [`Write::returned`].
    pub(crate) returning: Option<Query>,
    /// The numbers under which its rows are set aside: new ones, changed ones, those given back.
    pub(crate) stages: Stages,
    /// Whether it looks at rows that are there, so that the policies for reading bind it.
    pub(crate) reads: bool,
}

/// The numbers under which a statement sets rows aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stages {
    pub(crate) new: u32,
    pub(crate) changed: u32,
    pub(crate) returned: u32,
}

/// What a statement does to its table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Adds rows: a query that gives a value for every column of the table, in order.
    Insert { rows: Query, conflict: Option<Box<Conflict>> },
    /// Changes rows. The query gives the row's number first and then every column as it will be.
    Update { rows: Query, source: u32, changed: Vec<String> },
    /// Removes rows. The query gives the rows' numbers.
    Delete { rows: Query, source: u32 },
}

/// `on conflict`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conflict {
    /// The columns that are unique together; none for any conflict.
    pub(crate) columns: Vec<String>,
    pub(crate) update: Option<Upsert>,
}

/// `do update set`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Upsert {
    /// The row that is there.
    pub(crate) source: u32,
    /// Gives the row's number first and then every column as it will be.
    pub(crate) rows: Query,
    pub(crate) changed: Vec<String>,
}

/// What a routine reads and writes by name: for grants of columns and for what depends on what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Uses {
    /// Tables and their columns by the command that touches them.
    pub(crate) columns: std::collections::BTreeSet<(Command, String, String)>,
    pub(crate) tables: std::collections::BTreeSet<(Command, String)>,
    pub(crate) views: std::collections::BTreeSet<String>,
    pub(crate) functions: std::collections::BTreeSet<String>,
}

impl Query {
    /// One `select` by itself.
    pub(crate) fn of(select: Select, columns: Vec<Output>) -> Query {
        let body = Body::Select(Box::new(select));
        Query { with: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns }
    }
}

impl Select {
    /// These values of rows from there.
    pub(crate) fn plain(items: Vec<(String, Expr)>, from: Option<From>, filter: Option<Expr>) -> Select {
        Select { distinct: false, items, from, filter, group: Vec::new(), having: None }
    }
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, ty: Ty) -> Expr {
        Expr { kind, ty }
    }

    pub(crate) fn null() -> Expr {
        Expr::new(ExprKind::Null, Ty::Unknown)
    }

    /// The expressions directly in it; those of its subqueries are not.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Text(_)
            | ExprKind::Blob(_)
            | ExprKind::Column { .. }
            | ExprKind::Argument(_)
            | ExprKind::Who(_)
            | ExprKind::Claim(_)
            | ExprKind::Request(_)
            | ExprKind::Exists(_)
            | ExprKind::Scalar(_)
            | ExprKind::ArrayOf(_) => Vec::new(),
            ExprKind::Row(columns) => columns.iter().map(|(_, value)| value).collect(),
            ExprKind::Not(of)
            | ExprKind::Negate(of)
            | ExprKind::Is(of, _)
            | ExprKind::ToJson(of)
            | ExprKind::Can(of, _)
            | ExprKind::Cast(of)
            | ExprKind::InQuery { of, .. } => vec![of],
            ExprKind::Binary(_, left, right) => vec![left, right],
            ExprKind::In { of, list } => std::iter::once(&**of).chain(list).collect(),
            ExprKind::InArray { of, array } => vec![of, array],
            ExprKind::Array(list) | ExprKind::Elements(list) | ExprKind::Call(_, list) => {
                list.iter().collect()
            }
            ExprKind::Object(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
            ExprKind::Case { of, whens, otherwise } => {
                let whens = whens.iter().flat_map(|(when, then)| [when, then]);
                of.iter().map(|of| &**of).chain(whens).chain(otherwise.iter().map(|other| &**other)).collect()
            }
            ExprKind::Aggregate(one) => {
                let order = one.order.iter().filter_map(Order::expr);
                one.arguments.iter().chain(order).chain(&one.filter).collect()
            }
            ExprKind::Window(one) => {
                let order = one.order.iter().filter_map(Order::expr);
                std::iter::once(&one.call).chain(&one.partition).chain(order).collect()
            }
        }
    }

    /// Whether it or a part of it, subqueries apart, is such an expression.
    pub(crate) fn any(&self, is: &dyn Fn(&Expr) -> bool) -> bool {
        is(self) || self.children().into_iter().any(|child| child.any(is))
    }

    /// How many expressions it is made of, subqueries apart.
    pub(crate) fn size(&self) -> usize {
        1 + self.children().into_iter().map(Expr::size).sum::<usize>()
    }

    /// Whether it is, or holds, an aggregate outside of a window.
    pub(crate) fn aggregates(&self) -> bool {
        match &self.kind {
            ExprKind::Aggregate(_) => true,
            ExprKind::Window(one) => {
                let inner = one.call.children().into_iter().chain(&one.partition);
                inner.chain(one.order.iter().filter_map(Order::expr)).any(Expr::aggregates)
            }
            _ => self.children().into_iter().any(Expr::aggregates),
        }
    }
}

impl Order {
    pub(crate) fn expr(&self) -> Option<&Expr> {
        match &self.by {
            By::Expr(expr) => Some(expr),
            By::Column(_) => None,
        }
    }
}
