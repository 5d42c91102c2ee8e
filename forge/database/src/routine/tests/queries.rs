use forge_core::Identity;

use super::kit::{World, alice, bob};
use crate::routine::{ResultShape, columns_of_view, computed, view};
use crate::schema::Type;
use rusqlite::types::Value as Sql;

/// Queries of the service, which sees everything, and what they give.
pub(super) const TABLE: &[(&str, &str)] = &[
    ("select title from posts where likes > 0 order by likes desc", "gamma;alpha;delta"),
    ("select title, price from posts order by price nulls first, title limit 2", "beta|null;delta|0.25"),
    ("select title from posts order by price", "delta;alpha;gamma;beta"),
    ("select title from posts order by price desc", "beta;gamma;alpha;delta"),
    ("select title from posts order by 1 offset 3", "gamma"),
    ("select title t from posts order by t desc limit 1", "gamma"),
    ("select distinct state from posts order by state", "draft;published"),
    (
        "select p.title, u.name from posts p join users u on u.id = p.user_id order by p.id",
        "alpha|Alice;beta|Alice;gamma|Bob;delta|Bob",
    ),
    (
        "select t.name, c.name as kid from tree t left join tree c on c.parent = t.id order by t.id, c.id",
        "root|left;root|right;left|leaf;right|null;leaf|null",
    ),
    ("select a.name from tree a right join tree b on a.id = b.parent order by b.id", "null;root;root;left"),
    ("select count(*) from tree a cross join tree b", "16"),
    ("select count(*) from tree a, tree b where a.id = b.parent", "3"),
    (
        "select name, parent from tree join (select id from tree where id > 2) x using (id) order by id",
        "right|1;leaf|2",
    ),
    ("select parent, count(*) from tree group by parent order by parent nulls first", "null|1;1|2;2|1"),
    ("select parent p, count(*) n from tree group by p having count(*) > 1", "1|2"),
    (
        "select count(*) filter (where likes > 1), sum(likes), avg(likes), min(title), max(title) from posts",
        "2|11|2.75|alpha|gamma",
    ),
    ("select sum(price), count(distinct state), count(price) as prices from posts", "11.75|2|3"),
    ("select sum(likes) from posts where false", "null"),
    ("select count(*) from posts having count(*) > 100", ""),
    ("select string_agg(title, ',' order by title) from posts", "alpha,beta,delta,gamma"),
    ("select json_agg(name order by id desc) from tree", "[\"leaf\",\"right\",\"left\",\"root\"]"),
    ("select json_agg(name) from tree where false", "null"),
    ("select array_agg(id order by id) from tree", "[1,2,3,4]"),
    ("select json_object_agg(name, id) from tree where id < 3", "{\"left\":2,\"root\":1}"),
    ("select json_agg(t) from (select id, name from tree where id = 1) t", "[{\"id\":1,\"name\":\"root\"}]"),
    ("select row_to_json(t) from tree t where id = 1", "{\"id\":1,\"name\":\"root\",\"parent\":null}"),
    ("select bool_and(id > 0), bool_or(id > 3) from tree", "true|true"),
    (
        "select name, row_number() over (order by name) from tree order by name",
        "leaf|1;left|2;right|3;root|4",
    ),
    (
        "select name, rank() over (partition by parent order by id desc) r from tree order by id",
        "root|1;left|2;right|1;leaf|1",
    ),
    (
        "select id, sum(id) over (order by id rows between 1 preceding and current row) from tree order by id",
        "1|1;2|3;3|5;4|7",
    ),
    ("select id, lag(name, 1, '-') over (order by id) from tree order by id limit 2", "1|-;2|root"),
    ("select id from tree union select likes from posts order by 1", "0;1;2;3;4;7"),
    ("select id from tree union all select 1 order by id limit 2", "1;1"),
    ("select id from tree intersect select parent from tree order by 1", "1;2"),
    ("select id from tree except (select parent from tree union select 4)", "3"),
    (
        "(select id from tree order by id desc limit 1) union all (select id from tree order by id limit 1)",
        "4;1",
    ),
    ("values (1, 'a'), (2, 'b')", "1|a;2|b"),
    ("select b from (values (1, 'a'), (2, 'b')) v(a, b) where a = 2", "b"),
    ("with x as (select id from tree where id > 2), y(n) as (select id from x) select max(n) from y", "4"),
    (
        "with recursive up as (select id, parent, name from tree where id = 4 union all select t.id, t.parent, t.name from tree t join up on t.id = up.parent) select name from up order by id",
        "root;left;leaf",
    ),
    (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select sum(i) from n",
        "15",
    ),
    (
        "select name from tree t where exists (select 1 from tree c where c.parent = t.id) order by id",
        "root;left",
    ),
    (
        "select name, (select count(*) from tree c where c.parent = t.id) as kids from tree t order by id",
        "root|2;left|1;right|0;leaf|0",
    ),
    ("select * from tree where id = 1", "1|null|root"),
    ("select t.*, 1 as one from tree t where id = 1", "1|null|root|1"),
    ("select p.title, tag from posts p, unnest(p.tags) as tag order by tag", "alpha|x;alpha|y"),
    ("select e from jsonb_array_elements('[1,\"a\",null,{\"b\":2}]'::jsonb) e", "1;a;null;{\"b\":2}"),
    ("select value from jsonb_array_elements_text('[1,\"a\",true]')", "1;a;true"),
    ("select key, value from jsonb_each_text('{\"a\":1,\"b\":\"x\"}') order by key", "a|1;b|x"),
    ("select g from generate_series(1, 3) g", "1;2;3"),
    ("select n from generate_series(5, 1, -2) as s(n)", "5;3;1"),
    (
        "select d::date from generate_series('2026-01-30'::timestamptz, '2026-02-01', interval '1 day') d",
        "2026-01-30;2026-01-31;2026-02-01",
    ),
    ("select title from posts order by state desc, id", "alpha;gamma;beta;delta"),
    ("select state, title from posts where state = 'draft' order by at", "draft|beta;draft|delta"),
    ("select title from posts where at >= '2026-03-01' and day = '2026-03-05'", "gamma"),
    ("select data -> 'a' -> 'b' ->> 1 from posts where id = 1", "two"),
    ("select title from posts where 'x' = any(tags)", "alpha"),
    (
        "select title from posts where id in (select post_id from comments where body like '%a')",
        "alpha;beta;gamma;delta",
    ),
    ("select public.posts.title from public.posts where posts.id = 1", "alpha"),
    ("select \"Up\" from (select 1 as \"Up\") s", "1"),
    ("select 2, count(*) from tree group by 1", "2|4"),
    ("select name from tree order by id limit null", "root;left;right;leaf"),
    (
        "select date_trunc('month', at) m, count(*) from posts group by 1 order by 1",
        "2026-01-01T00:00:00.000000+00:00|1;2026-02-01T00:00:00.000000+00:00|1;2026-03-01T00:00:00.000000+00:00|2",
    ),
    ("select null as a union select 1", "null;1"),
    ("select encode(raw, 'hex'), raw from logs", "00ff|\\x00ff"),
];

