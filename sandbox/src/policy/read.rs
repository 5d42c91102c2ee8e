//! Reads a policy's file: TOML in, a checked [`Document`] out. The file is taken to be hostile.
//!
//! [`wire`] is the format; what it says is checked here and turned into the rules of a [`super::Policy`].

use std::collections::BTreeMap;

use toml::Spanned;

use super::bounds::Bound;
use super::error::{Flaw, Position};
use super::{Access, BOUNDS, FileRule, HostRule, Origin, PolicyError, Preset, SecretRule, VariableRule};
use super::{hosts, paths, variables};

mod headers;
mod wire;

use wire::{Wire, WireFile, WireHost, WireLimits, WireSecret, WireVariable};

/// The longest file.
pub(super) const FILE_BYTES_MAX: usize = 64 * 1024;
/// The version of the format.
const VERSION: i64 = 1;
const RULES_MAX: usize = 256;
const PORTS_MAX: usize = 64;
const SECRETS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 500;

/// A policy's file, checked, and not yet laid over anything.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) preset: Option<Placed<Preset>>,
    pub(super) files: Vec<Placed<FileRule>>,
    pub(super) network: Vec<Placed<HostRule>>,
    pub(super) network_only: Option<Vec<Reach>>,
    pub(super) environment: Vec<Placed<VariableRule>>,
    pub(super) secrets: Vec<Placed<SecretRule>>,
    pub(super) limits: Vec<Placed<(&'static Bound, u64)>>,
}

/// Something and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) at: Position,
    pub(super) value: T,
}

/// What `network_only` leaves: a host, on these ports or on all that are allowed anyway.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) host: String,
    pub(super) ports: Option<Vec<u16>>,
}

impl Document {
    /// Leaves the choice of the preset to whoever asks.
    pub fn forget_preset(&mut self) {
        self.preset = None;
    }

    /// Reads what stands in `file`, a name that errors are to use.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Document, PolicyError> {
        if bytes.len() > FILE_BYTES_MAX {
            let file = file.to_owned();
            return Err(PolicyError::TooLarge { file, bytes: bytes.len(), bytes_max: FILE_BYTES_MAX });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let sound = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            PolicyError::NotText { at: Position::of(file, sound, sound.len()) }
        })?;
        let source = Source { file, text };
        let wire: Wire = toml::from_str(text).map_err(|error| source.refused(&error))?;
        source.document(wire)
    }
}

