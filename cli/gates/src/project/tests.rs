use std::collections::BTreeMap;

use super::*;

/// Paths and texts.
type Files<'a> = &'a [(&'a str, &'a str)];

fn project(files: Files<'_>) -> Project {
    let texts: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let paths: Vec<String> = texts.keys().cloned().collect();
    recognise(&paths, &|path| texts.get(path).cloned())
}

fn part(files: Files<'_>) -> Part {
    let project = project(files);
    assert_eq!(project.parts.len(), 1, "{project:?}");
    project.parts[0].clone()
}

fn lines(steps: &[Step]) -> Vec<String> {
    steps.iter().map(Step::shown).collect()
}

fn test_line(part: &Part) -> Option<String> {
    part.test.as_ref().map(|tests| tests.step.shown())
}

#[test]
fn every_kind_is_recognised_by_its_files() {
    let npm = r#"{"scripts":{"test":"jest","build":"tsc -b"},"devDependencies":{"jest":"29"}}"#;
    let cases: &[(Files<'_>, Kind, &str)] = &[
        (&[("Cargo.toml", "[package]\nname='a'")], Kind::Cargo, "cargo test --workspace --no-fail-fast"),
        (&[("package.json", npm)], Kind::Node, "npm run test"),
        (&[("package.json", npm), ("pnpm-lock.yaml", "")], Kind::Node, "pnpm run test"),
        (&[("package.json", npm), ("yarn.lock", "")], Kind::Node, "yarn run test"),
        (&[("package.json", npm), ("bun.lock", "")], Kind::Node, "bun run test"),
        (&[("package.json", "{}"), ("a.test.js", "")], Kind::Node, "node --test"),
        (&[("package.json", "{}"), ("bun.lockb", ""), ("a.test.ts", "")], Kind::Node, "bun test"),
        (
            &[("package.json", r#"{"devDependencies":{"vitest":"1"}}"#)],
            Kind::Node,
            "npx --no-install vitest run",
        ),
        (&[("pytest.ini", "")], Kind::Python, ".venv/bin/python -m pytest"),
        (&[("tests/test_a.py", "def test_a(): pass")], Kind::Python, ".venv/bin/python -m pytest"),
        (&[("tests/test_a.py", "import unittest")], Kind::Python, "python3 -m unittest discover -s tests"),
        (
            &[("tests/test_a.py", "import unittest"), ("tests/__init__.py", "")],
            Kind::Python,
            "python3 -m unittest discover",
        ),
        (&[("test_a.py", "import unittest")], Kind::Python, "python3 -m unittest discover"),
        (
            &[("pyproject.toml", "[dependency-groups]\ndev=['pytest']"), ("uv.lock", "")],
            Kind::Python,
            "uv run --no-sync python -m pytest",
        ),
        (
            &[("pyproject.toml", "[tool.pytest.ini_options]"), ("poetry.lock", "")],
            Kind::Python,
            "poetry run python -m pytest",
        ),
        (
            &[("manage.py", ""), ("requirements.txt", "django")],
            Kind::Python,
            ".venv/bin/python manage.py test",
        ),
        (&[("go.mod", "module x")], Kind::Go, "go test -json ./..."),
        (&[("pom.xml", "")], Kind::Maven, "mvn -B test"),
        (&[("pom.xml", ""), ("mvnw", "")], Kind::Maven, "./mvnw -B test"),
        (
            &[("build.gradle.kts", ""), ("gradlew", "")],
            Kind::Gradle,
            "./gradlew --no-daemon --console=plain test",
        ),
        (&[("Makefile", "CC := gcc\n.PHONY: test\ntest: all\n\t./run\n")], Kind::Make, "make test"),
        (&[("Makefile", "check:\n\t./run\n")], Kind::Make, "make check"),
        (&[("justfile", "x := '1'\ntest *args:\n  ./run\n")], Kind::Just, "just test"),
    ];
    for (files, kind, line) in cases {
        let part = part(files);
        assert_eq!((part.kind, test_line(&part).as_deref()), (*kind, Some(*line)), "{files:?}");
    }
}

#[test]
fn what_declares_nothing_is_no_project_and_has_no_tests() {
    let cases: &[Files<'_>] = &[
        &[],
        &[("README.md", "# test: yes"), ("src/a.py", "")],
        &[("Makefile", "all:\n\techo\n"), ("justfile", "test target:\n  ./run\n")],
        &[("node_modules/x/package.json", "{}"), ("vendor/x/go.mod", ""), ("fixtures/x/Cargo.toml", "")],
        &[(".hidden/package.json", "{}")],
    ];
    for files in cases {
        assert_eq!(project(files).parts, [], "{files:?}");
    }
    let untested: &[Files<'_>] = &[
        &[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)],
        &[("package.json", "{}")],
        &[("package.json", "not json")],
        &[("requirements.txt", "flask")],
    ];
    for files in untested {
        assert_eq!(test_line(&part(files)), None, "{files:?}");
    }
}

#[test]
fn parts_of_a_monorepo_come_nearest_the_root_first() {
    let found = project(&[
        ("backend/Cargo.toml", "[workspace]\nmembers=['a']\nexclude=['tool']"),
        ("backend/a/Cargo.toml", "[package]\nname='a'"),
        ("backend/tool/Cargo.toml", "[package]\nname='tool'"),
        ("frontend/package.json", r#"{"workspaces":["x"],"scripts":{"test":"vitest"}}"#),
        ("frontend/x/package.json", "{}"),
        ("Makefile", "test:\n\tmake -C backend test\n"),
    ]);
    let names: Vec<&str> = found.parts.iter().map(|part| part.folder.as_str()).collect();
    assert_eq!(names, ["backend", "frontend", "backend/tool"]);
    // A crate without a workspace says nothing about those below it.
    let found = project(&[("Cargo.toml", "[package]\nname='a'"), ("b/Cargo.toml", "[package]\nname='b'")]);
    assert_eq!(found.parts.len(), 2);
}

#[test]
fn parts_beyond_the_bound_are_named() {
    let paths: Vec<String> = (0..20).map(|at| format!("p{at:02}/go.mod")).collect();
    let found = recognise(&paths, &|_| Some(String::new()));
    assert_eq!((found.parts.len(), found.left_out.len()), (PARTS_MAX, 12));
    assert_eq!(found.left_out[0], "p08");
}

#[test]
fn dependencies_are_installed_as_the_lock_says() {
    let some = r#"{"dependencies":{"a":"1"}}"#;
    let pinned = r#"{"packageManager":"pnpm@9.1.0","dependencies":{"a":"1"}}"#;
    let cases: &[(Files<'_>, &[&str])] = &[
        (&[("package.json", "{}"), ("package-lock.json", "")], &[]),
        (&[("package.json", some)], &["npm install --no-audit --no-fund"]),
        (&[("package.json", some), ("package-lock.json", "")], &["npm ci --no-audit --no-fund"]),
        (&[("package.json", pinned), ("package-lock.json", "")], &["pnpm install --no-frozen-lockfile"]),
        (&[("package.json", some), ("yarn.lock", ""), (".yarnrc.yml", "")], &["yarn install --immutable"]),
        (&[("package.json", some), ("bun.lock", "")], &["bun install --frozen-lockfile"]),
        (&[("requirements.txt", ""), ("uv.lock", "")], &["uv sync --frozen"]),
        (&[("Cargo.toml", "")], &[]),
    ];
    for (files, expected) in cases {
        assert_eq!(lines(&part(files).install), *expected, "{files:?}");
    }
}

#[test]
fn pip_is_told_what_is_needed_and_takes_no_options_from_lists() {
    let pyproject = "[project]\nname='a'\ndependencies=['flask', '--index-url=http://x', '-e evil']\n\
        [project.optional-dependencies]\ntest=['pytest>=8']\n[tool.ruff]\n[tool.mypy]\n";
    let flat = part(&[("pyproject.toml", pyproject), ("tests/test_a.py", "")]);
    let install = lines(&flat.install);
    assert_eq!(install[0], "python3 -m venv --system-site-packages .venv");
    assert_eq!(
        install[1],
        ".venv/bin/python -m pip install --quiet --disable-pip-version-check flask pytest>=8 pytest ruff mypy"
    );
    assert_eq!(lines(&flat.lint), [".venv/bin/python -m ruff check .", ".venv/bin/python -m mypy ."]);
    let built = format!("{pyproject}[build-system]\nrequires=['hatchling']\n");
    let install = lines(&part(&[("pyproject.toml", &built)]).install);
    assert!(install[1].contains(" --editable .[test] "), "{install:?}");
}

#[test]
fn a_script_is_read_for_the_runners_it_leads_to() {
    let with = |script: &str| {
        let text = format!(r#"{{"scripts":{{"test":"{script}","unit":"node --test","e2e":"jest --ci"}}}}"#);
        part(&[("package.json", &text)]).test.unwrap()
    };
    assert_eq!(with("jest").runners, [Runner::Jest]);
    assert_eq!(with("vitest run && mocha").runners, [Runner::Vitest, Runner::Mocha]);
    assert_eq!(with("npm run unit && npm run e2e").runners, [Runner::Jest, Runner::Node, Runner::Tap]);
    assert_eq!(with("c8 node --test test/").runners, [Runner::Node, Runner::Tap]);
    assert_eq!(with("./node_modules/.bin/jest").runners, [Runner::Jest]);
    assert_eq!(with("node scripts/all.js").runners, Runner::ALL);
    assert_eq!(with("node scripts/all.js").idle, None);
    for idle in ["echo 5 passed", "true", "echo Tests: 5 passed && exit 0", "printf ok; :"] {
        assert!(with(idle).idle.is_some(), "{idle}");
    }
    assert_eq!(with("echo start && jest").idle, None);
}

#[test]
fn linters_are_run_only_where_they_are_configured() {
    let ts = r#"{"devDependencies":{"typescript":"5","eslint":"9"}}"#;
    let scripts = r#"{"scripts":{"lint":"biome check","typecheck":"tsc"},"devDependencies":{"eslint":"9"}}"#;
    let cases: &[(Files<'_>, &[&str])] = &[
        (&[("Cargo.toml", "")], &[]),
        (&[("Cargo.toml", "[lints.clippy]\nall='deny'")], &["cargo clippy --workspace --all-targets"]),
        (&[("Cargo.toml", ""), ("clippy.toml", "")], &["cargo clippy --workspace --all-targets"]),
        (&[("package.json", ts)], &[]),
        (
            &[("package.json", ts), ("tsconfig.json", "{}"), ("eslint.config.js", "")],
            &["npx --no-install eslint .", "npx --no-install tsc --noEmit"],
        ),
        (&[("package.json", scripts), ("eslint.config.js", "")], &["npm run lint", "npm run typecheck"]),
        (&[("requirements.txt", "ruff")], &[]),
        (&[("requirements.txt", ""), ("setup.cfg", "[mypy]")], &[".venv/bin/python -m mypy ."]),
        (&[("go.mod", "")], &[]),
        (&[("go.mod", ""), (".golangci.yml", "")], &["golangci-lint run"]),
        (&[("go.mod", ""), ("Makefile", "lint:\n\tgo vet ./...\n")], &["make lint"]),
    ];
    for (files, expected) in cases {
        assert_eq!(lines(&part(files).lint), *expected, "{files:?}");
    }
}

#[test]
fn only_what_answers_requests_is_started() {
    let express = r#"{"scripts":{"start":"node index.js"},"dependencies":{"express":"4"}}"#;
    let tool = r#"{"scripts":{"start":"node index.js"}}"#;
    let axum = "[package]\nname='api'\n[dependencies]\naxum='0.8'";
    let cases: &[(Files<'_>, Option<&str>)] = &[
        (&[("package.json", express)], Some("npm run start")),
        (&[("package.json", tool), ("index.js", "console.log(1)")], None),
        (&[("package.json", tool), ("index.js", "http.createServer(f).listen(80)")], Some("npm run start")),
        (&[("package.json", "{}"), ("server.js", "app.listen(80)")], Some("node server.js")),
        (&[("Cargo.toml", axum), ("src/main.rs", "")], Some("cargo run --package api")),
        (&[("Cargo.toml", axum), ("src/lib.rs", "")], None),
        (&[("Cargo.toml", "[package]\nname='a'"), ("src/main.rs", "")], None),
        (
            &[("go.mod", ""), ("cmd/api/main.go", "package main\nhttp.ListenAndServe()")],
            Some("go run ./cmd/api"),
        ),
        (&[("go.mod", ""), ("main.go", "package main\nhttp.ListenAndServe()")], Some("go run ./")),
        (
            &[("requirements.txt", "fastapi"), ("main.py", "api = FastAPI()")],
            Some(".venv/bin/python -m uvicorn main:api"),
        ),
        (&[("requirements.txt", ""), ("Procfile", "web: gunicorn x\n")], Some("gunicorn x")),
        (&[("requirements.txt", ""), ("main.py", "print(1)")], None),
    ];
    for (files, expected) in cases {
        let start = part(files).start.map(|step| step.shown());
        assert_eq!(start.as_deref(), *expected, "{files:?}");
    }
}

/// Whatever a repository holds, recognition ends and names no more than it may.
#[test]
fn hostile_files_do_no_harm() {
    let deep = format!("{}x", "[".repeat(200_000));
    let texts = [
        "",
        "\0\0",
        "[[[[",
        "{\"scripts\":[1,2]}",
        "{\"scripts\":{\"test\":7},\"workspaces\":7}",
        "a=",
        deep.as_str(),
    ];
    let names = [
        "Cargo.toml",
        "package.json",
        "pyproject.toml",
        "requirements.txt",
        "setup.cfg",
        "Makefile",
        "justfile",
        "pom.xml",
        "build.gradle",
        "go.mod",
        "Procfile",
        "tox.ini",
        "main.py",
        "index.js",
        "-rf/package.json",
        "a\nb/go.mod",
    ];
    for text in texts {
        let files: Vec<(&str, &str)> = names.iter().map(|name| (*name, text)).collect();
        let found = project(&files);
        assert!(found.parts.len() <= PARTS_MAX);
    }
    let cycle = r#"{"scripts":{"test":"npm run a","a":"npm run b","b":"npm run a && npm run test"}}"#;
    assert!(part(&[("package.json", cycle)]).test.is_some());
}

#[test]
fn recognition_does_not_grow_with_the_square_of_the_files() {
    let files: Vec<String> =
        (0..5_000).flat_map(|at| [format!("d{at}/a.rs"), format!("d{at}/b.py")]).collect();
    assert_eq!(recognise(&files, &|_| None), Project::default());
}
