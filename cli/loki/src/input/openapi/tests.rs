use serde_json::json;

use super::*;

/// The only operation of a document with these paths.
fn told(operation: Value, more: Value) -> String {
    let mut root = json!({"openapi": "3.1.0", "paths": {"/items": {"get": operation}}});
    if let (Some(root), Value::Object(more)) = (root.as_object_mut(), more) {
        root.extend(more);
    }
    assert!(is(&root));
    let items = checklist(&root);
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

fn answers(schema: Value) -> String {
    let ok = json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}});
    told(ok, json!({})).replace("`GET /items` answers 200 with ", "")
}

#[test]
fn a_schema_is_told_by_its_name_or_by_what_it_is() {
    let item = json!({"$ref": "#/components/schemas/Item"});
    let cases = [
        (item.clone(), "Item"),
        (json!({"type": "array", "items": item}), "a list of Item"),
        (json!({"oneOf": [item, {"type": "string"}]}), "Item or string"),
        (json!({"allOf": [item, {"$ref": "#/components/schemas/Timed"}]}), "Item and Timed"),
        (json!({"type": "object", "properties": {"id": {}, "name": {}}}), "an object of `id`, `name`"),
        (json!({"type": "object", "additionalProperties": item}), "a map of Item"),
        (json!({"type": "string", "format": "uuid"}), "string (uuid)"),
        (json!({"type": ["string", "null"]}), "string or null"),
        (json!({}), "anything"),
        (json!(true), "anything"),
        (
            json!({"$ref": "https://example.org/api.yaml#/components/schemas/Item"}),
            "Item of another document",
        ),
        (json!({"$ref": "../item.yaml"}), "item.yaml of another document"),
        (json!({"$ref": "file:///etc/passwd"}), "passwd of another document"),
        (json!({"$ref": "#"}), "the whole"),
        (json!({"$ref": "#/components/schemas/a~1b~0c"}), "a/b~c"),
    ];
    for (schema, expected) in cases {
        assert_eq!(answers(schema.clone()), expected, "{schema}");
    }
}

#[test]
fn an_operation_is_one_line_with_all_that_it_needs() {
    let operation = json!({
        "summary": "Add\nan item", "deprecated": true,
        "parameters": [
            {"name": "limit", "in": "query", "schema": {"type": "integer"}},
            {"$ref": "#/components/parameters/Trace"},
            {"$ref": "#/components/parameters/Absent"},
            {"name": "broken"}, null, 7
        ],
        "requestBody": {"$ref": "#/components/requestBodies/New"},
        "responses": {"201": {"description": "made"}, "404": {"$ref": "#/components/responses/Gone"}, "default": null},
        "security": [{"oauth": ["items:write"], "key": []}, {}]
    });
    let components = json!({"components": {
        "parameters": {"Trace": {"name": "X-Trace", "in": "header", "required": true, "schema": {"type": "string"}}},
        "requestBodies": {"New": {"required": true, "content": {
            "text/plain": {}, "application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}}}},
        "responses": {"Gone": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}}
    }});
    assert_eq!(
        told(operation, components),
        "`GET /items` takes NewItem and answers 201, 404 with Error, anything else; parameters: query `limit` \
         (integer), header `X-Trace` (string, required); security: key and oauth (items:write) or none; Add an \
         item (deprecated)"
    );
}

#[test]
fn the_documents_security_holds_where_an_operation_says_nothing() {
    let all = json!({"security": [{"bearer": []}]});
    let cases = [
        (json!({}), all.clone(), "`GET /items` answers as its description says; security: bearer"),
        (json!({"security": []}), all, "`GET /items` answers as its description says; security: none"),
        (json!({}), json!({}), "`GET /items` answers as its description says"),
    ];
    for (operation, more, expected) in cases {
        assert_eq!(told(operation, more), expected);
    }
}

#[test]
fn swagger_two_is_read_too() {
    let root = json!({"swagger": "2.0", "paths": {"/items": {
        "post": {
            "parameters": [{"name": "item", "in": "body", "schema": {"$ref": "#/definitions/Item"}},
                {"name": "id", "in": "query", "type": "integer", "format": "int64"}],
            "responses": {"200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Item"}}}}
        },
        "put": {"parameters": [{"name": "photo", "in": "formData", "type": "file"}], "responses": {}}
    }}});
    assert!(is(&root));
    let expected = [
        "`POST /items` takes Item and answers 200 with a list of Item; parameters: query `id` (integer (int64))",
        "`PUT /items` takes a form with `photo` and answers as its description says",
    ];
    assert_eq!(checklist(&root), expected);
}

