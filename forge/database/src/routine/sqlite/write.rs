//! Statements that change rows, as steps.

use forge_core::Role;

use super::from::row_number;
use super::{Param, Result, Writer};
use crate::ddl::sqlite::{physical_type, quote_name as quote};
use crate::policy::Side;
use crate::policy::sqlite::ROW_ALIAS;
use crate::routine::tree::{Act, Conflict, Query, ROW_NUMBER, Stages, Upsert, Write};
use crate::schema::{Command, Table};

/// One step of a call. Steps run in their order, all within one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Each row is one text; the texts are added, as elements of a JSON list, to what `into` stands for.
    Stage {
        /// The statement.
        sql: String,
        /// The parameter, an empty list at first.
        into: Param,
    },
    /// If there is a row, the call fails with this error.
    Check {
        /// The query.
        sql: String,
        /// The SQLSTATE.
        code: &'static str,
        /// The message.
        message: String,
    },
    /// Runs for its effect; rows, if any, are read to the end and dropped.
    Run {
        /// The statement.
        sql: String,
    },
}

/// The steps of a statement that writes.
pub(in crate::routine) fn steps(writer: &mut Writer<'_>, write: &Write) -> Result<Vec<Step>> {
    let schema = writer.schema;
    let Some(table) = schema.table(&write.table) else { return Ok(Vec::new()) };
    let mut plan =
        Plan { writer, table, stages: write.stages, returns: write.returning.is_some(), steps: Vec::new() };
    match &write.act {
        Act::Insert { rows, conflict } => plan.insert(rows, conflict.as_deref())?,
        Act::Update { rows, changed, .. } => plan.update(rows, changed, write.reads)?,
        Act::Delete { rows, .. } => plan.delete(rows)?,
    }
    Ok(plan.steps)
}

struct Plan<'w, 's> {
    writer: &'w mut Writer<'s>,
    table: &'s Table,
    stages: Stages,
    returns: bool,
    steps: Vec<Step>,
}

impl Plan<'_, '_> {
    fn insert(&mut self, rows: &Query, conflict: Option<&Conflict>) -> Result<()> {
        let names: Vec<String> = rows.columns.iter().map(|column| column.name.clone()).collect();
        self.stage(rows, &names, false, self.stages.new)?;
        let looks = self.returns || conflict.is_some_and(|conflict| !conflict.columns.is_empty());
        self.check_new(Command::Insert, looks, self.stages.new, 0)?;
        if let Some(Conflict { columns, update: Some(upsert) }) = conflict {
            self.before_upsert(columns, upsert)?;
        }
        let name = quote(&self.table.name);
        let columns = self.columns();
        self.writer.write(format_args!("insert into {name} ({columns}) select * from "));
        self.writer.staged(&self.table.name, self.stages.new, 0)?;
        self.writer.push(" where true");
        if let Some(conflict) = conflict {
            let target: Vec<String> = conflict.columns.iter().map(|column| quote(column)).collect();
            let target = if target.is_empty() { String::new() } else { format!(" ({})", target.join(", ")) };
            self.writer.write(format_args!(" on conflict{target} do nothing"));
        }
        self.finish();
        let every: Vec<String> = self.table.foreign_keys.iter().map(|key| key.column.clone()).collect();
        if let Some(Conflict { update: Some(upsert), .. }) = conflict {
            self.write_changed(&upsert.changed)?;
            self.referred(&upsert.changed, self.stages.changed, 1)?;
        }
        self.referred(&every, self.stages.new, 0)
    }

    /// What decides over rows that are there already.
    fn before_upsert(&mut self, columns: &[String], upsert: &Upsert) -> Result<()> {
        let group: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let given: Vec<String> = group.iter().map(|column| format!("{column} is not null")).collect();
        self.writer.push("select 1 from ");
        self.writer.staged(&self.table.name, self.stages.new, 0)?;
        let (group, given) = (group.join(", "), given.join(" and "));
        self.writer.write(format_args!(" where {given} group by {group} having count(*) > 1 limit 1"));
        self.check("21000", "ON CONFLICT DO UPDATE command cannot affect row a second time".to_owned());
        self.stage(&upsert.rows, &self.changed_names(), true, self.stages.changed)?;
        if *self.writer.role != Role::Service {
            let own = self.writer.rule(&self.table.name, Command::Update, Side::Using)?;
            let seen = self.writer.rule(&self.table.name, Command::Select, Side::Using)?;
            let (name, row) = (quote(&self.table.name), quote(ROW_ALIAS));
            let number = row_number(self.table);
            self.writer.write(format_args!(
                "select 1 from {name} as {row} where {row}.{number} in (select json_extract(value, '$[0]') from json_each("
            ));
            self.writer.param(Param::Stage(self.stages.changed));
            self.writer.write(format_args!(")) and coalesce(({own}) and ({seen}), 0) = 0 limit 1"));
            let table = &self.table.name;
            let message = format!(
                "new row violates row-level security policy (USING expression) for table \"{table}\""
            );
            self.check("42501", message);
        }
        self.check_new(Command::Update, true, self.stages.changed, 1)
    }

    fn update(&mut self, rows: &Query, changed: &[String], reads: bool) -> Result<()> {
        self.stage(rows, &self.changed_names(), true, self.stages.changed)?;
        self.check_new(Command::Update, reads, self.stages.changed, 1)?;
        self.write_changed(changed)?;
        self.referred(changed, self.stages.changed, 1)
    }

