//! A thread that reads.

use super::queue::Queue;
use super::scene::Scenes;
use super::session::Session;
use super::{Done, Job};

/// Carries out jobs until the queue is closed.
pub(super) fn work(session: &Session, queue: &Queue<Job>, scenes: &Scenes) {
    while let Some(job) = queue.pop() {
        let answer = read(session, &job, scenes);
        // Whoever asked may have gone.
        job.answer.send(answer).unwrap_or_default();
    }
}

/// One transaction, so that the schema and the rows are of the same moment.
fn read(session: &Session, job: &Job, scenes: &Scenes) -> Done {
    if let Err(error) = session.control("begin") {
        return job.work.refused(error);
    }
    let answer = session.carry_out(job, scenes);
    if answer.failed() || session.control("commit").is_err() {
        session.roll_back();
    }
    answer
}
