use forge_core::{Identity, Role};
use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::policy::Side;
use crate::policy::sqlite::predicate;
use crate::policy::tests::kit::{ALICE, ALL, BOB, database, policy, schema, table};
use crate::schema::{Command, Schema};

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("a row is an object, not {other}"),
    }
}

fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().map(|row| row[column].as_str().unwrap_or("null").to_owned()).collect()
}

fn blog() -> Schema {
    schema(vec![
        table("users", &["id uuid", "name text"]).label("own-row"),
        table(
            "posts",
            &["id uuid = uuid", "user_id uuid = me -> users.id", "title text", "at timestamptz = now"],
        )
        .label("own-row"),
        table("pages", &["id uuid = uuid", "user_id uuid", "is_public boolean = false", "title text"])
            .label("own-or-public(is_public)"),
        table("news", &["id integer = identity", "title text"]).label("public"),
        table("logs", &["id uuid = uuid", "title text"]).label("none"),
    ])
}

struct Blog {
    schema: Schema,
    conn: Connection,
}

impl Blog {
    fn new() -> Blog {
        let schema = blog();
        let blog = Blog { conn: database(&schema), schema };
        for (id, name) in [(ALICE, "Alice"), (BOB, "Bob")] {
            blog.insert(&Identity::service(), "users", json!({"id": id, "name": name})).unwrap();
            blog.insert(&Identity::user(id), "posts", json!({"title": name})).unwrap();
        }
        blog
    }

    fn insert(&self, who: &Identity, table: &str, new: Value) -> Result<Changed, RowError> {
        insert(&self.conn, &self.schema, who, table, &[row(new)], Returning::Rows)
    }

    fn titles(&self, who: &Identity, table: &str) -> Vec<String> {
        let order = vec![Order { column: "title".to_owned(), descending: false }];
        let rows = select(&self.conn, &self.schema, who, table, &Select { order, ..Select::default() });
        texts(&rows.unwrap(), "title")
    }

    fn update(&self, who: &Identity, set: Value, filter: &[Filter]) -> Result<usize, RowError> {
        let changed = update(&self.conn, &self.schema, who, "posts", &row(set), filter, Returning::Count)?;
        Ok(changed.count)
    }
}

fn alice() -> Identity {
    Identity::user(ALICE)
}

#[test]
fn everybody_sees_only_their_rows() {
    let blog = Blog::new();
    assert_eq!(blog.titles(&alice(), "posts"), ["Alice"]);
    assert_eq!(blog.titles(&Identity::user(&BOB.to_uppercase()), "posts"), ["Bob"]);
    assert_eq!(blog.titles(&Identity::anon(), "posts"), [""; 0]);
    assert_eq!(blog.titles(&Identity::service(), "posts"), ["Alice", "Bob"]);
}

#[test]
fn nobody_writes_in_anothers_name() {
    let blog = Blog::new();
    let error = blog.insert(&alice(), "posts", json!({"title": "x", "user_id": BOB})).unwrap_err();
    assert_eq!(error.sqlstate(), "42501");
    assert_eq!(error.to_string(), "new row violates row-level security policy for table \"posts\"");
    assert_eq!(
        blog.insert(&Identity::anon(), "posts", json!({"title": "x"})).unwrap_err().sqlstate(),
        "42501"
    );
    assert_eq!(blog.update(&alice(), json!({"user_id": BOB}), &[]).unwrap_err().sqlstate(), "42501");
    assert_eq!(
        blog.update(&Identity::user(BOB), json!({"title": "y"}), &[Filter::equal("user_id", ALICE)]).unwrap(),
        0
    );
    let gone = delete(&blog.conn, &blog.schema, &alice(), "posts", &[], Returning::Count).unwrap();
    assert_eq!(gone.count, 1);
    assert_eq!(blog.titles(&Identity::service(), "posts"), ["Bob"]);
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let blog = Blog::new();
    let rows = [row(json!({"title": "mine"})), row(json!({"title": "not mine", "user_id": BOB}))];
    let error = insert(&blog.conn, &blog.schema, &alice(), "posts", &rows, Returning::Count).unwrap_err();
    assert_eq!(error.sqlstate(), "42501");
    let twice = [row(json!({"id": ALICE, "title": "a"})), row(json!({"id": ALICE, "title": "b"}))];
    let error = insert(&blog.conn, &blog.schema, &alice(), "posts", &twice, Returning::Count).unwrap_err();
    assert_eq!(error.sqlstate(), "23505");
    assert_eq!(blog.titles(&Identity::service(), "posts"), ["Alice", "Bob"]);
    assert!(blog.conn.is_autocommit());
}

