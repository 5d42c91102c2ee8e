//! `allowed-tools`: the tools that a skill gets by with, and how they narrow what may be called.
//!
//! The names are those of loki's tools, or the ones that other agents use for tools of the same kind. A name
//! that is neither allows nothing. A pattern in parentheses narrows further; it is an aid against mistakes,
//! while the sandbox is what holds against malice.

use serde_json::Value;

/// Names that other agents use, and the tools that do the same here.
const OTHERS: [(&str, &[&str]); 9] = [
    ("Read", &["read_file"]),
    ("Write", &["write_file"]),
    ("Edit", &["edit_file"]),
    ("MultiEdit", &["edit_file"]),
    ("Grep", &["search_files"]),
    ("Glob", &["list_files"]),
    ("LS", &["list_files"]),
    ("Bash", &COMMANDS),
    ("Shell", &COMMANDS),
];

/// The tools that every run with a model has, where commands can be confined.
pub const TOOLS: [&str; 10] = [
    "read_file",
    "write_file",
    "edit_file",
    "list_files",
    "search_files",
    "run_command",
    "start_process",
    "wait_process",
    "probe_process",
    "kill_process",
];

const COMMANDS: [&str; 5] = ["run_command", "start_process", "wait_process", "probe_process", "kill_process"];
/// The tools whose `command` a pattern is held against.
const WITH_COMMAND: [&str; 2] = ["run_command", "start_process"];

/// Characters by which one line of shell becomes more than one command.
const SHELL: &[char] = &[';', '&', '|', '<', '>', '$', '`', '(', ')', '{', '}', '\\', '\n', '\r', '\0'];

/// The tools that may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    /// As it was written.
    written: String,
    tools: Vec<String>,
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    None,
    /// The command is this, or begins with it.
    Command {
        begins: String,
        exact: Exact,
    },
    /// A pattern that nothing is known about allows nothing.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exact {
    Yes,
    No,
}

impl Grants {
    /// The grants in a text such as `Read Bash(git:*)`.
    pub fn parse(text: &str) -> Self {
        Self(words(text).into_iter().map(Grant::parse).collect())
    }

    /// Whether a call is allowed.
    pub fn permits(&self, tool: &str, input: &Value) -> bool {
        self.0.iter().any(|grant| grant.names(tool) && grant.limit.holds(tool, input))
    }

    /// The names as they were written, each once.
    pub fn written(&self) -> Vec<&str> {
        self.0.iter().map(|grant| grant.written.as_str()).collect()
    }

    /// What each of them allows here, such as `run_command (git …)`, for people and providers.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for grant in &self.0 {
            for tool in &grant.tools {
                let line = match &grant.limit {
                    Limit::Command { begins, exact } if WITH_COMMAND.contains(&tool.as_str()) => {
                        match exact {
                            Exact::Yes => format!("{tool} (`{begins}`)"),
                            Exact::No => format!("{tool} (`{begins} …`)"),
                        }
                    }
                    Limit::None | Limit::Command { .. } => tool.clone(),
                    Limit::Unknown => continue,
                };
                if !told.contains(&line) {
                    told.push(line);
                }
            }
        }
        told
    }

    /// Grants that allow nothing here: patterns that are not understood, and names that are none of `known`.
    pub fn idle(&self, known: &[&str]) -> Vec<&str> {
        let idle = |grant: &&Grant| {
            grant.limit == Limit::Unknown
                || !grant.tools.iter().any(|tool| match tool.strip_suffix('*') {
                    Some(begins) => !begins.is_empty() && known.iter().any(|known| known.starts_with(begins)),
                    None => known.contains(&tool.as_str()),
                })
        };
        self.0.iter().filter(idle).map(|grant| grant.written.as_str()).collect()
    }
}

impl Grant {
    fn parse(word: &str) -> Self {
        let (name, pattern) = match word.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest).trim())),
            None => (word, None),
        };
        let tools: Vec<String> = match OTHERS.iter().find(|(other, _)| *other == name) {
            Some((_, tools)) => tools.iter().map(|tool| (*tool).to_owned()).collect(),
            None => vec![name.strip_prefix("mcp__").unwrap_or(name).to_owned()],
        };
        let runs = tools.iter().any(|tool| WITH_COMMAND.contains(&tool.as_str()));
        let limit = match pattern {
            None | Some("*") => Limit::None,
            Some(pattern) if runs => Limit::of_command(pattern),
            Some(_) => Limit::Unknown,
        };
        Self { written: word.to_owned(), tools, limit }
    }

    fn names(&self, tool: &str) -> bool {
        self.tools.iter().any(|named| match named.strip_suffix('*') {
            // A lone star would be no narrowing at all.
            Some(begins) => !begins.is_empty() && tool.starts_with(begins),
            None => named == tool,
        })
    }
}

