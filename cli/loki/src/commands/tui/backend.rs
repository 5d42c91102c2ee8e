//! A project's backend as the dashboard shows it. Read without changing anything, also while a run is at
//! work on it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use croner::Cron;
use forge_core::{Catalog, Resource, ResourceKind, Role, Status};
use forge_database::ddl::plan;
use forge_database::pipeline::{self, history::Entry};
use forge_database::policy::{Side, condition, roles, speaks_to};
use forge_database::schema::{Column, ColumnDefault, Command, Policy, Schema, Table};
use forge_database::{backup, introspect, spec};
use jiff::Timestamp;
use loki_store::{Clock, Store, StoreError, SystemClock};
use loki_tui::data;
use serde_json::Value;

use crate::app::serving::recent;

/// The commands of a matrix, in the order in which it has them.
const COMMANDS: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

/// Bytes of what was declared that are shown.
const DETAIL_BYTES_MAX: usize = 2_000;

/// Bytes of the newest requests that are read.
const REQUESTS_BYTES_MAX: u64 = 1 << 20;

/// The backend in `dir` (`.loki/forge`); `None` where there is none.
pub(super) fn state(dir: &Path, clock: &dyn Clock) -> Result<Option<data::ForgeState>, String> {
    if !dir.join("db.sqlite").exists() && !Catalog::exists(dir) {
        return Ok(None);
    }
    let schema = schema(dir)?;
    let mut state = data::ForgeState { schema: shown(&schema), ..data::ForgeState::default() };
    state.routines = schema.views.keys().map(|name| format!("view {name}")).collect();
    state.routines.extend(schema.functions.keys().map(|name| format!("function {name}")));
    if Catalog::exists(dir) {
        let catalog = Catalog::open_read_only(dir, Arc::new(SystemClock)).map_err(told)?;
        let resources = catalog.resources(None).map_err(told)?;
        state.resources = resources
            .into_iter()
            .filter(|resource| resource.kind != ResourceKind::Table)
            .map(|one| resource(one, clock.now()))
            .collect();
    }
    state.migrations = history(dir)?.into_iter().map(migration).collect();
    let backups = backup::list(&dir.join("backups")).map_err(told)?;
    state.backups = backups
        .iter()
        .map(|backup| format!("{}, version {}, {} bytes", backup.file, backup.version, backup.bytes))
        .collect();
    state.requests = requests(&dir.join(recent::FILE)).map_err(told)?;
    Ok(Some(state))
}

/// What was applied to the database, oldest first.
fn history(dir: &Path) -> Result<Vec<Entry>, String> {
    let path = dir.join("db.sqlite");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let store = Store::open_read_only(&path, &[]).map_err(told)?;
    store.read(|conn| pipeline::history::all(conn).map_err(StoreError::from)).map_err(told)
}

/// What a server answered last, newest first; `None` where nothing was written down. Lines that make no sense are
/// left out.
fn requests(path: &Path) -> std::io::Result<Option<Vec<data::Answered>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(REQUESTS_BYTES_MAX).read_to_string(&mut text)?;
    let answered = |line: &str| -> Option<data::Answered> {
        let line: Value = serde_json::from_str(line).ok()?;
        let word = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
        let at: jiff::Timestamp = word("time")?.parse().ok()?;
        Some(data::Answered {
            at_ms: at.as_millisecond(),
            method: word("method")?,
            path: word("path")?,
            status: u16::try_from(line.get("status")?.as_u64()?).ok()?,
            took_us: line.get("microseconds")?.as_u64()?,
            role: word("role"),
        })
    };
    Ok(Some(text.lines().rev().filter_map(answered).collect()))
}

