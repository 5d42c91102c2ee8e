use forge_core::Identity;

use super::kit::{World, alice};

/// Expressions and what they give, as Postgres does.
pub(super) const TABLE: &[(&str, &str)] = &[
    // literals and operators
    ("1 + 2 * 3", "7"),
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("7 % 3", "1"),
    ("7.0 / 2", "3.5"),
    ("0.1 + 0.2", "0.3"),
    ("2 ^ 10", "1024.0"),
    ("'a' || 'b' || 1", "ab1"),
    ("null || 'a'", "null"),
    ("1 = 1 and not false", "true"),
    ("null = 1", "null"),
    ("null is distinct from 1", "true"),
    ("1 is not distinct from 1", "true"),
    ("3 between 1 and 3", "true"),
    ("3 not in (1, 2)", "true"),
    ("1 in (2, null)", "null"),
    ("case when 1 > 2 then 'a' else 'b' end", "b"),
    ("case 2 when 1 then 'one' when 2 then 'two' end", "two"),
    ("coalesce(null, 'x')", "x"),
    ("nullif(1, 1)", "null"),
    ("greatest(1, 5, null)", "5"),
    ("least('b', 'a')", "a"),
    // patterns
    ("'Hello' like 'H%o'", "true"),
    ("'Hello' like 'h%'", "false"),
    ("'Hello' ilike 'h_llo'", "true"),
    ("'50%' like '50\\%'", "true"),
    ("'abc' ~ '^a.c$'", "true"),
    ("'ABC' ~* 'abc'", "true"),
    ("'abc' !~ 'b'", "false"),
    // casts
    ("'12'::int + 1", "13"),
    ("'1.5'::numeric", "1.5"),
    ("2.567::numeric(10,2)", "2.57"),
    ("1.005::numeric(10,2)", "1.01"),
    ("true::text", "true"),
    ("'yes'::boolean", "true"),
    ("cast(3.6 as int)", "4"),
    ("5::text || 'x'", "5x"),
    ("'abcdef'::varchar(3)", "abc"),
    ("'2026-01-31'::date + 1", "2026-02-01"),
    ("'{a,\"b c\"}'::text[]", "[\"a\",\"b c\"]"),
    ("array['a', 'b c']::text", "{a,\"b c\"}"),
    ("1.50::numeric(10,2)::text", "1.50"),
    ("'{\"a\": 1}'::jsonb", "{\"a\":1}"),
    ("'A11CE000-0000-4000-8000-000000000001'::uuid", "a11ce000-0000-4000-8000-000000000001"),
    // text
    ("lower('ÄB') || upper('ß')", "äbß"),
    ("length('äöü')", "3"),
    ("substr('hello', 2, 3)", "ell"),
    ("substring('hello' from 2 for 3)", "ell"),
    ("substring('hello', -1, 3)", "h"),
    ("left('hello', -1) || right('hello', 2)", "helllo"),
    ("trim('  a ')", "a"),
    ("trim(both 'x' from 'xxaxx')", "a"),
    ("replace('abab', 'b', 'c')", "acac"),
    ("split_part('a,b,c', ',', 2)", "b"),
    ("split_part('a,b,c', ',', -1)", "c"),
    ("concat('a', null, 1, true)", "a1t"),
    ("concat_ws('-', 'a', null, 'b')", "a-b"),
    ("position('l' in 'hello')", "3"),
    ("lpad('7', 3, '0')", "007"),
    ("initcap('hello world')", "Hello World"),
    ("regexp_replace('abc', '(b)', '[\\1]')", "a[b]c"),
    ("repeat('ab', 2)", "abab"),
    // numbers
    ("round(2.5)", "3.0"),
    ("round(1.005, 2)", "1.01"),
    ("round(-2.345, 2)", "-2.35"),
    ("ceil(1.2) + floor(1.8)", "3.0"),
    ("abs(-3)", "3"),
    ("mod(7, 4)", "3"),
    ("power(2, 3)", "8.0"),
    ("trunc(-1.7)", "-1.0"),
    // time
    ("timestamptz '2026-01-31 10:20:30+02'", "2026-01-31T08:20:30.000000+00:00"),
    ("'2026-01-31'::timestamptz + interval '1 month'", "2026-02-28T00:00:00.000000+00:00"),
    ("'2026-01-31'::timestamptz - interval '1 day 2 hours'", "2026-01-29T22:00:00.000000+00:00"),
    ("date '2026-03-01' - date '2026-02-01'", "28"),
    ("date '2026-03-01' + interval '36 hours'", "2026-03-02T12:00:00.000000+00:00"),
    ("('2026-03-02'::timestamptz - '2026-03-01 12:00'::timestamptz)::text", "12:00:00"),
    ("interval '1 day' * 3 > interval '70 hours'", "true"),
    ("(interval '1 year 2 months 3 days 04:05:06')::text", "1 year 2 mons 3 days 04:05:06"),
    ("date_trunc('month', '2026-05-17 10:00'::timestamptz)", "2026-05-01T00:00:00.000000+00:00"),
    ("date_trunc('week', date '2026-05-17')", "2026-05-11T00:00:00.000000+00:00"),
    ("extract(year from date '2026-05-17')", "2026.0"),
    ("extract(epoch from '1970-01-02'::timestamptz)", "86400.0"),
    ("extract(dow from date '2026-05-17')", "0.0"),
    ("extract(epoch from interval '1 hour')", "3600.0"),
    ("to_char('2026-05-07 15:04:05'::timestamptz, 'YYYY-MM-DD HH24:MI')", "2026-05-07 15:04"),
    ("'2026-05-07 15:04:05'::timestamptz::date", "2026-05-07"),
    ("'2026-05-07 15:04:05.25'::timestamptz::time", "15:04:05.25"),
    (
        "'2026-05-07 15:04:05.123456'::timestamptz + interval '1 microsecond'",
        "2026-05-07T15:04:05.123457+00:00",
    ),
    ("'2026-05-07 15:04:05.5'::timestamptz::text", "2026-05-07 15:04:05.5+00"),
    ("age('2026-03-01'::timestamptz, '2025-01-01'::timestamptz)::text", "1 year 2 mons"),
    ("now() > '2020-01-01' and current_date > date '2020-01-01'", "true"),
    ("current_timestamp < now() + interval '1 minute'", "true"),
    // json
    ("'{\"a\":{\"b\":[1,2]}}'::jsonb -> 'a' -> 'b' ->> 1", "2"),
    ("'{\"a\":true}'::jsonb ->> 'a'", "true"),
    ("'{\"a\":null}'::jsonb ->> 'a'", "null"),
    ("'[1,2,3]'::jsonb -> -1", "3"),
    ("'{\"a\":{\"b\":\"c\"}}'::jsonb #>> '{a,b}'", "c"),
    ("'{\"a\":1,\"b\":2}'::jsonb @> '{\"a\":1}'", "true"),
    ("'{\"a\":1}'::jsonb || '{\"b\":2}'", "{\"a\":1,\"b\":2}"),
    ("'{\"a\":1,\"b\":2}'::jsonb - 'a'", "{\"b\":2}"),
    ("'{\"a\":1}'::jsonb ? 'a'", "true"),
    (
        "json_build_object('a', 1, 'b', true, 'c', null, 'd', json_build_array(1, 'x'))",
        "{\"a\":1,\"b\":true,\"c\":null,\"d\":[1,\"x\"]}",
    ),
    ("jsonb_build_object('t', '2026-01-02T03:04:05Z'::timestamptz)", "{\"t\":\"2026-01-02T03:04:05+00:00\"}"),
    (
        "json_build_object('j', '{\"k\":[1]}'::jsonb, 's', '{\"k\":[1]}')",
        "{\"j\":{\"k\":[1]},\"s\":\"{\\\"k\\\":[1]}\"}",
    ),
    ("to_jsonb('a'::text)", "a"),
    ("jsonb_array_length('[1,2]')", "2"),
    ("jsonb_typeof('{}')", "object"),
    ("jsonb_set('{\"a\":1}', '{a}', '2')", "{\"a\":2}"),
    ("('{\"n\":5}'::jsonb -> 'n')::int + 1", "6"),
    // lists
    ("array[1, 2, 3]", "[1,2,3]"),
    ("2 = any(array[1, 2])", "true"),
    ("3 <> all(array[1, 2])", "true"),
    ("3 <> all(null::int[])", "null"),
    ("array_length(array['a'], 1)", "1"),
    ("array['a', 'b'] @> array['b']", "true"),
    ("array['a'] && array['b']", "false"),
    ("array['a'] || array['b']", "[\"a\",\"b\"]"),
    ("array_append(array['a'], 'b')", "[\"a\",\"b\"]"),
    ("(array['a', 'b'])[2]", "b"),
    ("string_to_array('a,b', ',')", "[\"a\",\"b\"]"),
    ("array_to_string(array['a', 'b'], '-')", "a-b"),
    ("array(select name from tree order by id limit 2)", "[\"root\",\"left\"]"),
    // who asks, and what
    ("auth.role()", "authenticated"),
    ("auth.uid()", "a11ce000-0000-4000-8000-000000000001"),
    ("auth.jwt() ->> 'sub'", "a11ce000-0000-4000-8000-000000000001"),
    ("current_setting('request.jwt.claims', true)::json ->> 'role'", "authenticated"),
    ("current_setting('request.jwt.claim.sub', true)", "a11ce000-0000-4000-8000-000000000001"),
    ("current_setting('request.jwt.claim.role', true)", "authenticated"),
    ("current_setting('request.headers', true)::json ->> 'x-app'", "web"),
    ("current_setting('request.method', true) || current_setting('request.path', true)", "GET/rpc/f"),
    // subqueries
    ("(select max(id) from tree)", "4"),
    ("exists (select 1 from tree where id = 9)", "false"),
    ("2 in (select id from tree)", "true"),
];

