//! Seed rows as inserts that may be repeated.

use super::{quote_text, table::qualified, value::literal};
use crate::ddl::{PlanError, resolve::Row, sqlite};
use crate::schema::{ColumnDefault, Schema};

/// One insert a row, as on SQLite, and then identities that go on behind the highest number.
pub(super) fn seed_rows(schema: &Schema, seeds: &[(String, Vec<Row>)]) -> Result<Vec<String>, PlanError> {
    let write = |ty: &_, text: &str| literal(ty, &schema.enums, text);
    let mut out = sqlite::seed_rows_with(schema, seeds, "public.", &write)?;
    for (name, _) in seeds {
        let Some(table) = schema.table(name) else { continue };
        let counted = table.columns.iter().find(|c| c.default == Some(ColumnDefault::Identity));
        let Some(column) = counted else { continue };
        let (on, key) = (qualified(name), super::quote_name(&column.name));
        out.push(format!(
            "SELECT setval(s, greatest(m, pg_sequence_last_value(s))) FROM (SELECT pg_get_serial_sequence({}, \
             {})::regclass AS s, max({key})::bigint AS m FROM {on}) AS n WHERE m > 0",
            quote_text(&on),
            quote_text(&column.name)
        ));
    }
    Ok(out)
}
