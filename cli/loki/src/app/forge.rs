//! Forge as the engine knows it: operations become tools, the summary becomes a briefing, and what the
//! database can be asked becomes gates.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use forge_auth::keys::KeyRing;
use forge_core::{ApprovalBy, evidence_hash};
use forge_database::lint;
use forge_ops::{Data, Forge, ForgeError, OpError, Outcome, People};
use forge_rest::sqlite::Sqlite;
use forge_rest::sqlite::select::Compiler;
use loki_engine::tool::{Answer, Area, Briefing, Fact, Finding, Proposal, Severity, Tool, ToolError};
use loki_ledger::event::{Approver, Recovery};
use loki_operation::{Access, Info, Refusal};
use loki_provider::ToolSpec;
use loki_store::Clock;
use serde_json::{Value, json};

use super::desk::{self, carried_out, decided_before, of_forge, of_op};
use super::serving::auth_settings::AuthSettings;
use super::serving::people::{Place, open, untold};
use super::serving::rows;
use crate::config;
use crate::context::Context;

/// Forge, opened when it is first needed: a project that needs no backend never gets one.
pub(crate) struct LazyForge {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    opened: Mutex<Option<Arc<Forge>>>,
    /// The command whose settings say where the rows are; without one, they are in the folder.
    context: OnceLock<Context>,
}

impl LazyForge {
    /// Forge in `dir`, not opened yet.
    pub(crate) fn new(dir: &Path, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { dir: dir.to_owned(), clock, opened: Mutex::new(None), context: OnceLock::new() })
    }

    /// From now on, the settings that `context` knows say where the rows are.
    pub(crate) fn heed(&self, context: &Context) {
        // Whoever is first is heeded: they are of the same project.
        self.context.get_or_init(|| context.clone());
    }

    /// The folder that it is in, or would be.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens it, creating what is missing.
    pub(crate) fn open(&self) -> Result<Arc<Forge>, ForgeError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(forge) = &*opened {
            return Ok(Arc::clone(forge));
        }
        let people = people(&self.dir, &self.clock);
        let forge = Forge::open(&self.dir, Arc::clone(&self.clock))?.with_people(people);
        let forge = Arc::new(match self.elsewhere() {
            Some(data) => forge.with_data(data),
            None => forge,
        });
        *opened = Some(Arc::clone(&forge));
        Ok(forge)
    }

    /// The rows, where they are not in the folder.
    fn elsewhere(&self) -> Option<Data> {
        match self.context.get()?.config() {
            Ok(config) => {
                let url = config.get(&config::keys::FORGE_DATABASE_URL);
                (!url.is_empty()).then(|| rows::on_postgres(url))
            }
            Err(error) => Some(rows::nowhere(error.message)),
        }
    }

    /// Opens it where it exists; creates nothing.
    pub(crate) fn existing(&self) -> Result<Option<Arc<Forge>>, ForgeError> {
        if Forge::exists(&self.dir) { self.open().map(Some) } else { Ok(None) }
    }
}

/// The people of the application, looked up when an operation is about them.
fn people(dir: &Path, clock: &Arc<dyn Clock>) -> People {
    let (dir, clock) = (dir.to_owned(), Arc::clone(clock));
    People::new(move || {
        let failed = |error: &dyn std::error::Error| error.to_string();
        let path = dir.join("db.sqlite");
        forge_database::auth::ensure(&path).map_err(|error| failed(&error))?;
        let ring = KeyRing::open(&dir.join("keys"), Arc::clone(&clock)).map_err(|error| failed(&error))?;
        let sqlite = Sqlite::open(&path, forge_rest::sqlite::Settings::default(), Arc::new(Compiler));
        let place = Place {
            sql: Arc::new(sqlite.map_err(|error| failed(&error))?),
            ring: Arc::new(ring),
            clock: Arc::clone(&clock),
            mailbox: &dir.join("mail"),
            lost: untold(),
        };
        let settings =
            AuthSettings { settings: forge_auth::Settings::default(), grants: Vec::new(), smtp: None };
        // Nothing that the operations do sends mail, so nothing waits for a courier.
        open(place, settings).map(|(auth, _, _)| auth).map_err(|error| failed(&error))
    })
}

/// Rules whose findings a person may decide to live with: what is lost is lost on purpose.
const PERSONS: [&str; 3] = ["MIG001", "MIG002", "MIG003"];

/// Every operation of Forge as a tool: those that every other door offers, under the same names.
pub(crate) fn tools(forge: &Arc<LazyForge>) -> Vec<Arc<dyn Tool>> {
    let tool = |info| Arc::new(ForgeTool { info, forge: Arc::clone(forge) }) as Arc<dyn Tool>;
    desk::forge_operations().map(tool).collect()
}

