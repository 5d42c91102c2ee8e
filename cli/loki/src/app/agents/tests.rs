use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_provider::ToolSpec;
use loki_provider::agent::Desk;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::door::Door;
use super::program::{Program, ProgramError};

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_script_comes_with_its_interpreter_and_its_packages() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let node = script(&root, "tools/node", "");
    let main = script(&root, "lib/node_modules/@maker/agent/bin/agent.js", "#!/usr/bin/env node\n1");
    fs::create_dir(root.join("bin")).unwrap();
    let link = root.join("bin/agent");
    std::os::unix::fs::symlink(&main, &link).unwrap();
    let search = format!("relative:{}:{}", root.join("bin").display(), root.join("tools").display());
    let program = Program::find("agent", &search).unwrap();
    let read = vec![root.join("lib/node_modules")];
    assert_eq!(program, Program { path: link.clone(), programs: vec![link, node.clone()], read });
    fs::remove_file(node).unwrap();
    let error = Program::find("agent", &search).unwrap_err();
    assert_eq!(error, ProgramError::Interpreter { name: "agent".into(), interpreter: "node".into() });
}

#[test]
fn a_program_of_its_own_needs_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let path = script(&root, "agent", "\x7fELF");
    let program = Program::find("agent", &root.display().to_string()).unwrap();
    assert_eq!(program, Program { path: path.clone(), programs: vec![path], read: vec![] });
}

#[test]
fn what_cannot_be_started_is_not_found() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("agent"), "").unwrap();
    fs::create_dir(root.path().join("other")).unwrap();
    let search = root.path().display().to_string();
    for name in ["agent", "other", "none"] {
        assert_eq!(Program::find(name, &search), Err(ProgramError::Missing { name: name.into() }));
    }
}

/// Calls a tool as a client would that has just come, and returns the answer's text.
async fn call(door: &Path, tool: &str) -> String {
    let (answers, mut questions) = UnixStream::connect(door).await.unwrap().into_split();
    let begin = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
    let messages = [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": begin}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"a": 1}}}),
    ];
    for message in messages {
        questions.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
    let mut lines = BufReader::new(answers).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("an answer");
        let answer: Value = serde_json::from_str(&line).unwrap();
        if answer["id"] == 1 {
            return answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn the_door_leads_to_the_desk_and_is_gone_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let schema = json!({"type": "object"});
    let tool = ToolSpec { name: "finish".into(), description: String::new(), input_schema: schema };
    let desk = Arc::new(Desk::new(vec![tool], None));
    let door = Door::open(folder.path(), Arc::clone(&desk)).unwrap();
    let path = door.path();
    let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let calls = async {
        for _ in 0..2 {
            assert!(call(&path, "finish").await.starts_with("queued"));
        }
        assert!(call(&path, "rm").await.contains("no such tool"));
    };
    tokio::select! {
        () = calls => {}
        () = door.serve() => unreachable!("a door serves for as long as it is there"),
    }
    let expected = vec![("finish".to_owned(), json!({"a": 1})); 2];
    assert_eq!(desk.take(), expected);
    drop(door);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
