//! `loki config`, through every layer.

use super::env;

#[test]
fn a_setting_is_read_through_its_layers() {
    let env = env().with_variable("LOKI_RUN_RECOVERIES_MAX", "4");
    env.loki(&["config", "set", "run.iterations_max", "7"]).expect_code(0);
    env.loki(&["config", "set", "--user", "run.iterations_max", "3"]).expect_code(0);
    env.loki(&["config", "set", "--user", "run.budget_usd_max", "2"]).expect_code(0);

    assert_eq!(env.loki(&["config", "get", "run.iterations_max"]).expect_code(0).stdout, "7\n");
    let shown = env.loki(&["config", "show", "--json"]).expect_code(0).json();
    assert_eq!(shown["run.recoveries_max"]["source"], "$LOKI_RUN_RECOVERIES_MAX");
    assert_eq!(shown["run.budget_usd_max"]["value"], 2.0);
    assert_eq!(shown["provider.name"]["source"], "default");
    assert_eq!(env.read(".loki/config.toml"), "[run]\niterations_max = 7\n");
}

#[test]
fn a_refused_setting_leaves_no_trace() {
    let env = env();
    let run = env.loki(&["config", "set", "run.iteration_max", "7"]).expect_code(2);
    assert_eq!(
        run.stderr,
        "error: unknown setting `run.iteration_max` in settings\nhint: Did you mean `run.iterations_max`?\n"
    );
    assert_eq!(env.tree(), Vec::<String>::new());
}
