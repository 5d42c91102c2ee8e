//! The blueprint as a provider: it makes the same tool calls that a model would, from the requirements
//! and from the migrations that the project holds.
//!
//! Planning: look at what exists, hand in what is missing as the plan. Acting: look, apply the
//! migrations in the project's folder that are not applied yet, look again, write and apply a migration
//! for what the document asks beyond that, declare the rest, and finish. It remembers nothing between
//! turns: what it does next follows from the conversation it is shown.

use async_trait::async_trait;
use forge_detect::Requirements;
use loki_provider::{Message, Provider, ProviderError, Refusal, Request, ToolCall, Turn};
use serde_json::{Value, json};

use crate::{Existing, Plan, plan};

/// Its name in receipts.
pub const NAME: &str = "blueprint";
/// Where a project keeps its migrations.
pub const MIGRATIONS: &str = "forge/migrations";

/// A migration that the project's folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFile {
    /// Its file name without the ending; migrations apply in the order of these.
    pub file: String,
    /// The migration's own name.
    pub name: String,
    /// Its text.
    pub yaml: String,
}

/// The deterministic provider for one document.
pub struct Blueprint {
    requirements: Requirements,
    files: Vec<MigrationFile>,
}

impl Blueprint {
    /// A provider that builds what these requirements say, after the migrations in these files.
    pub fn new(requirements: Requirements, mut files: Vec<MigrationFile>) -> Self {
        files.sort_by(|one, other| one.file.cmp(&other.file));
        Self { requirements, files }
    }

    /// The files whose migrations are not applied yet.
    fn pending(&self, existing: &Existing) -> Vec<&MigrationFile> {
        self.files.iter().filter(|file| !existing.migrations.contains(&file.name)).collect()
    }

