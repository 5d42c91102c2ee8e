//! What SQLite says, in the words of Postgres: the same SQLSTATE, message, detail and hint.
//!
//! What a constraint's error tells of a row is left out for those whom policies bind, as Postgres does.

mod constraint;
mod text;

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use rusqlite::{ErrorCode, ffi};

use crate::error::RestError;

pub(super) use constraint::{Refusal, of_row};
pub(super) use text::{listed, pg_text};

/// How errors that registered functions raise begin: `PGERR:<sqlstate>:<message>\x1f<detail>\x1f<hint>`.
const RAISED: &str = "PGERR:";

/// The error for a role that no policy names, as the one Postgres has for a role that there is not.
pub(super) fn no_role(role: &forge_core::Role) -> RestError {
    RestError::new(http::StatusCode::UNAUTHORIZED, "22023", format!("role \"{role}\" does not exist"))
}

/// The error for a failure that is no constraint's of a row that is known. `anonymous` says whether nobody is
/// signed in.
pub(super) fn of_sqlite(error: &rusqlite::Error, anonymous: bool) -> RestError {
    if let Some(error) = raised(&said(error), anonymous) {
        return error;
    }
    let rusqlite::Error::SqliteFailure(failure, message) = error else { return internal() };
    match failure.code {
        ErrorCode::OperationInterrupted => timed_out(),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            let message = "canceling statement due to lock timeout";
            let mut error = RestError::from_sqlstate("55P03", message, None, None, anonymous);
            error.status = StatusCode::SERVICE_UNAVAILABLE;
            error.header(RETRY_AFTER, HeaderValue::from_static("1"))
        }
        ErrorCode::DiskFull => {
            let message = "could not extend file: No space left on device";
            RestError::from_sqlstate("53100", message, None, Some("Check free disk space."), anonymous)
        }
        ErrorCode::AuthorizationForStatementDenied => {
            RestError::from_sqlstate("42501", "permission denied", None, None, anonymous)
        }
        ErrorCode::ReadOnly => {
            let message = "cannot write in a read-only transaction";
            RestError::from_sqlstate("25006", message, None, None, anonymous)
        }
        ErrorCode::TooBig => {
            RestError::from_sqlstate("54000", "the value is too large", None, None, anonymous)
        }
        ErrorCode::OutOfMemory => RestError::from_sqlstate("53200", "out of memory", None, None, anonymous),
        ErrorCode::ConstraintViolation => {
            let code = match failure.extended_code {
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER => "23503",
                ffi::SQLITE_CONSTRAINT_NOTNULL => "23502",
                ffi::SQLITE_CONSTRAINT_CHECK => "23514",
                ffi::SQLITE_CONSTRAINT_DATATYPE => "22P02",
                _ => "23505",
            };
            RestError::from_sqlstate(code, "the change violates a constraint", None, None, anonymous)
        }
        _ if message.as_deref().is_some_and(|message| message.starts_with("integer overflow")) => {
            RestError::from_sqlstate("22003", "bigint out of range", None, None, anonymous)
        }
        _ => internal(),
    }
}

/// The text of an error, without what the library adds.
fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

/// The error that one of the registered functions raised.
fn raised(said: &str, anonymous: bool) -> Option<RestError> {
    if let Some(at) = said.find(RAISED) {
        let (code, rest) = said.get(at + RAISED.len()..)?.split_once(':')?;
        let mut parts = rest.split('\u{1f}');
        let message = parts.next().unwrap_or_default();
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (details, hint) = (part(), part());
        return Some(RestError::from_sqlstate(code, message, details, hint, anonymous));
    }
    let (code, message) = forge_database::routine::functions::raised(said)?;
    Some(RestError::from_sqlstate(code, message, None, None, anonymous))
}

/// A request that took too long.
pub(super) fn timed_out() -> RestError {
    let message = "canceling statement due to statement timeout";
    RestError::from_sqlstate("57014", message, None, None, false)
}

/// Too many requests wait already.
pub(super) fn crowded() -> RestError {
    let message = "the server has too many requests waiting";
    RestError::from_sqlstate("53300", message, None, Some("Try again in a second."), false)
        .header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// A failure of ours; nothing of it is told.
pub(super) fn internal() -> RestError {
    RestError::from_sqlstate("XX000", "internal error", None, None, false)
}

/// The new row does not pass the policies of `table`.
pub(super) fn policy(table: &str, anonymous: bool) -> RestError {
    let message = format!("new row violates row-level security policy for table \"{table}\"");
    RestError::from_sqlstate("42501", &message, None, None, anonymous)
}

/// The row that an upsert would change does not pass the policies of `table`.
pub(super) fn policy_using(table: &str, anonymous: bool) -> RestError {
    let message =
        format!("new row violates row-level security policy (USING expression) for table \"{table}\"");
    RestError::from_sqlstate("42501", &message, None, None, anonymous)
}

/// What is closed to the role by a grant.
pub(super) fn denied(table: &str, anonymous: bool) -> RestError {
    RestError::from_sqlstate("42501", &format!("permission denied for table {table}"), None, None, anonymous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_functions_raise_is_told_as_they_say_it() {
        let error = raised("PGERR:22P02:invalid input\u{1f}more\u{1f}", false).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("22P02", "invalid input"));
        assert_eq!((error.details, error.hint), (Some("more".into()), None));
        let error = raised("22012: division by zero", false).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("22012", "division by zero"));
        assert_eq!(raised("no such table: t", false), None);
    }

    #[test]
    fn an_unknown_failure_tells_nothing() {
        let failure = ffi::Error { code: ErrorCode::Unknown, extended_code: 1 };
        let error =
            of_sqlite(&rusqlite::Error::SqliteFailure(failure, Some("near \"x\": secret".to_owned())), true);
        assert_eq!((error.status.as_u16(), error.code.as_str()), (500, "XX000"));
        assert!(!error.to_string().contains("secret"));
    }
}
