//! The loop: Reason, Act, Reflect, Verify, under limits, in a ledger.
//!
//! [`iteration::next`] decides and [`drive`] acts. What the engine works with (tools, briefings, gates,
//! reviewers, a provider) is handed to it; it knows no service and reads no configuration.

pub mod council;
mod drive;
mod effects;
mod engine;
pub mod iteration;
pub mod limits;
pub mod operations;
pub mod prompt;
pub mod receipt;
pub mod skills;
pub mod story;
pub mod stuck;
pub mod tool;
pub mod verify;
mod watch;
pub mod worktree;

pub use drive::{drive, reopen};
pub use effects::{CouncilVerdict, Held, convene};
pub use engine::{Engine, EngineError, Observer};
pub use watch::{Edited, Edits};
