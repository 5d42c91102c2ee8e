//! Runs in which a model writes the code: the real program against strict fakes of the model APIs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use loki_kit::TestEnv;
use loki_kit::fakes::projects::Project;
use loki_kit::fakes::repair::Repair;
use loki_kit::fakes::{self, Fake, Reply, Script, Setup};
use serde_json::{Value, json};

use crate::env;

/// A way to reach a fake: the provider's name, its variable for the key, and a model with a price.
pub(crate) type Way = (&'static str, &'static str, &'static str, fn() -> Setup);

pub(crate) const WAYS: [Way; 3] = [
    ("anthropic", "ANTHROPIC_API_KEY", "claude-sonnet-4-5", Setup::anthropic),
    ("openai", "OPENAI_API_KEY", "gpt-5", Setup::responses),
    ("openai-chat", "OPENAI_API_KEY", "gpt-5", Setup::chat),
];

/// A project that a model works on, reached by `way`.
#[expect(clippy::disallowed_methods, reason = "the tests' own toolchain is where their environment says")]
pub(crate) fn with_model(way: Way, fake: &Fake) -> TestEnv {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let (name, key, model, _) = way;
    env()
        .with_variable("PATH", &variable("PATH"))
        .with_variable("HOME", &variable("HOME"))
        .with_variable("LOKI_PROVIDER_NAME", name)
        .with_variable("LOKI_PROVIDER_BASE_URL", &base(name, fake))
        .with_variable("LOKI_MODEL_DEVELOPMENT", model)
        .with_variable("LOKI_GATES_REVIEW", "false")
        .with_variable(key, fakes::KEY)
}

fn base(name: &str, fake: &Fake) -> String {
    if name == "anthropic" { fake.url() } else { format!("{}/v1", fake.url()) }
}

/// The end of a headless run.
pub(crate) fn result(run: &loki_kit::Run) -> Value {
    run.events().into_iter().find(|event| event["type"] == "result").expect("a result")
}

fn repairs(way: Way, project: Project) {
    let folder = tempfile::tempdir().unwrap();
    let fake = way.3().start(Repair::new(project, folder.path()).with_every_fault().script());
    let env = with_model(way, &fake);
    project.write(env.root());
    let run = env.loki(&["start", "./PRD.md", "--headless"]).expect_code(0);
    let result = result(&run);
    assert!(project.is_repaired(env.root()), "{result}");
    assert_eq!(fake.complaints(), Vec::<String>::new());
    assert_eq!(result["verdict"], "verified", "{result}");
    let told = fake.reported();
    let receipt = env.read_json(&receipt(&result));
    let cost = &receipt["facts"]["cost"];
    let tokens = |name: &str| cost[name].as_u64().unwrap();
    let counted = [
        tokens("input_tokens"),
        tokens("output_tokens"),
        tokens("cache_read_tokens"),
        tokens("cache_write_tokens"),
    ];
    let all = told.total();
    assert_eq!(counted, [all.input, all.output, all.cache_read, all.cache_write], "{cost}");
    let gates: Vec<&str> =
        result["gates"].as_array().unwrap().iter().filter_map(|g| g["gate"].as_str()).collect();
    assert!(gates.contains(&"tests"), "{gates:?}");
    assert!(receipt["facts"]["iterations"].as_u64().unwrap() >= 2, "the false claim cost an iteration");
    // Nothing of the key is kept anywhere.
    for file in env.tree().iter().filter(|file| file.starts_with(".loki/")) {
        let bytes = std::fs::read(env.path(file)).unwrap_or_default();
        assert!(!contains(&bytes, fakes::KEY.as_bytes()), "the key is in {file}");
    }
}

pub(crate) fn receipt(result: &Value) -> String {
    let path = result["receipt"].as_str().unwrap();
    path[path.find(".loki/").unwrap()..].to_owned()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn messages_repair_a_rust_project() {
    repairs(WAYS[0], Project::rust());
}

#[test]
fn messages_repair_a_python_project() {
    repairs(WAYS[0], Project::python());
}

#[test]
fn messages_repair_a_node_project() {
    repairs(WAYS[0], Project::node());
}

#[test]
fn responses_repair_a_rust_project() {
    repairs(WAYS[1], Project::rust());
}

#[test]
fn responses_repair_a_node_project() {
    repairs(WAYS[1], Project::node());
}

#[test]
fn responses_repair_a_python_project() {
    repairs(WAYS[1], Project::python());
}

#[test]
fn chat_completions_repair_a_rust_project() {
    repairs(WAYS[2], Project::rust());
}

#[test]
fn chat_completions_repair_a_python_project() {
    repairs(WAYS[2], Project::python());
}

#[test]
fn chat_completions_repair_a_node_project() {
    repairs(WAYS[2], Project::node());
}

#[test]
fn a_change_is_reviewed_by_models_once_every_other_gate_is_content() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::python();
    let approve = json!({"approves": true, "reason": "it does what the document asks", "findings": []});
    let script =
        Repair::new(project, folder.path()).with_other(move |_| Reply::say(&approve.to_string())).script();
    let fake = fakes::anthropic::start(script);
    let env = with_model(WAYS[0], &fake).with_variable("LOKI_GATES_REVIEW", "true");
    project.write(env.root());
    let run = env.loki(&["start", "./PRD.md", "--headless"]).expect_code(0);
    let receipt = env.read_json(&receipt(&result(&run)));
    let gates = receipt["facts"]["gates"].as_array().unwrap();
    let review = gates.iter().find(|gate| gate["gate"] == "review").expect("a review");
    assert_eq!(review["verdict"], "pass");
    assert!(review["facts"].get("assessments").is_none(), "opinions are no facts");
    assert_eq!(receipt["assessments"]["gates"][0]["gate"], "review");
    let (told, cost) = (fake.reported().total(), &receipt["facts"]["cost"]);
    let counted = [&cost["input_tokens"], &cost["output_tokens"], &cost["cache_read_tokens"]];
    assert_eq!(
        counted,
        [&json!(told.input), &json!(told.output), &json!(told.cache_read)],
        "reviewers count"
    );
    assert_eq!(fake.complaints(), Vec::<String>::new());
}

#[test]
fn a_budget_holds_and_a_run_resumed_five_times_keeps_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::python();
    let fake = fakes::anthropic::start(Repair::new(project, folder.path()).script());
    let env = with_model(WAYS[0], &fake);
    project.write(env.root());
    let run = env.loki(&["start", "./PRD.md", "--headless", "--budget", "0.30"]).expect_code(20);
    assert_eq!(result(&run)["verdict"], "budget_spent");
    let asked = fake.requests().len();
    assert!(asked > 0, "what it can pay for it pays for");
    let status = env.loki(&["status", "--json"]).expect_code(0).json();
    assert!(status["micro_usd"].as_u64().unwrap() <= 300_000, "{status}");
    let mut before = asked;
    for budget in ["0.31", "0.32", "0.33", "0.34"] {
        let run = env.loki(&["resume", "--headless", "--budget", budget]).expect_code(20);
        assert_eq!(result(&run)["verdict"], "budget_spent");
        let now = fake.requests().len();
        assert!(now >= before, "{budget}: it goes on where it was");
        before = now;
    }
    let run = env.loki(&["resume", "--headless", "--budget", "5"]).expect_code(0);
    assert_eq!(result(&run)["verdict"], "verified");
    let receipt = env.read_json(&receipt(&result(&run)));
    let (told, cost) = (fake.reported().total(), &receipt["facts"]["cost"]);
    let counted = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"];
    assert_eq!(
        counted.map(|name| cost[name].as_u64().unwrap()),
        [told.input, told.output, told.cache_read, told.cache_write]
    );
    assert_eq!(cost["micro_usd_lost"], 0);
}

