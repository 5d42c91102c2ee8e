//! `forge_apply`: one document that says what the backend is to be.
//!
//! What differs is worked out, shown, and changed: tables by one migration through the whole pipeline, resources by
//! being declared. Applied again it finds nothing to do; cut short, it goes on where it was. Nothing goes that the
//! document does not name under `drop`, and for that a person decides.

mod document;
mod tables;
#[cfg(test)]
mod tests;

use forge_core::{ResourceKind, sha256_hex};
use forge_database::change::{Change, Migration};
use forge_database::lint::Area;
use forge_database::pipeline::{Draft, Proof, Proven};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::auth::provider_spec;
use crate::declare::{declare, kind_name, undeclare};
use crate::migrate::{keep, kept};
use crate::operations::read;
use crate::{Fact, Forge, OpError, Outcome, Proposal};
use document::{Document, Wanted};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Apply {
    #[serde(default)]
    document: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// One thing that would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Step {
    action: Action,
    kind: &'static str,
    name: String,
    what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Add,
    Change,
    Remove,
}

/// A resource to declare or to remove.
enum Act {
    Declare { kind: ResourceKind, name: String, spec: Value, lines: Vec<u32> },
    Remove { kind: ResourceKind, name: String, since: String },
}

/// Everything that would be done.
struct Plan {
    steps: Vec<Step>,
    migration: Option<Migration>,
    acts: Vec<Act>,
}

pub(crate) fn apply(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Apply { document, dry_run } = read(operation, input)?;
    let refuse = |why: String| OpError::Input { operation, why };
    let document = match (document, forge.project()) {
        (Some(text), _) => document::read(&text),
        (None, Some(project)) => document::of_project(project),
        (None, None) => Err("there is no project to read `forge.yaml` of: give a `document`".to_owned()),
    };
    let plan = plan(forge, &document.map_err(refuse)?, operation)?;
    if plan.steps.is_empty() {
        return done(forge, "nothing to do: the backend is as the document says".to_owned(), &plan, true);
    }
    if dry_run {
        return tried(forge, plan);
    }
    if let Some(waits) = migrated(forge, &plan)? {
        return Ok(Outcome::Review(Box::new(waits)));
    }
    for act in &plan.acts {
        carry_out(forge, operation, act)?;
    }
    done(forge, format!("{} changes made: {}", plan.steps.len(), told(&plan)), &plan, true)
}

fn done(forge: &Forge, summary: String, plan: &Plan, applied: bool) -> Result<Outcome, OpError> {
    let version = forge.database.version()?;
    Ok(Outcome::Done { summary, data: json!({ "plan": plan.steps, "applied": applied, "version": version }) })
}

fn plan(forge: &Forge, document: &Document, operation: &'static str) -> Result<Plan, OpError> {
    let refuse = |why: String| OpError::Input { operation, why };
    let schema = forge.database.schema()?;
    let (changes, mut steps) = tables::changes(document, &schema).map_err(refuse)?;
    let migration = match changes.is_empty() {
        true => None,
        false => Some(Migration { name: name(forge.database.version()?, &changes), changes }),
    };
    let mut acts = Vec::new();
    for wanted in &document.resources {
        if let Some((step, act)) = declared(forge, wanted, operation)? {
            steps.push(step);
            acts.push(act);
        }
    }
    for (kind, name) in &document.drop.resources {
        if let Some(known) = forge.catalog.resource(*kind, name)? {
            let what = "it is no longer declared".to_owned();
            steps.push(Step { action: Action::Remove, kind: kind_name(*kind), name: name.clone(), what });
            acts.push(Act::Remove { kind: *kind, name: name.clone(), since: known.created_at });
        }
    }
    Ok(Plan { steps, migration, acts })
}

/// The name of the migration: the version that it makes, and of what it is made.
fn name(version: u32, changes: &[Change]) -> String {
    let hash = sha256_hex(&[&json!(changes).to_string()]);
    format!("apply_{}_{}", version + 1, &hash[..8])
}

/// What is to be declared, where that differs from what is. Members that the document does not name stay.
fn declared(forge: &Forge, wanted: &Wanted, operation: &'static str) -> Result<Option<(Step, Act)>, OpError> {
    let refuse = |why: String| OpError::Input { operation, why };
    let (kind, name) = (wanted.kind, wanted.name.clone());
    let known = forge.catalog.resource(kind, &name)?;
    let spec = if kind == ResourceKind::AuthProvider {
        let mut fields = wanted.fields.clone();
        fields.insert("name".to_owned(), json!(name));
        provider_spec(&fields).map_err(|why| refuse(format!("`providers.{name}`: {why}")))?
    } else {
        let mut members: Map<String, Value> =
            known.as_ref().and_then(|known| known.spec.as_object()).cloned().unwrap_or_default();
        members.extend(wanted.fields.clone());
        Value::Object(members)
    };
    let (action, lines) = match &known {
        Some(known) if known.spec == spec => return Ok(None),
        Some(known) => (Action::Change, known.lines.clone()),
        None => (Action::Add, Vec::new()),
    };
    let named: Vec<String> = wanted.fields.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let step = Step { action, kind: kind_name(kind), name: name.clone(), what: named.join(", ") };
    Ok(Some((step, Act::Declare { kind, name, spec, lines })))
}

