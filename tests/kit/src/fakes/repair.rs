//! The script of a model that repairs one of the [`Project`]s: it plans, makes a wrong change and
//! claims success, and only then does it right.
//!
//! It decides by what it sees (the tools on offer, what it read last), not by counting, so that it
//! goes on after any fault, retry or crash. What it keeps for itself is whether it has made its
//! false claim, and which faults are behind it.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::hands::{Deed, Hands};
use super::projects::Project;
use super::script::{Reply, Script, Seen, Usage};

/// More answers than this in one conversation, and the model gives up.
const RESULTS_MAX: usize = 40;

/// What the model is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Reads the target before it plans.
    Survey,
    /// Plans.
    Plan,
    /// Ends the phase of planning.
    Planned,
    /// Reads the target before or after a change.
    Look,
    /// Makes the change that does not help.
    WrongEdit,
    /// Claims that all is well while it is not.
    FalseClaim,
    /// Makes the change that helps.
    RightEdit,
    /// Runs the tests.
    Test,
    /// Claims that all is well, and it is.
    Claim,
    /// Is asked for something else.
    Other,
}

/// What becomes of one reply.
type Fault = Box<dyn FnOnce(Reply) -> Reply + Send>;

/// A repair, to be made a script.
pub struct Repair {
    project: Project,
    folder: PathBuf,
    faults: Vec<(Moment, Fault)>,
    other: Box<dyn FnMut(&Seen) -> Reply + Send>,
    claimed: bool,
    replies: u64,
}

impl Repair {
    /// Of the project in `folder`, without faults. The folder matters to agents that want whole paths.
    pub fn new(project: Project, folder: &Path) -> Repair {
        Repair {
            project,
            folder: folder.to_owned(),
            faults: Vec::new(),
            other: Box::new(|_| Reply::say("Nothing to add.")),
            claimed: false,
            replies: 0,
        }
    }

    /// A model that does not lie: it makes the right change at once.
    #[must_use]
    pub fn honest(self) -> Repair {
        Repair { claimed: true, ..self }
    }

    /// Puts `fault` in place of the next reply at this moment. Of several at one moment each has its
    /// turn, in the order given.
    #[must_use]
    pub fn with_fault(
        mut self,
        moment: Moment,
        fault: impl FnOnce(Reply) -> Reply + Send + 'static,
    ) -> Repair {
        self.faults.push((moment, Box::new(fault)));
        self
    }

    /// What is said to requests that are none of the two phases' (reviewers, titles).
    #[must_use]
    pub fn with_other(self, other: impl FnMut(&Seen) -> Reply + Send + 'static) -> Repair {
        Repair { other: Box::new(other), ..self }
    }

    /// Everything that can go wrong on the way, each once: split chunks, 429 with `Retry-After: 1`, an
    /// overload, a connection that breaks in the middle, a stream that ends early, an error inside one,
    /// arguments that are no JSON, a refusal and an empty turn.
    #[must_use]
    pub fn with_every_fault(self) -> Repair {
        self.with_fault(Moment::Survey, |reply| reply.split_every(7))
            .with_fault(Moment::Plan, |_| Reply::rate_limited(1))
            .with_fault(Moment::Plan, |reply| reply.split_every(1))
            .with_fault(Moment::Look, |_| Reply::overloaded())
            .with_fault(Moment::Look, |reply| reply.error_event("overloaded_error", 2))
            .with_fault(Moment::WrongEdit, |reply| reply.drop_mid_stream(4))
            .with_fault(Moment::WrongEdit, Reply::with_spoilt_arguments)
            .with_fault(Moment::RightEdit, |reply| reply.end_early(4))
            .with_fault(Moment::RightEdit, |_| Reply::refuse())
            .with_fault(Moment::Test, |_| Reply::empty())
            .with_fault(Moment::Claim, |reply| reply.split_every(3))
    }

    /// The script.
    pub fn script(self) -> Script {
        Script::new(self.script_fn())
    }

