//! The types, each with a table of values.

use forge_database::schema::{RangeOf, Type};
use serde_json::{Value, json};

pub(crate) const MOODS: [&str; 3] = ["calm", "busy", "Lost"];

/// A table of one column.
pub(crate) struct Kind {
    pub(crate) table: &'static str,
    pub(crate) ty: Type,
    /// The type in the words of Postgres.
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Value>,
    /// What its values are compared with.
    pub(crate) operands: &'static [&'static str],
}

pub(crate) fn kinds() -> Vec<Kind> {
    let kind = |table, ty, name, values: Value, operands| Kind {
        table,
        ty,
        name,
        values: values.as_array().cloned().unwrap_or_default(),
        operands,
    };
    let mut kinds = plain(kind);
    kinds.extend(composed(kind));
    kinds
}

type Make = fn(&'static str, Type, &'static str, Value, &'static [&'static str]) -> Kind;

fn plain(kind: Make) -> Vec<Kind> {
    vec![
        kind(
            "texts",
            Type::Text,
            "text",
            json!([
                "cat",
                "Cat",
                "CATALOG",
                "",
                "a%b",
                "a_b",
                "a\\b",
                "\u{c4}pfel",
                "\u{e4}pfel",
                "stra\u{df}e",
                "line\nbreak",
                "null",
                "The fat cats sat on a mat",
                "running dogs",
                "x' or 1=1 --",
                "\u{1f600} smile",
                "\u{130}stanbul",
                "12",
                "1.50",
                "true",
            ]),
            &["cat", "", "CAT", "\u{e4}pfel", "z", "null"],
        ),
        kind(
            "codes",
            Type::Varchar(8),
            "varchar(8)",
            json!(["abc", "ABC", "", "12345678"]),
            &["abc", "longer than eight"],
        ),
        kind(
            "ints",
            Type::Integer,
            "integer",
            json!([0, -1, 7, 2_147_483_647, -2_147_483_648_i64, 100]),
            &["7", " 7 ", "-1", "+7", "x", "", "7.5", "2147483648", "1e2", "0x10", "1_000"],
        ),
        kind(
            "bigs",
            Type::Bigint,
            "bigint",
            json!([0, 9_007_199_254_740_993_i64, -9_223_372_036_854_775_808_i64, 5]),
            &["9007199254740993", "9223372036854775808", "abc", "5"],
        ),
        kind("smalls", Type::Smallint, "smallint", json!([0, -32768, 32767, 3]), &["3", "40000", "z"]),
        kind(
            "nums",
            Type::Numeric(12, 2),
            "numeric(12,2)",
            json!(["0", "1.5", "1.50", "-3.99", "99999.99", "0.01", "1234567.89"]),
            &["1.5", "1.500", "1.505", "1e2", "abc", "", "-3.99", ".5", "5.", "1.2.3"],
        ),
        kind(
            "floats",
            Type::Double,
            "double precision",
            json!([
                0,
                0.1,
                -1.5,
                1e20,
                1e-7,
                123456789012345680.0,
                1e15,
                999999999999999.0,
                0.0001,
                1e100,
                100
            ]),
            &["0.1", "1e20", "abc", "", "1e400", "-1.5", "100"],
        ),
        kind(
            "flags",
            Type::Boolean,
            "boolean",
            json!([true, false]),
            &["true", "f", "yes", "on", "0", "maybe", "", "t", "of", "o"],
        ),
        kind(
            "uuids",
            Type::Uuid,
            "uuid",
            json!(["a0000000-0000-4000-8000-000000000001", "B0000000-0000-4000-8000-00000000000F"]),
            &[
                "A0000000-0000-4000-8000-000000000001",
                "a0000000000040008000000000000001",
                "{a0000000-0000-4000-8000-000000000001}",
                "x",
                "",
                "a000-0000000040008000000000000001",
                "a00-00000000040008000000000000001",
            ],
        ),
        kind(
            "times",
            Type::Timestamptz,
            "timestamptz",
            json!([
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:04:05.123456+02:00",
                "2025-12-31T23:59:59.5Z",
                "2024-02-29 12:00:00+00",
                "1969-12-31T23:59:59.999999Z",
                "2026-07-01T00:00:00Z",
                "0099-05-05T00:00:00Z",
            ]),
            &[
                "2026-01-02T03:04:05Z",
                "2026-01-02 03:04:05+00",
                "2026-01-02",
                "2026-01-02 03:04",
                "x",
                "",
                "2026-13-01",
                "2026-02-30T00:00:00Z",
                "2026-01-02T05:04:05+02",
                "2026-01-02T25:00:00Z",
                "2026-01-02T03:04:05.1234567Z",
            ],
        ),
        kind(
            "dates",
            Type::Date,
            "date",
            json!(["2026-01-02", "2024-02-29", "1999-12-31", "0001-01-01"]),
            &["2026-01-02", "20260102", "2026-1-2", "x", "2026-02-30", "", "2026-01-02T10:00:00Z"],
        ),
        kind(
            "clocks",
            Type::Time,
            "time",
            json!(["03:04:05", "23:59:59.999", "00:00:00", "12:30"]),
            &["03:04:05", "12:30", "25:00", "x", "03:04:05.000"],
        ),
        kind(
            "moods",
            Type::Enum("mood".to_owned()),
            "mood",
            json!(MOODS),
            &["calm", "busy", "Lost", "lost", "x", ""],
        ),
        kind(
            "blobs",
            Type::Bytea,
            "bytea",
            json!(["\\x", "\\xdeadBEEF", "\\x00ff"]),
            &["\\xdeadbeef", "\\xDEADBEEF", "\\x", "abc", "\\xzz", "\\x1"],
        ),
    ]
}

