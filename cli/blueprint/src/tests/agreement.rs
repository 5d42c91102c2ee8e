//! What the planner writes, Forge takes: read, worked out against the schema, and judged by the linter
//! without a finding that blocks.

use std::collections::BTreeSet;

use forge_database::schema::{OnDelete, Schema};
use forge_database::{ddl, lint, spec};
use forge_detect::{
    Access, ColumnNeed, ColumnType, ForeignKeyNeed, Options, Requirements, TableNeed, detect,
};
use proptest::prelude::*;

use super::{any_name, any_table, column, needs, table};
use crate::{Existing, plan};

/// A backend that carries plans out.
#[derive(Default)]
struct Backend {
    schema: Schema,
    migrations: Vec<String>,
    declared: BTreeSet<(String, String)>,
}

impl Backend {
    fn existing(&self) -> Existing {
        let columns = |table: &forge_database::schema::Table| {
            table.columns.iter().map(|column| column.name.clone()).collect()
        };
        Existing {
            tables: self.schema.tables.iter().map(|(name, table)| (name.clone(), columns(table))).collect(),
            keys: self
                .schema
                .tables
                .iter()
                .filter_map(|(name, table)| match table.primary_key.as_slice() {
                    [key] => Some((name.clone(), key.clone())),
                    _ => None,
                })
                .collect(),
            declared: self.declared.clone(),
            migrations: self.migrations.clone(),
        }
    }

    /// Carries out what is missing; the message says what Forge would have refused, or what was left.
    fn build(&mut self, requirements: &Requirements) -> Result<(), String> {
        let planned = plan(requirements, &self.existing());
        for migration in &planned.migrations {
            let yaml = &migration.yaml;
            let read = spec::parse(yaml, &self.schema).map_err(|error| format!("{error}\n{yaml}"))?;
            let made = ddl::plan(&self.schema, &read).map_err(|error| format!("{error:?}\n{yaml}"))?;
            let findings = lint::lint(&self.schema, &read, &made.target, &lint::Stats::default());
            // Whoever opened a table decides whether a secret may move in; a planner does not close it.
            let told = |rule: &str| rule == "MIG083" && !self.migrations.is_empty();
            if let Some(worst) = findings.iter().find(|f| f.severity.blocks() && !told(f.rule)) {
                return Err(format!("{} {}: {}\n{yaml}", worst.rule, worst.subject, worst.message));
            }
            self.schema = made.target;
            self.migrations.push(migration.name.clone());
        }
        let declared = planned.declarations.iter().map(|made| (made.kind.to_owned(), made.name.clone()));
        self.declared.extend(declared);
        let left = plan(requirements, &self.existing());
        match left.migrations.first() {
            Some(migration) => Err(format!("left to plan:\n{}", migration.yaml)),
            None if !left.declarations.is_empty() => Err(format!("left to declare: {:?}", left.declarations)),
            None => Ok(()),
        }
    }
}

fn built(requirements: &Requirements) -> Schema {
    let mut backend = Backend::default();
    backend.build(requirements).unwrap_or_else(|refused| panic!("{refused}"));
    backend.schema
}

