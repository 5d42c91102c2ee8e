//! A whole product, from the text of its migration to the proof.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::super::{Act, Basis, Owner, prove_rls};
use super::cell;
use crate::policy::tests::kit::database;
use crate::schema::Schema;
use crate::{ddl, spec};

const TEXT: &str = r#"
migration: product
changes:
  - add_enum: {name: plan, values: [free, pro]}
  - add_table:
      name: users
      columns: [id pk, email varchar(200) not null unique, display_name text not null, created_at default now()]
      rls: own-row
      checks: {email_at: "email like '%@%'"}
  - add_table:
      name: teams
      columns: [id pk, owner_id fk->users.id not null, name text not null, slug text not null unique, plan plan default free]
      rls: own-or-public
      checks: {slug_length: "length(slug) between 3 and 12"}
  - add_table:
      name: memberships
      columns: [id pk, team_id fk->teams.id not null, user_id fk->users.id not null, role text default writer]
      unique: [[team_id, user_id]]
      checks: {role_known: "role in ('owner', 'writer')"}
      rls:
        - {name: see_own, for: select, using: "user_id = auth.uid()"}
        - {name: team_owner, for: all, using: "exists (select 1 from teams t where t.id = memberships.team_id and t.owner_id = auth.uid())"}
  - add_table:
      name: posts
      columns: [id pk, user_id fk->users.id not null, team_id fk->teams.id not null, title varchar(160) not null, status text default draft, published_at timestamptz]
      indices: [user_id, [team_id, published_at desc]]
      checks: {status_known: "status in ('draft', 'published')", dated: "status <> 'published' or published_at is not null"}
      rls:
        - {name: read_published, for: select, to: [anon, authenticated], using: "status = 'published' and published_at <= now()"}
        - {name: read_team, for: select, using: "team_id in (select m.team_id from memberships m where m.user_id = auth.uid())"}
        - {name: write_own, for: [insert, update, delete], using: "user_id = auth.uid()", check: "user_id = auth.uid() and exists (select 1 from memberships m where m.team_id = posts.team_id and m.user_id = auth.uid() and m.role in ('owner', 'writer'))"}
        - {name: moderate, for: [select, delete], to: [moderator], using: "true"}
  - add_table:
      name: comments
      columns: [id pk, post_id fk->posts.id on delete cascade not null, author_id fk->users.id not null, body text not null, hidden boolean default false, score numeric(6,2) default 0, extra jsonb]
      rls:
        - {name: read_with_post, for: select, to: [anon, authenticated], using: "not hidden and post_id in (select id from posts)"}
        - {name: own, for: all, using: "author_id = auth.uid()"}
        - {name: kind, for: insert, restrictive: true, check: "length(body) > 0 and score between -10 and 10"}
  - add_table:
      name: invoices
      columns: [id pk, team_id fk->teams.id not null, cents bigint not null, month date not null, paid_at timestamptz]
      unique: [[team_id, month]]
      checks: {positive: "cents > 0"}
      rls:
        - {name: owner_reads, for: select, using: "exists (select 1 from teams where teams.id = team_id and owner_id = auth.uid())"}
        - {name: support, for: select, using: "auth.jwt() -> 'app_metadata' ->> 'support' = 'true'"}
  - add_table: {name: plans_catalog, columns: [code text pk, cents integer not null], rls: public}
  - add_table: {name: webhook_log, columns: [id bigint pk, payload jsonb not null], rls: none}
"#;

fn product() -> Schema {
    let migration = spec::parse(TEXT, &Schema::default()).unwrap_or_else(|error| panic!("{error}"));
    ddl::plan(&Schema::default(), &migration).unwrap_or_else(|error| panic!("{error}")).target
}

#[test]
fn a_whole_product_is_proven() {
    let schema = product();
    let tables: BTreeSet<String> = schema.tables.keys().cloned().collect();
    let mut conn: Connection = database(&schema);
    let proof = prove_rls(&mut conn, &schema, &tables).unwrap();
    assert_eq!(proof.violations(), [""; 0]);
    assert_eq!(proof.inconclusive(), [""; 0]);
    assert!(proof.passed());
    let bases: Vec<(&str, Basis)> = proof.tables.iter().map(|t| (t.table.as_str(), t.basis)).collect();
    assert_eq!(bases.iter().filter(|(_, basis)| *basis == Basis::Label).count(), 4, "{bases:?}");

    let allowed = |table: &str, who: &str, act, row, situation: &str| {
        cell(&proof, table, who, act, row, situation).allowed
    };
    use Owner::{Alice, Bob};
    assert!(allowed("posts", "alice", Act::Insert, Alice, "plain"));
    assert!(!allowed("posts", "bob", Act::Insert, Alice, "plain"));
    assert!(!allowed("posts", "anon", Act::Select, Alice, "plain"));
    assert!(allowed("posts", "anon", Act::Select, Alice, "posts.status = \"published\""));
    assert!(allowed("posts", "moderator", Act::Delete, Bob, "plain"));
    assert!(!allowed("posts", "moderator", Act::Update, Bob, "plain"));
    assert!(!allowed("comments", "bob", Act::Select, Alice, "plain"), "the post is a draft");
    assert!(allowed("comments", "bob", Act::Select, Alice, "posts.status = \"published\""));
    assert!(!allowed("comments", "bob", Act::Select, Alice, "comments.hidden = true"));
    assert!(allowed("invoices", "alice", Act::Select, Bob, "plain"), "alice has the claim of the support");
    assert!(!allowed("invoices", "bob", Act::Select, Alice, "plain"));
    assert!(allowed("memberships", "alice", Act::Insert, Alice, "plain"), "she owns the team");
    assert!(!allowed("memberships", "bob", Act::Insert, Alice, "plain"));
}
