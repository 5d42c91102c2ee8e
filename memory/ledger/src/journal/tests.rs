use std::sync::Arc;

use loki_store::SystemClock;
use tempfile::TempDir;

use super::*;

fn fresh() -> (TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), Arc::new(SystemClock)).unwrap();
    (dir, journal)
}

fn call(key: Option<&str>, input: &str) -> NewCall {
    NewCall {
        door: "test".to_owned(),
        operation: "loki_steer".to_owned(),
        key: key.map(str::to_owned),
        input_hash: input.to_owned(),
    }
}

fn begun(journal: &Journal, key: Option<&str>, input: &str) -> i64 {
    match journal.begin(call(key, input)).unwrap() {
        Begun::New(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_stands_for_one_call_and_its_answer() {
    let (dir, journal) = fresh();
    let id = begun(&journal, Some("k"), "a");
    let again = Journal::open(dir.path(), Arc::new(SystemClock)).unwrap();
    assert!(matches!(again.begin(call(Some("k"), "a")).unwrap(), Begun::Unknown(_)));
    assert!(matches!(again.begin(call(Some("k"), "b")).unwrap(), Begun::Other(_)));
    journal.done(id, "{\"x\":1}").unwrap();
    let Begun::Answered(known) = again.begin(call(Some("k"), "a")).unwrap() else {
        panic!("it was answered")
    };
    assert_eq!(known.answer.as_deref(), Some("{\"x\":1}"));
    assert!(matches!(again.begin(call(Some("k"), "b")).unwrap(), Begun::Other(_)));
    let other = NewCall { operation: "loki_stop".to_owned(), ..call(Some("k"), "a") };
    assert!(matches!(again.begin(other).unwrap(), Begun::Other(_)));
}

#[test]
fn a_call_without_a_key_is_new_each_time_and_a_refused_one_frees_its_key() {
    let (_dir, journal) = fresh();
    assert_ne!(begun(&journal, None, "a"), begun(&journal, None, "a"));
    let id = begun(&journal, Some("k"), "a");
    journal.refused(id, "busy").unwrap();
    begun(&journal, Some("k"), "b");
    let calls = journal.calls(0).unwrap();
    let outcomes: Vec<_> = calls.iter().map(|call| call.outcome.as_deref()).collect();
    assert_eq!(outcomes, [None, None, Some("busy"), None]);
}

#[test]
fn an_answer_that_is_too_long_is_not_kept_and_a_key_has_a_length() {
    let (_dir, journal) = fresh();
    let id = begun(&journal, Some("k"), "a");
    journal.done(id, &"x".repeat(ANSWER_BYTES_MAX + 1)).unwrap();
    let Begun::Answered(known) = journal.begin(call(Some("k"), "a")).unwrap() else { panic!("answered") };
    assert_eq!(known.answer, None);
    for key in ["", &"k".repeat(KEY_BYTES_MAX + 1)] {
        assert!(matches!(journal.begin(call(Some(key), "a")), Err(LedgerError::TooLarge { .. })));
    }
}

#[test]
fn a_decision_is_made_once_and_acted_on_once() {
    let (_dir, journal) = fresh();
    let proposed = Proposed { subject: "ab".to_owned(), operation: "o".to_owned(), title: "t".repeat(3_000) };
    let said = |approved| Decision { approved, person: "Ada".to_owned(), reason: "fine".to_owned() };
    assert!(!journal.decide("ab", said(true)).unwrap(), "nothing waits");
    journal.propose(&proposed).unwrap();
    journal.propose(&proposed).unwrap();
    assert_eq!(journal.proposals().unwrap().len(), 1);
    assert_eq!(journal.proposals().unwrap()[0].title.len(), TEXT_BYTES_MAX);
    assert_eq!(journal.decision("ab").unwrap(), None);
    assert!(journal.decide("ab", said(false)).unwrap());
    assert!(!journal.decide("ab", said(true)).unwrap(), "the first word stands");
    assert_eq!(journal.decision("ab").unwrap(), Some(said(false)));
    assert_eq!(journal.proposals().unwrap(), []);
    assert!(journal.settle("ab").unwrap());
    assert!(!journal.settle("ab").unwrap());
    assert_eq!(journal.decision("ab").unwrap(), None);
}
