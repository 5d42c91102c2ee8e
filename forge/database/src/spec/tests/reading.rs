//! What texts mean.

use crate::{
    change::Change,
    ddl::plan,
    schema::{Column, ColumnDefault, Command, ForeignKey, OnDelete, Schema, Table, Type},
    spec::{parse, parse_named},
};

const BLOG: &str = r#"
migration: initial_schema
changes:
  - add_enum: {name: post_status, values: [draft, published]}
  - add_table: {name: users, columns: [id pk, email varchar(120) not null unique, is_admin]}
  - add_table: {name: posts, columns: [id pk, user_id fk->users.id on delete cascade, title text, price numeric(10,2) not null, status post_status default draft, created_at default now()], rls: own-or-public, indices: [user_id, created_at desc, [user_id, title]], unique: [[user_id, title]], checks: {price_positive: "price >= 0"}}
"#;

fn read(text: &str) -> Vec<Change> {
    parse_named(text, "test", &Schema::default()).unwrap_or_else(|error| panic!("{error}")).changes
}

fn one_table(columns: &str) -> Table {
    let text = format!("add_table: {{name: things, columns: [{columns}]}}");
    match read(&text).remove(0) {
        Change::AddTable(table) => table,
        other => panic!("{other:?}"),
    }
}

fn one_column(text: &str) -> Column {
    one_table(text).columns.remove(0)
}

fn plain(name: &str, ty: Type) -> Column {
    Column { name: name.to_owned(), ty, nullable: true, default: None }
}

fn literal(text: &str) -> Option<ColumnDefault> {
    Some(ColumnDefault::Literal(text.to_owned()))
}

#[test]
fn reads_a_whole_migration() {
    let migration = parse(BLOG, &Schema::default()).unwrap();
    assert_eq!(migration.name, "initial_schema");
    let target = plan(&Schema::default(), &migration).unwrap().target;
    let (users, posts) = (&target.tables["users"], &target.tables["posts"]);
    assert_eq!(users.uniques, [["email"]]);
    assert_eq!(users.column("is_admin").unwrap().ty, Type::Boolean);
    assert_eq!(posts.primary_key, ["id"]);
    assert_eq!(
        posts.columns,
        [
            Column {
                name: "id".to_owned(),
                ty: Type::Uuid,
                nullable: false,
                default: Some(ColumnDefault::RandomUuid)
            },
            plain("user_id", Type::Uuid),
            plain("title", Type::Text),
            Column { nullable: false, ..plain("price", Type::Numeric(10, 2)) },
            Column { default: literal("draft"), ..plain("status", Type::Enum("post_status".to_owned())) },
            Column { default: Some(ColumnDefault::Now), ..plain("created_at", Type::Timestamptz) },
        ]
    );
    assert_eq!(
        posts.foreign_keys,
        [ForeignKey {
            column: "user_id".to_owned(),
            table: "users".to_owned(),
            references: "id".to_owned(),
            on_delete: OnDelete::Cascade
        }]
    );
    let names: Vec<&str> = posts.indices.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["posts_user_id_idx", "posts_created_at_idx", "posts_user_id_title_idx"]);
    assert!(posts.indices[1].columns[0].descending);
    assert_eq!(posts.checks[0].expr, "price >= 0");
    let rls = posts.rls.as_ref().unwrap();
    assert_eq!(rls.label, "own-or-public");
    assert!(!rls.policies.is_empty());
}

#[test]
fn reads_the_types() {
    for (text, ty) in [
        ("x text", Type::Text),
        ("x varchar(20)", Type::Varchar(20)),
        ("x character varying(20)", Type::Varchar(20)),
        ("x smallint", Type::Smallint),
        ("x int", Type::Integer),
        ("x bigint", Type::Bigint),
        ("x float", Type::Double),
        ("x double precision", Type::Double),
        ("x numeric(12,4)", Type::Numeric(12, 4)),
        ("x decimal( 12 , 4 )", Type::Numeric(12, 4)),
        ("x bool", Type::Boolean),
        ("x uuid", Type::Uuid),
        ("x timestamp", Type::Timestamptz),
        ("x timestamp with time zone not null", Type::Timestamptz),
        ("x date", Type::Date),
        ("x time", Type::Time),
        ("x json", Type::Jsonb),
        ("x bytea", Type::Bytea),
        ("x vector(384)", Type::Vector(384)),
        ("\"x text[]\"", Type::Array(Box::new(Type::Text))),
        ("x", Type::Text),
        ("seen_at", Type::Timestamptz),
        ("has_cats", Type::Boolean),
        ("x default 3", Type::Integer),
        ("x default false", Type::Boolean),
    ] {
        assert_eq!(one_column(text).ty, ty, "{text}");
    }
}

