use forge_database::schema::RangeOf;
use forge_database::{ddl, spec};

use super::*;

fn model() -> Model {
    let text = r#"migration: m
changes:
  - add_enum: {name: mood, values: [calm, busy]}
  - add_table: {name: lists, columns: [id uuid pk, name varchar(9) not null], rls: none}
  - add_table: {name: todos, columns: [id bigint pk identity, list_id fk->lists.id null, mood mood null], rls: none}
  - add_table: {name: settings, columns: [list_id fk->lists.id unique not null, id bigint pk identity], rls: none}
  - add_view: {name: open_todos, query: "select id, list_id as list from todos"}
  - add_view: {name: named_lists, query: "select id as key, name from lists"}
  - add_function: {name: add, arguments: [a int, {name: b, type: int, default: 1}], returns: int, body: "select a + b"}
"#;
    let migration = spec::parse(text, &Schema::default()).unwrap();
    from_schema(&ddl::plan(&Schema::default(), &migration).unwrap().target)
}

#[test]
fn types_have_the_names_that_postgres_prints() {
    for (ty, name) in [
        (Type::Varchar(9), "character varying(9)"),
        (Type::Double, "double precision"),
        (Type::Timestamptz, "timestamp with time zone"),
        (Type::Time, "time without time zone"),
        (Type::Numeric(8, 2), "numeric(8,2)"),
        (Type::Array(Box::new(Type::Timestamptz)), "timestamp with time zone[]"),
        (Type::Range(RangeOf::Integer), "int4range"),
        (Type::Range(RangeOf::Timestamptz), "tstzrange"),
        (Type::Bytea, "bytea"),
        (Type::Enum("mood".to_owned()), "mood"),
    ] {
        assert_eq!(type_name(&ty), name);
    }
}

#[test]
fn tables_have_their_columns_and_keys() {
    let model = model();
    let todos = model.relation("public", "todos").unwrap();
    assert_eq!((todos.kind, &todos.primary_key), (RelationKind::Table, &vec!["id".to_owned()]));
    assert!(todos.column("id").unwrap().has_default);
    assert_eq!(todos.column("mood").unwrap().ty.values, ["calm", "busy"]);
    let key = |name: &str| model.keys.iter().find(|key| key.name == name).unwrap();
    assert!(!key("todos_list_id_fkey").one_to_one);
    assert!(key("settings_list_id_fkey").one_to_one);
}

#[test]
fn keys_are_traced_through_views_at_both_ends() {
    let model = model();
    let ends =
        |key: &ForeignKey| format!("{}.{}>{}.{}", key.from.1, key.columns[0], key.to.1, key.to_columns[0]);
    let all: Vec<String> =
        model.keys.iter().filter(|key| key.name == "todos_list_id_fkey").map(ends).collect();
    assert_eq!(
        all,
        [
            "todos.list_id>lists.id",
            "todos.list_id>named_lists.key",
            "open_todos.list>lists.id",
            "open_todos.list>named_lists.key"
        ]
    );
    let view = model.relation("public", "named_lists").unwrap();
    assert_eq!(
        (view.kind, &view.primary_key),
        (RelationKind::View { writable: false }, &vec!["key".to_owned()])
    );
}

#[test]
fn functions_say_what_a_call_must_give() {
    let model = model();
    let [add] = model.functions[&("public".to_owned(), "add".to_owned())].as_slice() else { panic!() };
    let arguments: Vec<_> =
        add.arguments.iter().map(|one| (one.name.as_str(), one.ty.name.as_str(), one.required)).collect();
    assert_eq!(arguments, [("a", "integer", true), ("b", "integer", false)]);
    assert_eq!(add.returns, Returns::Value(column_type(&Schema::default(), &Type::Integer)));
}
