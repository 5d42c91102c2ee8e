//! What is asked of the worker, and what comes of its answers.

use super::App;
use super::worker::{Answer, Found, Job};
use crate::data::Loaded;
use crate::state::Fate;
use crate::wants::{Want, wants};

impl App {
    /// Asks for what is still to be read.
    pub(super) fn ask(&mut self) {
        let now_ms = self.clock.now().as_millisecond();
        let picture = self.model.as_ref().map(|model| &model.live);
        for want in wants(&self.state, picture, &self.data, now_ms) {
            let name = format!("{want:?}");
            if self.asked.contains(&name) {
                continue;
            }
            let job = Job::Want { project: self.state.project.clone(), generation: self.generation, want };
            if self.worker.send(job) {
                self.asked.insert(name);
            }
        }
        let Some(replay) = &self.state.replay else { return };
        if self.replaying.is_some() || replay.read == replay.seq {
            return;
        }
        let Some(model) = &self.model else { return };
        let (project, seq) = (self.state.project.clone(), replay.seq);
        let base = Box::new(model.base(seq));
        if self.worker.send(Job::Replay { project, generation: self.generation, base, seq }) {
            self.replaying = Some(seq);
        }
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        let now_ms = self.clock.now().as_millisecond();
        match answer {
            Answer::Order { number, outcome } => {
                let fate = match outcome {
                    Ok(done) => done.command.map_or(Fate::Done(done.message), Fate::Told),
                    Err(reason) => Fate::Failed(reason),
                };
                self.fate(number, fate);
            }
            Answer::Ledger { generation, outcome } if generation == self.generation => match outcome {
                Ok(reader) => self.follow(reader),
                Err(reason) => self.state.complain(format!("The ledger cannot be opened: {reason}")),
            },
            Answer::Replay { generation, seq, outcome } if generation == self.generation => {
                self.replaying = None;
                match (outcome, &mut self.state.replay) {
                    (Ok(picture), Some(replay)) => (replay.picture, replay.read) = (picture, seq),
                    (Err(reason), Some(replay)) => {
                        // Asked for again it would fail again.
                        replay.seq = replay.read;
                        self.state.complain(format!("Event {seq} cannot be read: {reason}"));
                    }
                    (_, None) => {}
                }
            }
            Answer::Want { generation, want, found } if generation == self.generation => {
                self.asked.remove(&format!("{want:?}"));
                self.found(want, found, now_ms);
            }
            Answer::Ledger { .. } | Answer::Replay { .. } | Answer::Want { .. } => {}
        }
    }

    fn found(&mut self, want: Want, found: Found, now_ms: i64) {
        let data = &mut self.data;
        match (want, found) {
            (_, Found::Projects(projects)) => data.projects = Loaded::of(Ok(projects), now_ms),
            (_, Found::Driver(driver)) => data.driver = Loaded::of(Ok(driver), now_ms),
            (_, Found::Forge(outcome)) => data.forge = Loaded::of(outcome, now_ms),
            (Want::Artifact { id, .. }, Found::Artifact(outcome)) => {
                data.keep_artifact(id, Loaded::of(outcome, now_ms));
            }
            (Want::Preview { input }, Found::Preview(outcome)) => {
                data.keep_preview(input, Loaded::of(outcome, now_ms));
            }
            (Want::Changes { stretch }, Found::Changes(outcome)) => {
                data.changes = Some((stretch, Loaded::of(outcome, now_ms)));
            }
            (_, Found::Artifact(_) | Found::Preview(_) | Found::Changes(_)) => {}
        }
    }

    pub(super) fn fate(&mut self, number: u64, fate: Fate) {
        if let Some(sent) = self.state.sent.iter_mut().find(|sent| sent.number == number) {
            sent.fate = fate;
        }
    }
}