/// The plan with what its migration comes to on a copy.
fn tried(forge: &Forge, plan: Plan) -> Result<Outcome, OpError> {
    let mut data = json!({ "plan": plan.steps, "applied": false, "version": forge.database.version()? });
    let mut verdict = "";
    if let Some(migration) = plan.migration.clone()
        && let Draft::Pending(drafted) = forge.database.draft(migration)?
    {
        let proof = forge.database.prove(*drafted)?;
        let proposal = with_the_rest(Proposal::of(proof.trial()), &plan);
        verdict = if proposal.proven() { "; it holds on a copy" } else { "; it does not hold on a copy" };
        data["proposal"] = json!(proposal);
        if let Proof::Proven(proven) = proof {
            keep(forge, proven);
        }
    }
    let summary = format!("{} changes would be made: {}{verdict}", plan.steps.len(), told(&plan));
    Ok(Outcome::Done { summary, data })
}

/// Makes the migration, where there is one and it is approved; else what waits for an approval. What removes
/// anything is approved by a person.
fn migrated(forge: &Forge, plan: &Plan) -> Result<Option<Proposal>, OpError> {
    let Some(migration) = plan.migration.clone() else {
        if !removes(plan) {
            return Ok(None);
        }
        let proposal = of_resources(plan);
        return Ok((!approved(forge, &proposal.subject_hash, plan)?).then_some(proposal));
    };
    let Draft::Pending(drafted) = forge.database.draft(migration)? else {
        forge.database.reconcile(&forge.catalog)?;
        return Ok(None);
    };
    let proven: Proven = match kept(forge, &drafted) {
        Some(proven) => proven,
        None => match forge.database.prove(*drafted)? {
            Proof::Proven(proven) => proven,
            Proof::Refuted(trial) => return Ok(Some(with_the_rest(Proposal::of(&trial), plan))),
        },
    };
    let subject = proven.trial().subject_hash().to_owned();
    let approval = forge.catalog.approval(&subject)?;
    let Some(approval) = approval.filter(|approval| approval.by_person() || !removes(plan)) else {
        let proposal = with_the_rest(Proposal::of(proven.trial()), plan);
        keep(forge, proven);
        return Ok(Some(proposal));
    };
    forge.database.apply(proven, &approval, &format!("{:.3}", forge.clock.now()))?;
    forge.database.reconcile(&forge.catalog)?;
    Ok(None)
}

fn approved(forge: &Forge, subject: &str, plan: &Plan) -> Result<bool, OpError> {
    let approval = forge.catalog.approval(subject)?;
    Ok(approval.is_some_and(|approval| approval.by_person() || !removes(plan)))
}

fn removes(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.action == Action::Remove)
}

/// Why only a person may say yes, where something would go.
fn loss(plan: &Plan) -> Option<String> {
    let gone: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Remove)
        .map(|step| format!("{} `{}`", step.kind, step.name))
        .collect();
    (!gone.is_empty()).then(|| format!("the document drops {}", gone.join(", ")))
}

/// The proposal of the migration, with what is done beside it.
fn with_the_rest(proposal: Proposal, plan: &Plan) -> Proposal {
    let needs_person = match (proposal.needs_person, loss(plan)) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    };
    let mut up = proposal.up;
    up.extend(plan.acts.iter().map(line));
    Proposal { needs_person, up, ..proposal }
}

/// A proposal of what has no migration. It is bound to when each resource was declared, so that a later one of the
/// same name is another matter.
fn of_resources(plan: &Plan) -> Proposal {
    let lines: Vec<String> = plan.acts.iter().map(line).collect();
    let mut parts = vec!["forge_apply"];
    parts.extend(lines.iter().map(String::as_str));
    for act in &plan.acts {
        if let Act::Remove { since, .. } = act {
            parts.push(since);
        }
    }
    let found = Ok(format!("{} resources, no rows", plan.acts.len()));
    Proposal {
        subject_hash: sha256_hex(&parts),
        title: format!("apply: {}", told(plan)),
        findings: Vec::new(),
        facts: vec![Fact::of("touches_no_rows", Area::Safety, found)],
        needs_person: loss(plan),
        up: lines,
        down: Vec::new(),
        spec: json!(plan.steps).to_string(),
    }
}

fn line(act: &Act) -> String {
    match act {
        Act::Declare { kind, name, spec, .. } => format!("declare {} {name} {spec}", kind_name(*kind)),
        Act::Remove { kind, name, .. } => format!("remove {} {name}", kind_name(*kind)),
    }
}

/// The plan in a few words.
fn told(plan: &Plan) -> String {
    const SHOWN: usize = 5;
    let word = |action| match action {
        Action::Add => "+",
        Action::Change => "~",
        Action::Remove => "-",
    };
    let mut shown: Vec<String> = Vec::new();
    for step in &plan.steps {
        let text = format!("{}{} {}", word(step.action), step.kind, step.name);
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

fn carry_out(forge: &Forge, operation: &'static str, act: &Act) -> Result<(), OpError> {
    match act {
        Act::Declare { kind, name, spec, lines } => {
            let input = json!({ "kind": kind_name(*kind), "name": name, "spec": spec, "lines": lines });
            declare(forge, operation, &input).map(drop)
        }
        Act::Remove { kind, name, .. } => undeclare(forge, *kind, name).map(drop),
    }
}
