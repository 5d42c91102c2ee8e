//! A project that a scripted model repairs after it has called what it is told to call.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use loki_kit::TestEnv;
use loki_kit::fakes::projects::Project;
use loki_kit::fakes::repair::Repair;
use loki_kit::fakes::{self, Fake, Reply, Script, Seen};
use serde_json::Value;

use crate::models::{WAYS, with_model};

pub(super) struct Bench {
    pub(super) env: TestEnv,
    fake: Fake,
}

impl Bench {
    /// A model that makes these calls, one after the other, before it repairs the project.
    pub(super) fn new<const N: usize>(calls: [(&'static str, Value); N]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::node();
        let mut repair = Repair::new(project, folder.path()).honest().script_fn();
        let script = Script::new(move |seen: &Seen| {
            let made =
                seen.results.iter().filter(|result| calls.iter().any(|(tool, _)| *tool == result.tool));
            let next = calls.get(made.count()).filter(|_| seen.offers("edit_file"));
            match next {
                Some((tool, input)) => Reply::call([(*tool, input.clone())]),
                None => repair(seen),
            }
        });
        let fake = fakes::anthropic::start(script);
        let env = with_model(WAYS[0], &fake);
        let config = env.home().join("config").display().to_string();
        let env = env.with_variable("XDG_CONFIG_HOME", &config);
        project.write(env.root());
        let bench = Bench { env, fake };
        std::fs::create_dir_all(bench.env.home().join("odd")).unwrap();
        std::fs::write(bench.env.home().join("odd/odd.mjs"), include_str!("odd.mjs")).unwrap();
        bench.define("Says it again");
        bench
    }

    /// The user's own settings.
    pub(super) fn settings(&self, text: &str) {
        let folder = self.env.home().join("config/loki");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// Names the odd server, and no other.
    pub(super) fn odd(&self, rest: &str) {
        self.settings(&self.odd_table("odd", rest));
    }

    /// The odd server under a name.
    pub(super) fn odd_table(&self, name: &str, rest: &str) -> String {
        let folder = self.env.home().join("odd").display().to_string();
        format!(
            "[mcp.servers.{name}]\ncommand = \"node\"\nargs = [\"{folder}/odd.mjs\"]\nread = [\"{folder}\"]\n{rest}"
        )
    }

    /// What the odd server says of its tool `echo`.
    pub(super) fn define(&self, echo: &str) {
        std::fs::write(self.env.home().join("odd/definition.txt"), echo).unwrap();
    }

    pub(super) fn trust(&self, name: &str) {
        self.env.loki(&["mcp", "servers", "trust", name]).expect_code(0);
    }

    /// What the model was answered to its calls of a tool, in order.
    pub(super) fn answers(&self, tool: &str) -> Vec<String> {
        let mut answers: Vec<(String, String)> = Vec::new();
        for request in self.fake.requests() {
            let messages = request.body["messages"].as_array().cloned().unwrap_or_default();
            let blocks =
                || messages.iter().flat_map(|message| message["content"].as_array().into_iter().flatten());
            let calls = blocks().filter(|block| block["type"] == "tool_use" && block["name"] == tool);
            for id in calls.filter_map(|call| call["id"].as_str()) {
                let answer = blocks().find(|block| block["tool_use_id"] == id);
                let known = answers.iter().any(|(known, _)| known == id);
                if let (Some(answer), false) = (answer, known) {
                    answers.push((id.to_owned(), words(&answer["content"])));
                }
            }
        }
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    pub(super) fn answer(&self, tool: &str) -> String {
        self.answers(tool).into_iter().next().unwrap_or_else(|| panic!("no answer of {tool}"))
    }

    /// Names of the tools that the model was offered at any time.
    pub(super) fn offered(&self) -> Vec<String> {
        let tools = |body: &Value| body["tools"].as_array().cloned().unwrap_or_default();
        let all = self.fake.requests().into_iter().flat_map(|request| tools(&request.body));
        let names: BTreeSet<String> =
            all.filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect();
        names.into_iter().collect()
    }

    /// What the model was told of a tool.
    pub(super) fn description(&self, tool: &str) -> String {
        let tools = |body: &Value| body["tools"].as_array().cloned().unwrap_or_default();
        let mut all = self.fake.requests().into_iter().flat_map(|request| tools(&request.body));
        let found =
            all.find(|offered| offered["name"] == tool).unwrap_or_else(|| panic!("{tool} is not offered"));
        found["description"].as_str().unwrap().to_owned()
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.fake.complaints()
    }
}

fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        content => {
            let texts = content.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
    }
}

/// A port that nothing listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The real server over HTTP, until it is dropped.
pub(super) struct Server(Child);

impl Server {
    pub(super) fn start(program: &str, port: u16) -> Server {
        let mut command = Command::new(program);
        command.arg("streamableHttp").env("PORT", port.to_string());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.is_ok_and(|line| line.contains("listening"))),
            "the server says that it listens"
        );
        // Whatever it says later must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
