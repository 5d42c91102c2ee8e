use forge_database::schema::Schema;
use forge_database::{ddl, spec};

use super::*;
use crate::model::from_schema;

fn model() -> Model {
    let text = "migration: m
changes:
  - add_enum: {name: mood, values: [calm, busy]}
  - add_table: {name: lists, columns: [id uuid pk, name varchar(9) not null], rls: none}
  - add_table: {name: todos, columns: [id bigint pk identity, list_id fk->lists.id null, mood mood null, 'tags text[] not null'], rls: none}
";
    let migration = spec::parse(text, &Schema::default()).unwrap();
    from_schema(&ddl::plan(&Schema::default(), &migration).unwrap().target)
}

#[test]
fn tables_are_described_with_types_and_verbs() {
    let document = openapi31(&model());
    let todos = &document["components"]["schemas"]["todos"]["properties"];
    assert_eq!(todos["id"], json!({ "type": "integer", "format": "bigint" }));
    assert_eq!(todos["mood"]["enum"], json!(["calm", "busy"]));
    assert_eq!(todos["tags"]["items"]["type"], json!("string"));
    let name = &document["components"]["schemas"]["lists"]["properties"]["name"];
    assert_eq!((&name["maxLength"], &name["type"]), (&json!(9), &json!("string")));
    let verbs: Vec<&String> = document["paths"]["/todos"].as_object().unwrap().keys().collect();
    assert_eq!(verbs, ["delete", "get", "patch", "post"]);
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(whole: &Value, at: &Value) {
        match at {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let pointer = to.trim_start_matches('#');
                    assert!(whole.pointer(pointer).is_some(), "{to}");
                }
                members.values().for_each(|member| walk(whole, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(whole, item)),
            _ => {}
        }
    }
    for document in [openapi31(&model()), swagger2(&model(), "public")] {
        walk(&document, &document);
    }
}

#[test]
fn generators_of_types_find_keys_and_references() {
    let document = swagger2(&model(), "public");
    let todos = &document["definitions"]["todos"]["properties"];
    assert_eq!(todos["id"]["description"], "Note:\nThis is a Primary Key.<pk/>");
    let list = todos["list_id"]["description"].as_str().unwrap();
    assert!(list.ends_with("<fk table='lists' column='id'/>"), "{list}");
    assert_eq!(todos["id"]["format"], "bigint");
    assert_eq!(todos["mood"]["enum"], json!(["calm", "busy"]));
    assert_eq!(
        (&todos["tags"]["type"], &todos["tags"]["items"]),
        (&json!("array"), &json!({ "type": "string" }))
    );
    assert_eq!(document["definitions"]["lists"]["properties"]["name"]["maxLength"], 9);
}
