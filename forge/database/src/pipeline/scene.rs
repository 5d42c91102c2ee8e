//! The same tables without any of the data, with rows of two users in them, for whoever tries them out.

use std::path::Path;

use super::{Database, Limits, PipelineError};
use crate::ddl::sqlite;
use crate::introspect::introspect;
use crate::prove::rls::scene::{Scene, set_scene};

impl Database {
    /// Makes a database of this one's schema in `dir`, which has none yet, and sets a scene on it. No row of this
    /// one is looked at.
    pub fn scene(&self, dir: &Path) -> Result<(Database, Scene), PipelineError> {
        let schema = introspect(&self.connect()?)?.schema;
        let stage = Database::open(dir, Limits::default())?;
        let mut conn = stage.connect()?;
        let failed = |source| PipelineError::Sqlite { attempt: "make the tables of the scene", source };
        let transaction = conn.transaction().map_err(failed)?;
        let mut statements = sqlite::open_books();
        statements.push(sqlite::store_schema(&schema));
        // Tables before the indices on them.
        let (tables, others): (Vec<_>, Vec<_>) =
            sqlite::objects(&schema).into_iter().partition(|object| object.kind == "table");
        statements.extend(tables.into_iter().chain(others).map(|object| object.sql));
        for statement in &statements {
            transaction.execute_batch(statement).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        let scene = set_scene(&conn, &schema)?;
        Ok((stage, scene))
    }
}
