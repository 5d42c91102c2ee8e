//! What a heading, a label or a cell puts out of scope.

use super::{names, read};
use crate::ExclusionReason;

#[test]
fn headings_that_rule_out_their_list() {
    for (heading, reason) in [
        ("Not in this version", ExclusionReason::OutOfScope),
        ("What we will not build", ExclusionReason::OutOfScope),
        ("Won't have (this time)", ExclusionReason::OutOfScope),
        ("Excluded", ExclusionReason::OutOfScope),
        ("Fuori ambito", ExclusionReason::OutOfScope),
        ("Вне рамок проекта", ExclusionReason::OutOfScope),
        ("Di luar cakupan", ExclusionReason::OutOfScope),
        ("Buiten scope", ExclusionReason::OutOfScope),
        ("Kapsam dışı", ExclusionReason::OutOfScope),
        ("Could have", ExclusionReason::LaterPhase),
        ("Deferred", ExclusionReason::LaterPhase),
        ("Parking lot", ExclusionReason::LaterPhase),
        ("Beyond MVP", ExclusionReason::LaterPhase),
        ("Sviluppi futuri", ExclusionReason::LaterPhase),
        ("Toekomst", ExclusionReason::LaterPhase),
    ] {
        let found = read(&format!(
            "# Forum\n\nMembers log in. The backend keeps topics.\n\n## {heading}\n\n- Payments with Stripe\n- Push notifications to phones\n- A websocket for votes\n",
        ));
        assert!(
            found.payments.is_empty() && found.functions.is_empty() && found.realtime.is_empty(),
            "{heading}: {found:?}"
        );
        let given = |what: &str| found.exclusions.iter().any(|e| e.what == what && e.reason == reason);
        assert!(given("payments") && given("notifications") && given("realtime"), "{heading}: {found:?}");
    }
}

#[test]
fn a_cell_of_priority_rules_its_row() {
    let found = read(
        "# Forum\n\nMembers log in; the backend serves them.\n\n| Feature | Priority |\n|---|---|\n| Members upload a picture | Must |\n| Payments with Stripe | Won't have |\n| A websocket pushes votes | Could |\n",
    );
    assert!(found.payments.is_empty() && found.realtime.is_empty(), "{found:?}");
    assert_eq!(found.storage.len(), 1, "{found:?}");
}

#[test]
fn a_heading_that_asks_is_in_scope() {
    let found = read("# Shop\n\n## Features\n\nCustomers log in and pay with Stripe.\n\n### Later payment\n");
    assert_eq!(found.payments, ["stripe"]);
    assert!(names(&found).iter().all(|name| *name != "payments"));
}