#[test]
fn people_are_told_once_when_most_of_the_budget_is_used_up() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::python();
    // Every answer costs about 60,000 millionths.
    let dear = || {
        let mut repair = Repair::new(project, folder.path()).script_fn();
        let usage = fakes::Usage::new(20_000, 40, 0, 0);
        fakes::anthropic::start(Script::new(move |seen| repair(seen).with_usage(usage)))
    };
    let fake = dear();
    let env = with_model(WAYS[0], &fake).with_variable("LOKI_PROVIDER_OUTPUT_TOKENS_MAX", "256");
    project.write(env.root());
    let whole = env.loki(&["start", "./PRD.md", "--headless"]).expect_code(0);
    assert!(!whole.events().iter().any(|event| event["type"] == "alert"));
    let spent = env.loki(&["status", "--json"]).expect_code(0).json()["micro_usd"].as_u64().unwrap();
    let fake = dear();
    let again = with_model(WAYS[0], &fake).with_variable("LOKI_PROVIDER_OUTPUT_TOKENS_MAX", "256");
    project.write(again.root());
    let budget = format!("{:.6}", spent as f64 * 1.1 / 1e6);
    let run = again.loki(&["start", "./PRD.md", "--headless", "--budget", &budget]);
    let alerts: Vec<Value> = run.events().into_iter().filter(|event| event["type"] == "alert").collect();
    assert_eq!(alerts.len(), 1, "{}", result(&run));
    let part = alerts[0]["micro_usd"].as_f64().unwrap() / alerts[0]["micro_usd_max"].as_f64().unwrap();
    assert!((0.8..=1.0).contains(&part), "{part}");
}

