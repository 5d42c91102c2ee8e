//! What a command may do, as data. Every allowance carries its reason and the layer it comes from.
//!
//! A policy names places the way people do (`~/.cargo`, `src`); nothing here looks at the disk.

mod advice;
mod bounds;
mod check;
mod digest;
mod error;
mod explain;
mod hosts;
mod layers;
mod narrowed;
mod paths;
mod presets;
mod read;
mod variables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use advice::{Advice, Denied};
pub use bounds::{BOUNDS, Bound};
pub use check::{Files, Places, PlacesError};
pub use error::{PolicyError, Position};
pub use explain::{Answer, Explanation, Statement, Topic};
pub use hosts::is_metadata_address;
pub use layers::layered;
pub use presets::Preset;
pub use read::Document;
pub use variables::{Variables, Withheld, holds_credentials, looks_secret};

#[cfg(test)]
mod tests;

/// What a command may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The preset it began as, such as `build`.
    pub preset: String,
    /// Files and folders, in the order they were given. Among rules for nested paths the innermost decides;
    /// what no rule names does not exist for the command.
    pub files: Vec<FileRule>,
    /// Hosts that may be reached through the egress proxy. The first that matches name and port decides;
    /// [`layered`] puts the narrower before the wider. Empty: the command has only its own loopback.
    pub network: Vec<HostRule>,
    /// Variables the command gets. Among rules for a name the first that has a value decides.
    pub environment: Vec<VariableRule>,
    /// Secrets that the proxy may put into requests. Their values are never part of a policy.
    pub secrets: Vec<SecretRule>,
    /// What the command may use up.
    pub limits: Limits,
}

/// Where a rule comes from. Later layers stand over earlier ones; a project can only narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Built in, as part of a preset.
    Preset,
    /// The user's own file, or one named on the command line.
    User,
    /// The project's file.
    Project,
}

/// What may be done with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It is not there for the command.
    Hide,
    /// Read, list, execute.
    Read,
    /// The same as `read`, for a place within one that may be written: it stays as it is, even where it
    /// does not exist yet.
    Protect,
    /// Everything but device nodes.
    Write,
}

impl Access {
    /// True where the command may read the place.
    pub fn reads(self) -> bool {
        match self {
            Access::Hide => false,
            Access::Read | Access::Protect | Access::Write => true,
        }
    }

    /// True where the command may change the place.
    pub fn writes(self) -> bool {
        match self {
            Access::Hide | Access::Read | Access::Protect => false,
            Access::Write => true,
        }
    }

    /// Its name in a policy file.
    pub fn name(self) -> &'static str {
        match self {
            Access::Hide => "hide",
            Access::Read => "read",
            Access::Protect => "protect",
            Access::Write => "write",
        }
    }

    /// Lower is stricter. `protect` is stricter than `read`: it also keeps a place from coming into being.
    fn looseness(self) -> u8 {
        match self {
            Access::Hide => 0,
            Access::Protect => 1,
            Access::Read => 2,
            Access::Write => 3,
        }
    }
}

/// A rule for a file, or for a folder and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRule {
    /// Absolute, or `~/…` for the user's home, or relative to the project (`.` is the project itself).
    /// Presets also name the sandbox's own home, `@home`, and its own folder for passing files, `@tmp`.
    pub path: String,
    /// What may be done.
    pub access: Access,
    /// Why.
    pub reason: String,
    /// Where the rule comes from.
    pub origin: Origin,
}

/// A host that may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRule {
    /// A name (`index.crates.io`), every name below one (`*.example.com`, which is not `example.com`
    /// itself), or an address.
    pub host: String,
    /// Ports, at least one.
    pub ports: Vec<u16>,
    /// True where the host may be on a private, loopback or link-local address.
    pub private: bool,
    /// Headers that the proxy sets on requests to it; a value may hold `secret:NAME`.
    pub headers: BTreeMap<String, String>,
    /// Why.
    pub reason: String,
    /// Where the rule comes from.
    pub origin: Origin,
}

/// A variable that the command gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableRule {
    /// Its name, or a prefix that ends in `*` (`LC_*`).
    pub name: String,
    /// Its value; none where the value is the one that loki was started with. A value may begin with `~/`,
    /// `@home` or `@tmp`, as the path of a [`FileRule`] does.
    pub value: Option<String>,
    /// Why.
    pub reason: String,
    /// Where the rule comes from.
    pub origin: Origin,
}

/// A secret that the proxy may put into requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRule {
    /// What `secret:NAME` calls it.
    pub name: String,
    /// The variable of loki's own environment that holds it.
    pub variable: String,
    /// Why.
    pub reason: String,
    /// Where the rule comes from.
    pub origin: Origin,
}

/// What a command may use up, all its processes together where it does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of wall time.
    pub wall_seconds_max: u64,
    /// Seconds of processor time.
    pub cpu_seconds_max: u64,
    /// Bytes of memory.
    pub memory_bytes_max: u64,
    /// Processes and threads.
    pub processes_max: u64,
    /// Bytes written to files.
    pub written_bytes_max: u64,
    /// Bytes of any one file.
    pub file_bytes_max: u64,
    /// Open files of any one process.
    pub open_files_max: u64,
    /// Bytes of stdout and stderr together.
    pub output_bytes_max: u64,
    /// Connections through the proxy.
    pub connections_max: u64,
    /// Bytes through the proxy, both ways.
    pub transfer_bytes_max: u64,
}
