//! Rules about who reaches which rows.

use super::access::{open_to, owners};
use super::case::Case;
use super::data::subject;
use super::structure::has_index;
use super::{Area, Hits, Rule, Severity};
use crate::change::Change;
use crate::policy::{Side, condition, cycles, parse, resolve};
use crate::schema::{ColumnDefault, Command, Rls, Schema, Table, Type};
use forge_core::Role;
use std::collections::BTreeSet;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "MIG080",
        title: "table without a policy",
        severity: Severity::Critical,
        area: Area::Security,
        reason: "nothing says who may read or write its rows",
        fix: "add `rls: own-row`, `own-or-public`, `public` or `none`, or write policies",
        check: without_policy,
    },
    Rule {
        id: "MIG081",
        title: "everybody may change or delete every row",
        severity: Severity::High,
        area: Area::Security,
        reason: "an account costs nothing, so one visitor can rewrite or empty the table",
        fix: "compare the owner's column with `auth.uid()`, or give the command to a role of its own",
        check: open_writes,
    },
    Rule {
        id: "MIG082",
        title: "visitors may add rows without limit",
        severity: Severity::Medium,
        area: Area::Security,
        reason: "whoever finds the address can fill the table",
        fix: "let only `authenticated` insert, or take the rows in through a function that checks them",
        check: open_inserts,
    },
    Rule {
        id: "MIG085",
        title: "owner's column without an index",
        severity: Severity::Medium,
        area: Area::Operations,
        reason: "the policy compares it on every query, which then reads the whole table",
        fix: "add an index that starts with the column",
        check: owner_without_index,
    },
    Rule {
        id: "MIG086",
        title: "owner's column may be null",
        severity: Severity::Medium,
        area: Area::Security,
        reason: "a row without an owner is reached by nobody, or by a policy nobody thought of",
        fix: "make the column required",
        check: owner_nullable,
    },
    Rule {
        id: "MIG087",
        title: "rows may be written in another user's name",
        severity: Severity::High,
        area: Area::Security,
        reason: "the policy that limits reading to the owner does not limit who the new row belongs to",
        fix: "give insert and update a `check` that compares the owner's column with `auth.uid()`",
        check: unchecked_owner,
    },
    Rule {
        id: "MIG088",
        title: "policy that cannot be evaluated",
        severity: Severity::Critical,
        area: Area::Security,
        reason: "a policy that names what is not there, or is not of the language, lets nobody in",
        fix: "correct the policy; a rename or drop must take the policies that name the column along",
        check: broken_policy,
    },
    Rule {
        id: "MIG089",
        title: "policies that read one another in a circle",
        severity: Severity::Critical,
        area: Area::Security,
        reason: "none of them can be evaluated, so every query on the tables fails",
        fix: "let one of them compare a column of its own row, without a subquery",
        check: policy_circle,
    },
    Rule {
        id: "MIG090",
        title: "opens filled tables to everybody",
        severity: Severity::High,
        area: Area::Security,
        reason: "rows that were written in confidence become readable at the moment of the commit",
        fix: "move what may be public into a table of its own, or let a person approve it",
        check: opens_filled,
    },
    Rule {
        id: "MIG091",
        title: "counting id on rows that others reach",
        severity: Severity::Low,
        area: Area::Security,
        reason: "whoever sees one id knows its neighbours and how many rows there are",
        fix: "use `id pk`, which is a random identifier",
        check: guessable_id,
    },
];

fn without_policy(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched().filter(|table| table.rls.is_none()) {
        hits.add(&table.name, format!("`{}` says nothing about who may touch its rows", table.name));
    }
}

fn open_writes(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        let Some(rls) = &table.rls else { continue };
        for (command, verb) in [(Command::Update, "change"), (Command::Delete, "delete")] {
            if let Some(role) = open_to(rls, command, Side::Using) {
                hits.add(&table.name, format!("`{role}` may {verb} every row of `{}`", table.name));
            }
        }
    }
}

