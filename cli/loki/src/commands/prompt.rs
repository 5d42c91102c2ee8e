//! `loki prompt`.

use loki_engine::prompt::{MODEL_OUTPUT_BYTES_MAX, Sources, imagined, request};
use loki_ledger::Reader;
use loki_ledger::event::{EffectKind, Event, Intent, RunId};
use loki_provider::{Message, Request};

use crate::app::{App, AppError, by_model};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// Show exactly what the provider was sent, or would be sent
///
/// For an iteration that has been: every request of it, as sent. For one to come: its first request, as
/// it would be sent now.
#[derive(clap::Args, Debug)]
pub(crate) struct PromptArgs {
    /// The iteration (default: the next one)
    #[arg(long, value_name = "N")]
    iteration: Option<u32>,
    /// The run (default: the newest)
    #[arg(long)]
    run: Option<String>,
}

pub(crate) fn prompt(ui: &mut Ui, context: &Context, args: &PromptArgs) -> Result<Status, CommandError> {
    let app = App::to_judge(context)?;
    let (reader, run) = app.run(args.run.as_deref())?;
    let iteration = args.iteration.unwrap_or(run.iteration + 1);
    if iteration == 0 {
        return Err(CommandError::new(ErrorKind::Usage, "iterations count from 1"));
    }
    let mut requests = sent(&reader, &run.id, iteration)?;
    if requests.is_empty() {
        let requirements = app.requirements(&reader, &run)?;
        let skills = app.skills(&requirements, by_model(&run));
        let (briefings, tools) = (app.briefings(), app.tools(&requirements, by_model(&run))?);
        let sources = Sources {
            reader: &reader,
            briefings: &briefings,
            tools: &tools,
            skills: &skills,
            output_bytes_max: MODEL_OUTPUT_BYTES_MAX,
            acts: run.started.as_ref().is_some_and(|started| started.acts),
        };
        let to_come = imagined(&run, iteration);
        requests.push(request(&sources, &to_come).map_err(AppError::from)?);
    }
    if ui.is_json() {
        ui.result_json(&requests)?;
        return Ok(Status::Success);
    }
    for (n, request) in requests.iter().enumerate() {
        show(ui, n + 1, request)?;
    }
    Ok(Status::Success)
}

/// The requests of an iteration, as they were sent.
fn sent(reader: &Reader, run: &RunId, iteration: u32) -> Result<Vec<Request>, CommandError> {
    let mut requests = Vec::new();
    let (mut next, mut at) = (Some(0), 0);
    while let Some(after) = next {
        let page = reader.events(run, after).map_err(AppError::from)?;
        for recorded in &page.events {
            if let Event::IterationStarted { iteration } = &recorded.event {
                at = *iteration;
            }
            let Event::EffectIntended(Intent { kind: EffectKind::Turn { request }, .. }) = &recorded.event
            else {
                continue;
            };
            if at == iteration {
                let bytes = reader.artifact(request).map_err(AppError::from)?;
                requests.push(serde_json::from_slice(&bytes).map_err(|error| {
                    CommandError::from_error(ErrorKind::State, &error).hint("Run `loki doctor`.")
                })?);
            }
        }
        next = page.next;
    }
    Ok(requests)
}

fn show(ui: &mut Ui, number: usize, request: &Request) -> Result<(), CommandError> {
    ui.result(format_args!("=== request {number}: iteration {}, {} ===", request.iteration, request.phase))?;
    ui.result(format_args!("--- system ---\n{}", printable(&request.system)))?;
    for message in &request.messages {
        match message {
            Message::User { text } => ui.result(format_args!("--- user ---\n{}", printable(text)))?,
            Message::Assistant { text, calls, .. } => {
                ui.result(format_args!("--- provider ---\n{}", printable(text)))?;
                for call in calls {
                    let input = call.input.to_string();
                    ui.result(format_args!("call {} {} {}", call.id, call.tool, printable(&input)))?;
                }
            }
            Message::Tool { id, ok, output } => {
                let how = if *ok { "ok" } else { "failed" };
                ui.result(format_args!("--- answer to {id} ({how}) ---\n{}", printable(output)))?;
            }
        }
    }
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    ui.result(format_args!("--- tools ---\n{}", names.join(", ")))?;
    Ok(())
}
