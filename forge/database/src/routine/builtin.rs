//! The functions of Postgres that run on SQLite: what they take, what they give, and how SQLite
//! computes them.
//!
//! `{0}` stands for the first argument and `{*}` for all of them. What SQLite lacks begins with `pg_` and
//! is registered by [`super::functions`].

use super::types::{self, Ty};
use crate::ddl::sqlite::NOW;
use crate::schema::Type;

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Text,
    Int,
    Double,
    /// Any number.
    Number,
    Bool,
    Timestamp,
    Date,
    Interval,
    Json,
    Bytes,
    /// Any list.
    List,
    /// Anything, as it is.
    Any,
    /// Anything, as text.
    Shown,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    Text,
    Int,
    Bigint,
    Double,
    Numeric,
    Bool,
    Uuid,
    Timestamp,
    Date,
    Time,
    Interval,
    Json,
    Bytes,
    Texts,
    /// The same as its first argument.
    First,
    /// A list of its first argument.
    ListOfFirst,
    /// What its first argument is a list of.
    ElementOfFirst,
    /// What `sum` makes of its first argument.
    Sum,
    /// What `avg` makes of its first argument.
    Average,
}

/// A function of single values.
#[derive(Debug, PartialEq)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Takes],
    /// Whether the last argument may come any number of times.
    pub(crate) repeats: bool,
    pub(crate) gives: Gives,
    pub(crate) sql: &'static str,
    /// Whether it gives the same for the same arguments within a statement.
    pub(crate) stable: bool,
}

/// A function of many rows.
#[derive(Debug, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Takes],
    pub(crate) gives: Gives,
    /// SQLite's name, before the parentheses.
    pub(crate) sql: &'static str,
    /// How the arguments are given to it.
    pub(crate) shape: Shape,
}

/// How SQLite's aggregate is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As it is.
    Plain,
    /// Gives JSON of its argument; null where there was no row.
    JsonList,
    /// Gives a list of its argument; null where there was no row.
    List,
    /// Gives an object of names and values; null where there was no row.
    JsonObject,
    /// Only over a window.
    WindowOnly,
}

impl Gives {
    /// The type, where the arguments are these.
    pub(crate) fn ty(self, first: Option<&Ty>) -> Ty {
        let first = first.cloned().unwrap_or(Ty::Unknown);
        match self {
            Gives::Text => types::TEXT,
            Gives::Int => types::INT,
            Gives::Bigint => types::BIGINT,
            Gives::Double => types::DOUBLE,
            Gives::Numeric => Ty::Numeric,
            Gives::Bool => types::BOOL,
            Gives::Uuid => types::UUID,
            Gives::Timestamp => types::TIMESTAMP,
            Gives::Date => types::DATE,
            Gives::Time => types::TIME,
            Gives::Interval => Ty::Interval,
            Gives::Json => types::JSON,
            Gives::Bytes => types::BYTES,
            Gives::Texts => Ty::Known(Type::Array(Box::new(Type::Text))),
            Gives::First => first,
            Gives::ListOfFirst => Ty::Known(Type::Array(Box::new(first.column_type()))),
            Gives::ElementOfFirst => first.element().unwrap_or(types::TEXT),
            Gives::Sum => match &first {
                Ty::Known(Type::Smallint | Type::Integer | Type::Bigint) => types::BIGINT,
                Ty::Known(Type::Numeric(_, scale)) => Ty::Known(Type::Numeric(15.max(*scale), *scale)),
                _ => first,
            },
            Gives::Average if first == types::DOUBLE => types::DOUBLE,
            Gives::Average => Ty::Numeric,
        }
    }
}

use Takes::{Any, Bool, Bytes, Date, Double, Int, Interval, Json, List, Number, Shown, Text, Timestamp};

const fn plain(name: &'static str, takes: &'static [Takes], gives: Gives, sql: &'static str) -> Builtin {
    Builtin { name, takes, repeats: false, gives, sql, stable: true }
}

const fn many(name: &'static str, takes: &'static [Takes], gives: Gives, sql: &'static str) -> Builtin {
    Builtin { name, takes, repeats: true, gives, sql, stable: true }
}

