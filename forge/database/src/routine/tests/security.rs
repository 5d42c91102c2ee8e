use forge_core::Identity;
use rusqlite::types::Value as Sql;

use serde_json::json;

use super::kit::{World, alice, bob, shown};
use crate::policy::tests::kit::{ALICE, BOB, sign_up};
use crate::routine;
use crate::routine::create::{Created, create};
use crate::schema::{ColumnGrant, Command};

/// Ways to look at posts. Each must give what Alice may see: her own two and the published one of Bob.
const WAYS: &[&str] = &[
    "select title from posts order by id",
    "select x.title from (select * from posts) x order by x.id",
    "with p as (select * from posts) select title from p order by id",
    "select title from posts where title = 'delta' or true order by id",
    "select p.title from posts p right join tree t on false right join posts q on q.id = p.id or p.id is null where p.title is not null union select title from posts order by 1",
    "select title from posts union select title from posts order by 1",
    "select unnest_title from (select title as unnest_title from posts) s order by 1",
    "select title from published_or_mine order by id",
    "select title from all_posts() order by 1",
    "select (select q.title from posts q where q.id = p.id) from posts p order by p.id",
    "select title from posts where exists (select 1 from posts) order by id",
    "with recursive r(id, title) as (select id, title from posts where id = 1 union select p.id, p.title from posts p join r on p.id > r.id) select title from r order by id",
    "select j ->> 'title' from (select jsonb_array_elements.value as j from jsonb_array_elements((select jsonb_agg(p order by id) from posts p))) s",
    "select title from posts p left join users u on u.id = p.user_id order by p.id",
];

#[test]
fn no_way_leads_around_the_policies() {
    let mut world = World::new();
    world.view("published_or_mine", "select * from posts");
    world.function(
        "create function all_posts() returns setof posts language sql stable as 'select * from posts'",
    );
    for way in WAYS {
        assert_eq!(world.ask(&alice(), way), Ok("alpha;beta;gamma".to_owned()), "{way}");
        assert_eq!(world.ask(&bob(), way).map(|given| given.contains("beta")), Ok(false), "{way}");
        assert_eq!(world.ask(&Identity::anon(), way), Ok("alpha;gamma".to_owned()), "{way}");
    }
}

#[test]
fn counts_sums_and_existence_stop_at_the_policies() {
    let world = World::new();
    let cases = [
        ("select count(*) from posts", "3", "2", "4"),
        ("select sum(likes) from posts", "10", "10", "11"),
        ("select exists (select 1 from posts where title = 'delta')", "false", "false", "true"),
        ("select max(price) filter (where state = 'draft') from posts", "null", "null", "0.25"),
        ("select count(*) from users", "1", "0", "2"),
        ("select count(*) from logs", "0", "0", "1"),
        ("select count(*) over () from posts limit 1", "3", "2", "4"),
        ("select count(*) from comments c join posts p on p.id = c.post_id", "3", "2", "4"),
        ("select 4 in (select id from posts)", "false", "false", "true"),
        ("select count(u.name) from posts p left join users u on u.id = p.user_id", "2", "0", "4"),
    ];
    for (query, hers, theirs, all) in cases {
        assert_eq!(world.ask(&alice(), query).as_deref(), Ok(hers), "{query}");
        assert_eq!(world.ask(&Identity::anon(), query).as_deref(), Ok(theirs), "{query}");
        assert_eq!(world.ask(&Identity::service(), query).as_deref(), Ok(all), "{query}");
    }
}

#[test]
fn a_function_writes_what_its_caller_may_write() {
    let mut world = World::new();
    let add = world.function("create function add(who uuid, name text) returns setof posts language sql as $$ insert into posts (user_id, title) values (who, name) returning * $$");
    let mine = [("who", Sql::Text(alice().subject.unwrap())), ("name", Sql::Text("new".to_owned()))];
    let given = world.call(&alice(), &add, &mine).unwrap();
    assert!(given.starts_with("5|a11ce000"), "{given}");
    let denied = Err("42501: new row violates row-level security policy for table \"posts\"".to_owned());
    assert_eq!(world.call(&bob(), &add, &mine), denied);
    assert_eq!(world.call(&Identity::anon(), &add, &mine), denied);
    assert_eq!(world.count("select count(*) from posts"), 5);
}

