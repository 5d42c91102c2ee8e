//! Packages of JavaScript and TypeScript, with npm, pnpm, yarn or bun.

use serde_json::Value;

use super::folder::Folder;
use super::{Kind, Part, Reach, Step, Tests};
use crate::runner::Runner;

/// Packages that answer requests, or serve what is built with them.
const SERVERS: &[&str] = &[
    "express",
    "fastify",
    "koa",
    "hono",
    "@hapi/hapi",
    "polka",
    "restify",
    "@nestjs/core",
    "next",
    "nuxt",
    "astro",
    "@sveltejs/kit",
    "@remix-run/node",
    "vite",
    "react-scripts",
    "elysia",
    "h3",
    "micro",
];

/// Files that a server may be in.
const ENTRIES: &[&str] = &[
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "src/server.js",
    "src/index.js",
    "src/app.js",
    "src/main.js",
    "src/server.ts",
    "src/index.ts",
    "src/app.ts",
    "src/main.ts",
    "server.ts",
    "index.ts",
];

const ESLINT: &[&str] = &[
    "eslint.config.js",
    "eslint.config.mjs",
    "eslint.config.cjs",
    "eslint.config.ts",
    ".eslintrc",
    ".eslintrc.js",
    ".eslintrc.cjs",
    ".eslintrc.json",
    ".eslintrc.yml",
    ".eslintrc.yaml",
];

/// Words of commands that run nothing.
const IDLE: &[&str] = &["echo", "printf", "true", ":", "exit", "cat"];

/// Scripts that one script is followed into.
const FOLLOWED_MAX: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    Npm,
    Pnpm,
    Yarn,
    /// From version 2 on.
    YarnBerry,
    Bun,
}

/// A package, as its manifest has it.
struct Package {
    manifest: Value,
    manager: Manager,
}

pub(super) fn part(folder: &Folder<'_>) -> Option<Part> {
    if !folder.has("package.json") {
        return None;
    }
    let text = folder.text("package.json").unwrap_or_default();
    let manifest: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let manager = manager(folder, &manifest);
    let package = Package { manifest, manager };
    let mut part = Part::new(folder, Kind::Node);
    part.install.extend(package.install(folder));
    part.build.extend(package.script("build"));
    part.test = package.tests(folder);
    part.lint = package.lint(folder);
    part.start = package.start(folder);
    if package.manifest.get("workspaces").is_some() || folder.has("pnpm-workspace.yaml") {
        part.reach = Reach::Below(Vec::new());
        if part.test.is_none() {
            part.test = Some(Tests::new(manager.everywhere("test"), &Runner::ALL));
        }
    }
    Some(part)
}

fn manager(folder: &Folder<'_>, manifest: &Value) -> Manager {
    let declared = manifest.get("packageManager").and_then(Value::as_str).unwrap_or_default();
    let (name, version) = declared.split_once('@').unwrap_or((declared, ""));
    match name {
        "npm" => Manager::Npm,
        "pnpm" => Manager::Pnpm,
        "bun" => Manager::Bun,
        "yarn" if version.starts_with("1.") || version == "1" => Manager::Yarn,
        "yarn" => Manager::YarnBerry,
        _ if folder.has("pnpm-lock.yaml") => Manager::Pnpm,
        _ if folder.has_any(&["bun.lock", "bun.lockb"]) => Manager::Bun,
        _ if folder.has("yarn.lock") && folder.has(".yarnrc.yml") => Manager::YarnBerry,
        _ if folder.has("yarn.lock") => Manager::Yarn,
        _ => Manager::Npm,
    }
}

