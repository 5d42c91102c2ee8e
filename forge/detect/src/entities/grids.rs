//! Tables out of the document's grids: one row a field, or one row a table.

use crate::document::Grid;
use crate::draft::{Draft, Source};
use crate::lexicon;
use crate::requirements::{Access, TableNeed};
use crate::scope::{self, Scope, Scoped};

use super::{fields, naming, titles, typing};

const FIELD: &[&str] = &[
    "field",
    "field name",
    "db field",
    "db column",
    "attribute name",
    "property name",
    "data field",
    "data element",
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
const NAME: &[&str] = &[
    "name",
    "key",
    "parameter",
    "variable",
    "member",
    "名称",
    "名前",
    "列名",
    "이름",
    "nome",
    "nombre",
    "nom",
    "bezeichnung",
    "nome do campo",
    "nombre del campo",
];
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
    "field type",
    "column type",
    "value type",
    "format",
    "sql type",
    "db type",
    "tipo de dado",
    "tipo de dato",
    "データ型",
    "字段类型",
    "형식",
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
    "data entity",
    "entity name",
    "model name",
    "collection name",
    "resource",
    "object",
    "数据表",
    "エンティティ名",
    "엔티티",
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
    "data fields",
    "key data",
    "important fields",
    "required fields",
    "主要字段",
    "主なカラム",
    "項目",
    "주요 필드",
    "campos principales",
    "campos principais",
    "attribute",
    "attribut",
    "attributs",
];
const RELATIONS: &[&str] =
    &["relations", "relation", "relationships", "relationship", "references", "associations", "related to"];
/// How many cells of one column must be types for a grid without a heading for them, in percent.
const TYPED_SHARE_MIN: usize = 60;

/// Drafts from every grid in scope.
pub(super) fn drafts(scoped: &Scoped<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for grid in &scoped.document.grids {
        if scoped.sections.get(grid.section).is_some_and(|s| *s != Scope::In) {
            continue;
        }
        let header: Vec<String> = grid.header.iter().map(|cell| lexicon::normalise(cell)).collect();
        let column = |words: &[&str]| header.iter().position(|cell| words.contains(&cell.as_str()));
        let listed = column(COLUMNS);
        let table = column(TABLE).filter(|at| *at <= 1);
        let sure = |at: usize| listed.is_some() || !["resource", "object"].contains(&header[at].as_str());
        if let Some(table) = table.filter(|at| sure(*at)) {
            tables(grid, table, listed, column(RELATIONS), &mut drafts);
        } else if let Some(field) = column(FIELD).or_else(|| column(NAME))
            && let Some(name) =
                owner(scoped, grid, Head { field, named: column(FIELD).is_some(), typed: column(TYPE) })
        {
            drafts.push(one_table(grid, field, &name));
        }
    }
    drafts
}

/// What the header of a grid of fields says.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// The column with the fields' names.
    field: usize,
    /// It is called a field or the like, not only a name.
    named: bool,
    /// The column with their types.
    typed: Option<usize>,
}

/// True when the cells of one column are types.
fn has_types(grid: &Grid, head: Head) -> bool {
    let share = |at: usize| {
        let typed =
            |row: &&(u32, Vec<String>)| row.1.get(at).is_some_and(|cell| typing::begins_with_type(cell));
        !grid.rows.is_empty()
            && grid.rows.iter().filter(typed).count() * 100 >= grid.rows.len() * TYPED_SHARE_MIN
    };
    (0..grid.header.len()).filter(|at| *at != head.field).any(share)
}

/// One row a table.
fn tables(
    grid: &Grid,
    table: usize,
    columns: Option<usize>,
    relations: Option<usize>,
    drafts: &mut Vec<Draft>,
) {
    for (line, row) in &grid.rows {
        let Some(name) = row.get(table).and_then(|cell| naming::entity(cell)) else {
            continue;
        };
        let mut listed =
            columns.and_then(|at| row.get(at)).map(|cell| fields::list(cell)).unwrap_or_default();
        listed.extend(relations.and_then(|at| row.get(at)).map(|cell| parents(cell)).unwrap_or_default());
        drafts.push(Draft { table: need(name, &listed, vec![*line]), source: Source::FieldTable });
    }
}

/// What the cell says that a table belongs to: `belongs to Order and Ticket Type`.
fn parents(cell: &str) -> Vec<fields::Field> {
    let lower = cell.to_lowercase();
    let Some(at) = lower.find("belongs to").or_else(|| lower.find("references")) else {
        return Vec::new();
    };
    let rest = lower[at..].split([';', '.', '\n']).next().unwrap_or_default();
    let rest = rest.trim_start_matches("belongs to").trim_start_matches("references");
    fields::split_list(rest)
        .iter()
        .take_while(|p| !p.starts_with("has "))
        .filter_map(|p| fields::belongs_to(p))
        .collect()
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
fn owner(scoped: &Scoped<'_>, grid: &Grid, head: Head) -> Option<String> {
    let document = scoped.document;
    let section = document.sections.get(grid.section)?;
    let title = scope::bare_title(section);
    let modelled = titles::in_model(scoped, grid.section);
    let types = has_types(grid, head);
    if !head.named && head.typed.is_none() && !types {
        return None;
    }
    let lead = grid.lead.and_then(|l| document.blocks.get(l)).filter(|b| b.section == grid.section);
    let told = lead.and_then(|b| super::phrases::announced(&b.text).or_else(|| naming::label(&b.text)));
    let outright = |lead: &str| head.named || modelled || !titles::names_elsewhere(lead);
    if let Some(name) = told.filter(|_| lead.is_none_or(|b| outright(&b.text))) {
        // Types make a grid one of fields anywhere but among parameters and settings.
        let elsewhere = !modelled && titles::is_elsewhere(scoped, grid.section);
        if !elsewhere || super::outline::titled(title).is_some() {
            return Some(name);
        }
    }
    if let Some(name) = super::outline::titled(title) {
        return Some(name);
    }
    if modelled {
        return naming::entity(title);
    }
    let free = types && section.level > 1 && !titles::is_elsewhere(scoped, grid.section);
    if free { naming::label(title) } else { None }
}

/// A table from its fields.
pub(super) fn need(name: String, found: &[fields::Field], lines: Vec<u32>) -> TableNeed {
    let mut table = TableNeed { name, lines, access: Access::Unspecified, ..TableNeed::default() };
    const COLUMNS_MAX: usize = 200;
    for field in found {
        if table.columns.len() >= COLUMNS_MAX {
            break;
        }
        if table.columns.iter().all(|c| c.name != field.column.name) {
            table.columns.push(field.column.clone());
            table.fks.extend(field.fk.clone());
        }
    }
    table
}
