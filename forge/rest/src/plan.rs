//! What a request comes to, with every name looked up: what the engines' compilers read.
//!
//! It knows no engine. Every column exists, every relationship is chosen, every number is bounded. Values
//! are still text as they were written; each engine gives them the column's type.

use std::sync::Arc;

pub use crate::ast::{Aggregate, Direction, IsValue, Join, JsonStep, Nulls, Operand, Operator, SearchKind};
use crate::model::{ColumnType, Function};
use crate::payload::Payload;

/// A request, resolved: what to do and on which terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What to do.
    pub plan: Plan,
    /// On which terms it is kept.
    pub terms: Terms,
    /// Whether only the engine's plan for it is asked for.
    pub explain: Option<Explain>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Read rows.
    Read(Read),
    /// Add rows, or change those that are there already.
    Insert(Insert),
    /// Change rows.
    Update(Update),
    /// Remove rows.
    Delete(Delete),
    /// Call a function.
    Call(Call),
}

/// The terms of a request. What does not meet them is undone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Exactly one row must come back, else PGRST116.
    pub single: bool,
    /// At most so many rows may be affected, else PGRST124 (PGRST128 for functions that give no set).
    pub affected_max: Option<u64>,
    /// Everything is undone at the end (`Prefer: tx=rollback`).
    pub rollback: bool,
    /// The time zone in which times are shown; UTC where there is none.
    pub timezone: Option<String>,
}

/// Reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The relation with everything embedded in it.
    pub root: Node,
    /// Whether all rows are counted, those beyond the limit included.
    pub count: Option<Count>,
    /// Whether rows come back, or only their number (HEAD).
    pub head: bool,
}

/// How rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One by one.
    Exact,
    /// As the engine's planner believes.
    Planned,
    /// Exact up to the most rows that an answer has, planned beyond.
    Estimated,
}

/// Adding.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table or view.
    pub relation: RelationRef,
    /// The columns that are written; the others take their defaults.
    pub columns: Vec<TargetColumn>,
    /// The rows. Their keys beyond `columns` are ignored.
    pub payload: Payload,
    /// Whether a column that a row does not have takes its default (else null).
    pub missing_default: bool,
    /// What happens to rows that are there already.
    pub conflict: Option<Conflict>,
    /// What comes back.
    pub returning: Returning,
    /// PUT: the one row's key must be what the filter says.
    pub put: Option<Cond>,
}

/// Changing.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The table or view.
    pub relation: RelationRef,
    /// The columns that are written.
    pub columns: Vec<TargetColumn>,
    /// One row.
    pub payload: Payload,
    /// Which rows.
    pub filter: Option<Cond>,
    /// What comes back.
    pub returning: Returning,
}

/// Removing.
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// The table or view.
    pub relation: RelationRef,
    /// Which rows.
    pub filter: Option<Cond>,
    /// What comes back.
    pub returning: Returning,
}

/// Calling.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Arc<Function>,
    /// What it is given.
    pub arguments: Arguments,
    /// Whether it may not write (GET and HEAD).
    pub read_only: bool,
    /// What of the result comes back; its source is [`Source::Call`]. For values that are no rows it has no
    /// outputs.
    pub root: Node,
    /// Whether all rows of the result are counted.
    pub count: Option<Count>,
    /// Whether only the number of rows comes back.
    pub head: bool,
}

/// What a function is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments {
    /// By name, as JSON values of the body (an object): every name is one of the function's.
    Json(serde_json::Map<String, serde_json::Value>),
    /// By name, as text of the query string. A list of a variadic argument has several.
    Text(Vec<(String, Vec<String>)>),
    /// The whole body as the only, nameless argument.
    Body(bytes::Bytes),
}

/// A relation by schema and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationRef {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
}

/// A column that is written.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ColumnType,
}

/// What happens to rows that are there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The columns by which they are found: the key, or those of `on_conflict`.
    pub columns: Vec<String>,
    /// What happens.
    pub resolution: Resolution,
}

/// What happens to a row that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It takes the new values.
    Merge,
    /// It stays.
    Ignore,
}

/// What comes back after writing.
#[derive(Debug, Clone, PartialEq)]
pub enum Returning {
    /// Nothing.
    Nothing,
    /// Where the only row is (`Location`): the values of these columns, the primary key.
    Key(Vec<String>),
    /// The rows; the node's source is [`Source::Written`].
    Rows(Box<Node>),
}

