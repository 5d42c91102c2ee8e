//! Forge as the engine knows it: operations become tools, the summary becomes a briefing, and what the
//! database can be asked becomes gates.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use forge_auth::keys::KeyRing;
use forge_core::{ApprovalBy, Explain, evidence_hash};
use forge_database::lint;
use forge_ops::{Access, Forge, ForgeError, OpError, OperationInfo, Outcome, People};
use forge_rest::sqlite::Sqlite;
use forge_rest::sqlite::select::Compiler;
use loki_engine::tool::{Answer, Area, Briefing, Fact, Finding, Proposal, Severity, Tool, ToolError};
use loki_ledger::event::{Approver, Recovery};
use loki_provider::ToolSpec;
use loki_store::Clock;
use serde_json::{Value, json};

use super::serving::auth_settings::AuthSettings;
use super::serving::people::{Place, open, untold};

/// Forge, opened when it is first needed: a project that needs no backend never gets one.
pub(crate) struct LazyForge {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    opened: Mutex<Option<Arc<Forge>>>,
}

impl LazyForge {
    /// Forge in `dir`, not opened yet.
    pub(crate) fn new(dir: &Path, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { dir: dir.to_owned(), clock, opened: Mutex::new(None) })
    }

    /// Opens it, creating what is missing.
    pub(crate) fn open(&self) -> Result<Arc<Forge>, ForgeError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(forge) = &*opened {
            return Ok(Arc::clone(forge));
        }
        let people = people(&self.dir, &self.clock);
        let forge = Arc::new(Forge::open(&self.dir, Arc::clone(&self.clock))?.with_people(people));
        *opened = Some(Arc::clone(&forge));
        Ok(forge)
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

/// Every operation of Forge as a tool.
pub(crate) fn tools(forge: &Arc<LazyForge>) -> Vec<Arc<dyn Tool>> {
    let tool = |operation| Arc::new(ForgeTool { operation, forge: Arc::clone(forge) }) as Arc<dyn Tool>;
    Forge::operations().iter().map(tool).collect()
}

struct ForgeTool {
    operation: &'static OperationInfo,
    forge: Arc<LazyForge>,
}

#[async_trait]
impl Tool for ForgeTool {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.operation.name.to_owned(),
            description: self.operation.summary.to_owned(),
            input_schema: self.operation.input_schema.clone(),
        }
    }

    fn reads_only(&self) -> bool {
        self.operation.access == Access::Read
    }

    /// Every operation is idempotent: what is applied or declared already is left alone.
    fn recovery(&self) -> Recovery {
        Recovery::Repeat
    }

    async fn call(&self, input: &Value, _expects: Option<&str>) -> Result<Answer, ToolError> {
        let (forge, name, input) = (Arc::clone(&self.forge), self.operation.name, input.clone());
        let reads = self.reads_only();
        let outcome = blocking(move || match forge.existing().map_err(|error| unopened(&error))? {
            None if reads => {
                Ok(Outcome::Done { summary: "there is no backend yet".to_owned(), data: json!({}) })
            }
            None => forge.open().map_err(|error| unopened(&error))?.call(name, &input).map_err(refused),
            Some(forge) => forge.call(name, &input).map_err(refused),
        })
        .await?;
        Ok(match outcome {
            Outcome::Done { summary, data } => Answer::Done { summary, output: data.to_string() },
            Outcome::Review(proposal) => Answer::Review(Box::new(proposed(*proposal))),
        })
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

pub(crate) fn unopened(error: &ForgeError) -> ToolError {
    explained(error, "Run `loki doctor`.")
}

pub(crate) fn refused(error: OpError) -> ToolError {
    explained(&error, "")
}

/// The error with everything below it, and what can be done about it.
fn explained<E: Explain + std::error::Error>(error: &E, otherwise: &str) -> ToolError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    let mut hint: Vec<String> = error.hint().into_iter().chain(error.next_actions()).collect();
    if hint.is_empty() && !otherwise.is_empty() {
        hint.push(otherwise.to_owned());
    }
    let hint = (!hint.is_empty()).then(|| hint.join(" "));
    ToolError { code: error.code().to_owned(), message, hint }
}

fn proposed(proposal: forge_ops::Proposal) -> Proposal {
    Proposal {
        subject: proposal.subject_hash,
        title: proposal.title,
        findings: proposal.findings.into_iter().map(finding).collect(),
        facts: proposal.facts.into_iter().map(fact).collect(),
        needs_person: proposal.needs_person,
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
