//! The compiler against the evaluator, on random policies and rows.

use std::collections::BTreeMap;

use forge_core::Identity;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::eval::{Tables, World};
use crate::policy::sqlite::{NOW, Param, predicate};
use crate::policy::tests::kit::{ALICE, BOB, database, policy, schema, sign_up, table};
use crate::policy::{Side, parse};
use crate::rows::{self, Returning, Row, Select};
use crate::schema::{Command, Schema};

const TEXTS: &[&str] =
    &["", "a", "A", "ab", "a%b", "a_b", "[a]", "a*", "?", "ä", "it''s", "10", "true", ALICE];

pub(super) fn things() -> Schema {
    schema(vec![
        table(
            "things",
            &[
                "id integer = identity",
                "org uuid?",
                "who uuid?",
                "t text?",
                "u text?",
                "n integer?",
                "m bigint?",
                "x double?",
                "p numeric?",
                "b boolean?",
                "c boolean?",
                "s state?",
                "at timestamptz?",
                "j jsonb?",
            ],
        ),
        table("members", &["id integer = identity", "org uuid?", "who uuid?", "t text?", "n integer?"])
            .custom(vec![
                policy("own", &[Command::Select], &["authenticated"], "who = auth.uid()"),
                policy("few", &[Command::Select], &["anon", "authenticated"], "n < 2"),
            ]),
    ])
}

fn pick(options: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(options).prop_map(str::to_owned).boxed()
}

/// Columns of the judged row, or of the subquery's `k`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum At {
    Row,
    Inside,
}

fn text_value(at: At) -> BoxedStrategy<String> {
    let columns = match at {
        At::Row => pick(&["t", "u", "things.t"]),
        At::Inside => pick(&["k.t", "things.u"]),
    };
    let leaf = prop_oneof![
        4 => columns,
        2 => prop::sample::select(TEXTS).prop_map(|text| format!("'{text}'")),
        1 => pick(&["auth.jwt() ->> 'c'", "auth.email()", "auth.jwt() -> 'd' -> 1 ->> 'e'", "auth.role()", "j ->> 'k'", "auth.uid()::text", "m::text", "b::text", "s::text", "null"]),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("lower({a})")),
            inner.clone().prop_map(|a| format!("upper({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("coalesce({a}, {b})")),
        ]
    })
    .boxed()
}

fn number_value(at: At) -> BoxedStrategy<String> {
    let columns = match at {
        At::Row => pick(&["n", "m", "x", "p", "things.n"]),
        At::Inside => pick(&["k.n", "things.m", "x"]),
    };
    let leaf = prop_oneof![
        4 => columns,
        2 => (0i64..5).prop_map(|n| n.to_string()),
        1 => pick(&["2.5", "0.1", "length(u)", "(u)::integer", "(u)::bigint", "things.t::double precision"]),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), pick(&["+", "-", "*", "/"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.prop_map(|a| format!("(- {a})")),
        ]
    })
    .boxed()
}

fn uuid_value(at: At) -> BoxedStrategy<String> {
    match at {
        At::Row => pick(&["who", "org", "auth.uid()", "t::uuid", "(select auth.uid())"]),
        At::Inside => pick(&["k.who", "k.org", "things.org", "things.who", "auth.uid()"]),
    }
}