#[test]
fn a_run_of_a_model_does_not_go_on_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::python();
    let fake = fakes::anthropic::start(Repair::new(project, folder.path()).script());
    let env = with_model(WAYS[0], &fake);
    project.write(env.root());
    env.loki(&["start", "./PRD.md", "--headless", "--budget", "0.30"]).expect_code(20);
    let prompt = env.loki(&["prompt", "--json"]).expect_code(0).stdout;
    let env =
        env.with_variable("LOKI_PROVIDER_NAME", "blueprint").with_variable("LOKI_PROVIDER_BASE_URL", "");
    let refused = env.loki(&["resume", "--headless", "--budget", "5"]).expect_code(2);
    assert!(refused.stderr.contains("needs a model to go on"), "{}", refused.stderr);
    assert!(env.loki(&["prompt", "--json"]).expect_code(0).stdout == prompt, "what was sent stays shown");
    let asked = fake.requests().len();
    assert!(asked > 0);
}

#[test]
fn what_cannot_be_asked_is_refused_before_a_run_begins() {
    let fake = fakes::anthropic::start(Script::list([]));
    let env = with_model(WAYS[0], &fake).with_variable("ANTHROPIC_API_KEY", "");
    Project::python().write(env.root());
    let refused = |env: &TestEnv| {
        let run = env.loki(&["start", "./PRD.md", "--headless"]).expect_code(2);
        assert!(!env.has(".loki/loki.db"), "nothing is begun");
        run.stderr
    };
    assert!(refused(&env).contains("ANTHROPIC_API_KEY"));
    let doctor = env.loki(&["doctor"]).expect_code(1).stdout;
    assert!(doctor.contains("CFG002") && doctor.contains("there is no key for `anthropic`"), "{doctor}");
    let env = with_model(WAYS[0], &fake).with_variable("LOKI_MODEL_DEVELOPMENT", "no-such-model-9");
    Project::python().write(env.root());
    let said = refused(&env);
    assert!(said.contains("no price is known") && said.contains("provider.prices"), "{said}");
    assert!(fake.requests().is_empty());
}

#[test]
fn a_wrong_key_ends_the_run_at_once() {
    let fake = Setup::anthropic().key("sk-another-key-entirely").start(Script::list([]));
    let env = with_model(WAYS[0], &fake);
    Project::python().write(env.root());
    let run = env.loki(&["start", "./PRD.md", "--headless"]).expect_code(20);
    assert_eq!(result(&run)["verdict"], "provider_failed");
    assert_eq!(fake.requests().len(), 1);
    assert!(!run.stdout.contains(fakes::KEY) && !run.stderr.contains(fakes::KEY));
}
