use std::path::Path;

use crate::manifests::{Dependency, Manifest};
use crate::*;

const FORBIDDEN: &str = include_str!("../forbidden-words.txt");

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repository = Repository::read(&root).unwrap();
    assert!(repository.manifests.len() > 10, "the walk found too little to mean anything");
    let document =
        |path: &str| repository.documents.iter().find(|file| file.path == path).map(|file| &file.text);
    let commands = documents::commands_of_reference(document("docs/reference/cli.md").unwrap());
    let everything: Vec<SourceFile> = [&repository.sources[..], &repository.documents[..]].concat();

    let complaints = [
        manifests::floors(&repository.manifests),
        manifests::homes(&repository.manifests),
        manifests::habits(&repository.manifests),
        sources::lengths(&repository.sources),
        sources::territories(&repository.sources),
        sources::purposes(&repository.sources),
        sources::forbidden_words(&everything, FORBIDDEN),
        documents::decisions(&repository.documents),
        documents::readme(document("README.md").unwrap(), &commands, &repository.files),
    ]
    .concat();

    println!("longest files:");
    for (lines, path) in sources::longest(&repository.sources, 10) {
        println!("{lines:>5}  {path}");
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn crate_at(folder: &str, name: &str, uses: &[&str]) -> Manifest {
    let uses = uses.iter().map(|name| Dependency { name: (*name).to_owned(), from_workspace: true });
    Manifest {
        folder: folder.to_owned(),
        name: name.to_owned(),
        dependencies: uses.collect(),
        dev_dependencies: Vec::new(),
        inherits_lints: true,
        is_workspace: false,
    }
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn an_upward_arrow_is_a_complaint() {
    let store = crate_at("memory/store", "loki-store", &[]);
    let ledger = crate_at("memory/ledger", "loki-ledger", &["loki-store"]);
    assert_eq!(manifests::floors(&[store, ledger]), Vec::<String>::new());

    let store = crate_at("memory/store", "loki-store", &["loki-ledger"]);
    let mut ledger = crate_at("memory/ledger", "loki-ledger", &[]);
    let upward = manifests::floors(&[store.clone(), ledger.clone()]);
    assert_eq!(upward.len(), 1, "{upward:?}");
    ledger.dev_dependencies.push(Dependency { name: "forge-core".to_owned(), from_workspace: true });
    let sideways = manifests::floors(&[ledger, crate_at("forge/core", "forge-core", &[])]);
    assert_eq!(sideways.len(), 1, "{sideways:?}");
    assert_eq!(manifests::floors(&[crate_at("cli/other", "other", &[])]).len(), 1);
}

#[test]
fn only_the_tests_of_a_service_use_the_engines_above_it() {
    let rest = crate_at("forge/rest", "forge-rest", &[]);
    let mut auth = crate_at("forge/auth", "forge-auth", &[]);
    auth.dev_dependencies.push(Dependency { name: "forge-rest".to_owned(), from_workspace: true });
    assert_eq!(manifests::floors(&[rest.clone(), auth]), Vec::<String>::new());
    let upward = manifests::floors(&[rest, crate_at("forge/auth", "forge-auth", &["forge-rest"])]);
    assert_eq!(upward.len(), 1, "{upward:?}");
}

#[test]
fn engine_and_forge_never_meet() {
    let engine = crate_at("cli/engine", "loki-engine", &["forge-database"]);
    let database = crate_at("forge/database", "forge-database", &[]);
    assert_eq!(
        manifests::floors(&[engine, database]),
        ["cli/engine uses forge/database: the two never meet"]
    );
}

#[test]
fn a_dependency_outside_its_home_is_a_complaint() {
    assert_eq!(
        manifests::homes(&[crate_at("memory/ledger", "loki-ledger", &["rusqlite"])]),
        Vec::<String>::new()
    );
    for (folder, used) in
        [("cli/engine", "rusqlite"), ("cli/engine", "clap"), ("forge/ops", "git2"), ("forge/ops", "anyhow")]
    {
        assert_eq!(manifests::homes(&[crate_at(folder, "x", &[used])]).len(), 1, "{folder} {used}");
    }
}

#[test]
fn own_versions_missing_lints_and_empty_names_are_complaints() {
    let text = "[package]\nname = \"loki-utils\"\n[dependencies]\nserde = \"1\"\nregex.workspace = true";
    let manifest = Manifest::parse("cli/utils", text).unwrap();
    assert_eq!(manifests::habits(&[manifest]).len(), 3);
    let sound =
        "[package]\nname = \"loki\"\n[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true";
    assert_eq!(manifests::habits(&[Manifest::parse("cli/loki", sound).unwrap()]), Vec::<String>::new());
}

#[test]
fn a_file_over_the_limit_is_a_complaint() {
    let text = "x\n".repeat(sources::LINES_MAX);
    assert_eq!(sources::lengths(&[file("a.rs", &text)]), Vec::<String>::new());
    assert_eq!(sources::lengths(&[file("a.rs", &format!("{text}x\n"))]).len(), 1);
    let vocabulary = format!("{text}    \"sign up\",\n");
    assert_eq!(sources::lengths(&[file("a.rs", &vocabulary)]), Vec::<String>::new());
    let call = format!("{text}    \"sign up\".len(),\n");
    assert_eq!(sources::lengths(&[file("a.rs", &call)]).len(), 1);
}

#[test]
fn printing_and_the_environment_have_homes() {
    let found = |path: &str, text: &str| sources::territories(&[file(path, text)]).len();
    for used in ["println!(\"x\");", "let home = std::env::var(\"HOME\");", "std::process::exit(1);"] {
        assert!(found("cli/engine/src/drive.rs", used) > 0, "{used}");
    }
    assert_eq!(found("cli/loki/src/context.rs", "std::env::current_dir()"), 0);
    assert_eq!(found("cli/loki/src/app.rs", "std::env::var(\"HOME\")"), 1);
    assert_eq!(found("cli/engine/src/drive.rs", "// println! is not for us\nwriteln!(out)"), 0);
    assert_eq!(found("cli/engine/src/drive.rs", "#[cfg(test)]\nmod tests { println!() }"), 0);
    assert_eq!(found("cli/engine/src/drive/tests.rs", "println!()"), 0);
    assert_eq!(found("forge/detect/examples/predict.rs", "std::env::args()"), 0);
}

#[test]
fn files_say_what_they_are_for() {
    assert_eq!(
        sources::purposes(&[file("a/drive.rs", "//! Drives.\nfn drive() {}\n")]),
        Vec::<String>::new()
    );
    assert_eq!(sources::purposes(&[file("a/drive.rs", "//!\nfn drive() {}\n")]).len(), 1);
    assert_eq!(sources::purposes(&[file("a/utils.rs", "//! Things.\n")]).len(), 1);
}

#[test]
fn forbidden_words_are_found_and_the_list_takes_comments() {
    let files = [file("a.md", "fine\nA Forbidden word\n")];
    assert_eq!(sources::forbidden_words(&files, "# none\n\n"), Vec::<String>::new());
    assert_eq!(sources::forbidden_words(&files, "# one\nforbidden\n"), ["a.md:2: the word `forbidden`"]);
}

#[test]
fn decisions_are_numbered_once_each() {
    let pages = |names: &[&str]| {
        let files: Vec<SourceFile> =
            names.iter().map(|name| file(&format!("docs/decisions/{name}"), "")).collect();
        documents::decisions(&files).len()
    };
    assert_eq!(pages(&["0001-one-writer.md", "0002-yaml.md"]), 0);
    assert_eq!(pages(&["0001-one-writer.md", "0001-yaml.md"]), 1);
    assert_eq!(pages(&["one-writer.md"]), 1);
    assert_eq!(pages(&["00011-one.md", "0003.md"]), 2);
}

#[test]
fn the_readme_names_only_what_exists() {
    let commands = documents::commands_of_reference("# `loki`\n## `loki start`\n### `loki ledger verify`\n");
    assert_eq!(commands, ["start", "ledger-verify"]);
    let files = ["tests/run".to_owned(), "templates/forge-saas/PRD.md".to_owned()];
    let sound = "Run `tests/run`.\n```sh\ncargo run --release -- start templates/forge-saas/PRD.md # builds\n```\n`loki --version`\n";
    assert_eq!(documents::readme(sound, &commands, &files), Vec::<String>::new());
    let wrong = "`loki begin`\n```sh\ncargo run -- go templates/none/PRD.md\n```\n";
    assert_eq!(
        documents::readme(wrong, &commands, &files),
        [
            "README.md:1: there is no command `begin`",
            "README.md:3: there is no command `go`",
            "README.md:3: there is no file `templates/none/PRD.md`",
        ]
    );
}
