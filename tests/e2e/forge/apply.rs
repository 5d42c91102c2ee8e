//! `loki forge apply`: a backend is brought to what `forge.yaml` says, once, and loses nothing that nobody gave up.

use loki_kit::TestEnv;
use serde_json::Value;

const DOCUMENT: &str = "
tables:
  notes:
    columns: [id pk, user_id uuid not null, title text not null]
    rls: own-row
    indices: [user_id]
buckets: {photos: {public: true}}
secrets: [STRIPE_KEY]
";

/// What the command says, and its exit code.
fn apply(env: &TestEnv, args: &[&str]) -> (i32, Value, String) {
    let args: Vec<&str> = ["forge", "apply", "--json"].into_iter().chain(args.iter().copied()).collect();
    let output = env.command(&args).output().unwrap();
    let data = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), data, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn steps(data: &Value) -> usize {
    data["plan"].as_array().unwrap().len()
}

#[test]
fn a_document_is_applied_once_and_lets_nothing_go_by_itself() {
    let env = crate::env();
    let (code, _, told) = apply(&env, &[]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("forge.yaml"), "{told}");

    env.write("forge.yaml", DOCUMENT);
    let (code, data, told) = apply(&env, &["--dry-run"]);
    assert_eq!((code, steps(&data), &data["applied"]), (0, 3, &Value::Bool(false)), "{told}");
    let (code, data, told) = apply(&env, &[]);
    assert_eq!((code, steps(&data), data["version"].as_u64()), (0, 3, Some(1)), "{told}");
    let (code, data, told) = apply(&env, &[]);
    assert_eq!((code, steps(&data), data["version"].as_u64()), (0, 0, Some(1)), "{told}");

    env.write("less.yaml", "drop: {tables: [notes], buckets: [photos]}");
    let (code, _, told) = apply(&env, &["less.yaml"]);
    assert_eq!(code, 20, "{told}");
    assert!(told.contains("notes") && told.contains("--approve"), "{told}");
    let (code, data, told) = apply(&env, &["less.yaml", "--approve", "it was a trial"]);
    assert_eq!((code, steps(&data), data["version"].as_u64()), (0, 2, Some(2)), "{told}");

    env.write("forge.yaml", "tabels: {}");
    let (code, _, told) = apply(&env, &[]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("did you mean `tables`?"), "{told}");
}
