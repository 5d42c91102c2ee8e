//! The file tools as the engine calls them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use loki_engine::tool::{Answer, ToolError};
use loki_ledger::event::Recovery;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

struct Bench {
    folder: TempDir,
    tools: Vec<Arc<dyn Tool>>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let tools = tools(&Project::open(folder.path()).unwrap(), None, &Processes::default());
        Bench { folder, tools }
    }

    /// A new process on the same project: nothing is known of what the old one saw.
    fn restart(&mut self) {
        self.tools = tools(&Project::open(self.folder.path()).unwrap(), None, &Processes::default());
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    fn tool(&self, name: &str) -> &Arc<dyn Tool> {
        self.tools.iter().find(|tool| tool.spec().name == name).unwrap()
    }

    async fn call_with(&self, name: &str, input: &Value, expects: Option<&str>) -> Result<String, ToolError> {
        match self.tool(name).call(input, expects).await? {
            Answer::Done { output, .. } => Ok(output),
            Answer::Review(_) => panic!("nothing is proposed"),
        }
    }

    /// As the engine does it.
    async fn call(&self, name: &str, input: Value) -> Result<String, ToolError> {
        let expects = self.tool(name).prepare(&input).await;
        self.call_with(name, &input, expects.as_deref()).await
    }

    async fn code(&self, name: &str, input: Value) -> String {
        self.call(name, input).await.map_or_else(|error| error.code, |_| "ok".to_owned())
    }
}

#[tokio::test]
async fn tools_say_what_they_are() {
    let bench = Bench::new();
    for tool in &bench.tools {
        let spec = tool.spec();
        assert!(tool.is_for_the_workspace() && tool.recovery() == Recovery::Repeat, "{}", spec.name);
        assert_eq!(tool.reads_only(), !["write_file", "edit_file"].contains(&spec.name.as_str()));
        assert!(spec.description.len() < 400, "{}", spec.name);
        assert_eq!(spec.input_schema["additionalProperties"], json!(false), "{}", spec.name);
        for name in spec.input_schema["required"].as_array().into_iter().flatten() {
            assert!(spec.input_schema["properties"].get(name.as_str().unwrap()).is_some());
        }
        assert_eq!(bench.code(&spec.name, json!({"pahth": "a"})).await, "bad_input", "{}", spec.name);
    }
}

#[tokio::test]
async fn what_exists_is_replaced_only_when_it_was_read() {
    let bench = Bench::new();
    bench.put("a", "one");
    let write = |content: &str| json!({"path": "a", "content": content});
    let edit = json!({"path": "a", "old": "one", "new": "two"});
    assert_eq!(bench.code("write_file", write("x")).await, "not_read");
    assert_eq!(bench.code("edit_file", edit.clone()).await, "not_read");
    assert_eq!(bench.code("edit_file", json!({"path": "a", "old": "secret", "new": "x"})).await, "not_read");
    assert_eq!(bench.text("a"), "one");
    bench.call("read_file", json!({"path": "a"})).await.unwrap();
    bench.put("a", "changed by a person");
    assert_eq!(bench.code("write_file", write("x")).await, "changed_since_read");
    assert_eq!(bench.code("edit_file", edit.clone()).await, "changed_since_read");
    assert_eq!(bench.text("a"), "changed by a person");
    bench.call("read_file", json!({"path": "./a"})).await.unwrap();
    bench.call("write_file", write("one")).await.unwrap();
    // What the tools wrote themselves is known.
    bench.call("edit_file", edit).await.unwrap();
    bench.call("write_file", write("three")).await.unwrap();
    assert_eq!(bench.text("a"), "three");
    bench.call("write_file", json!({"path": "new/file", "content": "x"})).await.unwrap();
    bench.call("edit_file", json!({"path": "new/file", "old": "x", "new": "y"})).await.unwrap();
    assert_eq!(bench.text("new/file"), "y");
    assert_eq!(bench.code("edit_file", json!({"path": "none", "old": "x", "new": "y"})).await, "not_found");
}