fn typed(name: &str, ty: ColumnType) -> ColumnNeed {
    ColumnNeed { r#type: ty, ..column(name) }
}

fn key(name: &str, ty: ColumnType) -> ColumnNeed {
    ColumnNeed { primary_key: true, ..typed(name, ty) }
}

fn label(schema: &Schema, table: &str) -> String {
    schema.tables[table].rls.clone().map(|rls| rls.label).unwrap_or_default()
}

fn references(schema: &Schema, table: &str) -> Vec<String> {
    let keys = &schema.tables[table].foreign_keys;
    keys.iter().map(|key| format!("{}->{}.{}", key.column, key.table, key.references)).collect()
}

#[test]
fn people_are_known_by_the_id_they_sign_in_with() {
    use forge_database::schema::Type;
    // Numbered users: the id that a session carries is a uuid, and everything that refers to it follows.
    let mut users = table("users", &["email"], &[], Access::Unspecified);
    users.columns.insert(0, key("id", ColumnType::Integer));
    let mut notes = table("notes", &[], &[("user_id", "users")], Access::Own);
    notes.columns = vec![key("id", ColumnType::Bigint), typed("user_id", ColumnType::Integer)];
    let schema = built(&needs(vec![users, notes], &["google"]));
    assert_eq!(schema.tables["users"].column("id").unwrap().ty, Type::Uuid);
    assert_eq!(schema.tables["notes"].column("id").unwrap().ty, Type::Bigint);
    assert_eq!(schema.tables["notes"].column("user_id").unwrap().ty, Type::Uuid);
    assert_eq!(label(&schema, "notes"), "own-row");

    // Users with a natural key: it stays unique beside the id.
    let mut users = table("users", &[], &[], Access::Unspecified);
    users.columns = vec![key("username", ColumnType::Text)];
    let schema = built(&needs(vec![users], &["google"]));
    assert_eq!(schema.tables["users"].primary_key, ["id"]);
    assert_eq!(schema.tables["users"].uniques, [["username"]]);

    // Users that refer to those of the sign-in service are those users.
    let mut users = table("users", &[], &[("id", "users")], Access::Unspecified);
    users.columns = vec![key("id", ColumnType::Uuid)];
    assert!(references(&built(&needs(vec![users], &["google"])), "users").is_empty());
}

#[test]
fn rows_with_secrets_are_not_public() {
    let codes = table("codes", &["token", "label"], &[], Access::Public);
    let mut shares = table("shares", &["user_id", "api_key"], &[], Access::OwnOrPublic);
    shares.columns.push(typed("token_verified", ColumnType::Boolean));
    let schema = built(&needs(vec![codes, shares], &["google"]));
    assert_eq!(label(&schema, "codes"), "none");
    assert_eq!(label(&schema, "shares"), "own-row");
}

#[test]
fn a_flag_or_a_status_decides_which_rows_are_public() {
    let mut pages = table("pages", &["user_id", "title"], &[], Access::OwnOrPublic);
    pages.columns.push(typed("is_public", ColumnType::Boolean));
    let mut posts = table("posts", &["author_id"], &[], Access::OwnOrPublic);
    posts.columns.push(ColumnNeed { values: vec!["draft".into(), "published".into()], ..column("status") });
    let plain = table("likes", &["user_id"], &[], Access::OwnOrPublic);
    let odd = table("claims", &["creator_id"], &[("creator_id", "users")], Access::OwnOrPublic);
    let schema = built(&needs(vec![pages, posts, plain, odd], &["google"]));
    assert_eq!(label(&schema, "pages"), "own-or-public(is_public)");
    assert_eq!(label(&schema, "posts"), "own-or-public(status)");
    assert_eq!(label(&schema, "likes"), "own-or-public");
    // The shorthand would not find this owner, so the rows stay the owner's.
    assert_eq!(label(&schema, "claims"), "own-row(creator_id)");
}

#[test]
fn references_demand_only_what_can_be_kept() {
    let mut things = table("things", &[], &[("user_id", "users"), ("shop_id", "shops")], Access::Own);
    things.fks[0].on_delete = Some("set null".into());
    things.columns = vec![
        ColumnNeed { nullable: false, default: Some("0".into()), ..column("user_id") },
        ColumnNeed { default: Some("7".into()), ..column("shop_id") },
    ];
    let schema = built(&needs(vec![things, table("shops", &["name"], &[], Access::Public)], &["google"]));
    let keys = &schema.tables["things"].foreign_keys;
    let user = keys.iter().find(|key| key.column == "user_id").unwrap();
    assert_eq!(user.on_delete, OnDelete::Restrict);
    assert!(schema.tables["things"].column("shop_id").unwrap().default.is_none());
}

#[test]
fn keys_and_uniques_are_of_types_that_can_be_compared() {
    let mut odd = table("odd", &["name"], &[], Access::Public);
    odd.columns.push(key("blob", ColumnType::Json));
    odd.columns
        .push(ColumnNeed { unique: true, ..typed("tags", ColumnType::Array(Box::new(ColumnType::Text))) });
    odd.columns.push(typed("ratio", ColumnType::Numeric(30, 26)));
    odd.uniques = vec![vec!["name".into(), "tags".into()]];
    let schema = built(&needs(vec![odd], &[]));
    assert!(schema.tables["odd"].uniques.is_empty());
}

#[test]
fn names_of_services_are_left_to_them() {
    let schema = built(&needs(vec![table("auth", &["name"], &[], Access::Public)], &[]));
    assert!(schema.tables.contains_key("app_auth"), "{:?}", schema.tables.keys());
}

#[test]
fn keys_that_close_a_circle_are_indexed_too() {
    let teams = table("teams", &["captain_id"], &[("captain_id", "players")], Access::Public);
    let players = table("players", &["team_id"], &[("team_id", "teams")], Access::Public);
    let schema = built(&needs(vec![teams, players], &[]));
    for (name, column) in [("teams", "captain_id"), ("players", "team_id")] {
        let table = &schema.tables[name];
        assert_eq!(table.foreign_keys.len(), 1, "{name}");
        assert!(table.indices.iter().any(|index| index.columns[0].name == column), "{name}");
    }
}

#[test]
fn a_circle_of_keys_is_left_open() {
    let mut one = table("one", &[], &[("id", "other")], Access::Public);
    one.columns = vec![key("id", ColumnType::Uuid)];
    let mut other = table("other", &[], &[("id", "one")], Access::Public);
    other.columns = vec![key("id", ColumnType::Uuid)];
    let schema = built(&needs(vec![one, other], &[]));
    assert_eq!(references(&schema, "one").len() + references(&schema, "other").len(), 1);
}

#[test]
fn a_later_document_builds_on_what_is_there() {
    let mut backend = Backend::default();
    let first = needs(
        vec![table("users", &["email"], &[], Access::Own), table("posts", &["title"], &[], Access::Public)],
        &["google"],
    );
    backend.build(&first).unwrap();
    let comments = table("comments", &["body"], &[("post_id", "posts"), ("user_id", "users")], Access::Own);
    backend.build(&needs(vec![comments], &["google"])).unwrap();
    assert_eq!(references(&backend.schema, "comments"), ["post_id->posts.id", "user_id->users.id"]);

    // A table that others made keeps its own key and gets no columns that the document does not name.
    let mut others = Backend::default();
    let text =
        "migration: old\nchanges:\n  - add_table: {name: posts, columns: [slug text pk], rls: public}\n";
    let read = spec::parse(text, &others.schema).unwrap();
    others.schema = ddl::plan(&others.schema, &read).unwrap().target;
    let posts = table("posts", &["title"], &[], Access::Public);
    let likes = table("likes", &["post_id"], &[("post_id", "posts")], Access::Public);
    others.build(&needs(vec![posts, likes], &[])).unwrap();
    let names: Vec<&str> = others.schema.tables["posts"].columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["slug", "title"]);
    assert_eq!(references(&others.schema, "likes"), ["post_id->posts.slug"]);
}

