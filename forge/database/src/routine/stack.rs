//! A stack that is large enough for whatever the bounds let through.
//!
//! The parser and everything that walks its trees recurse, a few thousand levels deep at worst, which is
//! more than the stack of an ordinary thread holds.

use super::error::{LIMIT, RoutineError};

/// Bytes of address space; memory is taken only for what is used.
const STACK_BYTES: usize = 64 << 20;

/// Runs `act` on a stack of its own.
pub(super) fn on_own_stack<T: Send>(
    act: impl FnOnce() -> Result<T, RoutineError> + Send,
) -> Result<T, RoutineError> {
    let failed = |why: &str| RoutineError::new(LIMIT, format!("the text could not be read: {why}"));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("routine".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, act) {
            Ok(handle) => handle.join().unwrap_or_else(|_| Err(failed("its reader failed"))),
            Err(error) => Err(failed(&error.to_string())),
        }
    })
}
