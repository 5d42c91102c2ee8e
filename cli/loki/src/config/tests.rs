use super::keys::*;
use super::*;

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(user: &str, project: &str) -> Files {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("user.toml"), user).unwrap();
        std::fs::write(dir.path().join("project.toml"), project).unwrap();
        Files { dir }
    }

    fn load(&self, environment: &Environment, flags: &Overrides) -> Result<Config, CommandError> {
        let user = self.dir.path().join("user.toml");
        Config::load(Some(&user), &self.dir.path().join("project.toml"), environment, flags)
    }

    fn refusal(&self, environment: &Environment) -> CommandError {
        self.load(environment, &Overrides::default()).unwrap_err()
    }
}

#[test]
fn each_layer_covers_the_one_below_and_is_named() {
    let files = Files::new(
        "[run]\niterations_max = 2\nduration_seconds_max = 2\nrecoveries_max = 2\nbudget_usd_max = 4",
        "run.duration_seconds_max = 3\nrun.recoveries_max = 3\nrun.budget_usd_max = 3.5",
    );
    let environment = Environment::of([("LOKI_RUN_RECOVERIES_MAX", "4"), ("LOKI_RUN_BUDGET_USD_MAX", "4.5")]);
    let mut flags = Overrides::default();
    flags.set(&RUN_BUDGET_USD_MAX, Some(5.5));
    flags.set(&RUN_OUTPUT_BYTES_MAX, None);
    let config = files.load(&environment, &flags).unwrap();

    assert_eq!(config.get(&RUN_OUTPUT_BYTES_MAX), 1_073_741_824);
    assert_eq!(config.get(&RUN_ITERATIONS_MAX), 2);
    assert_eq!(config.get(&RUN_DURATION_SECONDS_MAX), 3);
    assert_eq!(config.get(&RUN_RECOVERIES_MAX), 4);
    assert_eq!(config.get(&RUN_BUDGET_USD_MAX), 5.5);
    let source = |name: &str| config.entry(name).unwrap().source.clone();
    assert_eq!(source("run.output_bytes_max"), Source::Default);
    assert_eq!(source("run.iterations_max"), Source::File(files.dir.path().join("user.toml")));
    assert_eq!(source("run.duration_seconds_max"), Source::File(files.dir.path().join("project.toml")));
    assert_eq!(source("run.recoveries_max"), Source::Environment("LOKI_RUN_RECOVERIES_MAX".to_owned()));
    assert_eq!(source("run.budget_usd_max"), Source::Flag);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let error = Files::new("", "[run]\niteration_max = 3").refusal(&Environment::default());
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.message.starts_with("unknown setting `run.iteration_max` in "), "{}", error.message);
    assert_eq!(error.hints, ["Did you mean `run.iterations_max`?"]);

    let error = Files::new("[colours]", "").refusal(&Environment::default());
    assert!(error.message.starts_with("unknown setting `colours` in "), "{}", error.message);
    assert_eq!(error.hints, ["Run `loki config show` for every setting."]);
}

#[test]
fn a_slip_in_a_variable_is_refused_and_other_programs_variables_are_not() {
    let files = Files::new("", "");
    let error = files.refusal(&Environment::of([("LOKI_RUN_ITERATION_MAX", "3")]));
    assert_eq!(error.hints, ["Did you mean `LOKI_RUN_ITERATIONS_MAX`?"]);
    let others = Environment::of([("LOKI_ADDR", "http://logs:3100"), ("LOKI_USERNAME", "me")]);
    files.load(&others, &Overrides::default()).unwrap();
}

