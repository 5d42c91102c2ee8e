//! The query string as it was written: names are not looked up, values have no type.
//!
//! [`crate::parse`] makes it and [`crate::resolve`] reads it. It knows neither schema nor engine.

/// Everything that the query string says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// `select=`; empty where it is missing, which means all columns.
    pub select: Vec<SelectItem>,
    /// Every condition, all of which must hold.
    pub filters: Vec<Scoped<Cond>>,
    /// `order=`
    pub orders: Vec<Scoped<Vec<OrderTerm>>>,
    /// `limit=`
    pub limits: Vec<Scoped<u64>>,
    /// `offset=`
    pub offsets: Vec<Scoped<u64>>,
    /// `columns=`
    pub columns: Option<Vec<String>>,
    /// `on_conflict=`
    pub on_conflict: Option<Vec<String>>,
    /// What is neither of these: arguments of a function that is called by GET, in order.
    pub arguments: Vec<(String, String)>,
}

/// Something said about the relation itself (empty path) or about one that is embedded in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scoped<T> {
    /// The embedded relations on the way, by alias or name.
    pub path: Vec<String>,
    /// What is said.
    pub what: T,
}

/// One item of `select=`.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*`
    Star,
    /// `alias:field::cast`
    Field {
        /// The name in the answer.
        alias: Option<String>,
        /// The field.
        field: Field,
        /// The type it is turned into.
        cast: Option<String>,
    },
    /// `alias:field::cast.sum()::cast`, `count()`
    Aggregate {
        /// The name in the answer.
        alias: Option<String>,
        /// What is aggregated; nothing in `count()`.
        of: Option<(Field, Option<String>)>,
        /// How.
        function: Aggregate,
        /// The type the result is turned into.
        cast: Option<String>,
    },
    /// `alias:relation!hint!inner(select)`
    Embed {
        /// The name in the answer.
        alias: Option<String>,
        /// Which relation.
        target: EmbedTarget,
        /// What of it.
        select: Vec<SelectItem>,
    },
    /// `...relation(select)`
    Spread {
        /// Which relation.
        target: EmbedTarget,
        /// What of it.
        select: Vec<SelectItem>,
    },
}

/// A relation that is embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedTarget {
    /// The relation, the foreign key's column, or the function.
    pub name: String,
    /// Which relationship, where there are several.
    pub hint: Option<String>,
    /// Whether rows without it are left out; `None` where nothing is said.
    pub join: Option<Join>,
}

/// How an embedded relation is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Rows without it are left out.
    Inner,
    /// Rows without it are there.
    Left,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the functions")]
pub enum Aggregate {
    Sum,
    Avg,
    Min,
    Max,
    Count,
}

/// A column, or what is within one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// The column.
    pub name: String,
    /// The way into it; empty for the column itself.
    pub path: Vec<JsonStep>,
}

/// One step into a JSON value, a list or a composite.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonStep {
    /// What comes out.
    pub arrow: Arrow,
    /// Which part.
    pub key: JsonKey,
}

/// What a step yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrow {
    /// `->`
    Json,
    /// `->>`
    Text,
}

/// A part of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonKey {
    /// A member.
    Name(String),
    /// An element; from the end where it is negative.
    Index(i64),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Cond {
    /// `field=not.op.value`
    Test {
        /// What is tested.
        field: Field,
        /// Whether there was a `not`.
        negated: bool,
        /// The test.
        test: Test,
    },
    /// `and(...)`
    All {
        /// Whether there was a `not`.
        negated: bool,
        /// The conditions.
        of: Vec<Cond>,
    },
    /// `or(...)`
    Any {
        /// Whether there was a `not`.
        negated: bool,
        /// The conditions.
        of: Vec<Cond>,
    },
}

/// A test of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `eq.5`, `like(any).{a,b}`
    Compare {
        /// The operator.
        op: Operator,
        /// What it is compared with. In patterns of `like`, `*` is `%` already.
        with: Operand,
    },
    /// `is.null`
    Is(IsValue),
    /// `isdistinct.5`
    Distinct(String),
    /// `in.(a,b)`
    In(Vec<String>),
    /// `fts(english).cat`
    Search {
        /// How the query is read.
        kind: SearchKind,
        /// The text search configuration.
        config: Option<String>,
        /// The query.
        query: String,
    },
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// One value.
    One(String),
    /// `(any).{a,b}`: one of these does; `None` is null.
    Any(Vec<Option<String>>),
    /// `(all).{a,b}`: all of these do.
    All(Vec<Option<String>>),
}

/// An operator of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`: `=`
    Equal,
    /// `neq`: `<>`
    NotEqual,
    /// `gt`: `>`
    Greater,
    /// `gte`: `>=`
    GreaterOrEqual,
    /// `lt`: `<`
    Less,
    /// `lte`: `<=`
    LessOrEqual,
    /// `like`
    Like,
    /// `ilike`
    ILike,
    /// `match`: `~`
    Match,
    /// `imatch`: `~*`
    IMatch,
    /// `cs`: `@>`
    Contains,
    /// `cd`: `<@`
    ContainedIn,
    /// `ov`: `&&`
    Overlaps,
    /// `sl`: `<<`
    StrictlyLeft,
    /// `sr`: `>>`
    StrictlyRight,
    /// `nxr`: `&<`
    NotRight,
    /// `nxl`: `&>`
    NotLeft,
    /// `adj`: `-|-`
    Adjacent,
}

/// What `is` compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the values")]
pub enum IsValue {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

/// How a search query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKind {
    /// `fts`: `to_tsquery`
    Query,
    /// `plfts`: `plainto_tsquery`
    Plain,
    /// `phfts`: `phraseto_tsquery`
    Phrase,
    /// `wfts`: `websearch_to_tsquery`
    Web,
}

/// One term of `order=`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderTerm {
    /// The embedded relation whose field it is, in `relation(field)`.
    pub relation: Option<String>,
    /// What is sorted by.
    pub field: Field,
    /// The direction, where one is given.
    pub direction: Option<Direction>,
    /// Where nulls go, where it is said.
    pub nulls: Option<Nulls>,
}

/// A direction of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From low to high.
    Ascending,
    /// From high to low.
    Descending,
}

/// Where nulls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before everything.
    First,
    /// After everything.
    Last,
}