    /// Writes the rows that were set aside over those with their numbers.
    fn write_changed(&mut self, changed: &[String]) -> Result<()> {
        let name = quote(&self.table.name);
        let sets: Vec<String> =
            changed.iter().map(|column| format!("{0} = \"_new\".{0}", quote(column))).collect();
        self.writer.write(format_args!("update {name} set {} from ", sets.join(", ")));
        self.writer.staged(&self.table.name, self.stages.changed, 1)?;
        let number = row_number(self.table);
        self.writer
            .write(format_args!(" as \"_new\" where {name}.{number} = \"_new\".{}", quote(ROW_NUMBER)));
        self.finish();
        Ok(())
    }

    fn delete(&mut self, rows: &Query) -> Result<()> {
        self.stage(rows, &[ROW_NUMBER.to_owned()], true, self.stages.changed)?;
        let (name, number) = (quote(&self.table.name), row_number(self.table));
        self.writer.write(format_args!(
            "delete from {name} where {number} in (select json_extract(value, '$[0]') from json_each("
        ));
        self.writer.param(Param::Stage(self.stages.changed));
        self.writer.push("))");
        self.finish();
        Ok(())
    }

    /// Sets rows aside. `numbered` rows have their number before the columns of the table.
    fn stage(&mut self, rows: &Query, names: &[String], numbered: bool, stage: u32) -> Result<()> {
        let skip = usize::from(numbered);
        let value = |(at, name): (usize, &String)| {
            let column = at.checked_sub(skip).and_then(|at| self.table.columns.get(at));
            encoded(&quote(name), column.map_or("INTEGER", |column| physical_type(&column.ty)))
        };
        let values: Vec<String> = names.iter().enumerate().map(value).collect();
        self.writer.write(format_args!("select json_array({}) from (", values.join(", ")));
        self.writer.query(rows)?;
        self.writer.push(")");
        let sql = self.writer.take();
        self.writer.params.insert(Param::Stage(stage));
        self.steps.push(Step::Stage { sql, into: Param::Stage(stage) });
        Ok(())
    }

    /// New rows must pass the policies before any constraint looks at them.
    fn check_new(&mut self, command: Command, looks: bool, stage: u32, skip: usize) -> Result<()> {
        if *self.writer.role == Role::Service {
            return Ok(());
        }
        let mut rule = self.writer.rule(&self.table.name, command, Side::Check)?;
        if looks {
            let seen = self.writer.rule(&self.table.name, Command::Select, Side::Using)?;
            rule = format!("({rule}) and ({seen})");
        }
        self.writer.push("select 1 from ");
        self.writer.staged(&self.table.name, stage, skip)?;
        self.writer.write(format_args!(" as {} where coalesce(({rule}), 0) = 0 limit 1", quote(ROW_ALIAS)));
        let message = format!("new row violates row-level security policy for table \"{}\"", self.table.name);
        self.check("42501", message);
        Ok(())
    }

    /// Whether what the new values of these columns refer to is there.
    fn referred(&mut self, columns: &[String], stage: u32, skip: usize) -> Result<()> {
        let table = self.table;
        for key in table.foreign_keys.iter().filter(|key| columns.contains(&key.column)) {
            let (column, to, references) = (quote(&key.column), quote(&key.table), quote(&key.references));
            self.writer.push("select 1 from ");
            self.writer.staged(&table.name, stage, skip)?;
            self.writer.write(format_args!(
                " as \"_new\" where \"_new\".{column} is not null and not exists \
                 (select 1 from {to} as \"_to\" where \"_to\".{references} = \"_new\".{column}) limit 1"
            ));
            let message = format!(
                "insert or update on table \"{0}\" violates foreign key constraint \"{0}_{1}_fkey\"",
                table.name, key.column
            );
            self.check("23503", message);
        }
        Ok(())
    }

    fn check(&mut self, code: &'static str, message: String) {
        let sql = self.writer.take();
        self.steps.push(Step::Check { sql, code, message });
    }

    /// Ends a statement that writes: the rows are set aside if they are to be given back.
    fn finish(&mut self) {
        if !self.returns {
            let sql = self.writer.take();
            self.steps.push(Step::Run { sql });
            return;
        }
        let column =
            |column: &crate::schema::Column| encoded(&quote(&column.name), physical_type(&column.ty));
        let values: Vec<String> = self.table.columns.iter().map(column).collect();
        self.writer.write(format_args!(" returning json_array({})", values.join(", ")));
        let sql = self.writer.take();
        let into = Param::Stage(self.stages.returned);
        self.writer.params.insert(into.clone());
        self.steps.push(Step::Stage { sql, into });
    }

    fn columns(&self) -> String {
        self.table.columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ")
    }

    fn changed_names(&self) -> Vec<String> {
        let columns = self.table.columns.iter().map(|column| column.name.clone());
        std::iter::once(ROW_NUMBER.to_owned()).chain(columns).collect()
    }
}

/// A value as an element of JSON from which the same value is read again.
fn encoded(value: &str, physical: &str) -> String {
    match physical {
        "BLOB" => format!("case when {value} is not null then hex({value}) end"),
        // JSON would be taken for JSON, where it is a text to be kept.
        "TEXT" => format!("{value} || ''"),
        _ => value.to_owned(),
    }
}
