//! Migrations of a real database, from draft to history.

use std::sync::Arc;
use std::time::Duration;

use forge_core::{Approval, ApprovalBy, Catalog, evidence_hash};
use loki_kit::postgres::{Cluster, Database};
use loki_store::FixedClock;
use serde_json::json;
use tempfile::TempDir;

use super::migrate::{Applied, Backup, Draft, MigrateError, Proven};
use super::*;
use crate::change::{Change, Migration};
use crate::ddl::tests::{blog, column, index};
use crate::schema::Type;

struct Scene {
    cluster: &'static Cluster,
    database: Database,
    pg: Pg,
    catalog: Catalog,
    _dir: TempDir,
}

impl Scene {
    async fn new() -> Option<Scene> {
        let cluster = Cluster::shared()?;
        let database = cluster.database();
        let limits = Limits { lock: Duration::from_millis(200), ..Limits::default() };
        let pg = Pg::new(&database.url, limits).unwrap();
        pg.prepare("authenticator").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = FixedClock::new("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(1));
        let catalog = Catalog::open(dir.path(), Arc::new(clock)).unwrap();
        Some(Scene { cluster, database, pg, catalog, _dir: dir })
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.run(&self.database.name, sql)
    }

    fn council(&self, hash: &str) -> Approval {
        let evidence = json!({ "votes": 3 });
        let by = ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) };
        self.catalog.approve(hash, by, &evidence).unwrap()
    }

    fn person(&self, hash: &str) -> Approval {
        let by = ApprovalBy::Person { name: "ada".to_owned(), reason: "I read it".to_owned() };
        self.catalog.approve(hash, by, &json!({})).unwrap()
    }

    async fn proven(&self, migration: Migration) -> Result<Proven, MigrateError> {
        match self.pg.draft(migration).await? {
            Draft::Pending(drafted) => self.pg.prove(*drafted).await,
            Draft::Applied(applied) => panic!("{applied:?}"),
        }
    }

    async fn migrate(&self, migration: Migration) -> Result<Applied, MigrateError> {
        let proven = self.proven(migration).await?;
        let approval = self.person(&proven.subject_hash());
        self.pg.apply(proven, &approval, "2026-01-01T00:00:00Z").await
    }
}

fn named(name: &str, changes: Vec<Change>) -> Migration {
    Migration { name: name.to_owned(), changes }
}

fn add(name: &str) -> Migration {
    let column = column(name, Type::Text);
    let table = "posts".to_owned();
    named(&format!("add_{name}"), vec![Change::AddColumn { table, column, foreign_key: None, unique: false }])
}

#[tokio::test]
async fn a_migration_goes_all_the_way() {
    let Some(scene) = Scene::new().await else { return };
    let applied = scene.migrate(blog()).await.unwrap();
    assert_eq!((applied.version, applied.already, applied.backup), (1, false, Backup::Operators));
    assert!(scene.pg.schema().await.unwrap().0.table("posts").is_some());
    // Again: nothing to do. Another one under its name: refused.
    assert!(matches!(scene.pg.draft(blog()).await.unwrap(), Draft::Applied(again) if again.version == 1));
    let other = Migration { name: blog().name, ..add("note") };
    assert!(matches!(scene.pg.draft(other).await, Err(MigrateError::NameTaken { version: 1, .. })));
    // An index on a table that stands comes after the transaction.
    let index = index("posts_title_idx", &["title"]);
    let applied = scene
        .migrate(named("index", vec![Change::AddIndex { table: "posts".to_owned(), index }]))
        .await
        .unwrap();
    assert_eq!((applied.version, applied.late), (2, vec![]));
    assert_eq!(
        scene.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'posts_title_idx'::regclass;"),
        "t"
    );
    let left = scene.sql("SELECT count(*) FROM pg_database WHERE datname LIKE '\\_loki\\_proof%';");
    assert_eq!(left, "0", "scratch databases are dropped");
}

#[tokio::test]
async fn an_approval_holds_for_one_change_of_one_schema() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    let proven = scene.proven(add("one")).await.unwrap();
    let other = scene.council(&"0".repeat(64));
    let refused = scene.pg.apply(proven, &other, "now").await;
    assert!(matches!(refused, Err(MigrateError::OtherSubject { .. })), "{refused:?}");
    let proven = scene.proven(add("one")).await.unwrap();
    let approval = scene.person(&proven.subject_hash());
    scene.migrate(add("two")).await.unwrap();
    let refused = scene.pg.apply(proven, &approval, "now").await;
    assert!(matches!(refused, Err(MigrateError::Stale { .. })), "{refused:?}");
}

#[tokio::test]
async fn losses_need_a_person() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    let drop =
        || named("drop", vec![Change::DropColumn { table: "posts".to_owned(), column: "title".to_owned() }]);
    let proven = scene.proven(drop()).await.unwrap();
    let council = scene.council(&proven.subject_hash());
    let refused = scene.pg.apply(proven, &council, "now").await;
    assert!(matches!(refused, Err(MigrateError::NeedsPerson { .. })), "{refused:?}");
    scene.migrate(drop()).await.unwrap();
}