const fn random(name: &'static str, gives: Gives, sql: &'static str) -> Builtin {
    Builtin { name, takes: &[], repeats: false, gives, sql, stable: false }
}

const fn aggregate(
    name: &'static str,
    takes: &'static [Takes],
    gives: Gives,
    sql: &'static str,
    shape: Shape,
) -> Aggregate {
    Aggregate { name, takes, gives, sql, shape }
}

const UUID_SQL: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// Every function of single values; those of one name differ in what they take. Where two fit equally well,
/// as with an untyped literal, the first is meant. Names with `%` are operators, which nobody can call by name.
pub(crate) static BUILTINS: &[Builtin] = &[
    // text
    plain("lower", &[Text], Gives::Text, "pg_lower({0})"),
    plain("upper", &[Text], Gives::Text, "pg_upper({0})"),
    plain("initcap", &[Text], Gives::Text, "pg_initcap({0})"),
    plain("length", &[Text], Gives::Int, "length({0})"),
    plain("length", &[Bytes], Gives::Int, "length({0})"),
    plain("char_length", &[Text], Gives::Int, "length({0})"),
    plain("character_length", &[Text], Gives::Int, "length({0})"),
    plain("octet_length", &[Text], Gives::Int, "octet_length({0})"),
    plain("trim", &[Text], Gives::Text, "trim({0})"),
    plain("btrim", &[Text], Gives::Text, "trim({0})"),
    plain("btrim", &[Text, Text], Gives::Text, "trim({0}, {1})"),
    plain("ltrim", &[Text], Gives::Text, "ltrim({0})"),
    plain("ltrim", &[Text, Text], Gives::Text, "ltrim({0}, {1})"),
    plain("rtrim", &[Text], Gives::Text, "rtrim({0})"),
    plain("rtrim", &[Text, Text], Gives::Text, "rtrim({0}, {1})"),
    plain("substr", &[Text, Int], Gives::Text, "pg_substr({0}, {1})"),
    plain("substr", &[Text, Int, Int], Gives::Text, "pg_substr({0}, {1}, {2})"),
    plain("substring", &[Text, Int], Gives::Text, "pg_substr({0}, {1})"),
    plain("substring", &[Text, Int, Int], Gives::Text, "pg_substr({0}, {1}, {2})"),
    plain("replace", &[Text, Text, Text], Gives::Text, "replace({0}, {1}, {2})"),
    plain("left", &[Text, Int], Gives::Text, "pg_left({0}, {1})"),
    plain("right", &[Text, Int], Gives::Text, "pg_right({0}, {1})"),
    plain("split_part", &[Text, Text, Int], Gives::Text, "pg_split_part({0}, {1}, {2})"),
    plain("strpos", &[Text, Text], Gives::Int, "instr({0}, {1})"),
    plain("starts_with", &[Text, Text], Gives::Bool, "(instr({0}, {1}) = 1)"),
    plain("reverse", &[Text], Gives::Text, "pg_reverse({0})"),
    plain("repeat", &[Text, Int], Gives::Text, "pg_repeat({0}, {1})"),
    plain("lpad", &[Text, Int], Gives::Text, "pg_pad({0}, {1}, ' ', 1)"),
    plain("lpad", &[Text, Int, Text], Gives::Text, "pg_pad({0}, {1}, {2}, 1)"),
    plain("rpad", &[Text, Int], Gives::Text, "pg_pad({0}, {1}, ' ', 0)"),
    plain("rpad", &[Text, Int, Text], Gives::Text, "pg_pad({0}, {1}, {2}, 0)"),
    many("concat", &[Shown], Gives::Text, "concat({*})"),
    many("concat_ws", &[Text, Shown], Gives::Text, "concat_ws({*})"),
    plain("regexp_replace", &[Text, Text, Text], Gives::Text, "pg_regexp_replace({0}, {1}, {2}, '')"),
    plain("regexp_replace", &[Text, Text, Text, Text], Gives::Text, "pg_regexp_replace({0}, {1}, {2}, {3})"),
    plain("string_to_array", &[Text, Text], Gives::Texts, "pg_string_to_array({0}, {1})"),
    plain("array_to_string", &[List, Text], Gives::Text, "pg_array_to_string({0}, {1})"),
    plain("encode", &[Bytes, Text], Gives::Text, "pg_encode({0}, {1})"),
    plain("decode", &[Text, Text], Gives::Bytes, "pg_decode({0}, {1})"),
    // numbers
    plain("abs", &[Number], Gives::First, "abs({0})"),
    plain("sign", &[Number], Gives::First, "sign({0})"),
    plain("round", &[Number], Gives::First, "round({0})"),
    plain("round", &[Number, Int], Gives::Numeric, "pg_round({0}, {1})"),
    plain("trunc", &[Number], Gives::First, "pg_trunc({0})"),
    plain("ceil", &[Number], Gives::First, "pg_ceil({0})"),
    plain("ceiling", &[Number], Gives::First, "pg_ceil({0})"),
    plain("floor", &[Number], Gives::First, "pg_floor({0})"),
    plain("mod", &[Int, Int], Gives::First, "pg_mod({0}, {1})"),
    plain("mod", &[Number, Number], Gives::Numeric, "pg_mod({0}, {1})"),
    plain("power", &[Number, Number], Gives::Double, "pg_power({0}, {1})"),
    plain("pow", &[Number, Number], Gives::Double, "pg_power({0}, {1})"),
    plain("sqrt", &[Number], Gives::Double, "pg_sqrt({0})"),
    plain("%div", &[Int, Int], Gives::First, "pg_div({0}, {1})"),
    plain("%div", &[Double, Double], Gives::Double, "pg_div({0}, {1})"),
    plain("%div", &[Number, Number], Gives::Numeric, "pg_div(cast({0} as real), {1})"),
    random("random", Gives::Double, "((random() & 9007199254740991) / 9007199254740992.0)"),
    random("gen_random_uuid", Gives::Uuid, UUID_SQL),
    random("uuid_generate_v4", Gives::Uuid, UUID_SQL),
    // time
    plain("%now", &[], Gives::Timestamp, NOW),
    plain("%today", &[], Gives::Date, "date('now')"),
    plain("%time", &[], Gives::Time, "time('now')"),
    plain("date_trunc", &[Text, Timestamp], Gives::Timestamp, "pg_date_trunc({0}, {1})"),
    plain("date_part", &[Text, Timestamp], Gives::Double, "pg_date_part({0}, {1})"),
    plain("date_part", &[Text, Interval], Gives::Double, "pg_interval_part({0}, {1})"),
    plain("%extract", &[Text, Timestamp], Gives::Numeric, "pg_date_part({0}, {1})"),
    plain("%extract", &[Text, Interval], Gives::Numeric, "pg_interval_part({0}, {1})"),
    plain("age", &[Timestamp, Timestamp], Gives::Interval, "pg_age({0}, {1})"),
    plain("to_timestamp", &[Double], Gives::Timestamp, "pg_to_timestamp({0})"),
    plain("to_char", &[Timestamp, Text], Gives::Text, "pg_to_char({0}, {1})"),
    plain("make_date", &[Int, Int, Int], Gives::Date, "pg_make_date({0}, {1}, {2})"),
    plain("%add", &[Date, Int], Gives::Date, "pg_date_add({0}, {1})"),
    plain("%add", &[Timestamp, Interval], Gives::Timestamp, "pg_ts_add({0}, {1}, 1)"),
    plain("%add", &[Interval, Interval], Gives::Interval, "pg_interval_add({0}, {1}, 1)"),
    plain("%sub", &[Date, Date], Gives::Int, "pg_date_sub({0}, {1})"),
    plain("%sub", &[Date, Int], Gives::Date, "pg_date_add({0}, -({1}))"),
    plain("%sub", &[Timestamp, Timestamp], Gives::Interval, "pg_ts_sub({0}, {1})"),
    plain("%sub", &[Timestamp, Interval], Gives::Timestamp, "pg_ts_add({0}, {1}, -1)"),
    plain("%sub", &[Interval, Interval], Gives::Interval, "pg_interval_add({0}, {1}, -1)"),
    plain("%mul", &[Interval, Number], Gives::Interval, "pg_interval_mul({0}, {1})"),
    plain("%micros", &[Interval], Gives::Bigint, "pg_interval_micros({0})"),
    // json
    plain("json_array_length", &[Json], Gives::Int, "pg_json_length({0})"),
    plain("jsonb_array_length", &[Json], Gives::Int, "pg_json_length({0})"),
    plain("json_typeof", &[Json], Gives::Text, "pg_json_typeof({0})"),
    plain("jsonb_typeof", &[Json], Gives::Text, "pg_json_typeof({0})"),
    plain("jsonb_strip_nulls", &[Json], Gives::Json, "pg_json_strip_nulls({0})"),
    plain("json_strip_nulls", &[Json], Gives::Json, "pg_json_strip_nulls({0})"),
    plain("%get", &[Json, Text], Gives::Json, "pg_json_get({0}, {1})"),
    plain("%get", &[Json, Int], Gives::Json, "pg_json_get({0}, {1})"),
    plain("%gettext", &[Json, Text], Gives::Text, "pg_json_text(pg_json_get({0}, {1}))"),
    plain("%gettext", &[Json, Int], Gives::Text, "pg_json_text(pg_json_get({0}, {1}))"),
    plain("%path", &[Json, List], Gives::Json, "pg_json_path({0}, {1})"),
    plain("%pathtext", &[Json, List], Gives::Text, "pg_json_text(pg_json_path({0}, {1}))"),
    plain("%merge", &[Json, Json], Gives::Json, "pg_json_merge({0}, {1})"),
    plain("%remove", &[Json, Text], Gives::Json, "pg_json_remove({0}, {1})"),
    plain("%remove", &[Json, Int], Gives::Json, "pg_json_remove({0}, {1})"),
    plain("%contains", &[Json, Json], Gives::Bool, "pg_json_contains({0}, {1})"),
    plain("%contained", &[Json, Json], Gives::Bool, "pg_json_contains({1}, {0})"),
    plain("%has", &[Json, Text], Gives::Bool, "pg_json_has({0}, {1})"),
    plain("jsonb_set", &[Json, List, Json], Gives::Json, "pg_json_set({0}, {1}, {2}, 1)"),
    plain("jsonb_set", &[Json, List, Json, Bool], Gives::Json, "pg_json_set({0}, {1}, {2}, {3})"),
    // lists
    plain("array_length", &[List, Int], Gives::Int, "pg_array_length({0}, {1})"),
    plain("cardinality", &[List], Gives::Int, "json_array_length({0})"),
    plain("array_append", &[List, Any], Gives::First, "pg_array_append({0}, {1})"),
    plain("array_cat", &[List, List], Gives::First, "pg_array_cat({0}, {1})"),
    plain("array_remove", &[List, Any], Gives::First, "pg_array_remove({0}, {1})"),
    plain("array_position", &[List, Any], Gives::Int, "pg_array_position({0}, {1})"),
    plain("%listcontains", &[List, List], Gives::Bool, "pg_array_contains({0}, {1})"),
    plain("%listcontained", &[List, List], Gives::Bool, "pg_array_contains({1}, {0})"),
    plain("%listoverlaps", &[List, List], Gives::Bool, "pg_array_overlaps({0}, {1})"),
    plain("%item", &[List, Int], Gives::ElementOfFirst, "json_extract({0}, '$[' || (({1}) - 1) || ']')"),
    // patterns
    plain("%like", &[Text, Text], Gives::Bool, "pg_like({0}, {1}, 0)"),
    plain("%ilike", &[Text, Text], Gives::Bool, "pg_like({0}, {1}, 1)"),
    plain("%match", &[Text, Text], Gives::Bool, "pg_regexp({0}, {1}, 0)"),
    plain("%imatch", &[Text, Text], Gives::Bool, "pg_regexp({0}, {1}, 1)"),
    // any types; their arguments are brought together before
    many("greatest", &[Any], Gives::First, "pg_greatest({*})"),
    many("least", &[Any], Gives::First, "pg_least({*})"),
    many("coalesce", &[Any], Gives::First, "coalesce({*})"),
    plain("nullif", &[Any, Any], Gives::First, "nullif({0}, {1})"),
    plain("%mod", &[Int, Int], Gives::First, "pg_mod({0}, {1})"),
    plain("%mod", &[Number, Number], Gives::Numeric, "pg_mod({0}, {1})"),
];