fn open_inserts(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        if table.rls.as_ref().and_then(|rls| open_to(rls, Command::Insert, Side::Check)) == Some(Role::Anon) {
            hits.add(&table.name, format!("anybody may add rows to `{}`", table.name));
        }
    }
}

fn owner_without_index(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for owner in owners(table).into_iter().filter(|owner| !has_index(table, owner)) {
            let message = format!("no index of `{}` starts with `{owner}`", table.name);
            hits.add(subject(&table.name, &owner), message);
        }
    }
}

fn owner_nullable(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        for owner in owners(table) {
            let required = table.primary_key.contains(&owner);
            if !required && table.column(&owner).is_some_and(|column| column.nullable) {
                hits.add(subject(&table.name, &owner), format!("`{owner}` owns the row and may be null"));
            }
        }
    }
}

fn unchecked_owner(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        let Some(rls) = &table.rls else { continue };
        for owner in owners(table) {
            for (command, verb) in [(Command::Insert, "insert"), (Command::Update, "update")] {
                // An update that reaches every row anyway is another rule's matter.
                let open = command == Command::Insert || open_to(rls, command, Side::Using).is_none();
                if let Some(role) = open_to(rls, command, Side::Check).filter(|_| open) {
                    let message = format!("`{role}` may {verb} rows with any `{owner}`");
                    hits.add(subject(&table.name, &owner), message);
                }
            }
        }
    }
}

fn broken_policy(case: &Case<'_>, hits: &mut Hits) {
    let known: BTreeSet<(String, String)> =
        broken(case.current).into_iter().map(|(table, policy, _)| (table, policy)).collect();
    for (table, policy, why) in broken(case.target) {
        if !known.contains(&(table.clone(), policy.clone())) {
            hits.add(subject(&table, &policy), why);
        }
    }
}

/// Every policy that does not parse or names what is not there: table, policy, and why.
fn broken(schema: &Schema) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for table in schema.tables.values() {
        for policy in table.rls.iter().flat_map(|rls| &rls.policies) {
            let sides = [Side::Using, Side::Check].into_iter().filter_map(|side| condition(policy, side));
            if let Some(why) = sides.filter_map(|text| flaw(text, table, schema)).next() {
                found.push((table.name.clone(), policy.name.clone(), why));
            }
        }
    }
    found
}

fn flaw(text: &str, table: &Table, schema: &Schema) -> Option<String> {
    parse(text).and_then(|expr| resolve(&expr, table, schema)).err().map(|error| error.to_string())
}

fn policy_circle(case: &Case<'_>, hits: &mut Hits) {
    let known = cycles(case.current);
    for cycle in cycles(case.target).into_iter().filter(|cycle| !known.contains(cycle)) {
        let message = format!("{} read one another", cycle.tables.join(" -> "));
        hits.add(cycle.tables.first().map_or("", String::as_str), message);
    }
}

fn opens_filled(case: &Case<'_>, hits: &mut Hits) {
    for step in case.steps.iter().filter(|step| step.rows > 0) {
        let Change::SetRls { table, rls } = step.change else { continue };
        let was = step.before.as_ref().and_then(|before| before.table.rls.as_ref());
        if let Some(role) =
            world_readable(rls).filter(|role| was.and_then(world_readable).as_ref() != Some(role))
        {
            let message = format!("`{role}` may then read the {} rows of `{table}`", step.rows);
            hits.add(table, message);
        }
    }
}

fn guessable_id(case: &Case<'_>, hits: &mut Hits) {
    for table in case.touched() {
        let [key] = table.primary_key.as_slice() else { continue };
        let Some(column) = table.column(key) else { continue };
        let whole = matches!(column.ty, Type::Smallint | Type::Integer | Type::Bigint);
        let counts = whole && column.default == Some(ColumnDefault::Identity);
        let reached = table.rls.as_ref().is_some_and(|rls| !rls.policies.is_empty());
        if counts && reached {
            hits.add(subject(&table.name, key), format!("`{key}` counts up from 1"));
        }
    }
}

/// Whether everybody may read every row of a table with these policies.
pub(super) fn world_readable(rls: &Rls) -> Option<Role> {
    open_to(rls, Command::Select, Side::Using)
}