#[test]
fn queries_give_what_postgres_gives() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (text, expected) in TABLE {
        let given = world.ask(&Identity::service(), text);
        if given.as_deref() != Ok(*expected) {
            wrong.push(format!("{text}\n  gives {given:?}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn columns_of_views_lead_back_to_their_tables() {
    let mut world = World::new();
    world.view("inner_view", "select p.id, p.user_id as owner, u.name, likes + 1 as more from posts p left join users u on u.id = p.user_id");
    world.view("outer_view", "select owner, name, more, count(*) as n from inner_view group by 1, 2, 3");
    let columns = columns_of_view(&world.schema, "outer_view").unwrap();
    let shown: Vec<String> = columns
        .iter()
        .map(|column| {
            let from =
                column.origin.as_ref().map_or("-".to_owned(), |(table, name)| format!("{table}.{name}"));
            format!("{} {} {} {}", column.name, column.ty, from, column.nullable)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "owner uuid posts.user_id false",
            "name text users.name true",
            "more integer - true",
            "n bigint - true"
        ]
    );
}

#[test]
fn functions_are_called_with_arguments() {
    let mut world = World::new();
    let sum = world.function(
        "create function add(a int, b int default 10) returns int language sql immutable as 'select a + $2'",
    );
    assert_eq!(
        world.call(&alice(), &sum, &[("a", Sql::Integer(1)), ("b", Sql::Integer(2))]),
        Ok("3".to_owned())
    );
    assert_eq!(world.call(&alice(), &sum, &[("a", Sql::Integer(1))]), Ok("11".to_owned()), "b has a default");
    let missing = world.call(&alice(), &sum, &[("b", Sql::Integer(1))]);
    assert_eq!(missing, Err("42883: the argument `a` is missing".to_owned()));
    let found = world.function(
        "create function find(part text) returns setof posts language sql stable as $$ select * from posts where title like '%' || part || '%' order by id $$",
    );
    let given = world.call(&alice(), &found, &[("part", Sql::Text("a".to_owned()))]).unwrap();
    assert_eq!(given.matches(';').count(), 2, "{given}"); // alpha, beta and gamma; not Bob's draft
    let table = world.function(
        "create function tops(least int) returns table(title text, likes bigint) language sql stable as $$ select title, likes from posts where likes >= least order by likes $$",
    );
    assert_eq!(
        world.call(&bob(), &table, &[("least", Sql::Integer(1))]),
        Ok("delta|1;alpha|3;gamma|7".to_owned())
    );
    let none = world.function(
        "create function nothing() returns tree language sql stable as 'select * from tree where false'",
    );
    assert_eq!(world.call(&bob(), &none, &[]), Ok("null|null|null".to_owned()));
    let value = world.function(
        "create function nobody() returns text language sql stable as 'select name from tree where false'",
    );
    assert_eq!(world.call(&bob(), &value, &[]), Ok("null".to_owned()));
}

#[test]
fn functions_call_functions_and_views() {
    let mut world = World::new();
    world.view("published", "select id, title, user_id from posts where state = 'published'");
    world.function("create function twice(n int) returns int language sql immutable as 'select n * 2'");
    world.function(
        "create function more(n int) returns int language sql immutable as 'select twice(n) + twice(n + 1)'",
    );
    world.function("create function of_tree(above int) returns setof tree language sql stable as 'select t from tree t where t.id > above order by id'");
    assert_eq!(world.ask(&alice(), "select more(id) from tree order by id"), Ok("6;10;14;18".to_owned()));
    assert_eq!(
        world.ask(&alice(), "select name from of_tree(above => 2) order by name"),
        Ok("leaf;right".to_owned())
    );
    assert_eq!(world.ask(&alice(), "select n from more(3) as n"), Ok("14".to_owned()));
    assert_eq!(
        world.ask(&alice(), "select title from published p where p.user_id = auth.uid()"),
        Ok("alpha".to_owned())
    );
}

#[test]
fn a_function_of_a_row_is_a_column() {
    let mut world = World::new();
    let shout = world.function("create function shout(posts) returns text language sql immutable as $$ select upper($1.title) || '!' $$");
    let named = world.function("create function label(p posts) returns text language sql stable as $$ select p.title || ' by ' || name from users where id = p.user_id $$");
    let many = world.function("create function remarks(p posts) returns setof comments language sql stable as $$ select * from comments where post_id = p.id $$");
    let column = computed(&world.schema, &alice().role, &shout, "x").unwrap();
    let labelled = computed(&world.schema, &alice().role, &named, "x").unwrap();
    let related = computed(&world.schema, &alice().role, &many, "x").unwrap();
    assert_eq!((column.shape, related.shape), (ResultShape::Value, ResultShape::Rows));
    assert_eq!(column.columns, [("shout".to_owned(), Type::Text)]);
    let sql = format!(
        "select ({}), ({}), (select count(*) from ({}) as r) from posts as x where x.id = 1",
        column.sql, labelled.sql, related.sql
    );
    let mut statement = world.conn.prepare(&sql).unwrap();
    for at in 1..=statement.parameter_count() {
        let name = statement.parameter_name(at).unwrap_or_default().to_owned();
        let value = if name == ":auth_uid" { crate::policy::tests::kit::ALICE } else { "authenticated" };
        statement.raw_bind_parameter(at, value).unwrap();
    }
    let mut rows = statement.raw_query();
    let row = rows.next().unwrap().unwrap();
    let given: (String, String, i64) = (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
    assert_eq!(given, ("ALPHA!".to_owned(), "alpha by Alice".to_owned(), 1));
}

#[test]
fn a_view_has_parameters_only_for_who_asks() {
    let mut world = World::new();
    world.view("mine", "select title from posts");
    let compiled = view(&world.schema, &alice().role, "mine").unwrap();
    let names: Vec<String> = compiled.params.iter().map(crate::routine::Param::name).collect();
    assert_eq!(names, [":auth_uid"]);
    assert!(view(&world.schema, &Identity::service().role, "mine").unwrap().params.is_empty());
}
