use super::*;
use crate::input::SourceKind;
use crate::input::sources::recognise;

const SHOP: &str = "\
# A shop
---
openapi: 3.0.3
info: {title: Shop, version: 1.0}
paths:
  /orders:
    get: &list
      summary: >
        List
        orders
      responses:
        200:
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Order'}}
        default: {$ref: 'errors.yaml#/Error'}
    head: *list
components: {schemas: {Order: {type: object}}}
";

#[test]
fn a_description_in_yaml_is_read_as_one_in_json() {
    let answers =
        "answers 200 with a list of Order, anything else with Error of another document; List orders";
    let expected = [format!("`GET /orders` {answers}"), format!("`HEAD /orders` {answers}")];
    let later = SHOP.replace("openapi: 3.0.3\n", "") + "openapi: '3.0.3'\n";
    for text in [SHOP.to_owned(), SHOP.replace('\n', "\r\n"), later, format!("\u{feff}{SHOP}")] {
        let found = recognise(text.clone(), "`shop`").unwrap();
        assert_eq!((found.kind, found.checklist.as_slice()), (SourceKind::OpenApi, &expected[..]), "{text}");
        assert_eq!(found.text, text);
    }
}

#[test]
fn other_texts_are_left_alone() {
    let cases = [
        "name: Shop\nentities: {orders: {}}\n",
        "# Shop\n\n```yaml\nopenapi: 3.0.0\npaths: {}\n```\n",
        "title: x\nopenapi: {\n",
        "openapi: 3.0.0\n",
        "A shop.\n",
    ];
    for text in cases {
        let found = recognise(text.to_owned(), "`shop`").unwrap();
        assert_eq!((found.kind, found.checklist.len()), (SourceKind::Prose, 0), "{text}");
    }
}

#[test]
fn a_description_that_cannot_be_read_is_one_clear_error() {
    let mut bomb = "openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    let cases = [
        ("openapi: 3.0.0\npaths: {\n".to_owned(), "line 2"),
        (format!("openapi: 3.0.0\npaths: {}{}\n", "[".repeat(5000), "]".repeat(5000)), "recursion limit"),
        (format!("openapi: 3.0.0\npaths: {}{}\n", "[".repeat(60), "]".repeat(60)), "Depth"),
        (format!("openapi: 3.0.0\npaths: [{}]\n", "a,".repeat(NODES_MAX)), "Nodes"),
        ("openapi: 3.0.0\npaths: &p {a: *p}\n".to_owned(), "line 2"),
        (bomb, "alias replay limit"),
    ];
    for (text, expected) in cases {
        let error = recognise(text, "`shop`").unwrap_err();
        assert_eq!(error.message, "`shop` cannot be read as an OpenAPI description");
        assert!(error.causes[0].contains(expected), "{error:?}");
    }
}
