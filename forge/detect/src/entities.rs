//! Tables as the document's own text describes them.

mod attributes;
mod endpoints;
mod evidence;
pub(crate) mod fields;
mod foreign;
mod grammar;
mod grids;
mod naming;
mod outline;
mod phrases;
mod prose;
mod records;
mod relations;
mod titles;
mod typing;
mod uniques;

use crate::draft::Draft;
use crate::names;
use crate::requirements::TableNeed;
use crate::scope::Scoped;

pub(crate) use endpoints::{Endpoint, endpoints};
pub(crate) use prose::Stance;

/// Drafts from grids, outlines and endpoints: places that name a table outright.
pub(crate) fn declared(scoped: &Scoped<'_>, calls: &[Endpoint]) -> Vec<Draft> {
    let mut drafts = grids::drafts(scoped);
    drafts.extend(outline::drafts(scoped));
    drafts.extend(endpoints::drafts(calls));
    drafts
}

/// Drafts from sentences. `declared` are the tables known already; where the document has a real
/// schema, prose adds nothing but columns and relations.
pub(crate) fn told(scoped: &Scoped<'_>, declared: &[Draft], stance: Stance) -> Vec<Draft> {
    prose::drafts(scoped, declared, stance)
}

/// Adds columns and relations that sentences give to tables found anywhere.
pub(crate) fn enrich(scoped: &Scoped<'_>, drafts: &mut Vec<Draft>, signed_in: bool) {
    attributes::enrich(scoped, drafts, signed_in);
}

/// Adds to merged tables the groups of columns that must be unique together.
pub(crate) fn uniques(scoped: &Scoped<'_>, tables: &mut [TableNeed]) {
    uniques::add(scoped, tables);
}

/// The key by which two drafts are of one table.
pub(crate) fn table_key(draft: &Draft) -> String {
    names::key(&draft.table.name)
}
