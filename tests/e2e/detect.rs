//! `loki forge-detect`, over the templates.

use super::env;

/// A template's document, from the repository.
fn template(name: &str) -> String {
    format!("{}/../../templates/{name}/PRD.md", env!("CARGO_MANIFEST_DIR"))
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    let named = |item: &'_ serde_json::Value| item.get("name").is_some();
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| if named(item) { item["name"].as_str() } else { item.as_str() }).collect()
}

#[test]
fn the_saas_template_asks_for_what_it_describes() {
    let env = env();
    let needs = env.loki(&["forge-detect", "--json", &template("forge-saas")]).expect_code(0).json();
    let mut tables = names(&needs["tables"]);
    tables.sort_unstable();
    assert_eq!(tables, ["comments", "memberships", "posts", "subscriptions", "teams", "users"]);
    let mut auth = names(&needs["auth"]);
    auth.sort_unstable();
    assert_eq!(auth, ["email-password", "google"]);
    assert!(names(&needs["storage"]).contains(&"uploads"), "{}", needs["storage"]);
    let schedules = needs["schedules"].as_array().expect("schedules");
    assert!(
        schedules.iter().any(|digest| digest["cron"] == "0 7 * * *" && digest["tz"] == "Europe/Berlin"),
        "{schedules:?}"
    );
    assert_eq!(names(&needs["payments"]), ["stripe"]);
    assert!(names(&needs["functions"]).contains(&"stripe-webhook"), "{}", needs["functions"]);
    let mut secrets = names(&needs["secrets"]);
    secrets.sort_unstable();
    assert_eq!(secrets, ["SMTP_PASSWORD", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"]);
    assert!(needs.get("realtime").is_none(), "out of scope: {}", needs["realtime"]);
    assert_eq!(needs["vector_search"], false);
    assert_eq!(env.tree(), Vec::<String>::new());
}

#[test]
fn a_page_that_keeps_its_data_in_the_browser_needs_nothing() {
    let env = env();
    let site = env.loki(&["forge-detect", "--json", &template("static-site")]).expect_code(0).json();
    assert_eq!(site["none"], true);
    assert!(site.get("tables").is_none() && site.get("auth").is_none(), "{site}");
    assert!(!site["exclusions"].as_array().expect("exclusions").is_empty());
}

#[test]
fn each_item_cites_its_lines() {
    let document = std::fs::read(template("forge-saas")).expect("the template");
    let run = env().loki_with_stdin(&["forge-detect", "-"], document).expect_code(0);
    let users = run.stdout.lines().find(|line| line.starts_with("table") && line.contains(" users "));
    assert!(
        users.is_some_and(|line| line.contains(" email, ") && line.contains(" lines ")),
        "{}",
        run.stdout
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    let env = env();
    env.write("binary.md", b"\0\x01");
    for document in ["absent.md", "binary.md", "."] {
        let run = env.loki(&["forge-detect", document]).expect_code(2);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains("\nhint: "), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}
