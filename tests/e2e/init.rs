//! `loki init`.

use super::env;

#[test]
fn a_template_becomes_the_document_of_the_project() {
    let env = env();
    let listed = env.loki(&["init", "--list"]).expect_code(0);
    assert_eq!(listed.stdout.lines().count(), 4);
    assert_eq!(env.tree(), Vec::<String>::new());

    env.loki(&["init", "--template", "forge-saas", "night-desk"]).expect_code(0);
    let expected = ["night-desk/.loki/.gitignore", "night-desk/.loki/config.toml", "night-desk/PRD.md"];
    assert_eq!(env.tree(), expected);
    assert!(env.read("night-desk/PRD.md").starts_with("# Night Desk\n"));

    let again = env.loki(&["init", "--template", "forge-saas", "night-desk"]).expect_code(0);
    assert_eq!(again.stdout, "");
    env.loki(&["config", "show", "--project", "night-desk"]).expect_code(0);
}

#[test]
fn init_does_not_act_on_a_project_further_up() {
    let env = env();
    env.write(".loki/config.toml", "");
    env.write("inner/PRD.md", "# Inner\n");
    let mut command = env.command(&["init", "--quiet"]);
    command.current_dir(env.path("inner"));
    assert!(command.status().expect("loki runs").success());
    assert!(env.has("inner/.loki/config.toml"));
}
