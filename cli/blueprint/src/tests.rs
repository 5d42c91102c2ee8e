//! Whatever a document asks for, the plan is sound, and a plan that was carried out leaves nothing.

mod agreement;
mod signin;

use std::collections::{BTreeMap, BTreeSet};

use forge_detect::{
    Access, BucketNeed, ColumnNeed, ColumnType, ForeignKeyNeed, Requirements, ScheduleNeed, TableNeed,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{Existing, Plan, plan};

fn column(name: &str) -> ColumnNeed {
    ColumnNeed { name: name.to_owned(), nullable: true, ..ColumnNeed::default() }
}

fn table(name: &str, columns: &[&str], fks: &[(&str, &str)], access: Access) -> TableNeed {
    TableNeed {
        name: name.to_owned(),
        columns: columns.iter().map(|name| column(name)).collect(),
        fks: fks
            .iter()
            .map(|(column, references)| ForeignKeyNeed {
                column: (*column).to_owned(),
                references: (*references).to_owned(),
                references_column: "id".to_owned(),
                on_delete: None,
            })
            .collect(),
        access,
        ..TableNeed::default()
    }
}

fn needs(tables: Vec<TableNeed>, auth: &[&str]) -> Requirements {
    let auth = auth.iter().map(|name| (*name).to_owned()).collect();
    Requirements { tables, auth, ..Requirements::default() }
}

fn yaml(plan: &Plan) -> String {
    plan.migrations.iter().map(|migration| migration.yaml.as_str()).collect()
}

/// What exists once the plan was carried out.
fn done(before: &Existing, plan: &Plan) -> Existing {
    let mut after = before.clone();
    after.tables.extend(plan.tables.clone());
    after.migrations.extend(plan.migrations.iter().map(|migration| migration.name.clone()));
    after.declared.extend(plan.declarations.iter().map(|d| (d.kind.to_owned(), d.name.clone())));
    after
}

#[test]
fn an_owned_table_gets_its_owner_and_its_users() {
    let plan =
        plan(&needs(vec![table("note", &["title"], &[], Access::Own)], &["google"]), &Existing::default());
    let text = yaml(&plan);
    assert!(
        text.contains("\"user_id not null fk->users.id on delete cascade default auth.uid()\""),
        "{text}"
    );
    assert!(text.contains("rls: own-row\n"), "{text}");
    assert!(text.find("name: \"users\"").unwrap() < text.find("name: \"note\"").unwrap(), "{text}");
    assert!(text.contains("indices: [user_id]"), "{text}");
    assert_eq!(plan.declarations[0].kind, "auth_provider");
}

#[test]
fn access_is_the_least_that_the_document_supports() {
    let cases = [
        (Access::Own, true, "own-row"),
        (Access::Unspecified, true, "own-row"),
        (Access::OwnOrPublic, true, "own-or-public"),
        (Access::Public, true, "public"),
        (Access::Private, true, "none"),
        (Access::Unspecified, false, "none"),
        (Access::Public, false, "public"),
    ];
    for (access, owner, rls) in cases {
        let columns: &[&str] = if owner { &["user_id", "title"] } else { &["title"] };
        let users = table("users", &["email"], &[], Access::Unspecified);
        let needs = needs(vec![users, table("things", columns, &[], access)], &["google"]);
        let text = yaml(&plan(&needs, &Existing::default()));
        let things = &text[text.find("name: things").unwrap()..];
        assert!(things.contains(&format!("rls: {rls}\n")), "{access:?}: {things}");
    }
}

#[test]
fn people_are_never_public_and_passwords_are_hashes() {
    let users = table("users", &["email", "password"], &[], Access::Public);
    let text = yaml(&plan(&needs(vec![users], &["email-password"]), &Existing::default()));
    assert!(text.contains("rls: own-row\n") && text.contains("password_hash text"), "{text}");
}

#[test]
fn tables_follow_what_they_refer_to_and_circles_are_cut() {
    let a = table("authors", &["name", "favourite_id"], &[("favourite_id", "books")], Access::Public);
    let b = table("books", &["title", "author_id"], &[("author_id", "authors")], Access::Public);
    let c = table(
        "parts",
        &["book_id", "parent_id"],
        &[("book_id", "books"), ("parent_id", "parts")],
        Access::Public,
    );
    let text = yaml(&plan(&needs(vec![c, b, a], &[]), &Existing::default()));
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(at("name: \"books\"") < at("name: \"parts\""));
    assert!(text.contains("fk->parts.id"), "a table may refer to itself");
    assert_eq!(text.matches("add_foreign_key").count(), 1, "{text}");
}

#[test]
fn an_existing_table_gets_only_what_it_lacks_and_demands_nothing_of_its_rows() {
    let mut wanted = table("notes", &["title", "body"], &[], Access::Public);
    wanted.columns[1].nullable = false;
    let mut existing = Existing::default();
    existing.tables.insert("notes".into(), vec!["id".into(), "title".into(), "created_at".into()]);
    existing.migrations.push("initial_schema".into());
    let plan = plan(&needs(vec![wanted], &[]), &existing);
    assert_eq!(plan.migrations.len(), 1);
    assert_eq!(plan.migrations[0].name, "add_body_to_notes");
    assert!(
        plan.migrations[0].yaml.contains("add_column: {table: \"notes\", column: \"body text\"}"),
        "{}",
        yaml(&plan)
    );
}

#[test]
fn many_tables_take_several_migrations() {
    let tables = (0..300).map(|n| table(&format!("thing_{n}"), &["name"], &[], Access::Public)).collect();
    let plan = plan(&needs(tables, &[]), &Existing::default());
    let names: Vec<&str> = plan.migrations.iter().map(|migration| migration.name.as_str()).collect();
    assert_eq!(names, ["initial_schema", "initial_schema_2", "initial_schema_3"]);
}

#[test]
fn what_is_declared_is_declared_once() {
    let mut wanted = needs(Vec::new(), &["google", "google"]);
    wanted.storage.push(BucketNeed { name: "User Uploads".into(), ..BucketNeed::default() });
    wanted.schedules.push(ScheduleNeed {
        name: "digest".into(),
        tz: "UTC".into(),
        ..ScheduleNeed::default()
    });
    wanted.secrets.push("STRIPE_KEY".into());
    wanted.evidence.insert("secrets.STRIPE_KEY".into(), vec![7]);
    let plan = plan(&wanted, &Existing::default());
    let names: Vec<(&str, &str)> = plan.declarations.iter().map(|d| (d.kind, d.name.as_str())).collect();
    let wanted = [
        ("auth_provider", "google"),
        ("bucket", "user-uploads"),
        ("schedule", "digest"),
        ("secret", "STRIPE_KEY"),
    ];
    assert_eq!(names, wanted);
    assert_eq!(plan.declarations[3].lines, [7]);
    assert!(plan.migrations.is_empty());
}

fn any_type() -> impl Strategy<Value = ColumnType> {
    let plain = prop::sample::select(vec![
        ColumnType::Unspecified,
        ColumnType::Text,
        ColumnType::Integer,
        ColumnType::Float,
        ColumnType::Boolean,
        ColumnType::Uuid,
        ColumnType::Timestamp,
        ColumnType::Date,
        ColumnType::Json,
        ColumnType::Array(Box::new(ColumnType::Text)),
        ColumnType::Array(Box::new(ColumnType::Json)),
    ]);
    prop_oneof![
        plain,
        any::<u32>().prop_map(ColumnType::Varchar),
        any::<u32>().prop_map(ColumnType::Vector),
        (any::<u32>(), any::<u32>()).prop_map(|(p, s)| ColumnType::Numeric(p, s)),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "user", "users", "order", "posts", "group", "tag", "id", "user_id", "tag_id", "password",
            "select", "Price"
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z_ ]{1,12}",
        "\\PC{1,8}",
        "[a-z]{60,80}",
    ]
}

