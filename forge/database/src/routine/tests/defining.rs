use crate::change::{Change, Migration};
use crate::ddl::plan;
use crate::introspect::to_text;
use crate::routine::create::{Created, argument_type, create, returns};
use crate::routine::text::{returns_text, signature_text, type_text};
use crate::schema::{Argument, ArgumentType, Function, RangeOf, Returns, Schema, Type, Volatility};
use crate::spec::{parse, to_yaml};

const FIRST: &str = r#"
migration: first
changes:
  - add_enum: {name: state, values: [draft, published]}
  - add_table: {name: posts, columns: [id pk, title text, state state default draft, price numeric(10,2)], rls: none}
  - add_view: {name: published, query: "select id, title from posts where state = 'published'"}
  - add_function:
      name: find
      arguments: [part text, {name: most, type: int, default: 10}, price numeric(10,2)  default 1.5]
      returns: setof posts
      volatility: stable
      body: select * from posts where title like part limit most
  - add_function: {sql: "create function shout(published) returns text language sql immutable as $$ select upper($1.title) $$"}
  - add_view: {sql: "create view loud as select shout(p) as title, id from published p"}
"#;

fn planned(schema: &Schema, text: &str) -> Result<Schema, String> {
    let migration = parse(text, schema).map_err(|error| error.to_string())?;
    let again =
        parse(&to_yaml(&migration), schema).map_err(|error| format!("{error}: {}", to_yaml(&migration)))?;
    assert_eq!(again, migration, "{}", to_yaml(&migration));
    plan(schema, &migration).map(|plan| plan.target).map_err(|error| error.to_string())
}

fn first() -> Schema {
    planned(&Schema::default(), FIRST).unwrap()
}

#[test]
fn views_and_functions_come_by_migration_and_show_in_the_schema() {
    let text = to_text(&first());
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("view") || line.starts_with("function")).collect();
    assert_eq!(
        lines,
        [
            "view loud(title text, id uuid)",
            "view published(id uuid, title text)",
            "function find(part text, most integer = 10, price numeric(10,2) = 1.5) -> setof posts",
            "function shout(published) -> text",
        ]
    );
}

#[test]
fn a_plan_goes_back_to_where_it_came_from() {
    let migration = parse(FIRST, &Schema::default()).unwrap();
    let plan = plan(&Schema::default(), &migration).unwrap();
    assert!(plan.losses.is_empty() && !plan.is_empty());
    assert!(plan.down.last().unwrap().contains("\"tables\":{}"), "{:?}", plan.down.last());
}

#[test]
fn what_is_used_stays() {
    let schema = first();
    let cases = [
        ("drop_table: posts", "change 1: table `posts` is still used by the view `loud`"),
        (
            "rename_table: {table: posts, to: articles}",
            "change 1: table `posts` is still used by the view `loud`",
        ),
        (
            "drop_column: {table: posts, column: title}",
            "change 1: column `posts.title` is still used by the view `loud`",
        ),
        (
            "rename_column: {table: posts, column: title, to: name}",
            "change 1: column `posts.title` is still used by the view `loud`",
        ),
        ("drop_view: published", "change 1: view `published` is still used by the view `loud`"),
        ("drop_function: shout", "change 1: function `shout` is still used by the view `loud`"),
        ("add_table: {name: loud, columns: [id pk], rls: none}", "change 1: view `loud` exists already"),
        ("add_view: {name: posts, query: select 1 as a}", "change 1: table `posts` exists already"),
        (
            "add_view: {name: v, query: select nothing from posts}",
            "change 1: the view `v` cannot be used: column \"nothing\" does not exist (line 1, column 8)",
        ),
        (
            "add_view: {name: v, query: select 1}",
            "change 1: the view `v` cannot be used: the name `?column?` is not in snake_case",
        ),
        ("drop_view: none_such", "change 1: there is no view `none_such`"),
        ("drop_function: none_such", "change 1: there is no function `none_such`"),
        (
            "alter_column: {table: posts, column: {name: title, type: integer, nullable: true}}",
            "cannot be used",
        ),
    ];
    for (change, expected) in cases {
        let given = planned(&schema, &format!("migration: next\nchanges:\n  - {change}\n"));
        let error = given.map(drop).unwrap_err();
        assert!(error.contains(expected), "{change}\n  gives {error}\n  not {expected}");
    }
}

#[test]
fn what_is_not_used_goes() {
    let text = "migration: next\nchanges: [drop_view: loud, drop_function: {name: shout, arguments: [published]}, drop_view: published, drop_column: {table: posts, column: price}, drop_function: find, drop_table: posts]";
    let given = planned(&first(), text);
    assert_eq!(
        given.map(drop).unwrap_err(),
        "change 4: column `posts.price` is still used by the function `find`"
    );
    let text = text.replace("drop_column: {table: posts, column: price}, ", "");
    let schema = planned(&first(), &text).unwrap();
    assert!(schema.views.is_empty() && schema.functions.is_empty() && schema.tables.is_empty());
}

