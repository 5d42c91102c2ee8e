//! The gates of a run: is the backend sound, and is everything there that the document asks for?

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use forge_detect::Requirements;
use loki_blueprint::{Existing, MigrationFile, plan};
use loki_engine::tool::{Gate, Judgement};
use loki_ledger::event::Verdict;
use serde_json::{Value, json};

use super::forge::{LazyForge, blocking, refused, unopened};

/// Names of the gates, in the order they are asked.
pub(crate) const GATES: [&str; 2] = ["forge", "document"];

/// Both gates for one document.
pub(crate) fn gates(
    forge: &Arc<LazyForge>,
    requirements: &Arc<Requirements>,
    files: Vec<MigrationFile>,
    writes_code: WritesCode,
) -> Vec<Arc<dyn Gate>> {
    vec![
        Arc::new(ForgeGate { forge: Arc::clone(forge) }),
        Arc::new(DocumentGate {
            forge: Arc::clone(forge),
            requirements: Arc::clone(requirements),
            files,
            writes_code,
        }),
    ]
}

/// Whether the run's provider writes the application's own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WritesCode {
    /// A model does.
    Yes,
    /// The blueprint builds the backend alone: the rest is a gap.
    No,
}

/// Asks Forge to check itself: integrity, keys, drift, row-level security on a copy, audit chain.
struct ForgeGate {
    forge: Arc<LazyForge>,
}

#[async_trait]
impl Gate for ForgeGate {
    fn id(&self) -> &str {
        GATES[0]
    }

    async fn judge(&self) -> Judgement {
        let report = match ask(&self.forge, "forge_verify").await {
            Ok(Some(report)) => report,
            Ok(None) => return nothing_there(),
            Err(why) => return inconclusive(&why),
        };
        let checks = report["facts"].as_array().cloned().unwrap_or_default();
        let of = |passed: &Value| checks.iter().filter(|check| check["passed"] == *passed).count();
        let (held, failed) = (of(&Value::Bool(true)), of(&Value::Bool(false)));
        let verdict = match (held, failed) {
            (_, 1..) => Verdict::Fail,
            (held, 0) if held == checks.len() && held > 0 => Verdict::Pass,
            (_, 0) => Verdict::Inconclusive,
        };
        let bad = checks.iter().find(|check| check["passed"] != Value::Bool(true));
        let summary = match bad {
            None => format!("{held} checks hold"),
            Some(check) => format!(
                "{held} of {} checks hold; {}: {}",
                checks.len(),
                check["name"].as_str().unwrap_or("a check"),
                check["detail"].as_str().unwrap_or("no detail"),
            ),
        };
        let gaps = report["gaps"].as_array().into_iter().flatten().filter_map(gap).collect();
        Judgement { verdict, summary, facts: facts("loki verify", &report), gaps }
    }
}

/// Compares what exists with what the document asks for.
struct DocumentGate {
    forge: Arc<LazyForge>,
    requirements: Arc<Requirements>,
    files: Vec<MigrationFile>,
    writes_code: WritesCode,
}

#[async_trait]
impl Gate for DocumentGate {
    fn id(&self) -> &str {
        GATES[1]
    }

    async fn judge(&self) -> Judgement {
        let state = match ask(&self.forge, "forge_state_dump").await {
            Ok(state) => state.unwrap_or_default(),
            Err(why) => return inconclusive(&why),
        };
        let there = existing(&state);
        let asked = asked(&self.requirements);
        let mut asked = asked;
        asked.extend(self.files.iter().map(|file| format!("migration {}", file.name)));
        let missing: Vec<&String> = asked.iter().filter(|item| !there.contains(*item)).collect();
        let verdict = if missing.is_empty() { Verdict::Pass } else { Verdict::Fail };
        let summary = match missing.first() {
            None => format!("all {} items the document asks for exist", asked.len()),
            Some(first) => {
                format!("{} of {} items are missing, {first} among them", missing.len(), asked.len())
            }
        };
        let gaps = match self.writes_code {
            WritesCode::Yes => Vec::new(),
            WritesCode::No => vec![
                "application: its code is not written, because no model is configured; the backend is proven"
                    .to_owned(),
            ],
        };
        let seen = json!({ "asked": asked, "missing": missing });
        Judgement { verdict, summary, facts: facts("loki verify", &seen), gaps }
    }
}

/// Everything the requirements ask for, as `kind name`.
fn asked(requirements: &Requirements) -> BTreeSet<String> {
    let plan = plan(requirements, &Existing::default());
    let tables = plan.tables.iter().flat_map(|(table, columns)| {
        let columns = columns.iter().map(move |column| format!("column {table}.{column}"));
        std::iter::once(format!("table {table}")).chain(columns)
    });
    let declared = plan.declarations.iter().map(|declared| format!("{} {}", declared.kind, declared.name));
    tables.chain(declared).collect()
}

/// Everything that exists, in the same words.
fn existing(state: &Value) -> BTreeSet<String> {
    let existing = Existing::of_state(state);
    let mut there = BTreeSet::new();
    for (table, columns) in &existing.tables {
        there.insert(format!("table {table}"));
        there.extend(columns.iter().map(|column| format!("column {table}.{column}")));
    }
    there.extend(existing.declared.iter().map(|(kind, name)| format!("{kind} {name}")));
    there.extend(existing.migrations.iter().map(|name| format!("migration {name}")));
    there
}

/// Calls a reading operation; `None` where there is no backend.
async fn ask(forge: &Arc<LazyForge>, operation: &'static str) -> Result<Option<Value>, String> {
    let forge = Arc::clone(forge);
    blocking(move || {
        let Some(forge) = forge.existing().map_err(|error| unopened(&error))? else { return Ok(None) };
        match forge.call(operation, &json!({})) {
            Ok(forge_ops::Outcome::Done { data, .. }) => Ok(Some(data)),
            Ok(forge_ops::Outcome::Review(_)) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    })
    .await
    .map_err(|error| error.message)
}

fn gap(gap: &Value) -> Option<String> {
    let (kind, name) = (gap["kind"].as_str()?, gap["name"].as_str()?);
    Some(format!(
        "{kind} {name}: {}",
        gap["detail"].as_str().unwrap_or("declared; its service is not there yet")
    ))
}

fn facts(command: &str, seen: &Value) -> Value {
    json!({ "command": command, "seen": seen })
}

fn nothing_there() -> Judgement {
    Judgement {
        verdict: Verdict::Fail,
        summary: "there is no backend".to_owned(),
        facts: facts("loki verify", &Value::Null),
        gaps: Vec::new(),
    }
}

fn inconclusive(why: &str) -> Judgement {
    Judgement {
        verdict: Verdict::Inconclusive,
        summary: format!("it could not be found out: {why}"),
        facts: facts("loki verify", &json!({ "error": why })),
        gaps: Vec::new(),
    }
}