    /// The script as a function, for those who put something before it.
    pub fn script_fn(mut self) -> impl FnMut(&Seen) -> Reply + Send + 'static {
        move |seen| self.reply(seen)
    }

    fn reply(&mut self, seen: &Seen) -> Reply {
        let (moment, planned) = self.next(seen);
        let fault = self.faults.iter().position(|(at, _)| *at == moment);
        let reply = match fault {
            Some(at) => self.faults.remove(at).1(planned),
            None => planned,
        };
        self.claimed |= moment == Moment::FalseClaim && reply.arrives();
        self.replies += 1;
        // Different in every kind and in every reply, so that no mix-up comes out even.
        let n = self.replies;
        let usage = Usage::new(900 + 10 * n, 40 + n, 300 * n, 7 * n);
        let unsaid = reply.usage.is_none();
        if unsaid { reply.with_usage(usage) } else { reply }
    }

    fn next(&mut self, seen: &Seen) -> (Moment, Reply) {
        let Some(hands) = Hands::of(seen, &self.folder) else { return (Moment::Other, (self.other)(seen)) };
        if seen.results.len() > RESULTS_MAX {
            return (Moment::Other, Reply::say("I give up: too much went wrong."));
        }
        if hands.may_edit() { self.act(seen, &hands) } else { self.reason(seen, &hands) }
    }

    fn reason(&self, seen: &Seen, hands: &Hands) -> (Moment, Reply) {
        let target = self.project.target;
        let read = seen.results.iter().any(|result| hands.deed(result) == Deed::Read);
        if !read {
            let reply = hands.read(target).with_text("I look at the code first. Größe: klein \u{1f50d}");
            return (Moment::Survey, reply.with_thinking("The failing test names the function."));
        }
        if seen.last_result("plan").is_some() || !seen.offers("plan") {
            return (Moment::Planned, Reply::say("The plan: correct the discount, then run the tests."));
        }
        let items = json!({"items": [format!("Correct the discount in {target}"), "Run the tests"]});
        (Moment::Plan, Reply::call([("plan", items)]))
    }

    fn act(&self, seen: &Seen, hands: &Hands) -> (Moment, Reply) {
        let Project { target, broken, wrong, fixed, test_command, .. } = self.project;
        let sight = self.sight(seen, hands);
        if sight.ended {
            return (Moment::Other, Reply::say("Done."));
        }
        match sight.look {
            Look::Unknown => {
                let thought = "I must see the file as it is now.";
                (Moment::Look, hands.read(target).with_thinking(thought))
            }
            Look::Broken if self.claimed => (Moment::RightEdit, hands.edit(target, broken, fixed)),
            Look::Broken => (Moment::WrongEdit, hands.edit(target, broken, wrong).with_text("This will do.")),
            Look::Wrong if self.claimed => (Moment::RightEdit, hands.edit(target, wrong, fixed)),
            Look::Wrong => {
                let claim = hands.finish("The discount is right and all tests pass.", test_command);
                (Moment::FalseClaim, claim)
            }
            Look::Fixed if !sight.tested => (Moment::Test, hands.run(test_command)),
            Look::Fixed => {
                (Moment::Claim, hands.finish("The discount is taken off; the tests pass.", test_command))
            }
        }
    }

    /// What the conversation shows.
    fn sight(&self, seen: &Seen, hands: &Hands) -> Sight {
        let mut sight = Sight { look: Look::Unknown, tested: false, ended: false };
        let mut last = Look::Unknown;
        for result in &seen.results {
            match hands.deed(result) {
                Deed::Read => {
                    last = self.look(&result.output).unwrap_or(last);
                    sight.look = last;
                }
                // Whether it worked or not: only reading tells. A reader that says no more than that
                // nothing has changed speaks of what was read before.
                Deed::Edit => sight = Sight { look: Look::Unknown, tested: false, ended: false },
                Deed::Run => sight.tested = true,
                Deed::Finish => sight.ended = result.failed != Some(true),
                Deed::Other => {}
            }
        }
        sight
    }

    /// The state of the target in a text of it; none where the text shows nothing of the kind.
    fn look(&self, text: &str) -> Option<Look> {
        let Project { broken, wrong, fixed, .. } = self.project;
        let states = [(fixed, Look::Fixed), (wrong, Look::Wrong), (broken, Look::Broken)];
        states.into_iter().find(|(part, _)| text.contains(part)).map(|(_, look)| look)
    }
}

/// The target as it was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Unknown,
    Broken,
    Wrong,
    Fixed,
}

#[derive(Debug)]
struct Sight {
    look: Look,
    /// Since the last change.
    tested: bool,
    /// The claim was taken.
    ended: bool,
}