/// Every aggregate and every function of windows.
pub(crate) static AGGREGATES: &[Aggregate] = &[
    aggregate("count", &[], Gives::Bigint, "count", Shape::Plain),
    aggregate("count", &[Any], Gives::Bigint, "count", Shape::Plain),
    aggregate("sum", &[Number], Gives::Sum, "sum", Shape::Plain),
    aggregate("avg", &[Number], Gives::Average, "avg", Shape::Plain),
    aggregate("min", &[Any], Gives::First, "min", Shape::Plain),
    aggregate("max", &[Any], Gives::First, "max", Shape::Plain),
    aggregate("bool_and", &[Bool], Gives::Bool, "min", Shape::Plain),
    aggregate("every", &[Bool], Gives::Bool, "min", Shape::Plain),
    aggregate("bool_or", &[Bool], Gives::Bool, "max", Shape::Plain),
    aggregate("string_agg", &[Text, Text], Gives::Text, "group_concat", Shape::Plain),
    aggregate("array_agg", &[Any], Gives::ListOfFirst, "json_group_array", Shape::List),
    aggregate("json_agg", &[Any], Gives::Json, "json_group_array", Shape::JsonList),
    aggregate("jsonb_agg", &[Any], Gives::Json, "json_group_array", Shape::JsonList),
    aggregate("json_object_agg", &[Text, Any], Gives::Json, "json_group_object", Shape::JsonObject),
    aggregate("jsonb_object_agg", &[Text, Any], Gives::Json, "json_group_object", Shape::JsonObject),
    aggregate("row_number", &[], Gives::Bigint, "row_number", Shape::WindowOnly),
    aggregate("rank", &[], Gives::Bigint, "rank", Shape::WindowOnly),
    aggregate("dense_rank", &[], Gives::Bigint, "dense_rank", Shape::WindowOnly),
    aggregate("percent_rank", &[], Gives::Double, "percent_rank", Shape::WindowOnly),
    aggregate("cume_dist", &[], Gives::Double, "cume_dist", Shape::WindowOnly),
    aggregate("ntile", &[Int], Gives::Int, "ntile", Shape::WindowOnly),
    aggregate("lag", &[Any], Gives::First, "lag", Shape::WindowOnly),
    aggregate("lag", &[Any, Int], Gives::First, "lag", Shape::WindowOnly),
    aggregate("lag", &[Any, Int, Any], Gives::First, "lag", Shape::WindowOnly),
    aggregate("lead", &[Any], Gives::First, "lead", Shape::WindowOnly),
    aggregate("lead", &[Any, Int], Gives::First, "lead", Shape::WindowOnly),
    aggregate("lead", &[Any, Int, Any], Gives::First, "lead", Shape::WindowOnly),
    aggregate("first_value", &[Any], Gives::First, "first_value", Shape::WindowOnly),
    aggregate("last_value", &[Any], Gives::First, "last_value", Shape::WindowOnly),
    aggregate("nth_value", &[Any, Int], Gives::First, "nth_value", Shape::WindowOnly),
];

/// The functions called `name`.
pub(crate) fn builtins(name: &str) -> impl Iterator<Item = &'static Builtin> {
    BUILTINS.iter().filter(move |one| one.name == name)
}

/// The aggregates called `name`.
pub(crate) fn aggregates(name: &str) -> impl Iterator<Item = &'static Aggregate> {
    AGGREGATES.iter().filter(move |one| one.name == name)
}
