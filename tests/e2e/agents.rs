//! The real `claude` and `codex`, pointed at fakes of their makers' APIs, as who writes the application.
//!
//! They come from npm, once, into a folder of the build. Where that cannot be had the tests say so and pass.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use loki_kit::TestEnv;
use loki_kit::fakes::projects::Project;
use loki_kit::fakes::{self, Fake, Reply, Script, Seen, Setup, Usage};
use serde_json::{Value, json};

use crate::env as loki;
use crate::models::{receipt, result, with_model};

/// The releases that are tried.
const PACKAGES: [&str; 2] = ["@anthropic-ai/claude-code@2.1.197", "@openai/codex@0.171.0"];
/// Seconds that fetching them may take.
const INSTALL_SECONDS_MAX: &str = "240";

/// Tokens of an answer that the fake does not count by itself.
const UNCOUNTED: Usage = Usage { input: 70, output: 9, cache_read: 30, cache_write: 0 };

/// One of the agents.
#[derive(Clone, Copy)]
struct Agent {
    name: &'static str,
    model: &'static str,
    key_variable: &'static str,
}

const CLAUDE: Agent = Agent { name: "claude", model: "claude-sonnet-4-5", key_variable: "ANTHROPIC_API_KEY" };
const CODEX: Agent = Agent { name: "codex", model: "gpt-5", key_variable: "OPENAI_API_KEY" };

/// The folder of the agents' programs; none where they cannot be had, with the reason printed.
#[expect(clippy::print_stderr, reason = "a test that could not try anything must say so")]
pub(crate) fn programs() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("agents");
    fs::create_dir_all(&folder).expect("a folder for the agents");
    let programs = folder.join("node_modules/.bin");
    // Tests run side by side, and one of them fetches for all.
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|what| what == PACKAGES.join(" ")) {
        return Some(programs);
    }
    let skip = |why: &str| {
        eprintln!("skipped: the agents cannot be had from npm: {why}");
        None
    };
    let mut install = Command::new("timeout");
    install.args([INSTALL_SECONDS_MAX, "npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0"]);
    install.arg("--prefix").arg(&folder).args(PACKAGES);
    let output = match install.output() {
        Ok(output) => output,
        Err(error) => return skip(&error.to_string()),
    };
    for agent in [CLAUDE, CODEX] {
        let answers = Command::new(programs.join(agent.name)).arg("--version").output();
        if !answers.is_ok_and(|answer| answer.status.success()) {
            return skip(&String::from_utf8_lossy(&output.stderr));
        }
    }
    fs::write(done, PACKAGES.join(" ")).expect("a note that they are there");
    Some(programs)
}

/// A project with a failing test, and the agent as its provider, pointed at the fake.
fn prepared(agent: Agent, programs: &Path, fake: &Fake, base_path: &str) -> TestEnv {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    // The agents are where people have them: below the home, in a folder that no policy names.
    let env = loki();
    let settings = env.home().display().to_string();
    let env = env
        .with_variable("PATH", &path)
        .with_variable("HOME", env!("CARGO_TARGET_TMPDIR"))
        .with_variable("XDG_CONFIG_HOME", &settings)
        .with_variable(agent.key_variable, fakes::KEY);
    Project::python().write(env.root());
    plant(&env);
    let url = format!("{}{base_path}", fake.url());
    let set = |key: &str, value: &str| env.loki(&["config", "set", "--user", key, value]).expect_code(0);
    set("provider.name", agent.name);
    set("provider.base_url", &url);
    set("model.development", &format!("{}:{}", agent.name, agent.model));
    set("provider.prices", &format!("{}=1/2/0.1/1.25", agent.model));
    env
}

/// A word that stands in everything a project could have an agent load by itself.
const PLANTED: &str = "PLANTED-7431";

/// The description of a skill of the project. loki itself tells of it, once; what the skill says is told to nobody
/// who does not take it up.
const LISTED: &str = "LISTED-7431";