#[test]
fn an_error_about_a_constraint_tells_nothing_to_who_may_not_write() {
    let mut world = World::new();
    let add = world.function("create function add() returns void language sql as $$ insert into posts (user_id, title) values (null, 'alpha') $$");
    let given = world.call(&Identity::anon(), &add, &[]);
    assert_eq!(
        given,
        Err("42501: new row violates row-level security policy for table \"posts\"".to_owned())
    );
}

#[test]
fn updates_and_deletes_reach_what_their_caller_reaches() {
    let mut world = World::new();
    let like = world.function("create function likes_all() returns setof int language sql as 'update posts set likes = likes + 1 returning id'");
    assert_eq!(world.call(&alice(), &like, &[]), Ok("1;2".to_owned()));
    assert_eq!(world.call(&Identity::anon(), &like, &[]), Ok(String::new()));
    let give = world.function(&format!("create function give() returns void language sql as $$ update posts set user_id = '{}' where id = 1 $$", bob().subject.unwrap()));
    assert!(
        world.call(&alice(), &give, &[]).unwrap_err().starts_with("42501"),
        "a post cannot be given away"
    );
    let through = world.function("create function through() returns void language sql as 'update posts set title = (select string_agg(p.title, $$+$$ order by id) from posts p) where id = 2'");
    world.call(&alice(), &through, &[]).unwrap();
    assert_eq!(
        world.ask(&alice(), "select title from posts where id = 2"),
        Ok("alpha+beta+gamma".to_owned())
    );
    let gone = world.function(
        "create function gone() returns setof text language sql as 'delete from posts returning title'",
    );
    assert_eq!(world.call(&bob(), &gone, &[]), Ok("gamma;delta".to_owned()));
    assert_eq!(world.count("select count(*) from posts"), 2);
}

#[test]
fn an_update_cannot_look_at_rows_that_its_caller_cannot_read() {
    let mut world = World::new();
    let touch = world.function("create function touch() returns setof int language sql as $$ update posts p set likes = 99 from posts q where q.title = 'delta' returning id $$");
    assert_eq!(world.call(&alice(), &touch, &[]), Ok(String::new()));
    let delete = world.function("create function wipe() returns setof int language sql as $$ delete from posts p using logs l returning id $$");
    assert_eq!(world.call(&alice(), &delete, &[]), Ok(String::new()));
    assert_eq!(world.count("select count(*) from posts where likes = 99"), 0);
}

#[test]
fn a_change_that_looks_at_rows_obeys_the_policies_for_reading() {
    let mut world = World::new();
    let add = "insert into comments (post_id, body) values (4, 'blind')";
    let add = world.function(&format!("create function add() returns void language sql as $$ {add} $$"));
    world.call(&alice(), &add, &[]).unwrap();
    let looks = "update comments set body = 'seen' where body = 'blind'";
    let looks =
        world.function(&format!("create function looks() returns void language sql as $$ {looks} $$"));
    world.call(&alice(), &looks, &[]).unwrap();
    assert_eq!(world.count("select count(*) from comments where body = 'seen'"), 0, "her own, but hidden");
    let gone = "delete from comments where body = 'blind'";
    let gone = world.function(&format!("create function gone() returns void language sql as $$ {gone} $$"));
    world.call(&alice(), &gone, &[]).unwrap();
    assert_eq!(world.count("select count(*) from comments where body = 'blind'"), 1);
    let all =
        world.function("create function all_gone() returns void language sql as 'delete from comments'");
    world.call(&alice(), &all, &[]).unwrap();
    assert_eq!(world.count("select count(*) from comments where body = 'blind'"), 0, "it does not look");
}

