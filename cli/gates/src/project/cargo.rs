//! Crates and workspaces of Rust.

use toml::{Table, Value};

use super::folder::Folder;
use super::{Kind, Part, Reach, Step, Tests};
use crate::runner::Runner;

/// Crates that answer requests.
const SERVERS: &[&str] = &[
    "axum",
    "actix-web",
    "rocket",
    "warp",
    "tide",
    "poem",
    "salvo",
    "hyper",
    "rouille",
    "tiny_http",
    "tonic",
];

pub(super) fn part(folder: &Folder<'_>) -> Option<Part> {
    let manifest = folder.text("Cargo.toml");
    if manifest.is_none() && !folder.has("Cargo.toml") {
        return None;
    }
    // One that cannot be read is for cargo to complain about.
    let manifest: Table = manifest.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut part = Part::new(folder, Kind::Cargo);
    part.build.push(Step::new(["cargo", "build", "--workspace"]));
    let test = Step::new(["cargo", "test", "--workspace", "--no-fail-fast"]);
    part.test = Some(Tests::new(test, &[Runner::Cargo]));
    if folder.has_any(&["clippy.toml", ".clippy.toml"]) || configures_clippy(&manifest) {
        part.lint.push(Step::new(["cargo", "clippy", "--workspace", "--all-targets"]));
    }
    part.start = server(folder).map(|name| Step::new(["cargo", "run", "--package", &name]));
    if let Some(workspace) = manifest.get("workspace") {
        part.reach = Reach::Below(excluded(folder, workspace));
    }
    Some(part)
}

fn configures_clippy(manifest: &Table) -> bool {
    let own = manifest.get("lints");
    let shared = manifest.get("workspace").and_then(|workspace| workspace.get("lints"));
    [own, shared].into_iter().flatten().any(|lints| lints.get("clippy").is_some())
}

fn excluded(folder: &Folder<'_>, workspace: &Value) -> Vec<String> {
    let listed = workspace.get("exclude").and_then(Value::as_array).into_iter().flatten();
    let path = |name: &str| match folder.path {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    listed.filter_map(Value::as_str).map(|name| path(name.trim_end_matches('/'))).collect()
}

/// The one package at or below the folder that has a program and is made to answer requests.
fn server(folder: &Folder<'_>) -> Option<String> {
    let manifests =
        folder.below().filter(|path| *path == "Cargo.toml" || path.ends_with("/Cargo.toml")).take(100);
    let mut servers = manifests.filter_map(|path| {
        let manifest: Table = folder.text(path)?.parse().ok()?;
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        let uses = manifest.get("dependencies")?.as_table()?;
        let at = path.strip_suffix("Cargo.toml")?;
        let program = folder.has(&format!("{at}src/main.rs")) || manifest.contains_key("bin");
        (program && SERVERS.iter().any(|server| uses.contains_key(*server))).then_some(name)
    });
    // Of several it cannot be told which is meant.
    servers.next().filter(|name| servers.next().is_none() && !name.starts_with('-'))
}
