use super::kit::{World, alice, shown};
use crate::routine::create::create;
use crate::routine::{check_function, check_view};
use crate::schema::View;

/// Queries that no view can be, and why.
const TABLE: &[(&str, &str)] = &[
    // names
    ("select 1 from nowhere", "42P01: relation \"nowhere\" does not exist"),
    ("select 1 from other.posts", "42P01: relation \"other.posts\" does not exist"),
    ("select nothing from posts", "42703: column \"nothing\" does not exist"),
    ("select p.nothing from posts p", "42703: column p.nothing does not exist"),
    ("select q.id from posts p", "42P01: missing FROM-clause entry for table \"q\""),
    ("select posts.id from posts p", "42P01: missing FROM-clause entry for table \"posts\""),
    ("select id from posts, tree", "42702: column reference \"id\" is ambiguous"),
    ("select 1 from tree, tree", "42712: table name \"tree\" specified more than once"),
    ("select nothing(1)", "42883: function nothing(integer) does not exist"),
    ("select lower(1)", "42883: function lower(integer) does not exist"),
    ("select \"%div\"(1, 2)", "42883: function %div does not exist with these arguments"),
    ("select auth.nothing()", "42883: function auth.nothing() does not exist"),
    ("select pg_sleep(1)", "42883: function pg_sleep(integer) does not exist"),
    ("select load_extension('x')", "42883: function load_extension(unknown) does not exist"),
    ("select '1'::nothing", "42704: type \"nothing\" does not exist on SQLite"),
    ("select $1", "42P02: there is no parameter $1"),
    ("select id as a, name as a from tree", "42701: column \"a\" specified more than once"),
    ("select sql from sqlite_schema", "42P01: relation \"sqlite_schema\" does not exist"),
    ("select 1 from _loki_schema", "42P01: relation \"_loki_schema\" does not exist"),
    ("select rowid from tree", "42703: column \"rowid\" does not exist"),
    // types
    ("select 1 = 'a'", "22P02: invalid input syntax for type integer: \"a\""),
    ("select id = name from tree", "42883: operator does not exist: integer = text"),
    ("select user_id = title from posts", "42883: operator does not exist: uuid = text"),
    ("select state = 'nothing' from posts", "22P02: invalid input value for enum state: \"nothing\""),
    ("select '2026-13-01'::date", "22008: date/time field value out of range: \"2026-13-01\""),
    ("select interval 'much'", "22007: invalid input syntax for type interval: \"much\""),
    ("select id from tree where name", "42804: a condition must be type boolean, not type text"),
    (
        "select case when true then 1 else now() end",
        "42804: CASE types integer and timestamp with time zone cannot be matched",
    ),
    ("select true::date", "42846: cannot cast type boolean to date"),
    (
        "select id from tree union select name from tree",
        "42804: UNION types integer and text cannot be matched",
    ),
    (
        "select id, name from tree union select id from tree",
        "42601: each UNION query must have the same number of columns",
    ),
    ("select (select id, name from tree)", "42601: subquery must return only one column"),
    // groups
    (
        "select name, count(*) from tree",
        "42803: column \"tree.name\" must appear in the GROUP BY clause or be used in an aggregate function",
    ),
    ("select id from tree where count(*) > 1", "42803: aggregate functions are not allowed in WHERE"),
    ("select sum(count(*)) from tree", "42803: aggregate function calls cannot be nested"),
    ("select row_number() from tree", "42809: window function row_number requires an OVER clause"),
    ("select id from tree order by 2", "42P10: ORDER BY position 2 is not in select list"),
    (
        "select distinct id from tree order by name",
        "42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list",
    ),
    // what does not run here
    ("select distinct on (id) id from tree", "0A000: `distinct on` cannot run on SQLite"),
    ("select 1 from tree for update", "0A000: `for update` cannot run on SQLite"),
    (
        "select x.n from tree t, lateral (select t.id as n) x",
        "0A000: a lateral subquery that uses the sources beside it cannot run on SQLite",
    ),
    ("select * from tree natural join posts", "0A000: `natural join` cannot run on SQLite"),
    ("select id from tree group by rollup (id)", "0A000: `ROLLUP (id)` cannot run on SQLite"),
    ("select now() at time zone 'Europe/Berlin'", "0A000: a time zone other than 'UTC' cannot run on SQLite"),
    ("select current_setting('search_path')", "0A000: the setting `search_path` cannot run on SQLite"),
    (
        "select string_agg(distinct name, ',') from tree",
        "0A000: `distinct` with more than one expression in `string_agg` cannot run on SQLite",
    ),
    ("select 1 <-> 2", "0A000: the operator `<->` cannot run on SQLite"),
    (
        "with x as (insert into tree values (9, 1, 'x') returning id) select id from x",
        "0A000: `INSERT INTO tree VALUES (9, 1, 'x') RETU` as a query cannot run on SQLite",
    ),
    ("select 1 into x", "0A000: `select into` cannot run on SQLite"),
    ("select 1; select 2", "42601: a view is one query"),
    ("delete from tree", "42601: a view is one query"),
    ("drop table tree", "0A000: `DROP TABLE` in a function cannot run on SQLite"),
    ("", "42601: a view is one query"),
];

