//! Adding, changing and removing rows. What is written is a query called `_w` that the answer is made of.

use std::collections::BTreeSet;

use http::StatusCode;

use super::source::From;
use super::{Answer, Writer, qualified, quote, refused};
use crate::error::RestError;
use crate::plan::{
    Cond, Conflict, Delete, Embed, Insert, Link, Node, OrderBy, Origin, Output, RelationRef, Resolution,
    Returning, TargetColumn, Update, Value,
};
use crate::wire::json;

/// The setting that counts the rows that were there already. It is cleared when it has been read.
const UPDATED: &str = "coalesce(nullif(current_setting('forge.updated', true), ''), '0')::bigint";
/// How the row that is written is called.
const TARGET: &str = "_w0";

impl Writer<'_> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Result<String, RestError> {
        let conflict = insert.conflict.as_ref().filter(|conflict| !conflict.columns.is_empty());
        let rows = self.new_rows(insert)?;
        let conflict = conflict.map(|conflict| on_conflict(conflict, &insert.columns)).unwrap_or_default();
        let returning = self.returned(&insert.relation, &insert.returning)?;
        let written = format!(
            "INSERT INTO {} AS {} {rows}{conflict} RETURNING {returning}",
            of(&insert.relation),
            quote(TARGET)
        );
        let added = format!("(SELECT count(*) FROM \"_w\") - {UPDATED}");
        Ok(format!("WITH {}", self.answered(&written, &insert.relation, &insert.returning, added)?))
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<String, RestError> {
        if update.columns.is_empty() || update.payload.rows.is_empty() {
            return Ok(nothing(&update.returning));
        }
        let columns: Vec<&TargetColumn> = update.columns.iter().collect();
        let payload = self.payload(&update.payload.json, &columns)?;
        let sets = columns.iter().map(|column| format!("{0} = \"_p\".{0}", quote(&column.name)));
        let sets = sets.collect::<Vec<_>>().join(", ");
        let filter = self.filter(&update.relation, update.filter.as_ref())?;
        let returning = self.returned(&update.relation, &update.returning)?;
        let written = format!(
            "UPDATE {} AS {} SET {sets} FROM \"_p\"{filter} RETURNING {returning}",
            of(&update.relation),
            quote(TARGET)
        );
        let answered = self.answered(&written, &update.relation, &update.returning, counted())?;
        // The body is read even where there is no row to change: what is wrong with it is told always.
        let body = format!("\"_p\" AS MATERIALIZED (SELECT * FROM {payload} LIMIT 1)");
        Ok(format!("WITH {body}, {answered} HAVING (SELECT count(*) FROM \"_p\") = 1"))
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<String, RestError> {
        let filter = self.filter(&delete.relation, delete.filter.as_ref())?;
        let returning = self.returned(&delete.relation, &delete.returning)?;
        let written = format!(
            "DELETE FROM {} AS {}{filter} RETURNING {returning}",
            of(&delete.relation),
            quote(TARGET)
        );
        Ok(format!("WITH {}", self.answered(&written, &delete.relation, &delete.returning, counted())?))
    }

    fn filter(&mut self, relation: &RelationRef, filter: Option<&Cond>) -> Result<String, RestError> {
        let Some(filter) = filter else { return Ok(String::new()) };
        let from = From::of(TARGET.to_owned(), &of(relation));
        Ok(format!(" WHERE {}", self.cond(filter, &[], &from)?))
    }

    /// The columns that are written and the query of their values.
    fn new_rows(&mut self, insert: &Insert) -> Result<String, RestError> {
        let targets = self.in_order(insert);
        let given: Vec<Vec<bool>> = if insert.missing_default {
            let has = |column: &TargetColumn, row: &serde_json::Map<_, _>| row.contains_key(&column.name);
            let rows = insert.payload.rows.iter();
            rows.map(|row| targets.iter().map(|column| has(column, row)).collect()).collect()
        } else {
            Vec::new()
        };
        if given.windows(2).any(|pair| pair[0] != pair[1]) {
            return self.uneven_rows(insert, &targets, &given);
        }
        let is_given = |at: usize| given.first().is_none_or(|given| given[at]);
        let columns = targets.into_iter().enumerate().filter(|(at, _)| is_given(*at));
        let columns: Vec<&TargetColumn> = columns.map(|(_, column)| column).collect();
        let filter = match &insert.put {
            Some(cond) => self.put_filter(insert, cond, &columns)?,
            None => String::new(),
        };
        if columns.is_empty() {
            let rows = self.bind(insert.payload.json.clone());
            return Ok(format!("SELECT FROM json_array_elements({rows}::json)"));
        }
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        let values: Vec<String> = names.iter().map(|name| format!("\"_p\".{name}")).collect();
        let payload = self.payload(&insert.payload.json, &columns)?;
        Ok(format!("({}) SELECT {} FROM {payload}{filter}", names.join(", "), values.join(", ")))
    }

    /// The columns as the relation has them: in this order values are read, and the first that is wrong is told.
    fn in_order<'i>(&self, insert: &'i Insert) -> Vec<&'i TargetColumn> {
        let known = self.model.relation(&insert.relation.schema, &insert.relation.name);
        let place = |column: &&TargetColumn| {
            known.and_then(|known| known.columns.iter().position(|one| one.name == column.name))
        };
        let mut columns: Vec<&TargetColumn> = insert.columns.iter().collect();
        columns.sort_by_key(place);
        columns
    }

    /// Rows that do not all say the same columns; what a row does not say takes its default.
    fn uneven_rows(
        &mut self,
        insert: &Insert,
        columns: &[&TargetColumn],
        given: &[Vec<bool>],
    ) -> Result<String, RestError> {
        let mut rows = Vec::with_capacity(given.len());
        for (raw, given) in json::items(&insert.payload.json).zip(given) {
            let row = self.bind(raw);
            let mut cells = Vec::with_capacity(given.len());
            for (column, given) in columns.iter().zip(given) {
                let (name, ty) = (quote(&column.name), self.type_name(&column.ty)?);
                cells.push(match given {
                    true => format!(
                        "(SELECT \"_p\".{name} FROM json_to_record({row}::json) AS \"_p\"({name} {ty}))"
                    ),
                    false => "DEFAULT".to_owned(),
                });
            }
            rows.push(format!("({})", cells.join(", ")));
        }
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        Ok(format!("({}) VALUES {}", names.join(", "), rows.join(", ")))
    }

    /// The only row must have the key that the URL has, else there is no row.
    fn put_filter(
        &mut self,
        insert: &Insert,
        cond: &Cond,
        columns: &[&TargetColumn],
    ) -> Result<String, RestError> {
        let mut needed = Needed::default();
        needed.cond(cond);
        let is_there = |name: &String| columns.iter().any(|column| column.name == *name);
        if insert.payload.rows.len() != 1 || needed.whole || !needed.columns.iter().all(is_there) {
            let message = "Payload values do not match URL in primary key column(s)";
            return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST115", message));
        }
        let from = From::of("_p".to_owned(), "");
        Ok(format!(" WHERE {}", self.cond(cond, &[], &from)?))
    }

    /// The rows of a body, as rows called `_p`.
    fn payload(&mut self, rows: &str, columns: &[&TargetColumn]) -> Result<String, RestError> {
        let rows = self.bind(rows);
        let mut typed = Vec::with_capacity(columns.len());
        for column in columns {
            typed.push(format!("{} {}", quote(&column.name), self.type_name(&column.ty)?));
        }
        Ok(format!("json_to_recordset({rows}::json) AS \"_p\"({})", typed.join(", ")))
    }

    /// What a write gives of its rows: no more than the answer needs, because each column must be granted.
    fn returned(&self, relation: &RelationRef, returning: &Returning) -> Result<String, RestError> {
        let mut needed = Needed::default();
        match returning {
            Returning::Nothing => {}
            Returning::Key(columns) => needed.columns.extend(columns.iter().cloned()),
            Returning::Rows(node) => needed.node(node),
        }
        let names: Vec<String> = if needed.whole {
            let found = self.model.relation(&relation.schema, &relation.name);
            let known = found.ok_or_else(|| {
                let message = format!("relation \"{}.{}\" does not exist", relation.schema, relation.name);
                refused("42P01", &message)
            })?;
            known.columns.iter().map(|column| column.name.clone()).collect()
        } else {
            needed.columns.into_iter().collect()
        };
        if names.is_empty() {
            return Ok("1".to_owned());
        }
        let of_target = |name: &String| format!("{}.{}", quote(TARGET), quote(name));
        Ok(names.iter().map(of_target).collect::<Vec<_>>().join(", "))
    }

    /// What is written, as a query within a statement, and the answer made of it.
    fn answered(
        &mut self,
        written: &str,
        relation: &RelationRef,
        returning: &Returning,
        added: String,
    ) -> Result<String, RestError> {
        let counts_updates = added.contains(UPDATED);
        let (answer, rows) = match returning {
            Returning::Nothing => (Answer { body: "''", added, ..Answer::of_rows() }, "\"_w\"".to_owned()),
            Returning::Key(columns) => {
                let key = self.key(columns);
                (Answer { body: "''", added, key, ..Answer::of_rows() }, "\"_w\"".to_owned())
            }
            Returning::Rows(node) => {
                let row_of = (relation.schema.clone(), relation.name.clone());
                let from = From::like(self.alias(), "\"_w\"", row_of);
                let page = self.page(node, from)?;
                (Answer { added, ..Answer::of_rows() }, format!("({page})"))
            }
        };
        let cleared =
            if counts_updates { ", set_config('forge.updated', '', true) AS \"cleared\"" } else { "" };
        Ok(format!("\"_w\" AS ({written}) SELECT {}{cleared} FROM {rows} AS \"_r\"", answer.columns()))
    }

    /// The key of the only row, as a JSON object of texts.
    fn key(&mut self, columns: &[String]) -> String {
        let member =
            |name: &String| format!("{}::text, min(\"_r\".{}::text)", self.bind(name.clone()), quote(name));
        let members: Vec<String> = columns.iter().map(member).collect();
        format!("CASE WHEN count(*) = 1 THEN json_build_object({})::text END", members.join(", "))
    }
}

