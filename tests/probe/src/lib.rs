//! Ways out of a sandbox, and whether it has them.
//!
//! [`all_cases`] is the table; [`try_all`] tries it, each case first unconfined, where it must succeed to prove
//! anything, and then under a [`Confinement`]. The program `loki-probe` performs the acts.

mod cases;
mod judge;
mod run;
mod suite;
mod world;

pub use cases::{Case, Control, Evidence, Gift, Project, all_cases};
pub use judge::{Finding, Seen};
pub use suite::{Confinement, Report, Suite, User, try_all};