#[test]
fn enums_of_the_same_name_and_other_values_are_two() {
    let values = |values: [&str; 2]| values.map(str::to_owned).to_vec();
    let mut one = table("a", &[], &[], Access::Public);
    one.columns.push(ColumnNeed { values: values(["x", "y"]), ..column("b_c") });
    let mut other = table("a_b", &[], &[], Access::Public);
    other.columns.push(ColumnNeed { values: values(["v", "w"]), ..column("c") });
    assert_eq!(built(&needs(vec![one, other], &[])).enums.len(), 2);
}

#[test]
fn the_document_s_sql_is_taken_as_far_as_it_goes() {
    for sql in [
        "create table users (id serial primary key, email text unique); create table notes (id serial primary key, user_id int not null references users(id) on delete cascade, body text);",
        "create table profiles (id uuid primary key references auth.users on delete cascade, name text);",
        "create table teams (id uuid primary key, owner_id uuid references users(id), game_id uuid references games(id)); create table users (id uuid primary key, team_id uuid not null references teams(id)); create table games (id uuid primary key, team_id uuid not null references teams(id));",
        "create table likes (user_id uuid references users(id), post_id uuid references posts(id), primary key (user_id, post_id)); create table posts (id uuid primary key, user_id uuid references users(id)); create table users (id uuid primary key);",
        "create table \"order\" (id bigint primary key, status varchar(20) default 'open' check (status in ('open', 'shut')), total decimal(10,2) default 0, parent_id bigint references \"order\"(id));",
    ] {
        let text =
            format!("# Notes\n\nUsers sign in with Google.\n\n## Database schema\n\n```sql\n{sql}\n```\n");
        let requirements = detect(&text, &Options::default()).unwrap();
        assert!(!requirements.tables.is_empty(), "{sql}");
        built(&requirements);
    }
}

/// Keys that do and do not lead anywhere, over any tables.
fn any_needs() -> impl Strategy<Value = Requirements> {
    let links = prop::collection::vec(
        (
            any_name(),
            any_name(),
            prop::option::of(prop::sample::select(vec!["cascade", "set null", "restrict"])),
        ),
        0..3,
    );
    let group = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let one = (any_table(), links, group.clone(), group);
    (prop::collection::vec(one, 0..6), any::<bool>()).prop_map(|(tables, signs_in)| {
        let tables =
            tables.into_iter().map(|(need, links, key, unique)| linked(need, links, &key, &unique)).collect();
        needs(tables, if signs_in { &["google"] } else { &[] })
    })
}

type Link = (String, String, Option<&'static str>);

fn linked(
    mut need: TableNeed,
    links: Vec<Link>,
    key: &[prop::sample::Index],
    unique: &[prop::sample::Index],
) -> TableNeed {
    let names: Vec<String> = need.columns.iter().map(|column| column.name.clone()).collect();
    let pick = |group: &[prop::sample::Index]| -> Vec<String> {
        if names.is_empty() {
            Vec::new()
        } else {
            group.iter().map(|index| index.get(&names).clone()).collect()
        }
    };
    (need.primary_key, need.uniques) = (pick(key), vec![pick(unique)]);
    need.fks.extend(links.into_iter().map(|(column, references, on_delete)| ForeignKeyNeed {
        column,
        references,
        references_column: "id".to_owned(),
        on_delete: on_delete.map(str::to_owned),
    }));
    need
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_is_taken(wanted in any_needs()) {
        let outcome = Backend::default().build(&wanted);
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }

    #[test]
    fn any_plan_is_taken_after_any_other(first in any_needs(), second in any_needs()) {
        let mut backend = Backend::default();
        prop_assert!(backend.build(&first).is_ok());
        let outcome = backend.build(&second);
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}
