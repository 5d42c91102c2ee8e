//! Tables out of headings, lists, grids, endpoints and sentences.

use super::{columns, names, read, references};
use crate::{Access, ColumnType};

#[test]
fn fields_under_a_table_heading() {
    let found = read(
        "# Kennel\n\n## Database schema\n\n### Owners Table\n- id (primary key)\n- email: string, unique, required\n\n### Dogs\n- id (uuid, pk)\n- owner_id (foreign key)\n- chip_number: varchar(15)\n- vaccinated: boolean, default: false\n",
    );
    assert_eq!(names(&found), ["owners", "dogs"]);
    assert_eq!(columns(&found, "dogs"), ["id", "owner_id", "chip_number", "vaccinated"]);
    assert_eq!(references(&found), ["dogs.owner_id -> owners"]);
    let email = &found.tables[0].columns[1];
    assert!(email.unique && !email.nullable && email.r#type == ColumnType::Text);
    let dogs = &found.tables[1];
    assert_eq!(dogs.columns[2].r#type, ColumnType::Varchar(15));
    assert_eq!(dogs.columns[3].default.as_deref(), Some("false"));
    assert_eq!(dogs.lines, [9]);
}

#[test]
fn a_grid_of_fields_belongs_to_the_heading_above_it() {
    let found = read(
        "## Data model\n\n### Parcel\n\n| Field | Type | Notes |\n|---|---|---|\n| tracking_code | text | unique |\n| weight | decimal | required |\n",
    );
    assert_eq!(names(&found), ["parcels"]);
    assert_eq!(columns(&found, "parcels"), ["tracking_code", "weight"]);
}

#[test]
fn a_grid_of_tables_lists_their_columns() {
    let found = read(
        "## Entities\n\n| Entity | Fields |\n|---|---|\n| Author | id, name |\n| Book | id, author_id, title |\n",
    );
    assert_eq!(names(&found), ["authors", "books"]);
    assert_eq!(references(&found), ["books.author_id -> authors"]);
}

#[test]
fn a_list_in_a_schema_section_names_tables() {
    let found = read("## Entities\n- **Member**: id, email, name\n- **Loan** (id, member_id, due_date)\n");
    assert_eq!(names(&found), ["members", "loans"]);
    assert_eq!(references(&found), ["loans.member_id -> members"]);
}

#[test]
fn a_sentence_announces_fields() {
    let found = read(
        "A web service for gardens with a backend.\n\nEach plant has the following fields:\n- species (text)\n- planted_on (date)\n",
    );
    assert_eq!(columns(&found, "plants"), ["species", "planted_on"]);
}

#[test]
fn endpoints_that_write_make_resources() {
    let found = read(
        "## API\n- `GET /api/boats`\n- `POST /api/boats`\n- `POST /api/boats/:id/repairs`\n- `POST /api/login`\n- `GET /api/weather`\n",
    );
    assert_eq!(names(&found), ["boats", "repairs"]);
    assert_eq!(references(&found), ["repairs.boat_id -> boats"]);
}

#[test]
fn sentences_about_creating_and_owning() {
    let found = read(
        "Build an API where people sign up and log in. They can create, edit and delete recipes. Each user has their own recipes.\n",
    );
    assert!(names(&found).contains(&"recipes"), "{found:?}");
    let recipes = found.tables.iter().find(|t| t.name == "recipes").expect("recipes");
    assert_eq!(recipes.access, Access::Own);
    assert_eq!(references(&found), ["recipes.user_id -> users"]);
}

#[test]
fn columns_out_of_sentences() {
    let found = read(
        "The backend lets staff add, edit and delete movies. Each movie has a title, a genre and a duration.\n",
    );
    assert_eq!(columns(&found, "movies"), ["title", "genre", "duration"]);
}

#[test]
fn other_languages_name_tables_too() {
    let chinese = read(
        "# 系统\n\n## 数据库\n- `orders`（含：total, status, created_at）\n- `users`\n\n用户登录后可以下单。\n",
    );
    assert_eq!(names(&chinese), ["orders", "users"]);
    assert_eq!(columns(&chinese, "orders"), ["total", "status", "created_at"]);
    let german = read(
        "Die App hat einen Server. Man kann Kontakte anlegen, bearbeiten und löschen. Der Benutzer muss sich anmelden.\n",
    );
    assert!(names(&german).contains(&"contacts"), "{german:?}");
}

#[test]
fn tables_out_of_scope_stay_out() {
    let found = read(
        "# Shop\n\nThe backend must let admins add, edit and delete products.\n\n## Out of scope\n- Users create, edit and delete reviews\n\n## Future\n- Customers create, edit and delete coupons\n",
    );
    assert_eq!(names(&found), ["products"]);
}

#[test]
fn referenced_tables_come_first() {
    let found = read(
        "## Tables\n- comments: id, post_id, body\n- posts: id, author_id, title\n- authors: id, name\n",
    );
    assert_eq!(names(&found), ["authors", "posts", "comments"]);
}