impl Manager {
    fn program(self) -> &'static str {
        match self {
            Manager::Npm => "npm",
            Manager::Pnpm => "pnpm",
            Manager::Yarn | Manager::YarnBerry => "yarn",
            Manager::Bun => "bun",
        }
    }

    /// Installs what the lock says where there is one, and fails where manifest and lock disagree. Scripts of
    /// packages run, as they do for whoever works on the project: everything here runs confined.
    fn install(self, folder: &Folder<'_>) -> Step {
        let locked = |names: &[&str]| folder.has_any(names);
        match self {
            Manager::Npm if locked(&["package-lock.json", "npm-shrinkwrap.json"]) => {
                Step::new(["npm", "ci", "--no-audit", "--no-fund"])
            }
            Manager::Npm => Step::new(["npm", "install", "--no-audit", "--no-fund"]),
            Manager::Pnpm if locked(&["pnpm-lock.yaml"]) => {
                Step::new(["pnpm", "install", "--frozen-lockfile"])
            }
            Manager::Pnpm => Step::new(["pnpm", "install", "--no-frozen-lockfile"]),
            Manager::Yarn if locked(&["yarn.lock"]) => Step::new(["yarn", "install", "--frozen-lockfile"]),
            Manager::YarnBerry if locked(&["yarn.lock"]) => Step::new(["yarn", "install", "--immutable"]),
            Manager::Yarn => Step::new(["yarn", "install"]),
            Manager::YarnBerry => Step::new(["yarn", "install", "--no-immutable"]),
            Manager::Bun if locked(&["bun.lock", "bun.lockb"]) => {
                Step::new(["bun", "install", "--frozen-lockfile"])
            }
            Manager::Bun => Step::new(["bun", "install"]),
        }
    }

    /// A program of an installed package. None is downloaded for it.
    fn tool(self, words: &[&str]) -> Step {
        let start: &[&str] = match self {
            Manager::Npm => &["npx", "--no-install"],
            Manager::Pnpm => &["pnpm", "exec"],
            Manager::Yarn | Manager::YarnBerry => &["yarn", "run"],
            Manager::Bun => &["bun", "run"],
        };
        Step::of(start.iter().chain(words).map(|word| (*word).to_owned()).collect())
    }

    /// A script of every package in the workspace that has it.
    fn everywhere(self, script: &str) -> Step {
        match self {
            Manager::Npm => Step::new(["npm", "run", script, "--workspaces", "--if-present"]),
            Manager::Pnpm => Step::new(["pnpm", "--recursive", "--if-present", "run", script]),
            Manager::Yarn => Step::new(["yarn", "workspaces", "run", script]),
            Manager::YarnBerry => Step::new(["yarn", "workspaces", "foreach", "--all", "run", script]),
            Manager::Bun => Step::new(["bun", "run", "--filter", "*", script]),
        }
    }
}

impl Package {
    fn declared(&self, name: &str) -> Option<&str> {
        self.manifest.get("scripts")?.get(name)?.as_str().filter(|script| !script.trim().is_empty())
    }

    fn script(&self, name: &str) -> Option<Step> {
        let declared = self.declared(name)?;
        Some(Step::new([self.manager.program(), "run", name]).declaring(declared))
    }

    fn uses(&self, package: &str) -> bool {
        let kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
        kinds.iter().any(|kind| self.manifest.get(kind).is_some_and(|list| list.get(package).is_some()))
    }

    fn install(&self, folder: &Folder<'_>) -> Option<Step> {
        let kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
        let lists = kinds.iter().filter_map(|kind| self.manifest.get(kind)?.as_object());
        let needed = lists.into_iter().any(|list| !list.is_empty())
            || self.manifest.get("workspaces").is_some()
            || folder.has("pnpm-workspace.yaml");
        needed.then(|| self.manager.install(folder))
    }

    fn tests(&self, folder: &Folder<'_>) -> Option<Tests> {
        // What `npm init` writes is there to say that there are none.
        let declared = self.declared("test").filter(|script| !script.contains("no test specified"));
        if let Some(declared) = declared {
            let step = Step::new([self.manager.program(), "run", "test"]).declaring(declared);
            let text = self.followed(declared);
            let idle = is_idle(&text).then_some("the test script runs no test runner");
            return Some(Tests { idle, ..Tests::new(step, &runners(&text)) });
        }
        let tools: [(&str, &[&str], Runner); 3] = [
            ("vitest", &["vitest", "run"], Runner::Vitest),
            ("jest", &["jest", "--ci"], Runner::Jest),
            ("mocha", &["mocha"], Runner::Mocha),
        ];
        let installed = tools.iter().find(|(name, _, _)| self.uses(name));
        if let Some((_, words, runner)) = installed {
            return Some(Tests::new(self.manager.tool(words), &[*runner]));
        }
        let tested = folder.below().any(is_test);
        match (tested, self.manager) {
            (false, _) => None,
            (true, Manager::Bun) => Some(Tests::new(Step::new(["bun", "test"]), &[Runner::Bun])),
            (true, _) => Some(Tests::new(Step::new(["node", "--test"]), &[Runner::Node])),
        }
    }