/// What a hostile project leaves for agents: hooks, servers, instructions, skills. A hook or a server would
/// leave a file.
fn plant(env: &TestEnv) {
    let touch = format!("touch {}", env.path("planted").display());
    let hook = json!([{"hooks": [{"type": "command", "command": touch}]}]);
    let hooks = json!({"hooks": {"SessionStart": hook, "UserPromptSubmit": hook}});
    env.write(".claude/settings.json", hooks.to_string());
    env.write(".claude/settings.local.json", hooks.to_string());
    env.write(".codex/hooks.json", hooks.to_string());
    let server = json!({"command": "sh", "args": ["-c", touch]});
    env.write(".mcp.json", json!({"mcpServers": {"planted": server}}).to_string());
    env.write(
        ".codex/config.toml",
        format!("[mcp_servers.planted]\ncommand = \"sh\"\nargs = [\"-c\", {touch:?}]\n"),
    );
    for file in ["CLAUDE.md", "AGENTS.md"] {
        env.write(file, PLANTED);
    }
    for folder in [".claude", ".agents"] {
        let skill = format!("---\nname: planted\ndescription: {LISTED}\n---\n{PLANTED}\n");
        env.write(&format!("{folder}/skills/planted/SKILL.md"), skill);
    }
}

/// Nothing of that was run or told to a model.
fn nothing_was_loaded(env: &TestEnv, fake: &Fake) {
    assert!(!env.has("planted"));
    for request in fake.requests() {
        let body = request.body.to_string();
        assert!(!body.contains(PLANTED), "{body}");
        assert!(body.matches(LISTED).count() <= 1, "an agent lists it as well: {body}");
    }
}

/// What the model does with the tools of either agent: reads, changes, tests, and claims.
struct Repair {
    root: PathBuf,
}

impl Repair {
    fn reply(&self, seen: &Seen) -> Reply {
        let project = Project::python();
        let claude = seen.offers("Read");
        let acts = if claude { seen.offers("Edit") } else { seen.user.contains("change and run") };
        if !acts {
            return self.plan(seen);
        }
        let file = self.root.join(project.target).display().to_string();
        let sed = format!(
            "sed -i 's|{}|{}|' {}",
            project.broken.replace('*', r"\*"),
            project.fixed,
            project.target
        );
        let edit = json!({"file_path": file, "old_string": project.broken, "new_string": project.fixed});
        let test = project.test_command;
        match (seen.results.len(), claude) {
            (0, true) => Reply::call([("Read", json!({"file_path": file}))]),
            (1, true) => Reply::call([("Edit", edit)]),
            (2, true) => Reply::call([("Bash", json!({"command": test, "description": "Run the tests"}))]),
            (0, false) => Reply::call([("exec_command", json!({"cmd": format!("cat {}", project.target)}))]),
            (1, false) => Reply::call([("exec_command", json!({"cmd": sed}))]),
            (2, false) => Reply::call([("exec_command", json!({"cmd": test}))]),
            (3, _) => at_desk(seen, "finish", &json!({"summary": "It is mended.", "evidence": [test]})),
            _ => Reply::say("Done."),
        }
    }

    fn plan(&self, seen: &Seen) -> Reply {
        match seen.results.len() {
            0 => at_desk(seen, "plan", &json!({"items": ["Correct the discount"]})),
            _ => Reply::say("Planned."),
        }
    }
}

