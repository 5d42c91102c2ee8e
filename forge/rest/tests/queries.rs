//! A query that somebody wrote gives the same on both engines, in the name of whoever is asked for, and writes
//! nothing whatever is in it.

use std::path::Path;
use std::sync::Arc;

use forge_core::{Identity, Role};
use forge_database::schema::Schema;
use forge_database::{auth, ddl, spec};
use forge_rest::postgres::{self, Postgres};
use forge_rest::query::{Found, Queries, Query};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use loki_kit::postgres::{Cluster, Database};
use serde_json::{Value, json};

const ADA: &str = "ada00000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";
const APP_ROLE: &str = "app";

const APP: &str = "
migration: app
changes:
  - add_table:
      name: notes
      columns: [id integer pk, user_id uuid not null, title text not null, stars integer]
      rls: own-row
      indices: [user_id]
  - seed:
      table: notes
      rows:
        - {id: 1, user_id: ada00000-0000-4000-8000-000000000001, title: hers, stars: 3}
        - {id: 2, user_id: b0b00000-0000-4000-8000-000000000002, title: his, stars: null}
        - {id: 3, user_id: b0b00000-0000-4000-8000-000000000002, title: \"it's\", stars: 5}
";

struct World {
    engines: Vec<(&'static str, Arc<dyn Queries>)>,
    path: std::path::PathBuf,
    cluster: Option<(&'static Cluster, Database)>,
    _folder: tempfile::TempDir,
}

impl World {
    /// Both engines; only SQLite where there is no PostgreSQL.
    async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db.sqlite");
        let mut engines: Vec<(&'static str, Arc<dyn Queries>)> = vec![("sqlite", on_sqlite(&path))];
        let mut cluster = None;
        if let Some(server) = Cluster::shared() {
            let database = server.database();
            engines.push(("postgres", on_postgres(server, &database).await));
            cluster = Some((server, database));
        }
        World { engines, path, cluster, _folder: folder }
    }

    /// What every engine gives, which must be the same.
    async fn ask(&self, who: &Identity, sql: &str, values: &[Value]) -> Found {
        let mut all = Vec::new();
        for (name, engine) in &self.engines {
            let found = engine.query(who, &query(sql, values)).await;
            all.push((name, found.unwrap_or_else(|error| panic!("{name}: {sql}: {error:?}"))));
        }
        for (name, found) in &all[1..] {
            assert_eq!(*found, all[0].1, "{name}: {sql}");
        }
        all.swap_remove(0).1
    }

    async fn refused(&self, who: &Identity, sql: &str) {
        for (name, engine) in &self.engines {
            let found = engine.query(who, &query(sql, &[])).await;
            assert!(found.is_err(), "{name}: {sql}: {found:?}");
        }
        assert_eq!(self.rows(), [3, 3], "{sql}");
    }

    /// How many notes there are, on either engine, seen from outside.
    fn rows(&self) -> [i64; 2] {
        let conn = rusqlite::Connection::open(&self.path).expect("a database");
        let lite = conn.query_row("select count(*) from notes", [], |row| row.get(0)).expect("a count");
        let heavy = self.cluster.as_ref().map_or(lite, |(cluster, database)| {
            cluster.run(&database.name, "select count(*) from notes").trim().parse().expect("a count")
        });
        [lite, heavy]
    }
}

fn query(sql: &str, values: &[Value]) -> Query {
    Query { sql: sql.to_owned(), values: values.to_vec(), rows_max: 100, bytes_max: 10_000 }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_those_of_who_is_asked_for() {
    let world = World::new().await;
    let service = Identity::service();
    let all = world.ask(&service, "select id, title, stars from notes order by id", &[]).await;
    assert_eq!(all.columns, ["id", "title", "stars"]);
    assert_eq!(json!(all.rows), json!([[1, "hers", 3], [2, "his", null], [3, "it's", 5]]));
    assert!(!all.truncated);
    for (who, count) in [
        (Identity::user(ADA), 1),
        (Identity::user(BOB), 2),
        (Identity::user("c0000000-0000-4000-8000-000000000003"), 0),
    ] {
        let found = world.ask(&who, "with n as (select * from notes) select count(*) from n", &[]).await;
        assert_eq!(json!(found.rows), json!([[count]]), "{who:?}");
    }
    let values = [json!("it's"), json!(4), json!(BOB)];
    let sql = "select id from notes where title = $1 and stars > $2 and user_id = $3 -- done";
    assert_eq!(json!(world.ask(&service, sql, &values).await.rows), json!([[3]]));
    let twice = world.ask(&service, "select id, id from notes where id = 1;", &[]).await;
    assert_eq!((twice.columns, json!(twice.rows)), (vec!["id".to_owned(), "id".to_owned()], json!([[1, 1]])));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_whatever_is_in_the_text() {
    let world = World::new().await;
    let service = Identity::service();
    for sql in [
        "delete from notes",
        "insert into notes (id, user_id, title) values (9, 'ada00000-0000-4000-8000-000000000001', 'x')",
        "with gone as (delete from notes returning id) select * from gone",
        "select 1; delete from notes",
        "select 1) as q; delete from notes; --",
        "select 1) as q; commit; delete from notes; select * from (select 1",
        "drop table notes",
        "update notes set title = 'x' returning id",
        "commit",
        "select * from missing",
        "select $1",
        "",
    ] {
        world.refused(&service, sql).await;
    }
    let nobody = Identity { role: Role::Custom("nobody".to_owned()), ..Identity::anon() };
    world.refused(&nobody, "select 1").await;
}

/// What only Postgres has: the session must neither write nor leave its role behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_postgres_is_not_used_again() {
    let world = World::new().await;
    let Some((_, postgres)) = world.engines.get(1) else { return };
    for sql in [
        "select set_config('transaction_read_only', 'off', true)",
        "select nextval(pg_get_serial_sequence('notes', 'id'))",
        "select pg_sleep(60)",
    ] {
        let found = postgres.query(&Identity::service(), &query(sql, &[])).await;
        assert!(found.is_err(), "{sql}: {found:?}");
    }
    let bold = "select set_config('role', 'service_role', false), set_config('search_path', 'auth', false)";
    postgres.query(&Identity::user(ADA), &query(bold, &[])).await.expect("it is a query");
    let found = postgres.query(&Identity::user(ADA), &query("select count(*) from notes", &[])).await;
    assert_eq!(json!(found.expect("it is a query").rows), json!([[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_at_its_bounds() {
    let world = World::new().await;
    for (name, engine) in &world.engines {
        for (rows_max, bytes_max, rows, truncated) in [
            (2, 10_000, 2, true),
            (3, 10_000, 3, false),
            (100, 10, 1, true),
            (100, 1, 0, true),
            (0, 100, 0, true),
        ] {
            let sql = "select title from notes order by id".to_owned();
            let asked = Query { sql, values: Vec::new(), rows_max, bytes_max };
            let found = engine.query(&Identity::service(), &asked).await.expect("it is a query");
            assert_eq!(
                (found.rows.len(), found.truncated),
                (rows, truncated),
                "{name} {rows_max} {bytes_max}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db.sqlite");
    drop(on_sqlite(&path));
    let settings = sqlite::Settings {
        statement_timeout: std::time::Duration::from_millis(200),
        ..sqlite::Settings::default()
    };
    let engine = Sqlite::open(&path, settings, Arc::new(Compiler)).expect("SQLite is served");
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let error = engine.query(&Identity::service(), &query(endless, &[])).await.expect_err("it has no end");
    assert_eq!(error.code, "57014", "{error:?}");
}

fn on_sqlite(path: &Path) -> Arc<Sqlite> {
    let schema = Schema::default();
    let plan = ddl::plan(&schema, &spec::parse(APP, &schema).expect("a migration")).expect("a plan");
    let conn = rusqlite::Connection::open(path).expect("a database");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
    auth::create(&conn).expect("a place for people");
    for statement in &plan.up {
        conn.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    let sqlite = Sqlite::open(path, sqlite::Settings::default(), Arc::new(Compiler));
    Arc::new(sqlite.expect("SQLite is served"))
}

async fn on_postgres(cluster: &Cluster, database: &Database) -> Arc<dyn Queries> {
    let schema = Schema::default();
    let migration = spec::parse(APP, &schema).expect("a migration");
    let features = ddl::postgres::Features { vector: false, version: 15 };
    let plan = ddl::postgres::plan(&schema, &migration, features).expect("a plan for Postgres");
    let boot = ddl::postgres::bootstrap(APP_ROLE);
    let prologue = ddl::postgres::PROLOGUE.iter().map(|statement| (*statement).to_owned());
    let steps = plan.up.iter().map(|step| step.sql.clone());
    let sql: Vec<String> = boot.into_iter().chain(prologue).chain(steps).collect();
    cluster.run(&database.name, &sql.join(";\n"));
    let settings = postgres::Settings {
        connections_max: 1,
        statement_timeout: std::time::Duration::from_millis(1_500),
        ..postgres::Settings::default()
    };
    let url = cluster.url(APP_ROLE, &database.name);
    Arc::new(Postgres::connect(&url, settings).await.expect("Postgres is served"))
}
