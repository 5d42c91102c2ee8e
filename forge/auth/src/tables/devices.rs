//! `auth.device_flows`: devices that wait until somebody has entered their code at a provider.

use forge_core::sql::{Row, Statement, Value, integer, optional_text, text, time};
use loki_store::Timestamp;

/// A device that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    /// The digest of the code that the device asks with.
    pub(crate) device_code_hash: String,
    pub(crate) provider: String,
    /// The provider's own code, sealed.
    pub(crate) secrets: String,
    /// Seconds between two questions.
    pub(crate) interval_seconds: i64,
    /// When the provider was asked last.
    pub(crate) polled_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The device with this code.
pub(crate) fn by_code(hash: &str) -> Statement {
    Statement::new(
        "select id, device_code_hash, provider, secrets, interval_seconds, polled_at, created_at, expires_at from \
         {auth.device_flows} where device_code_hash = $1",
        [hash.into()],
    )
}

/// Adds a device, and removes those whose time was over long ago: until then they are told that it is.
pub(crate) fn insert(waiting: &Waiting, over_since: Timestamp) -> [Statement; 2] {
    [
        Statement::new("delete from {auth.device_flows} where expires_at < $1", [over_since.into()]),
        Statement::new(
            "insert into {auth.device_flows} (id, device_code_hash, provider, secrets, interval_seconds, polled_at, \
             created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                waiting.id.as_str().into(),
                waiting.device_code_hash.as_str().into(),
                waiting.provider.as_str().into(),
                waiting.secrets.as_str().into(),
                waiting.interval_seconds.into(),
                waiting.polled_at.into(),
                waiting.created_at.into(),
                waiting.expires_at.into(),
            ],
        )
        .touching(1),
    ]
}

/// Takes the turn to ask the provider; unmet where somebody else has taken it since the row was read.
pub(crate) fn polled(waiting: &Waiting, now: Timestamp) -> Statement {
    let id = Value::from(waiting.id.as_str());
    let statement = match waiting.polled_at {
        None => Statement::new(
            "update {auth.device_flows} set polled_at = $2 where id = $1 and polled_at is null",
            [id, now.into()],
        ),
        Some(before) => Statement::new(
            "update {auth.device_flows} set polled_at = $2 where id = $1 and polled_at = $3",
            [id, now.into(), before.into()],
        ),
    };
    statement.touching(1)
}

/// Lets a device ask less often from now on.
pub(crate) fn slow_down(id: &str, interval_seconds: i64) -> Statement {
    Statement::new(
        "update {auth.device_flows} set interval_seconds = $2 where id = $1",
        [id.into(), interval_seconds.into()],
    )
}

/// Removes a device that has what it waited for, or never will; a second time it is unmet.
pub(crate) fn spend(id: &str) -> Statement {
    Statement::new("delete from {auth.device_flows} where id = $1", [id.into()]).touching(1)
}

/// A device from a row.
pub(crate) fn of_row(row: &Row) -> Option<Waiting> {
    Some(Waiting {
        id: optional_text(row, "id")?,
        device_code_hash: text(row, "device_code_hash"),
        provider: text(row, "provider"),
        secrets: text(row, "secrets"),
        interval_seconds: integer(row, "interval_seconds"),
        polled_at: time(row, "polled_at"),
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    })
}
