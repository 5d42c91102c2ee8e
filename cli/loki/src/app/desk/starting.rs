//! Runs that are started, go on, or end: by processes of their own, which outlive whoever asked.

use std::path::{Path, PathBuf};

use loki_engine::operations::{read, run_schema, state_word, tell};
use loki_ledger::event::Command;
use loki_operation::{Answer, Info, Refusal, RefusalKind, object};
use serde::Deserialize;
use serde_json::{Value, json};

use super::program::{Act, cut, info};
use super::refusals;
use crate::app::App;
use crate::app::drivers::{Driven, Drivers};
use crate::context::Context;

/// Bytes of a brief.
const BRIEF_BYTES_MAX: usize = 64 << 10;

/// Bytes of what a driver said that are passed on.
const SAID_BYTES_MAX: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    document: Option<String>,
    brief: Option<String>,
    max_iterations: Option<u32>,
    max_seconds: Option<u64>,
    budget_usd: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRun {
    run: Option<String>,
}
/// Carries `loki_start_project` out.
pub(super) fn start(context: &Context, drivers: &Drivers, input: &Value) -> Result<Answer, Refusal> {
    let info = info(Act::Start);
    let Start { document, brief, max_iterations, max_seconds, budget_usd } = read(info.name, input)?;
    let given = match (document, brief) {
        (Some(document), None) => inside(&info, context.project.root(), &document)?,
        (None, Some(brief)) => as_brief(&info, brief)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(refusals::input(&info, "it takes either `document` or `brief`"));
        }
    };
    if budget_usd.is_some_and(|usd| !(0.0..=100_000.0).contains(&usd)) {
        return Err(refusals::input(&info, "`budget_usd` is between 0 and 100000"));
    }
    let mut arguments = vec!["start".to_owned(), "--no-tui".to_owned(), "--detached".to_owned()];
    let limits = [
        ("--max-iterations", max_iterations.map(|number| number.to_string())),
        ("--max-seconds", max_seconds.map(|number| number.to_string())),
        ("--budget", budget_usd.map(|usd| usd.to_string())),
    ];
    for (flag, value) in limits {
        arguments.extend(value.map(|value| format!("{flag}={value}")));
    }
    arguments.extend(["--".to_owned(), given]);
    driven(context, drivers, &arguments, "it holds already: there was nothing to do")
}

/// Carries `loki_resume` out.
pub(super) fn resume(context: &Context, drivers: &Drivers, input: &Value) -> Result<Answer, Refusal> {
    let OfRun { run } = read("loki_resume", input)?;
    let app = App::of(context);
    let (_, run) = app.run(run.as_deref()).map_err(refusals::of_app)?;
    app.lift_pause().map_err(refusals::of_app)?;
    if let Some(holder) = app.holder()
        && run.stopped.is_none()
    {
        if run.paused {
            tell(&app.place(), &run, &Command::Resume)?;
        }
        let data = json!({ "run": run.id, "state": "running", "pid": holder.pid });
        return Ok(Answer::new(format!("process {} goes on with run {}", holder.pid, run.id), data));
    }
    let arguments = ["resume", "--detached", "--", run.id.as_str()].map(str::to_owned);
    driven(context, drivers, &arguments, "there was nothing left to do")
}

/// Carries `loki_stop` out.
pub(super) fn stop(context: &Context, drivers: &Drivers, input: &Value) -> Result<Answer, Refusal> {
    let OfRun { run } = read("loki_stop", input)?;
    let app = App::of(context);
    let (_, run) = app.run(run.as_deref()).map_err(refusals::of_app)?;
    if run.stopped.is_some() {
        let data = json!({ "run": run.id, "state": state_word(&app.place(), &run) });
        return Ok(Answer::new(format!("run {} has stopped before", run.id), data));
    }
    if app.holder().is_some() {
        tell(&app.place(), &run, &Command::Stop)?;
        let data = json!({ "run": run.id, "state": "stopping" });
        return Ok(Answer::new(format!("told run {}: it stops before its next step", run.id), data));
    }
    // Nobody drives it: somebody must, to its end, so that there is a receipt and another run may start.
    let arguments = ["stop", "--", run.id.as_str()].map(str::to_owned);
    driven(context, drivers, &arguments, "it is stopped")
}

