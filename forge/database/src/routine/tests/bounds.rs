use proptest::prelude::*;

use super::kit::{World, alice};
use crate::routine::create::create;
use crate::routine::{NESTING_MAX, SQL_BYTES_MAX, TEXT_BYTES_MAX, check_view, view};
use crate::schema::{Schema, View};

fn asked(schema: &Schema, query: String) -> Result<usize, &'static str> {
    let mut schema = schema.clone();
    schema.views.insert("asked".to_owned(), View { name: "asked".to_owned(), query });
    view(&schema, &alice().role, "asked").map(|compiled| compiled.sql.len()).map_err(|error| error.code)
}

#[test]
fn deep_and_long_texts_are_refused_and_do_not_overflow_the_stack() {
    let world = World::new();
    let deep = [
        format!("select {}1{}", "(".repeat(3_000), ")".repeat(3_000)),
        format!("select {}1", "- ".repeat(3_900)),
        format!("select {}true", "not ".repeat(3_900)),
        format!("select 1{}", " + 1".repeat(1_900)),
        format!("select true{}", " or true".repeat(1_900)),
        format!("select 1{}", "::int".repeat(1_900)),
        format!("select '{{}}'::jsonb{}", " -> 'a'".repeat(1_900)),
        format!("select {}1{}", "lower(".repeat(1_500), ")".repeat(1_500)),
        format!("select {}1{}", "(select ".repeat(1_000), ")".repeat(1_000)),
        format!("select 1 from {}tree{}", "(select 1 from ".repeat(600), ") x".repeat(600)),
        format!("select 1{}", " union select 1".repeat(1_300)),
        format!("select 1 from tree{}", " cross join tree".repeat(1_300)),
        format!("select {}1{}", "case when true then ".repeat(700), " end".repeat(700)),
        format!("select array{}1{}", "[".repeat(1_500), "]".repeat(1_500)),
        format!("select 1 in ({}", "1 in (".repeat(1_000)),
        format!("select 1 {}", "is null ".repeat(1_900)),
    ];
    for query in deep {
        let start: String = query.chars().take(40).collect();
        let given = asked(&world.schema, query);
        assert!(given.is_err(), "{start}: {given:?}");
    }
    assert_eq!(asked(&world.schema, format!("select 1 -- {}", "x".repeat(TEXT_BYTES_MAX))), Err("54001"));
    assert_eq!(asked(&world.schema, format!("select 1{}", ", 1".repeat(4_000))), Err("54001"));
}

#[test]
fn what_is_not_too_deep_is_taken() {
    let world = World::new();
    let depth = NESTING_MAX / 2 - 4;
    let query = format!("select {}1{} as x{}", "(".repeat(depth), ")".repeat(depth), ", 1 as y");
    assert!(asked(&world.schema, query).is_ok());
    assert!(
        asked(&world.schema, format!("select true{} as x", " or id = 1".repeat(55)) + " from tree").is_ok()
    );
}

#[test]
fn what_grows_by_inlining_is_bounded() {
    let mut world = World::new();
    world.function("create function a(n int) returns int language sql immutable as 'select n + n + n + n'");
    let grown = "select a(a(a(a(a(a(a(a(1))))))))".to_owned();
    assert_eq!(asked(&world.schema, grown), Err("54001"));
    world.view("w0", "select * from posts");
    for at in 1..5 {
        let (this, last) = (format!("w{at}"), format!("w{}", at - 1));
        world.view(
            &this,
            &format!("select a.* from {last} a, {last} b, {last} c, {last} d, {last} e, {last} f"),
        );
    }
    let given = asked(&world.schema, "select * from w4".to_owned());
    assert!(given.is_err() || given.is_ok_and(|bytes| bytes <= SQL_BYTES_MAX + 4096), "{given:?}");
}

/// Words that queries are made of, so that random ones get past the parser.
const WORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "posts",
    "tree",
    "id",
    "title",
    "(",
    ")",
    ",",
    "*",
    "1",
    "'a'",
    "and",
    "or",
    "not",
    "in",
    "exists",
    "union",
    "join",
    "on",
    "left",
    "group by",
    "order by",
    "count(*)",
    "lower(",
    "::int",
    "::jsonb",
    "->>",
    "||",
    "case when",
    "then",
    "end",
    "null",
    "is",
    "with x as (",
    "lateral",
    "insert into",
    "values",
    "set",
    "update",
    "delete from",
    "returning",
    "limit",
    "over (",
    "$1",
    "t.",
    "as",
    "interval '1 day'",
    "array[",
    "]",
    "any(",
    "filter (where",
    "now()",
    "auth.uid()",
    "-",
    "=",
    "between",
    "like",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_refused_or_compiles_and_never_panics(text in "\\PC{0,120}", words in proptest::collection::vec(0..WORDS.len(), 0..40)) {
        let world = World::new();
        let soup = words.iter().map(|at| WORDS[*at]).collect::<Vec<_>>().join(" ");
        for query in [text, soup.clone(), format!("select {soup}"), format!("select id from tree where {soup}")] {
            let view = View { name: "v".to_owned(), query: query.clone() };
            if check_view(&world.schema, &view).is_ok() {
                let given = world.ask(&alice(), &query);
                prop_assert!(given.as_ref().err().is_none_or(|error| !error.starts_with("sqlite: ")), "{query}: {given:?}");
            }
            drop(create(&query, &world.schema));
            drop(create(&format!("create function f() returns int language sql as $x$ {query} $x$"), &world.schema));
        }
    }
}
