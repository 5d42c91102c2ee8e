//! Who is served, and what is known of the database.

use std::sync::Arc;

use forge_core::Identity;
use loki_kit::postgres::Cluster;
use serde_json::json;

use super::kit::{World, alice, prepared};
use crate::engine::Engine;
use crate::model::{RelationKind, Returns};
use crate::postgres::{ConnectError, Postgres, Settings};

#[tokio::test]
async fn roles_that_policies_do_not_bind_are_not_served() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = prepared(cluster);
    let roles = "CREATE ROLE past LOGIN BYPASSRLS; CREATE ROLE chief SUPERUSER; CREATE ROLE climber LOGIN NOINHERIT; \
                 CREATE ROLE owner LOGIN NOINHERIT; CREATE ROLE lonely LOGIN; \
                 GRANT anon, authenticated, service_role TO past, climber, owner; GRANT chief TO climber; \
                 ALTER TABLE todos OWNER TO owner;";
    cluster.run(&database.name, roles);
    for (role, power) in [
        ("postgres", "is a superuser"),
        ("past", "bypasses row-level security"),
        ("climber", "may become a superuser"),
        ("owner", "owns tables of the application"),
    ] {
        let url = cluster.url(role, &database.name);
        match Postgres::connect(&url, Settings::default()).await.err() {
            Some(ConnectError::TooPowerful { role: named, power: told }) => {
                assert_eq!((named.as_str(), told), (role, power));
            }
            other => panic!("{role}: {other:?}"),
        }
    }
    match Postgres::connect(&cluster.url("lonely", &database.name), Settings::default()).await.err() {
        Some(ConnectError::MayNotBecome { missing, .. }) => {
            assert_eq!(missing, "anon, authenticated, service_role")
        }
        other => panic!("{other:?}"),
    }
    cluster.run(
        &database.name,
        "ALTER TABLE todos OWNER TO postgres; DROP ROLE past, chief, climber, owner, lonely;",
    );
}

#[tokio::test]
async fn the_catalog_is_read() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = prepared(cluster);
    let url = cluster.url("authenticator", &database.name);
    let engine = Postgres::connect(&url, Settings::default()).await.unwrap();
    let model = engine.model().await.unwrap();
    let todos = model.relation("public", "todos").unwrap();
    assert_eq!((todos.kind, todos.primary_key.as_slice()), (RelationKind::Table, &["id".to_owned()][..]));
    let id = todos.column("id").unwrap();
    assert_eq!((id.ty.name.as_str(), id.nullable, id.has_default), ("bigint", false, true));
    let titles = model.relation("public", "titles").unwrap();
    assert_eq!(titles.primary_key, ["id"], "of the table that it shows");
    let traced = model.keys.iter().find(|key| key.from.1 == "titles").unwrap();
    assert_eq!((traced.columns.as_slice(), traced.to.1.as_str()), (&["in list".to_owned()][..], "lists"));
    let add = &model.functions[&("public".to_owned(), "add".to_owned())][0];
    assert_eq!(add.arguments.iter().map(|argument| argument.required).collect::<Vec<_>>(), [true, false]);
    let mine = &model.functions[&("public".to_owned(), "mine".to_owned())][0];
    assert_eq!(mine.returns, Returns::Rows("public".to_owned(), "todos".to_owned()));
    assert!(model.relation("auth", "users").is_none());
}

/// The tables change under the server: statements that were prepared, and names that were not known.
#[tokio::test]
async fn a_changed_schema_is_noticed() {
    let Some(world) = World::new().await else { return };
    assert_eq!(world.get(&alice(), "/todos?list_id=eq.1&select=id").await.status, 200);
    world.sql("ALTER TABLE todos RENAME list_id TO place; NOTIFY pgrst, 'reload schema';");
    let mut seen = world.get(&alice(), "/todos?place=eq.1&select=id&order=id").await;
    // The notice is on its way; each of these is a way to the server and back.
    for _ in 0..2_000 {
        if seen.status == 200 {
            break;
        }
        tokio::task::yield_now().await;
        seen = world.get(&alice(), "/todos?place=eq.1&select=id&order=id").await;
    }
    assert_eq!(seen.body, json!([{"id": 1}, {"id": 2}]));
}

/// Without a notice, the first error is the notice.
#[tokio::test]
async fn an_error_makes_it_look_again() {
    let Some(world) = World::new().await else { return };
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' \
                     AND state = 'idle';";
    while world.sql(listening) != "1" {
        tokio::task::yield_now().await;
    }
    // What the listener has to say is heard while these wait for the server.
    for _ in 0..3 {
        assert_eq!(world.get(&alice(), "/lists").await.status, 200);
    }
    world.sql("ALTER TABLE lists RENAME TO places;");
    assert_eq!(world.get(&alice(), "/places").await.code(), "PGRST205", "nobody told it");
    assert_eq!(world.get(&alice(), "/lists").await.code(), "42P01");
    assert_eq!(world.get(&alice(), "/places").await.status, 200);
}

#[tokio::test]
async fn a_lost_connection_is_replaced() {
    let Some(world) = World::new().await else { return };
    assert_eq!(world.get(&alice(), "/todos").await.status, 200);
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'authenticator' AND datname = current_database();");
    let statuses = [world.get(&alice(), "/todos").await.status, world.get(&alice(), "/todos").await.status];
    assert!(matches!(statuses, [200 | 503, 200]), "{statuses:?}");
}

#[tokio::test]
async fn an_address_tells_nobody_its_password() {
    for url in
        ["postgresql://app:hunter2@:x:/", "postgresql://app:hunter2@127.0.0.1:1/shop?connect_timeout=1"]
    {
        let error = Postgres::connect(url, Settings::default()).await.err().unwrap();
        let told = format!("{error:?} {error}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn it_is_an_engine() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = prepared(cluster);
    let url = cluster.url("authenticator", &database.name);
    let engine: Arc<dyn Engine> = Arc::new(Postgres::connect(&url, Settings::default()).await.unwrap());
    assert_eq!(engine.ready().await, Ok(()));
    let nothing = engine.batch(&Identity::anon(), &crate::engine::Context::default(), &[]).await;
    assert_eq!(nothing, Ok(vec![]));
}