/// Who may not write a row must not learn from the error whether its key is taken.
#[test]
fn policies_refuse_before_constraints_do() {
    let blog = Blog::new();
    let rows = select(&blog.conn, &blog.schema, &Identity::service(), "posts", &Select::default()).unwrap();
    let taken = rows.iter().find(|row| row["title"] == "Bob").unwrap()["id"].clone();
    let forged = json!({"id": taken, "user_id": BOB, "title": "x"});
    assert_eq!(blog.insert(&alice(), "posts", forged).unwrap_err().sqlstate(), "42501");
    let dangling = json!({"user_id": "00000000-0000-4000-8000-00000000dead", "title": "x"});
    assert_eq!(blog.insert(&alice(), "posts", dangling.clone()).unwrap_err().sqlstate(), "42501");
    assert_eq!(blog.insert(&Identity::service(), "posts", dangling).unwrap_err().sqlstate(), "23503");
    let mine = json!({"title": null});
    assert_eq!(blog.insert(&alice(), "posts", mine).unwrap_err().sqlstate(), "23502");
}

#[test]
fn a_flag_opens_a_row_to_everybody_and_its_owner_keeps_it() {
    let blog = Blog::new();
    blog.insert(&alice(), "pages", json!({"user_id": ALICE, "title": "closed"})).unwrap();
    blog.insert(&alice(), "pages", json!({"user_id": ALICE, "title": "open", "is_public": true})).unwrap();
    assert_eq!(blog.titles(&alice(), "pages"), ["closed", "open"]);
    assert_eq!(blog.titles(&Identity::user(BOB), "pages"), ["open"]);
    assert_eq!(blog.titles(&Identity::anon(), "pages"), ["open"]);
    let bob = Identity::user(BOB);
    let stolen = row(json!({"title": "stolen"}));
    let changed = update(&blog.conn, &blog.schema, &bob, "pages", &stolen, &[], Returning::Rows).unwrap();
    assert_eq!(changed, Changed::default());
    assert_eq!(delete(&blog.conn, &blog.schema, &bob, "pages", &[], Returning::Count).unwrap().count, 0);
}

#[test]
fn public_is_read_by_all_and_written_by_the_service() {
    let blog = Blog::new();
    let new = blog.insert(&Identity::service(), "news", json!({"title": "hello"})).unwrap();
    assert_eq!(new.rows[0]["id"], 1);
    blog.insert(&Identity::service(), "logs", json!({"title": "secret"})).unwrap();
    for who in [Identity::anon(), alice()] {
        assert_eq!(blog.titles(&who, "news"), ["hello"]);
        assert_eq!(blog.titles(&who, "logs"), [""; 0]);
        assert_eq!(blog.insert(&who, "news", json!({"title": "x"})).unwrap_err().sqlstate(), "42501");
        assert_eq!(delete(&blog.conn, &blog.schema, &who, "news", &[], Returning::Count).unwrap().count, 0);
    }
}

/// As in Postgres: a row that its writer may not read can be written, but not given back.
#[test]
fn giving_back_needs_the_right_to_read() {
    let schema = schema(vec![table("mail", &["id uuid = uuid", "body text"]).custom(vec![policy(
        "in",
        &[Command::Insert],
        &["anon"],
        "true",
    )])]);
    let conn = database(&schema);
    let new = [row(json!({"body": "hi"}))];
    let anon = Identity::anon();
    assert_eq!(insert(&conn, &schema, &anon, "mail", &new, Returning::Count).unwrap().count, 1);
    let error = insert(&conn, &schema, &anon, "mail", &new, Returning::Rows).unwrap_err();
    assert_eq!(error.sqlstate(), "42501");
}

/// A check's subquery sees the table as it was, so nobody lets themselves in by the row they write.
#[test]
fn a_new_row_does_not_vouch_for_itself() {
    let inside =
        "exists (select 1 from members m where m.org_id = members.org_id and m.user_id = auth.uid())";
    let schema =
        schema(vec![table("members", &["id uuid = uuid", "org_id uuid", "user_id uuid"]).custom(vec![
            policy("see", &[Command::Select], &["authenticated"], "user_id = auth.uid()"),
            policy("join", &[Command::Insert, Command::Update], &["authenticated"], inside),
        ])]);
    let conn = database(&schema);
    let new = |user: &str| [row(json!({"org_id": ALICE, "user_id": user}))];
    let add =
        |who: &Identity, user: &str| insert(&conn, &schema, who, "members", &new(user), Returning::Count);
    assert_eq!(add(&Identity::user(BOB), BOB).unwrap_err().sqlstate(), "42501");
    add(&Identity::service(), ALICE).unwrap();
    add(&alice(), BOB).unwrap();
    let moved = row(json!({"org_id": BOB}));
    let bob = Identity::user(BOB);
    let error = update(&conn, &schema, &bob, "members", &moved, &[], Returning::Count).unwrap_err();
    assert_eq!(error.sqlstate(), "42501");
}