    /// A script together with the scripts that it names.
    fn followed(&self, script: &str) -> String {
        let mut text = script.to_owned();
        let mut done = vec!["test".to_owned()];
        for _ in 0..FOLLOWED_MAX {
            let named =
                words(&text).find(|word| !done.iter().any(|done| done == word) && self.calls(&text, word));
            let Some(named) = named.map(str::to_owned) else { break };
            text = format!("{text} && {}", self.declared(&named).unwrap_or_default());
            done.push(named);
        }
        text
    }

    /// Whether a word of a script names another script, rather than a program that is called like it.
    fn calls(&self, text: &str, word: &str) -> bool {
        let runs = ["npm", "pnpm", "yarn", "bun", "run-s", "run-p", "npm-run-all", "run"];
        self.declared(word).is_some() && words(text).any(|word| runs.contains(&word))
    }

    fn lint(&self, folder: &Folder<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(lint) = self.script("lint") {
            steps.push(lint);
        } else if folder.has_any(ESLINT) && self.uses("eslint") {
            steps.push(self.manager.tool(&["eslint", "."]));
        } else if folder.has_any(&["biome.json", "biome.jsonc"]) && self.uses("@biomejs/biome") {
            steps.push(self.manager.tool(&["biome", "lint", "."]));
        }
        let checks = ["typecheck", "type-check", "check-types"];
        if let Some(check) = checks.iter().find_map(|name| self.script(name)) {
            steps.push(check);
        } else if folder.has("tsconfig.json") && self.uses("typescript") {
            steps.push(self.manager.tool(&["tsc", "--noEmit"]));
        }
        steps
    }

    fn start(&self, folder: &Folder<'_>) -> Option<Step> {
        let listens = |path: &&&str| {
            let text = folder.text(path).unwrap_or_default();
            [".listen(", "createServer(", "Bun.serve(", "Deno.serve("].iter().any(|call| text.contains(call))
        };
        let servable = SERVERS.iter().any(|name| self.uses(name)) || ENTRIES.iter().find(listens).is_some();
        let scripts = ["start", "serve", "dev"];
        let script = scripts.iter().find_map(|name| self.script(name)).filter(|_| servable);
        script.or_else(|| {
            let entry = ["server.js", "server.mjs"].iter().find(listens)?;
            Some(Step::new(["node", entry]))
        })
    }
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, end)) = name.rsplit_once('.') else { return false };
    let script = ["js", "mjs", "cjs", "ts", "tsx", "jsx"].contains(&end);
    let named =
        stem.ends_with(".test") || stem.ends_with(".spec") || stem.ends_with("_test") || stem == "test";
    let away = path.contains("node_modules/");
    script && !away && (named || path.starts_with("test/") || path.contains("/test/"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| char.is_whitespace() || "&|;()'\"".contains(char)).filter(|word| !word.is_empty())
}

/// The runners that a script can lead to: those it names, or any where it names none.
fn runners(text: &str) -> Vec<Runner> {
    let names = |name: &str| words(text).any(|word| word == name || word.ends_with(&format!("/{name}")));
    let mut found = Vec::new();
    let named: [(&str, Runner); 8] = [
        ("jest", Runner::Jest),
        ("react-scripts", Runner::Jest),
        ("vitest", Runner::Vitest),
        ("mocha", Runner::Mocha),
        ("pytest", Runner::Pytest),
        ("tap", Runner::Tap),
        ("tape", Runner::Tap),
        ("ava", Runner::Tap),
    ];
    found.extend(named.iter().filter(|(name, _)| names(name)).map(|(_, runner)| *runner));
    if names("--test") {
        found.extend([Runner::Node, Runner::Tap]);
    }
    if text.contains("bun test") {
        found.push(Runner::Bun);
    }
    if found.is_empty() { Runner::ALL.to_vec() } else { found }
}

fn is_idle(text: &str) -> bool {
    let mut commands = text.split(['&', '|', ';', '\n']).filter_map(|command| words(command).next());
    commands.all(|first| IDLE.contains(&first))
}