#[test]
fn a_wrong_value_is_refused_with_what_was_expected() {
    let wrong = |text: &str| Files::new("", text).refusal(&Environment::default()).causes;
    assert_eq!(wrong("run.iterations_max = 0"), ["expected 1 to 10000"]);
    assert_eq!(wrong("run.iterations_max = \"ten\""), ["expected a whole number, found `\"ten\"`"]);
    assert_eq!(wrong("run.iterations_max = -1"), ["expected a whole number, found `-1`"]);
    assert_eq!(wrong("run.budget_usd_max = nan"), ["expected a number, found `nan`"]);
    let by_user = Files::new("provider.name = ' '", "").refusal(&Environment::default());
    assert_eq!(by_user.causes, ["expected a name"]);
    let error = Files::new("", "").refusal(&Environment::of([("LOKI_RUN_ITERATIONS_MAX", "x")]));
    assert_eq!(error.message, "wrong value for `run.iterations_max` in $LOKI_RUN_ITERATIONS_MAX");
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_line_and_column() {
    let error = Files::new("", "[run]\niterations_max = = 3").refusal(&Environment::default());
    assert!(error.message.ends_with("project.toml:2:18: not valid TOML"), "{}", error.message);
    assert_eq!(error.causes.len(), 1);
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let long = format!("# {}", "x".repeat(FILE_BYTES_MAX as usize));
    let error = Files::new("", &long).refusal(&Environment::default());
    assert!(error.message.ends_with("is longer than 65536 bytes"), "{}", error.message);
}

#[test]
fn missing_files_are_empty_layers() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none/config.toml");
    let config = Config::load(None, &missing, &Environment::default(), &Overrides::default()).unwrap();
    assert!(config.entries().all(|(_, entry)| entry.source == Source::Default));
    assert_eq!(config.entries().count(), ALL.len());
}

#[test]
fn every_default_is_a_value_its_own_key_takes() {
    for key in ALL {
        assert_eq!(key.check(&key.default_toml()), Ok(key.default_toml()), "{}", key.name());
        assert!(!key.about().is_empty() && !key.about().ends_with('.'), "{}", key.name());
    }
}

#[test]
fn a_project_cannot_loosen_how_its_commands_are_confined() {
    for (key, default, looser, stricter) in [
        ("sandbox.mode", "require", "off", None),
        ("sandbox.mode", "require", "degrade", None),
        ("sandbox.level", "isolated", "landlock", None),
        ("sandbox.preset", "build", "network", Some("test")),
    ] {
        let refused = Files::new("", &format!("{key} = \"{looser}\"")).refusal(&Environment::default());
        let message = format!("a project's file cannot loosen `{key}` from `{default}` to `{looser}`");
        assert_eq!((refused.kind, refused.message), (ErrorKind::Config, message));
        let line = format!("{key} = \"{looser}\"");
        let by_user = Files::new(&line, &line).load(&Environment::default(), &Overrides::default()).unwrap();
        assert_eq!(by_user.entry(key).unwrap().value.as_str(), Some(looser));
        if let Some(stricter) = stricter {
            let line = format!("{key} = \"{stricter}\"");
            let config = Files::new("", &line).load(&Environment::default(), &Overrides::default()).unwrap();
            assert_eq!(config.entry(key).unwrap().value.as_str(), Some(stricter));
        }
    }
}

#[test]
fn a_project_cannot_say_who_is_sent_what_nor_raise_the_budget() {
    for line in [
        "provider.name = 'anthropic'",
        "provider.base_url = 'https://evil.example'",
        "provider.key_variable = 'HOME'",
        "model.development = 'gpt-5'",
        "git.commit = 'verified'",
    ] {
        let refused = Files::new("", line).refusal(&Environment::default());
        assert!(refused.message.ends_with("it says who is sent what"), "{line}: {}", refused.message);
        Files::new(line, "").load(&Environment::default(), &Overrides::default()).unwrap();
    }
    let refused = Files::new("", "run.budget_usd_max = 5.5").refusal(&Environment::default());
    assert_eq!(refused.message, "a project's file cannot raise `run.budget_usd_max` from 5 to 5.5");
    let files = Files::new("", "run.budget_usd_max = 0.5");
    let lower = files.load(&Environment::default(), &Overrides::default()).unwrap();
    assert_eq!(lower.get(&RUN_BUDGET_USD_MAX), 0.5);
}