/// The text, to find positions in.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn document(&self, wire: Wire) -> Result<Document, PolicyError> {
        if *wire.version.get_ref() != VERSION {
            let flaw = Flaw::new(format!("version {} of the format is not known", wire.version.get_ref()));
            return Err(flaw.hint(format!("Write `version = {VERSION}`.")).at(self.at(&wire.version)));
        }
        let preset = wire.preset.map(|name| self.preset(&name)).transpose()?;
        let network_only = wire.network_only.map(|only| self.network_only(only)).transpose()?;
        let limits = self.limits(&wire.limits)?;
        let document = Document {
            preset,
            files: self.each(wire.files, "rules for files", RULES_MAX, |wire| self.file_rule(wire))?,
            network: self.each(wire.network, "rules for hosts", RULES_MAX, |wire| self.host_rule(wire))?,
            network_only,
            environment: self
                .each(wire.environment, "variables", RULES_MAX, |wire| self.variable_rule(wire))?,
            secrets: self.each(wire.secrets, "secrets", SECRETS_MAX, |wire| self.secret_rule(wire))?,
            limits,
        };
        unique(&document.files, "path", |rule| &rule.path)?;
        unique(&document.environment, "variable", |rule| &rule.name)?;
        unique(&document.secrets, "secret", |rule| &rule.name)?;
        for secret in &document.secrets {
            if let Some(rule) =
                document.environment.iter().find(|rule| rule.value.name == secret.value.variable)
            {
                let flaw =
                    Flaw::new(format!("the command would see `{}`, which is a secret", rule.value.name));
                return Err(flaw
                    .hint("Take it from `[[environment]]` or from `[[secrets]]`.")
                    .at(rule.at.clone()));
            }
        }
        headers::declared(&document)?;
        Ok(document)
    }

    fn preset(&self, name: &Spanned<String>) -> Result<Placed<Preset>, PolicyError> {
        let known = Preset::ALL.map(|preset| preset.name().to_owned()).to_vec();
        let preset = Preset::named(name.get_ref()).ok_or_else(|| self.unknown("preset", name, known))?;
        Ok(Placed { at: self.at(name), value: preset })
    }

    fn network_only(&self, only: Spanned<Vec<Spanned<String>>>) -> Result<Vec<Reach>, PolicyError> {
        self.at_most(&only, only.get_ref().len(), "hosts", RULES_MAX)?;
        let reach = |text: &Spanned<String>| {
            let (host, port) = match text.get_ref().rsplit_once(':') {
                // A colon before this one, outside of brackets, makes it an address of version 6.
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
                Some(_) | None => (text.get_ref().as_str(), None),
            };
            let flawed = |flaw: Flaw| flaw.at(self.at(text));
            let port = port.map(|port| port.parse::<i64>().map_err(|_| no_port(port)).and_then(port_of));
            let port = port.transpose().map_err(flawed)?;
            let host = hosts::normalized(host).map_err(flawed)?;
            Ok(Reach { host, ports: port.map(|port| vec![port]) })
        };
        only.get_ref().iter().map(reach).collect()
    }

    fn file_rule(&self, wire: &WireFile) -> Result<FileRule, PolicyError> {
        let accesses = [Access::Hide, Access::Read, Access::Protect, Access::Write];
        let access = accesses.into_iter().find(|access| access.name() == wire.access.get_ref());
        let known = || accesses.map(|access| access.name().to_owned()).to_vec();
        let access = access.ok_or_else(|| self.unknown("access", &wire.access, known()))?;
        let path = paths::normalized(wire.path.get_ref());
        let path = path.and_then(|path| paths::permitted(&path, access).map(|()| path));
        Ok(FileRule {
            path: path.map_err(|flaw| flaw.at(self.at(&wire.path)))?,
            access,
            reason: self.reason(&wire.reason)?,
            origin: Origin::User,
        })
    }

    fn host_rule(&self, wire: &WireHost) -> Result<HostRule, PolicyError> {
        let host = hosts::normalized(wire.host.get_ref()).map_err(|flaw| flaw.at(self.at(&wire.host)))?;
        if hosts::is_private(&host) && !wire.private {
            let flaw = Flaw::new(format!("`{host}` is on a private network"));
            return Err(flaw
                .hint("Write `private = true` beside it if that is meant.")
                .at(self.at(&wire.host)));
        }
        let ports = wire.ports.as_ref().map(|ports| self.ports(ports)).transpose()?;
        let mut headers = BTreeMap::new();
        for (name, value) in &wire.headers {
            let name_text = headers::sound_name(name.get_ref()).map_err(|flaw| flaw.at(self.at(name)))?;
            let exact = !host.starts_with("*.");
            headers::sound_value(value.get_ref(), exact).map_err(|flaw| flaw.at(self.at(value)))?;
            if headers.insert(name_text, value.get_ref().clone()).is_some() {
                return Err(
                    Flaw::new(format!("the header `{}` stands here twice", name.get_ref())).at(self.at(name))
                );
            }
            self.at_most(name, headers.len(), "headers", headers::HEADERS_MAX)?;
        }
        let reason = self.reason(&wire.reason)?;
        let ports = ports.unwrap_or_else(|| vec![443]);
        Ok(HostRule { host, ports, private: wire.private, headers, reason, origin: Origin::User })
    }

    fn ports(&self, ports: &Spanned<Vec<Spanned<i64>>>) -> Result<Vec<u16>, PolicyError> {
        self.at_most(ports, ports.get_ref().len(), "ports", PORTS_MAX)?;
        if ports.get_ref().is_empty() {
            return Err(Flaw::new("a host without ports")
                .hint("Leave `ports` out for 443.")
                .at(self.at(ports)));
        }
        let numbers = ports.get_ref().iter();
        let numbers = numbers.map(|port| port_of(*port.get_ref()).map_err(|flaw| flaw.at(self.at(port))));
        let mut numbers = numbers.collect::<Result<Vec<u16>, PolicyError>>()?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn variable_rule(&self, wire: &WireVariable) -> Result<VariableRule, PolicyError> {
        let name = wire.name.get_ref();
        variables::sound_name(name).map_err(|flaw| flaw.at(self.at(&wire.name)))?;
        if let Some(value) = &wire.value {
            if name.ends_with('*') {
                let flaw = Flaw::new(format!("`{name}` stands for many variables and cannot have a value"));
                return Err(flaw.at(self.at(value)));
            }
            variables::sound_value(value.get_ref()).map_err(|flaw| flaw.at(self.at(value)))?;
        }
        Ok(VariableRule {
            name: name.clone(),
            value: wire.value.as_ref().map(|value| value.get_ref().clone()),
            reason: self.reason(&wire.reason)?,
            origin: Origin::User,
        })
    }

    fn secret_rule(&self, wire: &WireSecret) -> Result<SecretRule, PolicyError> {
        for (word, what) in [(&wire.name, "secret"), (&wire.variable, "variable")] {
            if !variables::is_name(word.get_ref()) {
                let flaw =
                    Flaw::new(format!("`{}` is not the name of a {what}", word.get_ref().escape_debug()));
                return Err(flaw.hint("Letters, digits and `_`, no digit in front.").at(self.at(word)));
            }
        }
        Ok(SecretRule {
            name: wire.name.get_ref().clone(),
            variable: wire.variable.get_ref().clone(),
            reason: self.reason(&wire.reason)?,
            origin: Origin::User,
        })
    }

    fn limits(&self, wire: &WireLimits) -> Result<Vec<Placed<(&'static Bound, u64)>>, PolicyError> {
        let values = [
            &wire.wall_seconds_max,
            &wire.cpu_seconds_max,
            &wire.memory_bytes_max,
            &wire.processes_max,
            &wire.written_bytes_max,
            &wire.file_bytes_max,
            &wire.open_files_max,
            &wire.output_bytes_max,
            &wire.connections_max,
            &wire.transfer_bytes_max,
        ];
        let mut limits = Vec::new();
        for (bound, value) in BOUNDS.iter().zip(values) {
            let Some(value) = value else { continue };
            let number = u64::try_from(*value.get_ref()).ok();
            let Some(number) = number.filter(|number| (bound.min..=bound.max).contains(number)) else {
                let problem = format!(
                    "`{}` is between {} and {}, not {}",
                    bound.name,
                    bound.min,
                    bound.max,
                    value.get_ref()
                );
                return Err(Flaw::new(problem).at(self.at(value)));
            };
            limits.push(Placed { at: self.at(value), value: (bound, number) });
        }
        Ok(limits)
    }

    fn reason(&self, reason: &Spanned<String>) -> Result<String, PolicyError> {
        let text = reason.get_ref().trim();
        let flaw = if text.is_empty() {
            Flaw::new("the reason is empty").hint("Say why, for whoever reads this next.")
        } else if text.chars().count() > REASON_CHARS_MAX {
            Flaw::new(format!("a reason has at most {REASON_CHARS_MAX} characters"))
        } else if !paths::is_plain(text) {
            Flaw::new("the reason holds a control character or is longer than a line")
        } else {
            return Ok(text.to_owned());
        };
        Err(flaw.at(self.at(reason)))
    }

    /// Checks every entry of a list, of which there may be `count_max`.
    fn each<W, T>(
        &self,
        entries: Vec<Spanned<W>>,
        what: &'static str,
        count_max: usize,
        check: impl Fn(&W) -> Result<T, PolicyError>,
    ) -> Result<Vec<Placed<T>>, PolicyError> {
        if let Some(one_more) = entries.get(count_max) {
            self.at_most(one_more, entries.len(), what, count_max)?;
        }
        let checked = entries.iter().map(|entry| {
            let value = check(entry.get_ref())?;
            Ok(Placed { at: self.at(entry), value })
        });
        checked.collect()
    }

    fn at_most<T>(
        &self,
        at: &Spanned<T>,
        count: usize,
        what: &'static str,
        count_max: usize,
    ) -> Result<(), PolicyError> {
        if count > count_max {
            return Err(PolicyError::TooMany { at: self.at(at), what, count, count_max });
        }
        Ok(())
    }

    fn at<T>(&self, spanned: &Spanned<T>) -> Position {
        Position::of(self.file, self.text, spanned.span().start)
    }

    fn unknown(&self, what: &'static str, name: &Spanned<String>, known: Vec<String>) -> PolicyError {
        let shown = name.get_ref().escape_debug().to_string();
        PolicyError::Unknown { at: self.at(name), what, name: shown, known }
    }

    /// The parser's complaint in our words, where it is about a key.
    fn refused(&self, error: &toml::de::Error) -> PolicyError {
        let span = error.span().unwrap_or(0..0);
        let at = Position::of(self.file, self.text, span.start);
        // serde says: unknown field `x`, expected one of `a`, `b`. The name itself may hold anything.
        let message = error.message();
        if let Some(rest) = message.strip_prefix("unknown field `")
            && let Some((name, list)) = rest.rsplit_once("`, expected ")
        {
            let known: Vec<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            return PolicyError::Unknown { at, what: "key", name: name.escape_debug().to_string(), known };
        }
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let problem = match missing {
            Some("reason") => "a `reason` is missing: every rule says why it is there".to_owned(),
            Some("version") => format!("the version is missing: write `version = {VERSION}`"),
            Some(key) => format!("the key `{key}` is missing"),
            None => message.chars().take(REASON_CHARS_MAX).flat_map(char::escape_debug).collect(),
        };
        PolicyError::Syntax { at, problem }
    }
}

fn port_of(number: i64) -> Result<u16, Flaw> {
    u16::try_from(number).ok().filter(|port| *port != 0).ok_or_else(|| no_port(&number.to_string()))
}

fn no_port(text: &str) -> Flaw {
    Flaw::new(format!("`{}` is not a port", text.escape_debug())).hint("Ports are between 1 and 65535.")
}

/// Refuses the second of two entries with one key.
fn unique<T>(entries: &[Placed<T>], what: &str, key: impl Fn(&T) -> &String) -> Result<(), PolicyError> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(key(&entry.value), &entry.at) {
            let line = first.line;
            let flaw = Flaw::new(format!("the {what} `{}` stands here a second time", key(&entry.value)));
            return Err(flaw.hint(format!("The first is in line {line}.")).at(entry.at.clone()));
        }
    }
    Ok(())
}
