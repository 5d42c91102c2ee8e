//! Runs what the compiler of reads gives.

use super::Place;
use crate::error::RestError;
use crate::sqlite::identity;
use crate::sqlite::reads::Statement;

/// The only row that a compiled read gives.
pub(in crate::sqlite) struct Fetched {
    /// The rows as a JSON array.
    pub(in crate::sqlite) body: String,
    /// How many rows are in it.
    pub(in crate::sqlite) page: u64,
    /// How many rows there are in all, if they were counted.
    pub(in crate::sqlite) total: Option<u64>,
}

/// Runs a read.
pub(in crate::sqlite) fn fetch(place: &Place<'_>, read: &Statement) -> Result<Fetched, RestError> {
    let run = || {
        let mut statement = place.conn.prepare_cached(&read.sql)?;
        identity::bind(place, &mut statement, read)?;
        let mut rows = statement.raw_query();
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let total: Option<i64> = row.get(2)?;
        let page: i64 = row.get(1)?;
        Ok(Fetched { body: row.get(0)?, page: count(page), total: total.map(count) })
    };
    run().map_err(|error| place.failed(&error))
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// The lines of SQLite's plan for a read, indented by their depth.
pub(super) fn plan(place: &Place<'_>, read: &Statement) -> Result<Vec<String>, RestError> {
    let run = || {
        let mut statement = place.conn.prepare(&format!("explain query plan {}", read.sql))?;
        identity::bind(place, &mut statement, read)?;
        let mut depths = std::collections::BTreeMap::<i64, usize>::new();
        let mut lines = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let (id, parent, text): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
            let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
            depths.insert(id, depth);
            lines.push(format!("{}{text}", "  ".repeat(depth)));
        }
        Ok(lines)
    };
    run().map_err(|error: rusqlite::Error| place.failed(&error))
}
