//! Texts that both engines take for the same value, or both refuse.

use super::*;
use crate::ddl::sqlite::value_from_text;
use crate::schema::RangeOf;

const WHOLE: &[&str] = &[
    "[1,5]",
    "(1,5)",
    "(1,2)",
    "[1,1]",
    "[1,1)",
    "[5,1]",
    "[,5]",
    "(3,)",
    "(,)",
    "[,]",
    " [ 1 , 5 ) ",
    "empty",
    "EMPTY",
    "[1,5",
    "1,5",
    "[1]",
    "[a,b]",
    "[\"1\",\"5\"]",
    "[1,2147483647]",
    "[1,2147483646]",
    "[-7,-3)",
    "",
    "[1,2,3]",
    "(2147483647,)",
    "[01,+5]",
];
const DECIMALS: &[&str] = &[
    "[1.0,2.50]",
    "(0,0]",
    "[0,0]",
    "(,0.5)",
    "[-1.5,-1.05)",
    "[-1.05,-1.5)",
    "[007,8.)",
    "[.5,1)",
    "[9,10)",
    "[1e1,2)x",
];
const DAYS: &[&str] = &[
    "[2026-01-01,2026-01-31]",
    "(2026-02-27,2026-02-28)",
    "(2026-02-27,2026-02-28]",
    "[2026-02-30,)",
    "(,2026-01-01]",
];
const TIMES: &[&str] = &[
    "[2026-01-01 00:00:00+00,2026-01-02 03:04:05.6789Z)",
    "[\"2026-01-01T00:00:00+02:00\",)",
    "(2026-01-01,2026-01-01]",
    "[2026-01-02,2026-01-01]",
];
const VECTORS: &[&str] = &[
    "'fat':2,4A 'rat':3",
    "b a b",
    "a:3,1,2B,2a",
    "'it''s':1 'x\\\\y'",
    "a:0",
    "a:",
    "'a",
    "",
    "a:99999",
    "ab a b:1D",
    "a:1A,1",
];

#[test]
fn ranges_and_search_vectors_are_written_alike() {
    let Some((cluster, database)) = database() else { return };
    let kinds = [
        (Type::Range(RangeOf::Integer), WHOLE),
        (Type::Range(RangeOf::Numeric), DECIMALS),
        (Type::Range(RangeOf::Date), DAYS),
        (Type::Range(RangeOf::Timestamptz), TIMES),
        (Type::Tsvector, VECTORS),
    ];
    let mut sql = "SET TimeZone = 'UTC';
        CREATE FUNCTION pg_temp.as_text(v text, t text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
        EXECUTE format('SELECT %L::%s::text', v, t) INTO r; RETURN '=' || r; EXCEPTION WHEN others THEN
        RETURN 'refused'; END $$;\n"
        .to_owned();
    let mut ours = Vec::new();
    for (ty, texts) in kinds {
        for text in texts {
            let statement =
                format!("SELECT pg_temp.as_text({}, {});\n", quote_text(text), quote_text(&ty.to_string()));
            sql.push_str(&statement);
            let value = value_from_text(&ty, &Default::default(), text);
            ours.push((
                *text,
                match value {
                    Ok(rusqlite::types::Value::Text(text)) => format!("={text}"),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => "refused".to_owned(),
                },
            ));
        }
    }
    let theirs = cluster.run(&database.name, &sql);
    for ((text, ours), theirs) in ours.into_iter().zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{text}");
    }
}
