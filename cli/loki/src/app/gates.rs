//! The gates of a run: is the backend sound, and is everything there that the document asks for?

pub(super) mod signin;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use forge_detect::Requirements;
use loki_blueprint::{Existing, MIGRATIONS, MigrationFile, plan};
use loki_engine::tool::{Case, Gate, Judgement};
use loki_engine::worktree::Worktree;
use loki_gates::review::ReviewGate;
use loki_ledger::event::Verdict;
use loki_store::Clock;
use serde_json::{Value, json};

use self::signin::SignIn;
use super::Work;
use super::forge::{LazyForge, blocking, refused, unopened};
use super::smoke::{Findings, smoke};

/// Attempts that are named where they went wrong.
const FAILING_MAX: usize = 20;

/// Names of the gates of a backend, in the order they are asked.
pub(crate) const BACKEND: [&str; 3] = ["forge", "document", "served"];

/// The gates of a backend, for one document. `by_model`: a model writes the application, which has gates of its
/// own; without one it is a gap. `signin`: what is known of the values that sign-in needs of a person.
pub(crate) fn backend(
    forge: &Arc<LazyForge>,
    clock: &Arc<dyn Clock>,
    requirements: &Arc<Requirements>,
    files: Vec<MigrationFile>,
    by_model: bool,
    signin: SignIn,
) -> Vec<Arc<dyn Gate>> {
    let (forge, requirements) = (Arc::clone(forge), Arc::clone(requirements));
    vec![
        Arc::new(ForgeGate { forge: Arc::clone(&forge), signin }),
        Arc::new(DocumentGate { forge: Arc::clone(&forge), requirements, files, by_model }),
        Arc::new(ServedGate { forge, clock: Arc::clone(clock) }),
    ]
}

/// Names of the gates of an application, in the order they are asked; the review by models is apart.
pub(crate) fn application_names() -> impl Iterator<Item = &'static str> {
    loki_gates::diff::DIFF_GATES.into_iter().chain(loki_gates::PROJECT_GATES)
}

/// The gates of an application.
pub(crate) fn application(worktree: Worktree, root: &Path, state: &Path, work: &Work) -> Vec<Arc<dyn Gate>> {
    let mut gates = loki_gates::diff::diff_gates(worktree.clone(), work.secrets());
    gates.extend(loki_gates::project_gates(loki_gates::Setup {
        worktree: worktree.clone(),
        root: root.to_owned(),
        state: state.to_owned(),
        workshop: work.workshop(),
        commands: work.commands(),
    }));
    if let Some(model) = work.provider() {
        gates.push(Arc::new(ReviewGate::new(worktree, Arc::clone(model), &work.secrets())));
    }
    gates
}

/// Asks Forge to check itself: integrity, keys, drift, row-level security on a copy, audit chain.
struct ForgeGate {
    forge: Arc<LazyForge>,
    signin: SignIn,
}