#[test]
fn reads_words_in_any_order() {
    let wanted = Column { nullable: false, default: literal("0"), ..plain("n", Type::Integer) };
    for text in
        ["n integer not null default 0", "n not null integer default 0", "n default 0 required integer"]
    {
        assert_eq!(one_column(text), wanted, "{text}");
    }
}

#[test]
fn reads_the_defaults() {
    for (text, default) in [
        ("x timestamptz default now()", Some(ColumnDefault::Now)),
        ("x uuid default gen_random_uuid()", Some(ColumnDefault::RandomUuid)),
        ("x uuid default auth.uid()", Some(ColumnDefault::CurrentUser)),
        ("x text default null", None),
        ("x text default 'it''s, fine'", literal("it's, fine")),
        ("x text default 'none'", literal("none")),
        ("x text default 'a'::text", literal("a")),
        ("x integer default -1", literal("-1")),
        ("\"x jsonb default '{}'\"", literal("{}")),
        ("\"x jsonb default {}\"", literal("{}")),
    ] {
        // In a block list, where a comma does not end an item.
        let text = format!("add_table:\n  name: things\n  columns:\n    - {text}\n");
        let Change::AddTable(table) = read(&text).remove(0) else { panic!("{text}") };
        assert_eq!(table.columns[0].default, default, "{text}");
    }
}

#[test]
fn keys_fill_in_what_is_not_said() {
    assert_eq!(one_column("id pk").default, Some(ColumnDefault::RandomUuid));
    assert_eq!(one_column("id bigint pk").default, Some(ColumnDefault::Identity));
    assert_eq!(one_column("id serial primary key").default, Some(ColumnDefault::Identity));
    assert_eq!(one_column("code text pk").default, None);
    assert_eq!(one_column("id uuid pk default none").default, None);
    assert!(!one_column("code text pk").nullable);
    let pair = one_table("a uuid pk, b uuid pk");
    assert_eq!(
        (pair.primary_key, pair.columns[0].default.clone()),
        (vec!["a".to_owned(), "b".to_owned()], None)
    );
}

#[test]
fn references_take_the_type_of_what_they_refer_to() {
    let text = "
- add_table: {name: likes, columns: [post_id fk->posts, by fk->people.code, note_id fk->notes]}
- add_table: {name: posts, columns: [number bigint pk]}
- add_table: {name: people, columns: [id pk, code varchar(9) unique]}
- add_table: {name: badges, columns: [user_id pk fk->people]}
- add_column: {table: posts, column: badge fk->badges}
";
    let mut current = Schema::default();
    let notes = Table {
        name: "notes".to_owned(),
        columns: vec![plain("slug", Type::Text)],
        primary_key: vec!["slug".to_owned()],
        ..Table::default()
    };
    current.tables.insert("notes".to_owned(), notes);
    let changes = parse_named(text, "test", &current).unwrap().changes;
    let Change::AddTable(likes) = &changes[0] else { panic!() };
    let types: Vec<&Type> = likes.columns.iter().map(|column| &column.ty).collect();
    assert_eq!(types, [&Type::Bigint, &Type::Varchar(9), &Type::Text]);
    let references: Vec<&str> = likes.foreign_keys.iter().map(|key| key.references.as_str()).collect();
    assert_eq!(references, ["number", "code", "slug"]);
    let Change::AddColumn { column, foreign_key, .. } = &changes[4] else { panic!() };
    assert_eq!(column.ty, Type::Uuid, "through the key of a key");
    assert_eq!(foreign_key.as_ref().unwrap().references, "user_id");
}

#[test]
fn columns_may_be_mappings() {
    let text = "
add_table:
  name: things
  columns:
    - {name: id, type: uuid, pk: true}
    - {name: note, type: 'varchar(20)', nullable: false, unique: true, default: none here}
    - {name: owner, references: things.id, on_delete: set null}
    - title: text not null
";
    let Change::AddTable(table) = read(text).remove(0) else { panic!() };
    assert_eq!(table.columns[0].default, Some(ColumnDefault::RandomUuid));
    assert_eq!(
        table.columns[1],
        Column { nullable: false, default: literal("none here"), ..plain("note", Type::Varchar(20)) }
    );
    assert_eq!(table.columns[2].ty, Type::Uuid);
    assert_eq!(table.foreign_keys[0].on_delete, OnDelete::SetNull);
    assert_eq!(table.columns[3], Column { nullable: false, ..plain("title", Type::Text) });
    assert_eq!(table.uniques, [["note"]]);
}

#[test]
fn altering_keeps_what_is_not_said() {
    let current = plan(&Schema::default(), &parse(BLOG, &Schema::default()).unwrap()).unwrap().target;
    let alter = |column: &str| {
        let text = format!("alter_column: {{table: posts, column: \"{column}\"}}");
        match parse_named(&text, "test", &current).unwrap().changes.remove(0) {
            Change::AlterColumn { column, .. } => column,
            other => panic!("{other:?}"),
        }
    };
    let price = Column { nullable: false, ..plain("price", Type::Numeric(10, 2)) };
    assert_eq!(alter("price numeric(12,2)"), Column { ty: Type::Numeric(12, 2), ..price.clone() });
    assert_eq!(alter("price null"), Column { nullable: true, ..price });
    assert_eq!(alter("status required").default, literal("draft"));
    assert_eq!(alter("status default none").default, None);
}

