//! Commands run confined: a policy goes in, an outcome comes out.
//!
//! [`policy`] says what a command may do and why, as data. [`run`] has it carried out: it starts the
//! program anew as a helper ([`confine`]), which gives up every right that the policy does not name and
//! becomes the command. [`proxy`] is the command's only way out.

pub mod audit;
pub mod call;
mod channel;
pub mod confine;
mod environment;
pub mod level;
pub mod outcome;
mod plan;
pub mod policy;
pub mod proxy;
mod sys;
pub mod workshop;

pub use call::{Call, CallError, Ended, Output, Ready, Stream, run};
pub use level::{Level, Mode, Support, TooWeak};
pub use outcome::{Account, Denial, DenialKind, End, Limit, Outcome, Usage};
pub use plan::Failure;
pub use workshop::{Captured, Done, Job, JobError, Kept, Process, Workshop};
