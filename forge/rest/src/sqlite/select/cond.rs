//! Conditions, with the meaning that Postgres gives them for the type of the value.

use forge_database::schema::Type;
use rusqlite::types::Value as Sql;

use super::source::From;
use super::value::{Expr, Kind};
use super::{Writer, joined};
use crate::ast::{IsValue, Operand, Operator};
use crate::error::RestError;
use crate::plan::{Cond, Embed, Test};
use crate::sqlite::functions::{pattern, search};
use crate::sqlite::values;

impl Writer<'_> {
    /// A condition on a row, as one operand.
    pub(super) fn cond(
        &mut self,
        cond: &Cond,
        embeds: &[Embed],
        from: &From<'_>,
    ) -> Result<String, RestError> {
        match cond {
            Cond::Test { value, test } => {
                let value = self.value(value, from)?;
                self.test(&value, test)
            }
            Cond::Embedded(at) => match embeds.get(*at) {
                Some(embed) => self.exists(embed, from),
                None => Err(self.refuse("XX000", "what is embedded is not there")),
            },
            Cond::All(of) if of.is_empty() => Ok("1".to_owned()),
            Cond::Any(of) if of.is_empty() => Ok("0".to_owned()),
            Cond::All(of) | Cond::Any(of) => {
                let parts = of.iter().map(|one| self.cond(one, embeds, from)).collect::<Result<_, _>>()?;
                Ok(joined(parts, if matches!(cond, Cond::All(_)) { " and " } else { " or " }))
            }
            Cond::Not(of) => Ok(format!("(not {})", self.cond(of, embeds, from)?)),
        }
    }

    fn test(&mut self, value: &Expr, test: &Test) -> Result<String, RestError> {
        match test {
            Test::Compare { op, with: Operand::One(text) } => self.compare(value, *op, Some(text)),
            Test::Compare { op, with: Operand::Any(list) } => self.each(value, *op, list, "0", " or "),
            Test::Compare { op, with: Operand::All(list) } => self.each(value, *op, list, "1", " and "),
            Test::Is(what) => self.is(value, *what),
            Test::Distinct(text) => {
                let other = self.operand(value, text)?;
                let (one, other) = (comparable(&value.kind, &value.sql), comparable(&value.kind, &other));
                Ok(format!("({one} is not {other})"))
            }
            Test::In(list) => self.within(value, list),
            Test::Search { kind, config, query } => {
                let config = config.as_deref().unwrap_or("english");
                if !search::is_known(config) {
                    let message = format!("text search configuration \"{config}\" does not exist");
                    return Err(self.refuse("42704", message));
                }
                let parsed =
                    search::query(*kind, config, query).map_err(|message| self.refuse("42601", message))?;
                let parsed = self.bind(Sql::Text(parsed));
                let (sql, config) = match &value.kind {
                    Kind::Of(Type::Tsvector) => (value.sql.clone(), "null".to_owned()),
                    kind if kind.is_text() => (value.sql.clone(), self.bind(Sql::Text(config.to_owned()))),
                    Kind::Of(Type::Jsonb) => (value.sql.clone(), self.bind(Sql::Text(config.to_owned()))),
                    kind => return Err(self.no_operator(&kind.clone(), "@@", "tsquery")),
                };
                Ok(format!("rest_search({sql}, {config}, {parsed})"))
            }
        }
    }

    fn each(
        &mut self,
        value: &Expr,
        op: Operator,
        list: &[Option<String>],
        none: &str,
        operator: &str,
    ) -> Result<String, RestError> {
        if list.is_empty() {
            return Ok(none.to_owned());
        }
        let parts =
            list.iter().map(|one| self.compare(value, op, one.as_deref())).collect::<Result<_, _>>()?;
        Ok(joined(parts, operator))
    }

    fn within(&mut self, value: &Expr, list: &[String]) -> Result<String, RestError> {
        let mut stored = Vec::with_capacity(list.len());
        for text in list {
            stored.push(self.stored(value, text)?);
        }
        let json: Option<Vec<serde_json::Value>> = stored
            .iter()
            .map(|value| match value {
                Sql::Integer(value) => Some((*value).into()),
                Sql::Real(value) => serde_json::Number::from_f64(*value).map(Into::into),
                Sql::Text(value) => Some(value.as_str().into()),
                Sql::Null | Sql::Blob(_) => None,
            })
            .collect();
        match (json, is_comparable(&value.kind)) {
            (Some(json), true) => {
                let list = self.bind(Sql::Text(serde_json::Value::from(json).to_string()));
                Ok(format!("({} in (select value from json_each({list})))", value.sql))
            }
            _ => {
                let all: Vec<Option<String>> = list.iter().cloned().map(Some).collect();
                self.each(value, Operator::Equal, &all, "0", " or ")
            }
        }
    }

    fn is(&mut self, value: &Expr, what: IsValue) -> Result<String, RestError> {
        let (sql, word) = match what {
            IsValue::Null => return Ok(format!("({} is null)", value.sql)),
            IsValue::NotNull => return Ok(format!("({} is not null)", value.sql)),
            IsValue::True => ("is true", "TRUE"),
            IsValue::False => ("is false", "FALSE"),
            IsValue::Unknown => ("is null", "UNKNOWN"),
        };
        if value.kind != Kind::Of(Type::Boolean) {
            let name = value.kind.name();
            let message = format!("argument of IS {word} must be type boolean, not type {name}");
            return Err(self.refuse("42804", message));
        }
        Ok(format!("({} {sql})", value.sql))
    }

    fn compare(&mut self, value: &Expr, op: Operator, text: Option<&str>) -> Result<String, RestError> {
        let sql = &value.sql;
        match op {
            Operator::Like | Operator::ILike | Operator::Match | Operator::IMatch => {
                self.pattern(value, op, text)
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::LessOrEqual => {
                let other = self.optional(value, text)?;
                let sign = sign(op);
                if let (Kind::Of(Type::Enum(_)), false) =
                    (&value.kind, matches!(op, Operator::Equal | Operator::NotEqual))
                {
                    let values = self.enum_values(&value.kind);
                    return Ok(format!(
                        "(rest_position({sql}, {values}) {sign} rest_position({other}, {values}))"
                    ));
                }
                let (one, other) = (comparable(&value.kind, sql), comparable(&value.kind, &other));
                Ok(format!("({one} {sign} {other})"))
            }
            Operator::Contains | Operator::ContainedIn | Operator::Overlaps => {
                let function = match (&value.kind, op) {
                    (Kind::Of(Type::Range(_)), _) => return self.ranges(value, op, text),
                    (Kind::Of(Type::Array(_)), _) => "rest_list",
                    (Kind::Of(Type::Jsonb), Operator::Contains | Operator::ContainedIn) => "rest_json",
                    (kind, Operator::ContainedIn) => {
                        let message = format!("operator is not unique: {} <@ unknown", kind.name());
                        return Err(self.refuse("42725", message).hint(
                            "Could not choose a best candidate operator. You might need to add explicit type casts.",
                        ));
                    }
                    (kind, _) => return Err(self.no_operator(&kind.clone(), sign(op), "unknown")),
                };
                let other = self.optional(value, text)?;
                Ok(format!("{function}({sql}, '{}', {other})", sign(op)))
            }
            Operator::StrictlyLeft
            | Operator::StrictlyRight
            | Operator::NotRight
            | Operator::NotLeft
            | Operator::Adjacent => self.ranges(value, op, text),
        }
    }

    fn ranges(&mut self, value: &Expr, op: Operator, text: Option<&str>) -> Result<String, RestError> {
        let Kind::Of(Type::Range(of)) = &value.kind else {
            return Err(self.no_operator(&value.kind, sign(op), "unknown"));
        };
        let other = self.optional(value, text)?;
        Ok(format!("rest_range({}, '{}', {other}, '{}')", value.sql, sign(op), of.name()))
    }

    fn pattern(&mut self, value: &Expr, op: Operator, text: Option<&str>) -> Result<String, RestError> {
        if !value.kind.is_text() {
            return Err(self.no_operator(&value.kind, sign(op), "unknown"));
        }
        if let Some(text) = text {
            let is_regex = matches!(op, Operator::Match | Operator::IMatch);
            if let Some((code, message)) = is_regex.then(|| pattern::regex_flaw(text)).flatten() {
                return Err(self.refuse(code, message));
            }
        }
        let pattern = self.bind(text.map_or(Sql::Null, |text| Sql::Text(text.to_owned())));
        let function = match op {
            Operator::Like | Operator::ILike => "rest_like",
            _ => "rest_match",
        };
        let any_case = i64::from(matches!(op, Operator::ILike | Operator::IMatch));
        Ok(format!("{function}({}, {pattern}, {any_case})", value.sql))
    }

    fn optional(&mut self, value: &Expr, text: Option<&str>) -> Result<String, RestError> {
        match text {
            Some(text) => self.operand(value, text),
            None => Ok(self.bind(Sql::Null)),
        }
    }

    /// What a value is compared with, as a parameter.
    fn operand(&mut self, value: &Expr, text: &str) -> Result<String, RestError> {
        let stored = self.stored(value, text)?;
        Ok(self.bind(stored))
    }

    fn stored(&self, value: &Expr, text: &str) -> Result<Sql, RestError> {
        let ty = match &value.kind {
            Kind::Of(ty) => ty,
            Kind::Decimal => &Type::Numeric(1000, 0),
        };
        let moved = match (ty, self.site.timezone) {
            (Type::Timestamptz, Some(zone)) => values::in_zone(text, zone),
            _ => None,
        };
        let text = moved.as_deref().unwrap_or(text);
        let stored = values::operand(&self.site.schema.enums, ty, text);
        stored.map_err(|error| error.refused(self.site))
    }

    fn no_operator(&self, kind: &Kind, sign: &str, other: &str) -> RestError {
        let message = format!("operator does not exist: {} {sign} {other}", kind.name());
        self.refuse("42883", message).hint(
            "No operator matches the given name and argument types. You might need to add explicit type casts.",
        )
    }
}

/// Whether values are stored so that they compare as they are.
fn is_comparable(kind: &Kind) -> bool {
    !matches!(kind, Kind::Of(Type::Jsonb | Type::Array(_) | Type::Range(_)))
}

/// What a value compares by: itself, where that does, so that an index is of use.
pub(super) fn comparable(kind: &Kind, sql: &str) -> String {
    match kind {
        Kind::Of(Type::Jsonb) => format!("rest_json_key({sql})"),
        Kind::Of(Type::Array(_)) => format!("rest_list_key({sql})"),
        Kind::Of(Type::Range(of)) => format!("rest_range_key({sql}, '{}')", of.name()),
        Kind::Of(_) | Kind::Decimal => sql.to_owned(),
    }
}

fn sign(op: Operator) -> &'static str {
    match op {
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Like => "~~",
        Operator::ILike => "~~*",
        Operator::Match => "~",
        Operator::IMatch => "~*",
        Operator::Contains => "@>",
        Operator::ContainedIn => "<@",
        Operator::Overlaps => "&&",
        Operator::StrictlyLeft => "<<",
        Operator::StrictlyRight => ">>",
        Operator::NotRight => "&<",
        Operator::NotLeft => "&>",
        Operator::Adjacent => "-|-",
    }
}
