//! Forge as one value: the catalog, the database, and the operations on them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use forge_core::{Approval, ApprovalBy, Catalog, ResourceKind};
use forge_database::pipeline::{Database, Limits, Proven};
use loki_store::Clock;
use serde_json::Value;

use crate::auth::People;
use crate::data::Data;
use crate::operations::{self, OperationInfo};
use crate::summary::{List, View, summary};
use crate::{ForgeError, OpError, Outcome};

/// The backend of one project, in one folder (`.loki/forge`).
pub struct Forge {
    pub(crate) dir: PathBuf,
    pub(crate) catalog: Catalog,
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    /// The change that was proven last: asked for again once it is approved, it need not be proven twice,
    /// because applying compares it with the database anyway.
    pub(crate) proven: Mutex<Option<Proven>>,
    /// The way to those who sign in; none where no service was handed in.
    pub(crate) people: Option<People>,
    /// The way to the rows.
    pub(crate) data: Data,
}

impl Forge {
    /// Opens Forge in `dir`, making it where it is not there, and repairs what a process that died left
    /// undone.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Forge, ForgeError> {
        let database = Database::open(dir, Limits::default())?;
        let catalog = Catalog::open(dir, Arc::clone(&clock))?;
        database.reconcile(&catalog)?;
        let data = Data::of_file(&database.path());
        let (dir, proven) = (dir.to_owned(), Mutex::new(None));
        Ok(Forge { dir, catalog, database, clock, proven, people: None, data })
    }

    /// The same, with a way to the people who sign in.
    #[must_use]
    pub fn with_people(self, people: People) -> Forge {
        Forge { people: Some(people), ..self }
    }

    /// The same, with rows that are elsewhere than in the folder.
    #[must_use]
    pub fn with_data(self, data: Data) -> Forge {
        Forge { data, ..self }
    }

    /// The project's folder, where this is the backend of one: `forge.yaml` and migrations are there.
    pub(crate) fn project(&self) -> Option<&Path> {
        self.dir.ends_with(".loki/forge").then(|| self.dir.ancestors().nth(2)).flatten()
    }

    /// Whether there is anything of Forge in `dir`.
    pub fn exists(dir: &Path) -> bool {
        Catalog::exists(dir) || Database::exists(dir)
    }

    /// Stores an approval of what has this hash. A council's is bound to its evidence; only a person's lets
    /// data be lost.
    pub fn approve(
        &self,
        subject_hash: &str,
        by: ApprovalBy,
        evidence: &Value,
    ) -> Result<Approval, ForgeError> {
        Ok(self.catalog.approve(subject_hash, by, evidence)?)
    }

    /// The approval that stands for this hash.
    pub fn approval(&self, subject_hash: &str) -> Result<Option<Approval>, ForgeError> {
        Ok(self.catalog.approval(subject_hash)?)
    }

    /// Every operation.
    pub fn operations() -> &'static [OperationInfo] {
        operations::all()
    }

    /// Carries out the operation called `name`.
    pub fn call(&self, name: &str, input: &Value) -> Result<Outcome, OpError> {
        operations::call(self, name, input)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What Forge holds, for a prompt, in at most `bytes_max` bytes; `None` when it holds nothing.
    pub fn summary(&self, bytes_max: usize) -> Result<Option<String>, ForgeError> {
        let mut lists = Vec::new();
        for (kind, title) in LISTED {
            let resources = self.catalog.resources(Some(*kind))?;
            let entries = resources.iter().map(|resource| words(*kind, &resource.name, &resource.spec));
            lists.push(List { title, entries: entries.collect() });
        }
        let here = Self::operations().iter().filter(|operation| operation.info.is_here());
        let tools = here.map(|operation| operation.info.name).collect();
        Ok(summary(&View { schema: self.database.schema()?, lists, tools }, bytes_max))
    }
}

const LISTED: &[(ResourceKind, &str)] = &[
    (ResourceKind::AuthProvider, "auth"),
    (ResourceKind::Role, "roles"),
    (ResourceKind::Bucket, "buckets"),
    (ResourceKind::Function, "functions"),
    (ResourceKind::Schedule, "schedules"),
    (ResourceKind::Channel, "channels"),
    (ResourceKind::Payment, "payments"),
    (ResourceKind::VectorIndex, "vector indices"),
    (ResourceKind::Gateway, "model gateway"),
    (ResourceKind::Secret, "secrets (names)"),
];

/// A resource in a few words. Of a secret there is only ever its name.
fn words(kind: ResourceKind, name: &str, spec: &Value) -> String {
    let field = |key: &str| spec.get(key).and_then(Value::as_str);
    match kind {
        ResourceKind::Bucket if spec.get("public") == Some(&Value::Bool(true)) => format!("{name} (public)"),
        ResourceKind::Schedule => match field("cron") {
            Some(cron) => format!("{name} `{cron}` {}", field("tz").unwrap_or("UTC")),
            None => format!("{name} (no time set)"),
        },
        ResourceKind::Function => match field("kind") {
            Some(sort) => format!("{name} ({sort})"),
            None => name.to_owned(),
        },
        ResourceKind::Table
        | ResourceKind::AuthProvider
        | ResourceKind::Role
        | ResourceKind::Bucket
        | ResourceKind::Channel
        | ResourceKind::Payment
        | ResourceKind::Secret
        | ResourceKind::VectorIndex
        | ResourceKind::Gateway => name.to_owned(),
    }
}
