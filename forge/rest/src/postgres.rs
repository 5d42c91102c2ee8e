//! The REST dialect on a Postgres: its roles, its policies, its catalog.

mod carry;
mod catalog;
mod connect;
mod engine;
mod errors;
mod lease;
mod listen;
mod query;
mod script;
mod sql;
mod text;
mod tls;

use std::time::Duration;

pub use connect::ConnectError;
pub use engine::Postgres;

/// How the database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The schemas that are served, the first one for requests that name none.
    pub schemas: Vec<String>,
    /// Schemas in which names without one are looked up besides the request's own.
    pub search_path: Vec<String>,
    /// The most connections for requests; one more listens for changes of the schema.
    pub connections_max: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a request waits for a connection; then it is refused with 504.
    pub acquire_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// Prepared statements that each connection keeps.
    pub statements_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            schemas: vec!["public".to_owned()],
            search_path: vec!["public".to_owned()],
            connections_max: 10,
            connect_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(8),
            statements_max: 256,
        }
    }
}

#[cfg(test)]
mod tests;
