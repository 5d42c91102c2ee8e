//! What a database's tables hold, told by row counts and checksums.
//!
//! Two copies hold the same when their [`Contents`] are equal: the shadow proof compares a table before
//! `up` and after `down`, a backup is compared with its source, a restored file with its backup.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ddl::sqlite::quote_name;

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContents {
    /// How many there are.
    pub rows: u64,
    /// A checksum of their values, the same in whatever order they are stored.
    pub sum: String,
}

/// Every table with its rows.
pub type Contents = BTreeMap<String, TableContents>;

/// Every table of the database, its own bookkeeping included, SQLite's excluded.
pub(crate) fn table_names(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               ORDER BY name";
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// The columns of a table, in order.
pub(crate) fn column_names(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// What every table holds.
pub(crate) fn contents(conn: &Connection) -> rusqlite::Result<Contents> {
    let mut all = Contents::new();
    for table in table_names(conn)? {
        let columns = column_names(conn, &table)?;
        let found = table_contents(conn, &table, &columns)?;
        all.insert(table, found);
    }
    Ok(all)
}

/// What some columns of a table hold.
pub(crate) fn table_contents(
    conn: &Connection,
    table: &str,
    columns: &[String],
) -> rusqlite::Result<TableContents> {
    let list: Vec<String> = columns.iter().map(|column| quote_name(column)).collect();
    let list = if list.is_empty() { "NULL".to_owned() } else { list.join(", ") };
    let mut statement = conn.prepare(&format!("SELECT {list} FROM {}", quote_name(table)))?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut count, mut sum) = (0u64, [0u64; 4]);
    while let Some(row) = rows.next()? {
        let mut hash = Sha256::new();
        for at in 0..width {
            feed(&mut hash, row.get_ref(at)?);
        }
        add(&mut sum, &hash.finalize());
        count += 1;
    }
    let sum = sum.iter().map(|lane| format!("{lane:016x}")).collect();
    Ok(TableContents { rows: count, sum })
}

/// Feeds a value with its storage class and length, so that no two rows look alike by accident.
fn feed(hash: &mut Sha256, value: ValueRef<'_>) {
    let (class, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => return feed_bytes(hash, 1, &number.to_be_bytes()),
        ValueRef::Real(number) => return feed_bytes(hash, 2, &number.to_bits().to_be_bytes()),
        ValueRef::Text(bytes) => (3, bytes),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    feed_bytes(hash, class, bytes);
}

fn feed_bytes(hash: &mut Sha256, class: u8, bytes: &[u8]) {
    hash.update([class]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Adds a row's hash to the sum: addition does not care for order, and unlike exclusive-or does not
/// cancel out rows that are there twice.
fn add(sum: &mut [u64; 4], hash: &[u8]) {
    for (lane, bytes) in sum.iter_mut().zip(hash.chunks_exact(8)) {
        let word = bytes.iter().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
        *lane = lane.wrapping_add(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> TableContents {
        let conn = Connection::open_in_memory().expect("memory is there");
        conn.execute_batch(&format!("CREATE TABLE t (a, b); {sql}")).expect("the SQL is right");
        contents(&conn).expect("the table is readable").remove("t").expect("the table is there")
    }

    #[test]
    fn order_does_not_matter_and_values_do() {
        let rows = of("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
        assert_eq!(rows, of("INSERT INTO t VALUES (2, 'y'), (1, 'x')"));
        assert_ne!(rows, of("INSERT INTO t VALUES (1, 'y'), (2, 'x')"));
        assert_ne!(rows, of("INSERT INTO t VALUES ('1', 'x'), (2, 'y')"));
        assert_ne!(of("INSERT INTO t VALUES ('ab', 'c')"), of("INSERT INTO t VALUES ('a', 'bc')"));
        assert_ne!(of("INSERT INTO t VALUES (NULL, '')"), of("INSERT INTO t VALUES ('', NULL)"));
    }

    #[test]
    fn a_row_there_twice_does_not_cancel_out() {
        let twice = of("INSERT INTO t VALUES (1, 1), (1, 1)");
        assert_ne!(twice.sum, of("").sum);
        assert_eq!(twice.rows, 2);
    }
}
