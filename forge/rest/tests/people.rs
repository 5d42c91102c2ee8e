//! The people who sign in, seen from outside: keys to them hold, policies look at the one who asks, and no
//! request on either engine reads them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use forge_core::Identity;
use forge_database::schema::Schema;
use forge_database::{auth, ddl, spec};
use forge_rest::postgres::{self, Postgres};
use forge_rest::sqlite::select::Compiler;
use forge_rest::sqlite::{self, Sqlite};
use forge_rest::{Rest, Settings};
use http::Request;
use loki_kit::postgres::{Cluster, Database};
use serde_json::{Value, json};

const ADA: &str = "ada00000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";
const NOBODY: &str = "c0000000-0000-4000-8000-000000000003";
const APP_ROLE: &str = "app";

const APP: &str = r#"
migration: app
changes:
  - add_table:
      name: notes
      columns:
        - id integer pk
        - user_id uuid not null default auth.uid() -> auth.users.id on delete cascade
        - sent_to text
        - title text not null
      indices: [user_id]
      rls:
        - {name: own, for: all, to: [authenticated], using: user_id = auth.uid()}
        - {name: sent, for: select, to: [authenticated], using: "exists (select 1 from auth.users u where u.email = sent_to)"}
        - {name: may, for: select, to: [authenticated], using: "auth.can('notes', 'read')"}
  - add_table: {name: pages, columns: [id integer pk, note_id integer fk->notes.id, author uuid -> auth.users.id], indices: [note_id, author], rls: public}
  - add_view: {name: me, query: "select id, email, is_anonymous, raw_app_meta_data from auth.users"}
  - add_function:
      sql: create function my_address() returns text language sql stable as 'select email from auth.users'
  - add_function:
      sql: create function may(resource text) returns boolean language sql stable as $$ select auth.can(resource, 'write') $$
"#;

const PEOPLE: [&str; 2] = [
    "insert into {users} (id, email, encrypted_password, raw_app_meta_data, created_at, updated_at) values \
     ('ada00000-0000-4000-8000-000000000001', 'ada@example.com', 'hunter2', '{\"plan\": \"pro\"}', \
     '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00')",
    "insert into {users} (id, email, encrypted_password, raw_app_meta_data, created_at, updated_at) values \
     ('b0b00000-0000-4000-8000-000000000002', 'bob@example.com', 'hunter2', '{\"plan\": \"pro\"}', \
     '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00')",
];

/// The application on both engines; only SQLite where there is no PostgreSQL.
struct World {
    engines: Vec<(&'static str, Rest)>,
    _folder: tempfile::TempDir,
    _database: Option<Database>,
}

/// Status and body.
type Seen = (u16, Value);

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let mut engines = vec![("sqlite", on_sqlite(&folder.path().join("db.sqlite")))];
        let mut database = None;
        if let Some(cluster) = Cluster::shared() {
            let made = cluster.database();
            engines.push(("postgres", on_postgres(cluster, &made).await));
            database = Some(made);
        }
        let world = World { engines, _folder: folder, _database: database };
        let notes = json!([
            { "id": 1, "user_id": ADA, "title": "hers", "sent_to": null },
            { "id": 2, "user_id": BOB, "title": "his", "sent_to": null },
            { "id": 3, "user_id": BOB, "title": "to her", "sent_to": "ada@example.com" },
        ]);
        assert_eq!(world.ask(&Identity::service(), "POST", "/notes", Some(&notes)).await.0, 201);
        let page = json!({ "id": 1, "note_id": 1, "author": BOB });
        assert_eq!(world.ask(&Identity::service(), "POST", "/pages", Some(&page)).await.0, 201);
        world
    }

    /// What every engine answers, which must be the same.
    async fn ask(&self, who: &Identity, method: &str, path: &str, body: Option<&Value>) -> Seen {
        let mut all: Vec<(&str, Seen)> = Vec::new();
        for (name, rest) in &self.engines {
            let request =
                Request::builder().method(method).uri(path).header("content-type", "application/json");
            let body = body.map(Value::to_string).unwrap_or_default();
            let answer = rest.answer(who, request.body(Bytes::from(body)).expect("a request")).await;
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            all.push((name, (answer.status().as_u16(), body)));
        }
        let (_, first) = all[0].clone();
        for (name, other) in &all[1..] {
            assert_eq!(other, &first, "{name}: {method} {path}");
        }
        first
    }

    async fn get(&self, who: &Identity, path: &str) -> Seen {
        self.ask(who, "GET", path, None).await
    }
}

