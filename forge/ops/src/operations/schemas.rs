//! JSON Schemas of what operations take and give. Each word of them is paid for in tokens.

use loki_operation::object;
use serde_json::{Value, json};

use crate::data::who_schema;
use crate::declare;

pub(super) fn spec() -> Value {
    let spec = json!({
        "type": "string",
        "description": "The migration in YAML: `migration: name` and `changes:`, a list such as \
            `- add_table: {name: notes, columns: [id pk, user_id fk->users.id, body text], rls: own-row}`",
    });
    object(json!({ "spec": spec }), &["spec"])
}

pub(super) fn version() -> Value {
    let version = json!({
        "type": "integer",
        "minimum": 0,
        "description": "The newest version that is to hold; 0 undoes every migration",
    });
    object(json!({ "version": version }), &["version"])
}

pub(super) fn declare() -> Value {
    object(
        json!({
            "kind": { "type": "string", "enum": declare::KINDS.map(|(name, _)| name) },
            "name": { "type": "string" },
            "spec": { "type": "object", "description": "What it is. Never a secret's value." },
            "lines": { "type": "array", "items": { "type": "integer", "minimum": 1 } },
        }),
        &["kind", "name"],
    )
}

pub(super) fn rls() -> Value {
    let rls = json!({
        "type": ["string", "array", "object"],
        "description": "own-row, own-or-public, public (read), none; or policies as a migration has them",
    });
    object(json!({ "table": { "type": "string" }, "rls": rls }), &["table", "rls"])
}

pub(super) fn index() -> Value {
    object(
        json!({
            "table": { "type": "string" },
            "columns": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "unique": { "type": "boolean" },
            "name": { "type": "string" },
        }),
        &["table", "columns"],
    )
}

pub(super) fn query() -> Value {
    let (role, user) = who_schema();
    object(
        json!({
            "sql": { "type": "string", "description": "One SELECT; values as $1, $2" },
            "params": { "type": "array", "description": "Values of $1, $2" },
            "limit": { "type": "integer", "minimum": 1, "maximum": crate::data::LIMIT_MAX },
            "role": role,
            "user": user,
        }),
        &["sql"],
    )
}

pub(super) fn import() -> Value {
    let (role, user) = who_schema();
    object(
        json!({
            "table": { "type": "string" },
            "rows": { "type": "array", "items": { "type": "object" }, "description": "Column to value" },
            "file": { "type": "string", "description": "Instead: a .jsonl or .csv of the exports" },
            "dry_run": { "type": "boolean" },
            "role": role,
            "user": user,
        }),
        &["table"],
    )
}

pub(super) fn export() -> Value {
    let (role, user) = who_schema();
    object(
        json!({
            "table": { "type": "string", "description": "Default: every table" },
            "format": { "type": "string", "enum": ["jsonl", "csv"] },
            "inline": { "type": "boolean", "description": "Into the answer, not a file" },
            "role": role,
            "user": user,
        }),
        &[],
    )
}

pub(super) fn call() -> Value {
    let (role, user) = who_schema();
    object(
        json!({
            "function": { "type": "string" },
            "args": { "type": "object" },
            "role": role,
            "user": user,
        }),
        &["function"],
    )
}

pub(super) fn apply() -> Value {
    object(
        json!({
            "document": { "type": "string", "description": "YAML with tables, buckets, functions, schedules, secrets, providers, drop; default: forge.yaml" },
            "dry_run": { "type": "boolean", "description": "Only the plan" },
        }),
        &[],
    )
}

pub(super) fn render() -> Value {
    let tables = json!({ "type": "array", "items": { "type": "string" }, "description": "Default: all" });
    object(json!({ "tables": tables }), &[])
}

fn provider_name() -> Value {
    json!({ "type": "string", "description": "Such as google, github, or any other name for an issuer" })
}

pub(super) fn named() -> Value {
    object(json!({ "name": provider_name() }), &["name"])
}

pub(super) fn provider() -> Value {
    let reference = |what: &str| json!({ "type": "string", "description": format!("{what}, by reference: `secret:NAME`") });
    object(
        json!({
            "name": provider_name(),
            "issuer": reference("The issuer, for a provider that is not known by name"),
            "client_id": reference("The client's identifier"),
            "client_secret": reference("The client's secret"),
        }),
        &["name"],
    )
}

pub(super) fn user() -> Value {
    object(
        json!({
            "email": { "type": "string" },
            "password": { "type": "string" },
            "email_confirm": { "type": "boolean", "description": "Whether the address counts as confirmed" },
            "data": { "type": "object", "description": "What the user says of themselves" },
        }),
        &["email"],
    )
}

