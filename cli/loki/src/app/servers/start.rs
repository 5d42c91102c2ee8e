//! How a server is begun with: started in the project's sandbox, or reached over HTTP.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use loki_mcp::client::oauth::{Authorization, Consent, Identity, Wallet};
use loki_mcp::client::shown;
use loki_mcp::client::{AddressError, Client, ClientError, Protocol, Remote, Settings, Token};
use loki_sandbox::policy::{Document, PolicyError};
use loki_sandbox::{Job, Workshop};
use loki_store::replace_file;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use super::folder;
use super::pipe::{Printed, Reading};
use crate::app::agents::program::{Program as Found, ProgramError};
use crate::config::servers::{Program, Server, Way};
use crate::context::Context;

/// Makes the project's sandbox, or says why there is none.
pub(crate) type Maker = Arc<dyn Fn() -> Result<Arc<Workshop>, String> + Send + Sync>;

/// Bytes on their way to a server.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a server's last words that are repeated.
const LAST_WORDS_BYTES_MAX: usize = 400;

/// A way to a server.
pub(crate) struct Reach {
    name: String,
    way: Way,
    timeout: Duration,
    environment: BTreeMap<String, String>,
    project: PathBuf,
    /// Where what was given by a person is kept.
    wallet: Option<PathBuf>,
    maker: Maker,
    /// Who can be asked for what a server over HTTP wants.
    consent: Option<Arc<dyn Consent>>,
}

/// A server that was begun with.
pub(crate) struct Begun {
    pub(crate) client: Client,
    /// Its process; dropping it ends it.
    _running: Option<Running>,
}

/// A process under way. It ends when this is dropped.
struct Running {
    printed: Printed,
    why: Arc<Mutex<Option<String>>>,
    _stop: oneshot::Sender<()>,
}