/// In a run, what is proposed goes to the engine, which has the council judge it and waits for a person where one
/// must decide: both are in the ledger.
struct ForgeTool {
    info: &'static Info,
    forge: Arc<LazyForge>,
}

#[async_trait]
impl Tool for ForgeTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.info.name.to_owned(),
            description: self.info.summary.to_owned(),
            input_schema: (self.info.input_schema)(),
        }
    }

    fn reads_only(&self) -> bool {
        self.info.access == Access::Read
    }

    /// What is applied or declared already is left alone, where the operation says so.
    fn recovery(&self) -> Recovery {
        if self.info.idempotent { Recovery::Repeat } else { Recovery::Report }
    }

    async fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        if decided_before(self.info) {
            return Err(for_a_person(self.info));
        }
        if self.reads_only() && !Forge::exists(self.forge.dir()) {
            return Ok(Answer::Done {
                summary: "there is no backend yet".to_owned(),
                output: json!({}).to_string(),
            });
        }
        match carried_out(&self.forge, self.info.name, input).await.map_err(told)? {
            Outcome::Done { summary, data } => Ok(Answer::Done { summary, output: data.to_string() }),
            Outcome::Review(proposal) => Ok(Answer::Review(Box::new(proposed(*proposal)))),
        }
    }

    async fn approve(&self, subject: &str, by: &Approver) -> Result<(), ToolError> {
        let (forge, subject) = (Arc::clone(&self.forge), subject.to_owned());
        let (by, evidence) = match by {
            Approver::Council { verdict } => {
                let evidence = json!({ "verdict": verdict });
                (ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) }, evidence)
            }
            Approver::Person { name, reason } => {
                (ApprovalBy::Person { name: name.clone(), reason: reason.clone() }, json!({}))
            }
        };
        blocking(move || {
            let forge = forge.open().map_err(|error| unopened(&error))?;
            forge.approve(&subject, by, &evidence).map(drop).map_err(|error| unopened(&error))
        })
        .await
    }
}

/// The summary of what Forge holds.
pub(crate) struct Summary(pub(crate) Arc<LazyForge>);

impl Briefing for Summary {
    fn render(&self, bytes_max: usize) -> Option<String> {
        // A backend that cannot be opened is a finding of the gates and of the tools, not of a briefing.
        self.0.existing().ok().flatten()?.summary(bytes_max).ok().flatten()
    }
}

/// Runs database work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => Err(ToolError {
            code: "panicked".to_owned(),
            message: format!("the operation panicked: {panicked}"),
            hint: Some("report this with the document that led to it".to_owned()),
        }),
    }
}

/// A refusal as the loop knows it: what to do is part of the hint.
pub(crate) fn told(refusal: Refusal) -> ToolError {
    let hint: Vec<String> = refusal.hint.into_iter().chain(refusal.next_actions).collect();
    let hint = (!hint.is_empty()).then(|| hint.join(" "));
    ToolError { code: refusal.code, message: refusal.message, hint }
}

/// Forge that could not be opened, as the loop and the gates know it.
pub(crate) fn unopened(error: &ForgeError) -> ToolError {
    told(of_forge(error))
}

/// An operation that was refused, as the loop and the gates know it.
pub(crate) fn refused(error: &OpError) -> ToolError {
    told(of_op(error))
}

/// What only a person may begin is not begun by a run.
fn for_a_person(info: &Info) -> ToolError {
    let message = format!("`{}` may lose data: only a person begins it, and no run does", info.name);
    ToolError::new("needs_approval", message, Some("Go on without it, and say that it is left to do."))
}

pub(super) fn proposed(proposal: forge_ops::Proposal) -> Proposal {
    Proposal {
        subject: proposal.subject_hash,
        title: proposal.title,
        findings: proposal.findings.into_iter().map(finding).collect(),
        facts: proposal.facts.into_iter().map(fact).collect(),
        needs_person: proposal.needs_person,
        person_alone: false,
        act: proposal.up,
        undo: proposal.down,
    }
}

fn finding(finding: lint::Finding) -> Finding {
    Finding {
        rule: finding.rule.to_owned(),
        severity: match finding.severity {
            lint::Severity::Low => Severity::Low,
            lint::Severity::Medium => Severity::Medium,
            lint::Severity::High => Severity::High,
            lint::Severity::Critical => Severity::Critical,
        },
        area: area(finding.area),
        subject: finding.subject,
        message: finding.message,
        fix: finding.fix.to_owned(),
        person: PERSONS.contains(&finding.rule),
    }
}

fn fact(fact: forge_ops::Fact) -> Fact {
    Fact { name: fact.name.to_owned(), area: area(fact.area), passed: fact.passed, detail: fact.detail }
}

fn area(area: lint::Area) -> Area {
    match area {
        lint::Area::Safety => Area::Safety,
        lint::Area::Security => Area::Security,
        lint::Area::Operations => Area::Operations,
    }
}
