//! A migration tried on a scratch database.

use deadpool_postgres::GenericClient;

use super::{Drafted, MigrateError};
use crate::ddl::postgres::{Features, PROLOGUE, Step, create};
use crate::postgres::{Pg, catalog, server};

/// Up, down and up again; returns what the transaction of `up` leaves.
pub(super) async fn trial(
    scratch: &Pg,
    drafted: &Drafted,
    real: &str,
    features: Features,
) -> Result<String, MigrateError> {
    let plan = &drafted.plan;
    let name = &plan.name;
    scratch.prepare("authenticator").await?;
    let base = create(&plan.before, features)
        .map_err(|source| MigrateError::Plan { name: name.clone(), source: Box::new(source) })?;
    let before = stage(scratch, name, &base).await?.1;
    if before != real {
        return Err(MigrateError::Drift { what: difference(&before, real) });
    }
    let same = |found: &str, wanted: &str, what| {
        if found == wanted {
            return Ok(());
        }
        Err(MigrateError::Refuted { name: name.clone(), what, difference: difference(wanted, found) })
    };
    let (leaves, up) = stage(scratch, name, &plan.up).await?;
    let (_, down) = stage(scratch, name, &plan.down).await?;
    same(&down, &before, "does not lead back")?;
    let (_, again) = stage(scratch, name, &plan.up).await?;
    same(&again, &up, "leads elsewhere the second time")?;
    Ok(leaves)
}

/// Runs all steps; what is there after the transaction, and after all of them.
async fn stage(scratch: &Pg, name: &str, steps: &[Step]) -> Result<(String, String), MigrateError> {
    let mut connection = scratch.connection().await?;
    let failed = server("try the migration");
    let transaction = connection.transaction().await.map_err(&failed)?;
    scratch.settle(&transaction).await?;
    run(&transaction, name, &within(steps)).await?;
    let between = catalog::contents(&transaction).await?;
    transaction.commit().await.map_err(&failed)?;
    let later: Vec<&str> =
        steps.iter().filter(|step| !step.in_transaction).map(|step| step.sql.as_str()).collect();
    run(&connection, name, &later).await?;
    let end = catalog::contents(&connection).await?;
    Ok((between, end))
}

pub(super) fn within(steps: &[Step]) -> Vec<&str> {
    let steps = steps.iter().filter(|step| step.in_transaction).map(|step| step.sql.as_str());
    PROLOGUE.into_iter().chain(steps).collect()
}

pub(super) async fn run(
    client: &impl GenericClient,
    name: &str,
    statements: &[&str],
) -> Result<(), MigrateError> {
    for statement in statements {
        client.batch_execute(statement).await.map_err(|source| MigrateError::Execute {
            name: name.to_owned(),
            sql: statement.chars().take(200).collect(),
            source: Box::new(source),
        })?;
    }
    Ok(())
}

/// The first line that one of two catalogs has and the other has not.
pub(super) fn difference(wanted: &str, found: &str) -> String {
    let missing = wanted.lines().find(|line| !found.lines().any(|other| other == *line));
    let extra = found.lines().find(|line| !wanted.lines().any(|other| other == *line));
    match (missing, extra) {
        (Some(line), _) => format!("there is no {line}"),
        (None, Some(line)) => format!("there is {line}"),
        (None, None) => "lines are there twice".to_owned(),
    }
}