impl Limit {
    fn of_command(pattern: &str) -> Self {
        let open = [":*", " *"].iter().find_map(|end| pattern.strip_suffix(end));
        let (begins, exact) = match open {
            Some(begins) => (begins.trim(), Exact::No),
            None => (pattern, Exact::Yes),
        };
        if begins.is_empty() || begins.contains('*') || begins.contains(SHELL) {
            return Self::Unknown;
        }
        Self::Command { begins: begins.to_owned(), exact }
    }

    fn holds(&self, tool: &str, input: &Value) -> bool {
        match self {
            Self::None => true,
            Self::Unknown => false,
            // Waiting for, asking and ending what was started needs no leave of its own.
            Self::Command { .. } if !WITH_COMMAND.contains(&tool) => true,
            Self::Command { begins, exact } => input["command"].as_str().is_some_and(|command| {
                let command = command.trim();
                let rest = command.strip_prefix(begins.as_str());
                !command.contains(SHELL)
                    && match exact {
                        Exact::Yes => rest == Some(""),
                        Exact::No => rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')),
                    }
            }),
        }
    }
}

/// Words with blanks or commas between them, outside parentheses.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && (c.is_whitespace() || c == ',') => {
                words.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            _ => {}
        }
    }
    words.push(&text[begin..]);
    let mut once: Vec<&str> = Vec::new();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runs(grants: &str, command: &str) -> bool {
        Grants::parse(grants).permits("run_command", &json!({ "command": command }))
    }

    #[test]
    fn names_of_other_agents_stand_for_the_tools_here() {
        let grants = Grants::parse("Read, Bash(git:*)  Glob forge_db_*");
        for tool in ["read_file", "list_files", "wait_process", "forge_db_query"] {
            assert!(grants.permits(tool, &json!({})), "{tool}");
        }
        for tool in ["write_file", "edit_file", "run_command", "forge_auth_user_list", "Read"] {
            assert!(!grants.permits(tool, &json!({})), "{tool}");
        }
        let told = ["read_file", "run_command (`git …`)", "start_process (`git …`)", "wait_process"];
        assert_eq!(grants.told()[..4], told);
    }

    #[test]
    fn a_pattern_holds_for_one_plain_command() {
        let cases = [
            ("Bash(git:*)", "git status", true),
            ("Bash(git:*)", "git", true),
            ("Bash(git:*)", "gitk", false),
            ("Bash(git *)", " git log -1 ", true),
            ("Bash(git status)", "git status", true),
            ("Bash(git status)", "git status -s", false),
            ("Bash(npm run test:*)", "npm run test -- -v", true),
            ("Bash(npm run test:*)", "npm run deploy", false),
            ("Bash(git:*)", "git log; rm -rf .", false),
            ("Bash(git:*)", "git log $(rm x)", false),
            ("Bash(git:*)", "git log\nrm x", false),
            ("Bash(git:*)", "git log | sh", false),
            ("Bash", "rm -rf .", true),
            ("Bash(*)", "rm -rf .", true),
            ("Bash(g*t:*)", "git log", false),
            ("Bash(:*)", "git log", false),
            ("run_command(git:*)", "git log", true),
            ("Read(src/**)", "git log", false),
        ];
        for (grants, command, expected) in cases {
            assert_eq!(runs(grants, command), expected, "{grants}: {command}");
        }
        assert!(!Grants::parse("Read(src/**)").permits("read_file", &json!({"path": "src/a"})));
    }

    #[test]
    fn nothing_named_is_nothing_allowed() {
        for text in ["", " , ", "*", "Unheard(of)", "(", ")("] {
            let grants = Grants::parse(text);
            assert!(!grants.permits("read_file", &json!({})) && !runs(text, "ls"), "{text}");
        }
    }

    #[test]
    fn grants_of_no_effect_are_told() {
        let grants = Grants::parse("Read WebFetch Read(x) Bash(g*:*) forge_*");
        assert_eq!(
            grants.idle(&["read_file", "run_command"]),
            ["WebFetch", "Read(x)", "Bash(g*:*)", "forge_*"]
        );
    }
}
