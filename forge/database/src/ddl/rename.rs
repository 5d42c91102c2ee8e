//! Renames: everything that speaks of a table or column by name follows.

use super::expr::{self, Meaning};
use crate::schema::{Policy, Schema};

/// Renames a table that exists to a name that is free. Keys, checks and policies follow.
pub(crate) fn table(schema: &mut Schema, from: &str, to: &str) {
    rewrite_texts(schema, &|meaning| match meaning {
        Meaning::Table(table) if table == from => Some(to.to_owned()),
        Meaning::Table(_) | Meaning::Column { .. } => None,
    });
    if let Some(mut table) = schema.tables.remove(from) {
        to.clone_into(&mut table.name);
        schema.tables.insert(to.to_owned(), table);
    }
    for table in schema.tables.values_mut() {
        for key in table.foreign_keys.iter_mut().filter(|key| key.table == from) {
            to.clone_into(&mut key.table);
        }
    }
}

/// Renames a column that exists to a name that is free. Keys, indices, checks and policies follow.
pub(crate) fn column(schema: &mut Schema, owner: &str, from: &str, to: &str) {
    rewrite_texts(schema, &|meaning| match meaning {
        Meaning::Column { table, column } if table == owner && column == from => Some(to.to_owned()),
        Meaning::Table(_) | Meaning::Column { .. } => None,
    });
    let follow = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    for table in schema.tables.values_mut() {
        let own = table.name == owner;
        for key in &mut table.foreign_keys {
            if own {
                follow(&mut key.column);
            }
            if key.table == owner {
                follow(&mut key.references);
            }
        }
        if own {
            table.columns.iter_mut().for_each(|column| follow(&mut column.name));
            table.primary_key.iter_mut().for_each(follow);
            table.uniques.iter_mut().flatten().for_each(follow);
            table.grants.iter_mut().flat_map(|grant| &mut grant.columns).for_each(follow);
            table.indices.iter_mut().flat_map(|index| &mut index.columns).for_each(|c| follow(&mut c.name));
        }
    }
}

/// Every text of `schema` that speaks of what `wanted` accepts, as "the check `x` of `t`".
pub(crate) fn users(schema: &Schema, wanted: &dyn Fn(&Meaning) -> bool) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for table in schema.tables.values() {
        let speaks =
            |text: &str| expr::meanings(text, &table.name, schema).iter().any(|(_, meaning)| wanted(meaning));
        for check in &table.checks {
            if speaks(&check.expr) {
                out.push((table.name.clone(), format!("the check `{}` of `{}`", check.name, table.name)));
            }
        }
        for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
            if policy.using.as_deref().is_some_and(speaks) || policy.check.as_deref().is_some_and(speaks) {
                out.push((table.name.clone(), format!("the policy `{}` of `{}`", policy.name, table.name)));
            }
        }
    }
    out
}

fn rewrite_texts(schema: &mut Schema, replace: &dyn Fn(&Meaning) -> Option<String>) {
    let before = schema.clone();
    for table in schema.tables.values_mut() {
        let name = table.name.clone();
        let new = |text: &str| expr::rewrite(text, &name, &before, replace);
        for check in &mut table.checks {
            check.expr = new(&check.expr);
        }
        for policy in table.rls.iter_mut().flat_map(|rls| &mut rls.policies) {
            let Policy { using, check, .. } = policy;
            for text in [using, check].into_iter().flatten() {
                *text = new(text);
            }
        }
    }
}
