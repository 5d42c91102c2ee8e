//! The rows of a node, and what is embedded in them.

use forge_database::ddl::sqlite::{quote_name as quote, quote_text};
use forge_database::schema::Type;
use rusqlite::types::Value as Sql;

use super::Writer;
use super::source::From;
use super::value::{Expr, Kind};
use crate::error::RestError;
use crate::plan::{Direction, Embed, Join, Link, Node, Nulls, Order, OrderBy, Output, Show};
use crate::wire::json;

/// A member of a row: its name, and its value as JSON text that is never null.
pub(super) type Member = (String, String);

impl<'a> Writer<'a> {
    /// A query of the rows of a node: the column `_b` has each as a JSON object.
    pub(super) fn rows(&mut self, node: &Node, from: &From<'a>) -> Result<String, RestError> {
        if self.is_aggregated(node) {
            let (query, members) = self.grouped(node, from, &[])?;
            let object = object(&members);
            return Ok(format!("select {object} as \"_b\" from ({query}) as \"_g\""));
        }
        let members = self.members(node, from)?;
        self.page(node, from, &[], &format!("{} as \"_b\"", object(&members)))
    }

    /// How many rows there are in all.
    pub(super) fn total(&mut self, node: &Node, from: &From<'a>) -> Result<String, RestError> {
        if self.is_aggregated(node) {
            let whole = Node { limit: None, offset: 0, order: Vec::new(), ..node.clone() };
            let (query, _) = self.grouped(&whole, from, &[])?;
            return Ok(format!("(select count(*) from ({query}))"));
        }
        let conditions = self.conditions(node, from, &[])?;
        Ok(format!("(select count(*){})", from.part(&conditions)))
    }

    /// `what` of each row, in order, within the limit.
    fn page(
        &mut self,
        node: &Node,
        from: &From<'a>,
        links: &[String],
        what: &str,
    ) -> Result<String, RestError> {
        let conditions = self.conditions(node, from, links)?;
        let order = self.order(node, from)?;
        let limits = self.limits(node);
        Ok(format!("select {what}{}{order}{limits}", from.part(&conditions)))
    }

    /// A limit is always there: without one, SQLite may forget the order of what another query reads.
    pub(super) fn limits(&mut self, node: &Node) -> String {
        let whole = |number: u64| Sql::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let limit = self.bind(node.limit.map_or(Sql::Integer(-1), whole));
        let offset = self.bind(whole(node.offset));
        format!(" limit {limit} offset {offset}")
    }