#[test]
fn what_cannot_be_is_refused_by_name() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (text, expected) in TABLE {
        let view = View { name: "asked".to_owned(), query: (*text).to_owned() };
        let given = check_view(&world.schema, &view).map(|_| ()).map_err(|error| shown(&error));
        if given.as_ref().err().map(String::as_str) != Some(*expected) {
            wrong.push(format!("{text}\n  gives {given:?}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_says_where_and_what_instead() {
    let world = World::new();
    let view = View { name: "v".to_owned(), query: "select id,\n  titel from posts".to_owned() };
    let error = check_view(&world.schema, &view).unwrap_err();
    assert_eq!(error.to_string(), "column \"titel\" does not exist (line 2, column 3)");
    assert_eq!(error.hint.as_deref(), Some("did you mean `title`?"));
    let view = View { name: "v".to_owned(), query: "select id from posts where )".to_owned() };
    let error = check_view(&world.schema, &view).unwrap_err();
    assert_eq!((error.code, error.at.is_some()), ("42601", true), "{error}");
}

/// Functions that cannot be, and why.
const FUNCTIONS: &[(&str, &str)] = &[
    (
        "create function f() returns int language plpgsql as $$ begin return 1; end $$",
        "0A000: LANGUAGE plpgsql cannot run on SQLite",
    ),
    (
        "create function f() returns int language sql security definer as 'select 1'",
        "0A000: SECURITY DEFINER cannot run on SQLite",
    ),
    (
        "create function f() returns nothing language sql as 'select 1'",
        "42704: type \"nothing\" does not exist, or cannot be an argument or a result here",
    ),
    (
        "create function f() returns int language sql as 'select 1, 2'",
        "42P13: return type mismatch in function \"f\": the last statement gives 2 columns, 1 are declared",
    ),
    (
        "create function f() returns int language sql as 'select now()'",
        "42P13: return type mismatch in function \"f\": \"f\" is of type integer but expression is of type timestamp with time zone",
    ),
    (
        "create function f() returns int language sql as 'delete from tree'",
        "42P13: return type mismatch in function \"f\"",
    ),
    (
        "create function f() returns int language sql stable as 'delete from tree returning id'",
        "42P13: the function \"f\" writes, so it cannot be stable or immutable",
    ),
    (
        "create function f() returns void language sql as 'truncate tree'",
        "0A000: `TRUNCATE tree` in a function cannot run on SQLite",
    ),
    (
        "create function f() returns void language sql as 'insert into tree values (1, 2, 3, 4)'",
        "42601: INSERT has more expressions than target columns",
    ),
    (
        "create function f() returns void language sql as 'insert into tree (idd) values (1)'",
        "42703: column \"idd\" of relation \"tree\" does not exist",
    ),
    (
        "create function f() returns void language sql as 'update tree set name = now() where id = $1'",
        "42P02: there is no parameter $1",
    ),
    (
        "create function f() returns void language sql as $$ insert into tree (id) values ('x') $$",
        "22P02: invalid input syntax for type integer: \"x\"",
    ),
    (
        "create function f() returns void language sql as $$ insert into posts (at) values (true) $$",
        "42804: column \"at\" is of type timestamp with time zone but expression is of type boolean",
    ),
    (
        "create function f() returns void language sql as $$ insert into tree (id) values (1) on conflict (name) do nothing $$",
        "42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification",
    ),
    (
        "create function f() returns void language sql as $$ insert into tree (id) values (1) on conflict do update set name = 'x' $$",
        "42601: ON CONFLICT DO UPDATE requires inference specification or constraint name",
    ),
    (
        "create function f() returns void language sql as $$ update tree set id = 1, id = 2 $$",
        "42601: multiple assignments to same column \"id\"",
    ),
    (
        "create function f(a int, a int) returns int language sql as 'select 1'",
        "42P13: parameter name \"a\" used more than once",
    ),
    (
        "create function f(a int default 1, b int) returns int language sql as 'select 1'",
        "42P13: input parameters after one with a default value must also have defaults",
    ),
    ("create function f() returns int language sql as 'select f()'", "42883: function f() does not exist"),
];

#[test]
fn functions_that_cannot_be_are_refused_by_name() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (text, expected) in FUNCTIONS {
        let given = create(text, &world.schema).and_then(|created| match created {
            crate::routine::create::Created::Function(function) => {
                check_function(&world.schema, &function).map(drop)
            }
            crate::routine::create::Created::View(_) => Ok(()),
        });
        let given = given.map_err(|error| shown(&error));
        if given.as_ref().err().map(String::as_str) != Some(*expected) {
            wrong.push(format!("{text}\n  gives {given:?}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_calls_itself_is_refused() {
    let mut world = World::new();
    let function = world.function("create function f(n int) returns int language sql stable as 'select n'");
    world.schema.functions.get_mut("f").unwrap()[0].body = "select f(n - 1)".to_owned();
    let looped = crate::schema::Function { body: "select f(n - 1)".to_owned(), ..function };
    let error = check_function(&world.schema, &looped).unwrap_err();
    assert_eq!(error.code, "54001", "{error}");
    world.view("v", "select * from v");
    assert!(world.ask(&alice(), "select * from v").unwrap_err().starts_with("54001"));
}

#[test]
fn an_argument_that_cannot_be_moved_is_refused() {
    let mut world = World::new();
    world.function("create function twice(n double precision) returns double precision language sql immutable as 'select n + n'");
    let message = "0A000: an aggregate or a random value as an argument of `twice` cannot run on SQLite";
    for query in ["select twice(count(*)::double precision) from tree", "select twice(random())"] {
        assert_eq!(world.ask(&alice(), query), Err(message.to_owned()));
    }
}
