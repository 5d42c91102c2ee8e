//! What is written reads back the same.

use proptest::prelude::*;

use crate::{
    arbitrary::{self, Choices},
    change::{Change, Migration},
    ddl::plan,
    schema::Schema,
    spec::{parse, to_yaml},
};

fn round_trip(migration: &Migration, current: &Schema) {
    let text = to_yaml(migration);
    match parse(&text, current) {
        Ok(read) => assert_eq!(&read, migration, "{text}"),
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[test]
fn writes_as_people_do() {
    let text = r#"migration: initial_schema
changes:
  - add_enum: {name: post_status, values: [draft, published]}
  - add_table:
      name: users
      columns:
        - id uuid pk default uuid()
        - email varchar(120) not null
      unique: [[email]]
  - add_table:
      name: posts
      columns:
        - id uuid pk default uuid()
        - user_id uuid fk->users.id on delete cascade
        - price numeric(10,2) not null default 0
        - status post_status default draft
        - created_at timestamptz default now()
      checks: {price_positive: "price >= 0"}
      indices: [[created_at desc]]
      rls: "own-or-public"
  - drop_column: {table: posts, column: price}
"#;
    let migration = parse(text, &Schema::default()).unwrap();
    assert_eq!(to_yaml(&migration), text);
}

#[test]
fn writes_what_has_no_structure() {
    let cell = |text: &str| Some(text.to_owned());
    let rows =
        ["null", "~", "", " x ", "a: b", "#", "1.50", "true", "\u{7f}\u{85}\u{2028}\u{feff}", "ü\n\t\\\""];
    let rows = rows.iter().map(|text| vec![("a".to_owned(), cell(text)), ("n".to_owned(), None)]).collect();
    let seed = Change::Seed { table: "null".to_owned(), rows };
    round_trip(&Migration { name: "yes".to_owned(), changes: vec![seed] }, &Schema::default());
    round_trip(&Migration { name: "nothing".to_owned(), changes: Vec::new() }, &Schema::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_what_it_wrote(numbers in prop::collection::vec(any::<u16>(), 0..400)) {
        let mut choices = Choices::new(numbers);
        let first = arbitrary::migration(&mut choices, &Schema::default(), 6);
        round_trip(&first, &Schema::default());
        let base = plan(&Schema::default(), &first).unwrap().target;
        round_trip(&arbitrary::migration(&mut choices, &base, 6), &base);
    }

    /// Whatever it is given, reading ends, and an error has a place in the text.
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z_:{}\\[\\], \n'\"()>&*!|#-]{0,200}") {
        if let Err(error) = parse(&text, &Schema::default()) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }

    #[test]
    fn any_column_is_read_or_refused(text in "[a-z_ ,'\"()>0-9.-]{0,60}") {
        let text = format!("migration: x\nchanges:\n  - add_table:\n      name: t\n      columns:\n        - id pk\n        - {text}\n");
        if let Ok(migration) = parse(&text, &Schema::default()) {
            round_trip(&migration, &Schema::default());
        }
    }
}
