//! Projects in Python, with pip, uv or poetry, tested by pytest or by `unittest`.

use toml::{Table, Value};

use super::folder::Folder;
use super::{Kind, Part, Step, Tests};
use crate::runner::Runner;

/// Files of tests that are looked into.
const LOOKED_INTO_MAX: usize = 20;

const REQUIREMENTS: &[&str] = &[
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements-test.txt",
    "requirements_test.txt",
    "test-requirements.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
];

/// Names of extras and groups that hold what tests need.
const FOR_TESTS: &[&str] = &["test", "tests", "testing", "dev"];

/// Who installs what the project needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Installer {
    Uv,
    Poetry,
    Pip,
    /// Nothing is needed.
    Nobody,
}

/// What a project's files say.
struct Facts {
    pyproject: Table,
    /// Whether the tests are written for pytest.
    pytest: bool,
    tests: Vec<String>,
}

pub(super) fn part(folder: &Folder<'_>) -> Option<Part> {
    let declares =
        ["pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "manage.py", "Pipfile"];
    // Tests alone make a project only at the root: below it they belong to what is around them.
    let owned = folder.has_any(&declares) || folder.has_any(REQUIREMENTS);
    let tested = || folder.path.is_empty() && folder.below().any(is_test);
    if !owned && !tested() {
        return None;
    }
    let facts = Facts::of(folder);
    let tools = facts.tools(folder);
    let needs = facts.needs(folder, &tools);
    let installer = match () {
        () if folder.has("uv.lock") => Installer::Uv,
        () if folder.has("poetry.lock") => Installer::Poetry,
        () if needs.is_empty() => Installer::Nobody,
        () => Installer::Pip,
    };
    let mut part = Part::new(folder, Kind::Python);
    part.install = installer.install(&needs);
    part.test = facts.test(folder, installer);
    part.lint = tools.iter().map(|words| installer.module(words)).collect();
    part.start = start(folder, installer);
    Some(part)
}

impl Installer {
    fn install(self, needs: &[String]) -> Vec<Step> {
        match self {
            Installer::Uv => vec![Step::new(["uv", "sync", "--frozen"])],
            Installer::Poetry => vec![Step::new(["poetry", "install", "--no-interaction"])],
            Installer::Nobody => Vec::new(),
            Installer::Pip => {
                // What the system has need not be downloaded.
                let make = Step::new(["python3", "-m", "venv", "--system-site-packages", ".venv"]);
                let install =
                    [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
                let words = install.iter().map(|word| (*word).to_owned()).chain(needs.iter().cloned());
                vec![make, Step::of(words.collect())]
            }
        }
    }

    fn python(self, words: &[&str]) -> Step {
        let start: &[&str] = match self {
            Installer::Uv => &["uv", "run", "--no-sync", "python"],
            Installer::Poetry => &["poetry", "run", "python"],
            Installer::Pip => &[".venv/bin/python"],
            Installer::Nobody => &["python3"],
        };
        Step::of(start.iter().chain(words).map(|word| (*word).to_owned()).collect())
    }

    fn module(self, words: &[&str]) -> Step {
        self.python(&[&["-m"], words].concat())
    }
}

impl Facts {
    fn of(folder: &Folder<'_>) -> Facts {
        let text = |name: &str| folder.text(name).unwrap_or_default();
        let pyproject = text("pyproject.toml");
        let mut named = pyproject.clone();
        let others = ["setup.cfg", "setup.py", "tox.ini", "Pipfile"];
        others.iter().chain(REQUIREMENTS).for_each(|name| named.push_str(&text(name)));
        let tests: Vec<String> = folder.below().filter(|path| is_test(path)).map(str::to_owned).collect();
        let configured = folder.has("pytest.ini") || folder.below().any(|path| path.ends_with("conftest.py"));
        let written = || {
            tests.iter().take(LOOKED_INTO_MAX).any(|path| {
                let test = text(path);
                test.contains("import pytest") || test.lines().any(|line| line.starts_with("def test_"))
            })
        };
        let pytest = named.contains("pytest") || configured || written();
        Facts { pyproject: pyproject.parse().unwrap_or_default(), pytest, tests }
    }

    /// The linters and type checkers that are configured, with their arguments.
    fn tools(&self, folder: &Folder<'_>) -> Vec<&'static [&'static str]> {
        let tool = |name: &str| self.pyproject.get("tool").is_some_and(|tools| tools.get(name).is_some());
        let section = |name: &str| {
            let heading = format!("[{name}]");
            ["setup.cfg", "tox.ini"]
                .iter()
                .any(|file| folder.text(file).is_some_and(|text| text.contains(&heading)))
        };
        let mut tools: Vec<&'static [&'static str]> = Vec::new();
        if tool("ruff") || folder.has_any(&["ruff.toml", ".ruff.toml"]) {
            tools.push(&["ruff", "check", "."]);
        }
        if tool("mypy") || folder.has_any(&["mypy.ini", ".mypy.ini"]) || section("mypy") {
            tools.push(&["mypy", "."]);
        }
        if folder.has(".flake8") || section("flake8") {
            tools.push(&["flake8", "--exclude", ".venv"]);
        }
        tools
    }

    /// What pip is to install, as its arguments.
    fn needs(&self, folder: &Folder<'_>, tools: &[&'static [&'static str]]) -> Vec<String> {
        let mut needs = Vec::new();
        for file in REQUIREMENTS.iter().filter(|file| folder.has(file)) {
            needs.extend(["--requirement".to_owned(), (*file).to_owned()]);
        }
        let project = self.pyproject.get("project");
        let extras =
            project.and_then(|project| project.get("optional-dependencies")).and_then(Value::as_table);
        let extras: Vec<&str> = extras.map_or_else(Vec::new, |extras| {
            FOR_TESTS.iter().copied().filter(|name| extras.contains_key(*name)).collect()
        });
        if folder.has("setup.py") || (project.is_some() && self.pyproject.contains_key("build-system")) {
            let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
            needs.extend(["--editable".to_owned(), format!(".{extras}")]);
        } else if let Some(project) = project {
            // It cannot be installed itself: only what it needs is.
            needs.extend(strings(project.get("dependencies")));
            let extra =
                |name: &&str| strings(project.get("optional-dependencies").and_then(|all| all.get(*name)));
            needs.extend(extras.iter().flat_map(extra));
        }
        let groups = self.pyproject.get("dependency-groups");
        needs.extend(FOR_TESTS.iter().flat_map(|name| strings(groups.and_then(|groups| groups.get(*name)))));
        if self.pytest {
            needs.push("pytest".to_owned());
        }
        needs.extend(tools.iter().filter_map(|words| words.first()).map(|name| (*name).to_owned()));
        needs
    }

    fn test(&self, folder: &Folder<'_>, installer: Installer) -> Option<Tests> {
        if self.pytest {
            return Some(Tests::new(installer.module(&["pytest"]), &[Runner::Pytest]));
        }
        if folder.has("manage.py") {
            return Some(Tests::new(installer.python(&["manage.py", "test"]), &[Runner::Unittest]));
        }
        if self.tests.is_empty() {
            return None;
        }
        // Discovery goes into packages alone: it begins in the folder of tests where that is none.
        let begins = ["tests", "test"].into_iter().find(|name| {
            let inside = self.tests.iter().all(|path| path.starts_with(&format!("{name}/")));
            inside && !folder.has(&format!("{name}/__init__.py"))
        });
        let step = match begins {
            Some(name) => installer.module(&["unittest", "discover", "-s", name]),
            None => installer.module(&["unittest", "discover"]),
        };
        Some(Tests::new(step, &[Runner::Unittest]))
    }
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let named = name.starts_with("test") && name.ends_with(".py") || name.ends_with("_test.py");
    named && !path.split('/').any(|folder| folder.starts_with('.') || super::NO_PARTS.contains(&folder))
}

/// The strings of a list, as arguments: one that would be an option is none.
fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let strings = items.filter_map(Value::as_str).map(str::trim);
    strings.filter(|item| !item.is_empty() && !item.starts_with('-')).map(str::to_owned).collect()
}

fn start(folder: &Folder<'_>, installer: Installer) -> Option<Step> {
    if folder.has("manage.py") {
        return Some(installer.python(&["manage.py", "runserver", "--noreload", "127.0.0.1:8000"]));
    }
    let entries = ["main.py", "app.py", "server.py", "wsgi.py", "app/main.py", "src/main.py"];
    entries.iter().find_map(|entry| {
        let text = folder.text(entry)?;
        let module = entry.strip_suffix(".py")?.replace('/', ".");
        let assigned = |call: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                let plain = name.trim().chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
                (plain && value.trim_start().starts_with(call)).then(|| name.trim().to_owned())
            })
        };
        if let Some(name) = assigned("FastAPI(").or_else(|| assigned("Starlette(")) {
            return Some(installer.module(&["uvicorn", &format!("{module}:{name}")]));
        }
        if let Some(name) = assigned("Flask(") {
            return Some(installer.module(&["flask", "--app", &format!("{module}:{name}"), "run"]));
        }
        let serves = ["HTTPServer(", "serve_forever("].iter().any(|call| text.contains(call));
        serves.then(|| installer.python(&[entry]))
    })
}
