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

#[test]
fn cardinalities_give_the_many_a_key_of_the_one() {
    let found = on_server(
        "## ERD\n\nUser 1--N Account\nAccount (1) -> (N) Deal\nContact N:1 Account\nAccount → Ticket Type (1:N)\nDeal N--M Contact\n\n## Core entities\n\n1. Account – a company (name, website)\n2. Deal – a sale (title, stage)\n3. Contact – a person (email, phone)\n4. Ticket Type – a price (name, quota)\n",
    );
    let mut found = references(&found);
    found.sort();
    assert_eq!(
        found,
        [
            "accounts.user_id -> users",
            "contacts.account_id -> accounts",
            "deals.account_id -> accounts",
            "ticket_types.account_id -> accounts"
        ]
    );
}

#[test]
fn sentences_say_what_belongs_to_what() {
    let found = on_server(
        "## Entities\n- Member: id, name, email\n- Copy: id, shelf, bought_on\n- Loan: id, due_on, returned_on\n- Fine: id, amount, paid_on\n\nEach loan belongs to a member and a copy. A loan has many fines. A copy belongs to multiple shelves.\n",
    );
    assert_eq!(
        references(&found),
        ["loans.member_id -> members", "loans.copy_id -> copies", "fines.loan_id -> loans"]
    );
}

#[test]
fn a_stated_relation_does_not_repeat_a_key_there_is() {
    let found = on_server(
        "## Entities\n- User: id, name, email\n- Post: id, author_id, body\n\nEach post belongs to a user.\n",
    );
    assert_eq!(references(&found), ["posts.author_id -> users"]);
}

#[test]
fn a_grid_of_entities_may_say_their_relations() {
    let found = on_server(
        "## Data requirements\n\n| Entity | Attributes | Relations |\n|---|---|---|\n| Event | id, title, venue | has many Tickets |\n| Order | id, total, placed_at | |\n| Ticket | id, code, scanned_at | belongs to Event and Order |\n",
    );
    assert_eq!(references(&found), ["tickets.event_id -> events", "tickets.order_id -> orders"]);
}

#[test]
fn lists_of_entities_may_be_remarks() {
    let found = on_server(
        "## Main objects\n- Listings – what is for sale, with title, price and description\n- Bids – offers on a listing\n- Messages between buyers and sellers\n\n## Roles\n- Buyers – people who bid\n",
    );
    assert_eq!(names(&found), ["users", "listings", "bids", "messages"]);
    assert_eq!(columns(&found, "listings"), ["title", "price", "description"]);
}

#[test]
fn a_list_of_software_under_a_schema_heading_is_none_of_entities() {
    let found = on_server("## Database\n- Backups – taken nightly\n- Replicas – two\n");
    assert_eq!(names(&found), [""; 0]);
}

#[test]
fn records_of_two_words_keep_both() {
    let found = on_server(
        "Dispatchers can create, edit and delete work orders. Members manage shopping lists and canned responses.\n",
    );
    let mut found = names(&found);
    found.sort_unstable();
    assert_eq!(found, ["canned_responses", "shopping_lists", "work_orders"]);
}

#[test]
fn stored_properties_of_a_record_are_its_columns() {
    let found = on_server(
        "Librarians add, edit and delete books. The system shall store the title, author and phone number of each book.\n",
    );
    assert_eq!(columns(&found, "books"), ["title", "author", "phone_number"]);
}

#[test]
fn accents_do_not_hide_a_name() {
    let found = on_server(
        "## Modelo de dados\n- **Médico**: nome, crm, especialidade\n- **Consulta**: medico_id, data_hora, status\n",
    );
    assert_eq!(references(&found), ["consultas.medico_id -> medicos"]);
}

#[test]
fn names_spelt_as_code_keep_their_language() {
    let found = on_server(
        "## Entidades\n\n### categorias\n\n| Campo | Tipo |\n|---|---|\n| id | uuid |\n\n### productos\n\n| Campo | Tipo |\n|---|---|\n| id | uuid |\n| categoria_id | uuid |\n",
    );
    assert_eq!(references(&found), ["productos.categoria_id -> categorias"]);
}

#[test]
fn an_act_on_a_thing_is_between_it_and_the_user() {
    let found = on_server(
        "## API\n- `POST /api/posts`\n- `POST /api/posts/:id/like`\n- `DELETE /api/posts/:id/like`\n- `POST /api/profiles/:name/follow`\n- `DELETE /api/profiles/:name/follow`\n",
    );
    let mut found = references(&found);
    found.sort();
    assert_eq!(
        found,
        [
            "follows.followed_id -> users",
            "follows.follower_id -> users",
            "likes.post_id -> posts",
            "likes.user_id -> users"
        ]
    );
}

#[test]
fn accounts_are_people_only_where_one_signs_in_with_them() {
    let people = on_server("## Entities\n- Account: id, email, password\n- Task: id, user_id, body\n");
    assert_eq!(references(&people), ["tasks.user_id -> accounts"]);
    let customers = on_server("## Entities\n- Account: id, industry, website\n- Task: id, user_id, body\n");
    assert_eq!(references(&customers), ["tasks.user_id -> users"]);
}

#[test]
fn keyed_lines_spell_tables_under_any_heading() {
    let found = on_server(
        "## Columns\n\nthreads: id, title, created_at\nposts: id, thread_id, body\n\n## Sketch\n\nstop\n  id, thread_id, arrival_date\n\nSend mail to: sales, support\n",
    );
    assert_eq!(names(&found), ["threads", "posts", "stops"]);
    assert_eq!(references(&found), ["posts.thread_id -> threads", "stops.thread_id -> threads"]);
}

#[test]
fn each_line_of_a_paragraph_may_announce_fields() {
    let found = on_server("Product has: sku, name, unit_price.\nSupplier has: title, contact_email.\n");
    assert_eq!(columns(&found, "products"), ["sku", "name", "unit_price"]);
    assert_eq!(columns(&found, "suppliers"), ["title", "contact_email"]);
}

#[test]
fn what_the_system_keeps_is_a_table() {
    let found = on_server(
        "The system shall store medical records. Submissions are saved in the database. The system keeps the author and status of things. Logs are kept on paper.\n",
    );
    assert_eq!(names(&found), ["medical_records", "submissions"]);
}

#[test]
fn methods_may_follow_their_path() {
    let found = on_server(
        "## Routes\n\n### `/boats`\n\nGET, POST - list and create\n\n### `/boats/{id}/repairs`\n\nPOST adds one\n",
    );
    assert_eq!(names(&found), ["boats", "repairs"]);
    assert_eq!(references(&found), ["repairs.boat_id -> boats"]);
}

#[test]
fn measures_codes_and_events_of_analytics_are_no_tables() {
    let found = on_server(
        "Users create, edit and delete tasks. Each page has a header.\n\n## Non-functional requirements\n**Performance**: fast.\n- p95: number below 200\n- uptime: number above 99\n\n## Analytics events\n| Event | Property | Type |\n|---|---|---|\n| task_created | task_id | string |\n\n## Error codes\n| Name | Type |\n|---|---|\n| NOT_FOUND | int |\n",
    );
    let kept: Vec<&str> = names(&found).into_iter().filter(|n| *n != "users").collect();
    assert_eq!(kept, ["tasks"]);
}

#[test]
fn a_label_that_says_none_lists_none() {
    let found =
        on_server("Users create, edit and delete tasks.\n\n## Facts\n- Bookings: none\n- Invoices: N/A\n");
    assert!(!names(&found).iter().any(|n| matches!(*n, "bookings" | "invoices")), "{:?}", names(&found));
}
