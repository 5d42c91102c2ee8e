//! What a person decides, and that nobody else can.

use std::sync::Mutex;

use forge_core::ApprovalBy;
use loki_ledger::journal::Decision;
use loki_mcp::desk::{Ask, Question, Said};

use super::*;
use crate::app::decisions::Waits;

const DROP: &str = "migration: less\nchanges:\n  - drop_column: {table: notes, column: body}\n";

/// A person before the client.
struct Person {
    says: Said,
    asked: Mutex<Vec<Question>>,
}

impl Person {
    fn who(says: Said) -> Person {
        Person { says, asked: Mutex::default() }
    }

    fn yes() -> Person {
        Person::who(Said::Yes { person: "Ada".to_owned(), reason: "it is right".to_owned() })
    }

    fn no() -> Person {
        Person::who(Said::No { person: "Ada".to_owned(), reason: "too early".to_owned() })
    }
}

#[async_trait]
impl Ask for Person {
    async fn ask(&self, question: &Question) -> Said {
        self.asked.lock().unwrap().push(question.clone());
        self.says.clone()
    }
}

async fn ask_before(bench: &Bench, person: &Person, name: &str, input: Value) -> Result<Answer, Refusal> {
    let call = Call { approve: Some(person), ..Call::new("test", &Allow::EVERYTHING) };
    bench.desk.call(name, input, &call).await
}

/// What `loki approve` and `loki reject` do.
fn decide(bench: &Bench, prefix: &str, approved: bool) {
    let waits = bench.desk.app.waiting(None, Some(prefix)).unwrap();
    assert!(matches!(waits, Waits::AtDesk(_)));
    let decision = Decision { approved, person: "Ada".to_owned(), reason: "looked at it".to_owned() };
    assert_eq!(bench.desk.app.decide(&waits, decision).unwrap(), None);
}

fn subject_of(refusal: &Refusal) -> String {
    let RefusalKind::NeedsApproval(awaited) = &refusal.kind else { panic!("{refusal:?}") };
    assert!(!awaited.title.is_empty());
    assert!(refusal.next_actions[0].contains(&awaited.subject[..12]), "{refusal:?}");
    awaited.subject.clone()
}

#[tokio::test]
async fn what_may_lose_something_waits_for_a_person_and_happens_once() {
    let bench = Bench::with_run();
    let restore = || bench.ask("loki_checkpoint_restore", json!({}));
    let subject = subject_of(&refused(restore().await, "needs_approval"));
    assert_eq!(subject_of(&refused(restore().await, "needs_approval")), subject, "it is asked for once");
    assert_eq!(bench.file(), "two");
    decide(&bench, &subject[..8], true);
    restore().await.unwrap();
    assert_eq!(bench.file(), "one");
    std::fs::write(bench.root().join("a.txt"), "three").unwrap();
    refused(restore().await, "needs_approval");
    assert_eq!(bench.file(), "three", "an approval counts once");
}

#[tokio::test]
async fn an_approval_is_of_one_input_and_a_rejection_holds() {
    let bench = Bench::with_run();
    let first = subject_of(&refused(bench.ask("loki_checkpoint_restore", json!({})).await, "needs_approval"));
    decide(&bench, &first, true);
    let other = json!({ "run": "r1" });
    let second =
        subject_of(&refused(bench.ask("loki_checkpoint_restore", other.clone()).await, "needs_approval"));
    assert_ne!(first, second);
    decide(&bench, &second, false);
    let rejected = refused(bench.ask("loki_checkpoint_restore", other).await, "rejected");
    assert_eq!(rejected.kind, RefusalKind::Denied);
    assert_eq!(bench.file(), "two");
}

#[tokio::test]
async fn a_person_before_the_client_decides_at_once() {
    let bench = Bench::with_run();
    let no = Person::no();
    refused(ask_before(&bench, &no, "loki_checkpoint_restore", json!({})).await, "rejected");
    assert_eq!((bench.file().as_str(), no.asked.lock().unwrap().len()), ("two", 1));
    let away = Person::who(Said::Nothing);
    refused(ask_before(&bench, &away, "loki_checkpoint_restore", json!({})).await, "needs_approval");
    assert_eq!(bench.file(), "two");
    ask_before(&bench, &Person::yes(), "loki_checkpoint_restore", json!({})).await.unwrap();
    assert_eq!(bench.file(), "one");
    assert!(bench.desk.app.journal().unwrap().proposals().unwrap().is_empty(), "nothing waits any more");
}

