//! The shapes in which people write down fields, and shapes that only look like them.

use super::{columns, names, read, references};

const SERVER: &str = "# Kennel\n\nA web app with a server; people log in with e-mail and password.\n\n";

fn on_server(text: &str) -> crate::Requirements {
    read(&format!("{SERVER}{text}"))
}

#[test]
fn grids_of_fields_need_no_particular_heading() {
    let found = on_server(
        "## Data\n\n### users\n\n| Field | Type | Notes |\n|---|---|---|\n| id | uuid | |\n| email | text | unique |\n\n### boats\n\n| Field | Type |\n|---|---|\n| id | uuid |\n| seats | int |\n\n### outings\n\n| Field | Type | Notes |\n|---|---|---|\n| boat_id | uuid | references boats(id) |\n| booked_by | uuid | |\n",
    );
    assert_eq!(names(&found), ["users", "boats", "outings"]);
    assert_eq!(references(&found), ["outings.boat_id -> boats", "outings.booked_by -> users"]);
}

#[test]
fn bold_names_and_other_headers_over_typed_cells_are_tables() {
    let found = on_server(
        "## Information architecture\n\n**Vehicles**\n\n| Attribute | Data type |\n|---|---|\n| id | integer |\n| plate | varchar(12) |\n\n**Trips**\n\n| Name | Needed | Kind |\n|---|---|---|\n| vehicle_id | yes | integer |\n| started_at | yes | datetime |\n",
    );
    assert_eq!(names(&found), ["vehicles", "trips"]);
    assert_eq!(columns(&found, "trips"), ["vehicle_id", "started_at"]);
}

#[test]
fn parameters_settings_and_properties_of_parts_are_no_tables() {
    for heading in [
        "Query parameters",
        "Environment variables",
        "Configuration",
        "Component props",
        "Request body",
        "CLI flags",
    ] {
        let found = on_server(&format!(
            "## {heading}\n\n### Page\n\n| Name | Type |\n|---|---|\n| label | string |\n| limit | integer |\n\n### Card\n\n- title: string\n- size: number\n"
        ));
        let kept: Vec<&str> = names(&found).into_iter().filter(|n| *n != "users").collect();
        assert!(kept.is_empty(), "{heading}: {kept:?}");
    }
}

#[test]
fn bold_labels_with_remarks_head_lists_of_typed_fields() {
    let found = on_server(
        "## What we store\n\n**profiles**: one for each member.\n\n- `id`: uuid, primary key\n- `handle`: text, required\n\nEveryone can read profiles.\n\n**follows**: who reads whom.\n\n- `follower_id`: uuid, references profiles(id) on delete cascade\n- `followee_id`: uuid, references profiles(id)\n\nA member follows another once: the pair of `follower_id` and `followee_id` is unique.\n",
    );
    assert_eq!(names(&found), ["profiles", "follows"]);
    assert_eq!(columns(&found, "profiles"), ["id", "handle"]);
    assert_eq!(references(&found), ["follows.follower_id -> profiles", "follows.followee_id -> profiles"]);
    assert_eq!(found.tables[1].uniques, [["follower_id", "followee_id"]]);
}

#[test]
fn identifiers_of_other_systems_refer_to_nothing() {
    let found = on_server(
        "## Data model\n\n### subscriptions\n- id: uuid\n- plan: text\n\n### accounts\n- id: uuid\n- stripe_subscription_id: text\n- google_account_id: text\n- ledger_external_id: text\n- subscription_id: uuid\n",
    );
    assert_eq!(references(&found), ["accounts.subscription_id -> subscriptions"]);
}

#[test]
fn columns_of_people_refer_to_the_table_of_people() {
    let found = on_server(
        "## Data model\n\n### members\n- id: uuid\n- name: text\n\n### chores\n- id: uuid\n- assignee_id: uuid\n- created_by: uuid\n- approved_by_id: uuid\n",
    );
    assert_eq!(
        references(&found),
        ["chores.assignee_id -> members", "chores.created_by -> members", "chores.approved_by_id -> members"]
    );
}

#[test]
fn lines_of_one_paragraph_each_spell_an_entity() {
    let found = on_server(
        "Entity: Team (id, name, owner_id)\nEntity: Kudo (id, team_id, message)\n\nLater text mentions Redis (the cache, fast).\n",
    );
    assert_eq!(names(&found), ["teams", "kudos"]);
    assert_eq!(columns(&found, "kudos"), ["id", "team_id", "message"]);
}

#[test]
fn types_without_a_fence_are_read_as_code() {
    let found = on_server(
        "## Types\n\nCandidate {\n  id: string\n  jobId: string\n}\n\nJob {\n  id: string\n  title: string\n}\n",
    );
    assert_eq!(references(&found), ["candidates.job_id -> jobs"]);
}

#[test]
fn generator_style_fields_name_their_parents() {
    let found = on_server(
        "### Hike\n* title:string\n* belongs_to :user\n\n### Photo\n* caption:string\n* hike:references\n",
    );
    assert_eq!(references(&found), ["hikes.user_id -> users", "photos.hike_id -> hikes"]);
}

#[test]
fn a_table_may_be_called_so_in_japanese() {
    let found = on_server(
        "## テーブル定義\n\n### loans テーブル\n\n| カラム名 | 型 |\n|---|---|\n| id | integer |\n| item_id | integer |\n",
    );
    assert_eq!(columns(&found, "loans"), ["id", "item_id"]);
}
