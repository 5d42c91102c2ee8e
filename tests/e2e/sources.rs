//! Documents that are exports of issues, checklists, or descriptions of interfaces.

use serde_json::{Value, json};

use super::env;
use super::run::{result, schema};

/// An issue as `gh issue view 12 --json number,title,body,labels,comments,url,state,author` writes it.
fn issue(number: u64, title: &str, body: &str) -> Value {
    json!({
        "number": number, "title": title, "body": body, "state": "OPEN", "labels": [{"name": "mvp"}],
        "url": format!("https://github.com/ada/cookbook/issues/{number}"), "author": {"login": "ada"},
        "comments": [{"author": {"login": "eve"}, "authorAssociation": "NONE", "createdAt": "2026-05-01T10:00:00Z",
            "body": "Take payments with Stripe. No backend.\r\n\r\n### invoices\r\n\r\n| id | uuid |\r\n|---|---|"}]
    })
}

const RECIPES: &str = "<!-- Thanks for the report! -->\r\n## Data model\r\n\r\n### recipes\r\n\r\n\
    | Field | Type | Notes |\r\n|---|---|---|\r\n| id | uuid | primary key |\r\n| title | text | required |\r\n";

const CHECKLIST: &str = "# Cookbook\n\n- [x] Set the project up\n- [ ] Users sign in with Google\n\
    - [ ] Users upload images to a bucket called `photos`\n";

const OPENAPI: &str = "\
openapi: 3.1.0
info: {title: Shop, version: '1'}
paths:
  /orders:
    get:
      responses:
        200: {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Order'}}}}}
        404: {$ref: 'https://example.invalid/errors.yaml#/Gone'}
components:
  schemas:
    Order: {type: object, required: [id], properties: {id: {type: string, format: uuid}, total: {type: number}, next: {$ref: '#/components/schemas/Order'}}}
";

fn names(list: &Value) -> Vec<&str> {
    list.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(|item| item["name"].as_str()).collect()
}

#[test]
fn an_issue_asks_for_what_its_description_says_and_not_for_what_comments_do() {
    let env = env();
    env.write("issue.json", issue(12, "Recipe book", RECIPES).to_string());
    let needs = env.loki(&["forge-detect", "issue.json", "--json"]).expect_code(0).json();
    assert_eq!((needs["title"].as_str(), names(&needs["tables"])), (Some("Recipe book"), vec!["recipes"]));
    for absent in ["payments", "exclusions", "auth"] {
        assert!(needs.get(absent).is_none_or(|list| list.as_array().is_some_and(Vec::is_empty)), "{needs}");
    }
    assert_eq!(env.tree(), ["issue.json"]);

    let run = env.loki(&["start", "issue.json", "--headless"]).expect_code(10);
    assert_eq!(result(&run.stdout)["verdict"], "verified_with_gaps");
    let tables: Vec<String> = schema(&env).into_iter().filter(|line| line.starts_with("table ")).collect();
    assert!(tables.iter().any(|line| line.starts_with("table recipes ")), "{tables:?}");
    assert!(!tables.iter().any(|line| line.starts_with("table invoices ")), "{tables:?}");
    let prompt = env.loki(&["prompt", "--iteration", "1"]).expect_code(0).stdout;
    assert!(prompt.contains("# Recipe book") && prompt.contains("> Take payments with Stripe."), "{prompt}");
    assert!(!prompt.contains("Thanks for the report"), "{prompt}");
}

#[test]
fn several_issues_are_one_document() {
    let env = env();
    let mut closed = issue(3, "Payments", "Take payments with Stripe.");
    closed["state"] = json!("CLOSED");
    let list = json!([
        issue(12, "Recipe book", RECIPES),
        closed,
        issue(7, "Files", "Users upload images to a bucket called `photos`.")
    ]);
    let run = env.loki_with_stdin(&["forge-detect", "-", "--json"], list.to_string()).expect_code(0);
    let needs = run.json();
    assert_eq!((names(&needs["tables"]), names(&needs["storage"])), (vec!["recipes"], vec!["photos"]));
    assert!(needs.get("payments").is_none_or(|list| list.as_array().is_some_and(Vec::is_empty)), "{needs}");
}

#[test]
fn a_checklist_is_worked_with_as_it_is() {
    let env = env();
    env.write("TODO.md", CHECKLIST);
    let needs = env.loki(&["forge-detect", "TODO.md", "--json"]).expect_code(0).json();
    assert_eq!((names(&needs["storage"]), needs["auth"][0].as_str()), (vec!["photos"], Some("google")));
    let run = env.loki(&["start", "TODO.md", "--headless"]).expect_code(10);
    assert_eq!(result(&run.stdout)["verdict"], "verified_with_gaps");
    let prompt = env.loki(&["prompt", "--iteration", "1"]).expect_code(0).stdout;
    assert!(prompt.contains("- [x] Set the project up\n- [ ] Users sign in with Google\n"), "{prompt}");
}

#[test]
fn a_description_of_an_interface_brings_its_tables() {
    let as_json: Value = json!({
        "openapi": "3.1.0", "info": {"title": "Shop", "version": "1"},
        "paths": {"/orders": {"get": {"responses": {"200": {"description": "ok", "content": {"application/json":
            {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}}}}}}}},
        "components": {"schemas": {"Order": {"type": "object", "required": ["id"],
            "properties": {"id": {"type": "string", "format": "uuid"}, "total": {"type": "number"}}}}}
    });
    for (name, text) in [("openapi.yaml", OPENAPI.to_owned()), ("openapi.json", as_json.to_string())] {
        let env = env();
        env.write(name, text);
        let needs = env.loki(&["forge-detect", name, "--json"]).expect_code(0).json();
        assert_eq!(
            (needs["title"].as_str(), names(&needs["tables"])),
            (Some("Shop"), vec!["orders"]),
            "{name}"
        );
        env.loki(&["start", name, "--headless"]).expect_code(10);
        let orders = schema(&env).into_iter().find(|line| line.starts_with("table orders "));
        assert!(orders.is_some_and(|line| line.contains("total")), "{name}");
    }
}

#[test]
fn an_export_that_lacks_something_is_one_error() {
    let env = env();
    env.write(
        "issue.json",
        r#"{"url": "https://github.com/ada/cookbook/issues/12", "body": "b", "number": 12}"#,
    );
    for command in [&["forge-detect", "issue.json"][..], &["start", "issue.json", "--headless"]] {
        let run = env.loki(command).expect_code(2);
        assert!(run.stderr.contains("cannot be read as an export of GitHub issues"), "{}", run.stderr);
        assert!(run.stderr.contains("the GitHub issue has no `title`"), "{}", run.stderr);
        assert!(run.stderr.contains("\nhint: Export it with `gh issue view N --json"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(env.tree(), ["issue.json"]);
}

#[test]
fn a_description_in_yaml_that_grows_without_bounds_is_refused() {
    let env = env();
    let mut bomb = "openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    env.write("openapi.yaml", bomb);
    let run = env.loki(&["forge-detect", "openapi.yaml"]).expect_code(2);
    assert!(run.stderr.contains("cannot be read as an OpenAPI description"), "{}", run.stderr);
}
