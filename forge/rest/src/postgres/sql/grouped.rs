//! Values over many rows, grouped by what else is selected.
//!
//! A query of the ungrouped rows comes first, so that what is grouped by is a column, however it is computed.

use super::embed::{Member, Naming, listed, term};
use super::source::From;
use super::value::final_type;
use super::{Writer, refused};
use crate::error::RestError;
use crate::model::ColumnType;
use crate::plan::{Aggregate, Embed, Node, OrderBy, Origin, Output, Show, Value};

/// A column of the ungrouped rows.
struct Raw {
    member: Member,
    role: Role,
}

enum Role {
    /// Rows are grouped by it; the value it is, where it is one of the row itself.
    Group(Option<Value>),
    /// It is aggregated.
    Aggregate { function: Aggregate, cast: Option<ColumnType> },
}

impl Writer<'_> {
    /// Whether the rows of a node are groups: it has an aggregate, or something spread into it has.
    pub(super) fn is_aggregated(&self, node: &Node) -> bool {
        node.outputs.iter().any(|output| matches!(output, Output::Aggregate { .. }))
            || node.embeds.iter().any(|embed| hoisted(embed) && self.is_aggregated(&embed.node))
    }

    /// A query of the groups of a node, and its columns.
    pub(super) fn grouped(
        &mut self,
        node: &Node,
        mut from: From,
        links: &[String],
        naming: Naming,
    ) -> Result<(String, Vec<Member>), RestError> {
        let raws = self.raws(node, &mut from)?;
        let conditions = self.conditions(node, &from, links)?;
        let columns = listed(raws.iter().map(|raw| &raw.member), Naming::Numbered);
        let rows = format!("SELECT {columns}{}", from.part(&conditions));
        let (mut shown, mut groups) = (Vec::with_capacity(raws.len()), Vec::new());
        for (at, raw) in raws.iter().enumerate() {
            let column = format!("\"_s\".\"_c{at}\"");
            let sql = match &raw.role {
                Role::Aggregate { function, cast } => {
                    let sql = format!("{}({column})", name(*function));
                    cast.as_ref().map_or(Ok(sql.clone()), |to| self.cast(&sql, to))?
                }
                Role::Group(_) if raw.member.json => {
                    groups.push(format!("{column}::jsonb"));
                    format!("(array_agg({column}))[1]")
                }
                Role::Group(_) => {
                    groups.push(column.clone());
                    column
                }
            };
            shown.push(Member { name: raw.member.name.clone(), sql, json: raw.member.json });
        }
        let groups =
            if groups.is_empty() { groups.join("") } else { format!(" GROUP BY {}", groups.join(", ")) };
        let order = grouped_order(node, &raws)?;
        let limits = self.limits(node);
        let columns = listed(&shown, naming);
        Ok((format!("SELECT {columns} FROM ({rows}) AS \"_s\"{groups}{order}{limits}"), shown))
    }

    /// The columns of the ungrouped rows.
    fn raws(&mut self, node: &Node, from: &mut From) -> Result<Vec<Raw>, RestError> {
        let mut raws = Vec::with_capacity(node.outputs.len());
        for output in &node.outputs {
            raws.push(match output {
                Output::Value { name, value } => {
                    let json = final_type(value) == "json";
                    let member = Member { name: name.clone(), sql: self.value(value, from)?, json };
                    Raw { member, role: Role::Group(Some(value.clone())) }
                }
                Output::Aggregate { name, function, of, cast } => {
                    let sql = match of {
                        Some(of) => self.value(of, from)?,
                        None => "1".to_owned(),
                    };
                    let member = Member { name: name.clone(), sql, json: false };
                    Raw { member, role: Role::Aggregate { function: *function, cast: cast.clone() } }
                }
            });
        }
        for embed in &node.embeds {
            if hoisted(embed) && self.is_aggregated(&embed.node) {
                raws.extend(self.hoisted_raws(embed, from)?);
                continue;
            }
            let members = self.embedded(embed, from)?;
            raws.extend(members.into_iter().map(|member| Raw { member, role: Role::Group(None) }));
        }
        Ok(raws)
    }

    /// The same of a relation whose values are spread among those of the row around it.
    fn hoisted_raws(&mut self, embed: &Embed, outer: &mut From) -> Result<Vec<Raw>, RestError> {
        let (mut inner, links) = self.linked(embed, outer)?;
        let mut raws = self.raws(&embed.node, &mut inner)?;
        let conditions = self.conditions(&embed.node, &inner, &links)?;
        let columns = listed(raws.iter().map(|raw| &raw.member), Naming::Numbered);
        let alias = self.beside(outer, &format!("SELECT {columns}{} LIMIT 1", inner.part(&conditions)));
        for (at, raw) in raws.iter_mut().enumerate() {
            raw.member.sql = format!("{alias}.\"_c{at}\"");
            if let Role::Group(value) = &mut raw.role {
                *value = None;
            }
        }
        Ok(raws)
    }
}

/// Groups are sorted by what they are grouped by, and by nothing else.
fn grouped_order(node: &Node, raws: &[Raw]) -> Result<String, RestError> {
    let mut terms = Vec::with_capacity(node.order.len());
    for order in &node.order {
        let (OrderBy::Own(by) | OrderBy::Embedded(_, by)) = &order.by;
        let own = matches!(order.by, OrderBy::Own(_));
        let same = |raw: &Raw| own && matches!(&raw.role, Role::Group(Some(value)) if value == by);
        let Some(at) = raws.iter().position(same) else {
            let column = match &by.of {
                Origin::Column(name) => name,
                Origin::Computed(function) => &function.name,
            };
            let message = format!(
                "column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"
            );
            return Err(refused("42803", &message));
        };
        terms.push(term(order, &format!("\"_s\".\"_c{at}\"")));
    }
    Ok(if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) })
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