/// A process that died between intent and outcome is asked again, with what it had noted.
#[tokio::test]
async fn a_repeated_call_acts_once() {
    // (tool, what the file holds, input, what it holds afterwards)
    let cases = [
        ("edit_file", Some("a b"), json!({"path": "f", "old": "b", "new": "bb b"}), "a bb b"),
        ("edit_file", Some("b b"), json!({"path": "f", "old": "b", "new": "bb", "all": true}), "bb bb"),
        ("edit_file", Some("x\n"), json!({"path": "f", "old": "x\n", "new": "x\nx\n"}), "x\nx\n"),
        ("write_file", Some("old"), json!({"path": "f", "content": "new"}), "new"),
        ("write_file", None, json!({"path": "f", "content": "new"}), "new"),
    ];
    for (tool, before, input, after) in cases {
        let mut bench = Bench::new();
        if let Some(before) = before {
            bench.put("f", before);
            bench.call("read_file", json!({"path": "f"})).await.unwrap();
        }
        let expects = bench.tool(tool).prepare(&input).await.unwrap();
        assert!(expects.len() < 4_096);
        // It died before it acted: the new process acts, although it has seen nothing.
        bench.restart();
        bench.call_with(tool, &input, Some(&expects)).await.unwrap();
        assert_eq!(bench.text("f"), after, "{input}");
        // It died after it acted.
        bench.restart();
        let again = bench.call_with(tool, &input, Some(&expects)).await.unwrap();
        assert!(again.contains("already"), "{again}");
        assert_eq!(bench.text("f"), after, "{input}");
        // Somebody else was there in between.
        bench.put("f", "else");
        let refused = bench.call_with(tool, &input, Some(&expects)).await.unwrap_err();
        assert_eq!(refused.code, "changed_since_read");
        assert_eq!(bench.text("f"), "else");
    }
}

/// What was refused before it began stays refused, whatever has changed since.
#[tokio::test]
async fn a_refusal_is_noted_too() {
    let bench = Bench::new();
    bench.put("f", "x x");
    bench.call("read_file", json!({"path": "f"})).await.unwrap();
    let input = json!({"path": "f", "old": "x", "new": "xx"});
    let expects = bench.tool("edit_file").prepare(&input).await.unwrap();
    bench.put("f", "x");
    let error = bench.call_with("edit_file", &input, Some(&expects)).await.unwrap_err();
    assert_eq!((error.code.as_str(), bench.text("f").as_str()), ("not_unique", "x"));
    assert!(error.message.contains("2 times"), "{}", error.message);
    let long = json!({"path": "\u{1b}".repeat(2_000), "content": "x"});
    assert!(bench.tool("write_file").prepare(&long).await.unwrap().len() < 4_096);
    let error =
        bench.call_with("write_file", &json!({"path": "g", "content": ""}), Some("{")).await.unwrap_err();
    assert_eq!(error.code, "bad_expectation");
    assert!(!bench.root().join("g").exists());
}

#[tokio::test]
async fn errors_of_an_edit_help() {
    let bench = Bench::new();
    bench.put("f", "one\n  two\none\n");
    bench.call("read_file", json!({"path": "f"})).await.unwrap();
    let error = |old: &str| bench.call("edit_file", json!({"path": "f", "old": old, "new": "x"}));
    assert_eq!(error("one").await.unwrap_err().message, "`old` occurs 2 times in `f`, on lines 1, 3");
    assert_eq!(
        error("\ttwo").await.unwrap_err().message,
        "`old` does not occur in `f`; line 2 differs only in white space: `  two`"
    );
    assert!(error("     2\t  two").await.unwrap_err().hint.unwrap().contains("line numbers"));
    assert_eq!(error("").await.unwrap_err().code, "bad_input");
    assert_eq!(error("zzz").await.unwrap_err().code, "not_found");
    let done = bench.call("edit_file", json!({"path": "f", "old": "one", "new": "1", "all": true})).await;
    assert_eq!(done.unwrap(), "edited `f`: 2 places, lines 1, 3");
}

