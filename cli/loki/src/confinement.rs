//! How commands of this project are confined: the layers of its policy, the places, the machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_sandbox::audit::{AuditError, AuditLog};
use loki_sandbox::policy::{Document, Places, Policy, PolicyError, Preset, layered};
use loki_sandbox::proxy::UpstreamProxy;
use loki_sandbox::{Level, Mode, Support, Workshop};
use loki_store::{Clock, SystemClock};

use crate::config::keys::{SANDBOX_LEVEL, SANDBOX_MODE, SANDBOX_PRESET};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};

/// Bytes of a policy file that are read; the parser's own limit is below.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file of policies, beside the configuration of the user and in the project's state.
const POLICY_FILE: &str = "sandbox.toml";

/// What a command's flags say about confinement, over everything else.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct PolicyArgs {
    /// The built-in policy to begin from: read-only, test, build or network
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// A policy file, in place of your own `sandbox.toml`
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// What holds where the machine is weaker than it should be.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct StrengthArgs {
    /// Where the machine cannot confine: require (refuse), degrade (as strongly as it can), off
    #[arg(long = "sandbox", value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// The weakest level that will do: isolated, namespaces or landlock
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Use no newer version of Landlock, to try what an older kernel would do; 0: none
    #[arg(long, value_name = "VERSION")]
    pub(crate) landlock_max: Option<u8>,
}

impl StrengthArgs {
    /// What the machine offers, without what the flags leave out.
    pub(crate) fn limited(&self, support: Support) -> Support {
        let landlock_abi = support.landlock_abi.map(|abi| abi.min(self.landlock_max.unwrap_or(abi)));
        Support { landlock_abi: landlock_abi.filter(|abi| *abi > 0), ..support }
    }
}

/// The policy of this project's commands.
pub(crate) fn policy(context: &Context, args: &PolicyArgs) -> Result<Policy, CommandError> {
    let config = context.config()?;
    let name = args.preset.clone().unwrap_or_else(|| config.get(&SANDBOX_PRESET));
    let preset = Preset::named(&name).ok_or_else(|| {
        let names = Preset::ALL.map(Preset::name).join(", ");
        CommandError::new(ErrorKind::Usage, format_args!("there is no preset `{name}`"))
            .hint(format_args!("The presets are {names}."))
    })?;
    let user = match (&args.policy, context.environment.config_dir()) {
        (Some(named), _) => {
            let path = context.current_dir.join(named);
            Some(document(&path)?.ok_or_else(|| missing(&path))?)
        }
        (None, Some(folder)) => document(&folder.join(POLICY_FILE))?,
        (None, None) => None,
    };
    let project = document(&context.project.state_dir().join(POLICY_FILE))?;
    // A flag has the last word on the preset; what it names is the user's wish.
    let user = match (args.preset.is_some(), user) {
        (true, Some(mut user)) => {
            user.forget_preset();
            Some(user)
        }
        (_, user) => user,
    };
    layered(preset, user.as_ref(), project.as_ref()).map_err(|error| of_policy(&error))
}

/// Where the places that policies name are.
pub(crate) fn places(context: &Context) -> Result<Places, CommandError> {
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| {
            CommandError::new(ErrorKind::Io, format_args!("failed to find `{}`", path.display()))
                .caused_by(&source)
        })
    };
    let project = real(context.project.root())?;
    let home = context.environment.get("HOME").map(|home| real(Path::new(home))).transpose().unwrap_or(None);
    let own = project.join(crate::context::STATE_DIR).join("sandbox");
    Places::new(project, home, own.join("home"), own.join("tmp")).map_err(|error| {
        CommandError::from_error(ErrorKind::Usage, &error).hint("Name a folder of its own with `--project`.")
    })
}

/// What to do where the machine is weak, and the weakest level that will do.
pub(crate) fn strength(context: &Context, args: &StrengthArgs) -> Result<(Mode, Level), CommandError> {
    let config = context.config()?;
    let mode = args.mode.clone().unwrap_or_else(|| config.get(&SANDBOX_MODE));
    let level = args.level.clone().unwrap_or_else(|| config.get(&SANDBOX_LEVEL));
    let mode = Mode::parse(&mode).ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, format_args!("there is no sandbox mode `{mode}`"))
            .hint("The modes are require, degrade and off.")
    })?;
    let level = Level::parse(&level).ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, format_args!("there is no level `{level}`"))
            .hint("The levels are isolated, namespaces and landlock, strongest first.")
    })?;
    Ok((mode, level))
}

