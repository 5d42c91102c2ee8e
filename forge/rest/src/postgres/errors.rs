//! What the server says, or that it says nothing, as the errors that clients know.

use deadpool_postgres::{PoolError, TimeoutType};
use http::StatusCode;

use crate::error::RestError;

/// The error for what a statement met. `anonymous` says whether nobody is signed in.
pub(super) fn of_postgres(error: &tokio_postgres::Error, anonymous: bool) -> RestError {
    match error.as_db_error() {
        Some(said) => RestError::from_sqlstate(
            said.code().code(),
            said.message(),
            said.detail(),
            said.hint(),
            anonymous,
        ),
        None if error.is_closed() || is_transport(error) => {
            unavailable("PGRST001", "Database client error. Retrying the connection.")
        }
        None => internal(),
    }
}

/// The error for a connection that could not be had.
pub(super) fn of_pool(error: &PoolError) -> RestError {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => RestError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "PGRST003",
            "Timed out acquiring connection from connection pool.",
        ),
        _ => unavailable("PGRST000", "Database connection error. Retrying the connection."),
    }
}

/// The error while the catalog cannot be read.
pub(super) fn no_catalog() -> RestError {
    unavailable("PGRST002", "Could not query the database for the schema cache. Retrying.")
}

/// A statement that did not end in time, although the server was told to end it.
pub(super) fn timed_out() -> RestError {
    let message = "canceling statement due to statement timeout";
    RestError::from_sqlstate("57014", message, None, None, false)
}

/// A failure of ours; nothing of it is told.
pub(super) fn internal() -> RestError {
    RestError::from_sqlstate("XX000", "internal error", None, None, false)
}

/// Whether an error may come of a catalog that is no longer as it was when a statement was made.
pub(super) fn is_stale(code: &str) -> bool {
    matches!(code, "42P01" | "42703" | "42883" | "42704" | "3F000" | "0A000" | "26000")
}

fn unavailable(code: &str, message: &str) -> RestError {
    RestError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

/// Whether the bytes, not the statement, are at fault.
fn is_transport(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