fn of(relation: &RelationRef) -> String {
    qualified(&relation.schema, &relation.name)
}

fn counted() -> String {
    "(SELECT count(*) FROM \"_w\")".to_owned()
}

/// The answer where there is nothing to be done.
fn nothing(returning: &Returning) -> String {
    let body = if matches!(returning, Returning::Rows(_)) { "'[]'" } else { "''" };
    let none = || "0::bigint".to_owned();
    format!("SELECT {}", Answer { body, rows: none(), added: none(), ..Answer::of_rows() }.columns())
}

fn on_conflict(conflict: &Conflict, columns: &[TargetColumn]) -> String {
    let by: Vec<String> = conflict.columns.iter().map(|name| quote(name)).collect();
    let by = by.join(", ");
    if conflict.resolution == Resolution::Ignore || columns.is_empty() {
        return format!(" ON CONFLICT ({by}) DO NOTHING");
    }
    let sets: Vec<String> =
        columns.iter().map(|column| format!("{0} = EXCLUDED.{0}", quote(&column.name))).collect();
    // It holds always, and counts.
    let count = format!("set_config('forge.updated', ({UPDATED} + 1)::text, true) <> ''");
    format!(" ON CONFLICT ({by}) DO UPDATE SET {} WHERE {count}", sets.join(", "))
}

