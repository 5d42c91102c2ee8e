//! MCP servers whose tools a run may use: the tables `mcp.servers.NAME`.
//!
//! Only a user's own file says what there is to start and to reach. A project's file, which may have come with its
//! sources, takes away: see decision 0080.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

/// Servers that there may be.
const SERVERS_MAX: usize = 32;
/// Characters of a server's name.
const NAME_CHARS_MAX: usize = 32;
/// Every tool, in a list of tools.
pub(crate) const EVERY: &str = "*";

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// How it is reached.
    pub(crate) way: Way,
    /// Whether it is used at all.
    pub(crate) enabled: bool,
    /// Its tools that may be offered, by its own names; `*`: all of them.
    pub(crate) allow: BTreeSet<String>,
    /// Those that a person approves before each call.
    pub(crate) approve: BTreeSet<String>,
    /// Those that only read, as the user knows: they may be called while planning, and again after a crash.
    pub(crate) reads: BTreeSet<String>,
    /// Seconds that beginning and each call may take.
    pub(crate) timeout_seconds: u64,
    /// Tokens that the definitions of its tools may have in all.
    pub(crate) definition_tokens_max: usize,
    /// Tokens that an answer may have.
    pub(crate) answer_tokens_max: usize,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By starting it.
    Program(Program),
    /// Over HTTP.
    Address {
        /// Where it is.
        url: String,
        /// The variable of loki's environment that holds its token.
        token_variable: Option<String>,
    },
}

/// A server that is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// A name that is looked for in `PATH`, or an absolute path.
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    /// Variables that it is started with.
    pub(crate) env: BTreeMap<String, String>,
    /// Variables that it is started with, each with the variable of loki's environment that holds its value.
    pub(crate) env_from: BTreeMap<String, String>,
    /// Files and folders that it may read besides what commands of the project may.
    pub(crate) read: Vec<PathBuf>,
    /// Hosts that it may reach.
    pub(crate) hosts: Vec<String>,
    /// Whether it may change the project's files.
    pub(crate) writes: bool,
}

/// A server as a user's file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    command: Option<String>,
    args: Option<Vec<String>>,
    env: Option<BTreeMap<String, String>>,
    env_from: Option<BTreeMap<String, String>>,
    read: Option<Vec<PathBuf>>,
    hosts: Option<Vec<String>>,
    writes: Option<bool>,
    url: Option<String>,
    token_variable: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    allow: BTreeSet<String>,
    #[serde(default)]
    approve: BTreeSet<String>,
    #[serde(default)]
    reads: BTreeSet<String>,
    #[serde(default = "sixty")]
    timeout_seconds: u64,
    #[serde(default = "thousands")]
    definition_tokens_max: usize,
    #[serde(default = "thousands")]
    answer_tokens_max: usize,
}

/// What a project's file may say of a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Narrowing {
    enabled: Option<bool>,
    allow: Option<BTreeSet<String>>,
    approve: Option<BTreeSet<String>>,
}

fn yes() -> bool {
    true
}

fn sixty() -> u64 {
    60
}

fn thousands() -> usize {
    4_000
}

/// Takes the servers out of a file's table.
pub(super) fn taken(file: &mut toml::Table) -> Result<toml::Table, String> {
    let Some(toml::Value::Table(section)) = file.get_mut("mcp") else { return Ok(toml::Table::new()) };
    let servers = section.remove("servers");
    if servers.is_some() && section.is_empty() {
        file.remove("mcp");
    }
    match servers {
        None => Ok(toml::Table::new()),
        Some(toml::Value::Table(servers)) => Ok(servers),
        Some(_) => Err("`mcp.servers` holds a table for each server".to_owned()),
    }
}

/// The servers of a user's file.
pub(super) fn named(tables: toml::Table) -> Result<BTreeMap<String, Server>, String> {
    if tables.len() > SERVERS_MAX {
        return Err(format!("there are more than {SERVERS_MAX} servers"));
    }
    let server = |(name, value): (String, toml::Value)| {
        let server = one(&name, value).map_err(|why| format!("`mcp.servers.{name}`: {why}"))?;
        Ok((name, server))
    };
    tables.into_iter().map(server).collect()
}

/// What is left of the servers where a project's file takes away from them.
pub(super) fn narrowed(
    mut servers: BTreeMap<String, Server>,
    tables: toml::Table,
) -> Result<BTreeMap<String, Server>, String> {
    for (name, value) in tables {
        let narrowing: Narrowing = value.try_into().map_err(|error: toml::de::Error| {
            format!("`mcp.servers.{name}` in a project's file can only take away: {}", error.message())
        })?;
        // What the user does not have, nobody can take away.
        let Some(server) = servers.get_mut(&name) else { continue };
        server.enabled &= narrowing.enabled.unwrap_or(true);
        server.approve.extend(narrowing.approve.unwrap_or_default());
        match narrowing.allow {
            None => {}
            Some(allow) if allow.contains(EVERY) => {}
            Some(allow) if server.allow.contains(EVERY) => server.allow = allow,
            Some(allow) => server.allow.retain(|tool| allow.contains(tool)),
        }
    }
    Ok(servers)
}

impl Server {
    /// Whether a list of tools has `tool` in it.
    pub(crate) fn lists(list: &BTreeSet<String>, tool: &str) -> bool {
        list.contains(EVERY) || list.contains(tool)
    }
}

fn one(name: &str, value: toml::Value) -> Result<Server, String> {
    let fits = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
    };
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) {
        return Err(format!("a name has 1 to {NAME_CHARS_MAX} small letters, digits, - and _"));
    }
    let written: Written = value.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    if !(1..=3_600).contains(&written.timeout_seconds) {
        return Err("`timeout_seconds` is 1 to 3600".to_owned());
    }
    let way = way(&written)?;
    Ok(Server {
        way,
        enabled: written.enabled,
        allow: written.allow,
        approve: written.approve,
        reads: written.reads,
        timeout_seconds: written.timeout_seconds,
        definition_tokens_max: written.definition_tokens_max,
        answer_tokens_max: written.answer_tokens_max.max(100),
    })
}