#[test]
fn an_upsert_obeys_both_policies() {
    let mut world = World::new();
    let put = world.function(
        "create function put(name text, n int) returns setof text language sql as $$
           insert into posts (title, likes) values (name, n)
           on conflict (title) do update set likes = posts.likes + excluded.likes
           returning title || ':' || likes $$",
    );
    let given = |name: &str| [("name", Sql::Text(name.to_owned())), ("n", Sql::Integer(10))];
    assert_eq!(world.call(&alice(), &put, &given("beta")), Ok("beta:10".to_owned()));
    assert_eq!(world.call(&alice(), &put, &given("fresh")), Ok("fresh:10".to_owned()));
    let denied = "42501: new row violates row-level security policy (USING expression) for table \"posts\"";
    assert_eq!(world.call(&alice(), &put, &given("gamma")), Err(denied.to_owned()), "it is Bob's");
    assert_eq!(world.call(&alice(), &put, &given("delta")), Err(denied.to_owned()), "and hidden");
    assert!(world.call(&Identity::anon(), &put, &given("beta")).unwrap_err().starts_with("42501"));
    assert_eq!(world.count("select likes from posts where title = 'gamma'"), 7);
    let skip = world.function("create function skip() returns setof text language sql as $$ insert into posts (title) values ('delta'), ('other') on conflict do nothing returning title $$");
    assert_eq!(world.call(&alice(), &skip, &[]), Ok("other".to_owned()));
}

#[test]
fn what_is_returned_must_be_readable() {
    let mut world = World::new();
    let log = world.function("create function log() returns setof int language sql as $$ insert into comments (post_id, body) values (4, 'hi') returning id $$");
    let quiet = world.function("create function quiet() returns void language sql as $$ insert into comments (post_id, body) values (4, 'hi') $$");
    assert!(
        world.call(&alice(), &log, &[]).unwrap_err().starts_with("42501"),
        "Bob's draft hides its comments"
    );
    assert_eq!(world.call(&alice(), &quiet, &[]), Ok(String::new()));
    assert_eq!(world.count("select count(*) from comments"), 5);
}

#[test]
fn column_grants_bind() {
    let mut world = World::new();
    world
        .function("create function price_of(posts) returns numeric language sql stable as 'select $1.price'");
    world.view("prices", "select price from posts");
    let grant = |command, columns: &[&str]| ColumnGrant {
        role: "authenticated".to_owned(),
        command,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
    };
    let posts = world.schema.tables.get_mut("posts").unwrap();
    posts.grants = vec![grant(Command::Select, &["id", "title"]), grant(Command::Update, &["title"])];
    world.schema.tables.get_mut("tree").unwrap().grants = vec![grant(Command::Select, &[])];
    let denied = |table: &str| Err(format!("42501: permission denied for table {table}"));
    assert_eq!(world.ask(&alice(), "select title from posts where id = 1"), Ok("alpha".to_owned()));
    for hidden in [
        "select price from posts",
        "select * from posts",
        "select title from posts order by price",
        "select title from posts where likes > 1",
        "select p from posts p",
        "select count(*) from posts group by state",
        "select * from prices",
    ] {
        assert_eq!(world.ask(&alice(), hidden), denied("posts"), "{hidden}");
    }
    assert_eq!(world.ask(&alice(), "select count(*) from tree"), denied("tree"));
    assert_eq!(world.ask(&Identity::anon(), "select count(*) from tree"), Ok("4".to_owned()));
    let price = world.schema.functions["price_of"][0].clone();
    let compiled =
        routine::computed(&world.schema, &alice().role, &price, "x").map_err(|error| shown(&error));
    assert_eq!(compiled.map(|inline| inline.sql), denied("posts"));
    let set = world
        .function("create function set_likes() returns void language sql as 'update posts set likes = 5'");
    assert_eq!(world.call(&alice(), &set, &[]), denied("posts"));
    assert_eq!(world.call(&Identity::service(), &set, &[]), Ok(String::new()));
}

#[test]
fn arguments_are_values_and_nothing_else() {
    let mut world = World::new();
    let find = world.function("create function find(part text) returns setof text language sql stable as 'select title from posts where title = part'");
    for attack in
        ["' or 1=1 --", "alpha' union select line from logs --", "\"posts\".\"title\"", ":auth_uid", "\0"]
    {
        assert_eq!(
            world.call(&alice(), &find, &[("part", Sql::Text(attack.to_owned()))]),
            Ok(String::new()),
            "{attack}"
        );
    }
}

#[test]
fn names_and_literals_are_quoted() {
    let world = World::new();
    let query =
        "select 'it''s'' ; drop table posts --' as \"a\"\"; drop table posts --\" from tree where id = 1";
    assert_eq!(world.ask(&alice(), query), Ok("it's' ; drop table posts --".to_owned()));
}

