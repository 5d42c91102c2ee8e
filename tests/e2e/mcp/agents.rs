//! The real `claude` and `codex` with `loki mcp` among their servers, pointed at fakes of their models' APIs.
//!
//! They come from npm, once. Where that cannot be had the tests say so and pass.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use loki_kit::TestEnv;
use loki_kit::fakes::{self, Reply, Script, Seen};
use serde_json::{Value, json};

use super::bench::{Client, text, with_backend};
use crate::agents::{at_desk, programs};

const LOKI: &str = env!("CARGO_BIN_EXE_loki");
/// Seconds that an agent may take.
const SECONDS_MAX: &str = "120";
const TASK: &str = "Keep a note, and read what notes there are.";

/// A model that adds a row with one of Forge's tools, reads it with another, and says so. What it was answered is
/// kept.
fn model(answers: &Arc<Mutex<Vec<String>>>) -> Script {
    let answers = Arc::clone(answers);
    Script::new(move |seen: &Seen| {
        let heard: Vec<String> = seen.results.iter().map(|result| result.output.clone()).collect();
        let mut kept = answers.lock().unwrap();
        if heard.len() > kept.len() {
            *kept = heard;
        }
        let rows = json!({"table": "notes", "rows": [{"body": "kept by an agent"}]});
        match seen.results.len() {
            0 => at_desk(seen, "forge_db_import", &rows),
            1 => at_desk(seen, "forge_db_query", &json!({"sql": "select body from notes"})),
            _ => Reply::say("It is kept."),
        }
    })
}

fn agent(programs: &Path, name: &str, env: &TestEnv) -> Command {
    let mut command = Command::new("timeout");
    command.args([SECONDS_MAX.as_ref(), programs.join(name).as_os_str()]);
    command.env_clear().env("HOME", env.home()).env("LANG", "C.UTF-8");
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()));
    command.current_dir(env.root()).stdin(Stdio::null());
    command
}

/// The agent ended well, its model was answered by both tools, and the row is there.
fn has_used_forge(mut command: Command, env: &TestEnv, fake: &fakes::Fake, answers: &Mutex<Vec<String>>) {
    let output = command.output().unwrap();
    let told =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(fake.complaints(), Vec::<String>::new(), "{told}");
    assert!(output.status.success() && told.contains("It is kept."), "{told}");
    let answers = answers.lock().unwrap().clone();
    assert!(answers.len() == 2 && answers[1].contains("kept by an agent"), "{answers:?}\n{told}");
    let read = Client::begun(env, &[]).call("forge_db_query", json!({"sql": "select body from notes"}));
    assert!(text(&read).contains("kept by an agent"), "{read}");
}

#[test]
fn claude_calls_a_tool_of_forge() {
    let Some(programs) = programs() else { return };
    let (env, answers) = (with_backend(), Arc::default());
    let fake = fakes::anthropic::start(model(&answers));
    let servers: Value =
        json!({"mcpServers": {"loki": {"command": LOKI, "args": ["mcp", "--allow", "write"]}}});
    let mut command = agent(&programs, "claude", &env);
    command.env("ANTHROPIC_API_KEY", fakes::KEY).env("ANTHROPIC_BASE_URL", fake.url());
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    command.args(["--print", TASK, "--model", "claude-sonnet-4-5", "--no-session-persistence"]);
    command.args(["--strict-mcp-config", "--mcp-config", &servers.to_string()]);
    command.args(["--allowedTools", "mcp__loki__forge_db_import,mcp__loki__forge_db_query"]);
    has_used_forge(command, &env, &fake, &answers);
}

#[test]
fn codex_calls_a_tool_of_forge() {
    let Some(programs) = programs() else { return };
    let (env, answers) = (with_backend(), Arc::default());
    let fake = fakes::responses::start(model(&answers));
    let home = env.home().join("codex");
    std::fs::create_dir_all(&home).unwrap();
    let settings = format!(
        "model = \"gpt-5\"\nmodel_provider = \"fake\"\n\n[model_providers.fake]\nname = \"fake\"\nbase_url = \"{}/v1\"\n\
         env_key = \"OPENAI_API_KEY\"\nwire_api = \"responses\"\n\n[mcp_servers.loki]\ncommand = {LOKI:?}\n\
         args = [\"mcp\", \"--allow\", \"write\"]\nrequired = true\ndefault_tools_approval_mode = \"approve\"\n",
        fake.url()
    );
    std::fs::write(home.join("config.toml"), settings).unwrap();
    let mut command = agent(&programs, "codex", &env);
    command.env("OPENAI_API_KEY", fakes::KEY).env("CODEX_HOME", &home);
    command.args(["exec", "--skip-git-repo-check", "--color=never", "-c", "analytics.enabled=false", TASK]);
    has_used_forge(command, &env, &fake, &answers);
}
