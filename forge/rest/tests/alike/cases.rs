//! What is asked of both.

use forge_database::schema::Type;

use crate::kinds::Kind;
use crate::quoted;

/// A request to the one and the query that it means to the other.
pub(crate) struct Case {
    pub(crate) query: String,
    pub(crate) sql: String,
    pub(crate) zone: Option<&'static str>,
}

const COMPARISONS: [(&str, &str); 7] = [
    ("eq", "="),
    ("neq", "<>"),
    ("gt", ">"),
    ("gte", ">="),
    ("lt", "<"),
    ("lte", "<="),
    ("isdistinct", "is distinct from"),
];
const SETS: [(&str, &str); 8] = [
    ("cs", "@>"),
    ("cd", "<@"),
    ("ov", "&&"),
    ("sl", "<<"),
    ("sr", ">>"),
    ("nxr", "&<"),
    ("nxl", "&>"),
    ("adj", "-|-"),
];
const PATTERNS: [(&str, &str); 4] = [("like", "like"), ("ilike", "ilike"), ("match", "~"), ("imatch", "~*")];

const LIKES: [&str; 16] = [
    "cat",
    "c%",
    "%T",
    "_at",
    "a\\%b",
    "a\\_b",
    "a_b",
    "a\\\\b",
    "%",
    "",
    "\u{e4}%",
    "%\u{df}E",
    "bad\\",
    "line%break",
    "%smile",
    "i%",
];
const REGEXES: [&str; 20] = [
    "^c",
    "T$",
    "c.t",
    "a\\\\b",
    "[[:upper:]]",
    "\\d+",
    "(cat|dog)",
    "line.break",
    "^line$",
    "\\mcat\\M",
    "(",
    "[a",
    "a{2,1}",
    "*a",
    "\u{e4}",
    "\\w+\\s\\w+",
    "^.{3}$",
    "a|",
    "",
    "\\ycat\\y",
];
const CASTS: [&str; 16] = [
    "text",
    "integer",
    "bigint",
    "smallint",
    "numeric",
    "float8",
    "boolean",
    "uuid",
    "timestamptz",
    "date",
    "time",
    "jsonb",
    "int4range",
    "mood",
    "varchar",
    "bytea",
];
const SEARCHES: [&str; 13] = [
    "cat",
    "cats",
    "fat & cat",
    "fat | dog",
    "!cat",
    "fat cat",
    "fat <-> cat",
    "\"fat cats\" or dog",
    "-cat",
    "the",
    "run:*",
    "(fat",
    "sat on mat",
];

/// Every comparison, operator of sets, order, conversion and form of a type.
pub(crate) fn of(kind: &Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for operand in kind.operands {
        for (name, sign) in COMPARISONS
            .into_iter()
            .filter(|(name, _)| sorts(kind) || !matches!(*name, "gt" | "gte" | "lt" | "lte"))
        {
            cases.push(filter(kind, &format!("{name}.{operand}"), &format!("v {sign} {}", quoted(operand))));
        }
        for (name, sign) in
            SETS.into_iter().filter(|(name, _)| !(shifts(kind) && matches!(*name, "sl" | "sr")))
        {
            cases.push(filter(kind, &format!("{name}.{operand}"), &format!("v {sign} {}", quoted(operand))));
        }
    }
    let patterns: (&[&str], &[&str]) =
        if matches!(kind.ty, Type::Text | Type::Varchar(_)) { (&LIKES, &REGEXES) } else { (&["a"], &["a"]) };
    for (at, (name, sign)) in PATTERNS.iter().enumerate() {
        for pattern in if at < 2 { patterns.0 } else { patterns.1 } {
            cases.push(filter(kind, &format!("{name}.{pattern}"), &format!("v {sign} {}", quoted(pattern))));
        }
    }
    for word in ["null", "not_null", "true", "false", "unknown"] {
        let sql = format!("v is {}", word.replace('_', " "));
        cases.push(filter(kind, &format!("is.{word}"), &sql));
    }
    cases.push(item(kind, "v", "v"));
    for cast in CASTS {
        cases.push(item(kind, &format!("v::{cast}"), &format!("v::{cast}")));
        cases.push(each_row(kind, cast));
    }
    for (order, sql) in [
        ("v", "v"),
        ("v.desc", "v desc"),
        ("v.desc.nullslast", "v desc nulls last"),
        ("v.nullsfirst", "v nulls first"),
    ] {
        cases.push(Case {
            query: format!("/{}?select=id&order={order},id", kind.table),
            sql: format!("select id from {} order by {}, id", kind.table, collated(kind, sql)),
            zone: None,
        });
    }
    cases.extend(aggregates(kind));
    if kind.ty == Type::Bytea {
        // Postgres has `like` for bytes.
        cases.retain(|case| !case.query.contains("&v=like"));
    }
    if !sorts(kind) {
        cases.retain(|case| !case.query.contains("order=v"));
    }
    cases
}

