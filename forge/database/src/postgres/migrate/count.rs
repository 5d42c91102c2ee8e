//! Rows and nulls, for the linter.

use deadpool_postgres::GenericClient;

use crate::change::Migration;
use crate::ddl::postgres::quote_name as quote;
use crate::lint::{Stats, TableStats, table_of};
use crate::postgres::{PgError, server};
use crate::schema::{Schema, Table};

/// Counts rows and nulls of the tables that a migration changes.
pub(super) async fn stats(
    client: &impl GenericClient,
    schema: &Schema,
    migration: &Migration,
) -> Result<Stats, PgError> {
    let mut stats = Stats { tables: std::collections::BTreeMap::new() };
    let names: std::collections::BTreeSet<&str> = migration.changes.iter().filter_map(table_of).collect();
    for table in names.into_iter().filter_map(|name| schema.table(name)) {
        stats.tables.insert(table.name.clone(), count(client, table).await?);
    }
    Ok(stats)
}

async fn count(client: &impl GenericClient, table: &Table) -> Result<TableStats, PgError> {
    let nullable: Vec<&str> =
        table.columns.iter().filter(|column| column.nullable).map(|column| column.name.as_str()).collect();
    let counts: String = nullable.iter().map(|name| format!(", count({})", quote(name))).collect();
    let sql = format!("SELECT count(*){counts} FROM public.{}", quote(&table.name));
    let row = client.query_one(&sql, &[]).await.map_err(server("count rows"))?;
    let number = |at: usize| row.get::<_, i64>(at).unsigned_abs();
    let nulls = nullable.iter().enumerate();
    let nulls = nulls.map(|(at, name)| ((*name).to_owned(), number(0).saturating_sub(number(at + 1))));
    Ok(TableStats { rows: number(0), nulls: nulls.collect() })
}