#[tokio::test]
async fn a_window_of_a_file_is_read() {
    let bench = Bench::new();
    bench.put("f", "a\r\nb\r\nc\r\n");
    let read = |input: Value| bench.call("read_file", input);
    assert_eq!(
        read(json!({"path": "f", "offset": 2, "limit": 1})).await.unwrap(),
        "     2\tb\n[lines 2 to 2 of 3; go on with offset 3]\n[lines end in CRLF]\n"
    );
    assert_eq!(
        read(json!({"path": "f", "offset": 9})).await.unwrap_err().message,
        "`f` has no line 9: it has 3"
    );
    bench.put("empty", "");
    assert_eq!(read(json!({"path": "empty"})).await.unwrap(), "[the file is empty]\n");
    bench.put("image", b"\x89PNG\0\0");
    assert_eq!(
        read(json!({"path": "image"})).await.unwrap(),
        "[`image` is a binary file of 6 bytes; it is not shown]"
    );
    assert_eq!(bench.code("write_file", json!({"path": "image", "content": "text"})).await, "ok");
    assert_eq!(read(json!({"path": ".git/config"})).await.unwrap_err().code, "closed");
    assert_eq!(read(json!({"path": "missing"})).await.unwrap_err().message, "there is no `missing`");
    assert_eq!(read(json!({"path": "f", "limit": 0})).await.unwrap_err().code, "bad_input");
}

#[tokio::test]
async fn a_line_of_a_hundred_megabytes_does_no_harm() {
    let bench = Bench::new();
    let mut file = fs::File::create(bench.root().join("long")).unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&block).unwrap();
    }
    file.write_all(b"\nneedle\n").unwrap();
    bench.put("short", "needle\n");
    let shown = bench.call("read_file", json!({"path": "long"})).await.unwrap();
    assert!(
        shown.contains("… [104855601 more bytes to the line's end]\n     2\tneedle\n"),
        "{}",
        &shown[2_000..]
    );
    assert!(shown.len() < 3_000 && shown.contains("the tools cannot change it"));
    assert_eq!(
        bench.code("edit_file", json!({"path": "long", "old": "needle", "new": "y"})).await,
        "too_large"
    );
    assert_eq!(bench.code("write_file", json!({"path": "long", "content": "y"})).await, "too_large");
    let found = bench.call("search_files", json!({"pattern": "needle"})).await.unwrap();
    assert_eq!(found, "short:1:needle\n[left where a line has more than 1 MiB: long]\n");
    // As long, and nothing but holes.
    let sparse = fs::File::create(bench.root().join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert!(bench.call("read_file", json!({"path": "sparse"})).await.unwrap().contains("binary"));
    bench.call("search_files", json!({"pattern": "needle"})).await.unwrap();
}

#[tokio::test]
async fn a_folder_is_listed() {
    let bench = Bench::new();
    bench.put("src/deep/er/f.rs", "x");
    bench.put("src/main.rs", "12345");
    bench.put(".gitignore", "/out\n");
    bench.put("out/x", "x");
    bench.put(".git/HEAD", "x");
    bench.put("-rf", "");
    symlink("/etc", bench.root().join("link")).unwrap();
    fs::write(bench.root().join(OsStr::from_bytes(b"bad\xff\n")), "x").unwrap();
    let list = |input: Value| bench.call("list_files", input);
    assert_eq!(
        list(json!({})).await.unwrap(),
        "-rf (0)\n.gitignore (5)\nbad\\xff\\n (1) (its name is no UTF-8)\nlink (a symbolic link, not followed)\nsrc/\n\
         src/deep/\nsrc/deep/er/\nsrc/main.rs (5)\n[a name that is no UTF-8 is shown escaped; no tool but a command can \
         reach such a file]\n"
    );
    assert_eq!(list(json!({"path": "src", "depth": 1})).await.unwrap(), "src/deep/\nsrc/main.rs (5)\n");
    assert_eq!(list(json!({"path": "out"})).await.unwrap(), "out/x (1)\n");
    for (path, code) in [("link", "link"), ("-rf", "not_a_folder"), (".git", "closed"), ("none", "not_found")]
    {
        assert_eq!(list(json!({"path": path})).await.unwrap_err().code, code, "{path}");
    }
    for index in 0..1_005 {
        bench.put(&format!("many/{index}"), "");
    }
    let many = list(json!({"path": "many"})).await.unwrap();
    assert_eq!(many.lines().count(), 1_001);
    assert!(many.ends_with("[5 more are not shown: name a folder, or a smaller depth]\n"));
}

