mod durable;
mod kit;

use std::time::Duration;

use forge_core::Identity;
use forge_database::change::Change;
use forge_database::schema::{Column, Type};
use serde_json::{Value, json};

use super::*;
use crate::engine::{Context, Engine};
use crate::plan::{Conflict, Plan, Resolution, Returning, Task, Terms};
use kit::*;

fn alice() -> Identity {
    Identity::user(ALICE)
}

fn bob() -> Identity {
    Identity::user(BOB)
}

fn service() -> Identity {
    Identity::service()
}

/// Code, message and details.
fn told(error: &RestError) -> (&str, &str, Option<&str>) {
    (&error.code, &error.message, error.details.as_ref().and_then(Value::as_str))
}

async fn with_posts() -> World {
    let world = World::new();
    world.run(&alice(), insert("posts", json!({"id": 1, "title": "one"}))).await.unwrap();
    world.run(&bob(), insert("posts", json!({"id": 2, "title": "two"}))).await.unwrap();
    world.run(&service(), insert("comments", json!({"id": 1, "post_id": 1}))).await.unwrap();
    world
}

#[tokio::test]
async fn constraints_are_told_as_postgres_tells_them() {
    let world = with_posts().await;
    let post = |id: Value, title: Value| json!({"id": id, "title": title, "user_id": ALICE, "note": null});
    for (plan, code, message, details) in [
        (
            insert("posts", post(json!(1), json!("x"))),
            "23505",
            "duplicate key value violates unique constraint \"posts_pkey\"",
            Some("Key (id)=(1) already exists."),
        ),
        (
            insert("posts", post(json!(9), json!("one"))),
            "23505",
            "duplicate key value violates unique constraint \"posts_title_key\"",
            Some("Key (title)=(one) already exists."),
        ),
        (
            update("posts", json!({"title": "one"}), eq("id", "2")),
            "23505",
            "duplicate key value violates unique constraint \"posts_title_key\"",
            Some("Key (title)=(one) already exists."),
        ),
        (
            insert("posts", post(json!(9), Value::Null)),
            "23502",
            "null value in column \"title\" of relation \"posts\" violates not-null constraint",
            Some("Failing row contains (9, a11ce000-0000-4000-8000-000000000001, null, null)."),
        ),
        (
            insert("posts", post(Value::Null, json!("x"))),
            "23502",
            "null value in column \"id\" of relation \"posts\" violates not-null constraint",
            Some("Failing row contains (null, a11ce000-0000-4000-8000-000000000001, x, null)."),
        ),
        (
            insert("posts", post(json!(9), json!("bad"))),
            "23514",
            "new row for relation \"posts\" violates check constraint \"posts_title_check\"",
            Some("Failing row contains (9, a11ce000-0000-4000-8000-000000000001, bad, null)."),
        ),
        (
            insert("comments", json!({"post_id": 77})),
            "23503",
            "insert or update on table \"comments\" violates foreign key constraint \"comments_post_id_fkey\"",
            Some("Key (post_id)=(77) is not present in table \"posts\"."),
        ),
        (
            delete("posts", eq("id", "1")),
            "23503",
            "update or delete on table \"posts\" violates foreign key constraint \"comments_post_id_fkey\" on table \"comments\"",
            Some("Key (id)=(1) is still referenced from table \"comments\"."),
        ),
        (
            update("posts", json!({"id": 5}), eq("id", "1")),
            "23503",
            "update or delete on table \"posts\" violates foreign key constraint \"comments_post_id_fkey\" on table \"comments\"",
            Some("Key (id)=(1) is still referenced from table \"comments\"."),
        ),
    ] {
        let error = world.run(&service(), plan).await.unwrap_err();
        assert_eq!(told(&error), (code, message, details));
    }
    assert_eq!(
        world.all("posts", &["id", "title"]).await,
        r#"[{"id":1,"title":"one"},{"id":2,"title":"two"}]"#
    );
}

#[tokio::test]
async fn whom_policies_bind_learns_nothing_of_rows() {
    let world = with_posts().await;
    let twice = world.run(&alice(), insert("posts", json!({"title": "two"}))).await.unwrap_err();
    assert_eq!((twice.code.as_str(), twice.details), ("23505", None));
    let lost = world.run(&alice(), insert("comments", json!({"post_id": 77}))).await.unwrap_err();
    assert_eq!(told(&lost).2, Some("Key is not present in table \"posts\"."));
}

