//! Any text is read: nothing panics, limits hold, time stays linear.

use proptest::prelude::*;

use crate::formats::build::{COLUMNS_MAX, TABLES_MAX};
use crate::formats::{extract, whole_file};

const HINTS: &[&str] = &[
    "", "sql", "prisma", "ts", "js", "graphql", "mermaid", "dbml", "go", "python", "swift", "kotlin", "rust",
    "csharp", "json", "yaml", "xml", "text",
];

/// One piece of every format, to cut and shuffle.
const SEEDS: &[&str] = &[
    "create table a (id uuid primary key default gen_random_uuid(), b_id int references b(id) on delete cascade, unique (a, b));",
    "model A { id Int @id @default(now()) b B @relation(fields: [bId], references: [id]) @@map(\"x\") }",
    "export const a = pgTable('a', { id: uuid('id').primaryKey().references(() => b.id, { onDelete: 'cascade' }) });",
    "interface A { id: string; b?: B[]; c: 'x' | null; f: (x: A) => void }\ntype B = { id: number }",
    "const s = new Schema({ a: { type: String, ref: 'B', enum: ['x'] }, b: [String] }, { timestamps: true });",
    "type A @model { id: ID! b(first: Int): [B!]! @relation(fields: [\"x\"]) }\nenum E { A B }",
    "erDiagram\nA ||--o{ B : x\nA {\n string id PK\n}\n",
    "Table a { id int [pk, ref: > b.id, default: `now()`]\n indexes { (a, b) [unique] } }\nRef: a.x > b.y [delete: cascade]",
    "type A struct {\n ID int `json:\"id\" gorm:\"primaryKey\"`\n}",
    "class A(models.Model):\n  b = models.ForeignKey(B, on_delete=models.CASCADE)\n  c: Mapped[int] = mapped_column(primary_key=True)\n",
    "struct A { let id: UUID\n var x: String { y } }\ndata class B(val id: Long?)",
    "#[derive(X)] pub struct A { pub id: Uuid, b: Option<String> }",
    "public class A { [Key] public int Id { get; set; } = 1; }",
    "{\"data_model\": {\"a\": {\"id\": \"uuid, pk\", \"b\": [1, {\"c\": null}]}}, \"x\": \"\\u00e9\"}",
    "openapi: 3.0.0\npaths: {/a: {post: {}}}\ncomponents:\n  schemas:\n    A: {properties: {id: {$ref: '#/A'}}}\n",
    "<a><tables><b>- id, c_id (x, y)</b></tables><entity name=\"Q\"><field name='id'/></entity></a>",
    "users: id, email\nposts(id PK, user_id FK -> users.id)\n├── id\n└── é\u{2192}x",
];

fn check(text: &str) {
    for hint in HINTS {
        let drafts = extract(Some(hint), text, 1);
        assert!(drafts.len() <= 2 * TABLES_MAX);
        let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1);
        for draft in drafts {
            assert!(!draft.table.name.is_empty());
            assert!(draft.table.columns.len() <= COLUMNS_MAX);
            assert!(
                draft.table.lines.iter().all(|line| (1..=last).contains(line)),
                "{hint}: {:?} of {last} in {text:?}",
                draft.table.lines
            );
        }
    }
    for name in [None, Some("x.json"), Some("x.yaml"), Some("x.xml"), Some("x.sql"), Some("x.txt")] {
        let _read = whole_file(text, name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "[ -~\\n\u{e9}\u{2192}\u{251c}]{0,300}") {
        check(&text);
    }

    #[test]
    fn pieces_cut_and_shuffled(parts in prop::collection::vec((0..SEEDS.len(), 0_usize..200, 0_usize..200), 1..6)) {
        let text: String = parts
            .into_iter()
            .map(|(seed, from, length)| SEEDS[seed].chars().skip(from % 60).take(length).collect::<String>())
            .collect::<Vec<_>>()
            .join("\n");
        check(&text);
    }
}

/// Openings that are never closed and other runs that make a careless reader look at all the rest again and again, or
/// nest until the stack is spent.
#[test]
fn long_hostile_texts_end() {
    for unit in [
        "(",
        "{",
        "[",
        "'",
        "\"",
        "`",
        "<a ",
        "<a>",
        "create table a (",
        "{\"a\":",
        "a: ",
        "- ",
        "model A {",
        "type A = {",
        "/*",
        "\\'",
        "class A:\n",
        "a,",
        "->",
        "@",
        "├",
    ] {
        let text = unit.repeat(20_000 / unit.len());
        for hint in HINTS {
            let _read = extract(Some(hint), &text, 1);
        }
        let _read = whole_file(&text, None);
    }
}