fn compared(values: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let operator = pick(&["=", "<>", "!=", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"]);
    prop_oneof![
        4 => (values.clone(), operator, values.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (values.clone(), pick(&["in", "not in"]), prop::collection::vec(values.clone(), 1..4))
            .prop_map(|(a, op, list)| format!("{a} {op} ({})", list.join(", "))),
        1 => (values.clone(), pick(&["between", "not between"]), values.clone(), values.clone())
            .prop_map(|(a, op, b, c)| format!("{a} {op} {b} and {c}")),
        1 => (values, pick(&["is null", "is not null"])).prop_map(|(a, op)| format!("{a} {op}")),
    ]
    .boxed()
}

fn atom(at: At) -> BoxedStrategy<String> {
    let likes = (
        text_value(at),
        pick(&["like", "not like", "ilike", "not ilike"]),
        pick(&["'a%'", "'%'", "'_'", "'a\\%b'", "'%b'", "'[a]'", "'A_%'", "'a*'", "'?'", "''", "'Ä'"]),
    )
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let flags = match at {
        At::Row => pick(&[
            "b",
            "c",
            "not b",
            "b = c",
            "b is true",
            "c is not false",
            "b = 'true'",
            "b is distinct from c",
            "b is unknown",
            "true",
            "false",
            "null",
            "b <> true",
        ]),
        At::Inside => pick(&["b", "things.c", "true"]),
    };
    let states = pick(&[
        "s = 'draft'",
        "s in ('draft', 'published')",
        "s <> 'published'",
        "s::text in ('x', 'draft')",
        "s is null",
    ]);
    let times = pick(&[
        "at < now()",
        "at > '2024-06-01'",
        "at = '2024-01-01T00:00:00+00:00'",
        "at <= '2024-01-01 01:00:00+01:00'",
        "at::date = '2024-01-01'",
    ]);
    let grants = (text_value(at), pick(&["read", "write", "control", "*"]))
        .prop_map(|(resource, access)| format!("auth.can({resource}, '{access}')"));
    prop_oneof![
        1 => grants,
        3 => compared(text_value(at)),
        3 => compared(number_value(at)),
        3 => compared(uuid_value(at)),
        1 => likes,
        2 => flags,
        1 => states,
        1 => times,
    ]
    .boxed()
}

/// Conditions on the row of the one who asks.
const PERSONS: &[&str] = &[
    "exists (select 1 from auth.users)",
    "exists (select 1 from auth.users k where k.email = t)",
    "exists (select 1 from auth.users where users.email = auth.email() or users.id = who)",
    "exists (select 1 from auth.users as k where not k.is_anonymous and k.raw_app_meta_data ->> 'k' = u)",
    "exists (select 1 from auth.users k where k.created_at < at and k.email_confirmed_at is null)",
    "exists (select 1 from auth.users k join members l on l.who = k.id where l.org = org)",
    "exists (select 1 from members l join auth.users k on true where k.role = 'authenticated')",
    "who in (select id from auth.users)",
    "t not in (select k.email from auth.users k)",
];

pub(super) fn condition(at: At) -> BoxedStrategy<String> {
    let leaf = match at {
        At::Inside => atom(at),
        At::Row => prop_oneof![
            6 => atom(at),
            1 => (pick(&["exists", "not exists"]), condition(At::Inside))
                .prop_map(|(op, inside)| format!("{op} (select 1 from members k where {inside})")),
            1 => (pick(&["who", "org", "auth.uid()"]), pick(&["in", "not in"]), pick(&["k.who", "k.org"]), condition(At::Inside))
                .prop_map(|(a, op, b, inside)| format!("{a} {op} (select {b} from members as k where {inside})")),
            1 => pick(PERSONS),
            1 => condition(At::Inside)
                .prop_map(|inside| format!("exists (select 1 from members k join members l on l.org = k.org where {inside})")),
        ]
        .boxed(),
    };
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), pick(&["and", "or"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.prop_map(|a| format!("({a}) is not true")),
        ]
    })
    .boxed()
}

fn maybe(values: Vec<Value>) -> BoxedStrategy<Value> {
    prop::sample::select([values, vec![Value::Null]].concat()).boxed()
}

pub(super) fn row() -> impl Strategy<Value = Row> {
    let ids = || maybe(vec![json!(ALICE), json!(BOB)]);
    let texts = || maybe(TEXTS.iter().map(|text| json!(text.replace("''", "'"))).collect());
    let numbers = || maybe((-2..5).map(|n| json!(n)).collect());
    let truths = || maybe(vec![json!(true), json!(false)]);
    let states = maybe(vec![json!("draft"), json!("published")]);
    let times = maybe(vec![json!("2024-01-01T00:00:00Z"), json!("2999-01-01T00:00:00Z")]);
    let reals = || maybe(vec![json!(0.5), json!(2.5), json!(-1.0), json!(3)]);
    let jsons =
        maybe(vec![json!({"k": "a"}), json!({"k": null}), json!({"k": 10}), json!({"k": true}), json!([1])]);
    ((ids(), ids(), texts(), texts(), numbers()), (numbers(), reals(), reals(), truths(), truths()), (states, times, jsons))
        .prop_map(|((org, who, t, u, n), (m, x, p, b, c), (s, at, j))| {
            let row = json!({"org": org, "who": who, "t": t, "u": u, "n": n, "m": m, "x": x, "p": p, "b": b, "c": c, "s": s, "at": at, "j": j});
            row.as_object().cloned().unwrap_or_default()
        })
}

pub(super) fn people() -> impl Strategy<Value = Identity> {
    let claims = prop::sample::select(vec![
        json!({"c": "a", "d": [0, {"e": "ab"}], "email": "a", "grants": ["a:read", "ab:write", "*:nothing", 1]}),
        json!({"c": true, "d": [0, {"e": null}], "email": null, "grants": ["a:b:control", "10:*", "", "a"]}),
        json!({"c": 10, "d": {}, "email": "ab", "grants": ["*:write"]}),
        json!({"grants": {"a": "a:read"}}),
        json!({"grants": "*:*"}),
        json!({}),
    ]);
    (prop::sample::select(vec![ALICE, BOB]), claims, prop::bool::weighted(0.8)).prop_map(
        |(id, claims, signed_in)| {
            if signed_in { Identity { claims, ..Identity::user(id) } } else { Identity::anon() }
        },
    )
}

/// What SQLite makes of the compiled condition on the only row of `things`.
fn compiled(conn: &Connection, schema: &Schema, who: &Identity) -> Result<Option<bool>, String> {
    let predicate =
        predicate(schema, "things", Command::Select, Side::Using, &who.role).map_err(|e| e.to_string())?;
    let values: Vec<(&str, Option<String>)> = predicate
        .params
        .iter()
        .map(|param| {
            let value = match param {
                Param::Uid => who.subject.clone(),
                Param::Role => Some(who.role.to_string()),
                Param::Jwt => (!who.claims.is_null()).then(|| who.claims.to_string()),
            };
            (param.name(), value)
        })
        .collect();
    let bound: Vec<(&str, &dyn rusqlite::ToSql)> =
        values.iter().map(|(name, value)| (*name, value as &dyn rusqlite::ToSql)).collect();
    let sql = format!("select {} from things as _row", predicate.sql);
    conn.query_row(&sql, bound.as_slice(), |row| row.get(0)).map_err(|e| format!("{e}: {sql}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiler_and_evaluator_agree(
        text in condition(At::Row),
        thing in row(),
        members in prop::collection::vec(row(), 0..3),
        who in people(),
    ) {
        if let Err(error) = parse(&text) {
            // Only a limit may refuse what the grammar makes.
            prop_assert_eq!(error.flaw, crate::policy::Flaw::Limit, "{}", text);
            return Ok(());
        }
        let mut schema = things();
        let things = schema.tables.get_mut("things").unwrap();
        *things = things.clone().custom(vec![policy("p", &[Command::Select], &["anon", "authenticated"], &text)]);
        let conn = database(&schema);
        sign_up(&conn, ALICE, "a");
        let service = Identity::service();
        rows::insert(&conn, &schema, &service, "things", &[thing], Returning::Count).unwrap();
        let known = ["org", "who", "t", "n"];
        let members: Vec<Row> = members
            .into_iter()
            .map(|row| row.into_iter().filter(|(name, _)| known.contains(&name.as_str())).collect())
            .collect();
        rows::insert(&conn, &schema, &service, "members", &members, Returning::Count).unwrap();
        let mut tables: Tables = BTreeMap::new();
        for name in ["things", "members"] {
            let all = rows::select(&conn, &schema, &service, name, &Select::default()).unwrap();
            tables.insert(name.to_owned(), all);
        }
        let alice = json!({
            "id": ALICE, "email": "a", "role": "authenticated", "raw_app_meta_data": {"k": "a"}, "is_anonymous": false,
            "created_at": "2024-01-01T00:00:00Z",
        });
        tables.insert(crate::people::USERS.to_owned(), alice.as_object().cloned().into_iter().collect());
        let now: String = conn.query_row(&format!("select {NOW}"), [], |row| row.get(0)).unwrap();
        let world = World { schema: &schema, tables: &tables, who: &who, now: now.parse().unwrap() };
        let expected = world.holds(&text, "things", &tables["things"][0]);
        let found = compiled(&conn, &schema, &who);
        match (expected, found) {
            (Ok(expected), Ok(found)) => prop_assert_eq!(found, expected, "{}", text),
            (expected, found) => prop_assert!(false, "{}: {:?} {:?}", text, expected, found),
        }
    }
}