/// The tables before and after the change that a tool was called with.
pub(super) fn preview(dir: &Path, input: &str) -> Result<(data::Schema, data::Schema), String> {
    let input: Value = serde_json::from_str(input).map_err(told)?;
    let Some(text) = input.get("spec").and_then(Value::as_str) else {
        return Err("the call names no change of tables; what it does stands below as statements".to_owned());
    };
    let before = schema(dir)?;
    let migration = spec::parse(text, &before).map_err(told)?;
    let plan = plan(&before, &migration).map_err(told)?;
    Ok((shown(&before), shown(&plan.target)))
}

/// The schema that the database holds.
fn schema(dir: &Path) -> Result<Schema, String> {
    let path = dir.join("db.sqlite");
    if !path.exists() {
        return Ok(Schema::default());
    }
    let store = Store::open_read_only(&path, &[]).map_err(told)?;
    let read = store.read(|conn| Ok::<_, StoreError>(introspect::introspect(conn)));
    Ok(read.map_err(told)?.map_err(told)?.schema)
}

fn shown(schema: &Schema) -> data::Schema {
    let roles: Vec<Role> = roles(schema.tables.values()).into_iter().collect();
    data::Schema { tables: schema.tables.values().map(|one| table(one, &roles)).collect() }
}

fn table(table: &Table, roles: &[Role]) -> data::Table {
    let mut rules = Vec::new();
    if table.primary_key.len() > 1 {
        rules.push(format!("key ({})", table.primary_key.join(", ")));
    }
    let uniques = table.uniques.iter().filter(|group| group.len() > 1);
    rules.extend(uniques.map(|group| format!("unique ({})", group.join(", "))));
    rules.extend(table.checks.iter().map(|check| format!("check {}: {}", check.name, check.expr)));
    rules.extend(table.indices.iter().map(|index| {
        let columns: Vec<&str> = index.columns.iter().map(|column| column.name.as_str()).collect();
        let unique = if index.unique { "unique index" } else { "index" };
        format!("{unique} {} ({})", index.name, columns.join(", "))
    }));
    rules.extend(table.grants.iter().map(|grant| {
        let command = format!("{:?}", grant.command).to_lowercase();
        format!("{} may {command} only ({})", grant.role, grant.columns.join(", "))
    }));
    let policies = table.rls.as_ref().map_or(&[][..], |rls| &rls.policies);
    let access = |role: &Role| data::Access {
        role: role.as_str().to_owned(),
        commands: COMMANDS.map(|command| reach(policies, command, role)),
    };
    data::Table {
        name: table.name.clone(),
        columns: table.columns.iter().map(|one| column(table, one)).collect(),
        rules,
        policies: table.rls.as_ref().map(|rls| rls.label.clone()),
        access: if table.rls.is_some() { roles.iter().map(access).collect() } else { Vec::new() },
    }
}

fn column(table: &Table, column: &Column) -> data::Column {
    let mut notes = Vec::new();
    if table.primary_key == [column.name.as_str()] {
        notes.push("key".to_owned());
    } else if !column.nullable {
        notes.push("not null".to_owned());
    }
    if table.uniques.iter().any(|group| *group == [column.name.as_str()]) {
        notes.push("unique".to_owned());
    }
    if let Some(key) = table.foreign_key(&column.name) {
        notes.push(format!("references {}.{} (on delete {})", key.table, key.references, key.on_delete));
    }
    match &column.default {
        None => {}
        Some(ColumnDefault::Now) => notes.push("default now".to_owned()),
        Some(ColumnDefault::RandomUuid) => notes.push("default random".to_owned()),
        Some(ColumnDefault::Identity) => notes.push("counts up".to_owned()),
        Some(ColumnDefault::CurrentUser) => notes.push("default who asks".to_owned()),
        Some(ColumnDefault::Literal(text)) => notes.push(format!("default {text}")),
    }
    data::Column { name: column.name.clone(), ty: column.ty.to_string(), notes: notes.join(", ") }
}

