//! Roles, what they may do, and what sign-in has beside its providers.

use super::read;
use crate::{RoleAct, RoleNeed};

const ALL: &[RoleAct] = &[RoleAct::Read, RoleAct::Insert, RoleAct::Update, RoleAct::Delete];

/// A product with sign-in, two tables, and a text about roles.
fn product(text: &str) -> Vec<RoleNeed> {
    let fields = "- id: uuid, primary key\n- title: text, required\n";
    read(&format!(
        "# Cinema\n\nMembers log in with email and password.\n\n## Data model\n\n### movies\n\n{fields}\n### show_times\n\n{fields}\n## Users\n\n{text}\n"
    ))
    .roles
}

/// `admin(movies:Read,Insert)`.
fn short(roles: &[RoleNeed]) -> Vec<String> {
    let one = |role: &RoleNeed| {
        let grants: Vec<String> = role
            .grants
            .iter()
            .map(|grant| {
                let can = if grant.can == ALL { "all".to_owned() } else { format!("{:?}", grant.can) };
                format!("{}:{can}", grant.table)
            })
            .collect();
        format!("{}({})", role.name, grants.join(" "))
    };
    roles.iter().map(one).collect()
}

#[test]
fn roles_are_found_however_they_are_listed() {
    for (text, roles) in [
        ("There are three roles: admin, editor and customer.", &["admin()", "editor()", "customer()"][..]),
        ("You also need roles for users, such as admin and regular user.", &["admin()"]),
        (
            "### Roles\n\n- **Administrators** - run the place\n- Box office: sells tickets\n- Guests - look",
            &["admin()", "box_office()"],
        ),
        (
            "### Roles\n\n| Role | What |\n|---|---|\n| Moderator | looks after comments |\n| User | watches |",
            &["moderator()"],
        ),
    ] {
        assert_eq!(short(&product(text)), roles, "{text}");
    }
}

#[test]
fn a_column_of_the_people_lists_roles_and_one_of_a_team_does_not() {
    let document = |table: &str| {
        format!(
            "Members log in.\n\n```sql\ncreate table {table} (id uuid primary key, role text check (role in ('admin', 'member')));\n```\n"
        )
    };
    assert_eq!(short(&read(&document("users")).roles), ["admin()", "member()"]);
    assert!(read(&document("team_members")).roles.is_empty());
}

#[test]
fn what_a_role_may_do_is_what_its_verbs_say_of_tables() {
    for (text, roles) in [
        ("Admins should be able to manage movies and show times.", &["admin(movies:all show_times:all)"][..]),
        ("Only editors can create and edit movies.", &["editor(movies:[Read, Insert, Update])"]),
        (
            "Staff view show times; admins delete movies.",
            &["staff(show_times:[Read])", "admin(movies:[Read, Delete])"],
        ),
        ("Admins can see everything.", &["admin(*:[Read])"]),
        ("### Roles\n\n- Curator: can add movies", &["curator(movies:[Read, Insert])"]),
    ] {
        assert_eq!(short(&product(text)), roles, "{text}");
    }
}

#[test]
fn what_is_denied_or_of_some_rows_only_opens_nothing() {
    for text in [
        "Admins cannot delete movies.",
        "Admins can edit their own movies.",
        "Admins manage movies in their cinema.",
        "Admins approve movies.",
        "Admins log in and the members view movies.",
        "The roles of actors such as hero and villain are listed.",
        "Movies have a manager.",
    ] {
        let found = product(text);
        assert!(found.iter().all(|role| role.grants.is_empty()), "{text}: {found:?}");
    }
    assert!(product("The roles of actors, such as hero and villain, are shown.").is_empty());
}

#[test]
fn a_product_without_sign_in_has_no_roles() {
    assert!(read("# Movies\n\nThe server keeps movies.\n\n### Roles\n\n- Admin\n- Editor\n").auth.is_empty());
    assert!(
        read("# Movies\n\nThe server keeps movies.\n\n### Roles\n\n- Admin\n- Editor\n").roles.is_empty()
    );
}

#[test]
fn second_factors_passkeys_and_anonymous_users_are_no_providers() {
    let found = read(
        "Members log in with email and password. Two-factor authentication with an authenticator app is offered. Passkeys work as well.\n\nWhoever only looks around gets signed in anonymously.\n",
    );
    assert_eq!(found.auth, ["email-password"]);
    assert_eq!(found.auth_features, ["passkey", "totp", "anonymous"]);
    assert_eq!(found.evidence["auth_features.anonymous"], [3]);
    let found = read("Members log in with email and password. There is no two-factor authentication.\n");
    assert!(found.auth_features.is_empty(), "{found:?}");
}
