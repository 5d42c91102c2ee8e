//! A relation with what is asked of it and of the relations embedded in it.

use http::StatusCode;

use super::column::{Scope, cast_type, shown_name};
use super::relationship::{self, Relationship};
use super::{DEPTH_MAX, EMBEDS_MAX, OUTPUTS_MAX, reference, too_much};
use crate::ast::{self, Cond as Written, EmbedTarget, OrderTerm, Query, SelectItem};
use crate::error::RestError;
use crate::model::{Column, Model, Relation};
use crate::plan::{
    Aggregate, Cond, Direction, Embed, IsValue, Join, Link, Node, Order, OrderBy, Output, Show, Source, Test,
};
use crate::rest::Settings;
use crate::wire::Request;

/// Resolves the nodes of one request.
pub(super) struct Resolver<'m> {
    model: &'m Model,
    settings: &'m Settings,
    /// The names under which the nodes were asked for, by their numbers; the root's is empty.
    names: Vec<String>,
}

/// What rows a node is about.
#[derive(Clone, Copy)]
pub(super) struct Place<'m> {
    pub(super) relation: Option<&'m Relation>,
    pub(super) name: &'m str,
    pub(super) columns: &'m [Column],
    /// How deep it is embedded, where messages say so: 0 for the root and beyond junctions.
    pub(super) depth: usize,
}

impl<'m> Place<'m> {
    pub(super) fn of(relation: &'m Relation) -> Place<'m> {
        Place { relation: Some(relation), name: &relation.name, columns: &relation.columns, depth: 0 }
    }
}

impl<'m> Resolver<'m> {
    pub(super) fn new(model: &'m Model, settings: &'m Settings) -> Resolver<'m> {
        Resolver { model, settings, names: Vec::new() }
    }

    /// A relation with everything that the request says of it, its range included.
    pub(super) fn relation(
        &mut self,
        relation: &'m Relation,
        source: Source,
        request: &Request,
    ) -> Result<Node, RestError> {
        let mut node = self.tree(Place::of(relation), source, request)?;
        self.ranged(&mut node, request);
        Ok(node)
    }

    /// The same without the range.
    pub(super) fn tree(
        &mut self,
        place: Place<'m>,
        source: Source,
        request: &Request,
    ) -> Result<Node, RestError> {
        let query = &request.query;
        let written = matches!(source, Source::Written(_));
        let mut node = self.node(place, source, "", &query.select, 0)?;
        self.conditions(&mut node, place, query)?;
        // What was written comes back in full, as it was written.
        if !written {
            self.orders(&mut node, place, query)?;
            self.limits(&mut node, query)?;
        }
        Ok(node)
    }

    /// Gives the node the range of the request.
    pub(super) fn ranged(&self, node: &mut Node, request: &Request) {
        node.limit = bounded(request.range.limit, self.settings.max_rows);
        node.offset = request.range.offset;
    }

    fn node(
        &mut self,
        place: Place<'m>,
        source: Source,
        asked: &str,
        select: &[SelectItem],
        depth: usize,
    ) -> Result<Node, RestError> {
        if depth > DEPTH_MAX {
            return Err(too_much("levels of embedding", DEPTH_MAX));
        }
        // The root is none of them.
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        if self.names.len() > EMBEDS_MAX {
            return Err(too_much("embedded relations", EMBEDS_MAX));
        }
        let mut node = Node {
            id,
            source,
            outputs: Vec::new(),
            embeds: Vec::new(),
            filter: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
        };
        self.names.push(asked.to_owned());
        let all = [SelectItem::Star];
        // A relation that is embedded with nothing of it is there to be filtered by.
        let select = if select.is_empty() && depth == 0 { &all } else { select };
        for item in select {
            self.item(&mut node, place, item, depth)?;
            if node.outputs.len() > OUTPUTS_MAX {
                return Err(too_much("values", OUTPUTS_MAX));
            }
        }
        Ok(node)
    }