/// Lets a process of its own do what the arguments say, and tells what it has, or how it ended.
fn driven(context: &Context, drivers: &Drivers, arguments: &[String], done: &str) -> Result<Answer, Refusal> {
    let app = App::of(context);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match drivers.drive(&app, &arguments).map_err(refusals::of_command)? {
        Driven::By(pid, run) => {
            let data = json!({ "run": run, "state": "running", "pid": pid });
            Ok(Answer::new(format!("process {pid} drives run {run}"), data))
        }
        // Verified, or verified with gaps: the run that is there is the answer. Ended on request is one too.
        Driven::Ended(0 | 10 | 20, _) => {
            let (_, run) = app.run(None).map_err(refusals::of_app)?;
            let data = json!({ "run": run.id, "state": state_word(&app.place(), &run) });
            Ok(Answer::new(format!("run {}: {done}", run.id), data))
        }
        Driven::Ended(code, said) => Err(refused(code, &said)),
    }
}

/// What a driver said before it ended without a run.
fn refused(code: i32, said: &str) -> Refusal {
    let mut lines = said.lines().map(str::trim);
    let message = lines.find_map(|line| line.strip_prefix("error: ")).unwrap_or("the run did not start");
    let hints: Vec<String> =
        said.lines().filter_map(|line| line.trim().strip_prefix("hint: ")).map(str::to_owned).collect();
    let refusal = Refusal::new(RefusalKind::Conflict, "not_started", cut(message, SAID_BYTES_MAX))
        .hint(format!("exit code {code}"));
    match hints.is_empty() {
        true => refusal.next("Ask `loki_why`, or run `loki doctor`."),
        false => Refusal { next_actions: hints, ..refusal },
    }
}

/// The path of a document of the project, and of nothing outside it.
fn inside(info: &Info, root: &Path, document: &str) -> Result<String, Refusal> {
    let refused = |why: &str| refusals::input(info, &format!("`document` {why}"));
    let path: PathBuf = root.join(document);
    let (Ok(root), Ok(path)) = (root.canonicalize(), path.canonicalize()) else {
        return Err(refused("is not there").next("Name a file of the project, such as `prd.md`."));
    };
    if !path.starts_with(&root) {
        return Err(refused("is outside the project"));
    }
    path.into_os_string().into_string().map_err(|_| refused("has a name that is no text"))
}

/// A brief, as `loki start` tells it from a path.
fn as_brief(info: &Info, brief: String) -> Result<String, Refusal> {
    let refused = |why: &str| Err(refusals::input(info, &format!("`brief` {why}")));
    let text = brief.trim();
    if text.len() > BRIEF_BYTES_MAX {
        return refused("is longer than 64 KiB; write it into a file and name that as `document`");
    }
    if text.contains('\0') || !text.contains(char::is_whitespace) || text.starts_with(['/', '.', '~', '-']) {
        return refused("takes several words, and does not look like a path");
    }
    Ok(text.to_owned())
}
pub(super) fn of_run() -> Value {
    object(json!({ "run": run_schema() }), &[])
}

pub(super) fn start_input() -> Value {
    object(
        json!({
            "document": { "type": "string", "description": "Path in the project, such as prd.md" },
            "brief": { "type": "string", "description": "Instead of a document: what to build" },
            "max_iterations": { "type": "integer", "minimum": 1 },
            "max_seconds": { "type": "integer", "minimum": 1 },
            "budget_usd": { "type": "number", "minimum": 0 },
        }),
        &[],
    )
}

pub(super) fn driven_output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "run": { "type": "string" },
            "state": { "type": "string" },
            "pid": { "type": "integer" },
        },
        "required": ["run", "state"],
    })
}