/// A call of one of loki's tools, in the way of the agent that offers them.
pub(crate) fn at_desk(seen: &Seen, tool: &str, input: &Value) -> Reply {
    let name = format!("mcp__loki__{tool}");
    if seen.offers(&name) {
        return Reply::call([(name.as_str(), input.clone())]);
    }
    let offered =
        seen.body["tools"].as_array().into_iter().flatten().find(|tool| tool["name"] == "mcp__loki");
    let offers = offered.and_then(|space| space["tools"].as_array());
    if !offers.is_some_and(|tools| tools.iter().any(|offered| offered["name"] == tool)) {
        return Reply::say("Nothing to ask for.");
    }
    // Tools in a namespace, which the script has no words for.
    let item = json!({
        "type": "function_call", "id": format!("fc_{}", seen.asked_before), "status": "completed",
        "call_id": format!("call_{}", seen.asked_before), "namespace": "mcp__loki", "name": tool,
        "arguments": input.to_string(),
    });
    let usage = json!({
        "input_tokens": UNCOUNTED.input + UNCOUNTED.cache_read,
        "input_tokens_details": {"cached_tokens": UNCOUNTED.cache_read},
        "output_tokens": UNCOUNTED.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": UNCOUNTED.input + UNCOUNTED.cache_read + UNCOUNTED.output,
    });
    let id = format!("resp_{}", seen.asked_before);
    let events = [
        json!({"type": "response.created", "response": {"id": id}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": id, "status": "completed", "output": [item], "usage": usage}}),
    ];
    let event =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    let body: String = events.iter().map(event).collect();
    Reply::http(200, &[("content-type", "text/event-stream")], &body)
}

/// How many answers the fake did not count.
fn uncounted(fake: &Fake) -> u64 {
    let namespaced = |request: &&fakes::Recorded| request.body["tools"].to_string().contains("\"namespace\"");
    let desk = fake.requests();
    let calls = desk.iter().filter(namespaced).filter_map(|request| request.body["input"].as_array());
    let ids =
        calls.flatten().filter(|item| item["type"] == "function_call" && item["namespace"] == "mcp__loki");
    ids.map(|item| item["call_id"].to_string()).collect::<std::collections::BTreeSet<_>>().len() as u64
}

fn repairs(agent: Agent, start: impl FnOnce(Script) -> Fake, base_path: &str) {
    let Some(programs) = programs() else { return };
    let root = Arc::new(OnceLock::<PathBuf>::new());
    let seen_root = Arc::clone(&root);
    let fake = start(Script::new(move |seen| {
        let root = seen_root.get().cloned().unwrap_or_default();
        Repair { root }.reply(seen)
    }));
    let env = prepared(agent, &programs, &fake, base_path);
    root.set(env.root().canonicalize().expect("the project")).expect("set once");
    let run = env.loki(&["start", "PRD.md", "--headless"]);
    assert_eq!(fake.complaints(), Vec::<String>::new(), "{}\n{}", run.stdout, run.stderr);
    let run = run.expect_code(0);
    assert!(Project::python().is_repaired(env.root()), "{}\n{}", run.stdout, run.stderr);
    for tool in ["plan", "finish"] {
        let asked = format!("\"tool\":\"{tool}\"");
        assert!(run.stdout.contains(&asked), "`{tool}` was not asked for: {}", run.stdout);
    }
    settled_to_the_token(&env, &fake);
    keeps_the_key(&env, &fake);
    nothing_was_loaded(&env, &fake);
}

/// What the run has used is what the API told, and nothing is left out.
fn settled_to_the_token(env: &TestEnv, fake: &Fake) {
    let told = fake.reported().total();
    let more = uncounted(fake);
    let status = env.loki(&["status", "--json"]).expect_code(0).json();
    let tokens = status["tokens"].clone();
    let expected = json!({
        "input": told.input + more * UNCOUNTED.input,
        "output": told.output + more * UNCOUNTED.output,
        "cache_read": told.cache_read + more * UNCOUNTED.cache_read,
        "cache_write": told.cache_write,
    });
    assert_eq!(tokens, expected, "{status}");
}

/// The key reached the API and nothing in the project.
fn keeps_the_key(env: &TestEnv, fake: &Fake) {
    let sent = fake
        .requests()
        .iter()
        .any(|request| request.headers.values().any(|value| value.ends_with(fakes::KEY)));
    assert!(sent, "the key reached nobody");
    for file in env.tree() {
        let bytes = fs::read(env.path(&file)).unwrap_or_default();
        let found = bytes.windows(fakes::KEY.len()).any(|window| window == fakes::KEY.as_bytes());
        assert!(!found, "the key is in {file}");
    }
}

#[test]
fn claude_mends_a_project() {
    repairs(CLAUDE, fakes::anthropic::start, "");
}

#[test]
fn codex_mends_a_project() {
    repairs(CODEX, fakes::responses::start, "/v1");
}

/// The very run that models over HTTP are put through: a false claim, and everything that can go wrong on
/// the way, in each of the projects.
fn completes_the_same_run(agent: Agent, start: impl Fn(Script) -> Fake, base_path: &str) {
    let Some(programs) = programs() else { return };
    for project in Project::all() {
        let root = Arc::new(OnceLock::<PathBuf>::new());
        let seen_root = Arc::clone(&root);
        let mut script = None;
        let fake = start(Script::new(move |seen| {
            let root = seen_root.get().cloned().unwrap_or_default();
            let repair = || fakes::repair::Repair::new(project, &root).with_every_fault().script_fn();
            script.get_or_insert_with(repair)(seen)
        }));
        let way = (agent.name, agent.key_variable, agent.model, Setup::anthropic as fn() -> Setup);
        let env = with_model(way, &fake);
        let path = format!("{}:{}", programs.display(), toolchains());
        let env = env
            .with_variable("PATH", &path)
            .with_variable("LOKI_PROVIDER_BASE_URL", &format!("{}{base_path}", fake.url()))
            .with_variable("LOKI_PROVIDER_PRICES", &format!("{}=1/2/0.1/1.25", agent.model));
        project.write(env.root());
        root.set(env.root().canonicalize().expect("the project")).expect("set once");
        let run = env.loki(&["start", "PRD.md", "--headless"]);
        assert!(project.is_repaired(env.root()), "{}: {}\n{}", project.name, run.stdout, run.stderr);
        let run = run.expect_code(0);
        let receipt = env.read_json(&receipt(&result(&run)));
        assert!(
            receipt["facts"]["iterations"].as_u64().is_some_and(|n| n >= 2),
            "the false claim ended nothing"
        );
        assert_eq!(fake.complaints(), Vec::<String>::new(), "{}", project.name);
        keeps_the_key(&env, &fake);
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own toolchain is where their environment says")]
fn toolchains() -> String {
    std::env::var("PATH").unwrap_or_default()
}

#[test]
fn claude_completes_the_run_that_models_are_put_through() {
    completes_the_same_run(CLAUDE, fakes::anthropic::start, "");
}

#[test]
fn codex_completes_the_run_that_models_are_put_through() {
    completes_the_same_run(CODEX, fakes::responses::start, "/v1");
}

/// Killed while the agent is at work, after it has changed a file: nothing of it goes on, and the next start
/// begins its turn anew.
#[test]
fn killed_in_the_middle_of_a_turn_it_is_taken_back_and_done_again() {
    let Some(programs) = programs() else { return };
    let root = Arc::new(OnceLock::<PathBuf>::new());
    let seen_root = Arc::clone(&root);
    let (reached, reach) = mpsc::channel();
    let mut slow = true;
    let fake = fakes::anthropic::start(Script::new(move |seen| {
        let root = seen_root.get().cloned().unwrap_or_default();
        let reply = Repair { root }.reply(seen);
        if seen.last_result("Edit").is_some() && std::mem::take(&mut slow) {
            reached.send(()).expect("the test listens");
            return reply.delay(3_000);
        }
        reply
    }));
    let env = prepared(CLAUDE, &programs, &fake, "");
    root.set(env.root().canonicalize().expect("the project")).expect("set once");
    let mut command = env.command(&["start", "PRD.md", "--headless"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("loki starts");
    let reached = reach.recv_timeout(Duration::from_secs(100));
    assert!(Project::python().is_repaired(env.root()), "the agent has changed the file by now");
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    reached.expect("the agent came as far as that");
    let asked = fake.requests().len();
    env.loki(&["start", "PRD.md", "--headless"]).expect_code(0);
    assert!(Project::python().is_repaired(env.root()));
    let again =
        fake.requests()[asked..].iter().any(|request| request.body.to_string().contains("old_string"));
    assert!(again, "the turn was taken back, and so is done again");
    assert_eq!(fake.complaints(), Vec::<String>::new());
}

#[test]
fn an_agent_that_is_not_there_is_named_with_the_command_that_installs_it() {
    let env = loki().with_variable("PATH", "/nowhere").with_variable("ANTHROPIC_API_KEY", fakes::KEY);
    Project::python().write(env.root());
    env.loki(&["config", "set", "--user", "provider.name", "claude"]).expect_code(0);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(2);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("npm install --global @anthropic-ai/claude-code"), "{said}");
}

#[test]
fn an_agent_without_a_key_says_why_its_own_login_is_not_used() {
    let Some(programs) = programs() else { return };
    let env = loki().with_variable("PATH", &format!("{}:/usr/bin:/bin", programs.display()));
    Project::python().write(env.root());
    env.loki(&["config", "set", "--user", "provider.name", "claude"]).expect_code(0);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(2);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("ANTHROPIC_API_KEY") && said.contains("login"), "{said}");
}

#[test]
fn codex_without_a_model_is_refused_since_nobody_knows_what_it_costs() {
    let Some(programs) = programs() else { return };
    let env = loki()
        .with_variable("PATH", &format!("{}:/usr/bin:/bin", programs.display()))
        .with_variable("OPENAI_API_KEY", fakes::KEY);
    Project::python().write(env.root());
    env.loki(&["config", "set", "--user", "provider.name", "codex"]).expect_code(0);
    let run = env.loki(&["start", "PRD.md", "--headless"]).expect_code(2);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("model.development codex:MODEL"), "{said}");
}