#[test]
fn an_update_must_not_put_a_row_out_of_sight() {
    let schema = schema(vec![table("todos", &["id uuid = uuid", "done boolean = false"]).custom(vec![
        policy("see", &[Command::Select], &["anon"], "not done"),
        policy("write", &[Command::Insert, Command::Update], &["anon"], "true"),
    ])]);
    let conn = database(&schema);
    let anon = Identity::anon();
    insert(&conn, &schema, &anon, "todos", &[Row::new()], Returning::Count).unwrap();
    let done = row(json!({"done": true}));
    let filter = [Filter::equal("done", false)];
    let error = update(&conn, &schema, &anon, "todos", &done, &filter, Returning::Count).unwrap_err();
    assert_eq!(error.sqlstate(), "42501");
    // Neither filtered nor given back, nothing is read.
    assert_eq!(update(&conn, &schema, &anon, "todos", &done, &[], Returning::Count).unwrap().count, 1);
}

#[test]
fn roles_of_the_app_are_signed_in_users_with_more_rights() {
    let mut schema = blog();
    let posts = schema.tables.get_mut("posts").unwrap();
    let rls = posts.rls.take().unwrap();
    posts.rls = Some(crate::policy::with_grants(rls, &[("editor".to_owned(), vec![Command::Select])]));
    let blog = Blog { conn: Blog::new().conn, schema };
    let editor = Identity { role: Role::Custom("editor".to_owned()), ..alice() };
    assert_eq!(blog.titles(&editor, "posts"), ["Alice", "Bob"]);
    assert_eq!(blog.update(&editor, json!({"title": "z"}), &[]).unwrap(), 1);
}

