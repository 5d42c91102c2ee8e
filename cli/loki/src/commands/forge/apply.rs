//! `loki forge apply`.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use forge_ops::Forge;
use loki_mcp::desk::{Ask, Call, Desk as _, Question, Said};
use loki_operation::{Allow, Answer, Refusal, RefusalKind};
use loki_store::SystemClock;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::desk::ProjectDesk;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// Bring the backend to what `forge.yaml` says
///
/// Works out what differs, tries it on a copy, has it judged, and makes it: tables by one migration, buckets,
/// functions, schedules, secrets and providers by being declared. What the document does not name is left alone.
/// `.loki/forge.local.yaml` is laid over `forge.yaml` on this machine. What is named under `drop` goes only with
/// `--approve`.
#[derive(clap::Args, Debug)]
pub(crate) struct ApplyArgs {
    /// The document (default: the project's `forge.yaml`)
    file: Option<PathBuf>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Let go what the document drops, and why that is right
    #[arg(long, value_name = "REASON")]
    approve: Option<String>,
}

/// The person at the command line, who has said beforehand what they say.
struct Beforehand {
    person: String,
    reason: String,
}

#[async_trait]
impl Ask for Beforehand {
    async fn ask(&self, _question: &Question) -> Said {
        Said::Yes { person: self.person.clone(), reason: self.reason.clone() }
    }
}

pub(super) fn apply(ui: &mut Ui, context: &Context, args: &ApplyArgs) -> Result<Status, CommandError> {
    let mut input = json!({ "dry_run": args.dry_run });
    if let Some(file) = &args.file {
        let text = fs::read_to_string(context.current_dir.join(file)).map_err(|source| {
            CommandError::new(ErrorKind::Input, format_args!("failed to read `{}`", file.display()))
                .caused_by(&source)
        })?;
        input["document"] = Value::from(text);
    } else if !context.project.root().join("forge.yaml").exists() {
        return Err(CommandError::new(ErrorKind::NotFound, "this project has no `forge.yaml`")
            .hint("Write one (docs/guide/forge-yaml.md), or name a document: `loki forge apply FILE`."));
    }
    // The backend of a project begins with its document, where no run has begun it.
    App::of(context).prepare()?;
    Forge::open(&context.project.forge_dir(), std::sync::Arc::new(SystemClock))
        .map_err(|error| CommandError::from_error(ErrorKind::State, &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let person = context.environment.get("USER").unwrap_or("somebody").to_owned();
    let by = args.approve.as_ref().map(|reason| Beforehand { person, reason: reason.clone() });
    let allow = Allow::EVERYTHING;
    let call = Call { approve: by.as_ref().map(|by| by as &dyn Ask), ..Call::new("cli", &allow) };
    let desk = ProjectDesk::new(context);
    let answer = runtime.block_on(desk.call("forge_apply", input, &call));
    match answer {
        Ok(answer) => shown(ui, &answer),
        Err(refusal) => Err(failed(refusal)),
    }
}

fn shown(ui: &mut Ui, answer: &Answer) -> Result<Status, CommandError> {
    if ui.is_json() {
        ui.result_json(&answer.data)?;
        return Ok(Status::Success);
    }
    for step in answer.data["plan"].as_array().into_iter().flatten() {
        let text = |field: &str| printable(step[field].as_str().unwrap_or_default());
        let sign = match step["action"].as_str() {
            Some("add") => '+',
            Some("remove") => '-',
            Some(_) | None => '~',
        };
        let line = format!("{sign} {} {}  {}", text("kind"), text("name"), text("what"));
        ui.result(format_args!("{}", line.trim_end()))?;
    }
    ui.status(format_args!("{}", printable(&answer.summary)))?;
    Ok(Status::Success)
}

fn failed(refusal: Refusal) -> CommandError {
    let kind = match refusal.kind {
        RefusalKind::Input | RefusalKind::Unknown => ErrorKind::Input,
        RefusalKind::Denied | RefusalKind::NeedsApproval(_) => ErrorKind::Stopped,
        RefusalKind::Conflict => ErrorKind::Busy,
        RefusalKind::NotAvailable | RefusalKind::Failed => ErrorKind::State,
    };
    let waits = matches!(refusal.kind, RefusalKind::NeedsApproval(_));
    let error = CommandError::new(kind, refusal.message);
    let hints = refusal.hint.into_iter().chain(refusal.next_actions);
    let error = hints.fold(error, |error, hint| error.hint(hint));
    if waits { error.hint("Or say why it is right: `loki forge apply --approve REASON`.") } else { error }
}
