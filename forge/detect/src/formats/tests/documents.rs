//! Documents that are structured from end to end, and JSON in code blocks.

use super::{column, document, of, shorts, tables};
use crate::draft::Source;
use crate::formats::{extract, whole_file};
use crate::requirements::ColumnType;

#[test]
fn json_with_a_data_model() {
    let text = r#"{
  "project": "Garden",
  "features": [{ "title": "Beds", "acceptanceCriteria": ["A bed can be dug", "A bed can be left"] }],
  "out_of_scope": ["payments"],
  "data_model": {
    "beds": { "id": "uuid, primary key", "owner_id": "uuid references users", "name": "string, required", "status": "enum(dug, left)" },
    "users": { "fields": [
      { "name": "id", "type": "uuid", "primary_key": true },
      { "name": "email", "type": "string", "required": true, "unique": true, "max_length": 80 }
    ] },
    "visit": ["id", "bedId (FK -> beds.id)", "seenAt: timestamp default now()"]
  }
}"#;
    let found = document("prd.json", text);
    let tables = of(&found.drafts);
    assert_eq!(
        shorts(&tables),
        ["beds(id# owner_id>users name status)", "users(id# email!)", "visits(id bed_id>beds seen_at)"]
    );
    assert_eq!(column(&tables[0], "status").values, ["dug", "left"]);
    assert_eq!(column(&tables[1], "email").r#type, ColumnType::Varchar(80));
    assert_eq!(tables[0].lines[0], 6);
    assert!(found.prose.contains(&(3, "A bed can be dug".to_owned())), "{:?}", found.prose);
    assert!(found.prose.contains(&(4, "payments".to_owned())));
    assert!(found.headings.contains(&(4, 1, "out_of_scope".to_owned())), "{:?}", found.headings);
}

#[test]
fn json_of_user_stories_is_prose() {
    let text = r#"{"name": "x", "userStories": [{"id": "US-1", "title": "Add a field to tasks", "priority": 1, "passes": false}]}"#;
    let found = document("prd.json", text);
    assert!(found.drafts.is_empty());
    assert!(found.prose.iter().any(|(_, text)| text == "Add a field to tasks"));
}