    fn reason(&self, looks: &[Look<'_>]) -> Result<Turn, ProviderError> {
        let Some(look) = looks.last() else { return Ok(look_turn(1)) };
        let existing = match look {
            Ok(state) => parse(state)?,
            Err(output) => return Ok(claim(&unreadable(output))),
        };
        let pending = self.pending(&existing);
        let mut items: Vec<String> =
            pending.iter().map(|file| format!("apply {MIGRATIONS}/{}.yaml", file.file)).collect();
        items.extend(plan(&self.requirements, &existing).checklist);
        Ok(turn(
            "What is missing follows from the document.",
            vec![call("plan", "plan", json!({ "items": items }))],
        ))
    }

    fn act(&self, request: &Request, looks: &[Look<'_>]) -> Result<Turn, ProviderError> {
        let refused = refusals(request);
        if !refused.is_empty() {
            let steps = if refused.len() == 1 { "1 step" } else { "several steps" };
            return Ok(claim(&format!("{steps} failed. {}", refused.join(" "))));
        }
        let existing = match looks.last() {
            None => return Ok(look_turn(1)),
            Some(Ok(state)) => parse(state)?,
            Some(Err(output)) => return Ok(claim(&unreadable(output))),
        };
        if looks.len() == 1 {
            let pending = self.pending(&existing);
            if !pending.is_empty() {
                let mut calls: Vec<ToolCall> =
                    pending.iter().map(|file| migrate(&file.name, &file.yaml)).collect();
                calls.push(look_call(2));
                return Ok(turn("I apply the project's own migrations first.", calls));
            }
        }
        // Applied first, then kept: the project holds what was applied, not what was refused.
        let plan = plan(&self.requirements, &existing);
        for calls in [migrations(&plan), records(&plan, existing.migrations.len())] {
            if calls.first().is_some_and(|first| !already_asked(request, &first.id)) {
                return Ok(turn("I make what is missing.", calls));
            }
        }
        Ok(claim("everything the document asks for is there, as far as the blueprint goes"))
    }
}

/// The answer to a look at what exists: the state, or why it cannot be had.
type Look<'a> = Result<&'a str, &'a str>;

#[async_trait]
impl Provider for Blueprint {
    fn name(&self) -> &str {
        NAME
    }

    fn deterministic(&self) -> bool {
        true
    }

    async fn turn(&self, request: &Request) -> Result<Turn, ProviderError> {
        let looks: Vec<Look<'_>> = request.messages.iter().filter_map(look_answer).collect();
        match request.phase.as_str() {
            "reason" => self.reason(&looks),
            _ => self.act(request, &looks),
        }
    }
}

/// The steps that failed, with what was said about each.
fn refusals(request: &Request) -> Vec<String> {
    let failed = |message: &Message| match message {
        Message::Tool { id, ok: false, output } if !id.starts_with("look-") => {
            Some(format!("{id}: {output}"))
        }
        Message::Tool { .. } | Message::User { .. } | Message::Assistant { .. } => None,
    };
    request.messages.iter().filter_map(failed).collect()
}

fn already_asked(request: &Request, id: &str) -> bool {
    request.messages.iter().any(|message| match message {
        Message::Assistant { calls, .. } => calls.iter().any(|call| call.id == id),
        Message::User { .. } | Message::Tool { .. } => false,
    })
}

/// The calls that change the database.
fn migrations(plan: &Plan) -> Vec<ToolCall> {
    plan.migrations.iter().map(|migration| migrate(&migration.name, &migration.yaml)).collect()
}

/// The calls that keep the migrations in the project and declare the rest.
fn records(plan: &Plan, applied: usize) -> Vec<ToolCall> {
    let mut calls = Vec::new();
    for (n, migration) in plan.migrations.iter().enumerate() {
        let name = &migration.name;
        let path = format!("{MIGRATIONS}/{:04}_{name}.yaml", applied + n + 1);
        let input = json!({ "path": path, "content": migration.yaml });
        calls.push(call(&format!("write-{name}"), "write_file", input));
    }
    for declaration in &plan.declarations {
        let input = json!({
            "kind": declaration.kind,
            "name": declaration.name,
            "spec": declaration.spec,
            "lines": declaration.lines,
        });
        calls.push(call(
            &format!("declare-{}-{}", declaration.kind, declaration.name),
            "forge_declare",
            input,
        ));
    }
    calls
}

fn migrate(name: &str, yaml: &str) -> ToolCall {
    call(&format!("migrate-{name}"), "forge_db_migrate", json!({ "spec": yaml }))
}

fn look_turn(number: u32) -> Turn {
    turn("I look at what exists.", vec![look_call(number)])
}

fn look_call(number: u32) -> ToolCall {
    call(&format!("look-{number}"), "forge_state_dump", json!({}))
}

/// The answer to a look at what exists.
fn look_answer(message: &Message) -> Option<Look<'_>> {
    match message {
        Message::Tool { id, ok: true, output } if id.starts_with("look-") => Some(Ok(output)),
        Message::Tool { id, ok: false, output } if id.starts_with("look-") => Some(Err(output)),
        Message::Tool { .. } | Message::User { .. } | Message::Assistant { .. } => None,
    }
}

fn unreadable(output: &str) -> String {
    format!("the state of the backend cannot be read: {output}")
}

fn parse(state: &str) -> Result<Existing, ProviderError> {
    let state: Value = serde_json::from_str(state).map_err(|error| {
        ProviderError::permanent(Refusal::Other, format!("the state dump is no JSON: {error}"))
    })?;
    Ok(Existing::of_state(&state))
}

impl Existing {
    /// What exists, from the answer of `forge_state_dump`.
    pub fn of_state(state: &Value) -> Self {
        let mut existing = Self::default();
        for (name, table) in state["schema"]["tables"].as_object().into_iter().flatten() {
            let columns = table["columns"].as_array().into_iter().flatten();
            let names = columns.filter_map(|column| column["name"].as_str());
            existing.tables.insert(name.clone(), names.map(str::to_owned).collect());
            let key = table["primary_key"].as_array().filter(|key| key.len() == 1);
            if let Some(key) = key.and_then(|key| key[0].as_str()) {
                existing.keys.insert(name.clone(), key.to_owned());
            }
        }
        for resource in state["resources"].as_array().into_iter().flatten() {
            let (kind, name) = (resource["kind"].as_str(), resource["name"].as_str());
            if let (Some(kind), Some(name)) = (kind, name)
                && !is_bare(kind, &resource["spec"])
            {
                existing.declared.insert((kind.to_owned(), name.to_owned()));
            }
        }
        for migration in state["migrations"].as_array().into_iter().flatten() {
            if let (Some(name), Some(false)) = (migration["name"].as_str(), migration["undone"].as_bool()) {
                existing.migrations.push(name.to_owned());
            }
        }
        existing
    }
}

/// A way of signing in of which only the name is there, from before there was more to declare of it: it is
/// declared again.
fn is_bare(kind: &str, spec: &Value) -> bool {
    kind == "auth_provider" && spec.as_object().is_none_or(serde_json::Map::is_empty)
}

/// Asked again, it would say the same: it has nothing more to offer, whatever the gates say.
fn claim(summary: &str) -> Turn {
    let input = json!({ "summary": summary, "nothing_more_to_offer": true });
    turn("", vec![call("finish", "finish", input)])
}

fn turn(text: &str, calls: Vec<ToolCall>) -> Turn {
    Turn::free(text, calls)
}

fn call(id: &str, tool: &str, input: Value) -> ToolCall {
    ToolCall { id: id.to_owned(), tool: tool.to_owned(), input, malformed: None }
}
