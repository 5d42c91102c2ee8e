//! The block says what there is, fits, and never ends in the middle of a line.

use forge_database::schema::{Column, ForeignKey, OnDelete, Rls, Type};

use super::*;

fn column(name: &str, ty: Type) -> Column {
    Column { name: name.to_owned(), ty, nullable: false, default: None }
}

fn table(name: &str) -> Table {
    let to_users = ForeignKey {
        column: "user_id".to_owned(),
        table: "users".to_owned(),
        references: "id".to_owned(),
        on_delete: OnDelete::Cascade,
    };
    Table {
        name: name.to_owned(),
        columns: vec![column("id", Type::Uuid), column("user_id", Type::Uuid), column("title", Type::Text)],
        primary_key: vec!["id".to_owned()],
        foreign_keys: vec![to_users],
        rls: Some(Rls { label: "own-row".to_owned(), policies: vec![] }),
        ..Table::default()
    }
}

fn view(tables: usize) -> View {
    let named = (0..tables).map(|n| table(&format!("table_{n}"))).map(|table| (table.name.clone(), table));
    View {
        schema: Schema { tables: named.collect(), ..Schema::default() },
        lists: vec![
            List { title: "buckets", entries: vec!["uploads".to_owned()] },
            List { title: "functions", entries: vec![] },
        ],
        tools: vec!["forge_db_migrate"],
    }
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(summary(&View { tools: vec!["forge_db_migrate"], ..View::default() }, 2048), None);
}

#[test]
fn a_small_backend_is_told_whole() {
    let block = summary(&view(1), 2048).expect("there is something to say");
    assert_eq!(
        block,
        "Backend (Forge), as it is now:\n\
         - table_0(id uuid pk, user_id uuid -> users.id, title text) rls: own-row\n\
         buckets: uploads\n\
         sdk: @supabase/supabase-js, on http://127.0.0.1:54321 once served\n\
         tools: forge_db_migrate\n"
    );
}

#[test]
fn over_budget_it_says_less_in_whole_lines() {
    let detail = |block: &str| match block {
        block if block.contains("title text") => 0,
        block if block.contains("user_id -> users.id") => 1,
        block if block.contains("table_0, table_1") => 2,
        _ => 3,
    };
    let mut seen = Vec::new();
    for tables in 1..=400 {
        let view = view(tables);
        let block = summary(&view, 2048).expect("counts always fit");
        assert!(
            block.len() <= 2048 && block.ends_with("tools: forge_db_migrate\n"),
            "{tables} tables: {block}"
        );
        let full: Vec<String> = [Detail::Columns, Detail::Keys, Detail::Names, Detail::Counts]
            .into_iter()
            .flat_map(|detail| super::block(&view, detail).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(block.lines().all(|line| full.iter().any(|whole| whole == line)), "a line was cut: {block}");
        seen.push(detail(&block));
    }
    assert!(seen.is_sorted(), "more tables never get more words");
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn without_room_for_the_counts_nothing_is_said() {
    assert_eq!(summary(&view(3), 40), None);
}
