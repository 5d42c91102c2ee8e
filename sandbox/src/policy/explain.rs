//! A policy in words: everything it allows, and whether it allows one thing.

use std::fmt;
use std::path::Path;

use super::error::Flaw;
use super::{Access, BOUNDS, FileRule, HostRule, Origin, Places, Policy, Preset, hosts, paths};

/// Everything a policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The preset it began as.
    pub preset: String,
    /// Files, network, environment, secrets, limits.
    pub topics: Vec<Topic>,
}

/// What a policy says about one kind of thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Such as `files`.
    pub title: &'static str,
    /// What holds for everything that no statement names.
    pub otherwise: &'static str,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// One thing that a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Such as `write` or `reach`.
    pub verb: &'static str,
    /// The places, hosts or names that it is about.
    pub about: Vec<String>,
    /// Why.
    pub reason: String,
    /// The layer it comes from; none for a limit that a policy's file set, whichever it was.
    pub origin: Option<Origin>,
}

/// Whether a policy allows one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// True where it does.
    pub allowed: bool,
    /// By which rule, or why not, and what could be done.
    pub words: String,
    /// Lines for the user's policy file that would allow it, where any would.
    pub rule: Option<String>,
}

impl Origin {
    /// Whose word it is.
    pub fn words(self) -> &'static str {
        match self {
            Origin::Preset => "built in",
            Origin::User => "your policy",
            Origin::Project => "the project's policy",
        }
    }
}

impl Policy {
    /// Everything it allows, in words.
    pub fn explain(&self) -> Explanation {
        let files = [Access::Write, Access::Read, Access::Protect, Access::Hide].into_iter();
        let files = files.flat_map(|access| self.files.iter().filter(move |rule| rule.access == access));
        let files = files.map(|rule| said(rule.access.name(), rule.path.clone(), &rule.reason, rule.origin));
        let network =
            self.network.iter().map(|rule| said("reach", host_words(rule), &rule.reason, rule.origin));
        let environment = self.environment.iter().map(|rule| match &rule.value {
            Some(value) => said("set", format!("{}={value}", rule.name), &rule.reason, rule.origin),
            None => said("pass on", rule.name.clone(), &rule.reason, rule.origin),
        });
        let secrets = self.secrets.iter().map(|rule| {
            let about = format!("{} from ${}", rule.name, rule.variable);
            said("put into requests", about, &rule.reason, rule.origin)
        });
        let built_in = Preset::named(&self.preset).map(|preset| preset.policy().limits);
        let limits = BOUNDS.iter().map(|bound| Statement {
            verb: "at most",
            about: vec![format!("{} {}", bound.of(&self.limits), bound.words)],
            reason: format!("`{}`", bound.name),
            origin: built_in
                .as_ref()
                .filter(|built_in| bound.of(built_in) == bound.of(&self.limits))
                .map(|_| Origin::Preset),
        });
        let topic = |title, otherwise, statements| Topic { title, otherwise, statements: merged(statements) };
        Explanation {
            preset: self.preset.clone(),
            topics: vec![
                topic("files", "Everything else is not there.", files.collect()),
                topic("network", "Nothing else can be reached.", network.collect()),
                topic("environment", "No other variable is passed on.", environment.collect()),
                topic("secrets", "No other secret leaves loki.", secrets.collect()),
                topic(
                    "limits",
                    "A command that reaches one of them ends or is refused more.",
                    limits.collect(),
                ),
            ],
        }
    }

    /// Whether `path` may be read or written, by which rule, and what would allow it.
    pub fn explain_file(&self, places: &Places, path: &Path, wanted: Access) -> Answer {
        let written = places.written(path);
        let (access, rule) = self.file(places, path);
        let may = match access {
            Access::Hide => "is not there",
            Access::Read => "can be read but not written",
            Access::Protect => "can be read but is kept as it is",
            Access::Write => "can be read and written",
        };
        let because = match rule {
            Some(rule) => {
                format!("`{}` {may} for the command: {}.", written.escape_debug(), rule_words(rule))
            }
            None => format!("`{}` {may} for the command: no rule names it.", written.escape_debug()),
        };
        if (!wanted.reads() || access.reads()) && (!wanted.writes() || access.writes()) {
            return Answer { allowed: true, words: because, rule: None };
        }
        if rule.is_some_and(|rule| rule.origin == Origin::Project) {
            let words =
                format!("{because} What a project's policy takes away only the project's policy gives back.");
            return Answer { allowed: false, words, rule: None };
        }
        match file_remedy(path, &written, wanted) {
            Err(flaw) => Answer {
                allowed: false,
                words: format!("{because} No policy can change that: {}.", flaw.problem),
                rule: None,
            },
            Ok(lines) => {
                let own = rule.is_some_and(|rule| rule.origin == Origin::User && rule.path == written);
                let put = if own {
                    "Change that rule in your policy file to:"
                } else {
                    "To allow it, put into your policy file:"
                };
                Answer { allowed: false, words: format!("{because} {put}"), rule: Some(lines) }
            }
        }
    }