#[async_trait]
impl Gate for ForgeGate {
    fn id(&self) -> &str {
        BACKEND[0]
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let report = match ask(&self.forge, "forge_verify", json!({})).await {
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
        let gaps = report["gaps"].as_array().into_iter().flatten();
        let gaps = gaps.filter_map(|gap| self.gap(gap)).collect();
        let failing = bad.and_then(|check| check["name"].as_str()).map(str::to_owned);
        Judgement {
            facts: facts("loki verify --receipt", &report),
            gaps,
            failing: failing.into_iter().collect(),
            ..Judgement::new(verdict, summary)
        }
    }
}

impl ForgeGate {
    /// What is missing, by name; `None` for what is not missing after all.
    fn gap(&self, gap: &Value) -> Option<String> {
        let (kind, name) = (gap["kind"].as_str()?, gap["name"].as_str()?);
        let why = match kind {
            "auth_provider" => self.signin.gap(name, gap["needs"].as_str())?,
            _ => gap["detail"].as_str().unwrap_or("declared; its service is not there yet").to_owned(),
        };
        Some(format!("{kind} {name}: {why}"))
    }
}

/// Compares what exists with what the document asks for.
struct DocumentGate {
    forge: Arc<LazyForge>,
    requirements: Arc<Requirements>,
    files: Vec<MigrationFile>,
    by_model: bool,
}

#[async_trait]
impl Gate for DocumentGate {
    fn id(&self) -> &str {
        BACKEND[1]
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let state = match ask(&self.forge, "forge_state_dump", json!({})).await {
            Ok(state) => state.unwrap_or_default(),
            Err(why) => return inconclusive(&why),
        };
        let existing = Existing::of_state(&state);
        let plan = plan(&self.requirements, &existing);
        let mut missing = plan.checklist.clone();
        for file in &self.files {
            match self.applied(&existing, file).await {
                Ok(true) => {}
                Ok(false) => missing.push(format!("apply {MIGRATIONS}/{}.yaml", file.file)),
                Err(why) => {
                    missing.push(format!("{MIGRATIONS}/{}.yaml is not what was applied: {why}", file.file))
                }
            }
        }
        let verdict = if missing.is_empty() { Verdict::Pass } else { Verdict::Fail };
        let summary = match missing.first() {
            None => {
                format!("everything the document asks for exists, its {} tables included", plan.tables.len())
            }
            Some(first) => match missing.len() {
                1 => format!("one thing is left to do: {first}"),
                many => format!("{many} things are left to do, the first: {first}"),
            },
        };
        // Whoever configures a model for it has gates for it too.
        let gap =
            "application: its code is not written, because no model is configured; the backend is proven";
        let gaps = if self.by_model { Vec::new() } else { vec![gap.to_owned()] };
        let seen = json!({ "tables": plan.tables, "missing": missing });
        Judgement {
            facts: facts("loki verify --receipt", &seen),
            gaps,
            failing: missing,
            ..Judgement::new(verdict, summary)
        }
    }
}

impl DocumentGate {
    /// Whether the file's migration is applied; an error when another one of its name is.
    async fn applied(&self, existing: &Existing, file: &MigrationFile) -> Result<bool, String> {
        if !existing.migrations.contains(&file.name) {
            return Ok(false);
        }
        let spec = json!({ "spec": file.yaml });
        ask(&self.forge, "forge_db_migrate_dryrun", spec).await.map(|_answer| true)
    }
}

/// Starts the server of the backend, has two people sign up, and them and a visitor try out every table.
struct ServedGate {
    forge: Arc<LazyForge>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Gate for ServedGate {
    fn id(&self) -> &str {
        BACKEND[2]
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let forge = match self.forge.existing() {
            Ok(Some(forge)) => forge,
            Ok(None) => return nothing_there(),
            Err(error) => return inconclusive(&unopened(&error).message),
        };
        let scratch = forge.dir().join("smoke");
        match smoke(forge.database(), &scratch, &self.clock).await {
            Ok(findings) => judged(&findings),
            Err(error) => inconclusive(&explained(&error)),
        }
    }
}

fn judged(findings: &Findings) -> Judgement {
    let Findings { tables, attempts, broken, untried } = findings;
    let (verdict, summary) = match (broken.first(), untried.first()) {
        (Some(first), _) => {
            (Verdict::Fail, format!("{} of {attempts} attempts went wrong; {first}", broken.len()))
        }
        (None, Some(first)) => (Verdict::Inconclusive, format!("not everything could be tried; {first}")),
        (None, None) => {
            let what = format!(
                "two who signed up and a visitor made {attempts} attempts on {tables} tables through the server"
            );
            (Verdict::Pass, format!("{what}: each ended as it had to"))
        }
    };
    let seen = json!({ "tables": tables, "attempts": attempts, "broken": broken, "untried": untried });
    let failing = broken.iter().take(FAILING_MAX).cloned().collect();
    Judgement { facts: facts("loki verify --receipt", &seen), failing, ..Judgement::new(verdict, summary) }
}

/// Calls a reading operation; `None` where there is no backend.
async fn ask(forge: &Arc<LazyForge>, operation: &'static str, input: Value) -> Result<Option<Value>, String> {
    let forge = Arc::clone(forge);
    blocking(move || {
        let Some(forge) = forge.existing().map_err(|error| unopened(&error))? else { return Ok(None) };
        match forge.call(operation, &input) {
            Ok(forge_ops::Outcome::Done { data, .. }) => Ok(Some(data)),
            Ok(forge_ops::Outcome::Review(_)) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    })
    .await
    .map_err(|error| error.message)
}

fn facts(command: &str, seen: &Value) -> Value {
    json!({ "command": command, "seen": seen })
}

fn nothing_there() -> Judgement {
    let facts = facts("loki verify --receipt", &Value::Null);
    Judgement { facts, ..Judgement::new(Verdict::Fail, "there is no backend") }
}

fn inconclusive(why: &str) -> Judgement {
    let facts = facts("loki verify --receipt", &json!({ "error": why }));
    Judgement { facts, ..Judgement::new(Verdict::Inconclusive, format!("it could not be found out: {why}")) }
}

/// An error with its causes.
fn explained(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", explained(source)),
        None => error.to_string(),
    }
}