fn composed(kind: Make) -> Vec<Kind> {
    vec![
        kind(
            "docs",
            Type::Jsonb,
            "jsonb",
            json!([
                {"a": 1, "b": {"c": "x"}, "l": [1, 2, {"d": null}]}, [1, "two", 3.5, null], "text", 5, {"a": "1"}, {}, [], null_text(),
                true, {"bb": 2, "a": 1.50, "cc": "q\"uote"}, [[1], [2, 3]], {"a": null}, 100, "", {"a": [1, {"x": true}]}, "\u{e4}\n\t\u{1}", [1, 1], -0.5,
            ]),
            &[
                "{\"a\": 1}",
                "{\"a\":1.0}",
                "[1]",
                "1",
                "\"text\"",
                "null",
                "{}",
                "[]",
                "[[1]]",
                "{\"l\":[2]}",
                "{bad",
                "",
                "[1,2",
                "text",
                "1.50",
                "{\"a\":1,}",
                "[1] 2",
                "nul",
                "\"open",
            ],
        ),
        kind(
            "lists",
            Type::Array(Box::new(Type::Text)),
            "text[]",
            json!([
                [],
                ["a"],
                ["a", "b"],
                ["b", "a"],
                ["b,c", "\"q\"", "", "null", null],
                ["A"],
                ["a\\b", " x ", "{}"]
            ]),
            &[
                "{a}",
                "{}",
                "{a,b}",
                "{b,a,a}",
                "{\"b,c\"}",
                "{null}",
                "{\"null\"}",
                "a",
                "{a",
                "{a,,b}",
                "{a}}",
                "{ a , b }",
                "{\"a\"x}",
                "{{a},{b}}",
                "",
                "{NULL,a}",
            ],
        ),
        kind(
            "intlists",
            Type::Array(Box::new(Type::Integer)),
            "integer[]",
            json!([[], [1], [1, 2], [2, 1], [10, 9], [1, null]]),
            &["{1}", "{}", "{1,2}", "{x}", "{1,}", "{10,9}", "{2147483648}"],
        ),
        kind(
            "timelists",
            Type::Array(Box::new(Type::Timestamptz)),
            "timestamptz[]",
            json!([["2026-01-02T03:04:05Z"], ["2026-01-02T03:04:05.500+02:00", null]]),
            &["{2026-01-02T03:04:05Z}", "{\"2026-01-02 03:04:05+00\"}"],
        ),
        kind(
            "floatlists",
            Type::Array(Box::new(Type::Double)),
            "double precision[]",
            json!([[0.1, 1e20], [1, 1e-7]]),
            &["{1,1e-7}", "{x}"],
        ),
        kind(
            "flaglists",
            Type::Array(Box::new(Type::Boolean)),
            "boolean[]",
            json!([[true, false], []]),
            &["{t,f}", "{true}"],
        ),
        kind(
            "intranges",
            Type::Range(RangeOf::Integer),
            "int4range",
            json!(["[1,5)", "[3,7]", "empty", "(,4)", "[5,)", "(1,2)", "[1,5]", "(,)", "[10,20)", "[-3,1)"]),
            &[
                "[1,5)", "[5,9)", "empty", "(,)", "(,1)", "[5,)", "[3,4]", "[7,1]", "x", "[1,5", "[a,b]", "",
                "[1,2,3]", "[20,30]",
            ],
        ),
        kind(
            "numranges",
            Type::Range(RangeOf::Numeric),
            "numrange",
            json!(["[1.5,2.5)", "(1.50,2.5]", "[1,1]", "(1,1)", "[10,)", "(,9.75)"]),
            &["[1.5,2.5)", "[2.5,3)", "(2.5,3)", "[9,11)", "empty", "(,)"],
        ),
        kind(
            "dayranges",
            Type::Range(RangeOf::Date),
            "daterange",
            json!([
                "[2026-01-01,2026-01-31]",
                "(2026-01-31,2026-03-01)",
                "empty",
                "[2024-02-28,2024-02-29]",
                "[2026-05-01,)"
            ]),
            &["[2026-01-15,2026-02-15)", "[2026-02-01,2026-02-02)", "(,2026-01-01)", "[x,)"],
        ),
        kind(
            "timeranges",
            Type::Range(RangeOf::Timestamptz),
            "tstzrange",
            json!([
                "[2026-01-01T00:00:00Z,2026-01-02T00:00:00Z)",
                "[\"2026-01-01 12:00:00.5+02\",)",
                "empty",
                "(,\"2025-01-01 00:00:00+00\"]"
            ]),
            &["[2026-01-01 12:00:00Z,2026-01-03)", "(,2025-06-01)"],
        ),
        kind(
            "vectors",
            Type::Tsvector,
            "tsvector",
            json!(["'fat':2 'cat':3", "'cat':3A 'dog':1,5B", "fat cat sat", "", "'it''s':1"]),
            &["'cat':3 'fat':2", "cat"],
        ),
    ]
}

/// A text that looks like a null.
fn null_text() -> &'static str {
    "null"
}
