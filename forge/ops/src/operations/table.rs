//! What can be carried out: one line of table for each, with its schemas beside.

use loki_operation::{Access, Available, Cost, Info};
use serde_json::Value;

use super::schemas as of;
use super::{OperationInfo, nothing};
use crate::{
    Forge, OpError, Outcome, apply, auth, data, declare, doctor, migrate, semantic, shorthand, verify,
};

type Schema = fn() -> Value;
type Call = fn(&Forge, &'static str, &Value) -> Result<Outcome, OpError>;

const fn reads(
    (group, name): (&'static str, &'static str),
    summary: &'static str,
    (input_schema, output_schema): (Schema, Schema),
    call: Call,
) -> OperationInfo {
    let info = Info {
        name,
        group,
        summary,
        access: Access::Read,
        cost: Cost::Instant,
        idempotent: true,
        input_schema,
        output_schema,
        available: Available::Here,
    };
    OperationInfo { info, call }
}

const fn writes(
    name: (&'static str, &'static str),
    summary: &'static str,
    schemas: (Schema, Schema),
    call: Call,
) -> OperationInfo {
    let made = reads(name, summary, schemas, call);
    OperationInfo { info: Info { access: Access::Write, ..made.info }, call }
}

/// The same, tried on a copy.
const fn proven(made: OperationInfo) -> OperationInfo {
    OperationInfo { info: Info { cost: Cost::Proof, ..made.info }, call: made.call }
}

/// The same, which may lose something.
const fn losing(made: OperationInfo) -> OperationInfo {
    OperationInfo { info: Info { access: Access::Destructive, ..made.info }, call: made.call }
}

/// The same, which acts anew each time.
const fn repeating(made: OperationInfo) -> OperationInfo {
    OperationInfo { info: Info { idempotent: false, ..made.info }, call: made.call }
}

pub(super) const HERE: [OperationInfo; 21] = [
    reads(
        ("database", "forge_db_introspect"),
        "Reads the schema: tables, columns, keys, indices, policies, drift.",
        (nothing, of::introspected),
        verify::introspect,
    ),
    reads(
        ("database", "forge_db_query"),
        "Runs one SELECT (Postgres grammar), as anybody. Nothing is written.",
        (of::query, of::rows),
        data::query,
    ),
    proven(reads(
        ("database", "forge_db_migrate_dryrun"),
        "Plans a migration, judges it and tries it on a copy. Changes nothing.",
        (of::spec, of::proposal),
        migrate::dry_run,
    )),
    proven(writes(
        ("database", "forge_db_migrate"),
        "Migrates the database: proposes the change first, applies it once approved.",
        (of::spec, of::applied),
        migrate::migrate,
    )),
    losing(proven(writes(
        ("database", "forge_db_migrate_rollback"),
        "Goes back to a version: proposes it first, applies it once it is approved.",
        (of::version, of::applied),
        migrate::roll_back,
    ))),
    proven(writes(
        ("database", "forge_db_rls_set"),
        "Sets who reaches which rows of a table, by a migration of its own.",
        (of::rls, of::applied),
        shorthand::set_rls,
    )),
    proven(writes(
        ("database", "forge_db_index_create"),
        "Adds an index to a table, by a migration of its own.",
        (of::index, of::applied),
        shorthand::create_index,
    )),
    repeating(writes(
        ("database", "forge_db_import"),
        "Adds rows to a table, all or none; an error names row and column.",
        (of::import, of::imported),
        data::import,
    )),
    writes(
        ("database", "forge_db_export"),
        "Writes rows to `.loki/forge/exports`, or into the answer.",
        (of::export, of::exported),
        data::export,
    ),
    repeating(writes(
        ("database", "forge_db_rpc_call"),
        "Calls a function of the database, as anybody.",
        (of::call, of::called),
        data::call,
    )),
    proven(writes(
        ("meta", "forge_apply"),
        "Brings the backend to a document, or to `forge.yaml`: plan, diff, dry run.",
        (of::apply, of::plan),
        apply::apply,
    )),
    writes(
        ("meta", "forge_declare"),
        "Declares a resource that a service will make: a bucket, a provider, a schedule.",
        (of::declare, of::declared),
        declare::declare,
    ),
    reads(
        ("meta", "forge_semantic_layer_render"),
        "Tells the schema in Markdown: columns, meanings, relations, policies.",
        (of::render, of::rendered),
        semantic::render,
    ),
    reads(
        ("meta", "forge_state_dump"),
        "Lists everything that Forge holds: schema, migrations, resources, backups.",
        (nothing, of::state),
        verify::dump,
    ),
    reads(
        ("meta", "forge_verify"),
        "Checks the backend, and names what was asked for and is not served yet.",
        (nothing, of::verified),
        verify::verify,
    ),
    reads(
        ("meta", "forge_doctor"),
        "Finds what is wrong with the backend, each with what to do about it.",
        (nothing, of::found),
        doctor::doctor,
    ),
    writes(
        ("auth", "forge_auth_provider_add"),
        "Declares a provider of sign-in. A person sets what only they have.",
        (of::provider, of::provided),
        auth::add_provider,
    ),
    writes(
        ("auth", "forge_auth_provider_remove"),
        "Removes a provider of sign-in.",
        (of::named, of::provided),
        auth::remove_provider,
    ),
    repeating(writes(
        ("auth", "forge_auth_user_create"),
        "Makes a user of the application, who can sign in.",
        (of::user, of::user_made),
        auth::create_user,
    )),
    reads(
        ("auth", "forge_auth_user_list"),
        "Lists the users of the application, the newest first.",
        (of::users, of::users_listed),
        auth::list_users,
    ),
    writes(
        ("auth", "forge_auth_session_revoke"),
        "Ends a session, or all sessions of a user.",
        (of::session, of::revoked),
        auth::revoke_sessions,
    ),
];
