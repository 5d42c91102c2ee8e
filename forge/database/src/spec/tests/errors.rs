//! Where errors are, and what they say.

use crate::{
    schema::Schema,
    spec::{SpecError, TEXT_BYTES_MAX, parse, parse_named},
};

fn error(text: &str) -> SpecError {
    let error = parse_named(text, "test", &Schema::default()).expect_err(text);
    assert!(!error.problem.is_empty(), "{text}");
    error
}

fn place(text: &str) -> (usize, usize) {
    let error = error(text);
    (error.line, error.column)
}

#[test]
fn errors_point_at_the_word() {
    let table =
        |column: &str| format!("add_table:\n  name: things\n  columns:\n    - id pk\n    - {column}\n");
    for (column, at, problem) in [
        ("price numerik", 13, "`numerik` is no type"),
        ("price numeric(a)", 13, "`(a)` is no list of numbers"),
        ("price text nul", 18, "`nul` is one word too many"),
        ("price text not nul", 22, "`nul` cannot follow `not`"),
        ("price text not", 21, "nothing follows `not`"),
        ("price text default", 25, "nothing follows `default`"),
        ("price text default 'abc", 26, "a text in quotes does not end"),
        ("price numeric(10,2", 20, "a `(` is not closed"),
        ("price fk->", 17, "nothing follows `fk->`"),
        ("price text on delete cascade", 18, "`on delete` without a foreign key before it"),
        ("price fk->users on delete explode", 33, "`explode` is no action"),
        ("price text not null null", 27, "the column is both null and not null"),
        ("price integer default 1 default 2", 31, "the column has two defaults"),
        ("price vector", 13, "`vector` is written vector(n), with the number of dimensions"),
        ("Price text", 7, "the name `Price` is not in snake_case"),
        ("\"price numerik\"", 14, "`numerik` is no type"),
    ] {
        let error = error(&table(column));
        assert!(error.problem.contains(problem), "{column}: {error}");
        assert_eq!((error.line, error.column), (5, at), "{column}: {error}");
    }
    assert_eq!(error(&table("price numerik")).hint.as_deref(), Some("did you mean `numeric`?"));
    assert_eq!(error(&table("price text nul")).hint.as_deref(), Some("did you mean `null`?"));
}

#[test]
fn errors_point_into_flow_lists() {
    let text = "add_table: {name: t, columns: [id pk, price numeric(10,2) nott null, x text]}";
    let error = error(text);
    assert_eq!((error.line, error.column), (1, text.find("nott").unwrap() + 1), "{error}");
}

#[test]
fn errors_point_at_keys_and_values() {
    assert_eq!(place("migration: x\nchanges:\n  - add_tabel: {name: t, columns: [id pk]}\n"), (3, 5));
    assert_eq!(error("add_tabel: {}").hint.as_deref(), Some("did you mean `add_table`?"));
    assert_eq!(place("add_table: {name: t, colums: [id pk]}"), (1, 22));
    assert_eq!(
        error("add_table: {name: t, colums: [id pk]}").hint.as_deref(),
        Some("did you mean `columns`?")
    );
    assert_eq!(place("add_table: {name: t}"), (1, 12));
    assert_eq!(place("add_table: {name: t, name: u, columns: [id pk]}"), (1, 22));
    assert_eq!(place("add_table: {name: t, columns: 3}"), (1, 31));
    assert_eq!(place("add_table: {name: t, columns: [id pk], rls: own-rov}"), (1, 45));
    assert_eq!(place("add_table: {name: t, columns: [id pk], rls: own-row}"), (1, 45));
    assert_eq!(place("set_rls: {table: nowhere, rls: own-row}"), (1, 10));
    assert_eq!(place("add_index: {table: t, columns: [a down]}"), (1, 35));
    assert_eq!(place("migration: x\nchanges: 3"), (2, 10));
    assert_eq!(place("migration: x\nchanges:\n  - {a: 1, b: 2}"), (3, 5));
    assert_eq!(place("just text"), (1, 1));
    assert_eq!(place(""), (1, 1));
    assert_eq!(place("a: 1\nb: 2"), (1, 1));
    assert_eq!(place("changes: [\n  }"), (1, 10), "where the list begins that does not end");
    assert_eq!(place("a:\n  - b\n - c"), (3, 2));
    let nameless = parse("add_table: {name: t, columns: [id pk]}", &Schema::default()).unwrap_err();
    assert!(nameless.problem.contains("no name"));
}

#[test]
fn what_yaml_can_and_migrations_cannot_is_refused() {
    for text in [
        "add_table: &a {name: t, columns: [id pk]}",
        "add_table: {name: !x t, columns: [id pk]}",
        "changes: []\nmigration: x\n---\nchanges: []",
    ] {
        error(text);
    }
}

#[test]
fn limits_hold() {
    let large = format!("migration: x\nchanges: [] #{}", "x".repeat(TEXT_BYTES_MAX));
    assert!(error(&large).expected.contains("at most"));
    let deep = format!("seed: {{table: t, rows: [{{a: {}{}}}]}}", "[".repeat(40), "]".repeat(40));
    assert!(error(&deep).expected.contains("at most"));
    let many = format!("migration: x\nchanges:\n{}", "  - drop_table: {table: t}\n".repeat(501));
    assert!(error(&many).expected.contains("at most 500"));
    let wide: Vec<String> = (0..301).map(|n| format!("c{n} text")).collect();
    let wide = format!("add_table: {{name: t, columns: [{}]}}", wide.join(", "));
    assert!(error(&wide).expected.contains("at most 300"));
}