#[tokio::test]
async fn data_is_only_lost_where_a_person_says_so() {
    let bench = Bench::with_forge().await;
    let forge = bench.desk.forge.open().unwrap();
    forge
        .database()
        .connect()
        .unwrap()
        .execute("INSERT INTO notes (id, body) VALUES ('00000000-0000-4000-8000-000000000001', 'a')", [])
        .unwrap();
    let drop_it = || bench.ask("forge_db_migrate", json!({ "spec": DROP }));
    let waits = refused(drop_it().await, "needs_approval");
    let subject = subject_of(&waits);
    assert!(waits.hint.as_ref().is_some_and(|why| why.contains("notes")), "{waits:?}");
    assert!(forge.database().schema().unwrap().tables["notes"].columns.iter().any(|c| c.name == "body"));
    decide(&bench, &subject, true);
    drop_it().await.unwrap();
    assert!(!forge.database().schema().unwrap().tables["notes"].columns.iter().any(|c| c.name == "body"));
    let approval = forge.approval(&subject).unwrap().expect("it is in the catalog");
    let ApprovalBy::Person { name, .. } = approval.approver() else { panic!("a person's: {approval:?}") };
    assert_eq!(name, "Ada");
    assert_eq!(
        forge.catalog().verify_audit().unwrap().seq,
        forge.catalog().audit_entries(0).unwrap().len() as u64
    );
}

#[tokio::test]
async fn going_back_to_a_version_is_for_a_person_even_where_nothing_is_lost() {
    let bench = Bench::with_forge().await;
    let back = json!({ "version": 0 });
    subject_of(&refused(bench.ask("forge_db_migrate_rollback", back.clone()).await, "needs_approval"));
    ask_before(&bench, &Person::yes(), "forge_db_migrate_rollback", back).await.unwrap();
    assert!(bench.desk.forge.open().unwrap().database().schema().unwrap().tables.is_empty());
}

#[tokio::test]
async fn whoever_asks_cannot_approve_what_they_asked_for() {
    let bench = Bench::with_run();
    refused(bench.ask("loki_approve", json!({})).await, "nothing_waits");
    let subject =
        subject_of(&refused(bench.ask("loki_checkpoint_restore", json!({})).await, "needs_approval"));
    let waits =
        refused(bench.ask("loki_approve", json!({ "subject": &subject[..6] })).await, "needs_approval");
    assert_eq!(subject_of(&waits), subject);
    refused(bench.ask("loki_checkpoint_restore", json!({})).await, "needs_approval");
    let person = Person::yes();
    let said = ask_before(&bench, &person, "loki_approve", json!({})).await.unwrap();
    assert_eq!((&said.data["approved"], &said.data["person"]), (&json!(true), &json!("Ada")));
    assert_eq!(person.asked.lock().unwrap()[0].subject, subject);
    bench.ask("loki_checkpoint_restore", json!({})).await.unwrap();
    assert_eq!(bench.file(), "one");
}

/// The council's word is not enough where its rules say no, and nothing is applied then.
#[tokio::test]
async fn what_the_council_refuses_is_not_applied() {
    let bench = Bench::with_forge().await;
    let spec = "migration: secrets\nchanges:\n  - add_table: {name: logins, columns: [id pk, password text], rls: public}\n";
    let refusal = refused(bench.ask("forge_db_migrate", json!({ "spec": spec })).await, "not_approved");
    assert_eq!(refusal.kind, RefusalKind::Input);
    assert!(refusal.hint.as_ref().is_some_and(|told| told.contains("MIG092")), "{refusal:?}");
    assert!(!bench.desk.forge.open().unwrap().database().schema().unwrap().tables.contains_key("logins"));
}