/// The order of search vectors has no meaning.
fn sorts(kind: &Kind) -> bool {
    kind.ty != Type::Tsvector
}

/// Whole numbers have operators of bits under the same signs, which give no condition.
fn shifts(kind: &Kind) -> bool {
    matches!(kind.ty, Type::Smallint | Type::Integer | Type::Bigint)
}

/// Text is compared byte by byte.
fn collated(kind: &Kind, sql: &str) -> String {
    match kind.ty {
        Type::Text | Type::Varchar(_) => sql.replacen('v', "v collate \"C\"", 1),
        _ => sql.to_owned(),
    }
}

fn aggregates(kind: &Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for function in ["sum", "avg", "min", "max", "count"] {
        // Those of times of day are intervals.
        if kind.ty == Type::Time && matches!(function, "sum" | "avg") {
            continue;
        }
        let one = |filter: &str, sql: &str| Case {
            query: format!("/{}?select=x:v.{function}(){filter}", kind.table),
            sql: format!("select {function}(v) as x from {}{sql}", kind.table),
            zone: None,
        };
        cases.push(one("", ""));
        for id in 1..=3 {
            cases.push(one(&format!("&id=lte.{id}"), &format!(" where id <= {id}")));
            cases.push(one(&format!("&id=gte.{id}"), &format!(" where id >= {id}")));
        }
        cases.push(one("&id=lt.0", " where id < 0"));
    }
    cases.push(Case {
        query: format!("/{}?select=v,n:count()&order=v", kind.table),
        sql: format!("select v, count(*) as n from {} group by v order by v", kind.table),
        zone: None,
    });
    cases
}

/// A conversion of the third row alone, so that errors of others do not hide what it comes to.
fn each_row(kind: &Kind, cast: &str) -> Case {
    Case {
        query: format!("/{}?select=x:v::{cast}&id=eq.3", kind.table),
        sql: format!("select v::{cast} as x from {} where id = 3", kind.table),
        zone: None,
    }
}

fn filter(kind: &Kind, test: &str, sql: &str) -> Case {
    Case {
        query: format!("/{}?select=id&order=id&v={}", kind.table, encoded(test)),
        sql: format!("select id from {} where {sql} order by id", kind.table),
        zone: None,
    }
}

fn item(kind: &Kind, item: &str, sql: &str) -> Case {
    Case {
        query: format!("/{}?select=id,x:{}&order=id", kind.table, encoded(item)),
        sql: format!("select id, {sql} as x from {} order by id", kind.table),
        zone: None,
    }
}

/// Ways into values, searches, zones, and texts that are no values.
pub(crate) fn general() -> Vec<Case> {
    let mut cases = paths();
    cases.extend(searches());
    cases.extend(zones());
    cases.extend(texts());
    cases
}

fn raw(query: String, sql: String) -> Case {
    Case { query, sql, zone: None }
}

