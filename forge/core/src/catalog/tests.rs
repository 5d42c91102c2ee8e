//! The catalog on a real file.

use std::time::Duration;

use loki_store::FixedClock;
use rusqlite::Connection;
use serde_json::json;

use super::*;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Catalog {
        let start = "2026-01-02T03:04:05Z".parse().unwrap();
        let clock = Arc::new(FixedClock::new(start, Duration::from_secs(1)));
        Catalog::open(self.folder.path(), clock).unwrap()
    }

    /// Changes the file behind the catalog's back.
    fn tamper(&self, sql: &str) {
        let conn = Connection::open(self.folder.path().join(STATE_FILE)).unwrap();
        assert!(conn.execute(sql, []).unwrap() > 0, "{sql} touched nothing");
    }
}

fn subject(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn bucket(spec: Value, status: Status) -> Declaration {
    Declaration { kind: ResourceKind::Bucket, name: "uploads".to_owned(), spec, lines: vec![3, 4], status }
}

fn entry(key: &str) -> NewAuditEntry {
    NewAuditEntry {
        key: key.to_owned(),
        actor: "loki".to_owned(),
        action: "test".to_owned(),
        subject: "posts".to_owned(),
        details: json!({ "key": key }),
    }
}

fn council(evidence: &Value) -> ApprovalBy {
    ApprovalBy::Council { evidence_hash: evidence_hash(evidence) }
}

fn person() -> ApprovalBy {
    ApprovalBy::Person { name: "ada".to_owned(), reason: "the table was never used".to_owned() }
}

#[test]
fn declaring_again_changes_nothing() {
    let project = Project::new();
    let catalog = project.open();
    assert_eq!(catalog.declare(bucket(json!({}), Status::Declared)).unwrap(), Declared::Created);
    assert_eq!(catalog.declare(bucket(json!({}), Status::Declared)).unwrap(), Declared::Unchanged);
    assert_eq!(catalog.declare(bucket(json!({}), Status::Ready)).unwrap(), Declared::Updated);
    assert_eq!(catalog.declare(bucket(json!({}), Status::Declared)).unwrap(), Declared::Unchanged);
    assert_eq!(
        catalog.declare(bucket(json!({ "public": true }), Status::Declared)).unwrap(),
        Declared::Updated
    );
    drop(catalog);
    let found = project.open().resources(None).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].spec, json!({ "public": true }));
    assert_eq!(found[0].created_at, "2026-01-02T03:04:05.000Z");
    assert_eq!((found[0].lines.as_slice(), found[0].status), ([3, 4].as_slice(), Status::Declared));
}

#[test]
fn resources_are_found_by_kind_and_removed() {
    let project = Project::new();
    let catalog = project.open();
    catalog.declare(bucket(json!({}), Status::Ready)).unwrap();
    assert_eq!(catalog.resources(Some(ResourceKind::Table)).unwrap(), []);
    assert!(catalog.resource(ResourceKind::Bucket, "uploads").unwrap().is_some());
    assert!(catalog.remove(ResourceKind::Bucket, "uploads").unwrap());
    assert!(!catalog.remove(ResourceKind::Bucket, "uploads").unwrap());
    for kind in ResourceKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn what_is_too_large_or_empty_is_refused() {
    let project = Project::new();
    let catalog = project.open();
    let long = Declaration { name: "x".repeat(501), ..bucket(json!({}), Status::Ready) };
    assert!(matches!(catalog.declare(long), Err(CatalogError::Invalid { field: "name", .. })));
    let large = bucket(json!("x".repeat(JSON_BYTES_MAX)), Status::Ready);
    assert!(matches!(catalog.declare(large), Err(CatalogError::Invalid { field: "spec", .. })));
    assert!(matches!(catalog.approve("no hash", person(), &json!({})), Err(CatalogError::Invalid { .. })));
    let silent = ApprovalBy::Person { name: "ada".to_owned(), reason: " ".to_owned() };
    let refused = catalog.approve(&subject('a'), silent, &json!({}));
    assert!(matches!(refused, Err(CatalogError::Invalid { field: "reason", .. })));
}

#[test]
fn audit_entries_are_appended_once_and_chained() {
    let project = Project::new();
    let catalog = project.open();
    let first = catalog.audit(entry("a")).unwrap();
    let second = catalog.audit(entry("b")).unwrap();
    assert_eq!(catalog.audit(entry("a")).unwrap(), first);
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_eq!(second.prev, first.hash);
    let other = NewAuditEntry { actor: "mallory".to_owned(), ..entry("a") };
    assert!(matches!(catalog.audit(other), Err(CatalogError::KeyReused { .. })));
    assert_eq!(catalog.audit_entries(1).unwrap(), std::slice::from_ref(&second));
    assert_eq!(catalog.verify_audit().unwrap(), AuditHead { seq: 2, hash: second.hash });
}

#[test]
fn every_kind_of_tampering_shows() {
    for sql in [
        "UPDATE audit_log SET actor = 'mallory' WHERE seq = 2",
        "UPDATE audit_log SET details = '{}' WHERE seq = 3",
        "UPDATE audit_log SET prev = hash WHERE seq = 2",
        "DELETE FROM audit_log WHERE seq = 1",
        "DELETE FROM audit_log WHERE seq = 2",
        "DELETE FROM audit_log WHERE seq = 3",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET seq = 2",
        "INSERT INTO audit_log SELECT 4, 'd', at, actor, action, subject, details, hash, hash FROM audit_log WHERE seq = 3",
    ] {
        let project = Project::new();
        let catalog = project.open();
        for key in ["a", "b", "c"] {
            catalog.audit(entry(key)).unwrap();
        }
        assert!(catalog.verify_audit().is_ok());
        drop(catalog);
        project.tamper(sql);
        assert!(matches!(project.open().verify_audit(), Err(CatalogError::Broken { .. })), "{sql}");
    }
}

#[test]
fn approvals_are_stored_found_and_voided() {
    let project = Project::new();
    let catalog = project.open();
    let evidence = json!({ "votes": ["yes", "yes", "yes"] });
    assert_eq!(catalog.approval(&subject('a')).unwrap(), None);
    let given = catalog.approve(&subject('a'), council(&evidence), &evidence).unwrap();
    assert_eq!((given.by(), given.by_person()), ("council", false));
    drop(catalog);
    let catalog = project.open();
    assert_eq!(catalog.approval(&subject('a')).unwrap(), Some(given.clone()));
    assert_eq!(catalog.approval(&subject('b')).unwrap(), None, "an approval serves one subject");
    assert_eq!(catalog.approve(&subject('a'), council(&evidence), &evidence).unwrap(), given);
    assert!(catalog.void(&subject('a'), "the schema changed").unwrap());
    assert!(!catalog.void(&subject('a'), "the schema changed").unwrap());
    assert_eq!(catalog.approval(&subject('a')).unwrap(), None);
    catalog.approve(&subject('a'), council(&evidence), &evidence).unwrap();
    assert!(catalog.approval(&subject('a')).unwrap().is_some());
    let actions: Vec<String> =
        catalog.audit_entries(0).unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["approval.grant", "approval.void", "approval.grant"]);
    catalog.verify_audit().unwrap();
}