    fn scope(&self, place: Place<'m>) -> Scope<'m> {
        let relation = place.relation.map(|relation| (relation.schema.as_str(), relation.name.as_str()));
        Scope { model: self.model, relation, name: place.name, columns: place.columns, depth: place.depth }
    }

    fn item(
        &mut self,
        node: &mut Node,
        place: Place<'m>,
        item: &SelectItem,
        depth: usize,
    ) -> Result<(), RestError> {
        let scope = self.scope(place);
        match item {
            SelectItem::Star => {
                for column in place.columns {
                    let field = ast::Field { name: column.name.clone(), path: Vec::new() };
                    let value = scope.value(&field, None)?;
                    node.outputs.push(Output::Value { name: column.name.clone(), value });
                }
            }
            // The oldest way to count: where there is no such column, it is `count()`, which
            // nobody switches off: it is not written as an aggregate.
            SelectItem::Field { alias, field, cast } if is_count(&scope, field) => {
                let cast = cast.as_ref().map(|name| cast_type(self.model, name)).transpose()?;
                let name = alias.clone().unwrap_or_else(|| field.name.clone());
                node.outputs.push(Output::Aggregate { name, function: Aggregate::Count, of: None, cast });
            }
            SelectItem::Field { alias, field, cast } => {
                let value = scope.value(field, cast.as_deref())?;
                let name = alias.clone().unwrap_or_else(|| shown_name(field));
                node.outputs.push(Output::Value { name, value });
            }
            SelectItem::Aggregate { alias, of, function, cast } => {
                if !self.settings.aggregates {
                    let message = "Use of aggregate functions is not allowed";
                    return Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST123", message));
                }
                let of = of.as_ref().map(|(field, cast)| scope.value(field, cast.as_deref())).transpose()?;
                let cast = cast.as_ref().map(|name| cast_type(self.model, name)).transpose()?;
                let name = alias.clone().unwrap_or_else(|| aggregate_name(*function).to_owned());
                node.outputs.push(Output::Aggregate { name, function: *function, of, cast });
            }
            SelectItem::Embed { alias, target, select } => {
                let name = alias.clone().unwrap_or_else(|| target.name.clone());
                let show = if is_hidden(select) { Show::Hidden } else { Show::Nested };
                self.embed(node, place, name, target, select, show, depth)?;
            }
            SelectItem::Spread { target, select } => {
                self.embed(node, place, target.name.clone(), target, select, Show::Spread, depth)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all of them say what is embedded")]
    fn embed(
        &mut self,
        node: &mut Node,
        place: Place<'m>,
        name: String,
        target: &EmbedTarget,
        select: &[SelectItem],
        show: Show,
        depth: usize,
    ) -> Result<(), RestError> {
        let Some(origin) = place.relation else {
            let schema = self.model.schemas.first().map_or("", String::as_str);
            return Err(relationship::no_origin(self.model, schema, place.name, target));
        };
        let Relationship { target: relation, link, cardinality, .. } =
            relationship::find(self.model, origin, target)?;
        let source = Source::Relation(reference(relation));
        let many = cardinality.is_many();
        let written = matches!(node.source, Source::Written(_));
        let place = Place { depth: told_depth(&link, depth + 1), ..Place::of(relation) };
        let mut inner = self.node(place, source, &target.name, select, depth + 1)?;
        if show == Show::Spread && many && aggregates(&inner) {
            return Err(many_aggregated());
        }
        inner.limit = if many && !written { self.settings.max_rows } else { None };
        node.embeds.push(Embed {
            name,
            node: inner,
            link,
            many,
            join: target.join.unwrap_or(Join::Left),
            show,
        });
        Ok(())
    }

    fn conditions(&self, node: &mut Node, place: Place<'m>, query: &Query) -> Result<(), RestError> {
        for scoped in &query.filters {
            let (node, place) = self.reached(node, place, &scoped.path)?;
            let cond = self.cond(node, place, &scoped.what)?;
            node.filter = Some(match node.filter.take() {
                None => cond,
                Some(Cond::All(mut all)) => {
                    all.push(cond);
                    Cond::All(all)
                }
                Some(other) => Cond::All(vec![other, cond]),
            });
        }
        Ok(())
    }

    fn orders(&self, node: &mut Node, place: Place<'m>, query: &Query) -> Result<(), RestError> {
        // Of several for the same node the first counts.
        for scoped in query.orders.iter().rev() {
            let (node, place) = self.reached(node, place, &scoped.path)?;
            node.order =
                scoped.what.iter().map(|term| self.order(node, place, term)).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    fn limits(&self, node: &mut Node, query: &Query) -> Result<(), RestError> {
        for scoped in query.limits.iter().filter(|scoped| !scoped.path.is_empty()) {
            let (node, _) = self.walk(node, &scoped.path)?;
            node.limit = bounded(Some(scoped.what), self.settings.max_rows);
        }
        for scoped in query.offsets.iter().filter(|scoped| !scoped.path.is_empty()) {
            self.walk(node, &scoped.path)?.0.offset = scoped.what;
        }
        Ok(())
    }

    /// The node that a path of names leads to, and how deep messages say that it is: each name is an alias or
    /// the name that was embedded.
    fn walk<'n>(&self, node: &'n mut Node, path: &[String]) -> Result<(&'n mut Node, usize), RestError> {
        let (mut at, mut told) = (node, 0);
        for (depth, name) in path.iter().enumerate() {
            let asked = |embed: &Embed| self.names.get(embed.node.id as usize) == Some(name);
            let embed = at.embeds.iter_mut().find(|embed| embed.name == *name || asked(embed));
            let embed = embed.ok_or_else(|| not_embedded(name))?;
            told = told_depth(&embed.link, depth + 1);
            at = &mut embed.node;
        }
        Ok((at, told))
    }

    /// The node that a path leads to, and what can be named in it.
    fn reached<'n>(
        &self,
        node: &'n mut Node,
        place: Place<'m>,
        path: &[String],
    ) -> Result<(&'n mut Node, Place<'m>), RestError> {
        if path.is_empty() {
            return Ok((node, place));
        }
        let (node, depth) = self.walk(node, path)?;
        let Source::Relation(of) = &node.source else { return Err(not_embedded(&path[path.len() - 1])) };
        let relation = self.model.relation(&of.schema, &of.name);
        let relation = relation.ok_or_else(|| super::no_relation(self.model, &of.schema, &of.name))?;
        Ok((node, Place { depth, ..Place::of(relation) }))
    }

    fn cond(&self, node: &Node, place: Place<'m>, cond: &Written) -> Result<Cond, RestError> {
        let all =
            |of: &[Written]| of.iter().map(|one| self.cond(node, place, one)).collect::<Result<Vec<_>, _>>();
        let (cond, negated) = match cond {
            Written::All { negated, of } => (Cond::All(all(of)?), *negated),
            Written::Any { negated, of } => (Cond::Any(all(of)?), *negated),
            Written::Test { field, negated, test } => {
                let embed = node.embeds.iter().position(|embed| embed.name == field.name);
                match embed.filter(|_| field.path.is_empty()) {
                    Some(at) => {
                        let asked = self.names.get(node.embeds[at].node.id as usize);
                        (embedded(at, asked.unwrap_or(&field.name), test)?, *negated)
                    }
                    None => {
                        let value = self.scope(place).value(field, None)?;
                        (Cond::Test { value, test: test.clone() }, *negated)
                    }
                }
            }
        };
        Ok(if negated { Cond::Not(Box::new(cond)) } else { cond })
    }

    fn order(&self, node: &Node, place: Place<'m>, term: &OrderTerm) -> Result<Order, RestError> {
        let by = match &term.relation {
            None => OrderBy::Own(self.scope(place).value(&term.field, None)?),
            Some(name) => {
                let at = node.embeds.iter().position(|embed| embed.name == *name);
                let at = at.ok_or_else(|| not_embedded(name))?;
                let embed = &node.embeds[at];
                if embed.many {
                    return Err(no_related_order(place.name, name));
                }
                let Source::Relation(of) = &embed.node.source else { return Err(not_embedded(name)) };
                let relation = self.model.relation(&of.schema, &of.name);
                let relation =
                    relation.ok_or_else(|| super::no_relation(self.model, &of.schema, &of.name))?;
                OrderBy::Embedded(at, self.scope(Place::of(relation)).value(&term.field, None)?)
            }
        };
        let direction = match term.direction {
            Some(ast::Direction::Descending) => Direction::Descending,
            Some(ast::Direction::Ascending) | None => Direction::Ascending,
        };
        Ok(Order { by, direction, nulls: term.nulls })
    }
}

/// A relation that is reached through a junction goes by its own name, others by name and depth.
fn told_depth(link: &Link, depth: usize) -> usize {
    match link {
        Link::Junction { .. } => 0,
        Link::Columns(_) | Link::Computed(_) => depth,
    }
}

fn is_count(scope: &Scope<'_>, field: &ast::Field) -> bool {
    field.name == "count" && field.path.is_empty() && scope.value(field, None).is_err()
}

/// Whether nothing is shown of a relation: it is there to be filtered by.
fn is_hidden(select: &[SelectItem]) -> bool {
    select.iter().all(|item| match item {
        SelectItem::Embed { select, .. } => is_hidden(select),
        SelectItem::Star
        | SelectItem::Field { .. }
        | SelectItem::Aggregate { .. }
        | SelectItem::Spread { .. } => false,
    })
}

/// Whether a node has values over many rows, those that are spread into it included.
fn aggregates(node: &Node) -> bool {
    let spread = |embed: &Embed| embed.show == Show::Spread && aggregates(&embed.node);
    node.outputs.iter().any(|output| matches!(output, Output::Aggregate { .. }))
        || node.embeds.iter().any(spread)
}

/// A test of an embedded relation: whether there is any.
fn embedded(at: usize, name: &str, test: &Test) -> Result<Cond, RestError> {
    match test {
        Test::Is(IsValue::Null) => Ok(Cond::Not(Box::new(Cond::Embedded(at)))),
        Test::Is(IsValue::NotNull) => Ok(Cond::Embedded(at)),
        Test::Is(IsValue::True | IsValue::False | IsValue::Unknown)
        | Test::Compare { .. }
        | Test::Distinct(_)
        | Test::In(_)
        | Test::Search { .. } => {
            let message = format!("Bad operator on the '{name}' embedded resource");
            let details = "Only is null or not is null filters are allowed on embedded resources";
            Err(RestError::new(StatusCode::BAD_REQUEST, "PGRST120", message).details(details))
        }
    }
}

fn bounded(limit: Option<u64>, most: Option<u64>) -> Option<u64> {
    match (limit, most) {
        (Some(limit), Some(most)) => Some(limit.min(most)),
        (one, other) => one.or(other),
    }
}

fn aggregate_name(function: Aggregate) -> &'static str {
    match function {
        Aggregate::Sum => "sum",
        Aggregate::Avg => "avg",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Count => "count",
    }
}

fn not_embedded(name: &str) -> RestError {
    let message = format!("'{name}' is not an embedded resource in this request");
    let hint = format!("Verify that '{name}' is included in the 'select' query parameter.");
    RestError::new(StatusCode::BAD_REQUEST, "PGRST108", message).hint(hint)
}

fn no_related_order(origin: &str, name: &str) -> RestError {
    let message = format!("A related order on '{name}' is not possible");
    let details = format!("'{origin}' and '{name}' do not form a many-to-one or one-to-one relationship");
    RestError::new(StatusCode::BAD_REQUEST, "PGRST118", message).details(details)
}

fn many_aggregated() -> RestError {
    RestError::new(StatusCode::BAD_REQUEST, "PGRST127", "Feature not implemented")
        .details("Aggregates are not implemented for one-to-many or many-to-many spreads.")
}
