//! Values over many rows, grouped by what else is selected.

use forge_database::schema::Type;

use super::Writer;
use super::embed::Member;
use super::source::From;
use super::value::{Expr, Kind};
use crate::error::RestError;
use crate::model::ColumnType;
use crate::plan::{Aggregate, Embed, Node, Output, Show, Value};

/// The columns of a grouped query, and the members that its rows have.
struct Columns {
    sql: Vec<String>,
    groups: Vec<String>,
    members: Vec<Member>,
}

impl<'a> Writer<'a> {
    /// Whether the rows of a node are groups: it has an aggregate, or something spread into it has.
    pub(super) fn is_aggregated(&self, node: &Node) -> bool {
        node.outputs.iter().any(|output| matches!(output, Output::Aggregate { .. }))
            || node.embeds.iter().any(|embed| hoisted(embed) && self.is_aggregated(&embed.node))
    }

    /// A query of the groups of a node, and their members in terms of its columns.
    pub(super) fn grouped(
        &mut self,
        node: &Node,
        from: &From<'a>,
        links: &[String],
    ) -> Result<(String, Vec<Member>), RestError> {
        let mut columns = Columns { sql: Vec::new(), groups: Vec::new(), members: Vec::new() };
        self.outputs(node, from, None, &mut columns)?;
        let conditions = self.conditions(node, from, links)?;
        let groups = if columns.groups.is_empty() {
            String::new()
        } else {
            format!(" group by {}", columns.groups.join(", "))
        };
        let ordered = From {
            order: None,
            sql: from.sql.clone(),
            alias: from.alias.clone(),
            ..From::query(String::new(), "")
        };
        let order = self.order(node, &From { table: from.table, ..ordered })?;
        let limits = self.limits(node);
        let sql =
            format!("select {}{}{groups}{order}{limits}", columns.sql.join(", "), from.part(&conditions));
        Ok((sql, columns.members))
    }

    /// The outputs of a node as columns. `within` wraps a value of a node that is spread into the one around.
    fn outputs(
        &mut self,
        node: &Node,
        from: &From<'a>,
        within: Option<&str>,
        columns: &mut Columns,
    ) -> Result<(), RestError> {
        let wrap = |expr: Expr| match within {
            None => expr,
            Some(tail) => {
                Expr { sql: format!("(select {}{tail} limit 1)", expr.sql), nullable: true, ..expr }
            }
        };
        for output in &node.outputs {
            match output {
                Output::Value { name, value } => {
                    let value = wrap(self.value(value, from)?);
                    self.group(name, value, columns);
                }
                Output::Aggregate { name, function, of, cast } => {
                    let of = match of {
                        Some(of) => Some(self.aggregated(of, from)?),
                        None => None,
                    };
                    let value = self.aggregate(*function, of.map(&wrap), within, cast.as_ref())?;
                    self.add(name, value, columns);
                }
            }
        }
        for embed in &node.embeds {
            if hoisted(embed) && within.is_none() && self.is_aggregated(&embed.node) {
                let (inner, links) = self.linked(embed, from)?;
                let conditions = self.conditions(&embed.node, &inner, &links)?;
                let tail = inner.part(&conditions);
                self.outputs(&embed.node, &inner, Some(&tail), columns)?;
                continue;
            }
            for (name, json) in self.embedded(embed, from)? {
                let value = wrap(Expr { sql: json, kind: Kind::Of(Type::Jsonb), nullable: false });
                self.group(&name, value, columns);
            }
        }
        Ok(())
    }

    fn aggregated(&mut self, of: &Value, from: &From<'a>) -> Result<Expr, RestError> {
        self.value(of, from)
    }

    fn group(&mut self, name: &str, value: Expr, columns: &mut Columns) {
        columns.groups.push((columns.sql.len() + 1).to_string());
        self.add(name, value, columns);
    }

    fn add(&mut self, name: &str, value: Expr, columns: &mut Columns) {
        let column = format!("\"_c{}\"", columns.sql.len());
        columns.sql.push(format!("{} as {column}", value.sql));
        let json = self.json(&Expr { sql: format!("\"_g\".{column}"), ..value });
        columns.members.push((name.to_owned(), json));
    }

