//! Who may use whom: the floors of ARCHITECTURE.md, and one home for each dependency with a territory.

use std::collections::BTreeMap;

use crate::Complaint;

/// The floor of every crate. A crate uses only crates on a lower floor; tests stand above everything.
const FLOORS: [(&str, u8); 25] = [
    ("memory/store", 0),
    ("sandbox", 0),
    ("skills", 0),
    ("cli/operation", 0),
    ("cli/provider", 0),
    ("templates", 0),
    ("tests/kit", 0),
    ("tests/probe", 0),
    ("memory/ledger", 1),
    ("forge/core", 1),
    ("forge/detect", 1),
    ("forge/database", 2),
    ("forge/auth", 2),
    ("cli/engine", 3),
    ("cli/blueprint", 3),
    ("forge/rest", 3),
    ("cli/tools", 4),
    ("cli/gates", 4),
    ("cli/mcp", 4),
    ("dashboard/tui", 4),
    ("forge/ops", 4),
    ("forge/server", 4),
    ("cli/loki", 5),
    ("tests/tidy", 6),
    ("tests/bench", 6),
];

/// Floors that never meet although the numbers would let them.
const STRANGERS: [(&str, &str); 1] = [("cli/engine", "forge/")];

/// Arrows of tests alone that may point up: a service is tested on the engines it runs on, not on a fake of them.
const TESTED_ON: [(&str, &[&str]); 1] = [("forge/auth", &["forge/database", "forge/rest"])];

/// Dependencies with a territory, and the folders that may name them.
const HOMES: [(&str, &[&str]); 13] = [
    ("clap", &["cli/loki"]),
    ("clap_complete", &["cli/loki"]),
    ("indicatif", &["cli/loki"]),
    ("toml", &["cli/loki", "cli/gates", "sandbox", "tests/tidy"]),
    ("toml_edit", &["cli/loki"]),
    ("rmcp", &["cli/mcp"]),
    ("reqwest", &["cli/mcp", "cli/provider", "forge/auth"]),
    // Frames are measured as they are drawn.
    ("ratatui", &["dashboard/tui", "tests/bench"]),
    ("landlock", &["sandbox"]),
    ("seccompiler", &["sandbox"]),
    ("git2", &["cli/engine"]),
    ("notify", &["cli/engine"]),
    // Tests look at databases as a stranger would, through the kit.
    ("rusqlite", &["memory/", "forge/core", "forge/database", "forge/rest", "tests/kit"]),
];

/// Names that say nothing about what is inside.
pub(crate) const EMPTY_NAMES: [&str; 5] = ["utils", "util", "common", "helpers", "misc"];

/// What a manifest says, as far as the checks ask.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The crate's folder, such as `cli/loki`.
    pub folder: String,
    /// The package's name.
    pub name: String,
    /// Dependencies of the crate and of its build script.
    pub dependencies: Vec<Dependency>,
    /// Dependencies of its tests alone.
    pub dev_dependencies: Vec<Dependency>,
    /// True where it takes the workspace's lints.
    pub inherits_lints: bool,
    /// True where it is a workspace of its own, which is no part of the program.
    pub is_workspace: bool,
}

/// One line of a dependency section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package.
    pub name: String,
    /// True where version or path come from the workspace.
    pub from_workspace: bool,
}

impl Manifest {
    /// Reads a `Cargo.toml`.
    pub fn parse(folder: &str, text: &str) -> Result<Manifest, toml::de::Error> {
        let table: toml::Table = text.parse()?;
        let section = |name: &str| table.get(name).and_then(toml::Value::as_table);
        let listed = |name: &str| section(name).into_iter().flatten().map(dependency).collect::<Vec<_>>();
        let name = section("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let lints = section("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        Ok(Manifest {
            folder: folder.to_owned(),
            name: name.unwrap_or_default().to_owned(),
            dependencies: [listed("dependencies"), listed("build-dependencies")].concat(),
            dev_dependencies: listed("dev-dependencies"),
            inherits_lints: lints == Some(true),
            is_workspace: table.contains_key("workspace"),
        })
    }
}

fn dependency((name, value): (&String, &toml::Value)) -> Dependency {
    let from_workspace = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    Dependency { name: name.clone(), from_workspace }
}

/// Arrows that point upward or sideways, and crates without a floor.
pub fn floors(manifests: &[Manifest]) -> Vec<Complaint> {
    let folders: BTreeMap<&str, &str> =
        manifests.iter().map(|manifest| (manifest.name.as_str(), manifest.folder.as_str())).collect();
    let mut complaints = Vec::new();
    for manifest in manifests {
        let Some(floor) = floor_of(&manifest.folder) else {
            complaints.push(format!("{} has no floor in tests/tidy/src/manifests.rs", manifest.folder));
            continue;
        };
        let of_tests = manifest.dev_dependencies.iter().map(|used| (used, true));
        for (used, is_of_tests) in manifest.dependencies.iter().map(|used| (used, false)).chain(of_tests) {
            let Some(folder) = folders.get(used.name.as_str()) else { continue };
            match floor_of(folder) {
                _ if is_of_tests && tested_on(&manifest.folder, folder) => {}
                Some(below) if below >= floor => complaints.push(format!(
                    "{} (floor {floor}) uses {folder} (floor {below}): only lower floors may be used",
                    manifest.folder
                )),
                _ if strangers(&manifest.folder, folder) => {
                    complaints.push(format!("{} uses {folder}: the two never meet", manifest.folder));
                }
                _ => {}
            }
        }
    }
    complaints
}

fn floor_of(folder: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == folder).map(|(_, floor)| *floor)
}

fn tested_on(folder: &str, used: &str) -> bool {
    TESTED_ON.iter().any(|(one, engines)| folder == *one && engines.contains(&used))
}

fn strangers(folder: &str, used: &str) -> bool {
    STRANGERS.iter().any(|(one, other)| folder == *one && used.starts_with(other))
}

/// Dependencies outside their home, and `anyhow` outside tests.
pub fn homes(manifests: &[Manifest]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for manifest in manifests {
        for used in manifest.dependencies.iter().chain(&manifest.dev_dependencies) {
            let home = HOMES.iter().find(|(name, _)| *name == used.name).map(|(_, homes)| *homes);
            if home.is_some_and(|homes| !homes.iter().any(|home| manifest.folder.starts_with(home))) {
                complaints
                    .push(format!("{} uses {}, which has its home elsewhere", manifest.folder, used.name));
            }
        }
        let in_tests = manifest.folder.starts_with("tests/");
        if !in_tests && manifest.dependencies.iter().any(|used| used.name == "anyhow") {
            complaints.push(format!("{} uses anyhow outside tests", manifest.folder));
        }
    }
    complaints
}

/// Versions outside the root manifest, missing lints, and names that say nothing.
pub fn habits(manifests: &[Manifest]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for manifest in manifests {
        for used in manifest.dependencies.iter().chain(&manifest.dev_dependencies) {
            if !used.from_workspace {
                complaints.push(format!(
                    "{}: {} is not taken from [workspace.dependencies]",
                    manifest.folder, used.name
                ));
            }
        }
        if !manifest.inherits_lints {
            complaints.push(format!("{} does not inherit the workspace's lints", manifest.folder));
        }
        let last = manifest.name.rsplit('-').next().unwrap_or_default();
        if EMPTY_NAMES.contains(&last) {
            complaints.push(format!("the name of {} says nothing: {}", manifest.folder, manifest.name));
        }
    }
    complaints
}