/// The rows that a command of a role reaches: one of the permissive conditions and all restrictive ones.
fn reach(policies: &[Policy], command: Command, role: &Role) -> data::Reach {
    let side = if command == Command::Insert { Side::Check } else { Side::Using };
    let bound =
        || policies.iter().filter(|policy| policy.commands.contains(&command) && speaks_to(policy, role));
    let permissive: Vec<Option<&str>> =
        bound().filter(|policy| !policy.restrictive).map(|policy| condition(policy, side)).collect();
    let restrictive: Vec<&str> =
        bound().filter(|policy| policy.restrictive).filter_map(|policy| condition(policy, side)).collect();
    if permissive.is_empty() {
        return data::Reach::None;
    }
    let everything = permissive.iter().any(|text| text.is_none_or(|text| text.trim() == "true"));
    let mut parts: Vec<String> = Vec::new();
    if !everything {
        parts.push(permissive.into_iter().flatten().collect::<Vec<_>>().join(" or "));
    }
    parts.extend(restrictive.into_iter().map(str::to_owned));
    match parts.as_slice() {
        [] => data::Reach::All,
        [one] => data::Reach::Where(one.clone()),
        many => {
            data::Reach::Where(many.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" and "))
        }
    }
}

fn resource(resource: Resource, now: Timestamp) -> data::Resource {
    let kind = resource.kind.as_str().to_owned();
    let next = (resource.kind == ResourceKind::Schedule).then(|| next_run(&resource.spec, now)).flatten();
    let status = match resource.status {
        Status::Declared => "declared",
        Status::Ready => "ready",
    };
    // Of a secret there is only ever its name.
    let detail = match resource.kind {
        ResourceKind::Secret => String::new(),
        ResourceKind::Schedule => schedule(&resource.spec),
        _ => brief(&resource.spec),
    };
    let next_ms = next.map(Timestamp::as_millisecond);
    data::Resource { kind, name: resource.name, status: status.to_owned(), detail, next_ms }
}

fn brief(spec: &Value) -> String {
    let mut text = match spec {
        Value::Object(fields) if fields.is_empty() => String::new(),
        other => other.to_string(),
    };
    text.truncate(text.floor_char_boundary(DETAIL_BYTES_MAX));
    text
}

/// When a schedule is due, as it was declared: the fields of its cron and its time zone.
fn schedule(spec: &Value) -> String {
    let field = |key: &str| spec.get(key).and_then(Value::as_str);
    match field("cron") {
        Some(cron) => format!("{cron} {}", field("tz").unwrap_or("UTC")),
        None => brief(spec),
    }
}

/// When a schedule is due next after `now`; `None` where it has no time that can be computed.
fn next_run(spec: &Value, now: Timestamp) -> Option<Timestamp> {
    let field = |key: &str| spec.get(key).and_then(Value::as_str);
    let cron = Cron::from_str(field("cron")?).ok()?;
    let now = now.in_tz(field("tz").unwrap_or("UTC")).ok()?;
    cron.find_next_occurrence(&now, false).ok().map(|next| next.timestamp())
}

fn migration(entry: Entry) -> data::Migration {
    data::Migration {
        version: u64::from(entry.version),
        name: entry.name,
        approved_by: entry.approved_by,
        applied_at: entry.applied_at,
        undone: entry.undone_by.is_some(),
    }
}