fn paths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, sql) in [
        ("v->a", "v->'a'"),
        ("v->>a", "v->>'a'"),
        ("v->b->>c", "v->'b'->>'c'"),
        ("v->>b", "v->>'b'"),
        ("v->l->0", "v->'l'->0"),
        ("v->l->>-1", "v->'l'->>-1"),
        ("v->>l", "v->>'l'"),
        ("v->0", "v->0"),
        ("v->>1", "v->>1"),
        ("v->-1", "v->-1"),
        ("v->9", "v->9"),
        ("v->>bb", "v->>'bb'"),
    ] {
        cases.push(raw(
            format!("/docs?select=id,x:{}&order=id", encoded(path)),
            format!("select id, {sql} as x from docs order by id"),
        ));
        for (op, sign, operand) in
            [("eq", "=", "1"), ("gt", ">", "1"), ("eq", "=", "\"x\""), ("lt", "<", "x")]
        {
            cases.push(raw(
                format!("/docs?select=id&order=id&{}={op}.{}", encoded(path), encoded(operand)),
                format!("select id from docs where {sql} {sign} {} order by id", quoted(operand)),
            ));
        }
        cases.push(raw(
            format!("/docs?select=id&order={},id", encoded(path)),
            format!(
                "select id from docs order by {}, id",
                if path.contains("->>") { format!("({sql}) collate \"C\"") } else { sql.to_owned() }
            ),
        ));
        cases.push(raw(
            format!("/docs?select=id,x:{}::text&order=id", encoded(path)),
            format!("select id, ({sql})::text as x from docs order by id"),
        ));
    }
    for (table, index) in [("lists", 0), ("lists", 1), ("intlists", -1), ("intlists", 0)] {
        for arrow in ["->", "->>"] {
            cases.push(raw(
                format!("/{table}?select=id,x:{}&order=id", encoded(&format!("v{arrow}{index}"))),
                format!("select id, to_jsonb(v){arrow}{index} as x from {table} order by id"),
            ));
        }
    }
    cases
}

fn searches() -> Vec<Case> {
    let mut cases = Vec::new();
    let kinds = [
        ("fts", "to_tsquery"),
        ("plfts", "plainto_tsquery"),
        ("phfts", "phraseto_tsquery"),
        ("wfts", "websearch_to_tsquery"),
    ];
    for (table, ts) in [("texts", true), ("vectors", false), ("docs", true)] {
        for (name, function) in kinds {
            for config in ["english", "simple", "nonesuch"] {
                for query in SEARCHES {
                    let left = if ts { format!("to_tsvector('{config}', v)") } else { "v".to_owned() };
                    cases.push(raw(
                        format!("/{table}?select=id&order=id&v={name}({config}).{}", encoded(query)),
                        format!(
                            "select id from {table} where {left} @@ {function}('{config}', {}) order by id",
                            quoted(query)
                        ),
                    ));
                }
            }
        }
    }
    cases
}

fn zones() -> Vec<Case> {
    let mut cases = Vec::new();
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"] {
        for (item, sql) in
            [("v", "v"), ("v::text", "v::text"), ("v::date", "v::date"), ("v::time", "v::time")]
        {
            cases.push(Case {
                query: format!("/times?select=id,x:{item}&order=id"),
                sql: format!("select id, {sql} as x from times order by id"),
                zone: Some(zone),
            });
        }
        for (table, text) in [("times", "2026-01-02 03:04:05"), ("times", "2026-01-02")] {
            cases.push(Case {
                query: format!("/{table}?select=id&order=id&v=lt.{}", encoded(text)),
                sql: format!("select id from {table} where v < {} order by id", quoted(text)),
                zone: Some(zone),
            });
        }
        for table in ["timelists", "timeranges"] {
            cases.push(Case {
                query: format!("/{table}?select=id,x:v&order=id"),
                sql: format!("select id, v as x from {table} order by id"),
                zone: Some(zone),
            });
        }
    }
    cases
}

/// Each text of the table of texts as each type.
fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for cast in CASTS {
        for id in 1..=20 {
            cases.push(raw(
                format!("/texts?select=x:v::{}&id=eq.{id}", encoded(cast)),
                format!("select v::{cast} as x from texts where id = {id}"),
            ));
        }
    }
    cases
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'(' | b')' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
