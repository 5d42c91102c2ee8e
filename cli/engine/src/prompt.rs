//! What a provider is sent: built anew from the ledger every time, so that a prompt never depends on
//! what a process remembers.
//!
//! The standing part ([`blocks`]) holds what must never be lost: the document, notes, guidance, the plan,
//! what the gates said. It is never shortened to make room. The conversation of the phase
//! ([`conversation`]) gives way when it grows: the oldest answers of tools are left out first.

mod blocks;
mod conversation;
mod skills;

use std::sync::Arc;

use loki_ledger::Reader;
use loki_ledger::event::Phase;
use loki_ledger::run::{Run, Steps};
use loki_provider::{Request, ToolSpec};
use loki_skills::Catalog;
use serde_json::json;

use crate::engine::EngineError;
use crate::stuck::{self, Rung};
use crate::tool::{Briefing, Tool};

/// What a prompt is built from.
pub struct Sources<'a> {
    /// The ledger.
    pub reader: &'a Reader,
    /// What every prompt tells.
    pub briefings: &'a [Arc<dyn Briefing>],
    /// The tools at hand.
    pub tools: &'a [Arc<dyn Tool>],
    /// The skills at hand.
    pub skills: &'a Catalog,
    /// Bytes of one tool answer that are shown; the middle of a longer one is left out.
    pub output_bytes_max: usize,
    /// Whether the provider brings tools of its own for files and commands.
    pub acts: bool,
}

/// Bytes of one tool answer that a model is shown.
pub const MODEL_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// The request for the run's current phase.
pub fn request(sources: &Sources<'_>, run: &Run) -> Result<Request, EngineError> {
    let phase = run.phase.unwrap_or(Phase::Reason);
    Ok(Request {
        phase: phase.as_str().to_owned(),
        iteration: run.iteration.max(1),
        system: blocks::system(sources, run)?,
        messages: conversation::messages(sources, run, task(phase, run))?,
        tools: tools(sources, run, phase),
        allowance_micro_usd: None,
    })
}

/// What the phase is for.
fn task(phase: Phase, run: &Run) -> String {
    let replan = stuck::rung(run) >= Rung::Replan;
    match phase {
        Phase::Reason if run.gates_before.is_empty() => {
            "Plan the work. Look at what exists, then call `plan` with the items that must be done, in \
             order. Change nothing yet."
        }
        Phase::Reason if replan => {
            "The plan so far does not lead anywhere: the same things failed several times over. Find out \
             why, think of another way, and call `plan` with it."
        }
        Phase::Reason => {
            "Some gates did not pass. Find out why, then call `plan` with what is left to do. Change \
             nothing yet."
        }
        Phase::Act => {
            "Carry the plan out. Run what you build and its tests before you say that it works. Call \
             `finish` when it is done, or when you can do no more of it."
        }
        Phase::Reflect | Phase::Verify => "Say in a few sentences what changed and what is left.",
    }
    .to_owned()
}

/// The tools of a phase: planning may only look.
fn tools(sources: &Sources<'_>, run: &Run, phase: Phase) -> Vec<ToolSpec> {
    let mut specs: Vec<ToolSpec> = sources
        .tools
        .iter()
        .filter(|tool| phase == Phase::Act || tool.reads_only())
        .filter(|tool| !(sources.acts && tool.is_for_the_workspace()))
        .map(|tool| tool.spec())
        .collect();
    match phase {
        Phase::Reason | Phase::Act => specs.extend(skills::tool(sources, run)),
        Phase::Reflect | Phase::Verify => {}
    }
    match phase {
        Phase::Reason => specs.extend([plan(), note(), read_output()]),
        Phase::Act => specs.extend([note(), read_output(), finish()]),
        Phase::Reflect | Phase::Verify => {}
    }
    specs
}

fn plan() -> ToolSpec {
    ToolSpec {
        name: "plan".to_owned(),
        description: "Hands in the plan, in place of any former one: one sentence for each thing that must \
                      be done, in order. Ends planning."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": { "items": { "type": "array", "items": { "type": "string" } } },
            "required": ["items"],
        }),
    }
}

fn note() -> ToolSpec {
    ToolSpec {
        name: "note".to_owned(),
        description: "Writes down, in a sentence or two, what must not be forgotten: a decision and its \
                      reason, a constraint, or something you found out. Every later prompt holds it."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "kind": { "type": "string", "enum": ["decision", "constraint", "finding"] },
                "text": { "type": "string" },
            },
            "required": ["kind", "text"],
        }),
    }
}

fn read_output() -> ToolSpec {
    ToolSpec {
        name: "read_output".to_owned(),
        description: "Shows a part of the answer to an earlier call of this phase that was too long to be \
                      shown whole."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "call": { "type": "string", "description": "The call's id." },
                "offset": { "type": "integer", "minimum": 0, "description": "Bytes to skip." },
            },
            "required": ["call"],
        }),
    }
}

fn finish() -> ToolSpec {
    ToolSpec {
        name: "finish".to_owned(),
        description: "Ends this phase with a claim: what is done, and what shows it. Gates check it; a \
                      claim that does not hold costs an iteration."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "summary": { "type": "string" },
                "evidence": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Commands that were run and what they showed, tests, files.",
                },
            },
            "required": ["summary"],
        }),
    }
}

/// The run as it would stand at the start of a later iteration, were it to come now.
pub fn imagined(run: &Run, iteration: u32) -> Run {
    let mut run = run.clone();
    run.iteration = iteration;
    run.phase = Some(Phase::Reason);
    run.steps = Steps::default();
    run.gates_before = std::mem::take(&mut run.gates);
    run
}

#[cfg(test)]
mod tests;
