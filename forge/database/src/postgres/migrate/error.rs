//! Why a migration went no further.

use crate::postgres::PgError;

/// Why a migration went no further. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] PgError),
    /// It was not prepared, or by a newer loki.
    #[error("the database was not prepared for migrations")]
    Unprepared,
    /// The migration does not fit the schema.
    #[error("the migration `{name}` does not fit the schema")]
    Plan {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<crate::ddl::PlanError>,
    },
    /// Another migration of that name was applied.
    #[error("a different migration named `{name}` was applied as version {version}")]
    NameTaken {
        /// The name.
        name: String,
        /// Its version.
        version: u32,
    },
    /// The tables are not what the stored schema says.
    #[error("the database was changed by hand: {what}")]
    Drift {
        /// A line of the catalog that only one of the two has.
        what: String,
    },
    /// No scratch database.
    #[error("the scratch database for the proof could not be made or dropped")]
    Scratch {
        /// What the server says.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement failed.
    #[error("`{name}` could not be carried out: {sql}")]
    Execute {
        /// The migration.
        name: String,
        /// The statement, cut short.
        sql: String,
        /// What the server says.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
    /// The way down, or up again, leads elsewhere.
    #[error("`{name}` {what}: {difference}")]
    Refuted {
        /// The migration.
        name: String,
        /// What it does not do.
        what: &'static str,
        /// A line of the catalog that differs.
        difference: String,
    },
    /// There is no such version.
    #[error("there is no version {version}; the newest is {newest}")]
    NoVersion {
        /// The version asked for.
        version: u32,
        /// The newest one that holds.
        newest: u32,
    },
    /// The history holds what cannot be read.
    #[error("the history of migrations cannot be read")]
    History,
    /// The approval is for something else.
    #[error("the approval is for {approved}, not for {subject}")]
    OtherSubject {
        /// The hash that was approved.
        approved: String,
        /// The hash of what was to be applied.
        subject: String,
    },
    /// Data would be lost, or a finding blocks, and no person approved.
    #[error("`{name}` needs the approval of a person: {reason}")]
    NeedsPerson {
        /// The migration.
        name: String,
        /// What would be lost, or what was found.
        reason: String,
    },
    /// The database is not the one that was proven and approved.
    #[error("the approval of `{name}` no longer holds: the schema changed after the proof")]
    Stale {
        /// The migration.
        name: String,
    },
}
