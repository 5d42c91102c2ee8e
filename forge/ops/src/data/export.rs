//! `forge_db_export`: rows of a table, or of all, into files or into the answer.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use forge_database::ddl::sqlite::quote_name;
use forge_rest::model::{Relation, RelationKind};
use forge_rest::query::{Found, Query};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::query::BYTES_MAX;
use super::{ROWS_MAX, SCHEMA, counted, csv, refused, who};
use crate::operations::read;
use crate::{Forge, OpError, Outcome};

/// Bytes of one file.
const FILE_BYTES_MAX: usize = 64 << 20;
/// The folder of exports in Forge's.
pub(super) const FOLDER: &str = "exports";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    inline: bool,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    user: Option<String>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// An object a line.
    #[default]
    Jsonl,
    /// A line of names, then a line a row.
    Csv,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
        }
    }
}

pub(crate) fn export(forge: &Forge, operation: &'static str, input: &Value) -> Result<Outcome, OpError> {
    let Export { table, format, inline, role, user } = read(operation, input)?;
    let refuse = |why: String| OpError::Input { operation, why };
    let plane = forge.data.plane()?;
    let model = plane.model()?;
    let tables: Vec<&Relation> = match &table {
        Some(table) => vec![relation(&model, table).map_err(refuse)?],
        None if inline => return Err(refuse("what is answered inline is one table: name it".to_owned())),
        None => model.relations.values().filter(|relation| relation.kind == RelationKind::Table).collect(),
    };
    let (rows_max, bytes_max) = if inline { (ROWS_MAX, BYTES_MAX) } else { (ROWS_MAX, FILE_BYTES_MAX) };
    let queries: Vec<Query> = tables
        .iter()
        .map(|table| Query { sql: everything(table), values: Vec::new(), rows_max, bytes_max })
        .collect();
    let found = plane.found(&who(role, user), &queries).map_err(refused("read the rows"))?;
    if inline {
        let found = found.into_iter().next().unwrap_or_default();
        let summary =
            format!("{}{}", counted(found.rows.len()), if found.truncated { "; there are more" } else { "" });
        let data =
            json!({ "rows": found.rows.len(), "text": text(&found, format), "truncated": found.truncated });
        return Ok(Outcome::Done { summary, data });
    }
    if let Some((table, _)) = tables.iter().zip(&found).find(|(_, found)| found.truncated) {
        let what = format!("`{}` holds more than {ROWS_MAX} rows or {FILE_BYTES_MAX} bytes", table.name);
        return Err(refuse(format!(
            "{what}, which is the most of one file; read it in parts with `forge_db_query`"
        )));
    }
    let mut files = Vec::new();
    for (table, found) in tables.iter().zip(&found) {
        let file = format!("{}.{}", table.name, format.ending());
        write(&forge.dir.join(FOLDER), &file, &text(found, format))?;
        files.push(json!({ "table": table.name, "file": file, "rows": found.rows.len() }));
    }
    let folder = format!(".loki/forge/{FOLDER}");
    let summary = format!("{} tables are in `{folder}`", files.len());
    Ok(Outcome::Done { summary, data: json!({ "folder": folder, "files": files }) })
}

/// The relation of that name, or what there is instead.
pub(super) fn relation<'m>(model: &'m forge_rest::model::Model, name: &str) -> Result<&'m Relation, String> {
    model.relation(SCHEMA, name).ok_or_else(|| {
        let known: Vec<String> = model.relations.keys().map(|(_, name)| name.clone()).collect();
        match forge_database::ddl::closest(name, &known) {
            Some(near) => format!("there is no table `{name}`; did you mean `{near}`?"),
            None => format!("there is no table `{name}`; there are: {}", known.join(", ")),
        }
    })
}

/// Every row in the order of the key, so that the same rows are the same file.
fn everything(relation: &Relation) -> String {
    let order: Vec<String> = relation.primary_key.iter().map(|column| quote_name(column)).collect();
    let order = if order.is_empty() { String::new() } else { format!(" order by {}", order.join(", ")) };
    format!("select * from {}{order}", quote_name(&relation.name))
}

fn text(found: &Found, format: Format) -> String {
    let mut text = String::new();
    if format == Format::Csv {
        let names: Vec<Value> = found.columns.iter().map(|name| Value::from(name.as_str())).collect();
        csv::line(&names, &mut text);
    }
    for row in &found.rows {
        match format {
            Format::Csv => csv::line(row, &mut text),
            Format::Jsonl => {
                let members: Map<String, Value> =
                    found.columns.iter().cloned().zip(row.iter().cloned()).collect();
                text.push_str(&Value::Object(members).to_string());
                text.push('\n');
            }
        }
    }
    text
}

/// Puts a whole file in its place, for its owner alone: it holds what people have written.
fn write(folder: &Path, file: &str, text: &str) -> Result<(), OpError> {
    let (path, half) = (folder.join(file), folder.join(format!(".{file}.part")));
    let failed = |source| OpError::File { attempt: "write", path: path.clone(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let gone = fs::remove_file(&half);
    if let Err(error) = gone
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    // Nobody's link is followed, since the file is new.
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(&half);
    let written = opened.and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    });
    written.and_then(|()| fs::rename(&half, &path)).map_err(failed)
}