fn on_sqlite(path: &Path) -> Rest {
    let migration = spec::parse(APP, &Schema::default()).expect("a migration");
    let plan = ddl::plan(&Schema::default(), &migration).expect("a plan");
    let conn = rusqlite::Connection::open(path).expect("a database");
    conn.pragma_update(None, "journal_mode", "WAL").expect("a log");
    auth::create(&conn).expect("people can sign up");
    let people = PEOPLE.map(|sql| sql.replace("{users}", "\"auth.users\""));
    for statement in plan.up.iter().chain(&people) {
        conn.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    drop(conn);
    let engine =
        Sqlite::open(path, sqlite::Settings::default(), Arc::new(Compiler)).expect("SQLite is served");
    Rest::new(Arc::new(engine), Settings::default())
}

async fn on_postgres(cluster: &'static Cluster, database: &Database) -> Rest {
    let migration = spec::parse(APP, &Schema::default()).expect("a migration");
    let features = ddl::postgres::Features { vector: false, version: 15 };
    let plan = ddl::postgres::plan(&Schema::default(), &migration, features).expect("a plan for Postgres");
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend(ddl::postgres::bootstrap(APP_ROLE));
    statements.extend(ddl::postgres::PROLOGUE.map(str::to_owned));
    statements.extend(plan.up.iter().map(|step| step.sql.replace("INDEX CONCURRENTLY", "INDEX")));
    statements.extend(PEOPLE.map(|sql| sql.replace("{users}", "auth.users")));
    statements.push("COMMIT;\n".to_owned());
    cluster.run(&database.name, &statements.join(";\n"));
    let url = cluster.url(APP_ROLE, &database.name);
    let engine = Postgres::connect(&url, postgres::Settings::default()).await.expect("Postgres is served");
    Rest::new(Arc::new(engine), Settings::default())
}

fn granted(id: &str, grants: Value) -> Identity {
    let mut who = Identity::user(id);
    if let Some(claims) = who.claims.as_object_mut() {
        claims.insert("grants".to_owned(), grants);
    }
    who
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_views_and_functions_know_the_one_who_asks() {
    let world = World::new().await;
    let (ada, bob, anon) = (Identity::user(ADA), Identity::user(BOB), Identity::anon());
    let notes = "/notes?select=title&order=id";
    assert_eq!(world.get(&ada, notes).await, (200, json!([{ "title": "hers" }, { "title": "to her" }])));
    assert_eq!(world.get(&bob, notes).await, (200, json!([{ "title": "his" }, { "title": "to her" }])));
    assert_eq!(world.get(&Identity::user(NOBODY), notes).await, (200, json!([])));
    let reader = granted(NOBODY, json!(["notes:control"]));
    assert_eq!(
        world.get(&reader, "/notes?select=id&order=id").await.1,
        json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }])
    );

    let me = json!([{ "email": "ada@example.com", "raw_app_meta_data": { "plan": "pro" } }]);
    assert_eq!(world.get(&ada, "/me?select=email,raw_app_meta_data").await, (200, me));
    assert_eq!(world.get(&ada, "/me?email=eq.bob@example.com").await, (200, json!([])));
    assert_eq!(world.get(&ada, "/rpc/my_address").await, (200, json!("ada@example.com")));
    for (who, address) in [(&anon, Value::Null), (&Identity::service(), Value::Null)] {
        assert_eq!(world.get(who, "/me?select=email").await, (200, json!([])));
        assert_eq!(world.get(who, "/rpc/my_address").await, (200, address));
    }
    let writer = granted(ADA, json!(["*:write"]));
    assert_eq!(world.get(&writer, "/rpc/may?resource=x").await, (200, json!(true)));
    assert_eq!(world.get(&ada, "/rpc/may?resource=x").await, (200, json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_to_people_hold() {
    let world = World::new().await;
    let (ada, service) = (Identity::user(ADA), Identity::service());
    let own = json!({ "id": 10, "title": "mine" });
    assert_eq!(world.ask(&ada, "POST", "/notes", Some(&own)).await.0, 201, "the default is hers");
    let lost = json!({ "id": 11, "title": "x", "user_id": NOBODY });
    for (who, details) in [
        (service.clone(), json!(format!("Key (user_id)=({NOBODY}) is not present in table \"users\"."))),
        (Identity::user(NOBODY), json!("Key is not present in table \"users\".")),
    ] {
        let (status, body) = world.ask(&who, "POST", "/notes", Some(&lost)).await;
        assert_eq!((status, &body["code"], &body["details"]), (409, &json!("23503"), &details));
        let message =
            "insert or update on table \"notes\" violates foreign key constraint \"notes_user_id_fkey\"";
        assert_eq!(body["message"], message);
    }
    let moved = json!({ "user_id": NOBODY });
    assert_eq!(world.ask(&service, "PATCH", "/notes?id=eq.1", Some(&moved)).await.1["code"], "23503");
}

/// Whatever is asked, nobody's secrets come back, and nobody else's address.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_reads_people() {
    let world = World::new().await;
    let body = json!({ "id": NOBODY, "email": "x@example.com", "role": "service_role" });
    let tables = [
        "auth.users",
        "users",
        "auth%2Eusers",
        "%22auth.users%22",
        "auth.sessions",
        "auth.me",
        "loki.users",
        "AUTH.USERS",
    ];
    for who in [Identity::anon(), Identity::user(ADA), Identity::service()] {
        for table in tables {
            for method in ["GET", "POST", "PATCH", "PUT", "DELETE"] {
                let query = if method == "PUT" { format!("?id=eq.{NOBODY}") } else { String::new() };
                let sent = (!matches!(method, "GET" | "DELETE")).then_some(&body);
                let (status, told) = world.ask(&who, method, &format!("/{table}{query}"), sent).await;
                assert_eq!((status, &told["code"]), (404, &json!("PGRST205")), "{method} {table}: {told}");
            }
            let (status, told) = world.get(&who, &format!("/rpc/{table}")).await;
            assert_eq!((status, &told["code"]), (404, &json!("PGRST202")), "{table}: {told}");
            for embed in [
                format!("/pages?select=id,{table}(*)"),
                format!("/pages?select=id,x:{table}!pages_author_fkey(email)"),
                format!("/notes?select=*,pages({table}(*))"),
            ] {
                let (status, told) = world.get(&who, &embed).await;
                assert!(status >= 400, "{embed}: {told}");
            }
        }
        for path in [
            "/pages?select=author(*)",
            "/pages?select=author(email)",
            "/pages?select=pages_author_fkey(*)",
            "/me?select=encrypted_password",
            "/me?encrypted_password=eq.hunter2",
            "/me?order=encrypted_password",
            "/pages?author.email=eq.bob@example.com",
        ] {
            let (status, told) = world.get(&who, path).await;
            assert!(status >= 400, "{path}: {told}");
        }
        for path in ["/notes?select=*", "/pages?select=*,notes(*)", "/me?select=*", "/"] {
            let (_, told) = world.get_each(&who, path).await;
            assert!(!told.contains("hunter2") && !told.contains("bob@example.com"), "{path}: {told}");
            assert!(!told.contains("encrypted_password"), "{path}: {told}");
        }
    }
}

impl World {
    /// What the engines answer, which need not be the same to the letter.
    async fn get_each(&self, who: &Identity, path: &str) -> (Vec<u16>, String) {
        let (mut statuses, mut told) = (Vec::new(), String::new());
        for (_, rest) in &self.engines {
            let answer = rest.answer(who, Request::get(path).body(Bytes::new()).expect("a request")).await;
            statuses.push(answer.status().as_u16());
            told.push_str(&String::from_utf8_lossy(answer.body()));
        }
        (statuses, told)
    }
}
