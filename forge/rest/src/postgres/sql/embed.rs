//! The rows of a node, and what is embedded in them.

use super::source::From;
use super::{Writer, qualified, quote, refused};
use crate::error::RestError;
use crate::plan::{Direction, Embed, Join, Link, Node, Nulls, Order, OrderBy, Output, Show};

/// A value of a row: the name it is shown under, and what it is in terms of the row.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) sql: String,
    /// Whether it is of the type `json`, which cannot be compared.
    pub(super) json: bool,
}

/// How the columns of a query are called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// As the values are shown.
    Shown,
    /// `_c0`, `_c1` and so on, so that no two are the same.
    Numbered,
}

impl Writer<'_> {
    /// A query of the rows of a node, with their values under the names they are shown by.
    pub(super) fn page(&mut self, node: &Node, from: From) -> Result<String, RestError> {
        Ok(self.query(node, from, &[], Naming::Shown)?.0)
    }

    /// A query with as many rows as the node has in all.
    pub(super) fn all(&mut self, node: &Node, from: &From) -> Result<String, RestError> {
        if self.is_aggregated(node) {
            let whole = Node { limit: None, offset: 0, order: Vec::new(), ..node.clone() };
            let from = From::clone(from);
            return Ok(self.grouped(&whole, from, &[], Naming::Numbered)?.0);
        }
        let conditions = self.conditions(node, from, &[])?;
        Ok(format!("SELECT 1{}", from.part(&conditions)))
    }

    /// A query of the rows of a node, and its columns.
    pub(super) fn query(
        &mut self,
        node: &Node,
        mut from: From,
        links: &[String],
        naming: Naming,
    ) -> Result<(String, Vec<Member>), RestError> {
        if self.is_aggregated(node) {
            return self.grouped(node, from, links, naming);
        }
        let members = self.members(node, &mut from)?;
        let conditions = self.conditions(node, &from, links)?;
        let order = self.order(node, &from)?;
        let limits = self.limits(node);
        let columns = listed(&members, naming);
        Ok((format!("SELECT {columns}{}{order}{limits}", from.part(&conditions)), members))
    }

    pub(super) fn limits(&mut self, node: &Node) -> String {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).to_string();
        let limit = node.limit.map(|limit| format!(" LIMIT {}", self.bind(whole(limit))));
        let offset = (node.offset > 0).then(|| format!(" OFFSET {}", self.bind(whole(node.offset))));
        limit.unwrap_or_default() + &offset.unwrap_or_default()
    }

    /// What must hold for a row of the node to be there.
    pub(super) fn conditions(
        &mut self,
        node: &Node,
        from: &From,
        links: &[String],
    ) -> Result<Vec<String>, RestError> {
        let mut all = links.to_vec();
        if let Some(filter) = &node.filter {
            all.push(self.cond(filter, &node.embeds, from)?);
        }
        for embed in node.embeds.iter().filter(|embed| embed.join == Join::Inner) {
            all.push(self.exists(embed, from)?);
        }
        Ok(all)
    }

    fn order(&mut self, node: &Node, from: &From) -> Result<String, RestError> {
        let mut terms = Vec::with_capacity(node.order.len());
        for order in &node.order {
            let by = match &order.by {
                OrderBy::Own(value) => self.value(value, from)?,
                OrderBy::Embedded(at, value) => {
                    let embed = node.embeds.get(*at);
                    let embed = embed.ok_or_else(|| refused("XX000", "what is embedded is not there"))?;
                    let (inner, links) = self.linked(embed, from)?;
                    let value = self.value(value, &inner)?;
                    let conditions = self.conditions(&embed.node, &inner, &links)?;
                    format!("(SELECT {value}{} LIMIT 1)", inner.part(&conditions))
                }
            };
            terms.push(term(order, &by));
        }
        Ok(if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) })
    }

    fn members(&mut self, node: &Node, from: &mut From) -> Result<Vec<Member>, RestError> {
        let mut members = Vec::with_capacity(node.outputs.len());
        for output in &node.outputs {
            if let Output::Value { name, value } = output {
                let json = super::value::final_type(value) == "json";
                members.push(Member { name: name.clone(), sql: self.value(value, from)?, json });
            }
        }
        for embed in &node.embeds {
            members.extend(self.embedded(embed, from)?);
        }
        Ok(members)
    }

    /// What an embedded relation adds to the row around it; what it spreads is joined to that.
    pub(super) fn embedded(&mut self, embed: &Embed, outer: &mut From) -> Result<Vec<Member>, RestError> {
        if embed.show == Show::Hidden {
            return Ok(Vec::new());
        }
        let (inner, links) = self.linked(embed, outer)?;
        if embed.show == Show::Nested {
            let (rows, _) = self.query(&embed.node, inner, &links, Naming::Shown)?;
            let sql = if embed.many {
                format!(
                    "(SELECT coalesce(array_to_json(array_agg(row_to_json(\"_r\".*))), '[]') FROM ({rows}) AS \"_r\")"
                )
            } else {
                format!("(SELECT row_to_json(\"_r\".*) FROM ({rows}) AS \"_r\" LIMIT 1)")
            };
            return Ok(vec![Member { name: embed.name.clone(), sql, json: true }]);
        }
        let (rows, inner) = self.query(&embed.node, inner, &links, Naming::Numbered)?;
        let column = |at: usize| match embed.many {
            true => {
                format!("coalesce(array_to_json(array_agg(to_json(\"_r\".\"_c{at}\"))), '[]') AS \"_c{at}\"")
            }
            false => format!("\"_r\".\"_c{at}\""),
        };
        let columns: Vec<String> = (0..inner.len()).map(column).collect();
        let one = if embed.many { "" } else { " LIMIT 1" };
        let rows = format!("SELECT {} FROM ({rows}) AS \"_r\"{one}", columns.join(", "));
        let alias = self.beside(outer, &rows);
        let member = |(at, member): (usize, Member)| Member {
            sql: format!("{alias}.\"_c{at}\""),
            json: embed.many || member.json,
            ..member
        };
        Ok(inner.into_iter().enumerate().map(member).collect())
    }

    /// Joins what a query gives for each row; returns what its row is called.
    pub(super) fn beside(&mut self, outer: &mut From, query: &str) -> String {
        let alias = quote(&self.alias());
        outer.sql = format!("{} LEFT JOIN LATERAL ({query}) AS {alias} ON TRUE", outer.sql);
        alias
    }

    /// Whether a row has any of an embedded relation.
    pub(super) fn exists(&mut self, embed: &Embed, outer: &From) -> Result<String, RestError> {
        let (inner, links) = self.linked(embed, outer)?;
        let conditions = self.conditions(&embed.node, &inner, &links)?;
        Ok(format!("EXISTS (SELECT 1{})", inner.part(&conditions)))
    }

    /// An embedded relation, and what binds its rows to the row around them.
    pub(super) fn linked(&mut self, embed: &Embed, outer: &From) -> Result<(From, Vec<String>), RestError> {
        match &embed.link {
            Link::Columns(columns) => {
                let inner = self.source(&embed.node)?;
                let links = equal(columns, outer, &inner);
                Ok((inner, links))
            }
            Link::Junction { relation, outer: to_outer, inner: to_inner } => {
                let mut inner = self.source(&embed.node)?;
                let between = self.relation(relation);
                let mut links = equal(to_outer, outer, &between);
                links.extend(equal(to_inner, &between, &inner));
                inner.sql = format!("{} CROSS JOIN {}", between.sql, inner.sql);
                Ok((inner, links))
            }
            Link::Computed(function) => {
                let call = format!("{}({})", qualified(&function.schema, &function.name), outer.row());
                Ok((From::of(self.alias(), &call), Vec::new()))
            }
        }
    }
}

fn equal(columns: &[(String, String)], left: &From, right: &From) -> Vec<String> {
    columns.iter().map(|(one, other)| format!("{} = {}", right.column(other), left.column(one))).collect()
}

/// The columns of a query.
pub(super) fn listed<'m>(members: impl IntoIterator<Item = &'m Member>, naming: Naming) -> String {
    let column = |(at, member): (usize, &Member)| match naming {
        Naming::Shown => format!("{} AS {}", member.sql, quote(&member.name)),
        Naming::Numbered => format!("{} AS \"_c{at}\"", member.sql),
    };
    members.into_iter().enumerate().map(column).collect::<Vec<_>>().join(", ")
}

/// A term of `ORDER BY`. Where nulls go by default is as Postgres has it.
pub(super) fn term(order: &Order, by: &str) -> String {
    let direction = match order.direction {
        Direction::Ascending => "",
        Direction::Descending => " DESC",
    };
    let nulls = match order.nulls {
        None => "",
        Some(Nulls::First) => " NULLS FIRST",
        Some(Nulls::Last) => " NULLS LAST",
    };
    format!("{by}{direction}{nulls}")
}
