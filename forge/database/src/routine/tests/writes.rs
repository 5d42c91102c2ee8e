use forge_core::Identity;
use rusqlite::types::Value as Sql;

use super::kit::{World, alice};

fn service(world: &mut World, returns: &str, body: &str) -> Result<String, String> {
    let name = format!("f{}", world.schema.functions.len());
    let function = world.function(&format!(
        "create function {name}() returns {returns} language sql as $body$ {body} $body$"
    ));
    world.call(&Identity::service(), &function, &[])
}

#[test]
fn new_rows_get_their_defaults() {
    let mut world = World::new();
    let add = world.function("create function add(t text) returns posts language sql as $$ insert into posts (title, price) values (t, 2.345) returning * $$");
    let given = world.call(&alice(), &add, &[("t", Sql::Text("x".to_owned()))]).unwrap();
    let cells: Vec<&str> = given.split('|').collect();
    assert_eq!(
        &cells[..8],
        ["5", "a11ce000-0000-4000-8000-000000000001", "x", "draft", "2.35", "0", "null", "null"]
    );
    assert!(cells[8].starts_with("20"), "{given}");
}

#[test]
fn values_of_every_type_come_back_as_they_were() {
    let mut world = World::new();
    let body = "insert into posts (user_id, title, tags, data, at, day, price, likes) \
                select user_id, title || '2', tags, data, at, day, price, likes from posts where id = 1 returning tags, data, at, day, price";
    let given = service(
        &mut world,
        "table(tags text[], data jsonb, at timestamptz, day date, price numeric(10,2))",
        body,
    );
    assert_eq!(
        given.as_deref(),
        Ok(
            "[\"x\",\"y\"]|{\"a\":{\"b\":[1,\"two\",true]},\"n\":null}|2026-01-31T10:20:30.500000+00:00|2026-01-31|1.5"
        )
    );
    let raw = service(
        &mut world,
        "setof bytea",
        "insert into logs (line, raw) select line, raw from logs returning raw",
    );
    assert_eq!(raw.as_deref(), Ok("\\x00ff"));
    assert_eq!(world.count("select count(*) from logs where raw = x'00ff'"), 2);
    let text = service(
        &mut world,
        "setof jsonb",
        "insert into posts (user_id, title, data) select id, 'j', to_jsonb('\"q\"'::text) from users limit 1 returning data",
    );
    assert_eq!(text.as_deref(), Ok("\"q\""));
}

#[test]
fn several_statements_see_one_another() {
    let mut world = World::new();
    let body = "insert into tree values (9, 4, 'new'); update tree set name = name || '!' where id = 9; \
                delete from tree where id = 3; select string_agg(name, ',' order by id) from tree";
    assert_eq!(service(&mut world, "text", body).as_deref(), Ok("root,left,leaf,new!"));
}

#[test]
fn updates_compute_from_the_old_row() {
    let mut world = World::new();
    let swap = service(
        &mut world,
        "setof text",
        "update tree set id = parent + 10, parent = id where parent is not null returning id || ':' || parent",
    );
    assert_eq!(swap.map_err(|error| error.contains("UNIQUE")), Err(true), "two rows would share a key");
    let swap = service(
        &mut world,
        "setof text",
        "update tree set parent = id, id = id + 10 where parent is not null returning id || ':' || parent",
    );
    assert_eq!(swap.as_deref(), Ok("12:2;13:3;14:4"));
    let from = service(
        &mut world,
        "setof text",
        "update posts p set title = p.title || '-' || u.name from users u where u.id = p.user_id and p.id < 3 returning title",
    );
    assert_eq!(from.as_deref(), Ok("alpha-Alice;beta-Alice"));
    let default =
        service(&mut world, "setof int", "update posts set likes = default where id = 1 returning likes");
    assert_eq!(default.as_deref(), Ok("0"));
    let using = service(
        &mut world,
        "setof text",
        "delete from tree t using users u where u.age = 30 and t.id = 1 returning name",
    );
    assert_eq!(using.as_deref(), Ok("root"));
}

#[test]
fn conflicts_are_handled() {
    let mut world = World::new();
    let one = service(
        &mut world,
        "setof text",
        "insert into tree (id, name) values (1, 'a'), (7, 'b') on conflict (id) do update set name = excluded.name || tree.name returning name",
    );
    assert_eq!(one.as_deref(), Ok("b;aroot"));
    let filtered = service(
        &mut world,
        "setof text",
        "insert into tree (id, name) values (1, 'z') on conflict (id) do update set name = 'z' where tree.name = 'other' returning name",
    );
    assert_eq!(filtered.as_deref(), Ok(""));
    let twice = service(
        &mut world,
        "void",
        "insert into tree (id, name) values (50, 'a'), (50, 'b') on conflict (id) do update set name = excluded.name",
    );
    assert_eq!(twice, Err("21000: ON CONFLICT DO UPDATE command cannot affect row a second time".to_owned()));
    let named = service(
        &mut world,
        "void",
        "insert into tree (id, name) values (1, 'q') on conflict on constraint tree_pkey do nothing",
    );
    assert_eq!(named.as_deref(), Ok(""));
}

#[test]
fn foreign_keys_are_checked() {
    let mut world = World::new();
    let message = "23503: insert or update on table \"comments\" violates foreign key constraint \"comments_post_id_fkey\"";
    let insert = service(
        &mut world,
        "void",
        "insert into comments (post_id, body, user_id) values (77, 'x', gen_random_uuid())",
    );
    assert_eq!(insert, Err(message.to_owned()));
    let update = service(&mut world, "void", "update comments set post_id = 77");
    assert_eq!(update, Err(message.to_owned()));
}

#[test]
fn a_table_with_a_column_called_rowid_is_written_all_the_same() {
    let mut world = World::new();
    let table = crate::policy::tests::kit::table("odd", &["rowid integer", "name text"]).label("none");
    world.conn.execute_batch("create table odd (rowid INT primary key, name TEXT not null) strict; insert into odd values (9, 'a'), (8, 'b')").unwrap();
    world.schema.tables.insert("odd".to_owned(), table);
    assert_eq!(
        service(&mut world, "setof int", "update odd set name = 'z' where name = 'a' returning rowid")
            .as_deref(),
        Ok("9")
    );
    assert_eq!(
        service(&mut world, "setof int", "delete from odd where name = 'b' returning rowid").as_deref(),
        Ok("8")
    );
}