#[tokio::test]
async fn lines_are_found() {
    let bench = Bench::new();
    bench.put("src/a.rs", "fn one() {}\nfn two() {}\n// end\n");
    bench.put("src/b.ts", "function One() {}\r\n");
    bench.put("ignored/c.rs", "fn one() {}\n");
    bench.put(".gitignore", "ignored\n");
    bench.put(".git/x.rs", "fn one() {}\n");
    bench.put("-rf", "fn one\n");
    bench.put("binary", b"fn one\0\n");
    fs::write(bench.root().join(OsStr::from_bytes(b"bad\xff")), "fn one").unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.rs"), "fn one").unwrap();
    symlink(outside.path(), bench.root().join("link")).unwrap();
    symlink(outside.path().join("x.rs"), bench.root().join("link.rs")).unwrap();
    let find = |input: Value| bench.call("search_files", input);
    assert_eq!(
        find(json!({"pattern": "fn one"})).await.unwrap(),
        "-rf:1:fn one\nsrc/a.rs:1:fn one() {}\n[1 binary files were left out]\n[1 files were left out whose names are no \
         UTF-8]\n"
    );
    assert_eq!(
        find(json!({"pattern": "two", "path": "src/a.rs", "context": 1})).await.unwrap(),
        "src/a.rs-1-fn one() {}\nsrc/a.rs:2:fn two() {}\nsrc/a.rs-3-// end\n"
    );
    assert_eq!(
        find(json!({"pattern": r"one\(\) \{\}$", "path": "src", "case": "smart"})).await.unwrap(),
        "src/a.rs:1:fn one() {}\nsrc/b.ts:1:function One() {}\n"
    );
    assert_eq!(
        find(json!({"pattern": "ONE", "glob": "*.ts", "case": "insensitive"})).await.unwrap(),
        "src/b.ts:1:function One() {}\n"
    );
    assert_eq!(
        find(json!({"pattern": "one", "glob": "!*.rs", "path": "src"})).await.unwrap(),
        "[nothing matches]\n"
    );
    for (input, code) in [
        (json!({"pattern": "("}), "bad_pattern"),
        (json!({"pattern": ""}), "bad_pattern"),
        (json!({"pattern": "a\nb"}), "bad_pattern"),
        (json!({"pattern": "((a{100}){100}){100}"}), "bad_pattern"),
        (json!({"pattern": "a", "glob": "[z-a]"}), "bad_glob"),
        (json!({"pattern": "a", "path": "link"}), "link"),
        (json!({"pattern": "a", "path": ".git/x.rs"}), "closed"),
        (json!({"pattern": "a", "case": "loud"}), "bad_input"),
    ] {
        assert_eq!(find(input.clone()).await.unwrap_err().code, code, "{input}");
    }
    bench.put("many", "x\n".repeat(500));
    let many = find(json!({"pattern": "x", "path": "many"})).await.unwrap();
    assert!(
        many.ends_with("many:200:x\n[only the first 200 lines are shown: narrow the search]\n"),
        "{many}"
    );
}
