//! Conversions between values as SQLite holds them.

use super::{Result, Writer};
use crate::ddl::sqlite::quote_text as text;
use crate::routine::tree::Expr;
use crate::routine::types::{self, Ty};
use crate::schema::Type;

impl Writer<'_> {
    /// A conversion. What does not convert is an error, as in Postgres.
    pub(super) fn cast(&mut self, of: &Expr, to: &Ty) -> Result<()> {
        if to.is_text() {
            return self.textual(of, to);
        }
        match (&of.ty, to) {
            (from, to) if from.is_text() || *from == Ty::Unknown => self.parsed(of, to),
            (Ty::Known(Type::Jsonb), to) if *to != types::JSON => {
                let name = to.name();
                self.around("pg_cast(pg_json_text(", of, &format!("), {})", text(&name)))
            }
            (from, Ty::Known(Type::Numeric(_, scale))) if from.is_number() => {
                self.around("pg_round(", of, &format!(", {scale})"))
            }
            (from, to) if from.is_number() && !from.is_int() && to.is_int() => {
                self.around("cast(round(", of, ") as integer)")
            }
            (from, to) if from.is_int() && (to.is_numeric() || *to == types::DOUBLE) => {
                self.around("cast(", of, " as real)")
            }
            (from, Ty::Known(Type::Boolean)) if from.is_int() => self.around("(", of, " <> 0)"),
            (Ty::Known(Type::Timestamptz), Ty::Known(Type::Date)) => self.around("substr(", of, ", 1, 10)"),
            (Ty::Known(Type::Timestamptz), Ty::Known(Type::Time)) => {
                self.around("rtrim(rtrim(substr(", of, ", 12, 15), '0'), '.')")
            }
            (Ty::Known(Type::Date), Ty::Known(Type::Timestamptz)) => {
                self.around("(", of, " || 'T00:00:00.000000+00:00')")
            }
            // One physical type holds both.
            _ => self.expr(of),
        }
    }

    fn parsed(&mut self, of: &Expr, to: &Ty) -> Result<()> {
        if let Ty::Known(Type::Enum(name)) = to {
            let values = self.schema.enums.get(name).cloned().unwrap_or_default();
            let list = serde_json::Value::from(values).to_string();
            return self.around("pg_cast_enum(", of, &format!(", {}, {})", text(name), text(&list)));
        }
        let name = match to {
            Ty::Known(Type::Numeric(precision, scale)) => format!("numeric({precision},{scale})"),
            to => to.name(),
        };
        self.around("pg_cast(", of, &format!(", {})", text(&name)))
    }

    fn textual(&mut self, of: &Expr, to: &Ty) -> Result<()> {
        let cut = match to {
            Ty::Known(Type::Varchar(length)) => Some(*length),
            _ => None,
        };
        if cut.is_some() {
            self.push("substr(");
        }
        match &of.ty {
            Ty::Known(Type::Boolean) => {
                self.around("(case ", of, " when 1 then 'true' when 0 then 'false' end)")?
            }
            Ty::Known(Type::Numeric(_, scale)) => {
                self.around("pg_fixed(", of, &format!(", {scale})"))?;
            }
            Ty::Numeric | Ty::Known(Type::Double) => self.around("pg_number_text(", of, ")")?,
            ty if ty.is_int() => self.around("cast(", of, " as text)")?,
            Ty::Known(Type::Timestamptz) => self
                .around("(substr(", of, ", 1, 10) || ' ' || ")
                .and_then(|()| self.around("rtrim(rtrim(substr(", of, ", 12, 15), '0'), '.') || '+00')"))?,
            Ty::Known(Type::Bytea) => self.around("pg_bytes_text(", of, ")")?,
            Ty::Known(Type::Vector(_)) => self.around("pg_vector_json(", of, ")")?,
            Ty::Known(Type::Array(_)) => self.around("pg_braces(", of, ")")?,
            Ty::Interval => self.around("pg_interval_text(", of, ")")?,
            // What is JSON would be taken for JSON again.
            Ty::Known(Type::Jsonb) | Ty::Row => self.around("(", of, " || '')")?,
            Ty::Unknown | Ty::Known(_) => self.expr(of)?,
        }
        if let Some(length) = cut {
            self.write(format_args!(", 1, {length})"));
        }
        Ok(())
    }
}