    /// What must hold for a row of the node to be there.
    pub(super) fn conditions(
        &mut self,
        node: &Node,
        from: &From<'a>,
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

    pub(super) fn order(&mut self, node: &Node, from: &From<'a>) -> Result<String, RestError> {
        let mut terms = Vec::with_capacity(node.order.len());
        for order in &node.order {
            let by = match &order.by {
                OrderBy::Own(value) => self.value(value, from)?,
                OrderBy::Embedded(at, value) => {
                    let Some(embed) = node.embeds.get(*at) else {
                        return Err(self.refuse("XX000", "what is embedded is not there"));
                    };
                    let (inner, links) = self.linked(embed, from)?;
                    let value = self.value(value, &inner)?;
                    let conditions = self.conditions(&embed.node, &inner, &links)?;
                    let sql = format!("(select {}{} limit 1)", value.sql, inner.part(&conditions));
                    Expr { sql, nullable: true, ..value }
                }
            };
            let key = self.sort_key(&by);
            terms.push(term(order, &key, by.nullable));
        }
        if terms.is_empty() {
            terms.extend(from.order.map(str::to_owned));
        }
        Ok(if terms.is_empty() { String::new() } else { format!(" order by {}", terms.join(", ")) })
    }

    /// What a value sorts by.
    pub(super) fn sort_key(&self, of: &Expr) -> String {
        match &of.kind {
            Kind::Of(Type::Enum(_)) => format!("rest_position({}, {})", of.sql, self.enum_values(&of.kind)),
            Kind::Decimal => format!("cast({} as real)", of.sql),
            kind => super::cond::comparable(kind, &of.sql),
        }
    }

    /// The members of a row of the node, its embedded relations included.
    fn members(&mut self, node: &Node, from: &From<'a>) -> Result<Vec<Member>, RestError> {
        let mut members = Vec::with_capacity(node.outputs.len());
        for output in &node.outputs {
            if let Output::Value { name, value } = output {
                let value = self.value(value, from)?;
                members.push((name.clone(), self.json(&value)));
            }
        }
        for embed in &node.embeds {
            members.extend(self.embedded(embed, from)?);
        }
        Ok(members)
    }

    /// What an embedded relation adds to the row around it.
    pub(super) fn embedded(&mut self, embed: &Embed, outer: &From<'a>) -> Result<Vec<Member>, RestError> {
        if embed.show == Show::Hidden {
            return Ok(Vec::new());
        }
        let (inner, links) = self.linked(embed, outer)?;
        let node = &embed.node;
        if self.is_aggregated(node) {
            let (query, members) = self.grouped(node, &inner, &links)?;
            let from = format!("({query}) as \"_g\"");
            return Ok(shown(embed, members, |value| format!("select {value} as \"_b\" from {from}")));
        }
        let members = self.members(node, &inner)?;
        let tail = self.page(node, &inner, &links, "\u{1}")?;
        Ok(shown(embed, members, |value| tail.replacen('\u{1}', &format!("{value} as \"_b\""), 1)))
    }

    /// Whether a row has any of an embedded relation.
    pub(super) fn exists(&mut self, embed: &Embed, outer: &From<'_>) -> Result<String, RestError> {
        let (inner, links) = self.linked(embed, outer)?;
        let conditions = self.conditions(&embed.node, &inner, &links)?;
        Ok(format!("exists (select 1{})", inner.part(&conditions)))
    }

    /// An embedded relation, and what binds its rows to the row around them.
    pub(super) fn linked(
        &mut self,
        embed: &Embed,
        outer: &From<'_>,
    ) -> Result<(From<'a>, Vec<String>), RestError> {
        match &embed.link {
            Link::Columns(columns) => {
                let inner = self.source(&embed.node)?;
                let links = self.equal(columns, outer, &inner)?;
                Ok((inner, links))
            }
            Link::Junction { relation, outer: to_outer, inner: to_inner } => {
                let mut inner = self.source(&embed.node)?;
                let between = self.relation(relation)?;
                let mut links = self.equal(to_outer, outer, &between)?;
                links.extend(self.equal(to_inner, &between, &inner)?);
                inner.sql = format!("{} join {}", between.sql, inner.sql);
                inner.conditions.extend(between.conditions);
                Ok((inner, links))
            }
            Link::Computed(function) => {
                let inline = self.inline(function, outer)?;
                let alias = self.alias();
                Ok((From::query(alias, &inline.sql), Vec::new()))
            }
        }
    }

    fn source(&mut self, node: &Node) -> Result<From<'a>, RestError> {
        self.root(node, crate::sqlite::reads::Rows::Relation)
    }

    fn equal(
        &self,
        columns: &[(String, String)],
        left: &From<'_>,
        right: &From<'_>,
    ) -> Result<Vec<String>, RestError> {
        let both = |(one, other): &(String, String)| {
            Ok(format!("{} = {}", self.named(right, other)?, self.named(left, one)?))
        };
        columns.iter().map(both).collect()
    }
}

/// The members that an embedded relation comes to; `query` gives a value of each of its rows as `_b`.
fn shown(embed: &Embed, members: Vec<Member>, query: impl Fn(&str) -> String) -> Vec<Member> {
    let of = |value: &str| {
        if embed.many {
            format!("(select '[' || coalesce(group_concat(\"_b\", ','), '') || ']' from ({}))", query(value))
        } else {
            format!("coalesce((select \"_b\" from ({}) limit 1), 'null')", query(value))
        }
    };
    match embed.show {
        Show::Hidden => Vec::new(),
        Show::Nested => vec![(embed.name.clone(), of(&object(&members)))],
        Show::Spread => members.into_iter().map(|(name, value)| (name, of(&value))).collect(),
    }
}

/// A JSON object of the members, as text.
pub(super) fn object(members: &[Member]) -> String {
    if members.is_empty() {
        return "'{}'".to_owned();
    }
    let member = |(at, (name, value)): (usize, &Member)| {
        let before = if at == 0 { "{" } else { "," };
        format!("{} || {value}", quote_text(&format!("{before}{}:", json::quoted(name))))
    };
    let parts: Vec<String> = members.iter().enumerate().map(member).collect();
    format!("({} || '}}')", super::joined(parts, " || "))
}

/// A term of `order by`.
fn term(order: &Order, key: &str, nullable: bool) -> String {
    let descending = order.direction == Direction::Descending;
    let first = match order.nulls {
        Some(nulls) => nulls == Nulls::First,
        None => descending,
    };
    let direction = if descending { " desc" } else { "" };
    // What is never null can be read from an index in its order.
    let nulls = match (nullable, first) {
        (false, _) => "",
        (true, true) => " nulls first",
        (true, false) => " nulls last",
    };
    format!("{key}{direction}{nulls}")
}

impl From<'_> {
    /// The rows of a query.
    pub(super) fn query(alias: String, sql: &str) -> Self {
        let sql = format!("({sql}) as {}", quote(&alias));
        From { alias, sql, conditions: Vec::new(), order: None, table: None }
    }
}
