//! The table of operations: what each is called, what it takes, what it may do, and who carries it out.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Forge, OpError, Outcome, auth, declare, migrate, verify};

/// What an operation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It changes something that can be changed back.
    Write,
    /// It may lose data.
    Destructive,
}

/// An operation, as doors offer it.
#[derive(Debug)]
pub struct OperationInfo {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it may do.
    pub access: Access,
    /// JSON Schema of its input.
    pub input_schema: Value,
    call: fn(&Forge, &'static str, &Value) -> Result<Outcome, OpError>,
}

pub(crate) fn all() -> &'static [OperationInfo] {
    &OPERATIONS
}

pub(crate) fn call(forge: &Forge, name: &str, input: &Value) -> Result<Outcome, OpError> {
    let operation = all().iter().find(|operation| operation.name == name);
    let operation = operation.ok_or_else(|| OpError::Unknown { name: name.to_owned() })?;
    (operation.call)(forge, operation.name, input)
}

/// The input as the operation's own type.
pub(crate) fn read<'v, T: Deserialize<'v>>(operation: &'static str, input: &'v Value) -> Result<T, OpError> {
    let refused = |why: String| OpError::Input { operation, why };
    if !input.is_object() {
        return Err(refused("it is no JSON object".to_owned()));
    }
    T::deserialize(input).map_err(|error| refused(error.to_string()))
}

static OPERATIONS: LazyLock<Vec<OperationInfo>> = LazyLock::new(|| {
    let spec = json!({
        "type": "string",
        "description": "The migration in YAML: `migration: name` and `changes:`, a list such as \
            `- add_table: {name: notes, columns: [id pk, user_id fk->users.id, body text], rls: own-row}`",
    });
    vec![
        OperationInfo {
            name: "forge_db_introspect",
            summary: "Reads the database's schema: tables, columns, keys, indices, policies, and drift.",
            access: Access::Read,
            input_schema: object(json!({}), &[]),
            call: verify::introspect,
        },
        OperationInfo {
            name: "forge_db_migrate_dryrun",
            summary: "Plans a migration, judges it and tries it on a copy, without changing anything.",
            access: Access::Read,
            input_schema: object(json!({ "spec": spec }), &["spec"]),
            call: migrate::dry_run,
        },
        OperationInfo {
            name: "forge_db_migrate",
            summary: "Migrates the database: proposes the change first, applies it once it is approved.",
            access: Access::Write,
            input_schema: object(json!({ "spec": spec }), &["spec"]),
            call: migrate::migrate,
        },
        OperationInfo {
            name: "forge_db_migrate_rollback",
            summary: "Goes back to a version: proposes it first, applies it once it is approved.",
            access: Access::Destructive,
            input_schema: object(
                json!({ "version": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "The newest version that is to hold; 0 undoes every migration",
                } }),
                &["version"],
            ),
            call: migrate::roll_back,
        },
        OperationInfo {
            name: "forge_declare",
            summary: "Declares a resource that a service will make: a bucket, a sign-in provider, a schedule, ...",
            access: Access::Write,
            input_schema: object(
                json!({
                    "kind": { "type": "string", "enum": declare::KINDS.map(|(name, _)| name) },
                    "name": { "type": "string" },
                    "spec": { "type": "object", "description": "What it is. Never a secret's value." },
                    "lines": { "type": "array", "items": { "type": "integer", "minimum": 1 } },
                }),
                &["kind", "name"],
            ),
            call: declare::declare,
        },
        OperationInfo {
            name: "forge_state_dump",
            summary: "Lists everything that Forge holds: schema, migrations, resources, backups.",
            access: Access::Read,
            input_schema: object(json!({}), &[]),
            call: verify::dump,
        },
        OperationInfo {
            name: "forge_verify",
            summary: "Checks the backend as it is, and names what was asked for and is not served yet.",
            access: Access::Read,
            input_schema: object(json!({}), &[]),
            call: verify::verify,
        },
    ]
    .into_iter()
    .chain(of_auth())
    .collect()
});

/// What there is to do about sign-in.
fn of_auth() -> [OperationInfo; 5] {
    let name =
        json!({ "type": "string", "description": "Such as google, github, or any other name for an issuer" });
    let reference = |what: &str| json!({ "type": "string", "description": format!("{what}, by reference: `secret:NAME`") });
    [
        OperationInfo {
            name: "forge_auth_provider_add",
            summary: "Declares a provider of sign-in (OAuth or OpenID Connect). A person sets what only they have.",
            access: Access::Write,
            input_schema: object(
                json!({
                    "name": name,
                    "issuer": reference("The issuer, for a provider that is not known by name"),
                    "client_id": reference("The client's identifier"),
                    "client_secret": reference("The client's secret"),
                }),
                &["name"],
            ),
            call: auth::add_provider,
        },
        OperationInfo {
            name: "forge_auth_provider_remove",
            summary: "Removes a provider of sign-in.",
            access: Access::Write,
            input_schema: object(json!({ "name": name }), &["name"]),
            call: auth::remove_provider,
        },
        OperationInfo {
            name: "forge_auth_user_create",
            summary: "Makes a user of the application, who can sign in.",
            access: Access::Write,
            input_schema: object(
                json!({
                    "email": { "type": "string" },
                    "password": { "type": "string" },
                    "email_confirm": { "type": "boolean", "description": "Whether the address counts as confirmed" },
                    "data": { "type": "object", "description": "What the user says of themselves" },
                }),
                &["email"],
            ),
            call: auth::create_user,
        },
        OperationInfo {
            name: "forge_auth_user_list",
            summary: "Lists the users of the application, the newest first.",
            access: Access::Read,
            input_schema: object(
                json!({
                    "page": { "type": "integer", "minimum": 1 },
                    "per_page": { "type": "integer", "minimum": 1, "maximum": 200 },
                }),
                &[],
            ),
            call: auth::list_users,
        },
        OperationInfo {
            name: "forge_auth_session_revoke",
            summary: "Ends a session, or all sessions of a user.",
            access: Access::Write,
            input_schema: object(
                json!({
                    "session": { "type": "string", "description": "The session's identifier" },
                    "user": { "type": "string", "description": "The user's identifier or address" },
                }),
                &[],
            ),
            call: auth::revoke_sessions,
        },
    ]
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
