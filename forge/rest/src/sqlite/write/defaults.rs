//! Values that a row does not say.

use forge_database::ddl::sqlite::value_from_text;
use forge_database::policy::sqlite::NOW;
use forge_database::schema::{Column, ColumnDefault, Type};
use rusqlite::types::Value as Sql;

use super::target::Target;
use crate::error::RestError;
use crate::sqlite::{errors, identity};

/// The default of a column: a value, or `None` for the number that SQLite gives out itself.
pub(super) fn of(target: &Target<'_>, column: &Column) -> Result<Option<Sql>, RestError> {
    Ok(Some(match &column.default {
        None => Sql::Null,
        Some(ColumnDefault::Identity) => return Ok(None),
        Some(ColumnDefault::CurrentUser) => identity::uid(target.place.who),
        Some(ColumnDefault::Literal(text)) => {
            let enums = &target.place.scene.schema.enums;
            value_from_text(&column.ty, enums, text).map_err(|_| errors::internal())?
        }
        Some(ColumnDefault::Now) => value(target, &format!("select {}", now(&column.ty)))?,
        Some(ColumnDefault::RandomUuid) => uuid(target)?,
    }))
}

/// The time of the statement as the type has it.
fn now(ty: &Type) -> &'static str {
    match ty {
        Type::Date => "date('now')",
        Type::Time => "time('now')",
        _ => NOW,
    }
}

/// A random UUID of version 4.
fn uuid(target: &Target<'_>) -> Result<Sql, RestError> {
    let Sql::Blob(mut bytes) = value(target, "select randomblob(16)")? else {
        return Err(errors::internal());
    };
    if let Some(version) = bytes.get_mut(6) {
        *version = (*version & 0x0f) | 0x40;
    }
    if let Some(variant) = bytes.get_mut(8) {
        *variant = (*variant & 0x3f) | 0x80;
    }
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(Sql::Text(text))
}

fn value(target: &Target<'_>, sql: &str) -> Result<Sql, RestError> {
    let row = target.first(sql, &[])?;
    row.and_then(|row| row.into_iter().next()).ok_or_else(errors::internal)
}
