//! The policies that are built in, as data with reasons: `read-only`, `test`, `build`, `network`.
//!
//! Each is no wider than the next. All have rules for the same places, so that a narrower one stays narrower
//! whatever a user's file lays over it.

mod home;
mod network;
mod project;
mod system;
mod variables;

use std::collections::BTreeMap;

use super::{Access, FileRule, HostRule, Limits, Origin, Policy, VariableRule};

/// A policy that is built in, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// Reads the project, changes nothing, has no network.
    ReadOnly,
    /// Works in the project without the network.
    Test,
    /// Works in the project and reaches the registries that packages come from.
    Build,
    /// As `build`, and reaches the places where sources are published.
    Network,
}

/// Places that share access and reason.
struct Group {
    access: Access,
    reason: &'static str,
    paths: &'static [&'static str],
}

impl Preset {
    /// Every preset, narrowest first.
    pub const ALL: [Preset; 4] = [Preset::ReadOnly, Preset::Test, Preset::Build, Preset::Network];

    /// What a policy file calls it.
    pub fn name(self) -> &'static str {
        match self {
            Preset::ReadOnly => "read-only",
            Preset::Test => "test",
            Preset::Build => "build",
            Preset::Network => "network",
        }
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// What it is for, in a line.
    pub fn summary(self) -> &'static str {
        match self {
            Preset::ReadOnly => "reads the project, changes nothing, has no network",
            Preset::Test => "works in the project without the network",
            Preset::Build => "works in the project and reaches package registries",
            Preset::Network => "works in the project and reaches package registries and source hosts",
        }
    }

    /// The policy itself.
    pub fn policy(self) -> Policy {
        Policy {
            preset: self.name().to_owned(),
            files: self.files(),
            network: self.network(),
            environment: environment(),
            secrets: Vec::new(),
            limits: self.limits(),
        }
    }

    fn files(self) -> Vec<FileRule> {
        let project = match self {
            Preset::ReadOnly => Access::Read,
            Preset::Test | Preset::Build | Preset::Network => Access::Write,
        };
        let mut rules = vec![file(".", project, "the project is what the command works on")];
        let groups = [system::GROUPS, home::GROUPS, project::GROUPS].into_iter().flatten();
        rules.extend(
            groups.flat_map(|group| group.paths.iter().map(|path| file(path, group.access, group.reason))),
        );
        rules
    }

    fn network(self) -> Vec<HostRule> {
        let hosts: &[&[(&str, &str)]] = match self {
            Preset::ReadOnly | Preset::Test => &[],
            Preset::Build => &[network::REGISTRIES],
            Preset::Network => &[network::REGISTRIES, network::SOURCES],
        };
        let rule = |(host, reason): &(&str, &str)| HostRule {
            host: (*host).to_owned(),
            ports: vec![443],
            private: false,
            headers: BTreeMap::new(),
            reason: (*reason).to_owned(),
            origin: Origin::Preset,
        };
        hosts.iter().flat_map(|hosts| hosts.iter().map(rule)).collect()
    }

    /// Generous for what the preset is for, and low enough that a command gone wild does not take the machine along.
    fn limits(self) -> Limits {
        const MIB: u64 = 1024 * 1024;
        const GIB: u64 = 1024 * MIB;
        let build = Limits {
            wall_seconds_max: 1_800,
            cpu_seconds_max: 14_400,
            memory_bytes_max: 8 * GIB,
            processes_max: 1_024,
            written_bytes_max: 20 * GIB,
            file_bytes_max: 4 * GIB,
            open_files_max: 4_096,
            output_bytes_max: 64 * MIB,
            connections_max: 10_000,
            transfer_bytes_max: 4 * GIB,
        };
        match self {
            Preset::ReadOnly => Limits {
                wall_seconds_max: 600,
                cpu_seconds_max: 2_400,
                memory_bytes_max: 4 * GIB,
                written_bytes_max: GIB,
                file_bytes_max: GIB,
                ..build
            },
            Preset::Test => Limits { wall_seconds_max: 600, cpu_seconds_max: 4_800, ..build },
            Preset::Build | Preset::Network => build,
        }
    }
}

/// Absolute paths that presets name.
pub(super) fn system_paths() -> impl Iterator<Item = &'static str> {
    system::GROUPS.iter().flat_map(|group| group.paths).copied().filter(|path| path.starts_with('/'))
}

fn file(path: &str, access: Access, reason: &str) -> FileRule {
    FileRule { path: path.to_owned(), access, reason: reason.to_owned(), origin: Origin::Preset }
}

fn environment() -> Vec<VariableRule> {
    let rule = |name: &str, value: Option<&str>, reason: &str| VariableRule {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        reason: reason.to_owned(),
        origin: Origin::Preset,
    };
    let passed = variables::PASSED
        .iter()
        .flat_map(|(reason, names)| names.iter().map(|name| rule(name, None, reason)));
    let set = variables::SET.iter().map(|(name, value, reason)| rule(name, Some(value), reason));
    passed.chain(set).collect()
}