#[tokio::test]
async fn changes_by_hand_are_seen() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    scene.sql("ALTER TABLE posts DISABLE ROW LEVEL SECURITY;");
    let refused = scene.proven(add("one")).await;
    assert!(matches!(refused, Err(MigrateError::Drift { .. })), "{refused:?}");
    scene.sql("ALTER TABLE posts ENABLE ROW LEVEL SECURITY;");
    let proven = scene.proven(add("one")).await.unwrap();
    // Between the proof and the change.
    scene.sql("CREATE POLICY backdoor ON posts USING (true);");
    let approval = scene.person(&proven.subject_hash());
    let refused = scene.pg.apply(proven, &approval, "now").await;
    assert!(matches!(refused, Err(MigrateError::Refuted { .. })), "{refused:?}");
    assert_eq!(scene.sql("SELECT count(*) FROM loki._loki_migrations;"), "1", "nothing of it stays");
}

#[tokio::test]
async fn the_way_back_is_a_change_like_any_other() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    let index = index("posts_title_idx", &["title"]);
    scene.migrate(named("index", vec![Change::AddIndex { table: "posts".to_owned(), index }])).await.unwrap();
    scene.migrate(add("note")).await.unwrap();
    assert!(matches!(scene.pg.draft_rollback(7).await, Err(MigrateError::NoVersion { newest: 3, .. })));
    assert!(matches!(scene.pg.draft_rollback(3).await.unwrap(), Draft::Applied(applied) if applied.already));
    let Draft::Pending(drafted) = scene.pg.draft_rollback(1).await.unwrap() else { panic!("it is pending") };
    let proven = scene.pg.prove(*drafted).await.unwrap();
    let council = scene.council(&proven.subject_hash());
    let refused = scene.pg.apply(proven, &council, "now").await;
    assert!(matches!(refused, Err(MigrateError::NeedsPerson { .. })), "{refused:?}");
    let Draft::Pending(drafted) = scene.pg.draft_rollback(1).await.unwrap() else { panic!("it is pending") };
    let proven = scene.pg.prove(*drafted).await.unwrap();
    let approval = scene.person(&proven.subject_hash());
    let applied = scene.pg.apply(proven, &approval, "now").await.unwrap();
    assert_eq!((applied.version, applied.already), (1, false));
    assert!(scene.pg.schema().await.unwrap().0.table("posts").unwrap().column("note").is_none());
    // A version is not used twice, and the name is free again.
    assert_eq!(scene.migrate(add("note")).await.unwrap().version, 4);
}

/// A lock that somebody holds fails the migration instead of stopping everybody behind it.
#[tokio::test]
async fn a_lock_is_not_waited_for_long() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    let proven = scene.proven(add("one")).await.unwrap();
    let approval = scene.person(&proven.subject_hash());
    let mut holder = scene.pg.connection().await.unwrap();
    let held = holder.transaction().await.unwrap();
    held.batch_execute("SELECT 1 FROM posts").await.unwrap();
    let refused = scene.pg.apply(proven, &approval, "now").await;
    let code = |error: &tokio_postgres::Error| error.code().map(|code| code.code().to_owned());
    match refused {
        Err(MigrateError::Execute { source, .. }) => assert_eq!(code(&source).as_deref(), Some("55P03")),
        other => panic!("{other:?}"),
    }
}

/// An index that cannot be made is named, and leaves nothing behind.
#[tokio::test]
async fn a_late_index_that_fails_is_named() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    scene.sql("INSERT INTO posts (title) VALUES ('same'), ('same');");
    let index = crate::schema::Index { unique: true, ..index("posts_once_idx", &["title"]) };
    let applied = scene
        .migrate(named("once", vec![Change::AddIndex { table: "posts".to_owned(), index }]))
        .await
        .unwrap();
    assert!(applied.late.len() == 1 && applied.late[0].1.starts_with("23505"), "{applied:?}");
    assert_eq!(scene.sql("SELECT to_regclass('posts_once_idx') IS NULL;"), "t");
}

#[tokio::test]
async fn a_role_that_policies_do_not_bind_is_refused() {
    let Some(scene) = Scene::new().await else { return };
    scene.migrate(blog()).await.unwrap();
    assert!(matches!(
        scene.pg.require_bound().await,
        Err(PgError::TooPowerful { power: "is a superuser", .. })
    ));
    scene.sql("CREATE ROLE past LOGIN BYPASSRLS; CREATE ROLE owner LOGIN; ALTER TABLE users OWNER TO owner;");
    for (role, bound) in [("past", false), ("owner", false), ("authenticator", true)] {
        let url = scene.cluster.url(role, &scene.database.name);
        let pg = Pg::new(&url, Limits::default()).unwrap();
        let found = pg.require_bound().await;
        assert_eq!(found.is_ok(), bound, "{role}: {found:?}");
    }
}

#[test]
fn the_address_is_told_to_nobody() {
    let pg = Pg::new("postgresql://app:hunter2@db.example/shop", Limits::default()).unwrap();
    assert!(!format!("{pg:?}").contains("hunter2"));
    let error = Pg::new("postgresql://app:hunter2@:x:/", Limits::default()).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}
