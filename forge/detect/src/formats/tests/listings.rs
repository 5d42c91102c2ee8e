//! Plain listings.

use super::{column, shorts, tables};
use crate::requirements::ColumnType;

#[test]
fn one_line_a_table() {
    let text = "users: id, email, created_at\nposts(id PK, user_id FK -> users.id, title varchar(80) not null, status: draft|live)\n- tags - id, label, post_id";
    let found = tables("", text);
    assert_eq!(
        shorts(&found),
        [
            "users(id email created_at)",
            "posts(id# user_id>users title status)",
            "tags(id label post_id>posts)"
        ]
    );
    assert_eq!(column(&found[1], "title").r#type, ColumnType::Varchar(80));
    assert_eq!(column(&found[1], "status").values, ["draft", "live"]);
}

#[test]
fn indented_and_drawn() {
    let text = "Users\n  - id (uuid, PK)\n  - email: string, unique\n  - role (admin, member)\n\nPosts table:\n├── id UUID PRIMARY KEY\n├── author_id → users.id\n└── body TEXT NOT NULL\n";
    let found = tables("text", text);
    assert_eq!(shorts(&found), ["users(id# email! role)", "posts(id# author_id>users body)"]);
    assert_eq!(column(&found[0], "role").values, ["admin", "member"]);
    assert!(!column(&found[1], "body").nullable);
}

#[test]
fn other_listings_are_no_tables() {
    for text in [
        "/\n├── apps/\n│   ├── frontend/   # React\n│   └── backend/\n├── package.json",
        "src\n├── components\n├── id.ts\n└── hooks",
        "GET /users\nPOST /users\nDELETE /users/:id",
        "User logs in -> sees the list\n  - picks one\n  - pays",
        "Note: this, that and the other",
        "AWS_REGION=\nSECRET=x",
        "[Dashboard] <---> [Editor]\n      |\n      +----> [Settings]",
        "Colors: red, green, blue",
        "npm install\nnpm run dev",
    ] {
        assert!(tables("", text).is_empty(), "{text}: {:?}", shorts(&tables("", text)));
    }
}
