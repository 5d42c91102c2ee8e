use std::collections::BTreeMap;

use forge_core::Identity;
use forge_database::ddl::sqlite::objects;
use forge_database::policy::expand;
use forge_database::schema::{Column, Schema, Table};

use super::*;
use crate::ast::{Direction, Operand, Operator};
use crate::model::{ColumnType, from_schema};
use crate::plan::{Order, OrderBy, Origin, Output, Source, Test, Value};
use crate::sqlite::memo::Memo;

const ALICE: &str = "a11ce000-0000-4000-8000-000000000001";
const BOB: &str = "b0b00000-0000-4000-8000-000000000002";

fn schema() -> Schema {
    let column =
        |name: &str, ty: Type| Column { name: name.to_owned(), ty, nullable: name == "title", default: None };
    let mut table = Table {
        name: "posts".to_owned(),
        columns: vec![
            column("id", Type::Integer),
            column("user_id", Type::Uuid),
            column("title", Type::Text),
            column("price", Type::Numeric(10, 2)),
        ],
        primary_key: vec!["id".to_owned()],
        ..Table::default()
    };
    table.rls = Some(expand("own-row", &table).unwrap());
    Schema { tables: BTreeMap::from([("posts".to_owned(), table)]), ..Schema::default() }
}

fn database(schema: &Schema) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    functions::register(&conn).unwrap();
    for object in objects(schema).iter().filter(|object| object.kind == "table") {
        conn.execute_batch(&object.sql).unwrap();
    }
    for (id, user, title, price) in
        [(1, ALICE, Some("Cats run"), 1.5), (2, ALICE, None, 20.0), (3, BOB, Some("x"), 3.25)]
    {
        let sql = "insert into posts (id, user_id, title, price) values (?, ?, ?, ?)";
        conn.execute(sql, rusqlite::params![id, user, title, price]).unwrap();
    }
    conn
}

fn value(name: &str, ty: Type) -> Value {
    let ty = ColumnType { name: values::type_name(&ty), ty: Some(ty), values: Vec::new() };
    Value { of: Origin::Column(name.to_owned()), ty, path: Vec::new(), cast: None }
}

fn node(filter: Option<Cond>) -> Node {
    let output = |name: &str, ty: Type| Output::Value { name: name.to_owned(), value: value(name, ty) };
    let order =
        Order { by: OrderBy::Own(value("id", Type::Integer)), direction: Direction::Ascending, nulls: None };
    Node {
        id: 0,
        source: Source::Relation(relation()),
        outputs: vec![
            output("id", Type::Integer),
            output("title", Type::Text),
            output("price", Type::Numeric(10, 2)),
        ],
        embeds: Vec::new(),
        filter,
        order: vec![order],
        limit: None,
        offset: 0,
    }
}

fn relation() -> RelationRef {
    RelationRef { schema: "public".to_owned(), name: "posts".to_owned() }
}

fn compare(name: &str, ty: Type, op: Operator, with: &str) -> Cond {
    let test = Test::Compare { op, with: Operand::One(with.to_owned()) };
    Cond::Test { value: value(name, ty), test }
}

fn compiled(who: &Identity, node: &Node) -> Result<Statement, RestError> {
    let schema = schema();
    let model = from_schema(&schema);
    let memo = Memo::default();
    let site = Site { schema: &schema, model: &model, who, memo: &memo, timezone: None };
    read(&site, node, Some(Count::Exact), Rows::Relation)
}

fn run(who: &Identity, node: &Node) -> (String, i64, i64) {
    let statement = compiled(who, node).unwrap();
    let conn = database(&schema());
    let mut prepared = conn.prepare(&statement.sql).unwrap();
    for (at, value) in statement.values.iter().enumerate() {
        prepared.raw_bind_parameter(at + 1, value).unwrap();
    }
    if let Some(index) = prepared.parameter_index(":auth_uid").unwrap() {
        prepared.raw_bind_parameter(index, who.subject.as_deref()).unwrap();
    }
    let mut rows = prepared.raw_query();
    let row = rows.next().unwrap().unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap())
}

#[test]
fn a_role_reads_and_counts_only_its_own_rows() {
    let alice = run(&Identity::user(ALICE), &node(None));
    let body = r#"[{"id":1,"title":"Cats run","price":1.50},{"id":2,"title":null,"price":20.00}]"#;
    assert_eq!(alice, (body.to_owned(), 2, 2));
    assert_eq!(run(&Identity::service(), &node(None)).2, 3);
    assert_eq!(run(&Identity::anon(), &node(None)), ("[]".to_owned(), 0, 0));
}

#[test]
fn values_are_parameters_and_change_nothing_in_the_text() {
    let attack = "x' or 1=1 --";
    let with = |text: &str| node(Some(compare("title", Type::Text, Operator::Equal, text)));
    let who = Identity::user(ALICE);
    assert_eq!(run(&who, &with(attack)).1, 0);
    assert_eq!(compiled(&who, &with(attack)).unwrap().sql, compiled(&who, &with("y")).unwrap().sql);
}

#[test]
fn operators_mean_what_postgres_means() {
    for (cond, rows) in [
        (compare("title", Type::Text, Operator::ILike, "CATS%"), 1),
        (compare("title", Type::Text, Operator::Like, "CATS%"), 0),
        (compare("title", Type::Text, Operator::Match, "^C.*n$"), 1),
        (compare("price", Type::Numeric(10, 2), Operator::Greater, "3"), 2),
        (compare("user_id", Type::Uuid, Operator::Equal, &BOB.to_uppercase()), 1),
    ] {
        assert_eq!(run(&Identity::service(), &node(Some(cond.clone()))).1, rows, "{cond:?}");
    }
}

#[test]
fn what_is_no_value_of_its_type_is_refused_in_postgres_words() {
    for (cond, code, message) in [
        (
            compare("id", Type::Integer, Operator::Equal, "x"),
            "22P02",
            "invalid input syntax for type integer: \"x\"",
        ),
        (
            compare("user_id", Type::Uuid, Operator::Equal, "x"),
            "22P02",
            "invalid input syntax for type uuid: \"x\"",
        ),
        (
            compare("id", Type::Integer, Operator::Like, "x"),
            "42883",
            "operator does not exist: integer ~~ unknown",
        ),
    ] {
        let error = compiled(&Identity::service(), &node(Some(cond))).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
    }
}