#[test]
fn filters_compare_by_the_columns_type() {
    let schema = schema(vec![
        table(
            "things",
            &[
                "id integer = identity",
                "n integer?",
                "ok boolean?",
                "at timestamptz?",
                "data jsonb?",
                "raw bytea?",
                "v vector?",
                "price numeric?",
            ],
        )
        .label("public"),
    ]);
    let conn = database(&schema);
    let service = Identity::service();
    for n in 1..=5 {
        let new =
            json!({"n": n, "ok": n % 2 == 0, "at": format!("2024-01-0{n}T00:00:00+01:00"), "price": "2.50"});
        insert(&conn, &schema, &service, "things", &[row(new)], Returning::Count).unwrap();
    }
    let new = json!({"data": {"a": [1]}, "raw": "\\x00ff", "v": [1.0, 0.5, 2.0]});
    let back = insert(&conn, &schema, &service, "things", &[row(new)], Returning::Rows).unwrap();
    assert_eq!(back.rows[0]["data"], json!({"a": [1]}));
    assert_eq!(back.rows[0]["raw"], json!("\\x00ff"));
    assert_eq!(back.rows[0]["v"], json!([1.0, 0.5, 2.0]));
    let ids = |column: &str, op: Op, value: Value| {
        let filter = vec![Filter { column: column.to_owned(), op, value }];
        let order = vec![Order { column: "id".to_owned(), descending: true }];
        let what = Select { columns: vec!["id".to_owned()], filter, order, ..Select::default() };
        let rows = select(&conn, &schema, &Identity::anon(), "things", &what)?;
        Ok::<_, RowError>(rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(ids("n", Op::Greater, json!(3)).unwrap(), [5, 4]);
    assert_eq!(ids("n", Op::In, json!([1, 3, 9])).unwrap(), [3, 1]);
    assert_eq!(ids("ok", Op::Is, json!(true)).unwrap(), [4, 2]);
    assert_eq!(ids("n", Op::Is, Value::Null).unwrap(), [6]);
    assert_eq!(ids("at", Op::LessOrEqual, json!("2024-01-01T23:00:00Z")).unwrap(), [2, 1]);
    assert_eq!(ids("price", Op::Equal, json!(2.5)).unwrap(), [5, 4, 3, 2, 1]);
    assert_eq!(ids("n", Op::Equal, json!("x")).unwrap_err().sqlstate(), "22P02");
    assert_eq!(ids("ok", Op::Equal, json!(1)).unwrap_err().sqlstate(), "22P02");
    assert_eq!(ids("data", Op::Equal, json!({})).unwrap_err().sqlstate(), "42883");
    assert_eq!(ids("gone", Op::Equal, json!(1)).unwrap_err().sqlstate(), "42703");
    assert_eq!(ids("n = 1 or 1 --", Op::Equal, json!(1)).unwrap_err().sqlstate(), "42703");
    let error = select(&conn, &schema, &service, "nowhere", &Select::default()).unwrap_err();
    assert_eq!(error.sqlstate(), "42P01");
}

#[test]
fn a_circle_of_policies_has_its_own_code() {
    let reads = "exists (select 1 from a)";
    let schema = schema(vec![table("a", &["id uuid"]).custom(vec![policy("p", ALL, &["anon"], reads)])]);
    let error = select(&database(&schema), &schema, &Identity::anon(), "a", &Select::default()).unwrap_err();
    assert_eq!(error.sqlstate(), "42P17");
}

/// Keys are deferred: that a row is still referred to comes out at the end of the statement at the latest.
#[test]
fn a_key_that_is_referred_to_stays() {
    let blog = Blog::new();
    let moved = row(json!({"id": "00000000-0000-4000-8000-00000000dead"}));
    let service = Identity::service();
    let filter = [Filter::equal("id", ALICE)];
    let error =
        update(&blog.conn, &blog.schema, &service, "users", &moved, &filter, Returning::Count).unwrap_err();
    assert_eq!(error.sqlstate(), "23503");
    assert!(blog.conn.is_autocommit());
    assert_eq!(
        delete(&blog.conn, &blog.schema, &service, "users", &filter, Returning::Count).unwrap().count,
        1
    );
    assert_eq!(blog.titles(&service, "posts"), ["Bob"]);
}

/// The policy must not turn every query into a walk through the whole table.
#[test]
fn a_policy_uses_the_owners_index() {
    let mut schema = blog();
    let posts = schema.tables.get_mut("posts").unwrap();
    posts.indices.push(crate::schema::Index {
        name: "posts_owner".to_owned(),
        columns: vec![crate::schema::IndexColumn { name: "user_id".to_owned(), descending: false }],
        unique: false,
    });
    let conn = database(&schema);
    let seen = predicate(&schema, "posts", Command::Select, Side::Using, &Role::Authenticated).unwrap();
    let sql = format!("explain query plan select title from posts as _row where ({})", seen.sql);
    let plan: String = conn.query_row(&sql, [ALICE], |row| row.get("detail")).unwrap();
    assert_eq!(plan, "SEARCH _row USING INDEX posts_owner (user_id=?)");
}

#[test]
fn a_confined_connection_serves_rows_and_nothing_else() {
    let mut blog = Blog::new();
    blog.conn.execute_batch("create table _loki_schema (x); insert into _loki_schema values (1)").unwrap();
    let refused = [
        "update _loki_schema set x = 2",
        "insert into _loki_schema values (2)",
        "delete from _LOKI_schema",
        "select x from _loki_schema",
        "select sql from sqlite_schema",
        "pragma foreign_keys = off",
        "attach ':memory:' as other",
        "drop table posts",
        "create table x (y)",
        "create trigger t after insert on posts begin delete from posts; end",
        "alter table posts add column x",
        "select load_extension('x')",
    ];
    guard::confine(&mut blog.conn).unwrap();
    for sql in refused {
        assert!(blog.conn.prepare(sql).is_err(), "{sql}");
    }
    blog.insert(&alice(), "posts", json!({"title": "still"})).unwrap();
    assert_eq!(blog.titles(&alice(), "posts"), ["Alice", "still"]);
    assert_eq!(blog.update(&alice(), json!({"title": "x"}), &[Filter::equal("title", "still")]).unwrap(), 1);
    let deleted = delete(&blog.conn, &blog.schema, &alice(), "posts", &[], Returning::Count).unwrap();
    assert_eq!(deleted.count, 2);
    guard::release(&mut blog.conn).unwrap();
    for sql in refused.iter().filter(|sql| !sql.contains("load_extension")) {
        assert!(blog.conn.prepare(sql).is_ok(), "{sql}");
    }
}