#[tokio::test]
async fn everybody_writes_only_their_own_rows() {
    let world = with_posts().await;
    // The check comes before the constraint that it would violate.
    let foreign = json!({"id": 1, "title": "bad", "user_id": BOB});
    let error = world.run(&alice(), insert("posts", foreign)).await.unwrap_err();
    assert_eq!(
        told(&error),
        ("42501", "new row violates row-level security policy for table \"posts\"", None)
    );
    let away = world.run(&alice(), update("posts", json!({"user_id": BOB}), None)).await.unwrap_err();
    assert_eq!((away.code.as_str(), away.status.as_u16()), ("42501", 403));
    assert_eq!(
        world.run(&alice(), update("posts", json!({"title": "x"}), eq("id", "2"))).await.unwrap().rows,
        0
    );
    assert_eq!(world.run(&alice(), delete("posts", eq("id", "2"))).await.unwrap().rows, 0);
    assert_eq!(world.run(&bob(), delete("posts", None)).await.unwrap().rows, 1);
    let anon = world.run(&Identity::anon(), insert("posts", json!({"title": "x"}))).await.unwrap_err();
    assert_eq!((anon.code.as_str(), anon.status.as_u16()), ("42501", 401));
    assert_eq!(world.run(&bob(), read("posts", &["id"], None)).await.unwrap().body, "[]");
    assert_eq!(world.all("posts", &["id", "title"]).await, r#"[{"id":1,"title":"one"}]"#);
}

#[tokio::test]
async fn rows_that_come_back_must_be_seen() {
    let world = World::new();
    world.run(&alice(), insert("box", json!({"note": "x"}))).await.unwrap();
    let mut seen = kit::insert_of("box", json!({"note": "y"}));
    seen.returning = rows("box", &["id"]);
    let error = world.run(&alice(), Plan::Insert(seen.clone())).await.unwrap_err();
    assert_eq!(error.code, "42501");
    let outcome = world.run(&service(), Plan::Insert(seen.clone())).await.unwrap();
    assert_eq!((outcome.body.as_str(), outcome.rows, outcome.added), (r#"[{"id":2}]"#, 1, 1));
    seen.returning = Returning::Key(vec!["id".to_owned()]);
    let outcome = world.run(&service(), Plan::Insert(seen)).await.unwrap();
    assert_eq!(outcome.key, [("id".to_owned(), "3".to_owned())]);
}

#[tokio::test]
async fn upserts_change_or_leave_what_is_there() {
    let world = with_posts().await;
    let upsert = |resolution, new: Value| {
        let mut insert = kit::insert_of("posts", new);
        insert.conflict = Some(Conflict { columns: vec!["id".to_owned()], resolution });
        Plan::Insert(insert)
    };
    let both = json!([{"id": 1, "title": "new"}, {"id": 3, "title": "three"}]);
    let merged = world.run(&alice(), upsert(Resolution::Merge, both.clone())).await.unwrap();
    assert_eq!((merged.rows, merged.added), (2, 1));
    let ignored = world.run(&alice(), upsert(Resolution::Ignore, both)).await.unwrap();
    assert_eq!((ignored.rows, ignored.added), (0, 0));
    let twice = json!([{"id": 4, "title": "a"}, {"id": 4, "title": "b"}]);
    assert_eq!(world.run(&alice(), upsert(Resolution::Merge, twice)).await.unwrap_err().code, "21000");
    let taken =
        world.run(&alice(), upsert(Resolution::Merge, json!({"id": 2, "title": "mine"}))).await.unwrap_err();
    assert_eq!(
        told(&taken).1,
        "new row violates row-level security policy (USING expression) for table \"posts\""
    );
    let mut by_note = kit::insert_of("posts", json!({"note": "x", "title": "z"}));
    by_note.conflict = Some(Conflict { columns: vec!["note".to_owned()], resolution: Resolution::Merge });
    assert_eq!(world.run(&alice(), Plan::Insert(by_note)).await.unwrap_err().code, "42P10");
    // In the order of the index on the title.
    let found = world.all("posts", &["id", "title"]).await;
    assert_eq!(found, r#"[{"id":1,"title":"new"},{"id":3,"title":"three"},{"id":2,"title":"two"}]"#);
}

#[tokio::test]
async fn a_put_has_the_key_of_its_url() {
    let world = with_posts().await;
    let put = |id: &str| {
        let mut insert = kit::insert_of("posts", json!({"id": 1, "title": "put"}));
        insert.conflict = Some(Conflict { columns: vec!["id".to_owned()], resolution: Resolution::Merge });
        insert.put = eq("id", id);
        Plan::Insert(insert)
    };
    assert_eq!(world.run(&alice(), put("2")).await.unwrap_err().code, "PGRST115");
    assert_eq!(world.run(&alice(), put("1")).await.unwrap().added, 0);
}

#[tokio::test]
async fn terms_that_are_not_met_undo_everything() {
    let world = with_posts().await;
    let all = || update("posts", json!({"note": "x"}), None);
    for (terms, code) in [
        (Terms { affected_max: Some(1), ..Terms::default() }, "PGRST124"),
        (Terms { single: true, ..Terms::default() }, "PGRST116"),
    ] {
        let error = world.run_with(&service(), all(), terms).await.unwrap_err();
        assert_eq!(error.code, code);
    }
    let undone = Terms { rollback: true, ..Terms::default() };
    assert_eq!(world.run_with(&service(), all(), undone).await.unwrap().rows, 2);
    let bulk = json!([{"title": "good"}, {"title": "bad"}]);
    world.run(&alice(), insert("posts", bulk)).await.unwrap_err();
    assert_eq!(world.all("posts", &["id", "note"]).await, r#"[{"id":1,"note":null},{"id":2,"note":null}]"#);
}

#[tokio::test]
async fn a_batch_happens_whole_or_not_at_all() {
    let world = with_posts().await;
    let task = |plan| Task { plan, terms: Terms::default(), explain: None };
    let good = [task(insert("posts", json!({"title": "a"}))), task(insert("posts", json!({"title": "b"})))];
    let bad = [good[0].clone(), task(insert("posts", json!({"title": "two"})))];
    let (at, error) = world.engine.batch(&alice(), &Context::default(), &bad).await.unwrap_err();
    assert_eq!((at, error.code.as_str()), (1, "23505"));
    assert_eq!(world.engine.batch(&alice(), &Context::default(), &good).await.unwrap().len(), 2);
    assert_eq!(world.run(&alice(), read("posts", &["id"], None)).await.unwrap().rows, 3);
}

#[tokio::test]
async fn columns_that_are_not_granted_are_closed() {
    let world = with_posts().await;
    let error = world.run(&alice(), update("comments", json!({"post_id": 1}), None)).await.unwrap_err();
    assert_eq!(told(&error).1, "permission denied for table comments");
    assert_eq!(world.run(&alice(), update("comments", json!({"note": "x"}), None)).await.unwrap().rows, 1);
    assert_eq!(world.run(&service(), update("comments", json!({"post_id": 1}), None)).await.unwrap().rows, 1);
}

#[tokio::test]
async fn views_and_unknown_tables_are_not_written() {
    let world = World::new();
    kit::store(world.dir.path(), |schema| {
        schema.views.insert("v".to_owned(), kit::view("v", "select id from posts"));
    });
    for (plan, code, message) in [
        (insert("v", json!({"id": 1})), "55000", "cannot insert into view \"v\""),
        (update("v", json!({"id": 1}), None), "55000", "cannot update view \"v\""),
        (delete("v", None), "55000", "cannot delete from view \"v\""),
        (delete("_loki_schema", None), "42P01", "relation \"public._loki_schema\" does not exist"),
    ] {
        let error = world.run(&service(), plan).await.unwrap_err();
        assert_eq!((told(&error).0, told(&error).1), (code, message));
    }
}

#[tokio::test]
async fn a_migration_by_another_process_is_noticed() {
    let world = with_posts().await;
    let column = Column { name: "extra".to_owned(), ty: Type::Text, nullable: true, default: None };
    let add = Change::AddColumn { table: "posts".to_owned(), column, foreign_key: None, unique: false };
    kit::migrate(world.dir.path(), vec![add]);
    let model = world.engine.model().await.unwrap();
    assert!(model.relation("public", "posts").unwrap().column("extra").is_some());
    // Policies alone change no table, and are obeyed at once.
    kit::store(world.dir.path(), |schema| {
        schema.tables.get_mut("posts").unwrap().rls.as_mut().unwrap().policies.clear();
    });
    assert_eq!(world.run(&alice(), read("posts", &["id"], None)).await.unwrap().body, "[]");
}

#[tokio::test]
async fn what_takes_too_long_is_ended_and_what_does_not_fit_is_refused() {
    let slow = World::with(Settings { statement_timeout: Duration::ZERO, ..kit::settings() });
    let error = slow.run(&service(), read("posts", &["id"], None)).await.unwrap_err();
    assert_eq!(told(&error), ("57014", "canceling statement due to statement timeout", None));
    let full = World::with(Settings { reads_waiting_max: 0, ..kit::settings() });
    let error = full.run(&service(), read("posts", &["id"], None)).await.unwrap_err();
    assert_eq!(error.status.as_u16(), 503);
    assert!(error.headers.unwrap().contains_key("retry-after"));
}

#[tokio::test]
async fn another_writer_is_waited_for_and_then_told() {
    let world = World::with(Settings { busy_timeout: Duration::from_millis(10), ..kit::settings() });
    let other = rusqlite::Connection::open(world.path()).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let error = world.run(&alice(), insert("posts", json!({"title": "x"}))).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status.as_u16()), ("55P03", 503));
    other.execute_batch("rollback").unwrap();
    world.run(&alice(), insert("posts", json!({"title": "x"}))).await.unwrap();
}
