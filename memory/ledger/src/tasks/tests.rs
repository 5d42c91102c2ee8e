use std::sync::Arc;
use std::time::Duration;

use loki_store::{FixedClock, SystemClock};
use tempfile::TempDir;

use super::*;

fn fresh() -> (TempDir, Tasks) {
    let dir = tempfile::tempdir().unwrap();
    let tasks = Tasks::open(dir.path(), Arc::new(SystemClock)).unwrap();
    (dir, tasks)
}

fn task(title: &str, priority: i32) -> NewTask {
    NewTask { key: None, title: title.to_owned(), detail: String::new(), priority }
}

#[test]
fn the_most_urgent_goes_first_and_is_given_to_one_worker() {
    let (dir, tasks) = fresh();
    for (title, priority) in [("b", 0), ("a", 5), ("c", 0)] {
        assert!(tasks.add(task(title, priority)).unwrap().1);
    }
    let other = Tasks::open(dir.path(), Arc::new(SystemClock)).unwrap();
    let taken: Vec<String> =
        [&tasks, &other, &tasks].iter().map(|queue| queue.take("w", 60).unwrap().unwrap().title).collect();
    assert_eq!(taken, ["a", "b", "c"]);
    assert_eq!(tasks.take("w", 60).unwrap(), None);
    assert!(tasks.list(0, 100).unwrap().iter().all(|task| task.state == TaskState::Leased));
    assert_eq!(tasks.list(1, 1).unwrap()[0].id, 2);
}

#[test]
fn a_key_adds_once() {
    let (_dir, tasks) = fresh();
    let keyed = |title: &str| NewTask { key: Some("k".to_owned()), ..task(title, 0) };
    let (first, new) = tasks.add(keyed("a")).unwrap();
    assert!(new);
    assert_eq!(tasks.add(keyed("a")).unwrap(), (first, false));
    assert!(matches!(tasks.add(keyed("b")), Err(TaskError::KeyReused { id: 1, .. })));
}

#[test]
fn a_lease_that_runs_out_is_lost_to_the_next_and_a_task_comes_back_only_so_often() {
    let dir = tempfile::tempdir().unwrap();
    let begin = "2026-01-01T00:00:00Z".parse().unwrap();
    // Ten seconds pass with each look at the clock.
    let clock = Arc::new(FixedClock::new(begin, Duration::from_secs(10)));
    let tasks = Tasks::open(dir.path(), clock).unwrap();
    let (added, _) = tasks.add(task("a", 0)).unwrap();
    let first = tasks.take("slow", 1).unwrap().unwrap();
    let second = tasks.take("quick", 3600).unwrap().unwrap();
    assert_eq!((first.lease, second.lease, second.id), (1, 2, added.id));
    let lost = tasks.end(added.id, Some(1), Ended::Done, "too late").unwrap_err();
    assert!(matches!(lost, TaskError::LeaseLost { held: 1, .. }), "{lost}");
    assert!(matches!(tasks.renew(added.id, 1, 60), Err(TaskError::LeaseLost { .. })));
    let nobody = tasks.end(added.id, None, Ended::Done, "not mine").unwrap_err();
    assert!(matches!(nobody, TaskError::LeaseLost { held: 0, .. }), "{nobody}");
    // Given back, it goes out until it has gone out too often.
    tasks.renew(added.id, 2, 0).unwrap();
    for lease in 3..=LEASES_MAX {
        assert_eq!(tasks.take("w", 1).unwrap().unwrap().lease, lease);
    }
    assert_eq!(tasks.take("w", 1).unwrap(), None);
    assert_eq!(tasks.list(0, 1).unwrap()[0].state, TaskState::Failed);
}

#[test]
fn a_task_ends_once_and_saying_so_again_changes_nothing() {
    let (_dir, tasks) = fresh();
    tasks.add(task("a", 0)).unwrap();
    let taken = tasks.take("w", 60).unwrap().unwrap();
    let done = tasks.end(taken.id, Some(taken.lease), Ended::Done, "it works").unwrap();
    assert_eq!((done.state, done.summary.as_deref()), (TaskState::Done, Some("it works")));
    assert_eq!(tasks.end(taken.id, Some(taken.lease), Ended::Done, "again").unwrap(), done);
    assert!(matches!(tasks.end(taken.id, None, Ended::Failed, "no"), Err(TaskError::Ended { .. })));
    assert!(matches!(tasks.end(9, None, Ended::Done, "x"), Err(TaskError::Unknown { id: 9 })));
}

#[test]
fn what_is_empty_too_long_or_too_much_is_refused() {
    let (_dir, tasks) = fresh();
    for title in ["", "  ", &"x".repeat(TASK_TEXT_BYTES_MAX + 1)] {
        assert!(matches!(tasks.add(task(title, 0)), Err(TaskError::Field { field: "title", .. })));
    }
    let long = NewTask { detail: "x".repeat(TASK_DETAIL_BYTES_MAX + 1), ..task("a", 0) };
    assert!(matches!(tasks.add(long), Err(TaskError::Field { field: "detail", .. })));
    assert!(matches!(tasks.take("", 60), Err(TaskError::Field { field: "worker", .. })));
    tasks
        .store
        .write(Durability::Process, |tx| {
            (0..OPEN_TASKS_MAX).try_for_each(|_| tasks::insert(tx, &task("a", 0), 0).map(drop))
        })
        .unwrap();
    assert!(matches!(tasks.add(task("one more", 0)), Err(TaskError::Full)));
}
