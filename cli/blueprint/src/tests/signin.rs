//! What a document asks of sign-in becomes declarations and policies.

use forge_detect::{Options, Requirements, RoleAct, RoleGrant, RoleNeed, TableNeed, detect};
use serde_json::{Value, json};

use super::{column, done, needs, table, yaml};
use crate::{Existing, plan, signin};
use forge_detect::Access;

fn admin(table: &str, can: &[RoleAct]) -> RoleNeed {
    let grant = RoleGrant { table: table.to_owned(), can: can.to_vec() };
    RoleNeed { name: "admin".to_owned(), grants: vec![grant], lines: vec![3] }
}

fn with_admin(tables: Vec<TableNeed>, can: &[RoleAct]) -> Requirements {
    let name = tables.last().unwrap().name.clone();
    Requirements { roles: vec![admin(&name, can)], ..needs(tables, &["email-password"]) }
}

#[test]
fn google_and_email_need_two_values_of_a_person() {
    let document = "# Notes\n\nPeople keep notes of their own.\n\n## Sign-in\n\nUsers sign in with Google or with email and password.\n\nThe server reads `GOOGLE_CLIENT_SECRET`.\n";
    let found = detect(document, &Options::default()).unwrap();
    assert_eq!(found.auth, ["google", "email-password"]);
    let plan = plan(&found, &Existing::default());
    let providers = plan.declarations.iter().filter(|declared| declared.kind == "auth_provider");
    let asked: Vec<(String, Vec<String>)> = providers
        .map(|declared| (declared.name.clone(), signin::references(&declared.name, &declared.spec)))
        .collect();
    let google = vec!["GOOGLE_CLIENT_ID".to_owned(), "GOOGLE_CLIENT_SECRET".to_owned()];
    assert_eq!(asked, [("google".to_owned(), google), ("email-password".to_owned(), Vec::new())]);
    assert!(plan.declarations.iter().all(|declared| declared.kind != "secret"), "{:?}", plan.declarations);
    let cited: Vec<&[u32]> =
        plan.declarations.iter().map(|declared| declared.lines.as_slice()).take(2).collect();
    assert_eq!(cited, [&[7][..], &[7]]);
}

#[test]
fn what_was_declared_by_its_name_alone_is_declared_again() {
    let needs = needs(Vec::new(), &["google"]);
    let state = |spec: Value| {
        let resource = json!({ "kind": "auth_provider", "name": "google", "spec": spec });
        Existing::of_state(&json!({ "resources": [resource] }))
    };
    assert_eq!(plan(&needs, &state(json!({}))).declarations.len(), 1);
    // What an operator changed stays.
    assert!(plan(&needs, &state(json!({ "method": "oauth" }))).declarations.is_empty());
}

#[test]
fn a_role_is_declared_with_its_grants_and_reaches_the_policies() {
    for (access, rls) in [
        (Access::Own, "own-row + admin: select, update, delete"),
        (Access::Public, "public + admin: select, update, delete"),
        (Access::Private, "none + admin: select, update, delete"),
    ] {
        let needs = with_admin(
            vec![
                table("users", &["email"], &[], Access::Own),
                table("movies", &["user_id", "title"], &[], access),
            ],
            &[RoleAct::Read, RoleAct::Update, RoleAct::Delete],
        );
        let plan = plan(&needs, &Existing::default());
        let text = yaml(&plan);
        assert!(text.contains(&format!("rls: \"{rls}\"\n")), "{text}");
        let role = plan.declarations.iter().find(|declared| declared.kind == "role").unwrap();
        assert_eq!(role.name, "admin");
        assert_eq!(role.spec, json!({ "grants": [{ "resource": "movies", "access": "control" }] }));
        assert_eq!(role.lines, [3]);
        let after = done(&Existing::default(), &plan);
        assert!(super::plan(&needs, &after).declarations.is_empty());
    }
}

#[test]
fn rows_with_secrets_and_everything_at_once_are_opened_to_no_role() {
    let all = [RoleAct::Read, RoleAct::Insert, RoleAct::Update, RoleAct::Delete];
    let secret = with_admin(vec![table("users", &["email", "password"], &[], Access::Own)], &all);
    assert!(!yaml(&plan(&secret, &Existing::default())).contains("admin"));
    let mut everything = with_admin(vec![table("movies", &["title"], &[], Access::Public)], &all);
    everything.roles[0].grants[0].table = "*".to_owned();
    let planned = plan(&everything, &Existing::default());
    assert!(!yaml(&planned).contains("admin"));
    let role = planned.declarations.iter().find(|declared| declared.kind == "role").unwrap();
    assert_eq!(role.spec["grants"][0], json!({ "resource": "*", "access": "control" }));
}

#[test]
fn policies_with_roles_are_read_by_the_database() {
    let mut movies = table("movies", &["title"], &[], Access::Public);
    movies.columns.push(column("select"));
    let needs = with_admin(vec![movies], &[RoleAct::Read, RoleAct::Insert]);
    let text = yaml(&plan(&needs, &Existing::default()));
    let migration = forge_database::spec::parse(&text, &forge_database::schema::Schema::default()).unwrap();
    let planned = forge_database::ddl::plan(&forge_database::schema::Schema::default(), &migration).unwrap();
    let rls = planned.target.tables["movies"].rls.clone().unwrap();
    assert_eq!(rls.label, "public + admin: select, insert");
    assert_eq!(rls.policies.len(), 2);
}