/// What commands of this project are run with, under `policy`. Their calls are recorded beside the project.
pub(crate) fn workshop(
    context: &Context,
    policy: Policy,
    strength: &StrengthArgs,
) -> Result<Workshop, CommandError> {
    let (mode, least) = self::strength(context, strength)?;
    let places = places(context)?;
    crate::app::App::of(context).prepare()?;
    Ok(Workshop {
        policy: Arc::new(policy),
        places,
        variables: Arc::new(variables(context)),
        // The policy names the variables they are in.
        secrets: Arc::new(BTreeMap::new()),
        upstream_proxy: upstream_proxy(context)?,
        ca_bundle: ca_bundle(context),
        mode,
        least,
        support: strength.limited(Support::at_first_sight()),
        helper: None,
        log: Arc::new(record(context)?),
        now_ms: Arc::new(|| SystemClock.now().as_millisecond()),
    })
}

/// The record of this project's calls.
fn record(context: &Context) -> Result<AuditLog, CommandError> {
    let path = context.project.state_dir().join("sandbox/calls.jsonl");
    AuditLog::open(&path).map_err(|error| of_record(&error))
}

/// A record that cannot be used.
pub(crate) fn of_record(error: &AuditError) -> CommandError {
    CommandError::from_error(ErrorKind::Io, error)
        .hint("Look at the rights of `.loki` and at the space left on its disk.")
}

/// The variables of this program, with who signs commits: the command does not see the user's git settings.
fn variables(context: &Context) -> BTreeMap<String, String> {
    let mut variables = context.environment.all();
    if let Some((name, email)) = loki_engine::worktree::identity(context.project.root()) {
        for (variable, value) in [
            ("GIT_AUTHOR_NAME", &name),
            ("GIT_AUTHOR_EMAIL", &email),
            ("GIT_COMMITTER_NAME", &name),
            ("GIT_COMMITTER_EMAIL", &email),
        ] {
            variables.entry(variable.to_owned()).or_insert_with(|| value.clone());
        }
    }
    variables
}

/// The proxy that this machine reaches hosts through, from the variables that programs share.
fn upstream_proxy(context: &Context) -> Result<Option<UpstreamProxy>, CommandError> {
    let named = ["HTTPS_PROXY", "https_proxy"].iter().find_map(|name| context.environment.get(name));
    named.map(UpstreamProxy::parse).transpose().map_err(|error| {
        CommandError::from_error(ErrorKind::Config, &error)
            .hint("`HTTPS_PROXY` takes `http://host:port`, with `user:password@` before the host where it needs one.")
    })
}

/// Certificate authorities that this machine trusts in place of the system's.
fn ca_bundle(context: &Context) -> Option<PathBuf> {
    context.environment.get("SSL_CERT_FILE").map(PathBuf::from)
}

/// The policy in a file; none where there is no such file.
fn document(path: &Path) -> Result<Option<Document>, CommandError> {
    let attempt = || -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other?,
        };
        let kind = file.metadata()?.file_type();
        if kind.is_dir() || kind.is_fifo() {
            return Err(io::Error::other("it is no file"));
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    let bytes = attempt().map_err(|source| {
        CommandError::new(ErrorKind::Input, format_args!("failed to read the policy `{}`", path.display()))
            .caused_by(&source)
    })?;
    let read = |bytes: Vec<u8>| Document::read(&path.display().to_string(), &bytes);
    bytes.map(read).transpose().map_err(|error| of_policy(&error))
}

fn missing(path: &Path) -> CommandError {
    CommandError::new(ErrorKind::NotFound, format_args!("there is no policy file `{}`", path.display()))
}

fn of_policy(error: &PolicyError) -> CommandError {
    let shown = CommandError::from_error(ErrorKind::Config, error);
    match error.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