#[test]
fn row_level_security_in_its_three_forms() {
    let rls = |text: &str| {
        let text = format!("add_table: {{name: notes, columns: [id pk, user_id uuid], rls: {text}}}");
        let Change::AddTable(table) = read(&text).remove(0) else { panic!() };
        table.rls.unwrap()
    };
    assert_eq!(rls("none").policies, []);
    let granted = rls("{base: own-row, grants: [{role: admin, can: [select, delete]}]}");
    let grant = granted.policies.last().unwrap();
    assert_eq!(
        (grant.roles.as_slice(), grant.commands.as_slice()),
        (["admin".to_owned()].as_slice(), [Command::Select, Command::Delete].as_slice())
    );
    let custom = rls(
        "[{name: mine, for: all, to: [authenticated, admin], using: \"user_id = auth.uid()\", restrictive: true}]",
    );
    assert_eq!(custom.label, "custom");
    assert_eq!(custom.policies[0].commands.len(), 4);
    assert!(custom.policies[0].restrictive);
}

#[test]
fn set_rls_knows_the_table_as_it_is_by_then() {
    let text = "
- add_table: {name: notes, columns: [id pk]}
- add_column: {table: notes, column: author uuid}
- set_rls: {table: notes, rls: own-row(author)}
";
    let Change::SetRls { rls, .. } = read(text).remove(2) else { panic!() };
    assert!(rls.policies[0].using.as_deref().unwrap().contains("author"));
}

#[test]
fn seeds_keep_the_text_of_their_values() {
    let text = "seed: {table: notes, rows: [{a: 1.50, b: 'null', c: null, d: true, e: [1, x], f: {k: 2}}]}";
    let Change::Seed { rows, .. } = read(text).remove(0) else { panic!() };
    let values: Vec<Option<&str>> = rows[0].iter().map(|(_, value)| value.as_deref()).collect();
    assert_eq!(
        values,
        [Some("1.50"), Some("null"), None, Some("true"), Some("[1,\"x\"]"), Some("{\"k\":2}")]
    );
}

#[test]
fn every_other_change_is_read() {
    let text = "
- drop_table: {table: a}
- drop_table: b
- rename_table: {table: a, to: b}
- drop_column: {table: a, column: b}
- rename_column: {table: a, column: b, to: c}
- add_index: {table: a, columns: [b desc, c], unique: true, name: mine}
- drop_index: {table: a, name: mine}
- add_check: {table: a, name: c, expr: \"b > 0\"}
- drop_check: {table: a, name: c}
- add_unique: {table: a, columns: [b, c]}
- drop_unique: {table: a, columns: b}
- add_foreign_key: {table: a, column: b, references: users.id, on_delete: cascade}
- drop_foreign_key: {table: a, column: b}
- add_enum_values: {name: e, values: [x]}
- drop_enum: e
";
    assert_eq!(read(text).len(), 15);
}

/// Grants of columns read, write and read again alike; what they name must be there.
#[test]
fn grants_of_columns_are_read_and_written() {
    let text = "migration: m\nchanges:\n  - add_table:\n      name: t\n      columns: [id uuid pk, title text, note text, \
                span int4range]\n      rls: none\n      grants: [{role: authenticated, can: [select, update], columns: \
                [id, title]}]\n  - set_grants: {table: t, grants: [{role: anon, can: insert, columns: []}]}\n";
    let migration = parse(text, &Schema::default()).unwrap();
    let Change::AddTable(table) = &migration.changes[0] else { panic!("{migration:?}") };
    assert_eq!(table.grants.len(), 2);
    assert_eq!(table.grants[1].columns, ["id", "title"]);
    let again = parse(&crate::spec::to_yaml(&migration), &Schema::default()).unwrap();
    assert_eq!(again, migration);
    let refused = |grant: &str| {
        let text = format!(
            "migration: m\nchanges:\n  - add_table: {{name: t, columns: [id uuid pk], rls: none, grants: [{grant}]}}\n"
        );
        match parse(&text, &Schema::default()) {
            Ok(migration) => crate::ddl::plan(&Schema::default(), &migration).is_err(),
            Err(_) => true,
        }
    };
    assert!(!refused("{role: anon, can: select, columns: [id]}"));
    assert!(refused("{role: anon, can: select, columns: [nothing]}"));
    assert!(refused("{role: nobody_has_it, can: select, columns: [id]}"));
    assert!(refused("{role: anon, can: delete, columns: [id]}"));
    assert!(refused("{role: anon, can: select, columns: [id]}, {role: anon, can: select, columns: []}"));
}
