//! Tables out of the document's grids: one row a field, or one row a table.

use crate::document::Grid;
use crate::draft::{Draft, Source};
use crate::lexicon;
use crate::requirements::{Access, TableNeed};
use crate::scope::{self, Scope, Scoped};

use super::fields;

const FIELD: &[&str] = &[
    "field",
    "field name",
    "column",
    "column name",
    "attribute",
    "property",
    "フィールド",
    "カラム",
    "カラム名",
    "項目",
    "項目名",
    "字段",
    "字段名",
    "필드",
    "컬럼",
    "campo",
    "coluna",
    "columna",
    "atributo",
    "feld",
    "spalte",
    "champ",
    "colonne",
];
const NAME: &[&str] = &["name", "key", "名称", "名前", "이름", "nome", "nombre", "nom"];
const TYPE: &[&str] = &[
    "type",
    "data type",
    "datatype",
    "型",
    "データ型",
    "类型",
    "数据类型",
    "타입",
    "자료형",
    "tipo",
    "typ",
    "datentyp",
];
const TABLE: &[&str] = &[
    "table",
    "table name",
    "entity",
    "model",
    "collection",
    "テーブル",
    "テーブル名",
    "エンティティ",
    "表名",
    "实体",
    "테이블",
    "tabela",
    "tabla",
    "entidade",
    "entidad",
    "tabelle",
    "entität",
    "entité",
];
const COLUMNS: &[&str] = &[
    "columns",
    "fields",
    "key fields",
    "attributes",
    "key columns",
    "main fields",
    "properties",
    "key attributes",
    "カラム",
    "字段",
    "필드",
    "campos",
    "colunas",
    "columnas",
    "atributos",
    "felder",
    "spalten",
    "champs",
];

/// Drafts from every grid in scope.
pub(super) fn drafts(scoped: &Scoped<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for grid in &scoped.document.grids {
        if scoped.sections.get(grid.section).is_some_and(|s| *s != Scope::In) {
            continue;
        }
        let header: Vec<String> = grid.header.iter().map(|cell| lexicon::normalise(cell)).collect();
        let column = |words: &[&str]| header.iter().position(|cell| words.contains(&cell.as_str()));
        if let Some(table) = column(TABLE).filter(|at| *at <= 1) {
            tables(grid, table, column(COLUMNS), &mut drafts);
        } else if let Some(field) = column(FIELD).or_else(|| column(NAME).filter(|_| column(TYPE).is_some()))
            && let Some(name) = owner(scoped, grid)
        {
            drafts.push(one_table(grid, field, &name));
        }
    }
    drafts
}

/// One row a table.
fn tables(grid: &Grid, table: usize, columns: Option<usize>, drafts: &mut Vec<Draft>) {
    for (line, row) in &grid.rows {
        let Some(name) = row.get(table).and_then(|cell| fields::entity(cell)) else {
            continue;
        };
        let listed = columns.and_then(|at| row.get(at)).map(|cell| fields::list(cell)).unwrap_or_default();
        drafts.push(Draft { table: need(name, &listed, vec![*line]), source: Source::FieldTable });
    }
}

/// One row a field.
fn one_table(grid: &Grid, field: usize, name: &str) -> Draft {
    let mut lines = vec![grid.line];
    let mut found = Vec::new();
    for (line, row) in &grid.rows {
        let rest: Vec<&str> =
            row.iter().enumerate().filter(|(at, _)| *at != field).map(|(_, cell)| cell.as_str()).collect();
        if let Some(field) = row.get(field).and_then(|cell| fields::field(cell, &rest.join(" ; "))) {
            found.push(field);
            lines.push(*line);
        }
    }
    Draft { table: need(name.to_owned(), &found, lines), source: Source::FieldTable }
}

/// The table a grid of fields is about: its lead, or the nearest heading that names one.
fn owner(scoped: &Scoped<'_>, grid: &Grid) -> Option<String> {
    let document = scoped.document;
    let lead = grid.lead.and_then(|l| document.blocks.get(l)).filter(|b| b.section == grid.section);
    if let Some(name) =
        lead.and_then(|b| super::phrases::announced(&b.text).or_else(|| fields::entity(&b.text)))
    {
        return Some(name);
    }
    let section = document.sections.get(grid.section)?;
    let modelled = document.ancestry(grid.section).any(|s| scope::is_model_title(&s.title));
    let title = scope::bare_title(section);
    super::outline::titled(title).or_else(|| if modelled { fields::entity(title) } else { None })
}

/// A table from its fields.
pub(super) fn need(name: String, found: &[fields::Field], lines: Vec<u32>) -> TableNeed {
    let mut table = TableNeed { name, lines, access: Access::Unspecified, ..TableNeed::default() };
    for field in found {
        if table.columns.iter().all(|c| c.name != field.column.name) {
            table.columns.push(field.column.clone());
            table.fks.extend(field.fk.clone());
        }
    }
    table
}