#[test]
fn functions_of_one_name_differ_in_their_arguments() {
    let add = |argument: &str| {
        format!(
            "add_function: {{name: size, arguments: [a {argument}], returns: int, body: select 1, volatility: stable}}"
        )
    };
    let text = |changes: &[String]| {
        let list: Vec<String> = changes.iter().map(|change| format!("  - {change}\n")).collect();
        format!("migration: m\nchanges:\n{}", list.concat())
    };
    let both = planned(&Schema::default(), &text(&[add("int"), add("text")])).unwrap();
    assert_eq!(both.functions["size"].len(), 2);
    let twice = planned(&Schema::default(), &text(&[add("int"), add("int")])).map(drop).unwrap_err();
    assert_eq!(twice, "change 2: function `size` exists already");
    let either = planned(&both, &text(&["drop_function: size".to_owned()])).map(drop).unwrap_err();
    assert!(either.contains("say its `arguments`"), "{either}");
    let one = planned(&both, &text(&["drop_function: {name: size, arguments: [text]}".to_owned()])).unwrap();
    assert_eq!(one.functions["size"][0].arguments[0].ty, ArgumentType::Value(Type::Integer));
}

#[test]
fn texts_of_functions_are_read_in_their_many_forms() {
    let schema = first();
    let read = |text: &str| match create(text, &schema) {
        Ok(Created::Function(function)) => signature_text(&function),
        other => format!("{other:?}"),
    };
    let cases = [
        (
            "create or replace function public.f(a int, b text default 'x') returns int language sql as $$ select 1 $$",
            "f(a integer, b text = 'x') -> integer",
        ),
        (
            "create function f(out a int, out b text) language sql as 'select 1, 2'",
            "f() -> table(a integer, b text)",
        ),
        (
            "create function f(variadic a int[]) returns setof text as 'select 1' language sql stable",
            "f(variadic a integer[]) -> setof text",
        ),
        (
            "create function f(posts) returns setof state language sql return (select 1)",
            "f(posts) -> setof state",
        ),
        (
            "create function f() returns table (a uuid, b timestamptz) language sql as 'select 1'",
            "f() -> table(a uuid, b timestamptz)",
        ),
        ("create function f() returns void language sql as ''", "f() -> void"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn types_written_read_back() {
    let mut schema = first();
    schema.enums.insert("integer".to_owned(), vec!["a".to_owned()]);
    let types = [
        Type::Text,
        Type::Varchar(7),
        Type::Smallint,
        Type::Integer,
        Type::Bigint,
        Type::Double,
        Type::Numeric(9, 3),
        Type::Boolean,
        Type::Uuid,
        Type::Timestamptz,
        Type::Date,
        Type::Time,
        Type::Jsonb,
        Type::Bytea,
        Type::Vector(3),
        Type::Enum("state".to_owned()),
        Type::Array(Box::new(Type::Text)),
        Type::Range(RangeOf::Date),
        Type::Tsvector,
        Type::Array(Box::new(Type::Enum("state".to_owned()))),
    ];
    for ty in types {
        let text = type_text(&ty);
        assert_eq!(argument_type(&text, &schema), Ok(ArgumentType::Value(ty.clone())), "{text}");
        for result in [
            Returns::Value(ty.clone()),
            Returns::Values(ty.clone()),
            Returns::Table(vec![("select".to_owned(), ty.clone())]),
        ] {
            let text = returns_text(&result);
            assert_eq!(returns(&text, &schema), Ok(result), "{text}");
        }
    }
    for result in [Returns::Void, Returns::Row("posts".to_owned()), Returns::Rows("loud".to_owned())] {
        assert_eq!(returns(&returns_text(&result), &schema), Ok(result));
    }
}

#[test]
fn everything_about_a_function_survives_the_text() {
    let function = Function {
        name: "f".to_owned(),
        arguments: vec![
            Argument {
                name: String::new(),
                ty: ArgumentType::Row("posts".to_owned()),
                default: None,
                variadic: false,
            },
            Argument {
                name: "b".to_owned(),
                ty: ArgumentType::Value(Type::Text),
                default: Some("'it''s: {x}'".to_owned()),
                variadic: false,
            },
        ],
        returns: Returns::Table(vec![("a".to_owned(), Type::Numeric(10, 2))]),
        body: "select 1.5 -- \"quoted\"\n  as a".to_owned(),
        volatility: Volatility::Immutable,
    };
    let drop = Change::DropFunction {
        name: "f".to_owned(),
        arguments: Some(vec![ArgumentType::Row("posts".to_owned())]),
    };
    let migration = Migration { name: "m".to_owned(), changes: vec![Change::AddFunction(function), drop] };
    assert_eq!(parse(&to_yaml(&migration), &first()), Ok(migration.clone()), "{}", to_yaml(&migration));
}