/// The columns of a row that something is made of.
#[derive(Default)]
struct Needed {
    columns: BTreeSet<String>,
    /// All of them: a function takes the row.
    whole: bool,
}

impl Needed {
    fn node(&mut self, node: &Node) {
        for output in &node.outputs {
            match output {
                Output::Value { value, .. } | Output::Aggregate { of: Some(value), .. } => self.value(value),
                Output::Aggregate { of: None, .. } => {}
            }
        }
        node.embeds.iter().for_each(|embed| self.embed(embed));
        node.filter.iter().for_each(|cond| self.cond(cond));
        for order in &node.order {
            if let OrderBy::Own(value) = &order.by {
                self.value(value);
            }
        }
    }

    fn embed(&mut self, embed: &Embed) {
        match &embed.link {
            Link::Columns(columns) | Link::Junction { outer: columns, .. } => {
                self.columns.extend(columns.iter().map(|(outer, _)| outer.clone()));
            }
            Link::Computed(_) => self.whole = true,
        }
    }

    fn value(&mut self, value: &Value) {
        match &value.of {
            Origin::Column(name) => {
                self.columns.insert(name.clone());
            }
            Origin::Computed(_) => self.whole = true,
        }
    }

    fn cond(&mut self, cond: &Cond) {
        match cond {
            Cond::Test { value, .. } => self.value(value),
            Cond::Embedded(_) => {}
            Cond::All(of) | Cond::Any(of) => of.iter().for_each(|one| self.cond(one)),
            Cond::Not(of) => self.cond(of),
        }
    }
}
