//! The errand that the token bill of a backend for agents is counted on: on a project with five tables, find the
//! schema, add a table with a foreign key and a policy, add rows, query them, verify the backend.

use serde_json::{Value, json};

/// The five tables, as a migration of the project.
pub const TABLES: &str = "migration: library
changes:
  - add_table: {name: authors, columns: [id pk, name text not null, born integer], rls: public}
  - add_table: {name: books, columns: [id pk, author_id fk->authors.id, title text not null, year integer], rls: public}
  - add_table: {name: members, columns: [id pk, email text unique, joined timestamptz], rls: public}
  - add_table: {name: loans, columns: [id pk, book_id fk->books.id, member_id fk->members.id, due timestamptz], rls: public}
  - add_table: {name: reviews, columns: [id pk, book_id fk->books.id, stars integer, body text], rls: public}
";

/// The document that goes with them.
pub const DOCUMENT: &str = "# Library\n\nA library lends books.\n";

const AUTHOR: &str = "11111111-1111-4111-8111-111111111111";
const BOOK: &str = "22222222-2222-4222-8222-222222222222";

/// The calls of the errand, in order: the tool and its arguments.
pub fn calls() -> Vec<(&'static str, Value)> {
    let spec = "migration: shelves\nchanges:\n  - add_table: {name: shelves, columns: [id pk, \
                book_id fk->books.id, room text not null], rls: public}\n";
    vec![
        ("forge_db_introspect", json!({})),
        ("forge_db_migrate", json!({ "spec": spec })),
        (
            "forge_db_import",
            json!({ "table": "authors", "rows": [{ "id": AUTHOR, "name": "Ada", "born": 1815 }] }),
        ),
        (
            "forge_db_import",
            json!({ "table": "books", "rows": [{ "id": BOOK, "author_id": AUTHOR, "title": "Notes" }] }),
        ),
        ("forge_db_import", json!({ "table": "shelves", "rows": [{ "book_id": BOOK, "room": "north" }] })),
        (
            "forge_db_query",
            json!({ "sql": "select b.title, s.room from shelves s join books b on b.id = s.book_id" }),
        ),
        ("tools_call", json!({ "name": "forge_verify", "input": {} })),
    ]
}

/// What must stand in the answer to the last query, for the errand to be done.
pub const FOUND: [&str; 2] = ["Notes", "north"];

/// What a model reads of a listing, tool by tool: name, description and schema of the input.
pub fn listed(tools: &Value) -> Vec<(String, String)> {
    let tools = tools.as_array().into_iter().flatten();
    tools
        .map(|tool| {
            let text = json!({
                "name": tool["name"],
                "description": tool["description"],
                "input_schema": tool["inputSchema"],
            });
            (tool["name"].as_str().unwrap_or_default().to_owned(), text.to_string())
        })
        .collect()
}

/// What a model reads of the answer to a call: its texts, and what is structured in it.
pub fn read(result: &Value) -> String {
    let texts = result["content"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    let mut read: Vec<String> = texts.map(str::to_owned).collect();
    if !result["structuredContent"].is_null() {
        read.push(result["structuredContent"].to_string());
    }
    read.join("\n")
}