#[test]
fn expressions_give_what_postgres_gives() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (text, expected) in TABLE {
        let given = world.ask(&alice(), &format!("select {text} as x"));
        if given.as_deref() != Ok(*expected) {
            wrong.push(format!("{text}\n  gives {given:?}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_random_uuid_is_one_and_differs() {
    let world = World::new();
    let given =
        world.ask(&alice(), "select length(gen_random_uuid()::text), gen_random_uuid() <> gen_random_uuid()");
    assert_eq!(given.as_deref(), Ok("36|true"));
}

#[test]
fn nobody_has_no_id() {
    let world = World::new();
    let given = world.ask(&Identity::anon(), "select auth.uid(), auth.role(), auth.jwt() ->> 'sub'");
    assert_eq!(given.as_deref(), Ok("null|anon|null"));
}

#[test]
fn errors_at_run_time_have_the_codes_of_postgres() {
    let world = World::new();
    let cases = [
        ("select 1 / (id - 1) from tree order by id", "22012: division by zero"),
        ("select name::int from tree", "22P02: invalid input syntax for type integer: \"root\""),
        ("select name ~ '(' from tree", "2201B: invalid regular expression: `(`"),
        (
            "select date_trunc(name, now()) from tree",
            "22023: unit \"root\" not recognized for type timestamp with time zone",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(world.ask(&alice(), query), Err(expected.to_owned()), "{query}");
    }
}
