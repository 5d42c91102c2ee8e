//! Documents of a size that is asked for, and how fast they are read.

use forge_detect::{Options, detect};

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const ROUNDS: usize = 51;
const BYTES: usize = 20_000;

/// A document of 20 KB, in memory, read for what it asks for.
pub(crate) fn forge_detect(_: &Setup) -> Result<Vec<Figure>, BenchError> {
    let mut document = String::new();
    for tables in 1.. {
        document = of_tables(tables);
        if document.len() >= BYTES {
            break;
        }
    }
    let options = Options { file_name: Some("PRD.md") };
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (read, took) = timed(|| detect(&document, &options));
        read.map_err(BenchError::Detect)?;
        rounds.push(milliseconds(took));
    }
    let what = format!("{} bytes, in memory", document.len());
    Ok(vec![Figure::new(what, "ms", Target::Below(20.0), rounds)])
}

/// A document that asks for that many tables, each of a user, all but the first of the one before it.
pub(crate) fn of_tables(tables: usize) -> String {
    let mut text =
        String::from("# Depot\n\nA warehouse keeps account of what it holds.\n\n## Data model\n\n");
    for number in 0..tables {
        text.push_str(&format!(
            "### shelf_{number}\n\n| Column | Type | Notes |\n|---|---|---|\n\
             | id | uuid | primary key |\n| user_id | uuid | required, references users(id) |\n"
        ));
        if let Some(before) = number.checked_sub(1) {
            let line = format!("| shelf_{before}_id | uuid | required, references shelf_{before}(id) |\n");
            text.push_str(&line);
        }
        text.push_str(
            "| title | text | required |\n| amount | numeric(10,2) | |\n| created_at | timestamp | default now() |\n\n\
             A user sees and changes only their own rows.\n\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_measured_asks_for_its_tables() {
        let found = detect(&of_tables(12), &Options { file_name: Some("PRD.md") }).unwrap();
        let shelves = found.tables.iter().filter(|table| table.name.starts_with("shelf_")).count();
        assert_eq!(shelves, 12);
    }
}
