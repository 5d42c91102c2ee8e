//! Relations and the keys between them, those traced through views included.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Name;
use super::logical::column_type;
use super::rule::{self, Shown};
use crate::model::{self, ForeignKey, Model, Relation, RelationKind};

/// How many views may be over each other for keys to be traced through them.
const VIEWS_DEEP_MAX: usize = 16;
/// The most keys that are traced.
const TRACED_MAX: usize = 10_000;

/// A relation as the catalogs tell it.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    oid: i64,
    schema: String,
    name: String,
    kind: String,
    exposed: bool,
    writable: bool,
    comment: Option<String>,
    columns: Vec<Column>,
    keys: Vec<Unique>,
}

#[derive(Debug, Deserialize)]
struct Column {
    number: i64,
    name: String,
    #[serde(rename = "type")]
    ty: String,
    nullable: bool,
    has_default: bool,
    default: Option<String>,
    values: Option<Vec<String>>,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Unique {
    primary: bool,
    columns: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    name: String,
    from: i64,
    to: i64,
    columns: Vec<String>,
    to_columns: Vec<String>,
}

/// What a view is made of.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    oid: i64,
    tree: String,
}

/// The columns of a view that show those of a table: (table, column) by the name in the view.
type Origins = BTreeMap<String, (i64, String)>;

/// The defaults of columns, by relation.
type Defaults = BTreeMap<Name, BTreeMap<String, String>>;

/// The model, still without functions, and the expressions of defaults.
pub(super) fn model(told: Vec<Told>, keys: &[Key], rules: &[Rule]) -> (Model, Defaults) {
    let by_oid: BTreeMap<i64, &Told> = told.iter().map(|one| (one.oid, one)).collect();
    let views = origins(&by_oid, rules);
    let keys = foreign_keys(&by_oid, &views, keys);
    let (mut relations, mut defaults) = (BTreeMap::new(), BTreeMap::new());
    for one in told.iter().filter(|one| one.exposed) {
        let name = (one.schema.clone(), one.name.clone());
        let expressions =
            one.columns.iter().filter_map(|column| Some((column.name.clone(), column.default.clone()?)));
        defaults.insert(name.clone(), expressions.collect());
        relations.insert(name, relation(one, views.get(&one.oid), &by_oid));
    }
    (Model { relations, keys, ..Model::default() }, defaults)
}

fn relation(told: &Told, origins: Option<&Origins>, by_oid: &BTreeMap<i64, &Told>) -> Relation {
    let column = |column: &Column| model::Column {
        name: column.name.clone(),
        ty: column_type(column.ty.clone(), column.values.clone()),
        nullable: column.nullable,
        has_default: column.has_default,
        comment: column.comment.clone(),
    };
    let is_view = matches!(told.kind.as_str(), "v" | "m");
    let own = told.keys.iter().find(|key| key.primary).map(|key| key.columns.clone());
    Relation {
        schema: told.schema.clone(),
        name: told.name.clone(),
        kind: if is_view { RelationKind::View { writable: told.writable } } else { RelationKind::Table },
        columns: told.columns.iter().map(column).collect(),
        primary_key: own
            .or_else(|| origins.and_then(|origins| key_of_view(origins, by_oid)))
            .unwrap_or_default(),
        uniques: told.keys.iter().filter(|key| !key.primary).map(|key| key.columns.clone()).collect(),
        comment: told.comment.clone(),
    }
}

/// The key of a view: that of the first table whose whole key it shows.
fn key_of_view(origins: &Origins, by_oid: &BTreeMap<i64, &Told>) -> Option<Vec<String>> {
    let tables: BTreeSet<i64> = origins.values().map(|(table, _)| *table).collect();
    tables.into_iter().find_map(|table| {
        let key = by_oid.get(&table)?.keys.iter().find(|key| key.primary)?;
        showing(origins, table, &key.columns)
    })
}

/// The names under which a view shows columns of a table, if it shows all of them.
fn showing(origins: &Origins, table: i64, columns: &[String]) -> Option<Vec<String>> {
    let shown = |column: &String| {
        let found = origins.iter().find(|(_, (of, name))| *of == table && name == column);
        found.map(|(name, _)| name.clone())
    };
    columns.iter().map(shown).collect()
}

/// Where the columns of each view come from, down to the tables.
fn origins(by_oid: &BTreeMap<i64, &Told>, rules: &[Rule]) -> BTreeMap<i64, Origins> {
    let direct: BTreeMap<i64, Vec<Shown>> =
        rules.iter().map(|rule| (rule.oid, rule::shown(&rule.tree))).collect();
    let column = |relation: i64, number: i64| {
        by_oid
            .get(&relation)?
            .columns
            .iter()
            .find(|column| column.number == number)
            .map(|column| column.name.clone())
    };
    let trace = |shown: &Shown| {
        let (mut relation, mut name) = (shown.relation, column(shown.relation, shown.column)?);
        for _ in 0..VIEWS_DEEP_MAX {
            let Some(inner) = direct.get(&relation) else { return Some((relation, name)) };
            let next = inner.iter().find(|inner| inner.name == name)?;
            (relation, name) = (next.relation, column(next.relation, next.column)?);
        }
        None
    };
    let of_view =
        |all: &Vec<Shown>| all.iter().filter_map(|one| Some((one.name.clone(), trace(one)?))).collect();
    direct.iter().map(|(oid, all)| (*oid, of_view(all))).collect()
}

/// The keys between exposed relations: those of tables first, then as views show their columns.
fn foreign_keys(
    by_oid: &BTreeMap<i64, &Told>,
    views: &BTreeMap<i64, Origins>,
    keys: &[Key],
) -> Vec<ForeignKey> {
    let exposed = |oid: i64| {
        by_oid.get(&oid).filter(|one| one.exposed).map(|one| (one.schema.clone(), one.name.clone()))
    };
    // The sides of a key: the table's own, and those of the views over it.
    let sides = |table: i64, columns: &[String]| {
        let mut sides: Vec<(Name, Vec<String>)> = Vec::new();
        sides.extend(exposed(table).map(|name| (name, columns.to_vec())));
        for (view, origins) in views {
            if let (Some(name), Some(shown)) = (exposed(*view), showing(origins, table, columns)) {
                sides.push((name, shown));
            }
        }
        sides
    };
    let mut found = Vec::new();
    for key in keys {
        let set: BTreeSet<&String> = key.columns.iter().collect();
        let is_unique = |unique: &Unique| unique.columns.iter().collect::<BTreeSet<_>>() == set;
        let one_to_one = by_oid.get(&key.from).is_some_and(|table| table.keys.iter().any(is_unique));
        for (from, columns) in sides(key.from, &key.columns) {
            for (to, to_columns) in sides(key.to, &key.to_columns) {
                found.push(ForeignKey {
                    name: key.name.clone(),
                    from: from.clone(),
                    columns: columns.clone(),
                    to,
                    to_columns,
                    one_to_one,
                });
            }
        }
        if found.len() > TRACED_MAX {
            break;
        }
    }
    let is_view = |name: &Name| {
        by_oid
            .values()
            .any(|one| one.schema == name.0 && one.name == name.1 && matches!(one.kind.as_str(), "v" | "m"))
    };
    found.sort_by_key(|key| is_view(&key.from) || is_view(&key.to));
    found
}