#[test]
fn a_person_takes_the_councils_place_and_not_the_other_way_round() {
    let project = Project::new();
    let catalog = project.open();
    let evidence = json!({});
    catalog.approve(&subject('a'), council(&evidence), &evidence).unwrap();
    assert_eq!(catalog.approve(&subject('a'), person(), &evidence).unwrap().by(), "ada");
    assert!(catalog.approve(&subject('a'), council(&evidence), &evidence).unwrap().by_person());
    assert!(catalog.approval(&subject('a')).unwrap().unwrap().by_person());
}

#[test]
fn a_council_approves_only_what_it_voted_on() {
    let project = Project::new();
    let catalog = project.open();
    let by = council(&json!({ "votes": 3 }));
    assert!(matches!(
        catalog.approve(&subject('a'), by, &json!({ "votes": 0 })),
        Err(CatalogError::Evidence)
    ));
    assert_eq!(catalog.approval(&subject('a')).unwrap(), None);
}

#[test]
fn a_forged_approval_is_none() {
    for sql in [
        "UPDATE approvals SET approver = '{\"person\":{\"name\":\"ada\",\"reason\":\"x\"}}'",
        "UPDATE approvals SET subject_hash = replace(subject_hash, 'a', 'b')",
        "UPDATE approvals SET evidence = '{\"votes\":9}'",
        "INSERT INTO approvals (subject_hash, approver, evidence, approved_at) SELECT replace(subject_hash, 'a', 'b'), \
         approver, evidence, approved_at FROM approvals",
        "UPDATE audit_log SET subject = replace(subject, 'a', 'b')",
        "DELETE FROM audit_log",
    ] {
        let project = Project::new();
        let catalog = project.open();
        catalog.approve(&subject('a'), council(&json!({})), &json!({})).unwrap();
        drop(catalog);
        project.tamper(sql);
        let catalog = project.open();
        let found = [subject('a'), subject('b')].map(|subject| catalog.approval(&subject));
        assert!(found.iter().any(Result::is_err), "{sql}");
        let sound = found.iter().filter(|found| matches!(found, Ok(Some(_)))).count();
        assert!(sound == 0 || sql.starts_with("INSERT"), "{sql}");
    }
}

#[test]
fn migrations_are_mirrored() {
    let project = Project::new();
    let catalog = project.open();
    let entry = |version: u32| MigrationEntry {
        version,
        name: format!("m{version}"),
        up_hash: subject('c'),
        applied_at: "2026-01-02T03:04:05.000Z".to_owned(),
    };
    for version in [1, 2, 2, 3] {
        catalog.record_migration(entry(version)).unwrap();
    }
    assert_eq!(catalog.migrations().unwrap(), [entry(1), entry(2), entry(3)]);
    assert_eq!(catalog.forget_migrations_above(1).unwrap(), 2);
    assert_eq!(catalog.migrations().unwrap(), [entry(1)]);
}

#[test]
fn the_migrations_sum_to_the_schema() {
    let stepwise = Connection::open_in_memory().unwrap();
    for migration in MIGRATIONS {
        stepwise.execute_batch(migration.sql).unwrap();
    }
    let at_once = Connection::open_in_memory().unwrap();
    at_once.execute_batch(include_str!("schema.sql")).unwrap();
    let objects = |conn: &Connection| -> Vec<String> {
        let mut statement =
            conn.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(objects(&stepwise), objects(&at_once));
}
