//! `loki forge migrate`.

use std::sync::Arc;

use forge_core::{Approval, ApprovalBy, Catalog};
use forge_database::lint::{Finding, Severity};
use forge_database::postgres::migrate::{Applied, Draft, Drafted};
use forge_database::postgres::{Limits, Pg};
use forge_database::spec;
use loki_store::{Clock as _, SystemClock};
use serde_json::json;

use crate::app::App;
use crate::config::keys;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Ui, printable};

/// Bring a Postgres to the project's migrations
///
/// Plans each file of `forge/migrations` that is not applied yet, judges it, and proves it on a scratch database:
/// up, down, and up again. Without `--approve` that is all, and the statements are shown; with it, what was
/// proven is applied. Connects as `forge.database_admin_url`, which owns the tables; the role of
/// `forge.database_url` is the one that is served, and that policies bind. SQLite is migrated by `loki start`.
#[derive(clap::Args, Debug)]
pub(crate) struct MigrateArgs {
    /// Apply what is proven, and why that is right
    #[arg(long, value_name = "REASON")]
    approve: Option<String>,
}

pub(super) fn migrate(ui: &mut Ui, context: &Context, args: &MigrateArgs) -> Result<Status, CommandError> {
    let config = context.config()?;
    let (admin, served) =
        (config.get(&keys::FORGE_DATABASE_ADMIN_URL), config.get(&keys::FORGE_DATABASE_URL));
    if admin.is_empty() || served.is_empty() {
        return Err(CommandError::new(ErrorKind::Config, "there is no Postgres to migrate")
            .hint("Set `forge.database_url` (who is served) and `forge.database_admin_url` (who owns the tables).")
            .hint("A database on SQLite is migrated by `loki start`."));
    }
    let role = role_of(&served).ok_or_else(|| {
        CommandError::new(ErrorKind::Config, "`forge.database_url` names no role")
            .hint("Write it as `postgres://ROLE@HOST/DATABASE`.")
    })?;
    let app = App::of(context);
    app.prepare()?;
    let catalog = Catalog::open(&app.state().join("forge"), Arc::new(SystemClock))
        .map_err(|error| CommandError::from_error(ErrorKind::State, &error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let person = context.environment.get("USER").unwrap_or("somebody").to_owned();
    let by = args.approve.as_ref().map(|reason| ApprovalBy::Person { name: person, reason: reason.clone() });
    runtime.block_on(bring(ui, &app, &catalog, (&admin, &role), by))
}

async fn bring(
    ui: &mut Ui,
    app: &App,
    catalog: &Catalog,
    (url, role): (&str, &str),
    by: Option<ApprovalBy>,
) -> Result<Status, CommandError> {
    let server = Pg::new(url, Limits::default()).map_err(|error| failed(&error))?;
    server.prepare(role).await.map_err(|error| failed(&error))?;
    let mut waiting = 0;
    for file in app.migrations_in_order() {
        let (schema, _) = server.schema().await.map_err(|error| failed(&error))?;
        let migration = spec::parse_named(&file.yaml, &file.name, &schema).map_err(|error| {
            CommandError::new(ErrorKind::Input, format_args!("the migration `{}` cannot be read", file.file))
                .caused_by(&error)
        })?;
        let drafted = match server.draft(migration).await.map_err(|error| failed(&error))? {
            Draft::Applied(applied) => {
                ui.detail(format_args!(
                    "`{}` was applied before, as version {}.",
                    file.name, applied.version
                ))?;
                continue;
            }
            Draft::Pending(drafted) => *drafted,
        };
        sound(ui, &file.name, &drafted)?;
        let proven = server.prove(drafted).await.map_err(|error| failed(&error))?;
        let Some(by) = &by else {
            show(ui, &file.name, proven.drafted())?;
            waiting += 1;
            // Those after it are planned on what it leaves.
            break;
        };
        let approval = approved(catalog, &proven.subject_hash(), by)?;
        let now = format!("{:.3}", SystemClock.now());
        let applied = server.apply(proven, &approval, &now).await.map_err(|error| failed(&error))?;
        told(ui, &applied)?;
    }
    if waiting > 0 {
        ui.status(format_args!(
            "It holds on a scratch database. Apply it: `loki forge migrate --approve REASON`."
        ))?;
        return Ok(Status::Stopped);
    }
    ui.status(format_args!("The database is at the project's migrations."))?;
    Ok(Status::Success)
}

/// Refuses what the rules of `docs/reference/lint.md` find to break or expose the backend.
fn sound(ui: &mut Ui, name: &str, drafted: &Drafted) -> Result<(), CommandError> {
    let line = |finding: &Finding| format!("{} {}: {}", finding.rule, finding.subject, finding.message);
    for finding in drafted.findings() {
        ui.status(format_args!("{}", printable(&line(finding))))?;
    }
    let bad = drafted.findings().iter().find(|finding| finding.severity == Severity::Critical);
    match bad {
        Some(finding) => {
            let message = format_args!("the migration `{name}` is refused: {}", finding.message);
            Err(CommandError::new(ErrorKind::Input, message).hint(finding.fix))
        }
        None => Ok(()),
    }
}

fn show(ui: &mut Ui, name: &str, drafted: &Drafted) -> Result<(), CommandError> {
    let statements: Vec<&str> = drafted.plan().up.iter().map(|step| step.sql.as_str()).collect();
    if ui.is_json() {
        let waits = json!({ "migration": name, "hash": drafted.subject_hash(), "statements": statements });
        return Ok(ui.result_json(&waits)?);
    }
    ui.result(format_args!("-- {name}, {}", drafted.subject_hash()))?;
    for statement in statements {
        ui.result_text(&printable(&format!("{statement};")))?;
    }
    if let Some(loss) = drafted.needs_person() {
        ui.warning(format_args!("{}", printable(&loss)))?;
    }
    Ok(())
}

fn told(ui: &mut Ui, applied: &Applied) -> Result<(), CommandError> {
    ui.result(format_args!("`{}` is applied; version {} holds", applied.name, applied.version))?;
    for (statement, why) in &applied.late {
        ui.warning(format_args!("an index is missing: {} ({})", printable(statement), printable(why)))?;
    }
    Ok(())
}

fn approved(catalog: &Catalog, subject: &str, by: &ApprovalBy) -> Result<Approval, CommandError> {
    let evidence = json!({ "by": "loki forge migrate" });
    catalog
        .approve(subject, by.clone(), &evidence)
        .map_err(|error| CommandError::from_error(ErrorKind::State, &error))
}

fn failed(error: &dyn std::error::Error) -> CommandError {
    CommandError::from_error(ErrorKind::Machine, error)
}

/// The role that a URL connects as.
fn role_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let named = authority.rsplit_once('@').map(|(who, _)| who.split(':').next().unwrap_or_default());
    let named = named.or_else(|| {
        let parameters = rest.split_once('?')?.1;
        parameters.split('&').find_map(|pair| pair.strip_prefix("user="))
    });
    named.filter(|role| !role.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_read_off_the_url() {
        for (url, role) in [
            ("postgres://app@localhost/shop", Some("app")),
            ("postgres://app:p%40ss@db:5432/shop?sslmode=require", Some("app")),
            ("postgresql:///shop?host=/run/x&user=app", Some("app")),
            ("postgres://localhost/shop", None),
            ("", None),
        ] {
            assert_eq!(role_of(url).as_deref(), role, "{url}");
        }
    }
}
