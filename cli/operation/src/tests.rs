use super::*;

fn info(access: Access) -> Info {
    Info {
        name: "loki_steer",
        group: "run",
        summary: "Gives a run a word of guidance.",
        access,
        cost: Cost::Instant,
        idempotent: false,
        input_schema: || object(json!({}), &[]),
        output_schema: || object(json!({}), &[]),
        available: Available::Here,
    }
}

#[test]
fn reading_is_always_allowed_and_everything_else_only_where_it_was() {
    let allow = |write, destructive| Allow { write, destructive, groups: None };
    for (access, allow, allowed) in [
        (Access::Read, allow(false, false), true),
        (Access::Write, allow(false, false), false),
        (Access::Write, allow(false, true), false),
        (Access::Write, allow(true, false), true),
        (Access::Destructive, allow(true, false), false),
        (Access::Destructive, allow(false, true), false),
        (Access::Destructive, allow(true, true), true),
    ] {
        assert_eq!(allow.denies(&info(access)).is_none(), allowed, "{access:?} {allow:?}");
    }
}

#[test]
fn a_group_that_is_not_named_is_closed_for_reading_too() {
    let only = |group: &str| Allow { groups: Some(vec![group.to_owned()]), ..Allow::EVERYTHING };
    assert_eq!(only("run").denies(&info(Access::Write)), None);
    let denied = only("database").denies(&info(Access::Read)).unwrap();
    assert_eq!((denied.kind, denied.code.as_str()), (RefusalKind::Denied, "permission_denied"));
}

#[test]
fn what_does_not_exist_yet_says_what_to_do_instead() {
    let available = Available::NotYet { service: "storage", instead: "Declare it in `forge.yaml`." };
    let missing = Info { available, ..info(Access::Read) };
    let refusal = missing.not_available().unwrap();
    assert!(!missing.is_here());
    assert_eq!(refusal.http_status(), 501);
    assert_eq!(refusal.next_actions, ["Declare it in `forge.yaml`."]);
}

#[test]
fn a_refusal_has_one_form() {
    let plain = Refusal::new(RefusalKind::Unknown, "no_run", "there is no run `r`").next("Start one.");
    assert_eq!(
        plain.to_json(),
        json!({"error": {"code": "no_run", "message": "there is no run `r`", "next_actions": ["Start one."]}})
    );
    let kind = RefusalKind::needs_approval("ab", "drop");
    let waits = Refusal::new(kind, "needs_approval", "a person decides").hint("data would be lost");
    assert_eq!(waits.to_json()["proposal"], json!({"subject": "ab", "title": "drop"}));
    assert_eq!(
        (waits.to_json()["error"]["hint"].as_str(), waits.http_status()),
        (Some("data would be lost"), 409)
    );
}
