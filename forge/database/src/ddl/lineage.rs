//! Where every table and column of a target schema comes from.

use std::collections::BTreeMap;

use crate::schema::Schema;

/// Maps the tables and columns of the schema after some changes to what they were before. What has
/// no entry was added; what no entry points at was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    tables: BTreeMap<String, Origin>,
}

/// What a table was before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Its name then.
    pub table: String,
    /// Its columns' names then, by their names now.
    pub columns: BTreeMap<String, String>,
}

impl Lineage {
    /// Every table and column of `schema` comes from itself.
    pub fn identity(schema: &Schema) -> Self {
        let origin = |table: &crate::schema::Table| Origin {
            table: table.name.clone(),
            columns: table.columns.iter().map(|c| (c.name.clone(), c.name.clone())).collect(),
        };
        Self { tables: schema.tables.values().map(|t| (t.name.clone(), origin(t))).collect() }
    }

    /// What `table` was; `None` when it was added.
    pub fn table(&self, table: &str) -> Option<&Origin> {
        self.tables.get(table)
    }

    /// What the table that was called `table` is now; `None` when it was dropped.
    pub fn now(&self, table: &str) -> Option<(&str, &Origin)> {
        self.tables.iter().find(|(_, origin)| origin.table == table).map(|(now, o)| (now.as_str(), o))
    }

    /// Tables now, with what they were.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.tables.iter().map(|(now, origin)| (now.as_str(), origin))
    }

    pub(crate) fn drop_table(&mut self, table: &str) {
        self.tables.remove(table);
    }

    pub(crate) fn rename_table(&mut self, table: &str, to: &str) {
        if let Some(origin) = self.tables.remove(table) {
            self.tables.insert(to.to_owned(), origin);
        }
    }

    pub(crate) fn drop_column(&mut self, table: &str, column: &str) {
        if let Some(origin) = self.tables.get_mut(table) {
            origin.columns.remove(column);
        }
    }

    pub(crate) fn rename_column(&mut self, table: &str, column: &str, to: &str) {
        if let Some(origin) = self.tables.get_mut(table)
            && let Some(was) = origin.columns.remove(column)
        {
            origin.columns.insert(to.to_owned(), was);
        }
    }

    /// The way back.
    pub fn inverse(&self) -> Self {
        let back = |(now, origin): (&String, &Origin)| {
            let columns = origin.columns.iter().map(|(now, was)| (was.clone(), now.clone())).collect();
            (origin.table.clone(), Origin { table: now.clone(), columns })
        };
        Self { tables: self.tables.iter().map(back).collect() }
    }

    /// This step, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let mut tables = BTreeMap::new();
        for (now, middle) in &next.tables {
            let Some(origin) = self.tables.get(&middle.table) else { continue };
            let columns = middle
                .columns
                .iter()
                .filter_map(|(now, middle)| Some((now.clone(), origin.columns.get(middle)?.clone())))
                .collect();
            tables.insert(now.clone(), Origin { table: origin.table.clone(), columns });
        }
        Self { tables }
    }
}