#[test]
fn parameters_of_the_path_count_and_webhooks_are_told() {
    let root = json!({"openapi": "3.1.0",
        "paths": {"/a/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
            "get": {"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]},
            "delete": {}, "x-note": {}, "summary": "A"}},
        "webhooks": {"sold": {"post": {"responses": {"200": {}}}}}});
    let expected = [
        "`GET /a/{id}` answers as its description says; parameters: path `id` (integer, required)",
        "`DELETE /a/{id}` answers as its description says; parameters: path `id` (string, required)",
        "webhook `POST sold` answers 200",
    ];
    assert_eq!(checklist(&root), expected);
}

#[test]
fn references_in_a_circle_or_out_of_the_document_end() {
    let root = json!({"openapi": "3.0.0",
        "paths": {
            "/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}, "/c": {"$ref": "other.yaml#/x"},
            "/d": {"get": {
                "requestBody": {"$ref": "#/components/requestBodies/Loop"},
                "responses": {"200": {"$ref": "#/components/responses/Loop"},
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}}}}
        },
        "components": {
            "requestBodies": {"Loop": {"$ref": "#/components/requestBodies/Loop"}},
            "responses": {"Loop": {"$ref": "#/components/responses/Loop"}},
            "schemas": {"Node": {"properties": {"next": {"$ref": "#/components/schemas/Node"}}}}}});
    assert_eq!(checklist(&root), ["`GET /d` takes Loop and answers 200 with Loop, 201 with Node"]);
}

#[test]
fn a_large_description_is_kept_within_the_limits() {
    let schema = (0..5).fold(json!({"type": "string"}), |inner, _| json!({"oneOf": vec![inner; 8]}));
    let mut paths: Map<String, Value> =
        (0..599).map(|at| (format!("/p{at}"), json!({"get": {"summary": "s".repeat(5000)}}))).collect();
    let wide = json!({"200": {"content": {"application/json": {"schema": schema}}}});
    paths.insert("/a".to_owned(), json!({"get": {"responses": wide}}));
    let items = checklist(&json!({"openapi": "3.0.0", "paths": paths}));
    assert_eq!(items.len(), ITEMS_MAX);
    assert_eq!(items[ITEMS_MAX - 1], "and 101 more operations of the document");
    assert!(items.iter().all(|item| item.len() <= ITEM_BYTES_MAX));
}

#[test]
fn names_cannot_break_their_line() {
    let root =
        json!({"openapi": "3.0.0", "paths": {"/a`\n# b\u{1b}[2J": {"get": {"responses": {"2\n00": {}}}}}});
    assert_eq!(checklist(&root), ["`GET /a' # b[2J` answers 2 00"]);
}

#[test]
fn what_is_no_description_is_not_taken_for_one() {
    let cases = [
        (json!({"openapi": "3.0.0", "paths": {}}), true),
        (json!({"openapi": 3.1, "components": {}}), true),
        (json!({"swagger": 2.0, "definitions": {}}), true),
        (json!({"openapi": "3.0.0"}), false),
        (json!({"openapi": "4.0.0", "paths": {}}), false),
        (json!({"swagger": "1.2", "paths": {}}), false),
        (json!({"openapi": null, "paths": {}}), false),
        (json!({"paths": {}}), false),
        (json!([{"openapi": "3.0.0", "paths": {}}]), false),
    ];
    for (root, expected) in cases {
        assert_eq!(is(&root), expected, "{root}");
    }
    assert_eq!(checklist(&json!({"openapi": "3.0.0", "paths": [1, null]})), Vec::<String>::new());
}
