//! Which data a step from one schema to another gives up.

use serde::{Deserialize, Serialize};

use super::lineage::Lineage;
use crate::schema::{Schema, Type};

/// Data that would be gone, and that no `down` brings back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The table, by its name before.
    pub table: String,
    /// The column, by its name before; `None`: every row.
    pub column: Option<String>,
    /// How it is lost.
    pub kind: LossKind,
}

/// How data is lost.
#[expect(missing_docs, reason = "the fields' names say what they hold")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// The table is dropped.
    Table,
    /// The column is dropped.
    Column,
    /// The column's type changes to one that cannot hold every value of the old one: values are cut
    /// or rounded, or the migration fails on them.
    Narrowing { from: Type, to: Type },
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let table = &self.table;
        let column = self.column.as_deref().unwrap_or("*");
        match &self.kind {
            LossKind::Table => write!(f, "every row of `{table}`"),
            LossKind::Column => write!(f, "every value of `{table}.{column}`"),
            LossKind::Narrowing { from, to } => {
                write!(f, "values of `{table}.{column}` that are {from} but not {to}")
            }
        }
    }
}

pub(crate) fn losses(before: &Schema, after: &Schema, lineage: &Lineage) -> Vec<Loss> {
    let mut out = Vec::new();
    for table in before.tables.values() {
        let Some((now, origin)) = lineage.now(&table.name) else {
            out.push(Loss { table: table.name.clone(), column: None, kind: LossKind::Table });
            continue;
        };
        for column in &table.columns {
            let descendant = origin.columns.iter().find(|(_, was)| **was == column.name);
            let kind = match descendant {
                None => LossKind::Column,
                Some((name, _)) => {
                    let Some(to) = after.table(now).and_then(|table| table.column(name)) else { continue };
                    if !narrows(&column.ty, &to.ty) {
                        continue;
                    }
                    LossKind::Narrowing { from: column.ty.clone(), to: to.ty.clone() }
                }
            };
            out.push(Loss { table: table.name.clone(), column: Some(column.name.clone()), kind });
        }
    }
    out
}

/// Whether some value of `from` has no equal in `to`.
pub(crate) fn narrows(from: &Type, to: &Type) -> bool {
    use Type::{
        Bigint, Boolean, Date, Double, Enum, Integer, Numeric, Smallint, Text, Timestamptz, Uuid, Varchar,
    };
    if from == to {
        return false;
    }
    match (from, to) {
        (Varchar(a), Varchar(b)) => b < a,
        (Uuid, Varchar(length)) => *length < 36,
        (Type::Array(_) | Type::Bytea | Type::Vector(_), Text) => true,
        (_, Text)
        | (Smallint, Integer | Bigint | Double)
        | (Integer, Bigint | Double)
        | (Boolean, Smallint | Integer | Bigint)
        | (Date, Timestamptz)
        | (Type::Array(_), Type::Jsonb) => false,
        (Numeric(p, s), Numeric(q, t)) => t < s || q.saturating_sub(*t) < p.saturating_sub(*s),
        (Smallint, Numeric(p, s)) => p.saturating_sub(*s) < 5,
        (Integer, Numeric(p, s)) => p.saturating_sub(*s) < 10,
        // An enum's values are its own; another enum or a length may not hold them.
        (Enum(_), _) => true,
        _ => true,
    }
}