#[test]
fn views_and_functions_find_the_one_who_asks() {
    let mut world = World::new();
    sign_up(&world.conn, ALICE, "alice@example.com");
    sign_up(&world.conn, BOB, "bob@example.com");
    world.view("me", "select u.*, (select count(*) from auth.users) as known from auth.users u");
    world.view("named", "select a.mail from auth.users as a(i, mail)");
    let function = world.function(
        "create function address() returns text language sql stable as 'select email from me join auth.users using (id, email)'",
    );
    for query in [
        "select email from me",
        "select users.email from auth.users",
        "select mail from named",
        "select email from \"auth\".\"users\" where id is not null",
        "select address()",
        "select u.email from posts p join auth.users u on u.id = p.user_id where p.title in ('alpha', 'gamma')",
    ] {
        assert_eq!(world.ask(&alice(), query).as_deref(), Ok("alice@example.com"), "{query}");
        assert_eq!(world.ask(&bob(), query).as_deref(), Ok("bob@example.com"), "{query}");
        for nobody in [Identity::anon(), Identity::service()] {
            let seen = world.ask(&nobody, query).unwrap();
            assert!(seen.is_empty() || seen == "null", "{query}: {seen}");
        }
    }
    assert_eq!(world.call(&bob(), &function, &[]).as_deref(), Ok("bob@example.com"));
    assert_eq!(world.ask(&alice(), "select known from me").as_deref(), Ok("1"));
    for (query, told) in [
        ("select encrypted_password from auth.users", "42703"),
        ("select * from auth.sessions", "42P01"),
        ("select * from \"auth.users\"", "42P01"),
    ] {
        let refused = world.ask(&Identity::service(), query).unwrap_err();
        assert!(refused.contains(told), "{query}: {refused}");
    }
    for body in [
        "update auth.users set role = ''x''",
        "delete from auth.users",
        "insert into auth.users (id) values (null)",
        "insert into users select id, encrypted_password from auth.users",
    ] {
        let text = format!("create function f() returns void language sql as '{body}'");
        let Ok(Created::Function(function)) = create(&text, &world.schema) else {
            continue;
        };
        assert!(routine::check_function(&world.schema, &function).is_err(), "{body}");
    }
}

#[test]
fn grants_are_asked_for_by_resource_and_access() {
    let world = World::new();
    let granted = |grants: serde_json::Value, query: &str| {
        let mut who = alice();
        who.claims = json!({ "grants": grants });
        world.ask(&who, query).unwrap_or_else(|error| panic!("{query}: {error}"))
    };
    for (grants, read, write, control, all) in [
        (json!(["posts:read"]), true, false, false, false),
        (json!(["posts:write"]), true, true, false, false),
        (json!(["posts:control", 7, null]), true, true, true, false),
        (json!(["posts:*"]), true, true, true, true),
        (json!(["users:*", "*:write"]), true, true, false, false),
        (
            json!(["post:*", "posts", "posts:", "*", "POSTS:*", "posts:*:x", ["posts:*"]]),
            false,
            false,
            false,
            false,
        ),
        (json!("posts:*"), false, false, false, false),
        (json!({ "a": "posts:*" }), false, false, false, false),
        (json!(null), false, false, false, false),
    ] {
        for (access, may) in [("read", read), ("write", write), ("control", control), ("*", all)] {
            let query = format!("select auth.can('posts', '{access}')");
            assert_eq!(granted(grants.clone(), &query), may.to_string(), "{grants} {access}");
        }
    }
    let mine = "select title from posts where auth.can(title, 'write') order by id";
    assert_eq!(granted(json!(["alpha:write", "gamma:control", "beta:read"]), mine), "alpha;gamma");
    assert_eq!(granted(json!(["*:read"]), "select auth.can(null, 'read')"), "true");
    assert_eq!(granted(json!(["x:read"]), "select auth.can(null, 'read')"), "false");
    assert_eq!(world.ask(&Identity::anon(), "select auth.can('posts', 'read')").as_deref(), Ok("false"));
    for wrong in ["('posts', title)", "('posts')", "(1, 'read')", "('posts', 'rule')", "(likes, 'read')"] {
        assert!(world.ask(&alice(), &format!("select auth.can{wrong} from posts")).is_err(), "{wrong}");
    }
}
