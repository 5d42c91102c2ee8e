//! What the database holds, read again when somebody has changed it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use forge_core::Role;
use forge_database::introspect;
use forge_database::policy::roles;
use forge_database::schema::Schema;
use rusqlite::OptionalExtension as _;

use super::session::Session;
use crate::error::RestError;
use crate::model::{self, Model};
use crate::sqlite::errors;
use crate::sqlite::memo::Memo;

/// The schema of one moment.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Scene {
    /// The hash of the schema that is stored; empty where there is none.
    pub(in crate::sqlite) fingerprint: String,
    /// The tables with their policies, views and functions.
    pub(in crate::sqlite) schema: Schema,
    /// The same as requests name it.
    pub(in crate::sqlite) model: Arc<Model>,
    /// The roles that there are: those that are always there, and those that policies name.
    pub(in crate::sqlite) roles: BTreeSet<Role>,
    /// What was compiled for it.
    pub(in crate::sqlite) memo: Memo,
}

/// The scene that was seen last, for all threads.
#[derive(Debug, Default)]
pub(super) struct Scenes {
    last: RwLock<Arc<Scene>>,
}

impl Scenes {
    /// The scene that was seen last.
    pub(super) fn last(&self) -> Arc<Scene> {
        Arc::clone(&self.last.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The scene as the session's transaction sees it. Policies are part of the schema and not of the tables,
    /// so it is the stored schema's hash that tells whether something changed.
    pub(super) fn current(&self, session: &Session) -> Result<Arc<Scene>, RestError> {
        let fingerprint = fingerprint(session)?;
        let last = self.last();
        if last.fingerprint == fingerprint {
            return Ok(last);
        }
        let stored = session.guard.lifted(|| introspect::stored_schema(&session.conn));
        let schema = stored.map_err(|_| errors::internal())?.unwrap_or_default();
        let model = Arc::new(model::from_schema(&schema));
        let mut roles = roles(schema.tables.values());
        roles.insert(Role::Service);
        let scene = Arc::new(Scene { fingerprint, schema, model, roles, memo: Memo::default() });
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&scene);
        Ok(scene)
    }
}

fn fingerprint(session: &Session) -> Result<String, RestError> {
    let sql = "SELECT \"fingerprint\" FROM \"_loki_schema\" WHERE \"id\" = 1";
    let read = session.guard.lifted(|| match session.conn.prepare_cached(sql) {
        Ok(mut statement) => statement.query_row([], |row| row.get(0)).optional(),
        Err(rusqlite::Error::SqliteFailure(_, Some(message))) if message.starts_with("no such table") => {
            Ok(None)
        }
        Err(error) => Err(error),
    });
    Ok(read.map_err(|error| errors::of_sqlite(&error, false))?.unwrap_or_default())
}
