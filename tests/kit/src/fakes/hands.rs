//! The tools of whoever drives the model: loki's own, those of `claude` and those of `codex`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::script::{Reply, Seen, ToolResult};

/// What a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Read,
    Edit,
    Run,
    Finish,
    Other,
}

/// A set of tools, known by those on offer.
#[derive(Debug)]
pub(crate) struct Hands {
    kind: Kind,
    folder: PathBuf,
    may_edit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Loki,
    Claude,
    /// A shell alone: the tool's name and the field of its command.
    Codex {
        tool: &'static str,
        field: &'static str,
        as_list: bool,
    },
}

const SHELLS: [Kind; 3] = [
    Kind::Codex { tool: "exec_command", field: "cmd", as_list: false },
    Kind::Codex { tool: "shell_command", field: "command", as_list: false },
    Kind::Codex { tool: "shell", field: "command", as_list: true },
];

impl Hands {
    /// The tools on offer; none where there is nothing to work with.
    pub(crate) fn of(seen: &Seen, folder: &Path) -> Option<Hands> {
        let with = |kind, may_edit| Some(Hands { kind, folder: folder.to_owned(), may_edit });
        if seen.offers("read_file") && (seen.offers("plan") || seen.offers("edit_file")) {
            return with(Kind::Loki, seen.offers("edit_file"));
        }
        if seen.offers("Read") {
            return with(Kind::Claude, seen.offers("Edit"));
        }
        let shell =
            SHELLS.into_iter().find(|kind| matches!(kind, Kind::Codex { tool, .. } if seen.offers(tool)));
        shell.and_then(|kind| with(kind, true))
    }

    pub(crate) fn may_edit(&self) -> bool {
        self.may_edit
    }

    pub(crate) fn read(&self, path: &str) -> Reply {
        match self.kind {
            Kind::Loki => Reply::call([("read_file", json!({"path": path}))]),
            Kind::Claude => Reply::call([("Read", json!({"file_path": self.whole(path)}))]),
            Kind::Codex { .. } => self.shell(&format!("cat {path}")),
        }
    }

    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) -> Reply {
        match self.kind {
            Kind::Loki => Reply::call([("edit_file", json!({"path": path, "old": old, "new": new}))]),
            Kind::Claude => {
                let input = json!({"file_path": self.whole(path), "old_string": old, "new_string": new});
                Reply::call([("Edit", input)])
            }
            Kind::Codex { .. } => {
                let old = old.replace('*', r"\*");
                self.shell(&format!("sed -i 's|{old}|{new}|' {path}"))
            }
        }
    }

    pub(crate) fn run(&self, command: &str) -> Reply {
        match self.kind {
            Kind::Loki => Reply::call([("run_command", json!({"command": command}))]),
            Kind::Claude => {
                let input = json!({"command": command, "description": "Run the tests of the project"});
                Reply::call([("Bash", input)])
            }
            Kind::Codex { .. } => self.shell(command),
        }
    }

    /// A claim of success. An agent makes it by falling silent.
    pub(crate) fn finish(&self, summary: &str, evidence: &str) -> Reply {
        match self.kind {
            Kind::Loki => Reply::call([("finish", json!({"summary": summary, "evidence": [evidence]}))]),
            Kind::Claude | Kind::Codex { .. } => Reply::say(summary),
        }
    }

    pub(crate) fn deed(&self, result: &ToolResult) -> Deed {
        match (&self.kind, result.tool.as_str()) {
            (Kind::Loki, "read_file") | (Kind::Claude, "Read") => Deed::Read,
            (Kind::Loki, "edit_file" | "write_file") | (Kind::Claude, "Edit" | "Write") => Deed::Edit,
            (Kind::Loki, "run_command") | (Kind::Claude, "Bash") => Deed::Run,
            (Kind::Loki, "finish") => Deed::Finish,
            (Kind::Codex { tool, field, .. }, called) if *tool == called => {
                let command = match &result.input[*field] {
                    Value::Array(words) => words.last().and_then(Value::as_str).unwrap_or_default(),
                    command => command.as_str().unwrap_or_default(),
                };
                match command.split(' ').next() {
                    Some("cat") => Deed::Read,
                    Some("sed") => Deed::Edit,
                    _ => Deed::Run,
                }
            }
            _ => Deed::Other,
        }
    }

    fn shell(&self, command: &str) -> Reply {
        let Kind::Codex { tool, field, as_list } = self.kind else { return Reply::empty() };
        let command = if as_list { json!(["sh", "-c", command]) } else { json!(command) };
        Reply::call([(tool, json!({field: command}))])
    }

    fn whole(&self, path: &str) -> String {
        self.folder.join(path).display().to_string()
    }
}