#[test]
fn yaml_with_entities() {
    let text = "name: Ferry\ngoals:\n  - Sell tickets\nentities:\n  - name: Ferry\n    description: A boat\n    attributes:\n      - name: id\n        type: uuid\n      - code: string, unique\n      - seats\n  - name: Ticket\n    table: ferry_tickets\n    fields:\n      ferry_id: {type: uuid, references: Ferry}\n      price: decimal(8,2)\n      state: {type: string, enum: [open, used], default: open}\n";
    let found = document("prd.yaml", text);
    let tables = of(&found.drafts);
    assert_eq!(shorts(&tables), ["ferries(id code! seats)", "ferry_tickets(ferry_id>ferries price state)"]);
    assert_eq!(column(&tables[1], "price").r#type, ColumnType::Numeric(8, 2));
    assert_eq!(column(&tables[1], "state").default.as_deref(), Some("open"));
    assert_eq!(tables[0].lines[0], 5);
    assert!(found.prose.contains(&(3, "Sell tickets".to_owned())));
}

#[test]
fn openapi_in_yaml_and_swagger_in_json() {
    let text = "openapi: 3.0.0\ninfo:\n  title: Pets\n  description: Keep pets.\npaths:\n  /pets:\n    post:\n      summary: Adds a pet\n      responses:\n        200: {description: ok}\n  /visits:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema:\n              properties:\n                petId: {type: string}\n                reason: {type: string}\ncomponents:\n  securitySchemes:\n    bearer: {type: http, scheme: bearer}\n  schemas:\n    Pet:\n      required: [name]\n      properties:\n        id: {type: string, format: uuid}\n        name: {type: string, maxLength: 40}\n        owner: {$ref: '#/components/schemas/Owner'}\n        kind: {type: string, enum: [cat, dog]}\n        born: {type: string, format: date}\n    Owner:\n      allOf:\n        - $ref: '#/components/schemas/Person'\n        - properties:\n            id: {type: integer, format: int64}\n      properties: {id: {type: integer}}\n    Person:\n      properties:\n        email: {type: string}\n    PetInput:\n      properties:\n        id: {type: string}\n    Error:\n      properties:\n        id: {type: string}\n";
    let found = document("api.yml", text);
    let tables = of(&found.drafts);
    assert!(found.secured);
    assert_eq!(
        shorts(&tables),
        ["pets(id# name owner_id>owners kind born)", "owners(email id#)", "visits(pet_id>pets reason)"]
    );
    assert_eq!(column(&tables[0], "name").r#type, ColumnType::Varchar(40));
    assert!(!column(&tables[0], "name").nullable);
    assert_eq!(column(&tables[0], "kind").values, ["cat", "dog"]);
    assert_eq!(column(&tables[0], "born").r#type, ColumnType::Date);
    assert!(found.prose.contains(&(7, "POST /pets: Adds a pet".to_owned())), "{:?}", found.prose);
    assert!(found.drafts.iter().all(|draft| draft.source == Source::Spec));

    let swagger = r##"{"swagger": "2.0", "paths": {"/teams": {"get": {}}}, "definitions": {"Team": {"properties": {"title": {"type": "string"}, "size": {"type": "integer"}}}}}"##;
    assert_eq!(shorts(&of(&document("x.json", swagger).drafts)), ["teams(title size)"]);
}

#[test]
fn xml_in_the_style_of_specifications() {
    let text = "<project_specification>
  <overview>A shop & more, for <everyone> a < b.</overview>
  <database_schema>
    <tables>
      <buyers>
        - id, email, name
        - role (buyer, admin)
      </buyers>
      <parcels>
        - id, buyer_id, label (Home, Work)
        - size (JSON), sent_at
        - Kept for ten years after they were sent
      </parcels>
    </tables>
  </database_schema>
  <out_of_scope>
    - Payments
  </out_of_scope>
</project_specification>";
    let found = document("app_spec.txt", text);
    let tables = of(&found.drafts);
    assert_eq!(
        shorts(&tables),
        ["buyers(id email name role)", "parcels(id buyer_id>buyers label size sent_at)"]
    );
    assert_eq!(column(&tables[0], "role").values, ["buyer", "admin"]);
    assert_eq!(column(&tables[1], "size").r#type, ColumnType::Json);
    assert_eq!(tables[0].lines, [5, 6, 7]);
    assert!(found.prose.contains(&(17, "- Payments".to_owned())), "{:?}", found.prose);
    assert!(found.headings.contains(&(16, 2, "out of scope".to_owned())), "{:?}", found.headings);
    assert!(!found.prose.iter().any(|(line, _)| *line == 6));
}

#[test]
fn xml_with_entities_and_fields() {
    let text = "<?xml version=\"1.0\"?>
<model>
  <entity name=\"Lake\"><field name=\"id\" type=\"uuid\" primaryKey=\"true\"/><field name=\"depth\" type=\"integer\" required=\"true\"/></entity>
  <entity name=\"Boat\" table=\"lake_boats\"><field name=\"lakeId\" type=\"uuid\" references=\"Lake.id\"/><field name=\"kind\" type=\"string\" values=\"sail,row\"/></entity>
</model>";
    let found = document("model.xml", text);
    let tables = of(&found.drafts);
    assert_eq!(shorts(&tables), ["lakes(id# depth)", "lake_boats(lake_id>lakes kind)"]);
    assert!(!column(&tables[0], "depth").nullable);
    assert_eq!(column(&tables[1], "kind").values, ["sail", "row"]);
}

#[test]
fn schema_files() {
    let found =
        document("schema.sql", "-- who may come in\ncreate table guests (id uuid primary key, name text);");
    assert_eq!(shorts(&of(&found.drafts)), ["guests(id# name)"]);
    assert_eq!(found.prose, [(1, "who may come in".to_owned())]);
    let prisma = "datasource db { provider = \"sqlite\" }\nmodel Cat {\n  id Int @id\n}";
    assert_eq!(shorts(&of(&document("schema.txt", prisma).drafts)), ["cats(id#)"]);
    let graphql = "type Cat {\n  id: ID!\n  name: String\n}";
    assert_eq!(shorts(&of(&document("x.graphql", graphql).drafts)), ["cats(id# name)"]);
}

#[test]
fn prose_is_no_structured_file() {
    for text in [
        "Build a to-do app with tasks.",
        "# Title\n\nname: something\n- a list",
        "Overview: a shop\nIt sells things.",
        "<p align=\"center\">Logo</p>\n# Shop\nA shop.",
        "<!DOCTYPE html><html><body>x</body></html>",
        "Create a table of guests.\n\n```sql\ncreate table guests (id int);\n```\n",
        "{name} is the app\nand more",
        "",
        "[Link](http://x.y) is where\nit begins",
    ] {
        assert_eq!(whole_file(text, Some("brief.txt")), None, "{text}");
    }
    assert_eq!(whole_file("{\"a\": 1}", Some("README.md")), None);
}

#[test]
fn json_examples_are_weak_and_named_by_their_wrapper() {
    let drafts = extract(
        Some("json"),
        r#"{"user": {"email": "a@b.c", "age": 7, "joined": "2024-01-02T10:00:00Z", "tags": ["x"]}}"#,
        1,
    );
    assert_eq!(shorts(&of(&drafts)), ["users(email age joined tags)"]);
    assert_eq!(drafts[0].source, Source::Spec);
    assert_eq!(column(&drafts[0].table, "joined").r#type, ColumnType::Timestamp);
    let two =
        tables("json", r#"{"books": [{"id": 1, "title": "x", ...}], "loans": [{"id": 1, "book_id": 1}]}"#);
    assert_eq!(shorts(&two), ["books(id# title)", "loans(id# book_id>books)"]);
    for none in [
        r#"{"name": "pkg", "scripts": {"dev": "vite", "build": "tsc"}}"#,
        r#"{"data": {"id": 1, "title": "x"}}"#,
        r#"{"id": 1, "title": "x"}"#,
        r#"{"compilerOptions": {"strict": true, "target": "es6"}}"#,
        r#"{"error": {"code": 1, "text": "x"}}"#,
        r#"["a", "b"]"#,
    ] {
        assert!(tables("json", none).is_empty(), "{none}");
    }
}

#[test]
fn json_schema() {
    let text = r#"{"$schema": "x", "title": "Crate", "type": "object", "required": ["code"], "properties": {"id": {"type": "string", "format": "uuid"}, "code": {"type": "string"}, "weight": {"type": ["number", "null"]}}}"#;
    let found = tables("", text);
    assert_eq!(shorts(&found), ["crates(id# code weight)"]);
    assert!(!column(&found[0], "code").nullable);
    assert_eq!(column(&found[0], "weight").r#type, ColumnType::Float);
}

#[test]
fn depth_and_number_are_bounded() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert!(tables("json", &deep).is_empty());
    let yaml = format!("a: {}", "[".repeat(5_000));
    assert!(tables("yaml", &yaml).is_empty());
    let xml = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
    assert!(document("x.xml", &xml).drafts.is_empty());
    let many: String = (0..700).map(|i| format!("create table t{i} (id int, x int);\n")).collect();
    assert_eq!(tables("sql", &many).len(), 500);
    let wide: String = (0..300).map(|i| format!("c{i} int, ")).collect();
    assert_eq!(tables("sql", &format!("create table w ({wide})"))[0].columns.len(), 200);
}