fn any_column() -> impl Strategy<Value = ColumnNeed> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let default =
        prop::option::of(prop_oneof![Just("now()".to_owned()), Just("true".to_owned()), "\\PC{0,6}"]);
    (any_name(), any_type(), flags, default, prop::collection::vec("[a-z ']{0,5}", 0..4)).prop_map(
        |(name, ty, (nullable, primary_key, unique), default, values)| ColumnNeed {
            name,
            r#type: ty,
            nullable,
            primary_key,
            unique,
            default,
            values,
        },
    )
}

fn any_table() -> impl Strategy<Value = TableNeed> {
    let access = prop::sample::select(vec![
        Access::Unspecified,
        Access::Own,
        Access::OwnOrPublic,
        Access::Public,
        Access::Private,
    ]);
    let fks = prop::collection::vec((any_name(), any_name()), 0..3);
    (any_name(), prop::collection::vec(any_column(), 0..6), fks, access).prop_map(
        |(name, columns, fks, access)| {
            let keys: Vec<(&str, &str)> =
                fks.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
            TableNeed { columns, ..table(&name, &[], &keys, access) }
        },
    )
}

proptest! {
    /// Any requirements give migrations that YAML reads, with every name once and references only to
    /// tables that are made before, or at the end; carried out, they leave nothing to plan.
    #[test]
    fn any_plan_is_sound(tables in prop::collection::vec(any_table(), 0..8), signs_in: bool) {
        let auth: &[&str] = if signs_in { &["google"] } else { &[] };
        let needs = needs(tables, auth);
        let planned = plan(&needs, &Existing::default());
        prop_assert_eq!(&planned, &plan(&needs, &Existing::default()), "the same input, the same plan");
        let mut made: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for migration in &planned.migrations {
            let text: Value = serde_saphyr::from_str(&migration.yaml)
                .unwrap_or_else(|error| panic!("{error}\n{}", migration.yaml));
            for change in text["changes"].as_array().unwrap() {
                if let Some(table) = change["add_table"].as_object() {
                    let name = table["name"].as_str().unwrap().to_owned();
                    let mut columns = BTreeSet::new();
                    for column in table["columns"].as_array().unwrap() {
                        let column = column.as_str().unwrap();
                        let first = column.split(' ').next().unwrap();
                        prop_assert!(columns.insert(first.to_owned()), "{} twice in {}", first, name);
                        if let Some(to) = column.split("fk->").nth(1) {
                            let to = to.split(['.', ' ']).next().unwrap();
                            prop_assert!(to == name || made.contains_key(to), "{} refers to {} too early", name, to);
                        }
                    }
                    prop_assert!(made.insert(name.clone(), columns).is_none(), "{} twice", name);
                }
                if let Some(key) = change["add_foreign_key"].as_object() {
                    let to = key["references"].as_str().unwrap().split('.').next().unwrap();
                    prop_assert!(made.contains_key(to));
                }
            }
        }
        let after = done(&Existing::default(), &planned);
        let again = plan(&needs, &after);
        prop_assert!(again.migrations.is_empty(), "{}", again.migrations[0].yaml);
        prop_assert!(again.declarations.is_empty() && again.checklist.is_empty());
    }
}
