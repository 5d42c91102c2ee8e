//! What a document asks of sign-in: what a person must give is named with the steps, and nothing else is missing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use loki_kit::TestEnv;
use serde_json::Value;

use crate::env;

/// Sign-in with Google and by e-mail, and a role.
const DOCUMENT: &str = "# Cookbook

People keep recipes of their own.

## Data model

### recipes

| Field | Type | Notes |
|---|---|---|
| id | uuid | primary key |
| user_id | uuid | required, references users.id |
| title | text | required |

Users only see their own recipes.

### cuisines

| Field | Type | Notes |
|---|---|---|
| id | uuid | primary key |
| name | text | required |

Everyone can read cuisines. Only admins create, edit and delete cuisines.

## Sign-in

Users sign in with Google or with email and password.
";

/// The gaps of a run of the document.
fn gaps(env: &TestEnv) -> Vec<String> {
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    let result: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(result["verdict"], "verified_with_gaps", "{result}");
    result["gaps"].as_array().unwrap().iter().map(|gap| gap.as_str().unwrap().to_owned()).collect()
}

/// All that is missing beside the application itself, which no model is there to write.
fn of_backend(gaps: &[String]) -> Vec<&str> {
    gaps.iter().map(String::as_str).filter(|gap| !gap.starts_with("application")).collect()
}

#[test]
fn what_only_a_person_has_is_all_that_is_missing() {
    let env = env();
    env.write("PRD.md", DOCUMENT);
    let gaps = gaps(&env);
    let receipt = env.loki(&["receipt", "--json"]).expect_code(0).json();
    let served =
        receipt["facts"]["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == "served").unwrap();
    assert!(served["summary"].as_str().unwrap().starts_with("two who signed up and a visitor"), "{served}");
    let [id, secret] = of_backend(&gaps)[..] else { panic!("two values: {gaps:#?}") };
    for (gap, variable) in [(id, "GOOGLE_CLIENT_ID"), (secret, "GOOGLE_CLIENT_SECRET")] {
        for part in [
            "auth_provider google: ",
            variable,
            "https://console.cloud.google.com/apis/credentials",
            "http://127.0.0.1:54321/auth/v1/callback",
        ] {
            assert!(gap.contains(part), "{part}: {gap}");
        }
    }
}

#[test]
fn with_the_values_there_is_no_gap() {
    let env = env()
        .with_variable("GOOGLE_CLIENT_ID", "1-x.apps.googleusercontent.com")
        .with_variable("GOOGLE_CLIENT_SECRET", "GOCSPX-s3cr3t");
    env.write("PRD.md", DOCUMENT);
    assert_eq!(of_backend(&gaps(&env)), Vec::<&str>::new());
    env.loki(&["verify", "--receipt"]).expect_code(0);
    for file in env.tree() {
        let bytes = fs::read(env.path(&file)).unwrap();
        let holds = bytes.windows(b"s3cr3t".len()).any(|window| window == b"s3cr3t");
        assert!(!holds, "the secret is in {file}");
    }
}

#[test]
fn a_gap_that_was_closed_is_one_no_more() {
    let env = env().with_variable("GOOGLE_CLIENT_ID", "1-x.apps.googleusercontent.com");
    env.write("PRD.md", DOCUMENT);
    assert_eq!(of_backend(&gaps(&env)).len(), 1);
    let file = env.path(".loki/forge/secrets/GOOGLE_CLIENT_SECRET");
    env.write(".loki/forge/secrets/GOOGLE_CLIENT_SECRET", "GOCSPX-s3cr3t\n");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let open = gaps(&env);
    assert!(of_backend(&open)[0].contains("chmod 600"), "{open:#?}");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(of_backend(&gaps(&env)), Vec::<&str>::new());
    // Nothing has changed since.
    let again = env.loki(&["start", "PRD.md", "--headless"]).expect_code(10);
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
}

#[test]
fn a_role_of_the_document_is_in_the_policies_that_were_proven() {
    let env = env();
    env.write("PRD.md", DOCUMENT);
    gaps(&env);
    let migration = env.tree().into_iter().find(|file| file.starts_with("forge/migrations/0001_")).unwrap();
    let text = env.read(&migration);
    assert!(text.contains("rls: \"public + admin: select, insert, update, delete\""), "{text}");
    assert!(text.contains("rls: own-row\n"), "{text}");
}
