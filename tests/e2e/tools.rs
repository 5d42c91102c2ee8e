//! The tools that run commands, in the sandbox of the built program.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use loki_engine::tool::{Answer, Tool, ToolError};
use loki_kit::TestEnv;
use loki_sandbox::audit::AuditLog;
use loki_sandbox::policy::{Places, Preset};
use loki_sandbox::{Level, Mode, Support, Workshop};
use loki_tools::files::Project;
use loki_tools::{Processes, tools};
use serde_json::{Value, json};

use crate::env;

/// The tools of a project whose commands are held as strongly as there is.
struct Bench {
    env: TestEnv,
    processes: Processes,
    tools: Vec<Arc<dyn Tool>>,
}

impl Bench {
    fn new(preset: Preset) -> Bench {
        let env = env();
        let project = env.root().canonicalize().expect("the project");
        let own = project.join(".loki/sandbox");
        let log = AuditLog::open(&own.join("calls.jsonl")).expect("a record of calls");
        let home = env.home().canonicalize().expect("the home");
        let places = Places::new(project, Some(home), own.join("home"), own.join("tmp")).expect("places");
        let variables = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
        let workshop = Workshop {
            policy: Arc::new(preset.policy()),
            places,
            variables: Arc::new(variables),
            secrets: Arc::new(BTreeMap::new()),
            upstream_proxy: None,
            ca_bundle: None,
            mode: Mode::Require,
            least: Level::Isolated,
            support: Support::at_first_sight(),
            helper: Some(env!("CARGO_BIN_EXE_loki").into()),
            log: Arc::new(log),
            now_ms: Arc::new(|| 1_700_000_000_000),
        };
        let processes = Processes::default();
        let opened = Project::open(env.root()).expect("the project");
        let tools = tools(&opened, Some(&Arc::new(workshop)), &processes);
        Bench { env, processes, tools }
    }

    async fn call(&self, name: &str, input: Value) -> Result<String, ToolError> {
        let tool = self.tools.iter().find(|tool| tool.spec().name == name).expect("a tool of that name");
        let expects = tool.prepare(&input).await;
        match tool.call(&input, expects.as_deref()).await? {
            Answer::Done { output, .. } => Ok(output),
            Answer::Review(_) => panic!("nothing is proposed"),
        }
    }
}

#[tokio::test]
async fn a_command_works_in_the_project_and_nowhere_else() {
    let bench = Bench::new(Preset::Test);
    let secret = bench.env.home().join("secret");
    fs::write(&secret, "secret").unwrap();
    let inside = bench.call("run_command", json!({"command": "echo made > file && cat file"})).await.unwrap();
    assert!(inside.ends_with("\nmade\n"), "{inside}");
    assert_eq!(bench.env.read("file"), "made\n");
    let outside = json!({"command": format!("cat {}", secret.display())});
    let refused = bench.call("run_command", outside).await.unwrap_err();
    assert_eq!(refused.code, "exit_code");
    assert!(!refused.message.contains("\nsecret"), "{}", refused.message);
    // What commands must not change, tools do not change either.
    for path in [".envrc", ".vscode/tasks.json"] {
        let error = bench.call("write_file", json!({"path": path, "content": "x"})).await.unwrap_err();
        assert_eq!(error.code, "closed", "{path}");
    }
}

#[tokio::test]
async fn what_was_denied_comes_with_the_rule_that_would_allow_it() {
    let bench = Bench::new(Preset::Build);
    let script = "import urllib.request as u; u.urlopen('https://forbidden.example/')";
    let command = json!({"command": format!("python3 -c \"{script}\"")});
    let refused = bench.call("run_command", command).await.unwrap_err();
    assert!(refused.message.starts_with("exit code 1 after "), "{}", refused.message);
    assert!(refused.message.contains("[denied: to reach forbidden.example:443"), "{}", refused.message);
    assert!(refused.message.contains("the rule would be:\n["), "{}", refused.message);
}

#[tokio::test]
async fn a_server_is_started_asked_and_ended() {
    let bench = Bench::new(Preset::Test);
    bench.env.write("site/index.html", "hello from inside");
    let input = json!({
        "command": "exec python3 -u -m http.server 8080", "folder": "site", "name": "web", "ready_path": "/index.html",
    });
    let started = bench.call("start_process", input).await.unwrap();
    let expected = "`web` listens on port 8080; GET /index.html on port 8080 answers 200 OK\n";
    assert!(started.starts_with(expected), "{started}");
    let answer = bench.call("probe_process", json!({"id": "web", "path": "/index.html"})).await.unwrap();
    assert!(answer.starts_with("HTTP 200 OK\n") && answer.ends_with("\n\nhello from inside\n"), "{answer}");
    let missing = bench.call("probe_process", json!({"id": "web", "path": "/none"})).await.unwrap();
    assert!(missing.starts_with("HTTP 404 "), "{missing}");
    let refused = bench.call("probe_process", json!({"id": "web", "port": 8081})).await.unwrap_err();
    assert_eq!(refused.code, "no_answer");
    let seen = bench.call("wait_process", json!({"id": "web", "seconds_max": 0})).await.unwrap();
    assert!(
        seen.starts_with("`web`: goes on, listens on port 8080\n") && seen.contains("\"GET /none"),
        "{seen}"
    );
    assert_eq!(bench.processes.end_all().await, 1);
    let gone = bench.call("probe_process", json!({"id": "web"})).await.unwrap_err();
    assert_eq!(gone.code, "no_process");
}
