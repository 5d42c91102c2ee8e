//! Facts about the database as it is, for whoever wants to verify it.

use std::collections::BTreeSet;

use super::{Database, PipelineError};
use crate::execute::{ExecuteError, check_integrity, check_references};
use crate::introspect::{Introspection, introspect};
use crate::prove::rls::{RlsProof, prove_rls};
use crate::prove::shadow::Shadow;

/// What the database says of itself. A check that did not hold says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// Whether the file is whole.
    pub integrity: Result<(), String>,
    /// Whether every row that refers to another one finds it.
    pub references: Result<(), String>,
    /// Whether the tables are what the stored schema says, and nothing else is there.
    pub drift: Result<(), String>,
    /// The schema's fingerprint.
    pub fingerprint: String,
}

impl Database {
    /// Checks the database, reading all of it.
    pub fn check(&self) -> Result<Checks, PipelineError> {
        let failed = |source| PipelineError::Sqlite { attempt: "check the database", source };
        let conn = self.connect()?;
        let integrity = check_integrity(&conn).map_err(failed)?;
        let references = match check_references(&conn) {
            Ok(()) => Ok(()),
            Err(ExecuteError::Sqlite { source, .. }) => return Err(failed(source)),
            Err(dangling) => Err(dangling.to_string()),
        };
        let Introspection { drift, unmanaged, fingerprint, .. } = introspect(&conn)?;
        let strange = drift.first().map(ToString::to_string);
        let strange = strange.or_else(|| unmanaged.first().map(|stray| format!("{stray} is no part of it")));
        Ok(Checks { integrity, references, drift: strange.map_or(Ok(()), Err), fingerprint })
    }

    /// Proves on a copy that two people's rows stay apart in every table.
    pub fn prove_policies(&self) -> Result<RlsProof, PipelineError> {
        let conn = self.connect()?;
        let schema = introspect(&conn)?.schema;
        let tables: BTreeSet<String> = schema.tables.keys().cloned().collect();
        let mut shadow = Shadow::copy(&conn, &self.shadow_dir(), &self.limits.shadow)?;
        Ok(prove_rls(shadow.conn(), &schema, &tables)?)
    }
}
