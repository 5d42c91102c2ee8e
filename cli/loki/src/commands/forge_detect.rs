//! `loki forge-detect`.

use forge_detect::{Options, Requirements, RoleNeed, TableNeed, detect};

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::input::read_spec;
use crate::ui::{Paint, Ui, printable, table};

/// Characters of a detail; what is longer is cut at a whole word.
const DETAIL_CHARS_MAX: usize = 72;

/// Say which backend a document asks for, and what it rules out
///
/// Every line names the lines of the document it comes from. Writes nothing.
#[derive(clap::Args, Debug)]
pub(crate) struct ForgeDetectArgs {
    /// A document, a folder that holds one, `-` for standard input, or a brief in quotes
    #[arg(value_name = "DOCUMENT")]
    document: String,
}

pub(crate) fn forge_detect(
    ui: &mut Ui,
    context: &Context,
    args: &ForgeDetectArgs,
) -> Result<Status, CommandError> {
    let spec = read_spec(&args.document, &context.current_dir, &mut std::io::stdin().lock())?;
    let options = Options { file_name: spec.file_name.as_deref() };
    let needs =
        detect(&spec.text, &options).map_err(|error| CommandError::from_error(ErrorKind::Input, &error))?;
    if ui.is_json() {
        ui.result_json(&needs)?;
        return Ok(Status::Success);
    }
    if let Some(title) = &needs.title {
        let title = ui.paint(Paint::Strong, &printable(title));
        ui.result(format_args!("{title}\n"))?;
    }
    ui.result_text(&printable(&table(&rows(&needs))))?;
    Ok(Status::Success)
}

/// What, its name, the details, the lines.
type Row = [String; 4];

fn rows(needs: &Requirements) -> Vec<Row> {
    let mut rows = Vec::new();
    if needs.none {
        rows.push(row("none", "no backend is needed", "", evidence(needs, "none")));
    }
    rows.extend(needs.tables.iter().map(|table| row("table", &table.name, &columns(table), &table.lines)));
    for provider in &needs.auth {
        rows.push(row("sign-in", provider, "", evidence(needs, &format!("auth.{provider}"))));
    }
    for feature in &needs.auth_features {
        rows.push(row("sign-in", feature, "", evidence(needs, &format!("auth_features.{feature}"))));
    }
    rows.extend(needs.roles.iter().map(|role| row("role", &role.name, &granted(role), &role.lines)));
    for bucket in &needs.storage {
        let readers = if bucket.public { "public" } else { "private" };
        rows.push(row("bucket", &bucket.name, readers, &bucket.lines));
    }
    for function in &needs.functions {
        rows.push(row("function", &function.name, &function.text, &function.lines));
    }
    for schedule in &needs.schedules {
        let when = format!("{} {}", schedule.cron.as_deref().unwrap_or("time not fixed"), schedule.tz);
        rows.push(row("schedule", &schedule.name, &when, &schedule.lines));
    }
    for channel in &needs.realtime {
        rows.push(row("realtime", &channel.name, &channel.text, &channel.lines));
    }
    for provider in &needs.payments {
        rows.push(row("payments", provider, "", evidence(needs, &format!("payments.{provider}"))));
    }
    if needs.vector_search {
        rows.push(row("vector search", "", "", evidence(needs, "vector_search")));
    }
    if needs.ai_gateway {
        rows.push(row("model gateway", "", "", evidence(needs, "ai_gateway")));
    }
    for secret in &needs.secrets {
        rows.push(row("secret", secret, "", evidence(needs, &format!("secrets.{secret}"))));
    }
    for excluded in &needs.exclusions {
        rows.push(row("not", &excluded.what, &excluded.text, &excluded.lines));
    }
    rows
}

fn row(what: &str, name: &str, detail: &str, lines: &[u32]) -> Row {
    [what.to_owned(), one_line(name), shortened(&one_line(detail)), ranges(lines)]
}

fn evidence<'a>(needs: &'a Requirements, key: &str) -> &'a [u32] {
    needs.evidence.get(key).map_or(&[], Vec::as_slice)
}

/// `id, user_id -> users, title`.
fn columns(table: &TableNeed) -> String {
    let shown = table.columns.iter().map(|column| {
        let target = table.fks.iter().find(|key| key.column == column.name);
        target.map_or(column.name.clone(), |key| format!("{} -> {}", column.name, key.references))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// `movies (read, insert), *`.
fn granted(role: &RoleNeed) -> String {
    let shown = role.grants.iter().map(|grant| {
        let can: Vec<String> = grant.can.iter().map(|act| format!("{act:?}").to_lowercase()).collect();
        format!("{} ({})", grant.table, can.join(", "))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= DETAIL_CHARS_MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(DETAIL_CHARS_MAX - 2).collect();
    let whole = cut.rfind(' ').filter(|at| *at > 0).map_or(cut.as_str(), |at| &cut[..at]);
    format!("{} …", whole.trim_end_matches(','))
}

/// `lines 3-5, 9`.
fn ranges(lines: &[u32]) -> String {
    let mut sorted = lines.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for line in sorted {
        match spans.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(line) => *end = line,
            _ => spans.push((line, line)),
        }
    }
    let shown: Vec<String> = spans
        .iter()
        .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    match lines.len() {
        0 => String::new(),
        1 => format!("line {}", shown.join(", ")),
        _ => format!("lines {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_detect::{ColumnNeed, ForeignKeyNeed};

    #[test]
    fn lines_are_shown_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[7]), "line 7");
        assert_eq!(ranges(&[5, 3, 4, 9, 9]), "lines 3-5, 9");
    }

    #[test]
    fn a_table_shows_its_columns_and_where_they_point() {
        let column = |name: &str| ColumnNeed { name: name.to_owned(), ..ColumnNeed::default() };
        let posts = TableNeed {
            name: "posts".to_owned(),
            columns: vec![column("id"), column("user_id"), column("title")],
            fks: vec![ForeignKeyNeed {
                column: "user_id".to_owned(),
                references: "users".to_owned(),
                ..ForeignKeyNeed::default()
            }],
            lines: vec![4, 5],
            ..TableNeed::default()
        };
        let needs = Requirements { tables: vec![posts], ..Requirements::default() };
        let expected = ["table", "posts", "id, user_id -> users, title", "lines 4-5"].map(str::to_owned);
        assert_eq!(rows(&needs), [expected]);
    }

    #[test]
    fn long_details_end_at_a_whole_word() {
        let long = "word ".repeat(40);
        let cut = shortened(long.trim());
        assert!(cut.chars().count() <= DETAIL_CHARS_MAX && cut.ends_with("word …"), "{cut}");
        assert_eq!(shortened("short"), "short");
    }
}
