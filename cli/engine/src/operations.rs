//! The operations on runs, each defined once: a name, JSON in, JSON out. Every door offers the same.
//!
//! What is here needs the ledger and the project's files. What starts processes, or asks gates that only the
//! program knows, is defined beside the desk and joins these there.

mod checkpoint;
mod error;
mod inbox;
mod place;
mod queue;
mod report;
mod state;
mod status;
mod why;

#[cfg(test)]
mod tests;

use loki_operation::{Access, Answer, Available, Cost, Info, object};
use serde::Deserialize;
use serde_json::{Value, json};

pub use checkpoint::{PutBack, put_back};
pub use error::OperationError;
pub use inbox::{GUIDANCE_BYTES_MAX, meant, tell, undecided};
pub use place::Place;
pub use report::read_receipt;
pub use status::{state_word, status};
pub use why::{Why, why};

/// The group of what is about runs.
pub const RUN: &str = "run";
/// The group of what is about the queue of tasks.
pub const TASKS: &str = "tasks";

/// An operation, and what carries it out.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// How doors tell of it.
    pub info: Info,
    /// Carries it out. It may block.
    pub call: fn(&Place, &Value) -> Result<Answer, OperationError>,
}

/// Every operation that is defined here.
pub fn all() -> &'static [Operation] {
    &ALL
}

/// Carries the operation called `name` out. It may block.
pub fn call(place: &Place, name: &str, input: &Value) -> Result<Answer, OperationError> {
    let operation = ALL.iter().find(|operation| operation.info.name == name);
    let operation = operation.ok_or_else(|| OperationError::Unknown { name: name.to_owned() })?;
    (operation.call)(place, input)
}

/// The input as the operation's own type.
pub fn read<'v, T: Deserialize<'v>>(operation: &'static str, input: &'v Value) -> Result<T, OperationError> {
    let refused = |why: String| OperationError::Input { operation, why };
    if !input.is_object() {
        return Err(refused("it is no JSON object".to_owned()));
    }
    T::deserialize(input).map_err(|error| refused(error.to_string()))
}

/// The schema of a run's name, as an input.
pub fn run_schema() -> Value {
    json!({ "type": "string", "description": "Default: the newest" })
}

/// Names the run and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRun {
    run: Option<String>,
}

const fn reads(name: &'static str, summary: &'static str) -> Info {
    Info {
        name,
        group: RUN,
        summary,
        access: Access::Read,
        cost: Cost::Instant,
        idempotent: true,
        input_schema: of_run,
        output_schema: any_object,
        available: Available::Here,
    }
}

fn of_run() -> Value {
    object(json!({ "run": run_schema() }), &[])
}

fn any_object() -> Value {
    json!({ "type": "object" })
}

static ALL: [Operation; 12] = [
    Operation {
        info: Info {
            output_schema: status::output,
            ..reads(
                "loki_project_status",
                "How the newest (or a named) run stands: state, step, gates, cost.",
            )
        },
        call: status::operation,
    },
    Operation {
        info: Info {
            input_schema: state::input,
            output_schema: state::output,
            ..reads("loki_state_get", "One part of a run's state, in pages.")
        },
        call: state::operation,
    },
    Operation {
        info: Info {
            output_schema: why::output,
            ..reads("loki_why", "Why a run stands where it does: reason, evidence, gaps, next commands.")
        },
        call: why::operation,
    },
    Operation {
        info: Info {
            output_schema: report::output,
            ..reads("loki_quality_report", "Gates and receipt facts, apart from what models claimed.")
        },
        call: report::operation,
    },
    Operation {
        info: Info {
            input_schema: inbox::input,
            output_schema: inbox::output,
            access: Access::Write,
            idempotent: false,
            ..reads("loki_steer", "Gives a run a word of guidance for every later prompt.")
        },
        call: inbox::steer,
    },
    Operation {
        info: Info {
            output_schema: inbox::output,
            access: Access::Write,
            ..reads("loki_pause", "Lets a run do nothing new until it is resumed.")
        },
        call: inbox::pause,
    },
    Operation {
        info: Info {
            output_schema: checkpoint::list_output,
            ..reads("loki_checkpoint_list", "The snapshots of the project's files that a run has kept.")
        },
        call: checkpoint::list,
    },
    Operation {
        info: Info {
            input_schema: checkpoint::input,
            output_schema: checkpoint::output,
            access: Access::Destructive,
            idempotent: false,
            ..reads(
                "loki_checkpoint_restore",
                "Puts the project's files back to a snapshot. Not the database.",
            )
        },
        call: checkpoint::restore,
    },
    Operation {
        info: Info {
            group: TASKS,
            access: Access::Write,
            idempotent: false,
            input_schema: queue::add_input,
            output_schema: queue::output,
            ..reads("loki_task_queue_add", "Adds a task to the project's queue; once, under a key.")
        },
        call: queue::add,
    },
    Operation {
        info: Info {
            group: TASKS,
            input_schema: queue::list_input,
            output_schema: queue::list_output,
            ..reads("loki_task_queue_list", "Lists tasks, in pages.")
        },
        call: queue::list,
    },
    Operation {
        info: Info {
            group: TASKS,
            access: Access::Write,
            idempotent: false,
            input_schema: queue::take_input,
            output_schema: queue::output,
            ..reads("loki_task_queue_take", "Takes the most urgent task under a lease, or renews a lease.")
        },
        call: queue::take,
    },
    Operation {
        info: Info {
            group: TASKS,
            access: Access::Write,
            input_schema: queue::complete_input,
            output_schema: queue::output,
            ..reads("loki_complete_task", "Ends a task as done or failed, under its lease.")
        },
        call: queue::complete,
    },
];
