//! What a provider is sent: built anew from the ledger every time, so that a prompt never depends on
//! what a process remembers.

use std::sync::Arc;

use loki_ledger::Reader;
use loki_ledger::event::{Phase, Verdict};
use loki_ledger::run::{Run, Steps, TurnTaken};
use loki_provider::{Message, Request, ToolSpec, Turn};
use serde_json::json;

use crate::effects::head;
use crate::engine::{EngineError, read};
use crate::tool::{Briefing, Tool};

/// Bytes of the document that go into a prompt; of a longer one the head is shown.
const DOCUMENT_BYTES_MAX: usize = 96 * 1024;
/// Bytes of one briefing.
const BRIEFING_BYTES_MAX: usize = 2048;

const RULES: &str = "\
You build what the document asks for, in this project, with the tools you are given.
Say what is true: gates check everything you claim, and only they decide what is done.
The backend is provided by Forge in this same program; do not build another one.
A migration is a typed specification; it is proven on a copy and reviewed before it applies.";

/// What a prompt is built from.
pub struct Sources<'a> {
    /// The ledger.
    pub reader: &'a Reader,
    /// What every prompt tells.
    pub briefings: &'a [Arc<dyn Briefing>],
    /// The tools at hand.
    pub tools: &'a [Arc<dyn Tool>],
    /// Bytes of one tool answer that are shown; the middle of a longer one is left out.
    pub output_bytes_max: usize,
}

/// Bytes of one tool answer that a model is shown.
pub const MODEL_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// The request for the run's current phase.
pub fn request(sources: &Sources<'_>, run: &Run) -> Result<Request, EngineError> {
    let phase = run.phase.unwrap_or(Phase::Reason);
    let mut messages = vec![Message::User { text: task(phase, run) }];
    for taken in &run.steps.turns {
        converse(sources, taken, &mut messages)?;
    }
    Ok(Request {
        phase: phase.as_str().to_owned(),
        iteration: run.iteration.max(1),
        system: system(sources, run)?,
        messages,
        tools: tools(sources, phase),
    })
}

/// The standing part: goal, rules, state. The same text for every turn of a phase.
fn system(sources: &Sources<'_>, run: &Run) -> Result<String, EngineError> {
    let mut blocks = vec![RULES.to_owned()];
    if let Some(started) = &run.started {
        let bytes = sources.reader.artifact(&started.document)?;
        let text = String::from_utf8_lossy(&bytes);
        let shown = head(&text, DOCUMENT_BYTES_MAX);
        let rest = text.len() - shown.len();
        let more = if rest > 0 { format!("\n[{rest} more bytes]") } else { String::new() };
        blocks.push(format!("<document name=\"{}\">\n{}{more}\n</document>", started.document_name, shown));
    }
    blocks.extend(sources.briefings.iter().filter_map(|briefing| briefing.render(BRIEFING_BYTES_MAX)));
    if !run.steers.is_empty() {
        blocks.push(format!("<guidance>\n{}\n</guidance>", run.steers.join("\n")));
    }
    if !run.checklist.is_empty() {
        let items: Vec<String> = run.checklist.iter().map(|item| format!("- {item}")).collect();
        blocks.push(format!("<checklist>\n{}\n</checklist>", items.join("\n")));
    }
    let open: Vec<String> = run
        .gates_before
        .iter()
        .filter(|gate| gate.verdict != Verdict::Pass)
        .map(|gate| format!("- {}: {}", gate.gate, gate.summary))
        .collect();
    if !open.is_empty() {
        blocks.push(format!("<open-gates>\n{}\n</open-gates>", open.join("\n")));
    }
    Ok(blocks.join("\n\n"))
}

fn task(phase: Phase, run: &Run) -> String {
    match phase {
        Phase::Reason if run.gates_before.is_empty() => {
            "Plan the work. Look at what exists, then call `plan` with the items that must be done."
                .to_owned()
        }
        Phase::Reason => {
            "Some gates did not pass. Find out why, then call `plan` with what is left to do.".to_owned()
        }
        Phase::Act => {
            "Carry the plan out. Call `finish` when it is done, or when you can do no more of it.".to_owned()
        }
        Phase::Reflect | Phase::Verify => "Say in a few sentences what changed and what is left.".to_owned(),
    }
}

fn converse(
    sources: &Sources<'_>,
    taken: &TurnTaken,
    messages: &mut Vec<Message>,
) -> Result<(), EngineError> {
    let turn: Turn = read(sources.reader, "a turn", &taken.turn)?;
    messages.push(Message::Assistant { text: turn.text, calls: turn.calls });
    for (call, answer) in &taken.calls {
        let Some(answer) = answer else { continue };
        let output = match &answer.output {
            Some(output) => {
                let whole: String = read(sources.reader, "a tool's answer", output)?;
                shorten(&whole, sources.output_bytes_max)
            }
            None => answer.summary.clone(),
        };
        messages.push(Message::Tool { id: call.id.clone(), ok: answer.ok, output });
    }
    Ok(())
}

/// The tools of a phase: planning may only look.
fn tools(sources: &Sources<'_>, phase: Phase) -> Vec<ToolSpec> {
    let mut specs: Vec<ToolSpec> = sources
        .tools
        .iter()
        .filter(|tool| phase == Phase::Act || tool.reads_only())
        .map(|tool| tool.spec())
        .collect();
    match phase {
        Phase::Reason => specs.push(ToolSpec {
            name: "plan".to_owned(),
            description: "Hands in the plan: one sentence for each thing that must be done.".to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": { "items": { "type": "array", "items": { "type": "string" } } },
                "required": ["items"],
            }),
        }),
        Phase::Act => specs.push(ToolSpec {
            name: "finish".to_owned(),
            description: "Says that the work is done, or that nothing more can be done.".to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "summary": { "type": "string" },
                    "nothing_more_to_offer": { "type": "boolean" },
                },
                "required": ["summary"],
            }),
        }),
        Phase::Reflect | Phase::Verify => {}
    }
    specs
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

/// Head and tail of a text that is too long, with a line that says how much is missing.
fn shorten(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let first = head(text, bytes_max / 2);
    let mut from = text.len() - bytes_max / 2;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let missing = from - first.len();
    format!("{first}\n[{missing} bytes left out]\n{}", &text[from..])
}
