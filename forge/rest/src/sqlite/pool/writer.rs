//! The thread that writes: many jobs in one transaction, each in a savepoint of its own.
//!
//! Nothing is answered before the commit, because until then it has not happened. A job that fails takes back
//! its own savepoint and nothing else. Some failures (a full disk, a statement that is ended) make SQLite take
//! back the whole transaction; then the jobs before are carried out again, which is safe, because nobody was
//! told anything about them yet.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Queue;
use super::scene::Scenes;
use super::session::Session;
use super::{Done, Job};
use crate::error::RestError;
use crate::sqlite::{Settings, errors};

/// How long jobs are added to a transaction; those before wait for them.
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);

/// Carries out jobs until the queue is closed.
pub(super) fn work(session: &Session, queue: &Queue<Job>, scenes: &Scenes, settings: &Settings) {
    loop {
        let jobs = queue.pop_many(settings.group_max.max(1));
        if jobs.is_empty() {
            return;
        }
        let mut waiting = VecDeque::from(jobs);
        let mut most = usize::MAX;
        while !waiting.is_empty() {
            most = group(session, &mut waiting, scenes, most);
        }
    }
}

/// Carries out what waits, up to `most` jobs, in one transaction. Jobs that must be carried out again are put
/// back. Gives the most jobs of the next group.
fn group(session: &Session, waiting: &mut VecDeque<Job>, scenes: &Scenes, most: usize) -> usize {
    if let Err(error) = session.control("begin immediate") {
        session.roll_back();
        answer_all(waiting.drain(..), &error);
        return most;
    }
    let until = Instant::now() + GROUP_TIME_MAX;
    let mut done: Vec<(Job, Done)> = Vec::new();
    while let Some(job) = waiting.pop_front() {
        let answer = in_savepoint(session, &job, scenes);
        if session.conn.is_autocommit() {
            // The transaction is gone, and with it what the jobs before have done.
            for (job, _) in done.into_iter().rev() {
                waiting.push_front(job);
            }
            let answer = if answer.failed() { answer } else { job.work.refused(errors::internal()) };
            job.answer.send(answer).unwrap_or_default();
            return most;
        }
        done.push((job, answer));
        if done.len() >= most || Instant::now() >= until {
            break;
        }
    }
    let Err(error) = session.control("commit") else {
        for (job, answer) in done {
            job.answer.send(answer).unwrap_or_default();
        }
        return most;
    };
    session.roll_back();
    if error.code == "23503" && done.len() > 1 {
        // One of them left a row that refers to nothing. Alone, only that one fails.
        for (job, _) in done.into_iter().rev() {
            waiting.push_front(job);
        }
        return 1;
    }
    answer_all(done.into_iter().map(|(job, _)| job), &error);
    most
}

/// Carries out a job so that it leaves everything or nothing.
fn in_savepoint(session: &Session, job: &Job, scenes: &Scenes) -> Done {
    if let Err(error) = session.control("savepoint job") {
        return job.work.refused(error);
    }
    let answer = session.carry_out(job, scenes);
    if session.conn.is_autocommit() {
        return answer;
    }
    let undone = if job.work.undoes(&answer) { session.control("rollback to job") } else { Ok(()) };
    match undone.and_then(|()| session.control("release job")) {
        Ok(()) => answer,
        Err(error) => job.work.refused(error),
    }
}

fn answer_all(jobs: impl Iterator<Item = Job>, error: &RestError) {
    for job in jobs {
        let refused = job.work.refused(error.clone());
        job.answer.send(refused).unwrap_or_default();
    }
}