/// An error with everything below it.
fn told(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(commands: &[Command], roles: &[&str], using: Option<&str>, restrictive: bool) -> Policy {
        Policy {
            name: "p".to_owned(),
            commands: commands.to_vec(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            restrictive,
            using: using.map(str::to_owned),
            check: None,
        }
    }

    #[test]
    fn what_no_policy_opens_is_closed_and_restrictions_narrow() {
        let anon = Role::Anon;
        let open = policy(&[Command::Select], &["anon"], None, false);
        let own = policy(&[Command::Select], &["authenticated"], Some("a = 1"), false);
        let public = policy(&[Command::Select], &["authenticated"], Some("b"), false);
        let narrow = policy(&[Command::Select], &["authenticated", "anon"], Some("c"), true);
        let signed = Role::Authenticated;
        let all = [open.clone(), own, public, narrow.clone()];
        assert_eq!(reach(&all, Command::Delete, &anon), data::Reach::None);
        assert_eq!(reach(&[open], Command::Select, &anon), data::Reach::All);
        assert_eq!(reach(&[narrow], Command::Select, &anon), data::Reach::None);
        assert_eq!(reach(&all, Command::Select, &anon), data::Reach::Where("c".to_owned()));
        assert_eq!(
            reach(&all, Command::Select, &signed),
            data::Reach::Where("(a = 1 or b) and (c)".to_owned())
        );
    }

    #[test]
    fn a_project_without_a_backend_has_none_and_gets_none() {
        let dir = tempfile::tempdir().unwrap();
        let forge = dir.path().join("forge");
        assert_eq!(state(&forge, &SystemClock), Ok(None));
        assert!(!forge.exists());
    }

    #[test]
    fn a_schedule_is_due_by_its_cron_and_its_time_zone() {
        let now: Timestamp = "2026-07-01T05:30:00Z".parse().unwrap();
        let due = |spec: Value| next_run(&spec, now).map(|next| next.to_string());
        let berlin = serde_json::json!({ "cron": "0 7 * * *", "tz": "Europe/Berlin", "text": "x" });
        assert_eq!(due(berlin.clone()).as_deref(), Some("2026-07-02T05:00:00Z"));
        assert_eq!(schedule(&berlin), "0 7 * * * Europe/Berlin");
        assert_eq!(due(serde_json::json!({ "cron": "45 5 * * *" })).as_deref(), Some("2026-07-01T05:45:00Z"));
        for nothing in [
            serde_json::json!({ "cron": null, "text": "some day" }),
            serde_json::json!({ "cron": "99 * * * *" }),
            serde_json::json!({ "cron": "0 7 * * *", "tz": "Nowhere/Land" }),
            serde_json::json!({ "cron": "0 0 30 2 *" }),
        ] {
            assert_eq!(due(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn requests_are_told_newest_first_and_lines_that_make_no_sense_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests.jsonl");
        assert_eq!(requests(&path).unwrap(), None);
        let line = |second: u32, role: &str| {
            format!(
                r#"{{"time":"2026-12-01T10:00:{second:02}Z","request_id":"a","method":"GET","path":"/rest/v1/a",
                "status":200,"microseconds":1500,"bytes_in":0,"bytes_out":2,"address":"127.0.0.1"{role}}}"#
            )
            .replace('\n', "")
        };
        let text =
            [line(1, ""), "half a li".to_owned(), line(2, r#","role":"anon""#), "{}".to_owned()].join("\n");
        std::fs::write(&path, text).unwrap();
        let read = requests(&path).unwrap().unwrap();
        let told: Vec<_> =
            read.iter().map(|one| (one.at_ms % 60_000, one.status, one.role.as_deref())).collect();
        assert_eq!(told, [(2_000, 200, Some("anon")), (1_000, 200, None)]);
    }

    #[test]
    fn tables_are_told_before_and_after_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let text = "migration: notes\nchanges:\n  - add_table: {name: notes, columns: [id pk, body text], rls: public}\n";
        let input = serde_json::json!({ "spec": text }).to_string();
        let (before, after) = preview(dir.path(), &input).unwrap();
        assert_eq!(before.tables, []);
        assert_eq!(after.tables.len(), 1);
        assert_eq!(after.tables[0].columns[1].name, "body");
        assert!(after.tables[0].access.iter().any(|access| access.role == "anon"));
        assert!(!dir.path().join("db.sqlite").exists(), "looking makes nothing");
        preview(dir.path(), "{}").unwrap_err();
        preview(dir.path(), "no JSON").unwrap_err();
    }
}
