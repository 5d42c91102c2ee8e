//! SQLite as the rest of the program uses it: one writer, a bounded pool of readers, a
//! migration runner; and beside it the clock and the lock that only one process at a time can hold.
//!
//! Nothing here is async and nothing here knows what is stored.

mod clock;
mod error;
mod file;
mod lock;
mod migrate;
mod readers;
mod store;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use clock::{Clock, FixedClock, SystemClock};
pub use error::StoreError;
pub use file::replace_file;
pub use jiff::Timestamp;
pub use lock::{Holder, LockError, ProcessLock};
pub use migrate::Migration;
pub use store::{Durability, Options, Store};
pub use watch::Watch;