fn way(written: &Written) -> Result<Way, String> {
    let of_program = written.args.is_some()
        || written.env.is_some()
        || written.env_from.is_some()
        || written.read.is_some()
        || written.hosts.is_some()
        || written.writes.is_some();
    match (&written.command, &written.url) {
        (Some(_), Some(_)) | (None, None) => Err("name either a `command` or a `url`".to_owned()),
        (None, Some(_)) if of_program => {
            Err("`args`, `env`, `env_from`, `read`, `hosts` and `writes` are for a `command`".to_owned())
        }
        (Some(_), None) if written.token_variable.is_some() => {
            Err("`token_variable` is for a `url`; a program gets its token by `env_from`".to_owned())
        }
        (None, Some(url)) => {
            Ok(Way::Address { url: url.clone(), token_variable: written.token_variable.clone() })
        }
        (Some(command), None) => {
            if command.trim().is_empty() || (command.contains('/') && !command.starts_with('/')) {
                return Err("`command` is a name that is looked for in PATH, or an absolute path".to_owned());
            }
            let read = written.read.clone().unwrap_or_default();
            if read.iter().any(|path| !path.is_absolute()) {
                return Err("`read` holds absolute paths".to_owned());
            }
            Ok(Way::Program(Program {
                command: command.clone(),
                args: written.args.clone().unwrap_or_default(),
                env: written.env.clone().unwrap_or_default(),
                env_from: written.env_from.clone().unwrap_or_default(),
                read,
                hosts: written.hosts.clone().unwrap_or_default(),
                writes: written.writes.unwrap_or(false),
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        taken(&mut text.parse().unwrap()).unwrap()
    }

    fn of_user(text: &str) -> Result<BTreeMap<String, Server>, String> {
        named(table(text))
    }

    fn narrowed_by(text: &str) -> Result<Server, String> {
        let user = "[mcp.servers.fs]\ncommand = \"fs\"\nallow = [\"read\", \"list\"]\napprove = [\"write\"]\n\
                    [mcp.servers.web]\nurl = \"https://a.test\"\nallow = [\"*\"]\n";
        let mut servers = narrowed(of_user(user).unwrap(), table(text))?;
        Ok(servers.remove("fs").unwrap())
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_server_is_a_program_or_an_address_and_nothing_of_both() {
        let fs = &of_user(
            "mcp.servers.fs = { command = \"fs\", args = [\"/srv\"], env_from = { KEY = \"MY_KEY\" } }",
        );
        let fs = &fs.as_ref().unwrap()["fs"];
        let Way::Program(program) = &fs.way else { panic!("{fs:?}") };
        assert_eq!((program.command.as_str(), program.args.as_slice()), ("fs", &["/srv".to_owned()][..]));
        assert!(!program.writes && fs.allow.is_empty() && fs.enabled);
        for wrong in [
            "mcp.servers.x = {}",
            "mcp.servers.x = { command = \"a\", url = \"https://a.test\" }",
            "mcp.servers.x = { url = \"https://a.test\", args = [] }",
            "mcp.servers.x = { command = \"a\", token_variable = \"T\" }",
            "mcp.servers.x = { command = \"./a\" }",
            "mcp.servers.x = { command = \"a\", read = [\"b\"] }",
            "mcp.servers.x = { command = \"a\", token = \"t\" }",
            "mcp.servers.x = { command = \"a\", timeout_seconds = 0 }",
            "mcp.servers.\"x y\" = { command = \"a\" }",
        ] {
            of_user(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_project_takes_away_and_gives_nothing() {
        let fs =
            narrowed_by("mcp.servers.fs = { allow = [\"read\", \"write\"], approve = [\"read\"] }").unwrap();
        assert_eq!((fs.allow, fs.approve), (set(&["read"]), set(&["read", "write"])));
        let fs = narrowed_by("mcp.servers.fs = { allow = [\"*\"], enabled = true }").unwrap();
        assert_eq!(fs.allow, set(&["read", "list"]));
        assert!(!narrowed_by("mcp.servers.fs = { enabled = false }").unwrap().enabled);
        for wrong in [
            "mcp.servers.fs = { command = \"evil\" }",
            "mcp.servers.evil = { command = \"evil\" }",
            "mcp.servers.evil = { url = \"https://evil.test\" }",
            "mcp.servers.fs = { args = [\"--evil\"] }",
            "mcp.servers.fs = { env = { A = \"b\" } }",
            "mcp.servers.fs = { reads = [\"write\"] }",
            "mcp.servers.fs = { writes = true }",
        ] {
            assert!(narrowed_by(wrong).unwrap_err().contains("can only take away"), "{wrong}");
        }
        let user = of_user("mcp.servers.fs = { command = \"fs\", enabled = false }").unwrap();
        assert!(!narrowed(user, table("mcp.servers.fs = { enabled = true }")).unwrap()["fs"].enabled);
    }

    #[test]
    fn what_is_no_table_is_refused_and_the_rest_of_the_section_stays() {
        let mut file: toml::Table = "mcp.servers = 1".parse().unwrap();
        taken(&mut file).unwrap_err();
        let mut file: toml::Table =
            "mcp.allow = \"write\"\nmcp.servers.x = { command = \"a\" }".parse().unwrap();
        assert_eq!(taken(&mut file).unwrap().len(), 1);
        assert_eq!(file, "mcp.allow = \"write\"".parse().unwrap());
    }
}
