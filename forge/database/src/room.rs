//! Whether something failed for want of room: nothing is wrong with what was asked for then.

use std::error::Error;
use std::io;

use loki_store::StoreError;
use rusqlite::ErrorCode;

/// Whether an error, or one below it, tells of a disk that is full.
pub fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        let sqlite = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        let file = error.downcast_ref::<io::Error>().map(io::Error::kind);
        sqlite == Some(ErrorCode::DiskFull)
            || file == Some(io::ErrorKind::StorageFull)
            || matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Full))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("something was attempted")]
    struct Attempt(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn it_is_found_below_what_was_attempted() {
        let sqlite = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        assert!(is_disk_full(&Attempt(Box::new(Attempt(Box::new(sqlite(rusqlite::ffi::SQLITE_FULL)))))));
        assert!(is_disk_full(&Attempt(Box::new(io::Error::from(io::ErrorKind::StorageFull)))));
        assert!(is_disk_full(&StoreError::Full));
        assert!(!is_disk_full(&Attempt(Box::new(sqlite(rusqlite::ffi::SQLITE_BUSY)))));
        assert!(!is_disk_full(&io::Error::from(io::ErrorKind::NotFound)));
    }
}
