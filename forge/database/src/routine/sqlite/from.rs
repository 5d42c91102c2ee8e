//! Where rows come from.

use super::{Param, Result, Writer};
use crate::ddl::sqlite::{physical_type, quote_name as quote};
use crate::people;
use crate::policy::sqlite::{Param as Who, ROW_ALIAS};
use crate::routine::tree::{Access, Expr, From, Join, ROW_NUMBER};
use crate::routine::types::Ty;
use crate::schema::{Column, Table};

impl Writer<'_> {
    pub(super) fn from(&mut self, from: &From) -> Result<()> {
        self.bounded()?;
        match from {
            From::Table { source, table, access } => self.table(*source, table, *access),
            From::Person { source } => {
                let alias = self.alias(*source);
                self.params.insert(Param::Who(Who::Uid));
                self.write(format_args!("{} as {alias}", people::own_row(Who::Uid.name())));
                Ok(())
            }
            From::Staged { source, stage, table } => {
                let alias = self.alias(*source);
                self.staged(table, *stage, 0)?;
                self.write(format_args!(" as {alias}"));
                Ok(())
            }
            From::Query { source, query } => {
                self.push("(");
                self.query(query)?;
                let alias = self.alias(*source);
                self.write(format_args!(") as {alias}"));
                Ok(())
            }
            From::Cte { source, number } => {
                let alias = self.alias(*source);
                self.write(format_args!("\"_c{number}\" as {alias}"));
                Ok(())
            }
            From::Each { source, of, .. } => {
                self.push("json_each(");
                self.expr(of)?;
                let alias = self.alias(*source);
                self.write(format_args!(") as {alias}"));
                Ok(())
            }
            From::Series { source, from, to, step } => self.series(*source, from, to, step),
            From::Join { kind, left, right, on } => self.join(*kind, left, right, on.as_ref()),
        }
    }

    /// A table, as far as the caller may.
    fn table(&mut self, source: u32, name: &str, access: Access) -> Result<()> {
        let (alias, table) = (self.alias(source), quote(name));
        let reach = self.reach(name, access)?;
        let numbered = access != Access::Read;
        if reach.is_none() && !numbered {
            self.write(format_args!("{table} as {alias}"));
            return Ok(());
        }
        let row = quote(ROW_ALIAS);
        self.push("(select ");
        if numbered {
            let number = self.schema.table(name).map_or("rowid", row_number);
            self.write(format_args!("{row}.{number} as {}, ", quote(ROW_NUMBER)));
        }
        self.write(format_args!("{row}.* from {table} as {row}"));
        if let Some(reach) = reach {
            self.write(format_args!(" where {reach}"));
        }
        self.write(format_args!(") as {alias}"));
        Ok(())
    }

    /// Rows that were set aside, as rows of the table; `skip` values stand before those of its columns.
    pub(super) fn staged(&mut self, table: &str, stage: u32, skip: usize) -> Result<()> {
        let columns: Vec<Column> =
            self.schema.table(table).map(|table| table.columns.clone()).unwrap_or_default();
        self.push("(select ");
        if skip > 0 {
            self.write(format_args!("json_extract(value, '$[0]') as {}, ", quote(ROW_NUMBER)));
        }
        for (at, column) in columns.iter().enumerate() {
            let path = format!("json_extract(value, '$[{}]')", at + skip);
            let value = match physical_type(&column.ty) {
                "BLOB" => format!("unhex({path})"),
                "REAL" => format!("cast({path} as real)"),
                _ => path,
            };
            let comma = if at == 0 { "" } else { ", " };
            self.write(format_args!("{comma}{value} as {}", quote(&column.name)));
        }
        self.push(" from json_each(");
        self.param(Param::Stage(stage));
        self.push("))");
        Ok(())
    }

    fn join(&mut self, kind: Join, left: &From, right: &From, on: Option<&Expr>) -> Result<()> {
        self.from(left)?;
        self.push(match kind {
            Join::Inner | Join::Cross => " join ",
            Join::Left => " left join ",
            Join::Right => " right join ",
            Join::Full => " full join ",
        });
        let nested = matches!(right, From::Join { .. });
        self.push(if nested { "(" } else { "" });
        self.from(right)?;
        self.push(if nested { ")" } else { "" });
        self.push(" on ");
        match on {
            Some(on) => self.expr(on),
            None => {
                self.push("true");
                Ok(())
            }
        }
    }

    /// Counts on as long as it does not pass the end. A step of nothing gives no row.
    fn series(&mut self, source: u32, from: &Expr, to: &Expr, step: &Expr) -> Result<()> {
        let interval = step.ty == Ty::Interval;
        let one = |writer: &mut Self, expr: &Expr| {
            let start = writer.sql.len();
            writer.expr(expr)?;
            Ok::<String, crate::routine::error::RoutineError>(writer.sql.split_off(start))
        };
        let (from, to, step) = (one(self, from)?, one(self, to)?, one(self, step)?);
        let sign = if interval { format!("pg_interval_micros({step})") } else { step.clone() };
        let next = if interval { format!("pg_ts_add(value, {step}, 1)") } else { format!("value + {step}") };
        let within =
            |value: &str| format!("(({sign} > 0 and {value} <= {to}) or ({sign} < 0 and {value} >= {to}))");
        let (first, more) = (within(&from), within(&next));
        let alias = self.alias(source);
        self.write(format_args!(
            "(with recursive \"_g\"(value) as (select {from} where {first} union all \
             select {next} from \"_g\" where {more}) select value from \"_g\") as {alias}"
        ));
        self.bounded()
    }
}

/// The name of a table's row numbers that none of its columns has taken.
pub(super) fn row_number(table: &Table) -> &'static str {
    let free = |name: &&&str| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].iter().find(free).copied().unwrap_or("rowid")
}