/// Why there is no beginning.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error("the variable `{variable}` that it needs is not set")]
    Variable { variable: String },
    #[error("its program cannot be started")]
    Program(#[source] ProgramError),
    #[error("a program within the project is not started as a server")]
    Within,
    #[error("there is no sandbox to start it in: {0}")]
    Sandbox(String),
    #[error("its hosts cannot be opened")]
    Hosts(#[source] Box<PolicyError>),
    #[error("its address cannot be used")]
    Address(#[source] AddressError),
    #[error("{told}")]
    Client {
        told: String,
        #[source]
        source: ClientError,
    },
}

impl Reach {
    pub(crate) fn new(context: &Context, name: &str, server: &Server, maker: Maker) -> Self {
        Self {
            name: name.to_owned(),
            way: server.way.clone(),
            timeout: Duration::from_secs(server.timeout_seconds),
            environment: context.environment.all(),
            project: context.project.root().to_owned(),
            wallet: folder(context).map(|folder| folder.join(format!("{name}.token"))),
            maker,
            consent: None,
        }
    }

    /// The same where a person can be asked.
    pub(crate) fn asking(self, consent: Arc<dyn Consent>) -> Self {
        Self { consent: Some(consent), ..self }
    }

    /// Begins.
    pub(crate) async fn begin(&self) -> Result<Begun, BeginError> {
        let settings = Settings {
            name: "loki".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            timeout: self.timeout,
            protocol: Protocol::Newest,
            // A server's questions are not a run's to answer.
            answerer: None,
        };
        match &self.way {
            Way::Program(program) => self.started(program, &settings).await,
            Way::Address { url, token_variable } => {
                let remote = self.remote(url, token_variable.as_deref()).await?;
                let client =
                    Client::over_http(&remote, &settings).await.map_err(|error| failed(error, ""))?;
                Ok(Begun { client, _running: None })
            }
        }
    }

    async fn remote(&self, url: &str, token_variable: Option<&str>) -> Result<Remote, BeginError> {
        let token = token_variable.map(|variable| self.variable(variable)).transpose()?.map(Token::new);
        let is_given = token.is_some();
        let remote = Remote::new(url, token).map_err(BeginError::Address)?;
        let wallet =
            self.wallet.clone().filter(|wallet| !is_given && (self.consent.is_some() || wallet.exists()));
        let Some(wallet) = wallet else { return Ok(remote) };
        let identity = Identity { name: "loki".to_owned(), ..Identity::default() };
        let authorization = Authorization::new(url, identity, Arc::new(Purse(wallet)), self.consent.clone());
        Ok(remote.with_authorization(Arc::new(authorization.await.map_err(BeginError::Address)?)))
    }

    async fn started(&self, program: &Program, settings: &Settings) -> Result<Begun, BeginError> {
        let (workshop, job) = self.job(program)?;
        let mut running = None;
        let begun = Client::over_stream(
            || {
                let (reading, writing, started) = start(&workshop, &job);
                running = Some(started);
                Ok::<_, io::Error>((reading, writing))
            },
            settings,
        )
        .await;
        match begun {
            Ok(client) => Ok(Begun { client, _running: running }),
            Err(error) => {
                let words = running.as_ref().map_or_else(String::new, Running::last_words);
                Err(failed(error, &words))
            }
        }
    }

    /// The sandbox and what runs in it. Without `writes` a server changes nothing of the project.
    fn job(&self, program: &Program) -> Result<(Workshop, Job), BeginError> {
        let path = self.environment.get("PATH").map_or("", String::as_str);
        let found = Found::find(&program.command, path).map_err(BeginError::Program)?;
        let real = found.path.canonicalize().unwrap_or_else(|_| found.path.clone());
        // What a project brings along is not what the user has named.
        if real.starts_with(self.project.canonicalize().unwrap_or_else(|_| self.project.clone())) {
            return Err(BeginError::Within);
        }
        let workshop = (self.maker)().map_err(BeginError::Sandbox)?;
        let workshop = if program.writes { workshop.as_ref().clone() } else { workshop.read_only() };
        let workshop = match program.hosts.is_empty() {
            true => workshop,
            false => workshop.with_document(&document(&self.name, &program.hosts)?),
        };
        let mut variables = program.env.clone();
        for (name, variable) in &program.env_from {
            variables.insert(name.clone(), self.variable(variable)?);
        }
        let mut command = vec![found.path.clone().into_os_string()];
        command.extend(program.args.iter().map(Into::into));
        let read = found.read.iter().chain(&program.read).cloned().collect();
        let project = workshop.places.project().to_owned();
        let job = Job { variables, programs: found.programs.clone(), read, ..Job::new(command, project) };
        Ok((workshop, job))
    }

    fn variable(&self, name: &str) -> Result<String, BeginError> {
        let value = self.environment.get(name).filter(|value| !value.is_empty()).cloned();
        value.ok_or_else(|| BeginError::Variable { variable: name.to_owned() })
    }
}

/// Starts the job, with a stream each way.
fn start(workshop: &Workshop, job: &Job) -> (Reading, DuplexStream, Running) {
    let (ours, theirs) = tokio::io::duplex(INPUT_BYTES_MAX);
    let (printed, reading) = Printed::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let why = Arc::new(Mutex::new(None));
    let (workshop, job, mut output, told) =
        (workshop.clone(), job.clone(), printed.clone(), Arc::clone(&why));
    tokio::spawn(async move {
        let stopped = async {
            // Asked to stop, or nobody is left who could.
            let _either = stopped.await;
        };
        let ended = workshop.pass(job, Some(Box::new(theirs)), None, &mut output, stopped).await;
        if let Err(error) = ended {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(causes(&error));
        }
        output.over();
    });
    (reading, ours, Running { printed, why, _stop: stop })
}

impl Running {
    fn last_words(&self) -> String {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        why.unwrap_or_else(|| self.printed.last_words())
    }
}

fn failed(error: ClientError, last_words: &str) -> BeginError {
    let words = shown::line(last_words, LAST_WORDS_BYTES_MAX);
    let told = match words.is_empty() {
        true => causes(&error),
        false => format!("{}; it printed: {words}", causes(&error)),
    };
    BeginError::Client { told, source: error }
}

/// An error with its causes, on one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        told.push_str(&format!(": {this}"));
        cause = this.source();
    }
    told
}

/// The policy's document that opens hosts. Texts are written as JSON writes them, which TOML reads.
fn document(name: &str, hosts: &[String]) -> Result<Document, BeginError> {
    let reason = Value::from(format!("the MCP server {name}"));
    let rule =
        |host: &String| format!("\n[[network]]\nhost = {}\nreason = {reason}\n", Value::from(host.as_str()));
    let text = format!("version = 1\n{}", hosts.iter().map(rule).collect::<String>());
    Document::read("the server's hosts", text.as_bytes())
        .map_err(|source| BeginError::Hosts(Box::new(source)))
}

/// What a person has given for a server, in a file of its own.
struct Purse(PathBuf);

#[async_trait]
impl Wallet for Purse {
    async fn load(&self) -> io::Result<Option<String>> {
        match tokio::fs::read_to_string(&self.0).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn keep(&self, text: Option<String>) -> io::Result<()> {
        let path: &Path = &self.0;
        match text {
            Some(text) => replace_file(path, text.as_bytes(), 0o600),
            None => match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }
}