pub(super) fn users() -> Value {
    object(
        json!({
            "page": { "type": "integer", "minimum": 1 },
            "per_page": { "type": "integer", "minimum": 1, "maximum": 200 },
        }),
        &[],
    )
}

pub(super) fn session() -> Value {
    object(
        json!({
            "session": { "type": "string", "description": "The session's identifier" },
            "user": { "type": "string", "description": "The user's identifier or address" },
        }),
        &[],
    )
}

/// An answer with these members, all of them always there unless `optional` names them.
fn given(properties: Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flat_map(serde_json::Map::keys);
    let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn thing() -> Value {
    json!({ "type": "object" })
}

fn maybe_text() -> Value {
    json!({ "type": ["string", "null"] })
}

fn backup() -> Value {
    json!({ "type": ["object", "null"] })
}

pub(super) fn introspected() -> Value {
    given(json!({ "introspection": thing(), "text": text() }), &[])
}

pub(super) fn rows() -> Value {
    let rows = list(json!({ "type": "array" }));
    given(json!({ "columns": list(text()), "rows": rows, "truncated": flag() }), &[])
}

pub(super) fn proposal() -> Value {
    given(
        json!({
            "subject_hash": text(),
            "title": text(),
            "findings": list(thing()),
            "facts": list(thing()),
            "needs_person": maybe_text(),
            "up": list(text()),
            "down": list(text()),
            "spec": text(),
            "version": count(),
            "name": text(),
            "already": flag(),
            "backup": backup(),
        }),
        // Of a change that was applied before there is no proposal.
        &[
            "subject_hash",
            "title",
            "findings",
            "facts",
            "needs_person",
            "up",
            "down",
            "spec",
            "version",
            "name",
            "already",
            "backup",
        ],
    )
}

pub(super) fn applied() -> Value {
    given(
        json!({
            "version": count(),
            "name": text(),
            "subject_hash": text(),
            "already": flag(),
            "backup": backup(),
        }),
        &[],
    )
}

pub(super) fn imported() -> Value {
    given(json!({ "table": text(), "rows": count(), "dry_run": flag() }), &[])
}

pub(super) fn exported() -> Value {
    let file = given(json!({ "table": text(), "file": text(), "rows": count() }), &[]);
    given(
        json!({ "folder": text(), "files": list(file), "rows": count(), "text": text(), "truncated": flag() }),
        &["folder", "files", "rows", "text", "truncated"],
    )
}

pub(super) fn called() -> Value {
    given(json!({ "result": {}, "truncated": flag() }), &[])
}

pub(super) fn plan() -> Value {
    let step = given(
        json!({
            "action": { "type": "string", "enum": ["add", "change", "remove"] },
            "kind": text(),
            "name": text(),
            "what": text(),
        }),
        &[],
    );
    given(
        json!({ "plan": list(step), "applied": flag(), "version": count(), "proposal": thing() }),
        &["proposal"],
    )
}

pub(super) fn declared() -> Value {
    given(json!({ "kind": text(), "name": text(), "change": text(), "status": text() }), &[])
}

pub(super) fn rendered() -> Value {
    given(json!({ "text": text(), "left_out": list(text()) }), &[])
}

pub(super) fn state() -> Value {
    given(
        json!({
            "version": count(),
            "fingerprint": text(),
            "schema": thing(),
            "migrations": list(thing()),
            "resources": list(thing()),
            "backups": list(thing()),
            "audit": thing(),
        }),
        &[],
    )
}

pub(super) fn verified() -> Value {
    let fact = given(
        json!({ "name": text(), "area": text(), "passed": { "type": ["boolean", "null"] }, "detail": text() }),
        &[],
    );
    given(
        json!({
            "ok": flag(),
            "version": count(),
            "fingerprint": text(),
            "facts": list(fact),
            "gaps": list(thing()),
        }),
        &[],
    )
}

pub(super) fn found() -> Value {
    let finding = given(json!({ "check": text(), "severity": text(), "what": text(), "next": text() }), &[]);
    given(json!({ "ok": flag(), "checks": list(text()), "findings": list(finding) }), &[])
}

pub(super) fn provided() -> Value {
    given(json!({ "name": text(), "change": text(), "needs": list(text()) }), &[])
}

pub(super) fn user_made() -> Value {
    given(
        json!({
            "id": text(),
            "email": maybe_text(),
            "role": text(),
            "confirmed": flag(),
            "anonymous": flag(),
            "banned_until": maybe_text(),
            "last_sign_in_at": maybe_text(),
            "created_at": text(),
        }),
        &[],
    )
}

pub(super) fn users_listed() -> Value {
    given(json!({ "users": list(user_made()), "page": count(), "per_page": count(), "total": count() }), &[])
}

pub(super) fn revoked() -> Value {
    given(json!({ "change": text(), "of": thing() }), &[])
}
