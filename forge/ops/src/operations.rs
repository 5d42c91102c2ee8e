//! The table of operations: what each is called, what it takes, what it may do, and who carries it out.

use loki_operation::{Access, Available, Cost, Info, object};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Forge, OpError, Outcome, auth, declare, migrate, verify};

/// An operation: how doors tell of it, and who carries it out.
#[derive(Debug)]
pub struct OperationInfo {
    /// How doors tell of it.
    pub info: Info,
    call: fn(&Forge, &'static str, &Value) -> Result<Outcome, OpError>,
}

pub(crate) fn all() -> &'static [OperationInfo] {
    &OPERATIONS
}

pub(crate) fn call(forge: &Forge, name: &str, input: &Value) -> Result<Outcome, OpError> {
    let operation = all().iter().find(|operation| operation.info.name == name);
    let operation = operation.ok_or_else(|| OpError::Unknown { name: name.to_owned() })?;
    (operation.call)(forge, operation.info.name, input)
}

/// The input as the operation's own type.
pub(crate) fn read<'v, T: Deserialize<'v>>(operation: &'static str, input: &'v Value) -> Result<T, OpError> {
    let refused = |why: String| OpError::Input { operation, why };
    if !input.is_object() {
        return Err(refused("it is no JSON object".to_owned()));
    }
    T::deserialize(input).map_err(|error| refused(error.to_string()))
}

const fn reads(name: &'static str, group: &'static str, summary: &'static str) -> Info {
    Info {
        name,
        group,
        summary,
        access: Access::Read,
        cost: Cost::Instant,
        idempotent: true,
        input_schema: nothing,
        output_schema: any_object,
        available: Available::Here,
    }
}

fn nothing() -> Value {
    object(json!({}), &[])
}

fn any_object() -> Value {
    json!({ "type": "object" })
}

fn spec() -> Value {
    let spec = json!({
        "type": "string",
        "description": "The migration in YAML: `migration: name` and `changes:`, a list such as \
            `- add_table: {name: notes, columns: [id pk, user_id fk->users.id, body text], rls: own-row}`",
    });
    object(json!({ "spec": spec }), &["spec"])
}

static OPERATIONS: [OperationInfo; 12] = [
    OperationInfo {
        info: reads(
            "forge_db_introspect",
            "database",
            "Reads the schema: tables, columns, keys, indices, policies, drift.",
        ),
        call: verify::introspect,
    },
    OperationInfo {
        info: Info {
            cost: Cost::Proof,
            input_schema: spec,
            ..reads(
                "forge_db_migrate_dryrun",
                "database",
                "Plans a migration, judges it and tries it on a copy. Changes nothing.",
            )
        },
        call: migrate::dry_run,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            cost: Cost::Proof,
            input_schema: spec,
            ..reads(
                "forge_db_migrate",
                "database",
                "Migrates the database: proposes the change first, applies it once approved.",
            )
        },
        call: migrate::migrate,
    },
    OperationInfo {
        info: Info {
            access: Access::Destructive,
            cost: Cost::Proof,
            input_schema: version,
            ..reads(
                "forge_db_migrate_rollback",
                "database",
                "Goes back to a version: proposes it first, applies it once it is approved.",
            )
        },
        call: migrate::roll_back,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            input_schema: declared,
            ..reads(
                "forge_declare",
                "meta",
                "Declares a resource that a service will make: a bucket, a provider, a schedule.",
            )
        },
        call: declare::declare,
    },
    OperationInfo {
        info: reads(
            "forge_state_dump",
            "meta",
            "Lists everything that Forge holds: schema, migrations, resources, backups.",
        ),
        call: verify::dump,
    },
    OperationInfo {
        info: reads(
            "forge_verify",
            "meta",
            "Checks the backend, and names what was asked for and is not served yet.",
        ),
        call: verify::verify,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            input_schema: provider,
            ..reads(
                "forge_auth_provider_add",
                "auth",
                "Declares a provider of sign-in. A person sets what only they have.",
            )
        },
        call: auth::add_provider,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            input_schema: named,
            ..reads("forge_auth_provider_remove", "auth", "Removes a provider of sign-in.")
        },
        call: auth::remove_provider,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            idempotent: false,
            input_schema: user,
            ..reads("forge_auth_user_create", "auth", "Makes a user of the application, who can sign in.")
        },
        call: auth::create_user,
    },
    OperationInfo {
        info: Info {
            input_schema: users,
            ..reads("forge_auth_user_list", "auth", "Lists the users of the application, the newest first.")
        },
        call: auth::list_users,
    },
    OperationInfo {
        info: Info {
            access: Access::Write,
            input_schema: session,
            ..reads("forge_auth_session_revoke", "auth", "Ends a session, or all sessions of a user.")
        },
        call: auth::revoke_sessions,
    },
];

fn version() -> Value {
    let version = json!({
        "type": "integer",
        "minimum": 0,
        "description": "The newest version that is to hold; 0 undoes every migration",
    });
    object(json!({ "version": version }), &["version"])
}

fn declared() -> Value {
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

fn provider_name() -> Value {
    json!({ "type": "string", "description": "Such as google, github, or any other name for an issuer" })
}

fn named() -> Value {
    object(json!({ "name": provider_name() }), &["name"])
}

fn provider() -> Value {
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

fn user() -> Value {
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

fn users() -> Value {
    object(
        json!({
            "page": { "type": "integer", "minimum": 1 },
            "per_page": { "type": "integer", "minimum": 1, "maximum": 200 },
        }),
        &[],
    )
}

fn session() -> Value {
    object(
        json!({
            "session": { "type": "string", "description": "The session's identifier" },
            "user": { "type": "string", "description": "The user's identifier or address" },
        }),
        &[],
    )
}