    /// Whether `name` may be reached on `port`, by which rule, and what would allow it.
    pub fn explain_host(&self, name: &str, port: u16) -> Answer {
        if let Some(rule) = self.host(name, port) {
            let words =
                format!("`{name}` can be reached on port {port}: {} ({}).", rule.reason, rule.origin.words());
            return Answer { allowed: true, words, rule: None };
        }
        let because =
            format!("`{}` cannot be reached on port {port}: no rule names it.", name.escape_debug());
        match host_remedy(name, port, false) {
            Ok(lines) => {
                let words = format!("{because} To allow it, put into your policy file:");
                Answer { allowed: false, words, rule: Some(lines) }
            }
            Err(flaw) => {
                let words = format!("{because} No policy can change that: {}.", flaw.problem);
                Answer { allowed: false, words, rule: None }
            }
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "preset {}", self.preset)?;
        for topic in &self.topics {
            writeln!(f, "\n{}", topic.title)?;
            for said in &topic.statements {
                let about = said.about.join(", ");
                let origin = said.origin.map_or("a policy's file", Origin::words);
                writeln!(f, "  {} {about}: {} ({origin})", said.verb, said.reason)?;
            }
            writeln!(f, "  {}", topic.otherwise)?;
        }
        Ok(())
    }
}

/// Lines for a policy file that allow `wanted` at `path`, which a rule would write as `written`.
fn file_remedy(path: &Path, written: &str, wanted: Access) -> Result<String, Flaw> {
    if path.to_str().is_none() {
        return Err(Flaw::new("its name is not UTF-8"));
    }
    let normalized = paths::normalized(written)?;
    let access = if wanted.writes() { Access::Write } else { Access::Read };
    paths::permitted(&normalized, access)?;
    let (path, access) = (quoted(&normalized), access.name());
    Ok(format!("[[files]]\npath = {path}\naccess = \"{access}\"\nreason = \"why the command needs it\"\n"))
}

/// Lines for a policy file that let through to `name` on `port`.
pub(super) fn host_remedy(name: &str, port: u16, private: bool) -> Result<String, Flaw> {
    let host = hosts::normalized(&hosts::asked(name))?;
    if port == 0 {
        return Err(Flaw::new("there is no port 0"));
    }
    let ports = if port == 443 { String::new() } else { format!("ports = [{port}]\n") };
    let private = if private || hosts::is_private(&host) { "private = true\n" } else { "" };
    Ok(format!(
        "[[network]]\nhost = {}\n{ports}{private}reason = \"what the command gets there\"\n",
        quoted(&host)
    ))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn rule_words(rule: &FileRule) -> String {
    format!("{} (`{}`, {})", rule.reason, rule.path, rule.origin.words())
}

fn host_words(rule: &HostRule) -> String {
    let ports: Vec<String> = rule.ports.iter().map(u16::to_string).collect();
    let ports = if rule.ports == [443] { String::new() } else { format!(" on {}", ports.join(", ")) };
    let private = if rule.private { ", on private addresses too" } else { "" };
    let headers: Vec<&str> = rule.headers.keys().map(String::as_str).collect();
    let headers =
        if headers.is_empty() { String::new() } else { format!(", setting {}", headers.join(", ")) };
    format!("{}{ports}{private}{headers}", rule.host)
}

fn said(verb: &'static str, about: String, reason: &str, origin: Origin) -> Statement {
    Statement { verb, about: vec![about], reason: reason.to_owned(), origin: Some(origin) }
}

/// Puts neighbours with one verb, reason and origin into one statement.
fn merged(statements: Vec<Statement>) -> Vec<Statement> {
    let mut result: Vec<Statement> = Vec::new();
    for said in statements {
        match result.last_mut() {
            Some(last)
                if (last.verb, &last.reason, last.origin) == (said.verb, &said.reason, said.origin) =>
            {
                last.about.extend(said.about);
            }
            Some(_) | None => result.push(said),
        }
    }
    result
}
