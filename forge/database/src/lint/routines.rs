//! Rules about functions.

use super::case::Case;
use super::{Area, Hits, Rule, Severity};
use crate::policy::speaks_to;
use crate::routine::check_function;
use crate::schema::{Command, Function, Schema};
use forge_core::Role;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "MIG094",
    title: "function through which visitors write",
    severity: Severity::Medium,
    area: Area::Security,
    reason: "anybody may call it, the policies let visitors write its table, and it does not ask who calls",
    fix: "compare `auth.uid()` in it, or take the command away from `anon`",
    check: open_functions,
}];

/// What asks who calls.
const ASKS: [&str; 2] = ["auth.", "request.jwt"];

fn open_functions(case: &Case<'_>, hits: &mut Hits) {
    let known = |function: &Function| {
        let same = case.current.functions.get(&function.name);
        same.is_some_and(|same| same.contains(function))
    };
    for function in case.target.functions.values().flatten().filter(|function| !known(function)) {
        if ASKS.iter().any(|asks| function.body.contains(asks)) {
            continue;
        }
        let Ok(signature) = check_function(case.target, function) else { continue };
        if let Some(table) = signature.writes.iter().find(|table| open(case.target, table)) {
            hits.add(
                &function.name,
                format!("a visitor may call `{}`, which writes `{table}`", function.name),
            );
        }
    }
}

/// Whether a policy lets visitors write the table.
fn open(schema: &Schema, table: &str) -> bool {
    let policies =
        schema.table(table).and_then(|table| table.rls.as_ref()).map(|rls| rls.policies.as_slice());
    policies.unwrap_or_default().iter().any(|policy| {
        let writes = policy.commands.iter().any(|command| *command != Command::Select);
        writes && !policy.restrictive && speaks_to(policy, &Role::Anon)
    })
}