/// A relation in a statement, with what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its number, unique in the plan, from 0.
    pub id: u32,
    /// Where its rows come from.
    pub source: Source,
    /// The values of each row, in the order in which they are shown. Those of `embeds` follow them.
    pub outputs: Vec<Output>,
    /// The relations embedded in it.
    pub embeds: Vec<Embed>,
    /// Which rows.
    pub filter: Option<Cond>,
    /// In which order.
    pub order: Vec<Order>,
    /// The most rows.
    pub limit: Option<u64>,
    /// How many are passed over.
    pub offset: u64,
}

/// Where a node's rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A table or view.
    Relation(RelationRef),
    /// The rows that were just written to this relation.
    Written(RelationRef),
    /// The result of the function that is called.
    Call,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A column or what is within one.
    Value {
        /// The name it is shown under.
        name: String,
        /// The value.
        value: Value,
    },
    /// A value over many rows. Where there is one, the other outputs are what rows are grouped by, those that
    /// are spread from embedded relations included.
    Aggregate {
        /// The name it is shown under.
        name: String,
        /// How.
        function: Aggregate,
        /// Of what; of whole rows (`count()`) where there is nothing.
        of: Option<Value>,
        /// The type the result is turned into.
        cast: Option<ColumnType>,
    },
}

/// A column, or a value computed from the row, or what is within one.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Where it comes from.
    pub of: Origin,
    /// The type of that.
    pub ty: ColumnType,
    /// The way into it.
    pub path: Vec<JsonStep>,
    /// The type it is turned into.
    pub cast: Option<ColumnType>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A column of the node's relation.
    Column(String),
    /// A function of the node's row.
    Computed(Arc<Function>),
}

/// A relation embedded in another.
#[derive(Debug, Clone, PartialEq)]
pub struct Embed {
    /// The name it is shown under.
    pub name: String,
    /// The relation.
    pub node: Node,
    /// How its rows belong to those around it.
    pub link: Link,
    /// Whether a row has many of it: a list, else an object or null.
    pub many: bool,
    /// Whether rows without it are left out.
    pub join: Join,
    /// How it is shown.
    pub show: Show,
}

/// How an embedded relation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Under its name.
    Nested,
    /// Its values among those of the row around it; each is a list where there are many.
    Spread,
    /// Not at all: `relation()` is there to be filtered by.
    Hidden,
}

/// How rows of two relations belong together.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// By columns: of the relation around, of the embedded one.
    Columns(Vec<(String, String)>),
    /// Through a table between them.
    Junction {
        /// That table.
        relation: RelationRef,
        /// Columns of the relation around, and of the table.
        outer: Vec<(String, String)>,
        /// Columns of the table, and of the embedded relation.
        inner: Vec<(String, String)>,
    },
    /// By a function of the row around.
    Computed(Arc<Function>),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most conditions are tests, and a plan has few of them")]
pub enum Cond {
    /// A test of a value.
    Test {
        /// The value.
        value: Value,
        /// The test.
        test: Test,
    },
    /// Whether the row has any of an embedded relation (an index into the node's `embeds`).
    Embedded(usize),
    /// All of these.
    All(Vec<Cond>),
    /// One of these.
    Any(Vec<Cond>),
    /// Not this.
    Not(Box<Cond>),
}

/// A test of one value; as in [`crate::ast::Test`].
pub use crate::ast::Test;

/// What rows are sorted by.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The value.
    pub by: OrderBy,
    /// The direction.
    pub direction: Direction,
    /// Where nulls go; last when ascending and first when descending, where it is not said.
    pub nulls: Option<Nulls>,
}

/// A value that rows are sorted by.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderBy {
    /// One of the row.
    Own(Value),
    /// One of a relation embedded in it, of which there is at most one (an index into the node's `embeds`).
    Embedded(usize, Value),
}

/// The engine's plan instead of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// As JSON, else as text.
    pub json: bool,
    /// `analyze`, `verbose`, `settings`, `buffers`, `wal`.
    pub options: Vec<String>,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// The rows as a JSON array; for functions as [`Shape`] says; the plan where it was asked for. Empty where
    /// nothing was asked for.
    pub body: String,
    /// How many rows are in it, or were written.
    pub rows: u64,
    /// How many rows there are in all, if they were counted.
    pub total: Option<u64>,
    /// How many of the written rows are new, for upserts; else as `rows`.
    pub added: u64,
    /// The values of the key of the only row written, as text, for `Location`.
    pub key: Vec<(String, String)>,
    /// A status set by a function (`response.status`).
    pub status: Option<u16>,
    /// Headers set by a function (`response.headers`).
    pub headers: Vec<(String, String)>,
}

/// The form of a function's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Nothing,
    /// One JSON value.
    Value,
    /// A list of JSON values.
    Values,
    /// One object.
    Row,
    /// A list of objects.
    Rows,
}