    fn aggregate(
        &mut self,
        function: Aggregate,
        of: Option<Expr>,
        within: Option<&str>,
        cast: Option<&ColumnType>,
    ) -> Result<Expr, RestError> {
        let bigint = Kind::Of(Type::Bigint);
        let (sql, kind) = match (function, of) {
            (Aggregate::Count, Some(of)) => (format!("count({})", of.sql), bigint),
            (Aggregate::Count, None) => match within {
                None => ("count(*)".to_owned(), bigint),
                Some(tail) => (format!("count((select 1{tail} limit 1))"), bigint),
            },
            (_, None) => return Err(self.no_function(function, None)),
            (Aggregate::Min | Aggregate::Max, Some(of)) => return self.extreme(function, of, cast),
            (Aggregate::Sum, Some(of)) => match &of.kind {
                Kind::Of(Type::Smallint | Type::Integer) => (format!("sum({})", of.sql), bigint),
                Kind::Of(Type::Bigint) | Kind::Decimal => (format!("rest_sum({}, 0)", of.sql), Kind::Decimal),
                Kind::Of(Type::Numeric(_, scale)) => {
                    (format!("rest_sum({}, {scale})", of.sql), Kind::Decimal)
                }
                Kind::Of(Type::Double) => (format!("sum({})", of.sql), of.kind),
                Kind::Of(_) => return Err(self.no_function(function, Some(&of.kind))),
            },
            (Aggregate::Avg, Some(of)) => match &of.kind {
                Kind::Of(Type::Smallint | Type::Integer | Type::Bigint) | Kind::Decimal => {
                    (format!("rest_avg({}, 0)", of.sql), Kind::Decimal)
                }
                Kind::Of(Type::Numeric(_, scale)) => {
                    (format!("rest_avg({}, {scale})", of.sql), Kind::Decimal)
                }
                Kind::Of(Type::Double) => (format!("avg({})", of.sql), of.kind),
                Kind::Of(_) => return Err(self.no_function(function, Some(&of.kind))),
            },
        };
        let value = Expr { sql, kind, nullable: true };
        match cast {
            None => Ok(value),
            Some(to) => self.cast(value, to),
        }
    }

    fn extreme(
        &mut self,
        function: Aggregate,
        of: Expr,
        cast: Option<&ColumnType>,
    ) -> Result<Expr, RestError> {
        let name = name(function);
        let sql = match &of.kind {
            Kind::Of(Type::Enum(_)) => {
                let values = self.enum_values(&of.kind);
                format!("({values} ->> {name}(rest_position({}, {values})))", of.sql)
            }
            Kind::Of(
                Type::Boolean
                | Type::Uuid
                | Type::Jsonb
                | Type::Vector(_)
                | Type::Range(_)
                | Type::Tsvector
                | Type::Bytea,
            )
            | Kind::Decimal => return Err(self.no_function(function, Some(&of.kind))),
            Kind::Of(Type::Array(_)) => {
                let function = if function == Aggregate::Min { "rest_least" } else { "rest_greatest" };
                format!("{function}({})", of.sql)
            }
            Kind::Of(_) => format!("{name}({})", of.sql),
        };
        let value = Expr { sql, nullable: true, ..of };
        match cast {
            None => Ok(value),
            Some(to) => self.cast(value, to),
        }
    }

    fn no_function(&self, function: Aggregate, kind: Option<&Kind>) -> RestError {
        let kind = kind.map(Kind::name).unwrap_or_default();
        let message = format!("function {}({kind}) does not exist", name(function));
        self.refuse("42883", message).hint(
            "No function matches the given name and argument types. You might need to add explicit type casts.",
        )
    }
}

/// Whether the aggregates of an embedded relation are over the rows around it.
fn hoisted(embed: &Embed) -> bool {
    embed.show == Show::Spread && !embed.many
}

fn name(function: Aggregate) -> &'static str {
    match function {
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Count => "count",
    }
}
